#!/usr/bin/env bash
# All tests on builds that look harder: address and undefined-behaviour sanitizers, thread sanitizer, and clang.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
clang=$(command -v clang++ || command -v clang++-14)

build_and_test() {  # name, ctest arguments, cmake arguments …
  local name=$1 tests=$2
  shift 2
  echo "== $name"
  cmake -S . -B "build/$name" -G Ninja -DTERRACE_WERROR=ON "$@"
  cmake --build "build/$name" -j "$jobs"
  # shellcheck disable=SC2086
  (cd "build/$name" && ctest --output-on-failure --no-tests=error -j "$jobs" $tests)
}

build_and_test release "" -DTERRACE_BENCH=ON
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
# The sanitizers' own advice, and by far the quickest to compile.
sanitized=(-DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1")
build_and_test asan "-LE house" "${sanitized[@]}" -DTERRACE_SANITIZE=address,undefined
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
build_and_test tsan "-LE house" "${sanitized[@]}" -DTERRACE_SANITIZE=thread
# One source at a time, as the others do not: it shows a missing #include.
build_and_test clang "-LE long|house" -DTERRACE_UNITY=OFF -DCMAKE_CXX_COMPILER="$clang"
