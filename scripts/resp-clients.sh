#!/usr/bin/env bash
# Real Redis clients against a release node with two cores: redis-cli, redis-benchmark, redis-py
# and node-redis and ioredis, each alone and as a cluster client. After each cluster client the
# node's own counters must show that at least 99.9 % of its commands arrived at the owning core.
#
#   scripts/resp-clients.sh            needs `cargo build --release --workspace` first
#
# Clients that are missing are installed: redis-tools from Debian, the libraries into a folder that
# is removed afterwards. Only processes started here are ended, by their ids.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release
bin=$(cd "$bin" && pwd)
programs=$PWD/node/tests/resp_clients
work=$(mktemp -d)
node=
stop() { [ -z "$node" ] || kill -KILL "$node" 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT
fail() { echo "resp-clients: $1"; cat "$work/log" >&2 || true; exit 1; }

if ! command -v redis-cli >/dev/null || ! command -v redis-benchmark >/dev/null; then
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  { $sudo apt-get install -y --no-install-recommends redis-tools || {
      $sudo apt-get update && $sudo apt-get install -y --no-install-recommends redis-tools; }; } \
    >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; exit 1; }
fi
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q redis==8.1.0 >"$work/pip.log" 2>&1 ||
  { cat "$work/pip.log"; exit 1; }
cp "$programs"/*.mjs "$work/"
(cd "$work" && npm init -y && npm install --silent redis@6.3.1 ioredis@6.0.0) >"$work/npm.log" 2>&1 ||
  { cat "$work/npm.log"; exit 1; }

"$bin/jerboa" serve --port 0 --cores 2 --memory 256MiB >"$work/out" 2>"$work/log" &
node=$!
for _ in $(seq 100); do
  grep -q '^ready ' "$work/out" && break
  kill -0 "$node" || fail 'the node ended before it was ready'
  sleep 0.1
done
address=$(sed -n 's/^ready node=\([^ ]*\) .*/\1/p' "$work/out")
core=$(sed -n 's/.* cores=\([^ ,]*\).*/\1/p' "$work/out")
[ -n "$address" ] && [ -n "$core" ] || fail 'no ready line within ten seconds'
host=${address%:*} port=${address##*:} core_port=${core##*:}

# sum NAME: over the cores, from the INFO section with the node's own counters.
sum() {
  redis-cli -h "$host" -p "$port" INFO jerboa | tr -d '\r' |
    awk -F: -v name="$1" '$1 ~ "^core[._][0-9]+[._]" name "$" { sum += $2 } END { print sum + 0 }'
}
# all_owned WHO COMMAND...: its commands reach the owning core, but for one in a thousand.
all_owned() {
  local who=$1 before_ops before_lost ops lost
  shift
  sleep 0.2
  before_ops=$(sum ops) before_lost=$(($(sum forwarded) + $(sum moved)))
  "$@" || fail "$who failed"
  sleep 0.2
  ops=$(($(sum ops) - before_ops)) lost=$(($(sum forwarded) + $(sum moved) - before_lost))
  echo "$who: $ops commands, $lost of them not at the owning core"
  [ "$ops" -ge 3000 ] || fail "$who: the counters moved by $ops only"
  [ $((lost * 1000)) -le "$ops" ] || fail "$who did not find the owning cores"
}

cli() { redis-cli -h "$host" -p "$port" "$@"; }
[ "$(cli PING)" = PONG ] || fail 'redis-cli: PING'
[ "$(cli SET cli:a 1)" = OK ] && [ "$(cli GET cli:a)" = 1 ] || fail 'redis-cli: SET and GET'
[ "$(cli -3 GET cli:a)" = 1 ] || fail 'redis-cli -3'
for number in $(seq 50); do echo "SET cli:pipe:$number $number"; done | cli --pipe >"$work/pipe" ||
  fail 'redis-cli --pipe'
grep -q 'errors: 0, replies: 50' "$work/pipe" || fail "redis-cli --pipe: $(cat "$work/pipe")"
[ "$(cli --scan --pattern 'cli:pipe:*' | wc -l)" = 50 ] || fail 'redis-cli --scan'
[ "$(redis-cli -c -h "$host" -p "$core_port" SET cli:b 2)" = OK ] || fail 'redis-cli -c'
[ "$(redis-cli -c -h "$host" -p "$core_port" GET cli:b)" = 2 ] || fail 'redis-cli -c'
echo 'redis-cli ok'

redis-benchmark -h "$host" -p "$port" -q -n 20000 -c 20 -P 8 -t ping,set,get,incr,mset \
  >"$work/benchmark" 2>&1 || { cat "$work/benchmark"; fail 'redis-benchmark'; }
! grep -qi error "$work/benchmark" || { cat "$work/benchmark"; fail 'redis-benchmark'; }
redis-benchmark -h "$host" -p "$core_port" --cluster -q -n 20000 -c 20 -t set,get \
  >"$work/benchmark" 2>&1 || { cat "$work/benchmark"; fail 'redis-benchmark --cluster'; }
! grep -qi error "$work/benchmark" || { cat "$work/benchmark"; fail 'redis-benchmark --cluster'; }
echo 'redis-benchmark ok'

"$work/venv/bin/python" "$programs/redis_py.py" "$host" "$port" || fail redis-py
all_owned 'redis-py cluster' "$work/venv/bin/python" "$programs/redis_py_cluster.py" "$host" "$core_port"
(cd "$work" && node node_redis.mjs "$host" "$port") || fail node-redis
all_owned 'node-redis cluster' node "$work/node_redis.mjs" cluster "$host" "$core_port"
(cd "$work" && node ioredis.mjs "$host" "$port") || fail ioredis
all_owned 'ioredis cluster' node "$work/ioredis.mjs" cluster "$host" "$core_port"

kill -TERM "$node"
wait "$node" || fail "exit status $? after SIGTERM"
node=
echo 'resp-clients: ok'
