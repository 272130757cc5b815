#!/usr/bin/env bash
# hardening.py finds each protection that a program lacks: hardening_test.sh COMPILER
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'int main(int argc, char** argv) { char text[64]; __builtin_sprintf(text, "%s", argv[argc - 1]); return text[0]; }' >"$folder/bare.cpp"
"$1" -O2 -U_FORTIFY_SOURCE -fno-stack-protector -fcf-protection=none -no-pie -fno-pie -Wl,-z,norelro -Wl,-z,execstack \
  -o "$folder/bare" "$folder/bare.cpp"
if found=$(python3 "$(dirname "$0")/hardening.py" "$folder/bare"); then
  echo "a program without protections was accepted"
  exit 1
fi
[ "$(uname -m)" != x86_64 ] || grep -q "jump targets" <<<"$found"
for word in position-independent RELRO executable "stack protector" fortified; do
  if ! grep -q "$word" <<<"$found"; then
    echo "not found: $word; found was: $found"
    exit 1
  fi
done
