#!/usr/bin/env bash
# Compares this node with Redis and memcached on this machine and prints Markdown tables:
# throughput, latency and server CPU at depths 1, 8 and 32 for GET, 90/10 and SET; resident memory
# with 5 M entries; what idle connections and an idle server cost.
#
#   scripts/compare.sh            all of it, about twenty minutes
#   scripts/compare.sh --quick    a smoke of all of it, under two minutes; its figures mean nothing
#
# Every server in turn runs alone on SERVER_CPU, the clients on CLIENT_CPU; rounds alternate the
# order of the servers and the tables hold medians. Redis and memcached come from Debian if they are
# missing. Only processes started here are ended, by their ids. Reports stay in the folder that is
# printed last. To be set from outside: ROUNDS DURATION WARMUP KEYS CONNECTIONS DEPTHS WORKLOADS
# MEMORY_KEYS MEMORY_STEPS IDLE_CONNECTIONS SERVER_CPU CLIENT_CPU MINUTES_MAX SERVERS PARTS SKIP_BUILD OUT.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
case "${1:-}" in
  '') ;;
  --quick) quick=1 ;;
  *) sed -n '2,15p' "$0"; exit 2 ;;
esac

# default NAME FULL QUICK: sets NAME unless it is set from outside.
default() { [ -n "${!1:-}" ] || printf -v "$1" '%s' "$([ -n "$quick" ] && echo "$3" || echo "$2")"; }
default ROUNDS 3 1
default DURATION 5s 700ms
default WARMUP 1s 200ms
default KEYS 1000000 50000
default CONNECTIONS 50 50
default DEPTHS '1 8 32' '1 32'
default WORKLOADS 'get mixed set' 'get set'
default MEMORY_KEYS 5000000 100000
# The limit is searched to within this part of itself.
default MEMORY_STEPS 50 8
default IDLE_CONNECTIONS 10000 500
default SERVER_CPU 0 0
default CLIENT_CPU 1 1
default MINUTES_MAX 45 2
default SERVERS 'jerboa redis memcached' 'jerboa redis memcached'
default PARTS 'throughput memory idle' 'throughput memory idle'
OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/jerboa-compare.XXXXXX")}
mkdir -p "$OUT"

bin=${CARGO_TARGET_DIR:-target}/release
server=
address=

say() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
stop_server() {
  [ -n "$server" ] || return 0
  kill -TERM "$server" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$server" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
loader=
stop_all() {
  [ -z "$loader" ] || kill -KILL "$loader" 2>/dev/null || true
  stop_server
}
trap stop_all EXIT
trap 'exit 130' INT TERM

time_is_up() { [ "$SECONDS" -ge $((MINUTES_MAX * 60)) ]; }

prepare() {
  local missing=
  case " $SERVERS " in *' redis '*) command -v redis-server >/dev/null || missing="$missing redis-server" ;; esac
  case " $SERVERS " in *' memcached '*) command -v memcached >/dev/null || missing="$missing memcached" ;; esac
  if [ -n "$missing" ]; then
    say "installing$missing"
    # Installed for this comparison only: their services need not start.
    local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    # shellcheck disable=SC2086
    { $sudo apt-get install -y --no-install-recommends $missing || {
        $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; }; } \
      >"$OUT/apt.log" 2>&1 || { cat "$OUT/apt.log" >&2; exit 1; }
  fi
  [ -n "${SKIP_BUILD:-}" ] || cargo build --release --locked -p jerboa -p jerboa-bench >&2
  # Ten thousand connections need as many descriptors on both sides.
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
}

free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  echo 'no free port' >&2
  return 1
}

# start_server NAME LIMIT_MIB [FLAGS…]: starts it pinned, sets `server` and `address`.
start_server() {
  local name=$1 limit=$2 port
  shift 2
  port=$(free_port)
  : >"$OUT/$name.out"
  case "$name" in
    jerboa)
      taskset -c "$SERVER_CPU" "$bin/jerboa" serve --port 0 --cores "$SERVER_CPU," \
        --memory "${limit}MiB" "$@" >"$OUT/$name.out" 2>"$OUT/$name.log" & ;;
    redis)
      taskset -c "$SERVER_CPU" redis-server --bind 127.0.0.1 --port "$port" --save '' \
        --appendonly no --maxmemory "${limit}mb" --maxmemory-policy noeviction \
        --maxclients 20000 "$@" >"$OUT/$name.log" 2>&1 & ;;
    memcached)
      taskset -c "$SERVER_CPU" memcached -l 127.0.0.1 -p "$port" -U 0 -t 1 -c 20000 -m "$limit" \
        -u nobody "$@" >"$OUT/$name.log" 2>&1 & ;;
    *) echo "unknown server $name" >&2; exit 2 ;;
  esac
  server=$!
  address="127.0.0.1:$port"
  for _ in $(seq 300); do
    kill -0 "$server" 2>/dev/null || { tail -3 "$OUT/$name.log" >&2; wait "$server" || true; server=; return 1; }
    if [ "$name" = jerboa ]; then
      address=$(sed -n 's/^ready node=\([^ ]*\) .*/\1/p' "$OUT/$name.out")
      [ -z "$address" ] || return 0
    elif (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      return 0
    fi
    sleep 0.1
  done
  echo "$name did not start within 30 s" >&2
  return 1
}

bench() { # bench NAME FLAGS…
  local name=$1
  shift
  timeout 300 "$bin/jerboa-bench" --target "$name" --label "$name" --addr "$address" \
    --cores "$CLIENT_CPU" --quiet "$@"
}

# field FILE NAME: a number of a JSON report.
field() { sed -n "s/^ *\"$2\": \([-0-9.e]*\),\{0,1\}\$/\1/p" "$1" | head -1; }

resident_kib() { # all memory of the server, explicit huge pages among it
  awk '/^VmRSS:|^HugetlbPages:/ { sum += $2 } END { print sum }' "/proc/$server/status"
}

throughput() {
  local round name workload depth order file failed=0
  for round in $(seq "$ROUNDS"); do
    order=$SERVERS
    # Every round begins with another server.
    for _ in $(seq $((round - 1))); do
      # shellcheck disable=SC2086
      order=$(set -- $order; first=$1; shift; echo "$* $first")
    done
    for name in $order; do
      if time_is_up; then say 'time is up: the rest of the rounds is left out'; break 2; fi
      start_server "$name" 1024
      for workload in $WORKLOADS; do
        for depth in $DEPTHS; do
          file="$OUT/load.$name.$workload.$depth.$round.json"
          say "round $round: $name $workload depth $depth"
          if ! bench "$name" --workload "$workload" --depth "$depth" --connections "$CONNECTIONS" \
            --keys "$KEYS" --duration "$DURATION" --warmup "$WARMUP" --json "$file" \
            >"$OUT/last.txt" 2>&1; then
            cat "$OUT/last.txt" >&2
            rm -f "$file"
            failed=1
          fi
        done
      done
      stop_server
    done
  done
  local files=()
  for name in $SERVERS; do
    for file in "$OUT"/load."$name".*.json; do [ -e "$file" ] && files+=(--table "$file"); done
  done
  echo
  echo "One server core, $CONNECTIONS connections, keys of 16 B, values of 64 B, $KEYS keys," \
    "medians of $ROUNDS rounds of $DURATION:"
  echo
  "$bin/jerboa-bench" "${files[@]}"
  return $failed
}

# holds NAME LIMIT_MIB: whether the server keeps every key under this limit; sets `resident`.
holds() {
  local name=$1 limit=$2 file="$OUT/fill.$1.$2.json" kept=1
  start_server "$name" "$limit" 2>/dev/null || return 1
  bench "$name" --workload fill --keys "$MEMORY_KEYS" --connections 8 --no-verify --json "$file" \
    >"$OUT/last.txt" 2>&1 || kept=
  [ "$(field "$file" missing)" = 0 ] && [ "$(field "$file" refused)" = 0 ] || kept=
  resident=$(resident_kib)
  stop_server
  [ -n "$kept" ]
}

memory() {
  local name low high middle step best
  echo
  echo "Resident memory with $MEMORY_KEYS entries of 16 B keys and 64 B values, each server at the" \
    "smallest limit (to within 1/$MEMORY_STEPS) under which it keeps them all:"
  echo
  echo '| server | limit | resident | bytes per entry beyond key and value |'
  echo '|---|---:|---:|---:|'
  for name in $SERVERS; do
    # From the bare keys and values to three times as much and some fixed room.
    low=$((MEMORY_KEYS * 80 / 1048576))
    high=$((MEMORY_KEYS * 240 / 1048576 + 128))
    best=
    say "memory: $name up to ${high} MiB"
    if holds "$name" "$high"; then best=$resident; fi
    while [ -n "$best" ]; do
      step=$((high / MEMORY_STEPS > 1 ? high / MEMORY_STEPS : 1))
      [ $((high - low)) -gt "$step" ] || break
      if time_is_up; then say 'time is up: the limit is not the smallest'; break; fi
      middle=$(((low + high) / 2))
      if holds "$name" "$middle"; then high=$middle best=$resident; else low=$middle; fi
      say "memory: $name holds them between $low and $high MiB"
    done
    if [ -n "$best" ]; then
      awk -v n="$name" -v l="$high" -v k="$best" -v e="$MEMORY_KEYS" 'BEGIN {
        printf "| %s | %d MiB | %.0f MiB | %.1f |\n", n, l, k / 1024, k * 1024 / e - 80 }'
    else
      echo "| $name | more than $high MiB | | |"
    fi
  done
}

idle() {
  local name before after connected file
  echo
  echo "$IDLE_CONNECTIONS idle connections:"
  echo
  echo '| server | resident before | with them | bytes per connection | CPU while idle |'
  echo '|---|---:|---:|---:|---:|'
  for name in $SERVERS; do
    say "idle: $name"
    file="$OUT/idle.$name.json"
    if [ "$name" = jerboa ]; then
      start_server "$name" 256 --spin-us 0
    else
      start_server "$name" 256
    fi
    # One short load first, so that what the first connection costs is not counted.
    bench "$name" --workload get --keys 1000 --duration 300ms --warmup 0 --connections 4 --no-noop \
      >"$OUT/last.txt" 2>&1 || { cat "$OUT/last.txt" >&2; stop_server; continue; }
    sleep 0.5
    before=$(resident_kib)
    # Not by way of `bench`: its process id has to be the loader's own.
    "$bin/jerboa-bench" --target "$name" --addr "$address" --cores "$CLIENT_CPU" --quiet \
      --workload idle --connections "$IDLE_CONNECTIONS" --duration 5s --json "$file" \
      >"$OUT/last.txt" 2>&1 &
    loader=$!
    connected=
    for _ in $(seq 300); do
      connected=$(find "/proc/$server/fd" -mindepth 1 2>/dev/null | wc -l)
      [ "$connected" -lt "$IDLE_CONNECTIONS" ] || break
      kill -0 "$loader" 2>/dev/null || break
      sleep 0.1
    done
    sleep 1
    after=$(resident_kib)
    if wait "$loader" && [ "$connected" -ge "$IDLE_CONNECTIONS" ]; then
      awk -v n="$name" -v b="$before" -v a="$after" -v c="$IDLE_CONNECTIONS" \
        -v u="$(field "$file" idle_cpu)" 'BEGIN {
          printf "| %s | %.1f MiB | %.1f MiB | %.0f | %.2f %% |\n",
            n, b / 1024, a / 1024, (a - b) * 1024 / c, u * 100 }'
    else
      cat "$OUT/last.txt" >&2
      echo "| $name | | not reached: $connected descriptors | | |"
    fi
    loader=
    stop_server
  done
}

prepare
say "reports go to $OUT"
status=0
for part in $PARTS; do "$part" || status=1; done
echo
say "done after $SECONDS s; reports are in $OUT"
exit $status
