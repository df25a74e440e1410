#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings every source of the tree into the form of .clang-format; with --check only says which are not.
set -eu

cd "$(dirname "$0")/../.."
case ${1:-} in
    --check) mode='--dry-run --Werror' ;;
    '') mode=-i ;;
    *) echo "usage: tests/tidy/format.sh [--check]" >&2; exit 2 ;;
esac
find . -name build -prune -o \( -name '*.h' -o -name '*.cc' \) -print0 |
    xargs -0 -r clang-format $mode
