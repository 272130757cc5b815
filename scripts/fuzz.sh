#!/usr/bin/env bash
# Runs each fuzzer for FUZZ_SECONDS (60) with sanitizers; stops at the first finding.
set -euo pipefail
cd "$(dirname "$0")/.."
clang=$(command -v clang++ || command -v clang++-14)
cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTERRACE_FUZZ=ON -DTERRACE_TESTS=OFF \
  -DCMAKE_CXX_COMPILER="$clang" -DTERRACE_SANITIZE=address,undefined
cmake --build build/fuzz -j "${JOBS:-$(nproc)}"
for fuzzer in build/fuzz/bin/fuzz_*; do
  name=$(basename "$fuzzer")
  mkdir -p "build/fuzz/corpus/$name"
  "$fuzzer" -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1 "build/fuzz/corpus/$name"
done
