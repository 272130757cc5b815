#!/usr/bin/env bash
# Builds a wheel for each CPython from 3.11 on: those that are in PATH as python3.N, or those that PYTHONS names. build/wheels/*.whl.
# Each wheel is tried out in an empty environment of its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build_wheel.sh  # makes .venv, with the tools, and build/prefix

in_path() {
  local minor
  for minor in $(seq 11 30); do
    if "python3.$minor" -c '' 2>/dev/null; then command -v "python3.$minor"; fi
  done
}

mapfile -t pythons < <(if [ -n "${PYTHONS:-}" ]; then tr ' ' '\n' <<<"$PYTHONS"; else in_path; fi)
rm -rf build/wheels
for python in "${pythons[@]}"; do
  kind=$("$python" -c 'import sys, sysconfig
fits = sys.implementation.name == "cpython" and sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")
print("cp%d%d" % sys.version_info[:2] if fits else "")')
  if [ -z "$kind" ]; then
    echo "build_wheels: $python is no CPython 3.11 or newer with the GIL" >&2
    exit 1
  fi
  tools=build/wheel.tools/$kind
  if ! cmp -s python/requirements.txt "$tools/requirements.txt"; then
    "$python" -m venv --clear "$tools"
    # shellcheck disable=SC2046
    "$tools/bin/pip" install --quiet --disable-pip-version-check $(grep -E '^(scikit-build-core|nanobind)==' python/requirements.txt)
    cp python/requirements.txt "$tools/"
  fi
  scripts/wheel/make.sh "$tools/bin/python" build/wheels

  empty=$(mktemp -d)
  "$python" -m venv "$empty"
  "$empty/bin/pip" install --quiet --disable-pip-version-check build/wheels/*-"$kind"-*.whl
  "$empty/bin/terrace" --version >/dev/null
  (cd "$empty" && bin/python -c '
import terrace
with terrace.Cache("built", tiers=["sqlite:built.db"]) as cache:
    cache["k"] = (1, "v")
with terrace.Cache("built", tiers=["sqlite:built.db"], memory=None) as cache:
    assert cache["k"] == (1, "v")')
  rm -rf "$empty"
done
ls build/wheels/*.whl
