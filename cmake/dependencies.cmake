# What the layers that are built need of third parties. `make setup` installs it on Debian.
include(cmake/third_party.cmake)

# A project that has terrace in its own build links the layers from its own folders, and these see the targets too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

# Debian's own Boost is older: `make setup` unpacks newer headers into .deps/ (scripts/setup.sh).
list(APPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/.deps/usr)

get_property(TERRACE_NEEDS GLOBAL PROPERTY TERRACE_NEEDS)
list(REMOVE_DUPLICATES TERRACE_NEEDS)
set(needs ${TERRACE_NEEDS})
if(TERRACE_PROGRAM OR TERRACE_TESTS)
  list(APPEND needs CLI11::CLI11 fmt::fmt)
endif()
if(TERRACE_TESTS)
  list(APPEND needs PkgConfig::LUA)
endif()

# One sentence names all that is missing: pip shows it among a hundred lines of others.
set(lacking "")
foreach(need ${needs})
  terrace_find_third_party(${need} lacking)
endforeach()
if(lacking)
  list(REMOVE_DUPLICATES lacking)
  list(JOIN lacking ", " lacking)
  message(FATAL_ERROR "terrace needs libraries that are missing here (${lacking}): run `make setup` in ${PROJECT_SOURCE_DIR}, which installs them "
                      "on Debian; elsewhere install them, and name their folder: -DCMAKE_PREFIX_PATH=FOLDER")
endif()
