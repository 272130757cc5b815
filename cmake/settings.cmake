# How everything is compiled.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

if(PROJECT_IS_TOP_LEVEL)
  # What each source takes, for `make build-times`.
  set_property(GLOBAL PROPERTY RULE_LAUNCH_COMPILE "${PROJECT_SOURCE_DIR}/scripts/timed.sh ${CMAKE_BINARY_DIR}/compile_times")
endif()

# The fastest linker there is.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=mold TERRACE_HAS_MOLD)
if(TERRACE_HAS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(terrace_settings INTERFACE)
target_compile_options(terrace_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees ghosts in inlined standard containers (GCC bugs 105329, 105651, 110498).
  target_compile_options(terrace_settings INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
  # It takes a source that is compiled along with others for a header.
  target_compile_options(terrace_settings INTERFACE -Wno-subobject-linkage)
endif()
if(TERRACE_WERROR)
  target_compile_options(terrace_settings INTERFACE -Werror)
endif()
if(TERRACE_SANITIZE)
  add_compile_options(-fsanitize=${TERRACE_SANITIZE} -fno-omit-frame-pointer -g1 -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TERRACE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With the sanitizers' checks in between, GCC 12 loses track of which side of a Result is alive.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(TERRACE_SANITIZE MATCHES "thread")
    # TSan does not model fences; without them Asio orders its handlers by its locks alone, which it does model.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-Wno-tsan)  # fences elsewhere in the standard library
    endif()
  endif()
endif()

# Against errors that are left in the code: an overflow ends the process instead of running an attacker's code.
# tests/house/hardening.py checks what is built. Tests are not compiled so: they would take longer, for nothing. Not
# _GLIBCXX_ASSERTIONS: docs/security.md says why.
option(TERRACE_HARDEN "Compile and link with the protections of the compiler and the linker" ON)
if(TERRACE_HARDEN)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
function(terrace_harden target)
  if(NOT TERRACE_HARDEN OR TERRACE_SANITIZE)
    return()
  endif()
  target_compile_options(${target} PRIVATE -fstack-protector-strong -fstack-clash-protection)
  # Without optimization it has no effect, and a warning; some compilers define it themselves.
  target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
                                           $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i[3-6]86")
    target_compile_options(${target} PRIVATE -fcf-protection=full)
  endif()
endfunction()

# For sources whose speed nobody feels: they compile by a quarter to a third faster so.
set(TERRACE_QUICK_TO_COMPILE $<$<CONFIG:Release>:-O1>)

# Several sources at a time are compiled as one, since most of the time of a source goes into its headers: the whole
# takes a quarter of the time. Names in unnamed namespaces are therefore different within a target. Editors and the
# build with clang take the sources one by one, which shows a missing #include.
option(TERRACE_UNITY "Compile several sources at a time" ON)
function(terrace_unity target batch)
  if(TERRACE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
  endif()
endfunction()
