#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The development environment (deploy/dev) is what the other tests and every laptop stand on: two
# folders side by side, crashes, stale notes, and that nothing is left behind.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dev=$root/deploy/dev
tmp=$(mktemp -d)
bystander=

cleanup() {
    local status=$?
    for folder in one two; do
        in_folder "$folder" down.sh --wipe >/dev/null 2>&1 || true
    done
    [[ -z $bystander ]] || kill "$bystander" 2>/dev/null || true
    rm -rf "$tmp"
    exit "$status"
}
trap cleanup EXIT

fail() {
    echo "FAILED at line ${BASH_LINENO[0]}: $*" >&2
    exit 1
}

# in_folder FOLDER SCRIPT ARGS…
in_folder() {
    local folder=$tmp/$1 script=$2
    shift 2
    HEARBACK_DEV_DIR=$folder "$dev/$script" "$@"
}

# value FOLDER NAME: one line of its env file.
value() {
    sed -n "s/^$2=//p" "$tmp/$1/env"
}

kill_now() {
    kill -KILL "$1"
    while [[ -e /proc/$1 ]] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; do
        sleep 0.05
    done
}

# Every process that works in this folder.
processes_of() {
    local process
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/cwd" 2>/dev/null) != "$tmp/$1/"* ]] || echo "${process##*/}"
    done
}

produce() {
    printf '%s\n' "$2" | kcat -q -b "$(value "$1" HEARBACK_KAFKA)" -P -t kept
}

consume() {
    kcat -q -b "$(value "$1" HEARBACK_KAFKA)" -C -t kept -o beginning -e -f '%s '
}

redis() {
    local folder=$1 address
    shift
    address=$(value "$folder" HEARBACK_REDIS)
    redis-cli -h 127.0.0.1 -p "${address#*:}" "$@"
}

say() {
    echo "- $*"
}

say "two folders start at the same time, each with ports of its own"
in_folder one up.sh >"$tmp/one.out" &
first=$!
in_folder two up.sh >"$tmp/two.out"
wait "$first"
cmp -s "$tmp/one.out" "$tmp/one/env" || fail "up.sh prints what env holds"
ports=$(cat "$tmp"/{one,two}/{kafka,redis}/ports | tr ' ' '\n' | sort -u | wc -l)
[[ $ports == 6 ]] || fail "six ports, found $ports"

say "up again changes nothing"
in_folder one up.sh >"$tmp/again.out"
cmp -s "$tmp/one.out" "$tmp/again.out" || fail "the same addresses and pids"

say "Kafka makes no topic by itself and takes records of 8 MiB"
kafka=$(value one HEARBACK_KAFKA)
in_folder one kafka.sh topics --bootstrap-server "$kafka" --create --topic kept >/dev/null
[[ $(in_folder one kafka.sh topics --bootstrap-server "$kafka" --list) == kept ]] || fail "one topic"
produce one first
head -c 8388608 /dev/zero | tr '\0' x >"$tmp/large"
kcat -q -b "$kafka" -P -t kept -X message.max.bytes=8454144 "$tmp/large" || fail "a large record"
in_folder one kafka.sh get-offsets --bootstrap-server "$kafka" --topic kept >"$tmp/offsets"
grep -qx 'kept:0:2' "$tmp/offsets" || fail "two records: $(cat "$tmp/offsets")"

say "Redis holds what the programs ask of it"
[[ $(redis one config get maxmemory-policy | tail -1) == noeviction ]] || fail "noeviction"
[[ $(redis one config get appendonly | tail -1) == yes ]] || fail "an append-only file"
redis one set kept first >/dev/null

say "restart keeps ports and data, with and without a good-bye"
for flag in "" --kill; do
    in_folder one restart.sh kafka $flag >/dev/null
    in_folder one restart.sh redis $flag >/dev/null
    [[ $(value one HEARBACK_KAFKA) == "$kafka" ]] || fail "Kafka's port"
    [[ $(consume one | cut -c 1-5) == first ]] || fail "Kafka's data"
    [[ $(redis one get kept) == first ]] || fail "Redis's data"
done
[[ $(value one HEARBACK_KAFKA_PID) != "$(sed -n 's/^HEARBACK_KAFKA_PID=//p' "$tmp/one.out")" ]] ||
    fail "a new process"

say "up after kill -9 of both"
kill_now "$(value one HEARBACK_KAFKA_PID)"
kill_now "$(value one HEARBACK_REDIS_PID)"
in_folder one up.sh >/dev/null
[[ $(redis one get kept) == first ]] || fail "Redis's data"
produce one second
[[ $(consume one | tr -s x | cut -c 1-15) == "first x second " ]] || fail "Kafka's data"

say "up after kill -9 of up.sh itself, half way"
in_folder one down.sh
HEARBACK_DEV_DIR=$tmp/one setsid "$dev/up.sh" >/dev/null 2>&1 &
half=$!
disown "$half"
until [[ -s $tmp/one/kafka/process ]]; do
    sleep 0.02
done
kill_now "$half"
in_folder one up.sh >/dev/null
[[ $(processes_of one | wc -l) == 2 ]] || fail "one Kafka, one Redis"
[[ $(consume one | cut -c 1-5) == first ]] || fail "Kafka's data"

say "a note whose pid is somebody else's now: not taken for ours, not killed"
in_folder one down.sh
sleep 600 &
bystander=$!
for name in kafka redis; do
    echo "$bystander 1 $(cat /proc/sys/kernel/random/boot_id)" >"$tmp/one/$name/process"
done
in_folder one down.sh
kill -0 "$bystander" || fail "the bystander lives"
for name in kafka redis; do
    echo "$bystander 1 $(cat /proc/sys/kernel/random/boot_id)" >"$tmp/one/$name/process"
done
in_folder one up.sh --only redis >/dev/null
grep -q KAFKA "$tmp/one/env" && fail "--only redis"
[[ $(redis one get kept) == first ]] || fail "Redis's data"
in_folder one up.sh >/dev/null
kill -0 "$bystander" || fail "the bystander lives"

say "a port that was taken meanwhile: another one"
in_folder one down.sh
old=$(cut -d ' ' -f 1 "$tmp/one/redis/ports")
redis-server --port "$old" --bind 127.0.0.1 --save '' >/dev/null &
squatter=$!
until redis-cli -p "$old" ping >/dev/null 2>&1; do
    sleep 0.05
done
in_folder one up.sh --only redis >/dev/null
[[ $(value one HEARBACK_REDIS) != "127.0.0.1:$old" ]] || fail "another port"
[[ $(redis one get kept) == first ]] || fail "Redis's data"
kill "$squatter"
wait "$squatter" || true

say "down leaves nothing behind and the other folder alone; twice is fine; --wipe removes the data"
in_folder one up.sh >/dev/null
in_folder one down.sh
in_folder one down.sh
[[ -z $(processes_of one) ]] || fail "no process"
[[ ! -e $tmp/one/env && -d $tmp/one/kafka/data ]] || fail "data stays"
[[ $(redis two ping) == PONG ]] || fail "the other folder's Redis"
kcat -q -b "$(value two HEARBACK_KAFKA)" -L >/dev/null || fail "the other folder's Kafka"
in_folder two down.sh --wipe
[[ -z $(processes_of two) && ! -e $tmp/two ]] || fail "nothing at all"
echo "ok"
