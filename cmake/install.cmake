# `cmake --install`, and what find_package(terrace) and pkg-config find. Components: `development` is what programs are
# compiled with, `program` the rest.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

install(TARGETS ${TERRACE_LIBRARIES} terrace EXPORT terraceTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/terrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT terraceTargets NAMESPACE terrace:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)

# Programs are compiled with the headers of Boost that the libraries were compiled with. Where these are not the system's,
# they are installed along with terrace: all of them, or what packages bring (cmake/package.cmake).
set(TERRACE_BUNDLED_BOOST ${CMAKE_INSTALL_INCLUDEDIR}/terrace_boost)
set(TERRACE_BUNDLES_BOOST OFF)
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR ${Boost_INCLUDE_DIRS} NORMALIZE of_setup)
if(of_setup OR (TERRACE_PACKAGES AND NOT Boost_INCLUDE_DIRS IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES))
  set(TERRACE_BUNDLES_BOOST ON)
endif()
if(TERRACE_BUNDLES_BOOST AND NOT TERRACE_PACKAGES)
  install(DIRECTORY ${Boost_INCLUDE_DIRS}/boost DESTINATION ${TERRACE_BUNDLED_BOOST} COMPONENT boost)
endif()

# What find_package(terrace COMPONENTS …) must know of each layer.
set(TERRACE_LAYER_TABLE "set(terrace_layers ${TERRACE_LAYERS})\n")
foreach(layer ${TERRACE_LAYERS})
  get_property(links GLOBAL PROPERTY TERRACE_LINKS_OF_${layer})
  get_property(needs GLOBAL PROPERTY TERRACE_NEEDS_OF_${layer})
  list(FILTER needs EXCLUDE REGEX "[.]hpp$")  # it was needed to compile the libraries
  string(APPEND TERRACE_LAYER_TABLE "set(terrace_links_${layer} ${links})\nset(terrace_needs_${layer} ${needs})\n")
endforeach()
configure_package_config_file(cmake/terraceConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake
  cmake/third_party.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)

# terrace.pc. A static library stands before what it links: the layers from the highest down, then what is not ours. All
# is under Libs, none under Libs.private: there is no shared library of terrace that would bring these along, and the
# private lists of Debian's own .pc files name libraries that it does not install with them.
set(TERRACE_PC_LIBS)
foreach(library ${TERRACE_USER_LIBRARIES})
  list(PREPEND TERRACE_PC_LIBS -l${library})
endforeach()
set(modules "")
foreach(row ${TERRACE_THIRD_PARTY})
  string(REPLACE "|" ";" row "${row}")
  list(GET row 0 target)
  list(GET row 4 module)
  if(module AND target IN_LIST TERRACE_NEEDS)
    list(APPEND modules ${module})
  endif()
endforeach()
list(REMOVE_DUPLICATES modules)
pkg_check_modules(TERRACE_LINKED REQUIRED QUIET ${modules})
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
