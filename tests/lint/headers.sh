#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: every C file begins with the licence in one line, so that a file taken out of the tree still
# says under which terms; every header has a guard made from its path, so that no two are the same.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

licences() {
    files common producer consumer console tests -- '*.c' '*.h' | while read -r file; do
        IFS= read -r first <"$file" || true
        [[ $first == '/* SPDX-License-Identifier: Apache-2.0'* ]] ||
            printf 'spdx\t%s\t1\t%s\n' "$file" 'begins with /* SPDX-License-Identifier: Apache-2.0'
    done
}

guards() {
    files common producer consumer console tests -- '*.h' | while read -r file; do
        guard=${file^^}
        guard=HEARBACK_${guard//[^A-Z0-9]/_}
        grep -A1 -x "#ifndef $guard" "$file" | grep -qx "#define $guard" ||
            printf 'guard\t%s\t1\tits guard is %s\n' "$file" "$guard"
    done
}

{
    licences
    guards
} | judge spdx guard
