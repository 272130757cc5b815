#!/usr/bin/env bash
# Builds the Python wheel from what build/release holds (build/wheel/*.whl), and installs it into .venv. Does nothing when nothing
# changed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cmp -s python/requirements.txt .venv/requirements.txt; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt
  cp python/requirements.txt .venv/
fi

for component in development program; do
  cmake --install build/release --prefix "$PWD/build/prefix" --component $component >/dev/null
done

# What goes in: a file changed, new or gone makes another list.
sources=$(find pyproject.toml CMakeLists.txt LICENSE cmake python scripts/wheel build/prefix .venv/requirements.txt \
  -name __pycache__ -prune -o -type f -printf '%p %s %T@\n' | sort | sha256sum)
if [ "$sources" = "$(cat .venv/wheel 2>/dev/null)" ] && ls build/wheel/*.whl >/dev/null 2>&1; then exit 0; fi

rm -rf build/wheel
scripts/wheel/make.sh .venv/bin/python build/wheel
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall build/wheel/*.whl
echo "$sources" >.venv/wheel
