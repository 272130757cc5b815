# Run by CPack on what it has installed, before it is packed: sections go that Debian's dh_strip removes as well.
file(GLOB_RECURSE libraries "${CPACK_TEMPORARY_DIRECTORY}/*.a")
file(GLOB_RECURSE programs "${CPACK_TEMPORARY_DIRECTORY}/program/usr/bin/*")
foreach(file ${libraries} ${programs})
  execute_process(COMMAND strip --strip-debug --remove-section=.comment --remove-section=.note --enable-deterministic-archives ${file}
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
