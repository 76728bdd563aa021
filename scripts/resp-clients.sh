#!/usr/bin/env bash
# Real Redis clients against a release node with two cores: redis-cli, redis-benchmark, redis-py,
# valkey-py, Valkey GLIDE, coredis, node-redis, ioredis and iovalkey, each alone and as a cluster
# client, in Go go-redis (with what Olric's client sends) and redigo's cluster client, phpredis and
# redis-rb alone and as cluster clients, Perl's Redis, hiredis, and what the README shows. After each
# cluster client the node's own counters must show that at least 99.9 % of its commands arrived at
# the owning core. (redis-rs and its cluster client are in node/tests/resp_cluster.rs.)
#
#   scripts/resp-clients.sh            needs `cargo build --release --workspace` first
#
# Clients that are missing are installed: redis-tools, Go, PHP, Ruby and their clients, Perl's and C's
# from Debian, the libraries of Python and JavaScript into a folder that is removed afterwards. Only
# processes started here are ended, by their ids.
#
# memtier_benchmark and valkey-benchmark are in no package that was found for Debian 12, Python or
# JavaScript; resp-benchmark, whose load generator is written in Rust, stands in for them. The go-redis
# that Debian 12 packages is version 5: its cluster client knows COMMAND as it was before Redis 6 and
# finds no owner on later ones, so that redigo's is used there.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$PWD/node/tests/resp_clients
readme=$PWD/README.md
work=$(mktemp -d)
. scripts/lib/node.sh
trap 'kill_node; rm -rf "$work"' EXIT
fail() { echo "resp-clients: $1"; cat "$work/node.log" >&2 || true; exit 1; }
install() { install_packages "$@" || { cat "$work/apt.log"; exit 1; }; }

if ! command -v redis-cli >/dev/null || ! command -v redis-benchmark >/dev/null; then
  install redis-tools
fi
if ! command -v go >/dev/null || ! [ -d /usr/share/gocode/src/gopkg.in/redis.v5 ] ||
  ! [ -d /usr/share/gocode/src/github.com/mna/redisc ]; then
  install golang-go golang-gopkg-redis.v5-dev golang-github-mna-redisc-dev
fi
has_others() {
  php -r 'exit(extension_loaded("redis") ? 0 : 1);' && ruby -e 'require "redis"' && perl -MRedis -e 1 &&
    [ -e /usr/include/hiredis/hiredis.h ] && command -v gcc
}
if ! has_others >/dev/null 2>&1; then
  install php-cli php-redis ruby ruby-redis libredis-perl libhiredis-dev gcc libc6-dev
fi
gcc -Wall -Werror -O1 -o "$work/hiredis" "$programs/hiredis.c" -lhiredis
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q redis==8.1.0 valkey==6.2.0 \
  valkey-glide-sync==2.5.3 coredis==6.9.0 resp-benchmark==0.2.5 >"$work/pip.log" 2>&1 ||
  { cat "$work/pip.log"; exit 1; }
cp "$programs"/*.mjs "$work/"
(cd "$work" && npm init -y && npm install --silent redis@6.3.1 ioredis@6.0.0 iovalkey@0.4.0) \
  >"$work/npm.log" 2>&1 || { cat "$work/npm.log"; exit 1; }
for program in olric redisc; do
  GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$work/gocache" GOFLAGS='' \
    go build -o "$work/$program" "$programs/$program.go" >"$work/go.log" 2>&1 ||
    { cat "$work/go.log"; exit 1; }
done

start_node --cores 2 --memory 256MiB || fail 'the node did not start'

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
echo 'redis-benchmark ok'
# quietly COMMAND...: its output is shown only if it fails or speaks of an error.
quietly() {
  "$@" >"$work/benchmark" 2>&1 && ! grep -qi error "$work/benchmark" || { cat "$work/benchmark"; return 1; }
}
all_owned 'redis-benchmark --cluster' quietly redis-benchmark -h "$host" -p "$core_port" --cluster \
  -q -n 20000 -c 20 -r 100000 -t set,get,incr
all_owned 'resp-benchmark --cluster' quietly "$work/venv/bin/resp-benchmark" -h "$host" \
  -p "$core_port" --cluster -c 20 -n 20000 'SET {key uniform 100000} {value 64}'

python() { "$work/venv/bin/python" "$programs/$1.py" "${@:2}"; }
for name in redis valkey; do
  python redis_py "$host" "$port" "$name" || fail "$name-py"
  all_owned "$name-py cluster" python redis_py_cluster "$host" "$core_port" "$name"
done
for name in glide coredis_client; do
  python "$name" "$host" "$port" 2>"$work/python.log" || { cat "$work/python.log"; fail "$name"; }
  all_owned "$name cluster" python "$name" cluster "$host" "$core_port"
done
"$work/olric" "$address" || fail 'go-redis'
all_owned 'redigo cluster' "$work/redisc" "$core"
(cd "$work" && node node_redis.mjs "$host" "$port") || fail node-redis
all_owned 'node-redis cluster' node "$work/node_redis.mjs" cluster "$host" "$core_port"
for name in ioredis iovalkey; do
  (cd "$work" && node ioredis.mjs "$host" "$port" "$name") || fail "$name"
  all_owned "$name cluster" node "$work/ioredis.mjs" cluster "$host" "$core_port" "$name"
done

for program in 'php phpredis.php' 'ruby redis_rb.rb'; do
  read -r language file <<<"$program"
  "$language" "$programs/$file" "$host" "$port" || fail "$file"
  all_owned "$file cluster" "$language" "$programs/$file" cluster "$host" "$core_port"
done
timeout 60 perl "$programs/redis_pl.pl" "$host" "$port" || fail redis_pl.pl
timeout 60 "$work/hiredis" "$host" "$port" || fail hiredis

# as_the_readme_shows LANGUAGE FILE: its block of that language, with this node's ports.
as_the_readme_shows() {
  awk -v fence='```' -v language="$1" '$0 == fence { inside = 0 } inside { print }
    $0 == fence language { inside = 1 }' "$readme" |
    sed "s/7400/$port/g; s/7401/$core_port/g" >"$work/$2"
  [ -s "$work/$2" ] || fail "the README has no block of $1"
}
# prints WANTED COMMAND...
prints() {
  local wanted=$1 got
  got=$("${@:2}") || fail "${*:2} failed"
  [ "$got" = "$wanted" ] || fail "${*:2} printed '$got', not '$wanted'"
}
redis-cli -h "$host" -p "$port" FLUSHALL >/dev/null
as_the_readme_shows python readme.py
prints $'b\'Ann\' 1\nb\'Ann\'' "$work/venv/bin/python" "$work/readme.py"
as_the_readme_shows js readme.mjs
# A program goes on while its client is open.
echo 'await cluster.close();' >>"$work/readme.mjs"
prints Bo timeout 60 node "$work/readme.mjs"
echo 'what the README shows in Python and JavaScript ok'

stop_node || fail "exit status $? after SIGTERM"
echo 'resp-clients: ok'
