# The clang that is there: Debian 12's package has its version in the program's name.
find_program(TERRACE_CLANG NAMES clang++ clang++-19 clang++-14 REQUIRED)
set(CMAKE_CXX_COMPILER ${TERRACE_CLANG})
