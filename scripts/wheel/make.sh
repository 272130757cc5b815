#!/usr/bin/env bash
# Makes one wheel. Usage: make.sh PYTHON OUT
#   PYTHON: an interpreter that has scikit-build-core and nanobind: the wheel is for its version
#   OUT: the folder for the wheel
# Needs build/prefix (scripts/build_wheel.sh) and the tools in .venv. The C++ is not compiled again, the extension module is.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 out=$2
export PATH=$PWD/.venv/bin:$PATH
version=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
raw=build/wheel.raw/$version libraries=$PWD/build/wheel.libraries/$version
rm -rf "$raw" "$libraries"

# From the module alone: the program and the libraries are of build/prefix.
CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)} "$python" -m pip wheel . --quiet --disable-pip-version-check \
  --no-deps --no-build-isolation --wheel-dir "$raw" --config-settings=build-dir="build/python/$version" \
  --config-settings=cmake.define.CMAKE_PREFIX_PATH="$PWD/.deps/usr" \
  --config-settings=cmake.define.terrace_DIR="$(dirname "$(find "$PWD/build/prefix" -name terraceConfig.cmake)")" \
  ${CI:+--config-settings=cmake.define.TERRACE_WERROR=ON}

scripts/wheel/libpq.sh "$libraries"
.venv/bin/python scripts/wheel/older_symbols.py "$libraries" "$raw"/*.whl
# What is in this folder goes before the system's libraries of that name.
if AUDITWHEEL_LD_LIBRARY_PATH=$libraries .venv/bin/auditwheel repair --wheel-dir "$raw/repaired" "$raw"/*.whl; then
  .venv/bin/python scripts/wheel/complete.py "$raw"/repaired/*.whl "$libraries"
else
  echo "make.sh: auditwheel knows no tag for this system's libraries: the wheel is for this system, and brings none" >&2
  mkdir -p "$raw/repaired"
  cp "$raw"/*.whl "$raw/repaired"
fi
mkdir -p "$out"
mv "$raw"/repaired/*.whl "$out"
