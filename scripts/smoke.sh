#!/usr/bin/env bash
# Starts the release node, loads it for a second with verification, asks it by the shell, and stops
# it.
# Needs `cargo build --release --workspace` first. Exits non-zero if anything is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
node=
stop() { [ -z "$node" ] || kill -KILL "$node" 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT

"$bin/jerboa" --version
"$bin/jerboa" serve --port 0 --cores 1 --memory 128MiB >"$work/out" 2>"$work/log" &
node=$!
for _ in $(seq 100); do
  grep -q '^ready ' "$work/out" && break
  kill -0 "$node" || { cat "$work/log"; echo 'the node ended before it was ready'; exit 1; }
  sleep 0.1
done
address=$(sed -n 's/^ready node=\([^ ]*\) .*/\1/p' "$work/out")
[ -n "$address" ] || { cat "$work/log"; echo 'no ready line within ten seconds'; exit 1; }

"$bin/jerboa-bench" --addr "$address" --duration 1 --warmup 1 --connections 10 --depth 4 \
  --keys 10000 --workload mixed --json "$work/report.json" --no-noop
grep -q '"verify_failures": *0' "$work/report.json" || { cat "$work/report.json"; exit 1; }

"$bin/jerboa" cli --addr "$address" put smoke 'it works' EX 60
[ "$("$bin/jerboa" cli --addr "$address" get smoke)" = 'it works' ]
printf 'incr n\nincr n 41\n' | "$bin/jerboa" cli --addr "$address" --json | grep -q '"value":42'
"$bin/jerboa" top --addr "$address" --once --interval-ms 200

kill -TERM "$node"
wait "$node" || { cat "$work/log"; echo "exit status $? after SIGTERM"; exit 1; }
node=
echo 'smoke: ok'
