#!/usr/bin/env bash
# Makes in folder $1 the libpq that the wheel carries: the system's, with two small libraries of ours in the place of GSSAPI and LDAP
# (python/libpq). docs/decisions/0027-libpq-alone.md says why. Needs patchelf in PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1
mkdir -p "$out"

cp -L "$(pkg-config --variable=libdir libpq)/libpq.so.5" "$out/libpq.so.5.new"

stand_in() {  # what it stands in for, the beginnings of its functions
  local name=$1 functions=$2 needed version own lacking
  needed=$(objdump -p "$out/libpq.so.5.new" | awk -v name="lib$name" '$1 == "NEEDED" && index($2, name) == 1 {print $2}')
  [ -n "$needed" ] || return 0  # this libpq was built without
  version=$(nm -D "$out/libpq.so.5.new" | sed -nE "s/^ +U ($functions)[^@]*@+//p" | sort -u)
  own=libterrace_no_$name.so.1
  printf '%s { global: *; };\n' "$version" >"$out/$name.map"
  "${CC:-cc}" -shared -fPIC -O2 -Wall -Wextra -Werror -Wl,-soname,"$own" -Wl,--version-script,"$out/$name.map" \
    -o "$out/$own" "python/libpq/no_$name.c"
  lacking=$(comm -23 <(nm -D "$out/libpq.so.5.new" | sed -nE "s/^ +U (($functions)[^@]*)@.*/\1/p" | sort) \
    <(nm -D --defined-only "$out/$own" | awk '{sub("@.*", "", $3); print $3}' | sort))
  if [ -n "$lacking" ]; then
    echo "wheel/libpq: this libpq also calls ${lacking//$'\n'/ }: add that to python/libpq/no_$name.c" >&2
    exit 1
  fi
  patchelf --replace-needed "$needed" "$own" "$out/libpq.so.5.new"
  rm "$out/$name.map"
}
stand_in gssapi 'gss_|GSS_'
stand_in ldap 'ldap_|ber_'
mv "$out/libpq.so.5.new" "$out/libpq.so.5"
