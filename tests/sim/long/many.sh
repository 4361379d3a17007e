#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# many.sh COUNT [FROM]: so many seeds, for whoever has the time; not part of a run.
#
#   tests/sim/long/many.sh 5000       what is asked for in under five minutes on two cores
#   tests/sim/long/many.sh 1000000    a night
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
count=${1:?how many seeds}
from=${2:-1}
cmake --preset dev >/dev/null
cmake --build --preset dev --target hearback-sim >/dev/null
exec "${HEARBACK_BIN:-build/dev/bin}/hearback-sim" --seeds "$from-$((from + count - 1))"
