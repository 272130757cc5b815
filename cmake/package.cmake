# The Debian packages terrace and libterrace-dev: `make deb`. Two components of `cmake --install`, and what Debian wants
# beside them. docs/decisions/0028-debian-packages.md says why it is as it is.
set(TERRACE_MAINTAINER "terrace maintainers <maintainers@example.org>" CACHE STRING "The packages' maintainer, as Debian writes them")
set(made ${PROJECT_BINARY_DIR}/package)
set(doc ${CMAKE_INSTALL_DATADIR}/doc)

# Boost's headers, where the distribution's are too old: what terrace's own headers include, and all of Asio.
set(TERRACE_DEVELOPMENT_DEPENDS "libssl-dev, libsodium-dev, libsqlite3-dev, libpq-dev, libxxhash-dev, libzstd-dev, "
    "libspdlog-dev, libtomlplusplus-dev, libmuparser-dev, prometheus-cpp-dev, pkg-config")
list(JOIN TERRACE_DEVELOPMENT_DEPENDS "" TERRACE_DEVELOPMENT_DEPENDS)
if(TERRACE_BUNDLES_BOOST)
  find_program(BCP bcp REQUIRED)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS include/terrace/*.hpp)
  add_custom_command(OUTPUT ${made}/boost.stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}/boost
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}/boost
    COMMAND ${BCP} --boost=${Boost_INCLUDE_DIRS} boost/asio.hpp boost/pfr.hpp boost/system.hpp ${made}/boost > ${made}/bcp.log 2>&1
    COMMAND ${BCP} --boost=${Boost_INCLUDE_DIRS} --scan ${headers} ${made}/boost >> ${made}/bcp.log 2>&1
    COMMAND ${CMAKE_COMMAND} -E touch ${made}/boost.stamp
    DEPENDS ${headers} VERBATIM)
  add_custom_target(terrace_boost ALL DEPENDS ${made}/boost.stamp)
  install(DIRECTORY ${made}/boost/ DESTINATION ${TERRACE_BUNDLED_BOOST} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" PATTERN "*.ipp")
else()
  string(APPEND TERRACE_DEVELOPMENT_DEPENDS ", libboost-dev (>= ${TERRACE_BOOST_VERSION})")
endif()

# Packed as Debian wants it: no date or name in it.
function(terrace_packed from to)
  add_custom_command(OUTPUT ${made}/${to} COMMAND gzip -9nc ${from} > ${made}/${to} DEPENDS ${from} ${ARGN} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY TERRACE_PACKED ${made}/${to})
endfunction()
configure_file(ops/debian/changelog.in ${made}/changelog.Debian)
terrace_packed(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog.gz)
terrace_packed(${made}/changelog.Debian changelog.Debian.gz)
terrace_packed(${PROJECT_BINARY_DIR}/apps/terrace/terrace.1 terrace.1.gz terrace_program)
get_property(packed GLOBAL PROPERTY TERRACE_PACKED)
add_custom_target(terrace_packed ALL DEPENDS ${packed})

foreach(part program/terrace development/libterrace-dev)
  cmake_path(GET part PARENT_PATH component)
  cmake_path(GET part FILENAME package)
  install(FILES ops/debian/copyright ${made}/changelog.gz ${made}/changelog.Debian.gz DESTINATION ${doc}/${package} COMPONENT ${component})
  install(FILES ops/debian/${package}.lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME ${package}
          COMPONENT ${component})
endforeach()
install(FILES ${made}/terrace.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ops/systemd/terrace.service DESTINATION /lib/systemd/system COMPONENT program)
install(FILES examples/terrace.toml DESTINATION /etc/terrace COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT ${TERRACE_MAINTAINER})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each component's own begins with it
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_strip.cmake)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME terrace)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "redis-server, postgresql, prometheus, bash-completion")
set(control ${PROJECT_SOURCE_DIR}/ops/debian)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA ${control}/conffiles ${control}/postinst ${control}/prerm ${control}/postrm)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "command line and service of a multi-level cache
terrace answers a key from memory, else from Redis, else from a database, else
from a loader, and fills the levels on the way back.

This package has the program: it serves the caches of a configuration (status
page, metrics, JSON API), looks at caches that run and changes what they hold,
replays traces and simulates eviction policies. The systemd service is not
enabled until its configuration, /etc/terrace/terrace.toml, has been adapted.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libterrace-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ${TERRACE_DEVELOPMENT_DEPENDS})
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "multi-level cache for C++20 (development files)
One object answers a key from memory, else from Redis, else from a database,
else from the program's own loader, and fills the levels on the way back.

This package has the headers, the static libraries, and the files that CMake
and pkg-config find them by.")
include(CPack)
