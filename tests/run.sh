#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The test command: installs what is missing, builds, runs every test, and ends with one line
# `N passed, M failed`. Output of what passes is not shown.
#
#   tests/run.sh                  every layer, in the order below
#   tests/run.sh LAYER [NAME]     one layer, or of it the tests whose name contains NAME
#
#   lint       the rules of the house (tests/lint)
#   unit       pure functions; built by gcc and by clang, warnings are errors
#   component  one part with its real neighbours, a Kafka and a Redis of this run's own
#   sanitize   unit and component again under the address, undefined and thread sanitizers, side by
#              side (asan, tsan: one of them)
#   e2e        the programs as they are, against the sandbox
#   sim        long histories with faults, in moved time
#   fuzz       the fuzzers' corpora replayed, then each fuzzer for HEARBACK_FUZZ_SECONDS (default: 10,
#              60 and from a random seed when the layer is named)
#   bench      throughput and latency of the release build: one line of JSON each
#   quiet      benchmarks whose bounds hold on a machine that has nothing else to do; not part of the
#              whole run
#   tidy       clang-tidy; not part of the whole run
#
# HEARBACK_JOBS: how many compilers and unit tests at a time (default: one a processor).
# HEARBACK_E2E_BESIDE=1: as many scripts of e2e, too. Each starts services of its own, and most of its
# time it waits; but two processors are too few for two of them to keep their times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
TREE=$PWD
. deploy/dev/install.sh

LAYERS=(lint unit component sanitize e2e sim fuzz bench)
JOBS=${HEARBACK_JOBS:-$(nproc)}
SERVICES=$TREE/build/services/$$
SCRIPT_SECONDS=600
SUITE_SECONDS=1200
LONGEST=tests/e2e/test_80_chaos.py # of those that run side by side it is begun first

passed=0
failed=0
only=
tmp=
declare -A built
declare -A children # what runs in the background: its name, by process

# ---- running things ----------------------------------------------------------------------------

finish() {
    local status=$?
    trap - EXIT INT TERM
    if ((${#children[@]} > 0)); then
        kill "${!children[@]}" 2>/dev/null || true
        wait "${!children[@]}" 2>/dev/null || true
    fi
    services_down || true
    rm -rf "$tmp"
    exit "$status"
}

# quietly LOG SECONDS COMMAND…: in the background, so that a signal is answered at once; `timeout`
# hands it on to all that the command started.
quietly() {
    local log=$1 seconds=$2 status=0 child
    shift 2
    timeout -k 10 "$seconds" "$@" >"$log" 2>&1 </dev/null &
    child=$!
    children[$child]=$1
    wait "$child" || status=$?
    unset "children[$child]"
    if [[ $status == 124 ]]; then
        echo "took longer than $seconds s" >>"$log"
    fi
    return "$status"
}

# count NAME STATUS LOG: one test; shows what failed.
count() {
    if [[ $2 == 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "---- $1 failed"
        cat "$3"
    fi
}

run_script() {
    local label=$1 status=0
    shift
    quietly "$tmp/log" "$SCRIPT_SECONDS" "$@" || status=$?
    count "$label" "$status" "$tmp/log"
    return 0
}

# begin LABEL COMMAND…: the same in the background, when fewer than JOBS are under way.
begin() {
    local label=$1
    shift
    ((${#children[@]} < JOBS)) || reap
    timeout -k 10 "$SCRIPT_SECONDS" "$@" >"$tmp/log.${label//\//_}" 2>&1 </dev/null &
    children[$!]=$label
}

# reap: waits for the first of them to end, and counts it.
reap() {
    local child=0 label status=0
    wait -n -p child "${!children[@]}" || status=$?
    label=${children[$child]}
    unset "children[$child]"
    if [[ $status == 124 ]]; then
        echo "took longer than $SCRIPT_SECONDS s" >>"$tmp/log.${label//\//_}"
    fi
    count "$label" "$status" "$tmp/log.${label//\//_}"
}

# scripts_in FOLDER: *.sh and *.py that may be executed, and every test_*.py.
scripts_in() {
    [[ ! -d $1 ]] || find "$1" -maxdepth 1 -type f \
        \( -perm -u+x \( -name '*.sh' -o -name '*.py' \) -o -name 'test_*.py' \) |
        LC_ALL=C sort | grep -F -e "$only" || true
}

# run_scripts FOLDER [begin]: one after the other, or side by side.
run_scripts() {
    local script run=${2:-run_script}
    while read -r script; do
        if [[ -x $script ]]; then
            "$run" "$script" "$script"
        else
            "$run" "$script" python3 "$script"
        fi
    done < <(scripts_in "$1" | awk -v first="$LONGEST" \
        '$0 == first { print; next } { rest = rest $0 "\n" } END { printf "%s", rest }')
    while ((${#children[@]} > 0)); do
        reap
    done
}

# ---- building ----------------------------------------------------------------------------------

build_now() {
    mkdir -p "build/$1"
    (
        flock 8 # two runs in one checkout build one after the other
        cmake --preset "$1" && cmake --build --preset "$1" -j "$JOBS"
    ) 8>"build/$1/lock"
}

# build PRESET: once a run; a build that fails counts as one failed test.
build() {
    local status=0
    if [[ -z ${built[$1]:-} ]]; then
        quietly "$tmp/log" "$SUITE_SECONDS" bash -c "$(declare -f build_now); JOBS=$JOBS; build_now $1" ||
            status=$?
        built[$1]=$status
        if [[ $status != 0 ]]; then
            count "build $1" "$status" "$tmp/log"
        fi
    fi
    [[ ${built[$1]} == 0 ]]
}

# run_ctest PRESET LABEL [ARGS…]
run_ctest() {
    local preset=$1 label=$2 status=0 total=0 bad=0 skipped=0 runner=()
    shift 2
    # The thread sanitizer of gcc 12 cannot map its shadow where addresses are very random.
    if [[ $preset == tsan ]] && setarch -R true 2>/dev/null; then
        runner=(setarch -R)
    fi
    rm -f "$tmp/junit.xml"
    quietly "$tmp/log" "$SUITE_SECONDS" "${runner[@]}" ctest --preset "$preset" -L "^$label\$" \
        ${only:+-R "$only"} --output-junit "$tmp/junit.xml" "$@" || status=$?
    if [[ -s $tmp/junit.xml ]]; then
        total=$(attribute tests)
        bad=$(attribute failures)
        skipped=$(($(attribute skipped) + $(attribute disabled)))
    fi
    if [[ $status != 0 && $bad == 0 ]]; then
        bad=1 # ctest itself, or a test that could not be run
        total=$((total + 1))
    fi
    passed=$((passed + total - bad - skipped))
    failed=$((failed + bad))
    if [[ $bad != 0 ]]; then
        echo "---- $preset, $label: $bad failed"
        grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed |^ *Start +[0-9]+:' "$tmp/log"
    fi
    if [[ $skipped != 0 ]]; then
        echo "$preset, $label: $skipped skipped"
    fi
    return 0
}

attribute() {
    local value
    value=$(grep -oP "\b$1=\"\K[0-9]+" "$tmp/junit.xml" | head -1)
    echo "${value:-0}"
}

# ---- a Kafka and a Redis of this run's own -----------------------------------------------------

# What an earlier run left when it was killed: its folder is named by a process that is gone.
services_sweep() {
    local folder
    for folder in build/services/*/; do
        [[ -d $folder ]] || continue
        if ! (. deploy/dev/lib.sh && process_runs "$TREE/${folder}owner"); then
            HEARBACK_DEV_DIR=$TREE/$folder deploy/dev/down.sh --wipe
            rm -rf "$folder"
        fi
    done
}

services_up() {
    [[ -z ${HEARBACK_KAFKA:-} || ! -d $SERVICES ]] || return 0
    services_sweep
    mkdir -p "$SERVICES"
    (. deploy/dev/lib.sh && note_process "$SERVICES/owner")
    HEARBACK_DEV_DIR=$SERVICES quietly "$tmp/log" "$SCRIPT_SECONDS" deploy/dev/up.sh || {
        count "deploy/dev/up.sh" 1 "$tmp/log"
        return 1
    }
    HEARBACK_KAFKA=$(sed -n 's/^HEARBACK_KAFKA=//p' "$SERVICES/env")
    HEARBACK_REDIS=$(sed -n 's/^HEARBACK_REDIS=//p' "$SERVICES/env")
    export HEARBACK_KAFKA HEARBACK_REDIS
}

services_down() {
    if [[ -d $SERVICES ]]; then
        HEARBACK_DEV_DIR=$SERVICES deploy/dev/down.sh --wipe
        rm -rf "$SERVICES"
    fi
}

# ---- the layers --------------------------------------------------------------------------------

layer_lint() {
    local script
    while read -r script; do
        [[ $script == */lib.sh ]] || run_script "$script" "$script"
    done < <(scripts_in tests/lint)
}

layer_unit() {
    local status=0
    build clang || status=1
    build dev && run_ctest dev unit -j "$JOBS" || status=1
    return "$status"
}

layer_component() {
    build dev && services_up || return 1
    run_ctest dev component
    run_scripts tests/component
}

layer_asan() {
    build asan && services_up || return 1
    run_ctest asan unit -j "$JOBS"
    run_ctest asan component
}

layer_tsan() {
    build tsan && services_up || return 1
    run_ctest tsan unit -j "$JOBS"
    run_ctest tsan component
}

# Two runs side by side, each with services of its own: most of their time they wait.
layer_sanitize() {
    local child preset sum status
    for preset in asan tsan; do
        build "$preset" || return 1
    done
    for preset in asan tsan; do
        env -u HEARBACK_KAFKA -u HEARBACK_REDIS timeout -k 30 $((2 * SUITE_SECONDS)) \
            tests/run.sh "$preset" ${only:+"$only"} >"$tmp/log.$preset" 2>&1 </dev/null &
        children[$!]=$preset
    done
    while ((${#children[@]} > 0)); do
        status=0
        wait -n -p child "${!children[@]}" || status=$?
        preset=${children[$child]}
        unset "children[$child]"
        sum=$(grep -oP '^\d+ passed, \d+ failed$' "$tmp/log.$preset" | tail -1) || sum="0 passed, 1 failed"
        passed=$((passed + ${sum%% *}))
        sum=${sum#*, }
        failed=$((failed + ${sum%% *}))
        if [[ $status != 0 ]]; then
            echo "---- $preset: ended with $status"
            cat "$tmp/log.$preset"
        fi
    done
}

# with_programs PRESET LAYER [begin]: its ctest tests and its scripts, the programs on PATH.
with_programs() {
    local HEARBACK_BIN=$TREE/build/$1/bin PATH=$TREE/build/$1/bin:$PATH
    export HEARBACK_BIN PATH
    run_ctest "$1" "$2"
    run_scripts "tests/$2" "${3:-run_script}"
}

layer_e2e() {
    build dev && services_up && with_programs dev e2e ${HEARBACK_E2E_BESIDE:+begin}
}

layer_sim() {
    build dev && with_programs dev sim
}

# run_fuzzer NAME SECONDS: what makes it fail is kept, and its path said. The planted bug of
# `negative` must be found, from nothing.
run_fuzzer() {
    local name=$1 seconds=$2 status=0 found=build/fuzz/found seeds=("tests/fuzz/corpus/$1")
    local grown=build/fuzz/corpus/$name input
    if [[ $name == negative ]]; then
        grown=$tmp/corpus.negative
        found=$tmp
        seeds=()
    fi
    mkdir -p "$grown" "$found"
    UBSAN_OPTIONS=print_stacktrace=1 quietly "$tmp/log" $((seconds + 120)) \
        "build/fuzz/fuzz/fuzz_$name" -verbosity=0 -seed="$fuzz_seed" -max_total_time="$seconds" \
        -timeout=10 \
        -artifact_prefix="$found/$name-" "$grown" "${seeds[@]}" || status=$?
    if [[ $name == negative ]]; then
        if [[ $status != 0 ]] && compgen -G "$found/negative-crash-*" >/dev/null; then
            status=0
        else
            echo "the planted overflow was not found in $seconds s: no fuzzer proves anything" >>"$tmp/log"
            status=1
        fi
    elif [[ $status != 0 ]]; then
        input=$(grep -oP 'Test unit written to \K.*' "$tmp/log") || input="none was written"
        echo "the input: $input" >>"$tmp/log"
    fi
    count "tests/fuzz/fuzz_$name.c" "$status" "$tmp/log"
}

layer_fuzz() {
    local name seconds=${HEARBACK_FUZZ_SECONDS:-10}
    fuzz_seed=1 # the whole run says the same of the same tree; new ground is for the layer by name
    if ((${#chosen[@]} == 1)); then
        fuzz_seed=0
        seconds=${HEARBACK_FUZZ_SECONDS:-60}
    fi
    build dev && run_ctest dev fuzz
    build fuzz || return 1
    while read -r name; do
        run_fuzzer "$name" "$seconds"
    done < <(basename -a -s .c tests/fuzz/fuzz_*.c | grep -F -e "$only" | sed 's/^fuzz_//')
}

# A benchmark is a test: its last line must be its figures, as one line of JSON, which is shown.
run_bench() {
    local status=0
    quietly "$tmp/log" "$SUITE_SECONDS" "$1" || status=$?
    if [[ $status == 0 ]] && ! tail -n 1 "$tmp/log" | python3 -m json.tool >/dev/null 2>&1; then
        echo "the last line is not JSON" >>"$tmp/log"
        status=1
    fi
    count "$1" "$status" "$tmp/log"
    if [[ $status == 0 ]]; then
        tail -n 1 "$tmp/log"
    fi
}

# bench_scripts FOLDER
bench_scripts() {
    local script HEARBACK_BIN=$TREE/build/release/bin PATH=$TREE/build/release/bin:$PATH
    export HEARBACK_BIN PATH
    while read -r script; do
        run_bench "$script"
    done < <(scripts_in "$1")
}

layer_bench() {
    build release && services_up || return 1
    run_ctest release bench -V
    grep -oP '^\d+: \K\{.*\}$' "$tmp/log" || true
    bench_scripts tests/bench
}

layer_quiet() {
    build release && bench_scripts tests/bench/quiet
}

layer_tidy() {
    build clang || return 1
    local file
    find common producer consumer console -name '*.c' | LC_ALL=C sort | grep -F -e "$only" >"$tmp/files"
    # shellcheck disable=SC2016
    xargs -P "$JOBS" -I '{}' bash -c 'clang-tidy --quiet -p build/clang "$1" >"$0.$(tr / _ <<<"$1")" \
        2>/dev/null || touch "$0.$(tr / _ <<<"$1").failed"' "$tmp/tidy" '{}' <"$tmp/files"
    while read -r file; do
        local log=$tmp/tidy.${file//\//_} status=0
        [[ ! -e $log.failed ]] || status=1
        count "$file" "$status" "$log"
    done <"$tmp/files"
}

run_layer() {
    local before_passed=$passed before_failed=$failed before_seconds=$SECONDS
    local good bad status=0
    "layer_$1" || status=$?
    if [[ $status != 0 && $failed == "$before_failed" ]]; then
        failed=$((failed + 1))
        echo "---- $1 could not run"
    fi
    good=$((passed - before_passed))
    bad=$((failed - before_failed))
    if [[ $good == 0 && $bad == 0 ]]; then
        echo "$1: nothing here${only:+ named $only} yet"
    else
        echo "$1: $good passed, $bad failed ($((SECONDS - before_seconds)) s)"
    fi
}

usage() {
    sed -n 's/^# \{0,1\}//; 4,/^set /{ /^set /!p }' "${BASH_SOURCE[0]}"
    exit 2
}

main() {
    local chosen=("${LAYERS[@]}") layer
    if (($# > 0)); then
        if (($# > 2)) || ! declare -F "layer_$1" >/dev/null; then
            usage
        fi
        chosen=("$1")
        only=${2:-}
    fi
    install_packages run tests
    mkdir -p build
    find build -maxdepth 1 -name 'run.*' -mmin +1440 -exec rm -rf {} + # of runs that were killed
    tmp=$(mktemp -d "$TREE/build/run.XXXXXX")
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for layer in "${chosen[@]}"; do
        run_layer "$layer"
    done
    echo "$passed passed, $failed failed"
    [[ $failed == 0 ]]
}

main "$@"
