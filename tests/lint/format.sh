#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: C looks as .clang-format says, so that a difference between two versions is a difference in
# meaning. `clang-format -i FILE` mends it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

files common producer consumer console tests -- '*.c' '*.h' | while read -r file; do
    clang-format --style=file --dry-run -Werror "$file" 2>&1 | awk -F ':' -v file="$file" '
        /clang-format-violations/ { print "format", file, $2, "clang-format -i mends it"; exit }
        ' OFS='\t' || true
done | judge format
