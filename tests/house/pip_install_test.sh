#!/usr/bin/env bash
# `pip install .` in a fresh clone of the repository $1: it works after `make setup`, compiles the package alone, and without the
# libraries says in one sentence what to run.
set -euo pipefail
root=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
git clone --quiet "$root" "$scratch/clone"
cd "$scratch/clone"
python3 -m venv "$scratch/venv"

install() {  # with these variables and no others
  env -i HOME="$HOME" PATH="$PATH" "$@" "$scratch/venv/bin/pip" install --disable-pip-version-check . >"$scratch/said" 2>&1
}
fail() {
  cat "$scratch/said" >&2
  echo "pip_install_test: $1" >&2
  exit 1
}

if install CMAKE_ARGS=-DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON; then fail "it installs without its libraries"; fi
tr -s ' \n' ' ' <"$scratch/said" | grep -qE 'terrace needs libraries that are missing here \([^)]*CLI11\): run `make setup` in ' ||
  fail "it does not say what to run"

# What `make setup` makes in a clone; the packages that it installs are the system's.
ln -s "$root/.deps" .deps
install || fail "it does not install"
cd "$scratch"
"$scratch/venv/bin/python" -c 'import terrace; assert terrace.Cache("installed").get_or_load("k", lambda: 1) == 1'
"$scratch/venv/bin/terrace" --version
others=$(find "$scratch/clone/build" -name '*.o' | grep -E '/(tests|bench|examples|fuzz)/' || true)
[ -z "$others" ] || fail "it compiles what is not in the package: $others"
