#!/usr/bin/env bash
# The exporter that most installations read Redis with, against a release node with two cores: it
# has to find the node up, log no error, and show figures that agree with what was done.
#
#   scripts/resp-exporter.sh           needs `cargo build --release --workspace` first
#
# The exporter and redis-cli are installed from Debian where they are missing. Where they cannot be,
# the check says so and is skipped, unless JERBOA_REQUIRE_EXPORTER=1, as in CI. Only processes
# started here are ended, by their ids.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
. scripts/lib/node.sh
exporter=
stop() {
  [ -z "$exporter" ] || kill -KILL "$exporter" 2>/dev/null || true
  kill_node
  rm -rf "$work"
}
trap stop EXIT
fail() { echo "resp-exporter: $1"; cat "$work/exporter.log" "$work/node.log" >&2 2>/dev/null || true; exit 1; }

has_all() { command -v prometheus-redis-exporter && command -v redis-cli && command -v curl; }
if ! has_all >/dev/null; then
  install_packages prometheus-redis-exporter redis-tools curl || true
fi
if ! has_all >/dev/null; then
  [ "${JERBOA_REQUIRE_EXPORTER:-}" != 1 ] || { cat "$work/apt.log"; fail 'cannot be installed'; }
  echo 'resp-exporter: skipped: prometheus-redis-exporter, redis-tools and curl cannot be installed here'
  exit 0
fi

start_node --cores 2 --memory 64MiB || fail 'the node did not start'

cli() { redis-cli -h "$host" -p "$port" "$@" >"$work/reply"; }
for number in $(seq 50); do echo "SET key:$number value"; echo "GET key:$number"; done >"$work/commands"
for number in $(seq 20); do echo "GET none:$number"; done >>"$work/commands"
echo 'SET ends value EX 1000' >>"$work/commands"
cli <"$work/commands"
cli INCR key:1 || true

# scrape ADDRESS: the exporter's metrics of what listens there, into $work/metrics.
scrape() {
  local port
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    prometheus-redis-exporter -redis.addr "redis://$1" -web.listen-address "127.0.0.1:$port" \
      -include-system-metrics >"$work/exporter.log" 2>&1 &
    exporter=$!
    for _ in $(seq 50); do
      curl -sf "http://127.0.0.1:$port/metrics" >"$work/metrics" && break
      kill -0 "$exporter" 2>/dev/null || break
      sleep 0.1
    done
    kill "$exporter" 2>/dev/null || true
    wait "$exporter" 2>/dev/null || true
    exporter=
    [ ! -s "$work/metrics" ] || break
  done
  [ -s "$work/metrics" ] || fail "no metrics of $1"
  ! grep -E 'level=(error|warning|fatal)' "$work/exporter.log" || fail "the exporter complains of $1"
}
# value NAME: the sum of a metric over its labels.
value() {
  awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $NF; found = 1 }
    END { if (!found) exit 1; printf "%.6f\n", sum }' "$work/metrics"
}
# check NAME OPERATOR NUMBER: what the metric has to be.
check() {
  local found
  found=$(value "$1") || fail "no metric $1"
  awk -v found="$found" -v wanted="$3" "BEGIN { exit !(found $2 wanted) }" ||
    fail "$1 is $found, not $2 $3"
}

sleep 0.3
scrape "$address"
check redis_up == 1
check redis_exporter_last_scrape_error == 0
check redis_db_keys == 51
check redis_db_keys_expiring == 1
check redis_keyspace_hits_total == 50
check redis_keyspace_misses_total == 20
check redis_commands_processed_total '>=' 122
check redis_connections_received_total '>=' 2
check redis_connected_clients '>=' 1
check redis_config_maxclients '>' 0
check redis_memory_max_bytes == $((64 << 20))
check redis_memory_used_bytes '>' 0
check redis_memory_used_bytes '<' $((64 << 20))
check redis_memory_used_peak_bytes '>' 0
check redis_memory_used_dataset_bytes '>' 1000
check redis_memory_used_rss_bytes '>' $((16 << 20))
check redis_mem_fragmentation_ratio '>' 0
check redis_net_input_bytes_total '>' 3000
check redis_net_output_bytes_total '>' 500
check redis_cpu_user_seconds_total '>' 0
check redis_cpu_sys_seconds_total '>' 0
check redis_uptime_in_seconds '<' 600
check redis_expired_keys_total == 0
check redis_evicted_keys_total == 0
check redis_rejected_connections_total == 0
check redis_blocked_clients == 0
check redis_connected_slaves == 0
check redis_loading_dump_file == 0
check redis_commands_total '>=' 121
check redis_commands_duration_seconds_total '>' 0
check redis_commands_failed_calls_total '>=' 1
check redis_errors_total '>=' 1
check redis_latency_percentiles_usec '>' 0
check redis_pubsub_channels == 0
check redis_pubsub_patterns == 0
check redis_slowlog_length '>=' 0
check redis_instance_info == 1
check redis_start_time_seconds '>' 1700000000
grep -q 'redis_instance_info{.*role="master".*}' "$work/metrics" || fail 'no role'
grep -q 'redis_instance_info{.*tcp_port="'"$port"'".*}' "$work/metrics" || fail 'no port'
echo "resp-exporter: $(grep -c '^redis_' "$work/metrics") metrics of the node"

# A core's own port is a node of a cluster.
scrape "$core"
check redis_up == 1
check redis_cluster_enabled == 1
check redis_cluster_known_nodes == 2
check redis_cluster_slots_assigned == 16384
echo "resp-exporter: $(grep -c '^redis_' "$work/metrics") metrics of a core"

stop_node || fail "exit status $? after SIGTERM"
echo 'resp-exporter: ok'
