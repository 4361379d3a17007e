# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What up.sh, down.sh, restart.sh and kafka.sh share; sourced, never run. One folder holds one
# development environment: a Kafka and a Redis, their data, logs and ports. It is .dev/ of the
# checkout or HEARBACK_DEV_DIR, so any number of them run side by side.
#
#   $DEV_DIR/env              addresses and pids as shell lines
#   $DEV_DIR/lock             held while one of the scripts is at work
#   $DEV_DIR/NAME/            kafka, redis: process, ports, log, configuration, data
#
# A process is known by its pid and its start time, so that a note left by a crash is never
# mistaken for a stranger who was given the same pid. The note is written by the process itself,
# before it becomes Kafka or Redis: there is no instant at which it runs unknown.

DEV=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$DEV/../.." && pwd)
DEV_DIR=${HEARBACK_DEV_DIR:-$ROOT/.dev}
[[ $DEV_DIR == /* ]] || DEV_DIR=$PWD/$DEV_DIR

START_SECONDS=60   # a slow machine's first start of Kafka
STOP_SECONDS=30    # after this a process that was asked to end is killed
START_ATTEMPTS=5   # each with new ports, when another process was quicker to take them

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "${0##*/}: $*"
    exit 1
}

# need PROGRAM PACKAGE: says what is missing and how to get it.
need() {
    command -v "$1" >/dev/null 2>&1 || die "$1 is missing; install it with: apt-get install $2"
}

# until_true SECONDS COMMAND…: asks ten times a second.
until_true() {
    local left=$(($1 * 10))
    shift
    until "$@"; do
        ((left-- > 0)) || return 1
        sleep 0.1
    done
}

# ---- processes ---------------------------------------------------------------------------------

# born PID: its start time in ticks since boot; nothing when it is gone or only waits to be reaped.
born() {
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -ra fields <<<"${stat##*) }" # the name before the bracket may hold anything
    [[ ${fields[0]} == [ZX] ]] || echo "${fields[19]}"
}

# note_process FILE: the calling shell's own identity.
note_process() {
    local boot
    boot=$(cat /proc/sys/kernel/random/boot_id)
    echo "$$ $(born $$) $boot" >"$1.new"
    mv "$1.new" "$1"
}

# process_runs FILE: is the noted process the one that has this pid now?
process_runs() {
    local pid start boot
    [[ -r $1 ]] || return 1
    read -r pid start boot <"$1" || return 1
    [[ -n $start && $start == "$(born "$pid")" && $boot == "$(cat /proc/sys/kernel/random/boot_id)" ]]
}

process_ended() {
    ! process_runs "$1"
}

pid_of() {
    local pid
    read -r pid _ <"$1" && echo "$pid"
}

# launch NAME PROGRAM ARGS…: in a session of its own. The lock goes along until the process has
# noted itself and closes it by becoming the program.
launch() {
    local dir=$DEV_DIR/$1
    shift
    # shellcheck disable=SC2016
    setsid bash -c '. "$0/lib.sh"; note_process "$1/process"; cd "$1"; shift; exec "$@" 9>&-' \
        "$DEV" "$dir" "$@" </dev/null >"$dir/log" 2>&1 &
    until_true 10 process_runs "$dir/process" || true # it may have ended already: the caller looks
}

# stop NAME [SIGNAL]: ends what this folder started, and nothing else.
stop() {
    local note=$DEV_DIR/$1/process
    if process_runs "$note"; then
        kill "-${2:-TERM}" "$(pid_of "$note")" 2>/dev/null || true
        if ! until_true "$STOP_SECONDS" process_ended "$note"; then
            say "$1 does not end; killing it"
            kill -KILL "$(pid_of "$note")" 2>/dev/null || true
            until_true 10 process_ended "$note" || die "$1 does not end (pid $(pid_of "$note"))"
        fi
    fi
    rm -f "$note"
}

# ---- ports -------------------------------------------------------------------------------------

# choose_ports NAME COUNT: the ports used last time when they are free, else others. With KEEP_PORTS
# set (a restart) it waits for the old ones and takes no others.
choose_ports() {
    local file=$DEV_DIR/$1/ports old=() new
    [[ ! -s $file ]] || read -ra old <"$file"
    if [[ -n ${KEEP_PORTS:-} && ${#old[@]} == "$2" ]]; then
        until_true 10 ports_are_free "${old[@]}" || die "port ${old[*]} of $1 was taken meanwhile"
        return
    fi
    new=$(python3 "$DEV/ports.py" "$2" "${old[@]}") || die "no free port on 127.0.0.1"
    echo "$new" >"$file"
}

ports_are_free() {
    [[ $(python3 "$DEV/ports.py" $# "$@") == "$*" ]]
}

port_was_taken() {
    grep -qi 'address already in use' "$DEV_DIR/$1/log"
}

first_port() {
    local port
    read -r port _ <"$DEV_DIR/$1/ports" && echo "$port"
}

# start NAME: until it answers. kafka_* and redis_* say how.
start() {
    local name=$1 dir=$DEV_DIR/$1 attempt
    mkdir -p "$dir"
    if process_runs "$dir/process"; then
        if until_true "$START_SECONDS" "${name}_answers_or_ended" && "${name}_answers"; then
            return
        fi
        stop "$name" KILL # it runs and does not answer: what a crash left behind
    fi
    "${name}_prepare"
    for ((attempt = 1; attempt <= START_ATTEMPTS; attempt++)); do
        rm -f "$dir/process"
        "${name}_launch"
        until_true "$START_SECONDS" "${name}_answers_or_ended" || true
        if "${name}_answers"; then
            return
        fi
        port_was_taken "$name" || break
    done
    tail -n 20 "$dir/log" >&2
    stop "$name" KILL
    die "$name did not start; its log: $dir/log"
}

# ---- Redis -------------------------------------------------------------------------------------

redis_prepare() {
    need redis-server redis-server
    need redis-cli redis-tools
    mkdir -p "$DEV_DIR/redis/data"
}

# Redis killed keeps all it was told: the file is the kernel's by then. Only a machine that goes down
# would lose some, and a disk that is busy would hold Redis up for as long, were it asked to sync.
redis_launch() {
    choose_ports redis 1
    cat >"$DEV_DIR/redis/redis.conf" <<END
bind 127.0.0.1
port $(first_port redis)
dir "$DEV_DIR/redis/data"
save ""
appendonly yes
appendfsync no
maxmemory-policy noeviction
END
    launch redis redis-server "$DEV_DIR/redis/redis.conf"
}

# The pid is compared because another folder's Redis may have been quicker to take the port.
redis_answers() {
    local note=$DEV_DIR/redis/process
    process_runs "$note" &&
        [[ $(redis-cli -h 127.0.0.1 -p "$(first_port redis)" info 2>/dev/null | tr -d '\r' |
            grep -cxE "process_id:$(pid_of "$note")|loading:0") == 2 ]]
}

redis_answers_or_ended() {
    redis_answers || process_ended "$DEV_DIR/redis/process"
}

# ---- Kafka -------------------------------------------------------------------------------------

# Where the jars are: shared by all checkouts, one folder for each wording of the pom.
jars_dir() {
    local cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}} sum
    sum=$(cksum <"$DEV/pom.xml")
    echo "${cache:-$ROOT/.cache}/hearback/kafka-${sum%% *}"
}

# Complete or absent: the jars are gathered aside and renamed into place.
fetch_jars() {
    local jars part
    jars=$(jars_dir)
    [[ ! -d $jars ]] || return 0
    need mvn maven
    mkdir -p "${jars%/*}"
    part=$jars.part
    (
        flock 8
        [[ ! -d $jars ]] || exit 0
        say "fetching Kafka's jars (54 MB, once)"
        rm -rf "$part"
        mkdir "$part"
        if ! mvn -q -B -C -f "$DEV/pom.xml" dependency:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$part" >"$part.log" 2>&1; then
            cat "$part.log" >&2
            die "Kafka's jars could not be fetched"
        fi
        mv -T "$part" "$jars"
    ) 8>"$jars.lock"
}

# kafka_config DATA: server.properties. Kafka's own defaults are for three nodes and small records.
kafka_config() {
    local broker controller
    read -r broker controller <"$DEV_DIR/kafka/ports"
    cat <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
# 8 MiB, the largest body, and 64 KiB for its headers
message.max.bytes=8454144
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# a killed broker is let in again when its old session ended; the default is 9 s
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
log.cleaner.dedupe.buffer.size=16777216
END
}

kafka_java() {
    exec 9>&- # a tool must not keep the lock
    exec java "$@"
}

# A folder is formatted aside and renamed: a crash leaves a formatted one or none.
kafka_format() {
    local dir=$DEV_DIR/kafka id
    [[ ! -d $dir/data ]] || return 0
    rm -rf "$dir/data.new"
    kafka_config "$dir/data.new" >"$dir/format.properties"
    id=$(head -c 16 /dev/urandom | base64)
    id=${id//[+\/]/A} # a cluster id is 16 bytes in base64 without signs
    if ! (kafka_java -cp "$(jars_dir)/*" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool \
        format -t "${id%==}" -c "$dir/format.properties") >"$dir/log" 2>&1; then
        cat "$dir/log" >&2
        die "Kafka's data folder could not be formatted"
    fi
    mv -T "$dir/data.new" "$dir/data"
}

kafka_prepare() {
    need java openjdk-17-jre-headless
    fetch_jars
}

kafka_launch() {
    choose_ports kafka 2
    kafka_format
    kafka_config "$DEV_DIR/kafka/data" >"$DEV_DIR/kafka/server.properties"
    launch kafka java -Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$DEV/log4j2.properties" -cp "$(jars_dir)/*" \
        kafka.Kafka "$DEV_DIR/kafka/server.properties"
}

# Its own word: it is said after the broker was let in by the controller and listens.
kafka_answers() {
    process_runs "$DEV_DIR/kafka/process" && grep -q 'Kafka Server started' "$DEV_DIR/kafka/log"
}

kafka_answers_or_ended() {
    kafka_answers || process_ended "$DEV_DIR/kafka/process"
}

# ---- the whole folder --------------------------------------------------------------------------

# One script at a time works in a folder; the lock goes with the script, however it ends.
lock_folder() {
    need python3 python3
    mkdir -p "$DEV_DIR"
    exec 9>"$DEV_DIR/lock"
    flock 9
}

# Addresses and pids of what runs now, to the file env and to standard output.
write_env() {
    local name
    for name in kafka redis; do
        if process_runs "$DEV_DIR/$name/process"; then
            echo "HEARBACK_${name^^}=127.0.0.1:$(first_port "$name")"
            echo "HEARBACK_${name^^}_PID=$(pid_of "$DEV_DIR/$name/process")"
        fi
    done >"$DEV_DIR/env.new"
    mv "$DEV_DIR/env.new" "$DEV_DIR/env"
    cat "$DEV_DIR/env"
}
