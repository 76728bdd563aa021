#!/usr/bin/env bash
# Runs the storage engine's tests under Miri, which finds undefined behaviour in its unsafe code.
# Needs a nightly toolchain with the miri and rust-src components; says so and stops if there is
# none. The engine then takes its memory from the heap, compares tags slot by slot, and the model
# tests run a few short cases.
set -euo pipefail
cd "$(dirname "$0")/.."

toolchain="${MIRI_TOOLCHAIN:-nightly}"
if ! cargo "+${toolchain}" miri --version >/dev/null 2>&1; then
    echo "miri.sh: toolchain '${toolchain}' has no Miri; try:" >&2
    echo "    rustup toolchain install ${toolchain} --component miri,rust-src" >&2
    exit 2
fi
# proptest asks for the time and the working folder.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}"
cargo "+${toolchain}" miri test -p jerboa-core-shard --lib
cargo "+${toolchain}" miri test -p jerboa-core-shard --test expiry --test model --test handover
