# Third-party libraries, each as one target. `make setup` installs them on Debian.

# A project that has terrace in its own build links the floors from its own folders, which are to see these targets too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)

# Debian's own Boost is older: `make setup` unpacks newer headers into .deps/ (scripts/setup.sh).
set(TERRACE_BOOST_VERSION 1.84)
list(APPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/.deps/usr)
find_package(Boost ${TERRACE_BOOST_VERSION} CONFIG QUIET COMPONENTS headers)

find_package(OpenSSL QUIET)
find_package(SQLite3 QUIET)
pkg_check_modules(XXHASH QUIET IMPORTED_TARGET GLOBAL libxxhash)
pkg_check_modules(ZSTD QUIET IMPORTED_TARGET GLOBAL libzstd)
pkg_check_modules(SODIUM QUIET IMPORTED_TARGET GLOBAL libsodium)
pkg_check_modules(PQ QUIET IMPORTED_TARGET GLOBAL libpq)
find_package(spdlog CONFIG QUIET)
find_package(prometheus-cpp CONFIG QUIET COMPONENTS core)
pkg_check_modules(MUPARSER QUIET IMPORTED_TARGET GLOBAL muparser)
pkg_check_modules(TOMLPLUSPLUS QUIET IMPORTED_TARGET GLOBAL tomlplusplus)
find_path(MSGPACK_FOUND msgpack.hpp)
set(needs PkgConfig=pkg-config "Boost=Boost ${TERRACE_BOOST_VERSION} or newer" OpenSSL=OpenSSL "SQLite3=SQLite 3" XXHASH=xxHash
          ZSTD=zstd SODIUM=libsodium PQ=libpq spdlog=spdlog prometheus-cpp=prometheus-cpp MUPARSER=muParser TOMLPLUSPLUS=toml++
          MSGPACK=msgpack-cxx)
if(TERRACE_PROGRAM OR TERRACE_TESTS)
  find_package(CLI11 CONFIG QUIET)
  find_package(fmt CONFIG QUIET)
  list(APPEND needs CLI11=CLI11 fmt=fmt)
endif()

# One sentence names all that is missing: pip shows it among a hundred lines of others.
set(lacking "")
foreach(need ${needs})
  string(REGEX MATCH "^([^=]+)=(.+)$" need ${need})
  if(NOT ${CMAKE_MATCH_1}_FOUND)
    list(APPEND lacking ${CMAKE_MATCH_2})
  endif()
endforeach()
if(lacking)
  list(JOIN lacking ", " lacking)
  message(FATAL_ERROR "terrace needs libraries that are missing here (${lacking}): run `make setup` in ${PROJECT_SOURCE_DIR}, which brings it on "
                      "Debian; elsewhere install it, and name its folder: -DCMAKE_PREFIX_PATH=FOLDER")
endif()
