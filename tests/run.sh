#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds everything with the address and undefined-behaviour sanitizers and runs every test.
#
#   tests/run.sh [CTEST ARGUMENT...]     as in: tests/run.sh -L bus/protocol
#
# BITREPO_PRESET takes another preset than dev; BITREPO_BUILD_ROOT another place than build/.
# The exit code is ctest's, and its closing line is the last one printed.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
preset=${BITREPO_PRESET:-dev}
build=${BITREPO_BUILD_ROOT:-$root/build}/$preset

"$root/deploy/install-deps.sh"
cd "$root"
cmake --preset "$preset" -B "$build" >/dev/null
cmake --build "$build" --parallel "${BITREPO_JOBS:-2}"
exec ctest --test-dir "$build" --parallel "${BITREPO_JOBS:-2}" --output-on-failure \
    --no-label-summary --no-tests=error "$@"
