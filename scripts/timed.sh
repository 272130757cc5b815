#!/usr/bin/env bash
# Runs a compiler and notes its processor time. Usage: timed.sh LOG COMPILER …
# Adds a line to LOG: seconds of processor time, a tab, and the output. scripts/build_times.py reads it.
log=$1
shift
"$@"
status=$?
output=
for ((i = 1; i < $#; ++i)); do
  if [ "${!i}" = -o ]; then
    next=$((i + 1)) output=${!next}
    break
  fi
done
times >"$log.$$" # not in a pipe: there it would be the times of another shell
# The last line is what the children took: 0m1.234s 0m0.123s.
awk -v output="$output" 'END { split($1, u, "[ms]"); split($2, s, "[ms]"); printf "%.2f\t%s\n", u[1] * 60 + u[2] + s[1] * 60 + s[2], output }' \
  "$log.$$" >>"$log"
rm -f "$log.$$"
exit $status
