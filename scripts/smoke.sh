#!/usr/bin/env bash
# Starts the release node, loads it for a second with verification, asks it by the shell, and stops
# it.
# Needs `cargo build --release --workspace` first. Exits non-zero if anything is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
. scripts/lib/node.sh
trap 'kill_node; rm -rf "$work"' EXIT

"$bin/jerboa" --version
start_node --cores 1 --memory 128MiB

"$bin/jerboa-bench" --addr "$address" --duration 1 --warmup 1 --connections 10 --depth 4 \
  --keys 10000 --workload mixed --json "$work/report.json" --no-noop
grep -q '"verify_failures": *0' "$work/report.json" || { cat "$work/report.json"; exit 1; }

"$bin/jerboa" cli --addr "$address" put smoke 'it works' EX 60
[ "$("$bin/jerboa" cli --addr "$address" get smoke)" = 'it works' ]
printf 'incr n\nincr n 41\n' | "$bin/jerboa" cli --addr "$address" --json | grep -q '"value":42'
"$bin/jerboa" top --addr "$address" --once --interval-ms 200

stop_node || { echo "exit status $? after SIGTERM"; cat "$work/node.log"; exit 1; }
echo 'smoke: ok'
