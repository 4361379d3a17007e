#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: shell scripts pass shellcheck, and those that are run stop at the first error, at an unset
# variable and at a failed part of a pipe. A script that goes on after an error lies about its result.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

files . -- '*.sh' | while read -r file; do
    shellcheck -x -P SCRIPTDIR -f gcc "$file" 2>&1 |
        awk -v file="$file" -F ':' '{
            line = $2; sub(/^[^:]*:[^:]*:[^:]*: /, ""); print "shell", file, line, $0 }' OFS='\t' || true
    [[ ! -x $file ]] || grep -qx 'set -euo pipefail' "$file" ||
        printf 'shell\t%s\t1\tset -euo pipefail\n' "$file"
done | judge shell
