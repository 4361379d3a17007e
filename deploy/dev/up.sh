#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts a real Kafka (one node) and a real Redis on free ports of this machine and prints their
# addresses, which are also in .dev/env. What runs already is left alone.
#
#   deploy/dev/up.sh [--only kafka|redis]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

what=(redis kafka)
case "$#:${1:-}:${2:-}" in
0::) ;;
2:--only:kafka | 2:--only:redis) what=("$2") ;;
*) die "usage: up.sh [--only kafka|redis]" ;;
esac

lock_folder
for name in "${what[@]}"; do
    start "$name"
done
write_env
