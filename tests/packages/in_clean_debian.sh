#!/usr/bin/env bash
# Run by package_test.sh in a clean Debian, with the packages in /tmp/packages and a program in /tmp.
set -euo pipefail

step() { echo "== $*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# Every file but those that change with any package, or by themselves.
files() {
  find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/log -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune \
    -o -print | grep -v '^/etc/ld.so.cache$' | sort
}

echo 'Binary::apt::APT::Keep-Downloaded-Packages "true"; APT::Keep-Downloaded-Packages "true";' >/etc/apt/apt.conf.d/00keep
rm -f /etc/apt/apt.conf.d/docker-clean
apt-get update -qq

step "the packages with what they depend on"
apt-get install -y -qq --no-install-recommends /tmp/packages/*.deb >/tmp/log 2>&1 || fail "$(cat /tmp/log)"
dpkg -l terrace libterrace-dev | grep ^ii

step "terrace --version"
terrace --version
step "terrace config check /etc/terrace/terrace.toml"
terrace config check /etc/terrace/terrace.toml
step "terrace serve --config /etc/terrace/terrace.toml answers, and ends on SIGTERM"
cd /tmp
coproc SERVED { exec terrace serve --config /etc/terrace/terrace.toml --listen 127.0.0.1:0 2>/tmp/served; }
served=$SERVED_PID
read -r address <&"${SERVED[0]}" || fail "it did not start: $(cat /tmp/served)"
port=${address##*:}
exec 3<>"/dev/tcp/127.0.0.1/${port%/}"
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
grep -q '200 OK' <&3 || fail "no answer from $address"
kill -TERM "$served"
wait "$served" || fail "it ended with $?"
echo "served at $address"

step "manual page, completions, unit, documents"
for file in /usr/share/man/man1/terrace.1.gz /usr/share/bash-completion/completions/terrace \
  /usr/share/zsh/vendor-completions/_terrace /lib/systemd/system/terrace.service /usr/share/doc/terrace/copyright \
  /usr/share/doc/libterrace-dev/copyright; do
  [ -s "$file" ] || fail "$file is not there"
  echo "$file"
done

step "a program with find_package(terrace)"
mkdir -p /tmp/project/build
cp /tmp/CMakeLists.txt /tmp/project/
sed -i 's|\.\./main.cpp|/tmp/main.cpp|' /tmp/project/CMakeLists.txt
cmake -S /tmp/project -B /tmp/project/build -DCMAKE_CXX_FLAGS=-O0 >/tmp/log && make -s -C /tmp/project/build >>/tmp/log 2>&1 || fail "$(cat /tmp/log)"
[ "$(/tmp/project/build/consumer /tmp/a.db)" = Ada ] || fail "the program did not print what it stored"
echo Ada

step "a program with pkg-config"
# shellcheck disable=SC2046
g++ -std=c++20 -O0 /tmp/main.cpp $(pkg-config --static --cflags --libs terrace) -o /tmp/consumer
[ "$(/tmp/consumer /tmp/b.db)" = Ada ] || fail "the program did not print what it stored"
echo Ada

step "a program with coroutines of Asio"
cat >/tmp/asio.cpp <<'CPP'
#include <boost/asio.hpp>
#include <iostream>
#include <terrace/async.hpp>
#include <terrace/cache.hpp>
int main() {
  boost::asio::io_context context;
  boost::asio::co_spawn(context, []() -> boost::asio::awaitable<void> {
    std::cout << BOOST_LIB_VERSION << '\n';
    co_return;
  }, boost::asio::detached);
  context.run();
}
CPP
# shellcheck disable=SC2046
g++ -std=c++20 -O0 /tmp/asio.cpp $(pkg-config --static --cflags --libs terrace) -o /tmp/asio
/tmp/asio

step "a changed configuration stays when the package is removed, and goes with a purge"
dpkg --purge terrace libterrace-dev >/dev/null
files >/tmp/before
dpkg -i /tmp/packages/*.deb >/dev/null
echo '# changed' >>/etc/terrace/terrace.toml
# What an administrator and the service leave.
mkdir -p /etc/systemd/system/multi-user.target.wants /var/lib/private/terrace
ln -s /lib/systemd/system/terrace.service /etc/systemd/system/multi-user.target.wants/terrace.service
ln -s private/terrace /var/lib/terrace
touch /var/lib/private/terrace/terrace_example.db
dpkg --remove terrace libterrace-dev >/dev/null
grep -q '# changed' /etc/terrace/terrace.toml || fail "the configuration is gone"
[ ! -e /usr/bin/terrace ] || fail "the program is still there"
dpkg --purge terrace >/dev/null
rmdir --ignore-fail-on-non-empty /var/lib/private /etc/systemd/system/multi-user.target.wants /etc/systemd/system 2>/dev/null || true
files >/tmp/after
diff /tmp/before /tmp/after || fail "the purge left something behind (>), or took something (<)"
left=$(find / -xdev \( -path /proc -o -path /tmp \) -prune -o -name '*terrace*' -print | grep -v '^/var/cache/apt/archives' || true)
[ -z "$left" ] || fail "the purge left $left"
if dpkg -l terrace libterrace-dev 2>/dev/null | grep -q '^[a-z][a-z] '; then fail "dpkg still knows the packages"; fi
echo "nothing left"
