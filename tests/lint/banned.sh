#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: these calls are not made. Each has a better way here; the table says which and why. In
# programs and libraries all rows hold, in tests those marked `all`. Also: no notes-to-self, an
# open end is an issue.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# rule | where | calls | the file that may | why
table='
strings|all|strcpy strcat strncpy strncat sprintf vsprintf gets stpcpy||unbounded, or silently without the NUL: use span and buf
numbers|all|atoi atol atoll atof||cannot report an error: use span_number
parse|all|strtok||writes into its input and keeps state between calls: use span
time|all|asctime ctime localtime gmtime||one static result for all threads, local time: use clock_format
stack|all|alloca||a size from outside must not move the stack: use the arena
wait|all|sleep usleep nanosleep||a thread waits in one place, and a test moves the clock
process|all|system popen||a shell reads what we meant as text
random|all|rand srand random drand48||predictable: use RAND_bytes, or a seeded generator in tests
alloc|product|malloc calloc realloc free strdup strndup reallocarray|common/mem.c|the seam of the torture tests: use mem_*
memcmp|product|memcmp||leaks the position of the difference: CRYPTO_memcmp for secrets, span_equal for the rest
assert|all|assert||is switched off by NDEBUG: use CHECK
exit|product|exit quick_exit|main.c|only main ends the process, so that everything is torn down in order
abort|product|abort _exit _Exit|common/err.c|CHECK says where before it ends the process
'

mapfile -t product < <(files common producer consumer console -- '*.c' '*.h')
mapfile -t every < <(files common producer consumer console tests -- '*.c' '*.h')

calls() {
    local rule where names may why
    code "${every[@]}" >"$1"
    while IFS='|' read -r rule where names may why; do
        [[ -n $rule ]] || continue
        # A member of that name is not the call; an allocator handed over as an argument is.
        awk -F '\t' -v rule="$rule" -v where="$where" -v names="${names// /|}" -v may="$may" \
            -v why="$why" '
            where == "product" && $1 ~ /^tests\// { next }
            may != "" && ($1 == may || $1 ~ ("/" may "$")) { next }
            {
                text = $3; gsub(/(->|\.)[ ]*[A-Za-z_0-9]+/, " member ", text)
                found = gsub("(^|[^A-Za-z0-9_])(" names ")[ ]*\\(", "&", text)
                if (rule == "alloc") {
                    found += gsub("[(,&][ ]*(" names ")[ ]*[,)]", "&", text)
                }
                for (; found > 0; found--) {
                    print rule, $1, $2, names ": " why
                }
            }' OFS='\t' "$1"
    done <<<"$table"
}

notes() {
    files . -- '*.c' '*.h' '*.sh' '*.py' '*.lua' '*.cmake' CMakeLists.txt 'Dockerfile*' '*.y*ml' |
        while read -r file; do
            awk -v file="$file" '/(^|[^A-Za-z0-9_"])(TOD[O]|FIXM[E]|XX[X])([^A-Za-z0-9_]|$)/ {
                print "todo", file, FNR, "an open end is an issue, not a comment" }' OFS='\t' "$file"
        done
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
((${#product[@]} + ${#every[@]} > 0)) || exit 0
{
    calls "$tmp"
    notes
} | judge strings numbers parse time stack wait process random alloc memcmp assert exit abort todo
