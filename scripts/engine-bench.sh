#!/bin/bash
# Runs the benchmarks of the storage engine and prints their tables as Markdown.
#
#   scripts/engine-bench.sh           everything: engine 6, memory 5 to 8 minutes, and the rest; 8 GiB
#   scripts/engine-bench.sh --quick   the same with small sizes: a smoke of under two minutes
#   scripts/engine-bench.sh [--quick] engine|memory|missratio|pauses ...   only these
#
# memory compares with memcached and redis-server; they are installed from Debian's packages where
# that is possible, and left out of the table where it is not. Figures mean something only on a
# machine that does nothing else meanwhile: the load average is printed at both ends.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=()
benches=()
for word in "$@"; do
    case "$word" in
        --quick) quick=(--quick) ;;
        engine | memory | missratio | pauses) benches+=("$word") ;;
        *)
            sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
            exit 2
            ;;
    esac
done
[ ${#benches[@]} -gt 0 ] || benches=(engine memory missratio pauses)

install_servers() {
    local missing=()
    command -v memcached >/dev/null || missing+=(memcached)
    command -v redis-server >/dev/null || missing+=(redis-server)
    [ ${#missing[@]} -gt 0 ] || return 0
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    # Its own start on the standard port is not wanted, and fails harmlessly in a container.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 ||
        echo "could not install ${missing[*]}: left out of the comparison" >&2
}

describe_machine() {
    echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(uname -sr)," \
        "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(nproc) cores," \
        "transparent huge pages: $(sed 's/.*\[\(.*\)\].*/\1/' \
            /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null || echo unknown)"
}

load() {
    echo "load average $(cut -d' ' -f1-3 /proc/loadavg)"
}

case " ${benches[*]} " in
    *" memory "*) install_servers ;;
esac
cargo bench --quiet -p jerboa-core-shard --features compare --no-run

describe_machine
load
for bench in "${benches[@]}"; do
    echo
    echo "## $bench"
    echo
    cargo bench --quiet -p jerboa-core-shard --features compare --bench "$bench" -- "${quick[@]}"
done
load
