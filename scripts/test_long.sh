#!/usr/bin/env bash
# All tests on builds that look harder: address and undefined-behaviour sanitizers, thread sanitizer, and clang.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

build_and_test() {  # preset, ctest arguments, cmake arguments …
  local name=$1 tests=$2
  shift 2
  echo "== $name"
  cmake --preset "$name" -DTERRACE_WERROR=ON "$@"
  cmake --build "build/$name" -j "$jobs"
  # shellcheck disable=SC2086
  (cd "build/$name" && ctest --output-on-failure --no-tests=error -j "$jobs" $tests)
}

build_and_test release "-LE long" -DTERRACE_BENCH=ON
# Contributors' speed. Only what this run compiled counts, so on a machine that does nothing else.
scripts/build_times.py build/release --limit 25 --test-limit 20
(cd build/release && ctest --output-on-failure --no-tests=error -j "$jobs" -L long)
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
build_and_test asan "-LE house"
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
build_and_test tsan "-LE house"
build_and_test clang "-LE long|house"
