#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A seed is the same history each time, byte for byte: else none that fails could be looked into.
set -euo pipefail
sim=${HEARBACK_BIN:?run this by tests/run.sh sim}/hearback-sim
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
lines=0
for seed in {1..24}; do
    "$sim" --seed "$seed" --trace >"$tmp/first"
    "$sim" --seed "$seed" --trace >"$tmp/second"
    cmp "$tmp/first" "$tmp/second"
    lines=$((lines + $(wc -l <"$tmp/first")))
done
echo "$lines lines, twice the same"
[[ $lines -gt 2400 ]] # and there was something to compare
