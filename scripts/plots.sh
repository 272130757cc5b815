#!/usr/bin/env bash
# Draws the plots of docs/hit-ratio.md again, from the traces in the folder TERRACE_TRACES; about a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
traces=${TERRACE_TRACES:?names the folder that holds the traces}
terrace=${TERRACE:-build/release/bin/terrace}

plot() { # FILE SIZES
  local name=${1%.zst}
  "$terrace" simulate "$traces/$1" --policy belady,adaptive,s3fifo,w-tinylfu,lru,lfu,fifo --entries "$2" \
    --plot "docs/hit-ratio/${name%.*}.svg" > /dev/null
}

mkdir -p docs/hit-ratio
plot web07.keys.zst 100..10000
plot orm-busy.keys.zst 75..38000
plot arc_OLTP.keys.zst 200..100000
plot cpio.keys.zst 200..25000
plot tencentBlock.ns3300.csv.zst 100..20000
plot lirs_multi3.keys.zst 50..4000
plot lirs_sprite.keys.zst 70..4000
