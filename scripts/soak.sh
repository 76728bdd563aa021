#!/usr/bin/env bash
# Random client misbehaviour against the release node, for minutes: scripts/soak.sh [SECONDS] [SEED]
# (default 180 seconds, a new seed each time, printed). Exits non-zero if a well-behaved client
# noticed anything, memory grew beyond its bound, or a connection or descriptor was left.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-180}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [SECONDS] [SEED]" >&2; exit 2; }
export JERBOA_SOAK_SECONDS=$seconds
export JERBOA_TEST_SEED=${2:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $JERBOA_TEST_SEED, $seconds s"
cargo test --quiet --release --locked -p jerboa --test bad_input_soak --no-run
# The run is bounded by itself; the time-out is for a node that hangs.
timeout $((seconds + 120)) cargo test --quiet --release --locked -p jerboa \
  --test bad_input_soak -- --nocapture
echo 'soak: ok'
