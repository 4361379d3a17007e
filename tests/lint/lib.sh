# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the rules share; sourced, never run. A rule script prints findings, one a line and
# tab-separated (rule, file, line, text), into `judge`, which takes away what tests/lint/allow.txt
# permits and fails on the rest. LINT_ROOT is the tree to look at; selftest.sh sets it.

LINT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LINT_ROOT=$(cd "${LINT_ROOT:-$LINT/../..}" && pwd)
cd "$LINT_ROOT" || exit 2

ALL_RULES="strings numbers parse time stack wait process random alloc memcmp assert exit abort todo
    file-length function-length parameters
    include vendor
    spdx guard source machine-path url package-host secret
    format shell"

# files FOLDER… -- GLOB…: sorted paths below the folders that exist, without what is built.
files() {
    local folders=() globs=()
    while [[ $1 != -- ]]; do
        [[ ! -d $1 ]] || folders+=("$1")
        shift
    done
    shift
    for glob in "$@"; do
        globs+=(-o -name "$glob")
    done
    ((${#folders[@]} > 0)) || return 0
    find "${folders[@]}" -type d \
        \( -name .git -o -name build -o -name .dev -o -name .cache -o -name __pycache__ \) -prune \
        -o -type f \( "${globs[@]:1}" \) -print | sed 's|^\./||' | LC_ALL=C sort
}

# code FILES…: file, line, text, tab-separated, with comments and the insides of literals blanked.
code() {
    (($# == 0)) || python3 "$LINT/code.py" "$@"
}

# judge RULE…: reads findings; a script names all the rules it looks for, so that a permission
# nobody uses any more is found as well.
judge() {
    local allow=$LINT_ROOT/tests/lint/allow.txt
    [[ -f $allow ]] || allow=/dev/null
    awk -F '\t' -v own="$*" -v all="$ALL_RULES" -v allow_file="$allow" '
        function bad(text) { print text; failures++ }
        BEGIN {
            split(own, o, /[ \n]+/); for (i in o) is_own[o[i]] = 1
            split(all, a, /[ \n]+/); for (i in a) is_rule[a[i]] = 1
            while ((getline line < allow_file) > 0) {
                number++
                if (line ~ /^#/ || line ~ /^[ ]*$/) { continue }
                if (split(line, f, /[ ]+/) < 4 || !(f[1] in is_rule) || f[3] !~ /^[1-9][0-9]*$/) {
                    bad("tests/lint/allow.txt:" number ": not `rule file count reason`: " line)
                } else if (f[1] in is_own) {
                    allowed[f[1] "\t" f[2]] = f[3]; at[f[1] "\t" f[2]] = number
                }
            }
        }
        { key = $1 "\t" $2; count[key]++; lines[key] = lines[key] $2 ":" $3 ": " $1 ": " $4 "\n" }
        END {
            for (key in count) {
                if (!(key in allowed)) {
                    printf "%s", lines[key]; failures += count[key]
                } else if (count[key] > allowed[key]) {
                    printf "%s", lines[key]
                    bad("tests/lint/allow.txt:" at[key] ": permits " allowed[key] ", found " count[key])
                }
            }
            for (key in allowed) {
                if (count[key] < allowed[key]) {
                    split(key, k, "\t")
                    bad("tests/lint/allow.txt:" at[key] ": permits " allowed[key] " " k[1] " in " k[2] \
                        ", found " (count[key] + 0) ": take it back")
                }
            }
            exit failures > 0
        }' | LC_ALL=C sort -t : -k 1,1 -k 2,2n
}
