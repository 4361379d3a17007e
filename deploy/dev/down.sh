#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stops the Kafka and the Redis that up.sh started from this folder and waits for their end. The
# data stays, unless --wipe.
#
#   deploy/dev/down.sh [--wipe | --only kafka|redis]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

what=(kafka redis)
case "$#:${1:-}:${2:-}" in
0:: | 1:--wipe:) ;;
2:--only:kafka | 2:--only:redis) what=("$2") ;;
*) die "usage: down.sh [--wipe | --only kafka|redis]" ;;
esac
[[ -d $DEV_DIR ]] || exit 0

lock_folder
for name in "${what[@]}"; do
    stop "$name"
done
if (($# == 2)); then
    exit 0 # the other one's address stays in .dev/env
fi
rm -f "$DEV_DIR/env"
if [[ ${1:-} == --wipe ]]; then
    # Only what these scripts made; the folder may be somebody's.
    rm -rf "$DEV_DIR/kafka" "$DEV_DIR/redis" "$DEV_DIR/env.new" "$DEV_DIR/lock"
    rmdir --ignore-fail-on-non-empty "$DEV_DIR"
fi
