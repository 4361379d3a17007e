#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A day without the vendor, once for each way in which it may be away: nothing dies, nothing is told
# twice, one alarm, and the catching up keeps to the vendor's limits and uses them.
set -euo pipefail
"${HEARBACK_BIN:?run this by tests/run.sh sim}"/hearback-sim-day
