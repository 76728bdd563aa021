#!/usr/bin/env bash
# Shows what a host should change to serve with low and even latency, and changes it on request.
#
# Usage: scripts/host-tune.sh [--apply] [--huge-pages N] [--root DIR]
#
#   --apply         write the wanted values (needs root); without it nothing is written
#   --huge-pages N  also reserve N explicit huge pages of 2 MiB
#   --root DIR      read and write below DIR instead of / (for tests)
#
# Exit status: 0 when all is as wanted or was made so, 1 when something differs or could not be
# written, 2 on a wrong argument. What is written lasts until the next boot; the output says how
# to make it last.
set -euo pipefail

apply=no
huge_pages=
root=

usage() {
    sed -n '2,12s/^# \{0,1\}//p' "$0"
}

refuse() {
    echo "host-tune: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        --apply)
            apply=yes
            ;;
        --huge-pages)
            [[ "${2:-}" =~ ^[0-9]+$ ]] || refuse "--huge-pages takes a number"
            huge_pages="$2"
            shift
            ;;
        --root)
            [ -d "${2:-}" ] || refuse "--root takes a folder"
            root="${2%/}"
            shift
            ;;
        --help)
            usage
            exit 0
            ;;
        *)
            refuse "unknown argument: $1 (see --help)"
            ;;
    esac
    shift
done

differing=0
failed=0
sysctl_lines=

# The value of a file; of a list with one choice in brackets, the choice.
current() {
    local text
    text=$(cat "$1")
    case "$text" in
        *\[*\]*)
            text="${text#*[}"
            text="${text%%]*}"
            ;;
    esac
    printf '%s' "$text"
}

# want FILE RELATION VALUE REASON: RELATION is `is` or `least`. A file that is not there is a
# feature that this kernel does not have, and needs nothing.
want() {
    local file="$root$1" relation="$2" value="$3" reason="$4" now
    [ -r "$file" ] || return 0
    now=$(current "$file")
    if [ "$now" = "$value" ] || { [ "$relation" = least ] && [ "$now" -ge "$value" ]; }; then
        printf 'ok      %s = %s\n' "$1" "$now"
        return 0
    fi
    case "$1" in
        /proc/sys/*) sysctl_lines+="${1#/proc/sys/} = $value"$'\n' ;;
    esac
    if [ "$apply" = no ]; then
        differing=$((differing + 1))
        printf 'CHANGE  %s = %s, wanted %s: %s\n' "$1" "$now" "$value" "$reason"
    elif { printf '%s\n' "$value" >"$file"; } 2>/dev/null; then
        printf 'changed %s = %s, was %s: %s\n' "$1" "$value" "$now" "$reason"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s = %s, wanted %s: cannot write it (root?)\n' "$1" "$now" "$value"
    fi
}

want /proc/sys/kernel/io_uring_disabled is 0 \
    "the cores drive their sockets through io_uring"
want /proc/sys/net/core/somaxconn least 4096 \
    "a burst of connections is queued instead of dropped"
want /proc/sys/net/ipv4/tcp_max_syn_backlog least 4096 \
    "the same, for handshakes that are not finished"
want /proc/sys/kernel/numa_balancing is 0 \
    "pages lie with the core that owns them; scanning them again only faults"
want /proc/sys/vm/swappiness is 0 \
    "a swapped-out entry costs milliseconds"
want /proc/sys/vm/zone_reclaim_mode is 0 \
    "reclaiming near memory stalls the core that asks"
want /sys/kernel/mm/transparent_hugepage/enabled is madvise \
    "huge pages for the memory that asks for them and nothing else"
want /sys/kernel/mm/transparent_hugepage/defrag is madvise \
    "compaction only for the memory that asks, which is touched at start"
if [ -n "$huge_pages" ]; then
    want /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages least "$huge_pages" \
        "explicit huge pages for the cores' memory"
fi
for governor in "$root"/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
    want "${governor#"$root"}" is performance \
        "a core that clocks down wakes up late"
done

if [ -n "$sysctl_lines" ]; then
    printf '\nTo keep the sysctls over a boot, put into /etc/sysctl.d/60-jerboa.conf:\n'
    printf '%s' "$sysctl_lines" | tr / .
fi
if [ "$differing" -gt 0 ]; then
    printf '\n%s setting(s) differ; nothing was written. Run again with --apply.\n' "$differing"
    exit 1
fi
[ "$failed" -eq 0 ]
