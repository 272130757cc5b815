#!/usr/bin/env bash
# What lintian says of the packages in build/deb/packages, and systemd-analyze of the unit. Both are to say nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Errors, warnings and hints; what is accepted stands with its reason in ops/debian/*.lintian-overrides.
lintian --allow-root --display-level '>=info' --fail-on error,warning,info build/deb/packages/*.deb

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The program need not be installed here.
sed 's|^ExecStart=/usr/bin/terrace|ExecStart=/bin/true|' ops/systemd/terrace.service >"$scratch/terrace.service"
said=$(systemd-analyze verify --man=no "$scratch/terrace.service" 2>&1)
if [ -n "$said" ]; then
  echo "$said" >&2
  exit 1
fi
systemd-analyze security --offline=true --threshold=20 "$scratch/terrace.service" | tail -n 1
