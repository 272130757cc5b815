#!/usr/bin/env bash
# Runs every benchmark and says on what machine. The peers in other languages run where their toolchains are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "machine: $(nproc) × $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(. /etc/os-release; echo "$PRETTY_NAME")"
for program in build/release/bin/bench_*; do
  echo
  echo "== $(basename "$program")"
  "$program" "$@"
done
echo
echo "== peers"
bench/peers/run.py "$@"
