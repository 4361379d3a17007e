#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: a file has at most 500 lines, a C function 60 between its braces and 6 parameters. Whoever
# reads it shall see it whole. A function's braces stand in column 0 (see .clang-format), which is
# how it is found; nothing else opens there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

too_long_files() {
    files . -- '*.c' '*.h' '*.sh' '*.py' '*.lua' | while read -r file; do
        awk -v file="$file" 'END { if (NR > 500) {
            print "file-length", file, NR, NR " lines, 500 allowed" } }' OFS='\t' "$file"
    done
}

functions() {
    mapfile -t sources < <(files common producer consumer console tests -- '*.c' '*.h')
    code "${sources[@]}" | awk -F '\t' -v OFS='\t' '
        # The parameters of the last bracket of a signature, attributes aside.
        function parameters(text,    i, c, depth, count, last) {
            gsub(/__attribute__[ ]*\(\(([^()]|\([^()]*\))*\)\)/, "", text)
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c == "(") { if (depth++ == 0) { count = 1; last = "" ; continue } }
                if (c == ")") { depth-- }
                if (c == "," && depth == 1) { count++; last = "" } else if (depth > 0) { last = last c }
            }
            gsub(/[ ]/, "", last)
            return last == "..." || last == "void" || last == "" ? count - 1 : count
        }
        function name_of(text) {
            return match(text, /[A-Za-z_0-9]+[ ]*\(/) ? substr(text, RSTART, RLENGTH - 1) : "?"
        }
        { line = $3 }
        $1 != file { file = $1; signature = ""; body = 0; macro = 0 }
        macro || line ~ /^#/ { macro = line ~ /\\$/; signature = ""; next }
        body && line ~ /^}/ {
            if ($2 - body - 1 > 60) {
                print "function-length", file, body, name ": " ($2 - body - 1) " lines, 60 allowed"
            }
            body = 0; signature = ""; next
        }
        body { next }
        line ~ /^{/ {
            body = $2; name = name_of(signature); count = parameters(signature)
            if (count > 6) { print "parameters", file, body, name ": " count " parameters, 6 allowed" }
            next
        }
        line ~ /^}/ || line ~ /[;:][ ]*$/ || line ~ /^[ ]*$/ { signature = ""; next }
        { signature = signature " " line }'
}

{
    too_long_files
    functions
} | judge file-length function-length parameters
