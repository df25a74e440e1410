#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release programs and runs the paired benchmarks:
#   bench/run.sh [S1 S2 ... S10 | growth | all] [--pairs N] [--quick] [--missing] [--write]
# BITREPO_BENCH_PRESET names another preset than release.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=${BITREPO_BENCH_PRESET:-release}
cd "$top"
deploy/install-deps.sh >/dev/null
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" --target bench_programs >/dev/null
exec /usr/bin/python3 bench/paired_runs.py --build "$top/build/$preset" "$@"
