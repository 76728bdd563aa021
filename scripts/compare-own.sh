#!/usr/bin/env bash
# What this node does beside itself: RESP beside its own protocol, counting on one key beside reading
# it, and redis-benchmark at -P 1 with and without spinning before sleep. Prints Markdown tables.
#
#   scripts/compare-own.sh     about three minutes; needs `cargo build --release --workspace` first
#
# One server core on SERVER_CPU, the loader on CLIENT_CPU; what is compared alternates, and the tables
# hold medians. Only processes started here are ended, by their ids. To be set from outside: ROUNDS
# DURATION KEYS SERVER_CPU CLIENT_CPU.
set -euo pipefail
cd "$(dirname "$0")/.."
ROUNDS=${ROUNDS:-5} DURATION=${DURATION:-2s} KEYS=${KEYS:-100000}
SERVER_CPU=${SERVER_CPU:-0} CLIENT_CPU=${CLIENT_CPU:-1}
command -v redis-benchmark >/dev/null || { echo 'redis-benchmark is missing: apt-get install redis-tools' >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/jerboa-own.XXXXXX")
. scripts/lib/node.sh
trap 'stop_node || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# start [ARGUMENT...]: a node with one core.
start() { start_node --cores "$SERVER_CPU," --memory 512MiB "$@"; }

# load FILE ARGUMENT...: appends "thousand op/s, µs of server CPU an operation" at depth 32.
load() {
  local file=$1
  shift
  taskset -c "$CLIENT_CPU" "$bin/jerboa-bench" --addr "$address" --cores "$CLIENT_CPU" --depth 32 \
    --duration "$DURATION" --warmup 500ms --no-noop --quiet --json "$work/report.json" "$@" >"$work/report"
  awk '/^throughput/ { rate = $2 * ($3 == "M" ? 1000 : 1) } /^server CPU/ { print rate, $3 }' "$work/report" >>"$work/$file"
}

# row TITLE FILE FILE COLUMN: both medians and what the first is of the second.
row() {
  awk -v title="$1" -v a="$(median "$work/$2" "$4")" -v b="$(median "$work/$3" "$4")" \
    'BEGIN { printf "| %s | %.3f | %.3f | %.2f x |\n", title, a, b, a / b }'
}

start
for _ in $(seq "$ROUNDS"); do
  for workload in get set; do
    load "resp.$workload" --target redis --workload "$workload" --keys "$KEYS"
    load "own.$workload" --workload "$workload" --keys "$KEYS"
  done
  load hot.incr --workload incr --keys 1
  load hot.get --workload get --keys 1
done
stop_node || true
for _ in $(seq "$ROUNDS"); do
  for spin in 20 0; do
    start --spin-us "$spin"
    benchmark() {
      taskset -c "$CLIENT_CPU" redis-benchmark -p "$port" -c 50 -P 1 -r "$KEYS" -d 64 --csv "$@" 2>/dev/null
    }
    benchmark -t set -n $((KEYS * 3)) >/dev/null
    before=$(cpu_us "$node")
    rate=$(benchmark -t get -n 200000 | tr -d '"' | awk -F, '$1 == "GET" { print $2 / 1000 }')
    after=$(cpu_us "$node")
    awk -v r="$rate" -v us=$((after - before)) 'BEGIN { print r, us / 200000 }' >>"$work/spin.$spin"
    stop_node || true
  done
done

echo '| server CPU at depth 32, µs/op | RESP | own protocol | |'
echo '|---|---:|---:|---:|'
row GET resp.get own.get 2
row SET resp.set own.set 2
echo
echo '| one key at depth 32, thousand op/s | INCR | GET | |'
echo '|---|---:|---:|---:|'
row 'one server core' hot.incr hot.get 1
echo
echo '| GET of redis-benchmark -P 1 | --spin-us 0 | 20, as it comes | |'
echo '|---|---:|---:|---:|'
row 'thousand op/s' spin.0 spin.20 1
row 'server CPU, µs/op' spin.0 spin.20 2
