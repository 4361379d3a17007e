#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: every C file is named in the CMakeLists.txt of its folder or of one above it. Sources are
# listed by hand; a file that nobody lists is neither compiled nor tested, and nothing would say so.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

named() {
    local folder=${1%/*} path
    while :; do
        path=${1#"$folder"/}
        if [[ -f $folder/CMakeLists.txt ]] && sed 's/#.*//' "$folder/CMakeLists.txt" |
            tr '[:space:]()";' '\n' | sed 's|^[$]{CMAKE_[A-Z]*SOURCE_DIR}/||' |
            grep -xF -e "$path" -e "$1" >/dev/null; then
            return 0
        fi
        [[ $folder == */* ]] || return 1
        folder=${folder%/*}
    done
}

files common producer consumer console tests -- '*.c' | while read -r file; do
    named "$file" || printf 'source\t%s\t1\tis named in no CMakeLists.txt\n' "$file"
done | judge source
