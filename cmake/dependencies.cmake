# Third-party libraries, each as one target. `make setup` installs them on Debian.

# A project that has terrace in its own build links the floors from its own folders, which are to see these targets too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Debian's own Boost is older: `make setup` unpacks newer headers into .deps/ (scripts/setup.sh).
set(TERRACE_BOOST_VERSION 1.84)
list(APPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/.deps/usr)
find_package(Boost ${TERRACE_BOOST_VERSION} CONFIG COMPONENTS headers)
if(NOT Boost_FOUND)
  message(FATAL_ERROR "terrace needs the headers of Boost ${TERRACE_BOOST_VERSION} or newer. On Debian `make setup` in "
                      "${PROJECT_SOURCE_DIR} brings them; elsewhere name their folder: -DCMAKE_PREFIX_PATH=FOLDER")
endif()

find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET GLOBAL libzstd)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET GLOBAL libsodium)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET GLOBAL libpq)
find_package(spdlog CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
pkg_check_modules(MUPARSER REQUIRED IMPORTED_TARGET GLOBAL muparser)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET GLOBAL tomlplusplus)
