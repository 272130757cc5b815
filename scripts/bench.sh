#!/usr/bin/env bash
# Runs every benchmark and says on what machine.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "machine: $(nproc) × $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(. /etc/os-release; echo "$PRETTY_NAME")"
for program in build/release/bin/bench_*; do
  echo
  echo "== $(basename "$program")"
  "$program" "$@"
done
