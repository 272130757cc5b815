#!/usr/bin/env bash
# Installs the packages of build/deb/packages in a clean Debian, uses them, and purges them; then boots that Debian in a
# container and runs the service: package_test.sh [SUITE]. As root. The clean Debian is made once, under build/packages; each
# run gets a copy of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/packages
suite=${1:-$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")}
cache=$PWD/build/packages
base=$cache/$suite

fail() {
  echo "package_test: $*" >&2
  exit 1
}

command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap (Debian, Ubuntu)"
command -v systemd-nspawn >/dev/null || fail "needs systemd-nspawn: apt-get install systemd-container (Debian, Ubuntu)"
[ "$(id -u)" = 0 ] || fail "needs root, for debootstrap and chroot: sudo make test-packages"
packages=(build/deb/packages/*.deb)
[ -e "${packages[0]}" ] || fail "build/deb/packages is empty: make deb"

# What the checks need beside the packages. Not the packages' own dependencies: these are to come by themselves.
tools=g++,make,cmake,ca-certificates
if [ ! -e "$base/done" ]; then
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ' || true)
  rm -rf "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase --include=$tools "$suite" "$base/root" ${mirror:+"$mirror"} >"$base/log" ||
    fail "debootstrap failed: $base/log"
  touch "$base/done"
fi

root=$(mktemp -d "$cache/run.XXXXXX")
leave() {
  umount --lazy "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap leave EXIT
cp -a "$base/root/." "$root"
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
# Archives that were fetched once are kept for the next run.
mkdir -p "$cache/archives" "$root/tmp/packages"
cp -u "$cache"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true
cp "${packages[@]}" "$root/tmp/packages"
cp "$here/in_clean_debian.sh" tests/consumers/main.cpp tests/consumers/find_package/CMakeLists.txt "$root/tmp"

in_root() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
in_root bash /tmp/in_clean_debian.sh

echo "== the service, in a Debian that has booted"
cp "$here/in_booted_debian.sh" build/deb/packages/terrace_*.deb "$root/opt"
in_root sh -c 'apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus /opt/terrace_*.deb' >"$root/log" 2>&1 ||
  fail "$(cat "$root/log")"
cp -u "$root"/var/cache/apt/archives/*.deb "$cache/archives/" 2>/dev/null || true
rm "$root/usr/sbin/policy-rc.d"
cat >"$root/etc/systemd/system/checks.service" <<'UNIT'
[Unit]
After=dbus.service network.target
[Service]
Type=oneshot
ExecStart=/opt/in_booted_debian.sh
ExecStopPost=systemctl --no-block poweroff
TimeoutStartSec=120
[Install]
WantedBy=multi-user.target
UNIT
in_root systemctl enable -q checks
umount "$root/proc"
# Not registered with a systemd of this machine, which need not run one. Its network is its own.
timeout 300 systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --boot </dev/null >"$cache/boot.log" 2>&1 ||
  fail "the container did not boot: $cache/boot.log"
cat "$root/result"
[ "$(tail -n 1 "$root/result")" = served ] || fail "the service does not work"
