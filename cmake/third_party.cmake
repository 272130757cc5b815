# Third-party libraries, each as one target. terrace's own build and find_package(terrace) both find them here.
#
# terrace_find_third_party(TARGET LACKING): makes the target, or appends a name for people to the list LACKING.
set(TERRACE_BOOST_VERSION 1.84)

# target | name for people | how it is found | what is asked for: a package or a module of pkg-config | its module of
# pkg-config, for what the libraries link. A library stands before those that it needs itself.
set(TERRACE_THIRD_PARTY
  "Threads::Threads|threads|package|Threads|"
  "Boost::headers|the headers of Boost ${TERRACE_BOOST_VERSION} or newer|boost||"
  "prometheus-cpp::core|prometheus-cpp|package|prometheus-cpp|prometheus-cpp-core"
  "PkgConfig::MUPARSER|muParser|module|muparser|muparser"
  "PkgConfig::TOMLPLUSPLUS|toml++|module|tomlplusplus|tomlplusplus"
  "PkgConfig::PQ|libpq|module|libpq|libpq"
  "SQLite::SQLite3|SQLite 3|package|SQLite3|sqlite3"
  "spdlog::spdlog|spdlog|package|spdlog|spdlog"
  "OpenSSL::SSL|OpenSSL|package|OpenSSL|openssl"
  "OpenSSL::Crypto|OpenSSL|package|OpenSSL|openssl"
  "PkgConfig::SODIUM|libsodium|module|libsodium|libsodium"
  "PkgConfig::ZSTD|zstd|module|libzstd|libzstd"
  "PkgConfig::XXHASH|xxHash|module|libxxhash|libxxhash"
  "PkgConfig::LUA|Lua 5.1|module|lua5.1|"
  "CLI11::CLI11|CLI11|package|CLI11|"
  "fmt::fmt|fmt|package|fmt|"
  "msgpack.hpp|msgpack-cxx|header||")

macro(terrace_find_third_party target lacking)
  set(terrace_row ${TERRACE_THIRD_PARTY})
  list(FILTER terrace_row INCLUDE REGEX "^${target}\\|")
  if(NOT terrace_row)
    message(FATAL_ERROR "${target} is not in cmake/third_party.cmake")
  endif()
  string(REPLACE "|" ";" terrace_row "${terrace_row}")
  list(GET terrace_row 1 terrace_name)
  list(GET terrace_row 2 terrace_way)
  list(GET terrace_row 3 terrace_what)
  if(NOT TARGET ${target})
    if(terrace_way STREQUAL "package")
      find_package(${terrace_what} QUIET)
    elseif(terrace_way STREQUAL "boost")
      find_package(Boost ${TERRACE_BOOST_VERSION} CONFIG QUIET COMPONENTS headers)
    elseif(terrace_way STREQUAL "module")
      find_package(PkgConfig QUIET)
      if(PkgConfig_FOUND)
        string(REPLACE "PkgConfig::" "" terrace_prefix ${target})
        pkg_check_modules(${terrace_prefix} QUIET IMPORTED_TARGET GLOBAL ${terrace_what})
      else()
        list(APPEND ${lacking} pkg-config)
      endif()
    else()
      find_path(TERRACE_HAS_${target} ${target})
      mark_as_advanced(TERRACE_HAS_${target})
    endif()
  endif()
  if(NOT TARGET ${target} AND NOT TERRACE_HAS_${target})
    list(APPEND ${lacking} ${terrace_name})
  endif()
endmacro()
