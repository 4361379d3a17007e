#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stops Kafka or Redis and starts it again with the same port and the same data. With --kill it is
# given no time to say good-bye.
#
#   deploy/dev/restart.sh kafka|redis [--kill]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "$#:${1:-}:${2:-}" in
1:kafka: | 1:redis:) signal=TERM ;;
2:kafka:--kill | 2:redis:--kill) signal=KILL ;;
*) die "usage: restart.sh kafka|redis [--kill]" ;;
esac

lock_folder
[[ -s $DEV_DIR/$1/ports ]] || die "$1 was never started here; run up.sh first"
stop "$1" "$signal"
KEEP_PORTS=1 start "$1"
write_env
