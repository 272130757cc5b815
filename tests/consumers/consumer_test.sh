#!/usr/bin/env bash
# Builds and runs a program outside this project that uses terrace, in one of the ways that docs/install.md tells:
# consumer_test.sh find_package|components|fetch_content|pkg_config SOURCE BUILD COMPILER.
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

  # It may be moved, and names no folder of the machine that built it.
  if grep -rlF -e "$source" -e "$build" "$scratch/prefix" --include='*.cmake' --include='*.pc'; then
    fail "the installed files name the folder of the source or of the build"
  fi
  mv "$scratch/prefix" "$scratch/moved"
  configure --fresh -DCMAKE_PREFIX_PATH="$scratch/moved" -DCMAKE_CXX_FLAGS_RELEASE=-O0
  cmake --build "$scratch/build" -j "$(nproc)"
  expect_ada "$scratch/build/consumer"
  mv "$scratch/moved" "$scratch/prefix"

  # The headers that terrace was built with are gone, and no others are found: the error says what is missing.
  rm -rf "$scratch/prefix/include/terrace_boost"
  refuses 'the headers of Boost 1.84 or newer' configure --fresh -DCMAKE_PREFIX_PATH="$scratch/prefix" \
    -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF
}

# with_only "MODULES" "PACKAGES" COMMAND…: only these modules of pkg-config are found, and only these packages of CMake.
with_only() {
  local modules=$1 packages=$2 folder
  shift 2
  rm -rf "$scratch/pc"
  mkdir "$scratch/pc"
  for module in $modules; do
    folder=$(pkg-config --variable=pcfiledir "$module")
    ln -s "$folder/$module.pc" "$scratch/pc/"
  done
  local hidden=()
  for package in OpenSSL SQLite3 spdlog prometheus-cpp; do
    case " $packages " in *" $package "*) ;; *) hidden+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON") ;; esac
  done
  PKG_CONFIG_LIBDIR=$scratch/pc "$@" "${hidden[@]}"
}

# use COMPONENT MODULES PACKAGES: a program with this component is built and run where only these libraries are found.
use() {
  with_only "$2" "$3" configure --fresh -DCOMPONENT="$1" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_FLAGS_RELEASE=-O0 >/dev/null
  cmake --build "$scratch/build" -j "$(nproc)" >/dev/null
  for program in component whole; do
    [ "$(cd "$scratch" && build/$program)" = ok ] || fail "the program with the component $1 does not work"
  done
  echo "component $1: ok"
}

# refuses TEXT COMMAND…: the command fails, and says so.
refuses() {
  local text=$1
  shift
  if "$@" >"$scratch/said" 2>&1; then fail "$* did not fail"; fi
  tr -s ' \n' ' ' <"$scratch/said" | grep -qF "$text" || fail "the error does not say \"$text\": $(cat "$scratch/said")"
}

components() {
  installed
  use memory libxxhash ''
  use envelope 'libxxhash libzstd libsodium' ''
  use redis libxxhash 'OpenSSL spdlog'
  use database 'libxxhash libpq libssl libcrypto' 'OpenSSL SQLite3 spdlog'
  use cascade 'libxxhash libzstd libsodium' 'OpenSSL spdlog'
  use service 'libxxhash libzstd libsodium libpq libssl libcrypto muparser tomlplusplus' 'OpenSSL SQLite3 spdlog prometheus-cpp'
  refuses 'missing here (xxHash)' with_only '' '' configure --fresh -DCOMPONENT=memory -DCMAKE_PREFIX_PATH="$scratch/prefix"
  refuses 'without the component memcached; there are: base, memory' \
    configure --fresh -DCOMPONENT=memcached -DCMAKE_PREFIX_PATH="$scratch/prefix"

  # Built in part, without the libraries of the rest.
  with_only libxxhash '' cmake -S "$source" -B "$scratch/part" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DTERRACE_COMPONENTS=memory >/dev/null
  cmake --build "$scratch/part" -j "$(nproc)"
  rm -rf "$scratch/prefix"
  cmake --install "$scratch/part" --prefix "$scratch/prefix" >/dev/null
  use memory libxxhash ''
  refuses 'without the component redis; there are: base, memory' configure --fresh -DCOMPONENT=redis -DCMAKE_PREFIX_PATH="$scratch/prefix"
  refuses 'terrace has no component memcached' cmake -S "$source" -B "$scratch/other" -G Ninja -DTERRACE_COMPONENTS=memcached
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

  # Every object of every library: a library that only the other layers need would be missed here.
  libraries=$(pkg-config --libs-only-l terrace | tr ' ' '\n' | grep '^-lterrace_')
  # shellcheck disable=SC2046,SC2086
  "$compiler" -std=c++20 -O0 "$here/main.cpp" $(pkg-config --cflags --libs-only-L terrace) \
    -Wl,--whole-archive $libraries -Wl,--no-whole-archive $(pkg-config --libs terrace) -o whole
  [ "$(wc -w <<<"$libraries")" = "$(find "$scratch/prefix" -name 'libterrace_*.a' ! -name '*_testing.a' | wc -l)" ] ||
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
