#!/usr/bin/env bash
# What expiry and eviction cost at the tail: p99.9 over the socket at half of the throughput of
# 50 connections, with both at work all the time and without either, the same requests at the same rate.
#
#   scripts/tail.sh            about two minutes; needs `cargo build --release --workspace` first
#
# Both nodes run at once on SERVER_CPU, one of them idle, the loader on CLIENT_CPU; rounds alternate.
# To be set from outside: ROUNDS DURATION KEYS SERVER_CPU CLIENT_CPU RATE OUT.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release
ROUNDS=${ROUNDS:-5} DURATION=${DURATION:-8s} KEYS=${KEYS:-1000000}
SERVER_CPU=${SERVER_CPU:-0} CLIENT_CPU=${CLIENT_CPU:-1}
OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/jerboa-tail.XXXXXX")}
mkdir -p "$OUT"
nodes=()
stop() { for pid in "${nodes[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done; }
trap stop EXIT

# start NAME MEMORY: a node whose address is left in address_NAME.
start() {
  "$bin/jerboa" serve --port 0 --cores "$SERVER_CPU," --memory "$2" >"$OUT/$1.out" 2>"$OUT/$1.log" &
  nodes+=($!)
  for _ in $(seq 200); do
    grep -q '^ready ' "$OUT/$1.out" && break
    sleep 0.1
  done
  printf -v "address_$1" '%s' "$(sed -n 's/^ready node=\([^ ]*\) .*/\1/p' "$OUT/$1.out")"
}
start calm 1GiB
# Room for about a quarter of the keys.
start busy 32MiB

# load NAME ADDRESS ARGUMENTS...: half reads, half writes.
load() {
  local name=$1 address=$2
  shift 2
  taskset -c "$CLIENT_CPU" "$bin/jerboa-bench" --addr "$address" --cores "$CLIENT_CPU" \
    --connections 50 --workload mixed --get-ratio 0.5 --keys "$KEYS" --seed 1 \
    --no-noop --quiet --json "$OUT/$name.json" "$@" >/dev/null
}
number() { sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" "$OUT/$1.json" | head -1; }
median() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

TTL='700ms:1,3s:1,20s:1'
if [ -z "${RATE:-}" ]; then
  # One request at a time on each connection: at deeper loads the loader's own core queues first,
  # and its milliseconds would hide the node's.
  load most "$address_calm" --depth 1 --duration 3s
  RATE=$(number most ops_per_s | awk '{ printf "%d", $1 / 2 }')
fi
echo "rate: $RATE requests a second" >&2
load warm-busy "$address_busy" --rate "$RATE" --duration 3s --ttl "$TTL" --allow-loss
for round in $(seq "$ROUNDS"); do
  load "calm-$round" "$address_calm" --rate "$RATE" --duration "$DURATION" --no-prefill
  load "busy-$round" "$address_busy" --rate "$RATE" --duration "$DURATION" --no-prefill \
    --ttl "$TTL" --allow-loss
done
echo "| | p50 µs | p99 µs | p99.9 µs |"
echo "|---|---|---|---|"
for name in calm busy; do
  row="| $name |"
  for quantile in p50 p99 p999; do
    row="$row $(for round in $(seq "$ROUNDS"); do number "$name-$round" "$quantile"; done | median) |"
  done
  echo "$row"
done
for round in $(seq "$ROUNDS"); do
  printf '%s %s\n' "$(number "busy-$round" p999)" "$(number "calm-$round" p999)"
done | awk '{ printf "%.3f\n", $1 / $2 }' | median | sed 's/^/ratio of p99.9, median of the rounds: /'
counts() { "$bin/jerboa" cli --addr "$address_busy" stats | awk -v name="core.0.$1" '$1 == name { print $2 }'; }
expired=$(counts expired) evicted=$(counts evicted)
echo "the busy node expired $expired and evicted $evicted entries"
[ "${expired:-0}" -gt 0 ] && [ "${evicted:-0}" -gt 0 ] || { echo 'one of them was not at work' >&2; exit 1; }
echo "reports in $OUT" >&2
