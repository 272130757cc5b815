#!/usr/bin/env bash
# The demonstration behind `make demo`: replays a trace through memory, Redis and SQLite, and shows what that saves.
# TRACE=file replays that trace instead of a generated one. The replay takes under a minute; then its status page is served
# until Ctrl-C, unless standard output is no terminal. --serve and --no-serve say so by name. Leaves nothing behind.
set -euo pipefail

serve=no
if [[ -t 1 ]]; then serve=yes; fi
for argument in "$@"; do
  case $argument in
    --serve) serve=yes ;;
    --no-serve) serve=no ;;
    *)
      echo "demo: unknown option $argument; the options are --serve and --no-serve" >&2
      exit 2
      ;;
  esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
terrace=${TERRACE:-$root/build/release/bin/terrace}
if [[ ! -x $terrace ]]; then
  echo "demo: $terrace does not exist: run \`make demo\`, which builds it" >&2
  exit 2
fi

folder=$(mktemp -d)
server_pid=
clean_up() {
  if [[ -n $server_pid ]]; then
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts the server on a free port of this machine, without persistence; sets port and server_pid.
start_redis() {
  local server=$1 attempt tick
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    : >"$folder/redis.log"
    "$server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no --dir "$folder" \
      --maxmemory 16mb --maxmemory-policy allkeys-lru >"$folder/redis.log" 2>&1 &
    server_pid=$!
    for tick in {1..50}; do
      if grep -q "Ready to accept connections" "$folder/redis.log"; then return 0; fi
      if ! kill -0 "$server_pid" 2>/dev/null; then break; fi
      sleep 0.1
    done
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
  done
  return 1
}

# What the origin takes for a load, and how many callers ask at once.
latency=2ms
callers=8

if [[ -n ${TRACE:-} ]]; then
  trace=$TRACE
  echo "The trace: $TRACE"
else
  trace=$folder/generated.csv
  "$terrace" workload --requests 200000 --keys 30000 --seed 1 >"$trace"
  echo "The trace: generated, not real: 200,000 requests of a simulated shop. A few keys are popular, popularity"
  echo "drifts, some keys occur only once, and there are occasional scans. It is the same every time (seed 1)."
fi

levels=(--memory-entries 2000)
echo
echo "The levels, looked up from the top. The first level that has the value answers, and the levels above it are filled:"
echo "  memory   2,000 entries in this process"
server=$(command -v redis-server || command -v valkey-server || true)
if [[ -z $server ]]; then
  echo "  redis    left out: neither redis-server nor valkey-server is installed"
elif start_redis "$server"; then
  echo "  redis    $(basename "$server"), started on port $port for this demo, 16 MB, nothing written to disk"
  levels+=(--redis "redis://127.0.0.1:$port")
else
  echo "  redis    left out: $server did not start: $(tail -n 1 "$folder/redis.log")"
fi
levels+=(--sqlite "$folder/cache.db")
echo "  sqlite   a file in a temporary folder, used only by this process (scope=fleet: no other process changes Redis)"
echo "  origin   simulated; a load takes $latency, as with a database or a service. $callers concurrent callers."
echo

echo "How to read the table: each level got only the requests that the levels above it missed; the origin got the rest."
echo "Try your own: TRACE=access.log make demo, or build/release/bin/terrace replay --help"
page=()
if [[ $serve == yes ]]; then
  page=(--serve=127.0.0.1:0)
  # The program ends in order on Ctrl-C, and this script after it.
  trap : INT
fi
echo

# Ends long traces early: the figures up to there are shown.
status=0
"$terrace" replay "$trace" "${levels[@]}" --origin-latency "$latency" --threads "$callers" \
  --time-limit 45s ${page[@]+"${page[@]}"} || status=$?
exit "$status"
