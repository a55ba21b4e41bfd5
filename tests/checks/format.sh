#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format agrees with every C file.  format.sh SOURCE
set -eu
cd "$1"
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed"; exit 77; }
find include src tests examples bench -name '*.[ch]' -print0 2>/dev/null |
    xargs -0 clang-format --dry-run -Werror
