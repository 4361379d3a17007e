#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The released programs are hardened: position independent, every symbol bound and made read-only
# at start, no executable stack, stack protectors, and the checked forms of libc's calls. A flag
# that a compiler stops taking, or a folder that is built without them, would go unnoticed else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mkdir -p build/release
exec 8>build/release/lock
flock 8 # one build after the other, as everywhere
cmake --preset release >/dev/null
cmake --build --preset release -j "${HEARBACK_JOBS:-$(nproc)}" \
    --target hearback hearback-ingest hearback-worker >/dev/null
flock -u 8

faults=0
# want PROGRAM WHAT PATTERN TEXT: the text has a line with the pattern.
want() {
    if ! grep -Eq -- "$3" <<<"$4"; then
        echo "$1: found no $2, expected it in every released program; see cmake/house.cmake"
        faults=$((faults + 1))
    fi
}

for program in hearback hearback-ingest hearback-worker; do
    file=build/release/bin/$program
    head=$(readelf -hW "$file")
    segments=$(readelf -lW "$file")
    dynamic=$(readelf -dW "$file")
    symbols=$(readelf --dyn-syms -W "$file")
    want "$program" "position independent code" 'Type: +DYN' "$head"
    want "$program" "immediate binding" 'BIND_NOW|FLAGS.*NOW' "$dynamic"
    want "$program" "read-only relocations" 'GNU_RELRO' "$segments"
    want "$program" "stack that is not executable" 'GNU_STACK .* RW +0x' "$segments"
    want "$program" "stack protector" '__stack_chk_fail' "$symbols"
    want "$program" "checked call of libc" '__[a-z]+_chk@' "$symbols"
done
[[ $faults == 0 ]] && echo ok
