#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Keeps the README true. Its first command is run; of everything else it names (commands, options,
# layers, settings, variables, topics, metrics, programs, files) it is checked that it exists.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
BIN=${HEARBACK_BIN:-$PWD/build/dev/bin}
README=$PWD/README.md
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0

wrong() {
    echo "README.md: $*"
    failures=$((failures + 1))
}

# fenced KIND: the lines of all blocks of that kind.
fenced() {
    awk -v open="\`\`\`$1" '/^```/ { inside = !inside && $0 == open; next } inside' "$README"
}

# shellcheck disable=SC2016
spans() {
    grep -oP '`[^`]+`' | tr -d '`'
}

# named PATTERN: what stands in backquotes outside of blocks and matches as a whole.
named() {
    awk '/^```/ { inside = !inside; next } !inside' "$README" | tr '\n' ' ' |
        spans | grep -xP -e "$1" | LC_ALL=C sort -u
}

# each PATTERN FUNCTION: calls it with everything named so; a pattern that finds nothing is a fault
# of this test.
each() {
    local found word
    mapfile -t found < <(named "$1")
    ((${#found[@]} > 0)) || wrong "nothing looks like $1"
    for word in "${found[@]}"; do
        "$2" "$word"
    done
}

is_in() {
    grep -qF -- "$1" "$2"
}

# ---- the commands ------------------------------------------------------------------------------

# A command of the programs: it is there, and knows the verb, the worker and the options.
check_command() {
    local words word program
    read -ra words <<<"$1"
    program=${words[0]}
    if [[ ! -x $BIN/$program ]]; then
        wrong "no program $program"
        return
    fi
    "$BIN/$program" --help >"$tmp/help"
    for word in "${words[@]:1}"; do
        [[ $word == hearback.yaml ]] || is_in "${word%%=*}" "$tmp/help" || wrong "$program knows no $word"
    done
}

check_commands() {
    local command
    while read -r command; do
        case $command in
        "cmake --preset release" | "cmake --build --preset release")
            is_in '"name": "release"' CMakePresets.json || wrong "no preset release"
            ;;
        hearback*) check_command "$command" ;;
        *) wrong "a command this test does not know: $command" ;;
        esac
    done < <(fenced sh | tail -n +3)
    check_command "hearback config --table"
}

check_option() {
    is_in "  deploy/demo.sh $1 " deploy/demo.sh || wrong "deploy/demo.sh knows no $1"
}

check_layers() {
    local layer
    tests/run.sh no-such-layer >"$tmp/layers" && wrong "tests/run.sh takes any layer"
    while read -r layer; do
        grep -qE "^ *$layer  " "$tmp/layers" || wrong "tests/run.sh knows no layer $layer"
    done < <(tr '\n' ' ' <"$README" | grep -oP 'runs one layer: \K[^.]+' | spans)
}

# ---- what is named -----------------------------------------------------------------------------

check_setting() {
    is_in "| \`$1\` |" "$tmp/table" || wrong "no setting $1"
}

check_variable() {
    is_in "\`${1/_KOJI_/_NAME_}\`" "$tmp/table" || wrong "no variable $1"
}

check_program() {
    [[ -x $BIN/$1 ]] || wrong "no program $1"
}

check_verb() {
    "$BIN/hearback" --help | grep -q "^  $1 " || wrong "hearback has no verb $1"
}

check_topic() {
    grep -q "address: $1\$" schemas/asyncapi.yaml || wrong "no topic $1"
}

check_metric() {
    grep -rqF "\"$1\"" common consumer producer || wrong "no metric $1"
}

check_path() {
    [[ $1 == build/* || -e $1 ]] || wrong "no $1"
}

# The configuration as it stands there, with secrets, is one the programs start with.
check_config() {
    local program
    fenced yaml >"$tmp/hearback.yaml"
    export HEARBACK_SOURCE_KOJI_SECRET=a HEARBACK_JIRA_TOKEN=b
    for program in "hearback check" "hearback-ingest --check" "hearback-worker ticket-filer --check"; do
        # shellcheck disable=SC2086
        "$BIN/"$program --config "$tmp/hearback.yaml" >"$tmp/said" 2>&1 ||
            wrong "$program: $(cat "$tmp/said")"
    done
}

# ---- all of it ---------------------------------------------------------------------------------

mapfile -t first < <(fenced sh | head -n 2)
[[ ${first[0]} == deploy/demo.sh && ${first[1]} == tests/run.sh ]] ||
    wrong "the two commands are the demo and the tests: ${first[*]}"
"$BIN/hearback" config --table >"$tmp/table"
check_commands
check_layers
check_config
each '--[a-z]+' check_option
each '(?!hearback\.)([a-z]+)\.[a-zA-Z_.]+(?<!\.sh|\.analysis_ready)' check_setting
each 'HEARBACK_[A-Z_]+' check_variable
each 'hearback(-[a-z]+)?' check_program
each 'check|config|topics' check_verb
each 'hearback\.(?!ticket-filer)[a-z]+' check_topic
each 'hearback_[a-z_]+' check_metric
each '[a-zA-Z_]+/[a-zA-Z_/.]*|LICENSE' check_path
grep -rqF '"hearback.%s' consumer/engine || wrong "the group is called otherwise"

status=0
"${first[0]}" >"$tmp/demo" 2>&1 || status=$?
if [[ $status != 0 ]]; then
    cat "$tmp/demo"
    wrong "${first[0]} ended with $status"
fi
grep -q 'every line of it was checked' "$tmp/demo" || wrong "the demo tells its story to the end"
[[ $failures == 0 ]]
