# `cmake --install`, and what find_package(terrace) finds. `--component development` leaves the program out, `--component program` is it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

install(TARGETS ${TERRACE_FLOORS} terrace EXPORT terraceTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/terrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT terraceTargets NAMESPACE terrace:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)

configure_package_config_file(cmake/terraceConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/terraceConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/terraceConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)
