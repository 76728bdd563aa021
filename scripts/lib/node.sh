# Sourced by the scripts that need a node: one release node of the script's own, and what is measured
# of it. Wants `work`, a folder that is the script's. Only processes started here are ended, by their
# ids; the script has to see to it (`trap stop_node EXIT`) that none outlives it.

bin=$(realpath -m "${CARGO_TARGET_DIR:-target}/release")
# What a node is started by, such as (taskset -c 0).
node_prefix=()
# The process of the node that runs, if one does.
node=

# start_node [ARGUMENT...]: a node on free ports; sets `node`, `address` (`host`, `port`) of all its
# cores and `core` (`core_port`) of the first. What it says is in $work/node.out and $work/node.log.
start_node() {
  "${node_prefix[@]}" "$bin/jerboa" serve --port 0 "$@" >"$work/node.out" 2>"$work/node.log" &
  node=$!
  local _
  for _ in $(seq 100); do
    if grep -q '^ready ' "$work/node.out"; then
      address=$(sed -n 's/^ready node=\([^ ]*\) .*/\1/p' "$work/node.out")
      core=$(sed -n 's/.* cores=\([^ ,]*\).*/\1/p' "$work/node.out")
      host=${address%:*} port=${address##*:} core_port=${core##*:}
      return 0
    fi
    kill -0 "$node" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/node.log" >&2
  echo 'the node ended, or was not ready within ten seconds' >&2
  return 1
}

# stop_node: has it drain and end; its exit status.
stop_node() {
  [ -n "$node" ] || return 0
  local process=$node
  node=
  kill -TERM "$process" 2>/dev/null || true
  wait "$process"
}

# kill_node: ends it at once.
kill_node() {
  [ -z "$node" ] || kill -KILL "$node" 2>/dev/null || true
  node=
}

# install_packages NAME...: from Debian. What apt says is in $work/apt.log.
install_packages() {
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  { $sudo apt-get install -y --no-install-recommends "$@" || {
      $sudo apt-get update && $sudo apt-get install -y --no-install-recommends "$@"; }; } \
    >"$work/apt.log" 2>&1
}

# cpu_us PROCESS: processor time that it took so far, in steps of the kernel's clock tick.
cpu_us() {
  awk -v tick="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000000 / tick) }' "/proc/$1/stat"
}

# median FILE COLUMN
median() { sort -n -k"$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }
