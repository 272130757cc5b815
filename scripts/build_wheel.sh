#!/usr/bin/env bash
# Builds the Python wheel from what build/release holds, makes it complete with auditwheel (build/wheel/*.whl), and
# installs it into .venv. Does nothing when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

if ! cmp -s python/requirements.txt .venv/requirements.txt; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt
  cp python/requirements.txt .venv/
fi

for component in development program; do
  cmake --install build/release --prefix "$PWD/build/prefix" --component $component >/dev/null
done

# What goes in: a file changed, new or gone makes another list.
sources=$(find pyproject.toml CMakeLists.txt LICENSE cmake python build/prefix .venv/requirements.txt \
  -name __pycache__ -prune -o -type f -printf '%p %s %T@\n' | sort | sha256sum)
if [ "$sources" = "$(cat .venv/wheel 2>/dev/null)" ] && ls build/wheel/*.whl >/dev/null 2>&1; then exit 0; fi

rm -rf build/wheel build/wheel.raw
PATH=$PWD/.venv/bin:$PATH CMAKE_BUILD_PARALLEL_LEVEL=$jobs .venv/bin/pip wheel . --quiet --disable-pip-version-check \
  --no-deps --no-build-isolation --wheel-dir build/wheel.raw \
  --config-settings=cmake.define.terrace_DIR="$(dirname "$(find "$PWD/build/prefix" -name terraceConfig.cmake)")" \
  ${CI:+--config-settings=cmake.define.TERRACE_WERROR=ON}
PATH=$PWD/.venv/bin:$PATH .venv/bin/auditwheel repair --wheel-dir build/wheel build/wheel.raw/*.whl
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall build/wheel/*.whl
echo "$sources" >.venv/wheel
