#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stops the Kafka and the Redis that up.sh started from this folder and waits for their end. The
# data stays, unless --wipe.
#
#   deploy/dev/down.sh [--wipe]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "$#:${1:-}" in
0: | 1:--wipe) ;;
*) die "usage: down.sh [--wipe]" ;;
esac
[[ -d $DEV_DIR ]] || exit 0

lock_folder
stop kafka
stop redis
rm -f "$DEV_DIR/env"
if [[ ${1:-} == --wipe ]]; then
    # Only what these scripts made; the folder may be somebody's.
    rm -rf "$DEV_DIR/kafka" "$DEV_DIR/redis" "$DEV_DIR/env.new" "$DEV_DIR/lock"
    rmdir --ignore-fail-on-non-empty "$DEV_DIR"
fi
