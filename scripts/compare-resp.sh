#!/usr/bin/env bash
# Compares this node with Redis through redis-benchmark on this machine and prints a Markdown table:
# throughput and server CPU per operation of GET, SET and INCR with 50 clients at -P 1, 16 and 64,
# over keys that are there; then what a second server core does to the CPU per operation when a
# cluster client asks each core for its own keys.
#
#   scripts/compare-resp.sh            about five minutes
#   scripts/compare-resp.sh --quick    a smoke of all of it; its figures mean nothing
#
# Both servers run on SERVER_CPU with one core; redis-benchmark on CLIENT_CPU asks one while the other
# is idle. They alternate from one measurement to the next, because a machine is not as fast now as in
# a minute. The table holds medians; its ratios are the medians of those of neighbouring measurements.
# Where the client is the limit, compare the CPU.
#
# Only processes started here are ended, by their ids. To be set from outside: ROUNDS SECONDS_EACH
# DEPTHS TESTS CLIENTS KEYS VALUE_BYTES SERVER_CPU CLIENT_CPU SKIP_BUILD OUT, and NODE_ARGUMENTS, what
# the node is started with besides.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  '') rounds=3 seconds=3 ;;
  --quick) rounds=1 seconds=1 ;;
  *) sed -n '2,17p' "$0"; exit 2 ;;
esac
ROUNDS=${ROUNDS:-$rounds}
SECONDS_EACH=${SECONDS_EACH:-$seconds}
DEPTHS=${DEPTHS:-1 16 64}
TESTS=${TESTS:-GET SET INCR}
CLIENTS=${CLIENTS:-50}
KEYS=${KEYS:-100000}
VALUE_BYTES=${VALUE_BYTES:-64}
SERVER_CPU=${SERVER_CPU:-0}
CLIENT_CPU=${CLIENT_CPU:-1}
read -ra node_arguments <<<"${NODE_ARGUMENTS:-}"
OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/jerboa-resp.XXXXXX")}
mkdir -p "$OUT"
work=$OUT
. scripts/lib/node.sh

for tool in redis-server redis-benchmark; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install redis" >&2; exit 1; }
done
[ -n "${SKIP_BUILD:-}" ] || cargo build --release --locked -p jerboa >&2

redis=
stop_server() {
  stop_node || true
  [ -n "$redis" ] || return 0
  kill -TERM "$redis" 2>/dev/null || true
  wait "$redis" 2>/dev/null || true
  redis=
}
trap stop_server EXIT
trap 'exit 130' INT TERM

# start NAME CPUS: starts it pinned, one core of a node for each CPU of the list; sets `server`, its
# process, and `port`.
start() {
  if [ "$1" = jerboa ]; then
    node_prefix=(taskset -c "$2")
    start_node --cores "$2," --memory 512MiB "${node_arguments[@]}"
    server=$node
    return
  fi
  port=$((20000 + RANDOM % 10000))
  taskset -c "$2" redis-server --bind 127.0.0.1 --port "$port" --save '' \
    --appendonly no >"$OUT/redis.log" 2>&1 &
  redis=$! server=$!
  for _ in $(seq 300); do
    kill -0 "$redis" 2>/dev/null || { tail -3 "$OUT/redis.log" >&2; exit 1; }
    ! redis-cli -p "$port" ping >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  echo 'redis did not start within 30 s' >&2
  exit 1
}

# fill: writes each key at least once in all likelihood, so that reads find something.
fill() {
  redis-benchmark -p "$port" -c "$CLIENTS" -P 16 -r "$KEYS" -d "$VALUE_BYTES" -t set,incr \
    -n $((KEYS * 6)) --csv >/dev/null 2>&1
}

# measure NAME TEST DEPTH [REDIS-BENCHMARK-ARGUMENT...]: appends "op/s µs/op" to the file of that
# case. A first short run tells how many requests fill the time.
measure() {
  local name=$1 test=$2 depth=$3 count rate before after
  local run=(taskset -c "$client_cpus" redis-benchmark -p "$port" -c "$CLIENTS" -P "$depth"
    -r "$KEYS" -d "$VALUE_BYTES" -t "${test,,}" --csv "${@:4}")
  rate() { "${run[@]}" -n "$1" 2>/dev/null | tr -d '"' | awk -F, -v t="$test" '$1 == t { print $2 }'; }
  rate=$(rate 50000)
  count=$(awk -v r="$rate" -v s="$SECONDS_EACH" 'BEGIN { print int(r * s) }')
  before=$(cpu_us "$server")
  rate=$(rate "$count")
  after=$(cpu_us "$server")
  awk -v r="$rate" -v c="$count" -v us=$((after - before)) \
    'BEGIN { printf "%.0f %.3f\n", r, us / c }' >>"$OUT/$name.$test.$depth"
}

client_cpus=$CLIENT_CPU
declare -A ports servers
for name in jerboa redis; do
  start "$name" "$SERVER_CPU"
  fill
  ports[$name]=$port servers[$name]=$server
done
for depth in $DEPTHS; do
  for test in $TESTS; do
    for round in $(seq "$ROUNDS"); do
      names='jerboa redis'
      [ $((round % 2)) = 1 ] || names='redis jerboa'
      for name in $names; do
        port=${ports[$name]} server=${servers[$name]}
        measure "$name" "$test" "$depth"
      done
    done
  done
done
stop_server

# One server core and two, the client free to run on both CPUs: on a machine with no CPU to spare the
# client is the limit, and what the servers spend on an operation says how they would scale.
# redis-benchmark takes no cluster of one node, so the one core is asked without --cluster.
client_cpus=$SERVER_CPU,$CLIENT_CPU
for _ in $(seq "$ROUNDS"); do
  start jerboa "$SERVER_CPU"
  fill
  for test in $TESTS; do measure one "$test" 16; done
  stop_server
  start jerboa "$SERVER_CPU,$CLIENT_CPU"
  fill
  port=$core_port
  for test in $TESTS; do measure two "$test" 16 --cluster; done
  stop_server
done

echo '| command | -P | jerboa op/s | redis op/s | throughput | jerboa CPU µs/op | redis CPU µs/op | CPU |'
echo '|---|---:|---:|---:|---:|---:|---:|---:|'
for test in $TESTS; do
  for depth in $DEPTHS; do
    ours=$OUT/jerboa.$test.$depth theirs=$OUT/redis.$test.$depth both=$OUT/both.$test.$depth
    paste -d ' ' "$ours" "$theirs" | awk '{ print $1 / $3, $2 / $4 }' >"$both"
    awk -v t="$test" -v d="$depth" -v a="$(median "$ours" 1)" -v b="$(median "$theirs" 1)" \
      -v x="$(median "$ours" 2)" -v y="$(median "$theirs" 2)" \
      -v r="$(median "$both" 1)" -v s="$(median "$both" 2)" 'BEGIN {
        printf "| %s | %d | %.0f k | %.0f k | %.2f x | %.2f | %.2f | %.2f x |\n",
          t, d, a / 1000, b / 1000, r, x, y, s }'
  done
done

echo
echo '| command | -P | one core µs/op | two cores µs/op | two cores do, at the same CPU |'
echo '|---|---:|---:|---:|---:|'
for test in $TESTS; do
  awk -v t="$test" -v x="$(median "$OUT/one.$test.16" 2)" -v y="$(median "$OUT/two.$test.16" 2)" \
    'BEGIN { printf "| %s | 16 | %.2f | %.2f | %.2f x |\n", t, x, y, 2 * x / y }'
done
echo "reports: $OUT" >&2
