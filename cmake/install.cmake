# `cmake --install`, and what find_package(terrace) and pkg-config find. Components: `development` is what programs are
# compiled with, `program` the rest.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

install(TARGETS ${TERRACE_FLOORS} terrace EXPORT terraceTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/terrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT terraceTargets NAMESPACE terrace:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)

# The folder above Boost's include/: programs are compiled with the headers that the libraries were compiled with. Packages
# bring these along (cmake/package.cmake).
cmake_path(GET Boost_INCLUDE_DIRS PARENT_PATH TERRACE_BOOST_PREFIX)
set(TERRACE_BUNDLED_BOOST ${CMAKE_INSTALL_INCLUDEDIR}/terrace_boost)
set(TERRACE_BUNDLES_BOOST OFF)
if(TERRACE_PACKAGES AND NOT Boost_INCLUDE_DIRS IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  set(TERRACE_BUNDLES_BOOST ON)
endif()
configure_package_config_file(cmake/terraceConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)

# terrace.pc. A static library stands before what it links: the floors from the highest down, then what is not ours. All
# is under Libs, none under Libs.private: there is no shared library of terrace that would bring these along, and the
# private lists of Debian's own .pc files name libraries that it does not install with them.
set(TERRACE_PC_LIBS)
foreach(floor ${TERRACE_USER_FLOORS})
  list(PREPEND TERRACE_PC_LIBS -l${floor})
endforeach()
pkg_check_modules(TERRACE_LINKED REQUIRED QUIET spdlog prometheus-cpp-core muparser tomlplusplus libpq sqlite3 openssl libsodium
                  libzstd libxxhash)
list(REMOVE_ITEM TERRACE_LINKED_LIBRARY_DIRS ${CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES})
list(TRANSFORM TERRACE_LINKED_LIBRARY_DIRS PREPEND -L)
list(TRANSFORM TERRACE_LINKED_LIBRARIES PREPEND -l)
list(APPEND TERRACE_PC_LIBS ${TERRACE_LINKED_LIBRARY_DIRS} ${TERRACE_LINKED_LIBRARIES} -pthread)
list(JOIN TERRACE_PC_LIBS " " TERRACE_PC_LIBS)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE TERRACE_PC_PREFIX)
set(TERRACE_PC_CFLAGS -I\${includedir})
set(TERRACE_PC_BOOST ${Boost_INCLUDE_DIRS})
if(TERRACE_BUNDLES_BOOST)
  set(TERRACE_PC_BOOST \${prefix}/${TERRACE_BUNDLED_BOOST})
endif()
if(NOT Boost_INCLUDE_DIRS IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  string(APPEND TERRACE_PC_CFLAGS " -isystem \${boost_includedir}")
endif()
configure_file(cmake/terrace.pc.in ${CMAKE_CURRENT_BINARY_DIR}/terrace.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/terrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET terrace_program)
  install(TARGETS terrace_program RUNTIME COMPONENT program)
  set(TERRACE_ZSH_FOLDER ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where completions for zsh go")
  set(documents ${PROJECT_BINARY_DIR}/apps/terrace)
  if(NOT TERRACE_PACKAGES)  # they have it packed
    install(FILES ${documents}/terrace.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  endif()
  install(FILES ${documents}/terrace.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME terrace
          COMPONENT program)
  install(FILES ${documents}/_terrace DESTINATION ${TERRACE_ZSH_FOLDER} COMPONENT program)
endif()
if(TERRACE_PACKAGES)
  include(cmake/package.cmake)
endif()
