# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What deploy/demo.sh runs on: packages, the build, and a folder for each run that holds its Kafka,
# its Redis, its programs and their logs. Sourced after deploy/dev/lib.sh, which knows processes.
#
#   build/demos/NAME/owner             the demo that made it
#   build/demos/NAME/kept              it is to stay although the demo has ended
#   build/demos/NAME/{kafka,redis}/    see deploy/dev/lib.sh
#   build/demos/NAME/{sandbox,door,worker}/{process,log}

RUNS=$ROOT/build/demos
BIN=$ROOT/build/release/bin
# shellcheck disable=SC2034 # the other files of this folder use it
DEMO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROGRAMS=(worker door sandbox) # in the order in which they are stopped

# quietly LOG COMMAND…: in the background, so that Ctrl-C is answered at once; `timeout` hands it on
# to all that the command started.
quietly() {
    local log=$1 status=0
    shift
    timeout -k 10 1800 "$@" >"$log" 2>&1 </dev/null &
    child=$!
    wait "$child" || status=$?
    child=
    if [[ $status != 0 ]]; then
        tail -n 40 "$log" >&2
        tell "That did not work. The whole of it: $log"
    fi
    return "$status"
}

install() {
    install_packages run
}

build_now() {
    cd "$ROOT" || return 1
    exec 8>build/release/lock
    flock 8 # as in tests/run.sh: one build after the other
    cmake --preset release
    cmake --build --preset release -j "${HEARBACK_JOBS:-$(nproc)}" \
        --target hearback hearback-ingest hearback-worker hearback-sandbox
}

build() {
    local before=$SECONDS
    mkdir -p "$ROOT/build/release" "$RUNS"
    if [[ ! -x $BIN/hearback-sandbox ]]; then
        tell "Building it, which takes a minute or two the first time."
    fi
    quietly "$RUNS/build.log.$$" bash -c "set -euo pipefail
        ROOT='$ROOT'; $(declare -f build_now); build_now" || exit 1
    rm -f "$RUNS/build.log.$$"
    tell "Built in $((SECONDS - before)) s."
}

# ---- the folder of a run -----------------------------------------------------------------------

use_run() {
    DEV_DIR=$1
    export HEARBACK_DEV_DIR=$1
}

# end_run FOLDER: ends what runs there, whoever started it, and removes it.
end_run() {
    local name
    use_run "$1"
    for name in "${PROGRAMS[@]}"; do
        stop "$name"
    done
    "$DEV/down.sh" --wipe
    rm -rf "$1"
}

# What demos left that were killed.
sweep_runs() {
    local folder
    for folder in "$RUNS"/run.*; do
        if [[ -d $folder && ! -e $folder/kept ]] && ! process_runs "$folder/owner"; then
            end_run "$folder"
        fi
    done
    find "$RUNS" -name 'build.log.*' -mmin +1440 -delete
}

begin_run() {
    local name
    exec 8>"$RUNS/lock"
    flock 8 # a folder is never seen without its owner
    sweep_runs
    running=$(mktemp -d "$RUNS/run.XXXXXX")
    running=$(cd "$running" && pwd)
    note_process "$running/owner"
    exec 8>&-
    use_run "$running"
    for name in "${PROGRAMS[@]}"; do
        mkdir "$DEV_DIR/$name"
    done
}

stop_kept() {
    local folder stopped=0
    for folder in "$RUNS"/run.*; do
        if [[ -e $folder/kept ]] && ! process_runs "$folder/owner"; then
            end_run "$folder"
            stopped=$((stopped + 1))
        fi
    done
    tell "$stopped kept demo$([[ $stopped == 1 ]] || echo s) stopped."
}

# ---- what runs in it ---------------------------------------------------------------------------

start_services() {
    tell "Starting a Kafka and a Redis of its own."
    [[ -d $(jars_dir) ]] || tell "Kafka's jars are fetched first: 54 MB, once."
    quietly "$DEV_DIR/up.log" "$DEV/up.sh" || exit 1
    KAFKA=$(sed -n 's/^HEARBACK_KAFKA=//p' "$DEV_DIR/env")
    REDIS=$(sed -n 's/^HEARBACK_REDIS=//p' "$DEV_DIR/env")
}

# port NAME EVENT: from the log line that says where it listens; fails while there is none.
port() {
    grep -oPm 1 "\"event\":\"$2\".*\"port\":\K[0-9]+" "$DEV_DIR/$1/log"
}

# runs NAME…: fails when one has ended, naming it.
runs() {
    local name
    for name in "$@"; do
        process_runs "$DEV_DIR/$name/process" || fail "the $name keeps running; it has ended"
    done
}

# A login that Jira refuses does not mend itself.
let_in() {
    ! grep -qE '"breaker_open".*"found":"(login_not_proven|http_40[123])"' \
        "$DEV_DIR/worker/log" 2>/dev/null || fail "Jira lets the worker in; see breaker_open below"
}

# await SECONDS WHAT COMMAND…: asks ten times a second; a program that ends meanwhile is an answer.
await() {
    local seconds=$1 until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        runs "${alive[@]}"
        let_in
        ((SECONDS < until)) || fail "$what; waited $seconds s for it"
        sleep 0.1
    done
}

write_config() {
    cat >"$DEV_DIR/hearback.yaml" <<END
kafka: {bootstrap: "$KAFKA", replication: 1, partitions: 3, session_timeout: 6s}
redis: {address: "$REDIS"}
ingest: {listen: "127.0.0.1:0", ops: "127.0.0.1:0"}
sources: {koji: {kind: koji}}
worker: {ops: "127.0.0.1:0", lease: 8s}
jira: {url: "$SANDBOX/jira", user: demo@example.com, project: PROD, timeout: 2s, settle: 1s}
END
}

ready() {
    curl -sf -o "$DEV_DIR/answer" --max-time 2 "$1/readyz"
}

start_sandbox() {
    JIRA_TOKEN=$(openssl rand -hex 16)
    launch sandbox "$BIN/hearback-sandbox" --port 0 --port-file "$DEV_DIR/sandbox/port" \
        --jira-user demo@example.com --jira-token "$JIRA_TOKEN"
    alive=(sandbox)
    await 20 "the sandbox says where it is" test -s "$DEV_DIR/sandbox/port"
    SANDBOX=http://127.0.0.1:$(cat "$DEV_DIR/sandbox/port")
}

start_door() {
    SECRET=$(openssl rand -hex 16)
    HEARBACK_SOURCE_KOJI_SECRET=$SECRET \
        launch door "$BIN/hearback-ingest" --config "$DEV_DIR/hearback.yaml"
    alive=(sandbox door)
    await 20 "the door listens" port door listening >"$DEV_DIR/answer"
    await 20 "the door's operations port" port door ops_listening >"$DEV_DIR/answer"
    # shellcheck disable=SC2034
    DOOR=http://127.0.0.1:$(port door listening)
    DOOR_OPS=http://127.0.0.1:$(port door ops_listening)
    await 20 "the door is ready" ready "$DOOR_OPS"
}

start_worker() {
    HEARBACK_JIRA_TOKEN=${HEARBACK_DEMO_TOKEN:-$JIRA_TOKEN} \
        launch worker "$BIN/hearback-worker" ticket-filer --config "$DEV_DIR/hearback.yaml"
    alive=(sandbox door worker)
    await 20 "the worker's operations port" port worker ops_listening >"$DEV_DIR/answer"
    WORKER_OPS=http://127.0.0.1:$(port worker ops_listening)
    await 20 "the worker is ready" ready "$WORKER_OPS"
}

start_programs() {
    tell "Starting hearback-sandbox, which plays Jira; the door, hearback-ingest; and the worker," \
        "hearback-worker ticket-filer."
    start_sandbox
    write_config
    quietly "$DEV_DIR/topics.log" "$BIN/hearback" topics --create \
        --config "$DEV_DIR/hearback.yaml" || exit 1
    start_door
    start_worker
}

# The old log stays beside the new one.
stop_worker() {
    alive=(sandbox door)
    stop worker
    mv "$DEV_DIR/worker/log" "$DEV_DIR/worker/log.before"
}
