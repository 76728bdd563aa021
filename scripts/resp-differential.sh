#!/usr/bin/env bash
# Compares the node with a Redis server, byte by byte, for as long as one likes: random commands in
# both versions of the protocol, streams of bytes that went wrong on the way, and channels.
#
#   scripts/resp-differential.sh [COMMANDS [STREAMS [CHANNEL_COMMANDS [SEED]]]]
#                                     else 200000, 50000, 50000, and the clock
#
# Needs redis-server. The seed is printed: the same seed sends the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
export JERBOA_REQUIRE_REDIS=1
export JERBOA_DIFFERENTIAL=${1:-200000} JERBOA_DIFFERENTIAL_STREAMS=${2:-50000}
export JERBOA_DIFFERENTIAL_CHANNELS=${3:-50000}
[ $# -lt 4 ] || export JERBOA_TEST_SEED=$4
exec cargo test -p jerboa --test resp_differential -- --nocapture --test-threads 1
