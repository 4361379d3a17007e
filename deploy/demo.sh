#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows what Hearback does, from nothing, on this machine: installs what is missing, builds, starts
# a Kafka and a Redis, a Jira that is played and the programs, sends a dozen interviews and tells
# what comes of each. Every sentence is checked against what stands in that Jira. Leaves nothing
# running and nothing behind.
#
#   deploy/demo.sh           the story
#   deploy/demo.sh --keep    the same, and all of it stays up to be looked at
#   deploy/demo.sh --stop    ends what --keep left
#
# Exit: 0 it came out as told, 1 it did not (it says what and shows the logs), 2 usage.
# HEARBACK_JOBS: how many compilers at a time (default: one a processor). HEARBACK_DEMO_TOKEN: what
# the worker shows Jira instead of the right token, to see the demo fail.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/dev/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/dev/install.sh"
. "$(dirname "${BASH_SOURCE[0]}")/demo/machine.sh"
. "$(dirname "${BASH_SOURCE[0]}")/demo/tell.sh"
. "$(dirname "${BASH_SOURCE[0]}")/demo/story.sh"

# Nothing of the caller's own Hearback, and no proxy on the way to this machine itself.
unset "${!HEARBACK_SOURCE_@}" "${!HEARBACK_JIRA_@}" "${!HEARBACK_REDIS_@}"
export no_proxy=${no_proxy:+$no_proxy,}127.0.0.1
export NO_PROXY=$no_proxy

started=$SECONDS
keep=
child=
running=

# On every way out: what this run started ends, in order, and its folder goes.
finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    if [[ -n $child ]]; then
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if [[ -n $running && $keep == kept ]]; then
        tell_kept
    elif [[ -n $running ]]; then
        end_run "$running"
        tell "Everything is stopped and nothing is left behind."
    fi
    if [[ -n $running ]]; then
        tell "It took $((SECONDS - started)) s."
    fi
    exit "$status"
}

main() {
    case "$#:${1:-}" in
    0:) ;;
    1:--keep) keep=asked ;;
    1:--stop)
        stop_kept
        exit 0
        ;;
    *)
        sed -n 's/^# \{0,1\}//; 4,/^set /{ /^set /!p }' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    tell "This is Hearback: customers tell you things in interviews; it sees that they hear back."
    install
    build
    begin_run
    start_services
    start_programs
    tell_story
    if [[ $keep == asked ]]; then
        keep=kept
        touch "$DEV_DIR/kept"
    else
        tell_where
    fi
}

main "$@"
