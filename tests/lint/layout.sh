#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rule: who may include whom, so that the door and the workers stay apart and a worker can be read
# without the engine (docs: the layout).
#   producer/ and consumer/ never include each other; common/ includes none of the programs
#   consumer/workers/  may use common/, consumer/apis/, consumer/worker.h, consumer/scripts.h (the
#                      names of the scripts) and its own folder
#   consumer/apis/     knows no worker and no engine
#   consumer/engine/   names no vendor, in code or in words
# Project headers are named from the checkout's root ("common/err.h"), else the rules could be
# walked around. Tests may include anything.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mapfile -t sources < <(files common producer consumer console -- '*.c' '*.h')
((${#sources[@]} > 0)) || exit 0

includes() {
    code "${sources[@]}" | awk -F '\t' -v OFS='\t' '
        function no(why) { print "include", $1, $2, "\"" to "\": " why }
        !match($3, /^[ ]*#[ ]*include[ ]*"[^"]*"/) { next }
        { to = $3; sub(/^[^"]*"/, "", to); sub(/".*/, "", to); from = $1 }
        to !~ /^(common|producer|consumer|console)\// || to ~ /\.\./ {
            no("name it from the root: common/, producer/, consumer/ or console/"); next
        }
        from ~ /^common\// && to !~ /^common\// { no("common/ knows none of the programs") }
        from ~ /^producer\// && to ~ /^consumer\// { no("the door knows no worker") }
        from ~ /^consumer\// && to ~ /^producer\// { no("a worker does not know the door") }
        from ~ /^consumer\/workers\// &&
            to !~ /^(common\/|consumer\/apis\/|consumer\/workers\/|consumer\/(worker|scripts)\.h$)/ {
            no("a worker sees common/, consumer/apis/, consumer/worker.h and scripts.h")
        }
        from ~ /^consumer\/apis\// && to ~ /^consumer\/(workers\/|workers\.h$|engine\/)/ {
            no("an api knows no worker and no engine")
        }'
}

vendors() {
    files consumer/engine -- '*.c' '*.h' | while read -r file; do
        awk -v file="$file" -v OFS='\t' 'tolower($0) ~ /jira|amplitude|mixpanel|intercom|koji|nps/ {
            print "vendor", file, FNR, "the engine names no vendor" }' "$file"
    done
}

{
    includes
    vendors
} | judge include vendor
