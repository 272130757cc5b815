#!/usr/bin/env bash
# The Python tests, on the wheel that `make python` has installed into .venv. Objects that the extension module still
# holds at the end fail the run. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
output=$(mktemp)
trap 'rm -f "$output"' EXIT
TERRACE_LEAK_WARNINGS=1 .venv/bin/python -m pytest "$@" 2>&1 | tee "$output"
if grep -q 'nanobind: leaked' "$output"; then
  echo "test_python: the extension module leaked objects: see above" >&2
  exit 1
fi
