#!/usr/bin/env bash
# Run by package_test.sh as a service of a booted Debian, with the package terrace installed and in /opt: does the unit work
# with all that it is denied? Writes to /result; its last line is "served" when everything held.
set -euo pipefail
exec >/result 2>&1

fail() {
  echo "FAILED: $*"
  journalctl --no-pager -u terrace | tail -n 20
  exit 1
}
of() { systemctl show terrace -p "$1" --value; }
expect() { [ "$(of "$1")" = "$2" ] || fail "$1 is '$(of "$1")', not '$2'"; }

# A token in it is for root's eyes; the service has a user of its own.
chmod 600 /etc/terrace/terrace.toml

[ "$(systemctl is-enabled terrace)" = disabled ] || fail "the installation has enabled the service"
systemctl enable --now terrace || fail "it does not start"
expect ActiveState active
expect StatusText 'serving 2 caches at http://127.0.0.1:9390'
# systemctl came back when the service said that it was ready: no wait here.
exec 3<>/dev/tcp/127.0.0.1/9390 || fail "it was ready, but does not listen"
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
grep -q '200 OK' <&3 || fail "no answer"
exec 3>&-

pid=$(of MainPID)
state=$(cat "/proc/$pid/status")
for line in 'CapEff:.0000000000000000' 'NoNewPrivs:.1' 'Seccomp:.2'; do
  grep -q "^$line" <<<"$state" || fail "$line is not so: $state"
done
[ "$(stat -c %u "/proc/$pid")" != 0 ] || fail "it runs as root"
[ -s /var/lib/private/terrace/terrace_example.db ] || fail "its file is not in its folder"

dpkg -i /opt/terrace_*.deb
expect ActiveState active
[ "$(of MainPID)" != "$pid" ] || fail "an upgrade leaves the old program running"

echo nonsense >>/etc/terrace/terrace.toml
if systemctl restart terrace; then fail "it starts with a wrong configuration"; fi
expect Result exit-code
expect NRestarts 0
sed -i '$d' /etc/terrace/terrace.toml

systemctl start terrace || fail "it does not start after the mistake is gone"
dpkg --purge terrace
! systemctl is-active --quiet terrace || fail "a purge leaves it running"
for left in /var/lib/terrace /var/lib/private/terrace /etc/terrace /etc/systemd/system/multi-user.target.wants/terrace.service; do
  [ ! -e "$left" ] && [ ! -L "$left" ] || fail "a purge leaves $left"
done
echo served
