#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The simulation as every run has it: seeds that once found a fault, and the first six hundred.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
sim=${HEARBACK_BIN:?run this by tests/run.sh sim}/hearback-sim
sed 's/#.*//; /^[[:space:]]*$/d' regressions.txt | while read -r seed; do
    "$sim" --seed "$seed"
done
"$sim" --seeds 1-600
