#!/usr/bin/env bash
# Installs what terrace needs to be built and tested. Debian 12 and 13, as root or with sudo; elsewhere it names what to
# install. Does nothing when everything is there. `setup.sh long` adds what `make test-long` and `make fuzz` need,
# `setup.sh deb` what `make deb` and `make test-packages` need.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  build-essential cmake ninja-build pkg-config python3 python3-dev python3-venv git ca-certificates
  libssl-dev libsodium-dev libsqlite3-dev libpq-dev libxxhash-dev libzstd-dev libmsgpack-cxx-dev libcli11-dev libfmt-dev
  libspdlog-dev libtomlplusplus-dev libmuparser-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev libhiredis-dev liblua5.1-0-dev
  openssl redis-server redis-tools postgresql pgbouncer prometheus iproute2 groff-base zsh
)
long_packages=(clang-14 libclang-rt-14-dev clang-format-14)
deb_packages=(dpkg-dev libboost-tools-dev lintian debootstrap systemd systemd-container)
boost_package=libboost1.88-dev
boost_version=1.84  # the least that will do

id=unknown version=0
if [ -r /etc/os-release ]; then
  id=$(. /etc/os-release; echo "${ID:-unknown}")
  version=$(. /etc/os-release; echo "${VERSION_ID:-0}")
fi

if [ "$id" != debian ] || { [ "$version" != 12 ] && [ "$version" != 13 ]; }; then
  if [ "${TERRACE_SKIP_SETUP:-}" = 1 ]; then exit 0; fi
  cat >&2 <<EOF
setup: this is $id $version; the set-up knows Debian 12 and 13. Install with your own package manager:
  a C++20 compiler (g++ 12 or clang 14, or newer), CMake 3.25, Ninja, pkg-config, Python 3.11 or newer with headers and venv, git, the openssl program
  Boost $boost_version or newer (headers), OpenSSL, libsodium, SQLite 3, libpq, xxHash, zstd, msgpack-cxx, CLI11, fmt, spdlog, toml++, muParser, prometheus-cpp,
  GoogleTest, hiredis, Lua 5.1
  Redis 6 or Valkey 7.2 or newer and PostgreSQL 13 or newer, PgBouncer and Prometheus (the programs; the tests start their own), groff and zsh
and call make with TERRACE_SKIP_SETUP=1.
EOF
  exit 1
fi

[ "$version" = 13 ] && long_packages=(clang libclang-rt-dev clang-format)
[ "${1:-}" = long ] && packages+=("${long_packages[@]}")
[ "${1:-}" = deb ] && packages+=("${deb_packages[@]}")

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    echo "setup: needs root or sudo to install: ${missing[*]}" >&2
    exit 1
  fi
}

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -q
  # A server that arrives as a package must not start here: the tests start their own.
  guard=/usr/sbin/policy-rc.d
  if [ ! -e $guard ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $guard >/dev/null
    as_root chmod +x $guard
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# Debian 12 ships Boost 1.81. Debian 13 ships 1.88 too, but in conflict with the 1.83 that libmsgpack-cxx-dev wants. On
# both, the headers of Debian 13's package go into .deps/ of this folder, by an apt configuration of its own: the
# system's is not touched.
if [ ! -e .deps/usr/include/boost/version.hpp ]; then
  echo "setup: unpacking the headers of Debian 13's $boost_package into .deps/"
  mirror=$(grep -hoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -v '^#' | head -n 1 | tr -d ' ' || true)
  if [ -z "$mirror" ]; then
    echo "setup: found no Debian mirror in /etc/apt; put Boost $boost_version or newer under .deps/usr/include" >&2
    exit 1
  fi
  here=$PWD/.deps/apt
  mkdir -p "$here/lists/partial" "$here/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$here/sources.list"
  options=(-q -o Dir::Etc::sourcelist="$here/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::Lists="$here/lists"
    -o Dir::Cache="$here/cache" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User="$(id -un)")
  apt-get "${options[@]}" update
  (cd "$here" && apt-get "${options[@]}" download "$boost_package")
  dpkg-deb -x "$here"/"$boost_package"_*.deb .deps.new
  rm -rf "$here"
  mkdir -p .deps && rm -rf .deps/usr && mv .deps.new/usr .deps/usr && rm -rf .deps.new
fi
