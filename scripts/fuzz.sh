#!/usr/bin/env bash
# Fuzzes what reads and writes bytes from outside: frames, RESP commands and RESP replies.
#
#   scripts/fuzz.sh [SECONDS [SEED]]       seconds for each of the three targets; else 60, and the clock
#
# Bytes that are right are changed at random on the stable toolchain, by the same checks that the
# targets in wire/fuzz make; where cargo-fuzz and a nightly toolchain are installed, libFuzzer then
# tries each for as long. Says how many executions there were. The same seed changes the same bytes.
# Exits non-zero if anything was found; the bytes are in the message, or in wire/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [SECONDS [SEED]]" >&2; exit 2; }
export JERBOA_FUZZ_SECONDS=$seconds
export JERBOA_TEST_SEED=${2:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

cargo test --quiet --release --locked -p jerboa-wire --test fuzz --no-run
# Each run is bounded by itself; the time-out is for a reader that hangs.
timeout $((3 * seconds + 120)) cargo test --quiet --release --locked -p jerboa-wire --test fuzz -- \
  --nocapture --test-threads 1

toolchain=${FUZZ_TOOLCHAIN:-nightly}
if ! cargo "+$toolchain" fuzz --version >/dev/null 2>&1; then
  echo "fuzz: no cargo-fuzz for the toolchain '$toolchain': libFuzzer was not run"
else
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  for target in decode resp replies; do
    (cd wire && cargo "+$toolchain" fuzz run "$target" -- -max_total_time="$seconds" \
      -seed="$JERBOA_TEST_SEED" -print_final_stats=1) >"$log" 2>&1 || { cat "$log"; exit 1; }
    sed -n "s/^stat::number_of_executed_units: */$target by libFuzzer: executions /p" "$log"
  done
fi
echo 'fuzz: ok'
