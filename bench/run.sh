#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release programs and runs the paired benchmarks: bench/run.sh [small|large|lists|all] [--pairs N]
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$top/deploy/install-deps.sh"
cd "$top"
cmake --preset release >/dev/null
cmake --build --preset release --target bitrepo bitrepo-pillar bitrepo-coordinator fill_store >/dev/null
exec python3 "$top/bench/paired_runs.py" --bin "$top/build/release/bin" "$@"
