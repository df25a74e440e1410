#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy (the checks of .clang-tidy) on the sources that differ from HEAD.
#
#   tests/tidy/clang_tidy.sh             the .cc files changed since the last commit, and new ones
#   tests/tidy/clang_tidy.sh --all       every .cc file of the tree
#   tests/tidy/clang_tidy.sh FILE...     these
#
# Not part of the gate: a file takes seconds. BITREPO_BUILD_ROOT puts the build elsewhere.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BITREPO_BUILD_ROOT:-$root/build}/clang
cd "$root"

case ${1:-} in
    --all) files=$(git ls-files '*.cc') ;;
    '') files=$( (git diff --name-only HEAD -- '*.cc'; git ls-files -o --exclude-standard '*.cc') | sort -u) ;;
    *) files=$* ;;
esac
if [ -z "$files" ]; then
    echo "clang-tidy: no source differs from HEAD"
    exit 0
fi

cmake --preset clang -B "$build" >/dev/null
cmake --build "$build" --target bitrepo_proto >/dev/null
echo $files | tr ' ' '\n' | xargs -P "${BITREPO_JOBS:-2}" -n 2 clang-tidy-14 --quiet -p "$build"
echo "clang-tidy: no finding"
