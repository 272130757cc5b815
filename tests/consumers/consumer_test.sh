#!/usr/bin/env bash
# Builds and runs a program outside this project that uses terrace, in one of the ways that docs/install.md tells:
# consumer_test.sh find_package|fetch_content|pkg_config SOURCE BUILD COMPILER.
set -euo pipefail
way=$1 source=$2 build=$3 compiler=$4
here=$source/tests/consumers
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "consumer_test: $*" >&2
  exit 1
}

# The program's own code is not optimized: nobody waits for it. What it takes from terrace's own build is a release.
configure() {
  cmake -S "$here/$way" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release "$@"
}

installed() {
  cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
}

expect_ada() {
  [ "$("$1" "$scratch/names.db")" = Ada ] || fail "$1 did not print what it stored"
}

find_package() {
  installed
  configure -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_FLAGS_RELEASE=-O0
  cmake --build "$scratch/build" -j "$(nproc)"
  expect_ada "$scratch/build/consumer"
  "$scratch/prefix/bin/terrace" --version

  # The headers that terrace was built with are gone, and no others are found: the error says what is missing.
  config=$(find "$scratch/prefix" -name terraceConfig.cmake)
  sed -i "s|^  list(APPEND CMAKE_PREFIX_PATH .*|list(APPEND CMAKE_PREFIX_PATH $scratch/none)|" "$config"
  if cmake -S "$here/$way" -B "$scratch/without" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF >"$scratch/said" 2>&1; then
    fail "a terrace without its Boost was found"
  fi
  tr -s ' \n' ' ' <"$scratch/said" | grep -q 'terrace needs the headers of Boost 1.84 or newer' ||
    fail "the error does not name Boost: $(cat "$scratch/said")"
}

fetch_content() {
  configure -DTERRACE_SOURCE="$source"
  cmake --build "$scratch/build" -j "$(nproc)"
  expect_ada "$scratch/build/consumer"

  compiled=$(cd "$scratch/build/_deps/terrace-build" && find . -name '*.o' -printf '%P\n' | cut -d / -f 1,2 | sort -u | tr '\n' ' ')
  [ "$compiled" = 'src/base src/cascade src/database src/envelope src/journal src/memory src/runtime ' ] ||
    fail "the consumer compiled other parts than those it links: $compiled"
  cmake --install "$scratch/build" --prefix "$scratch/prefix"
  [ "$(cd "$scratch/prefix" && find . -type f)" = ./bin/consumer ] || fail "the consumer installs terrace with itself"
}

pkg_config() {
  installed
  PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name terrace.pc)")
  export PKG_CONFIG_PATH
  cd "$scratch"
  # shellcheck disable=SC2046
  "$compiler" -std=c++20 -O0 "$here/main.cpp" $(pkg-config --static --cflags --libs terrace) -o consumer
  expect_ada ./consumer

  # Every object of every library: a library that only the other floors need would be missed here.
  floors=$(pkg-config --libs-only-l terrace | tr ' ' '\n' | grep '^-lterrace_')
  # shellcheck disable=SC2046,SC2086
  "$compiler" -std=c++20 -O0 "$here/main.cpp" $(pkg-config --cflags --libs-only-L terrace) \
    -Wl,--whole-archive $floors -Wl,--no-whole-archive $(pkg-config --libs terrace) -o whole
  [ "$(wc -w <<<"$floors")" = "$(find "$scratch/prefix" -name 'libterrace_*.a' ! -name '*_testing.a' | wc -l)" ] ||
    fail "terrace.pc does not name every library"

  # Boost that is too old.
  mkdir -p old/boost
  echo '#define BOOST_VERSION 108100' >old/boost/version.hpp
  # shellcheck disable=SC2046
  if "$compiler" -std=c++20 -fsyntax-only "$here/main.cpp" -Iold $(pkg-config --cflags terrace) >said 2>&1; then
    fail "an old Boost was taken"
  fi
  grep -q 'terrace needs the headers of Boost 1.84 or newer' said || fail "the error does not name Boost: $(head said)"
}

"$way"
