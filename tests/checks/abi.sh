#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared library still serves programs built with the last release of the same major version: its
# binary interface, as abidiff reads it from debug information, has grown at most.
#   abi.sh SOURCE BUILD
set -eu
source=$1 work=$2/abi
command -v abidiff >/dev/null || { echo "skipped: no abidiff here"; exit 77; }
major=$(sed -n 's/^#define CLEAT_VERSION_MAJOR \([0-9]*\).*/\1/p' "$source/include/cleat/version.h")
tag=$(git -C "$source" describe --tags --abbrev=0 --match "v$major.*" 2>/dev/null) ||
    { echo "skipped: no release of version $major yet"; exit 77; }

# library NAME TREE: builds its shared library with debug information.
library() {
    cmake -S "$2" -B "$work/$1" -DBUILD_SHARED_LIBS=ON -DCMAKE_BUILD_TYPE=Debug -DCLEAT_CLBLAST=OFF \
        -DCLEAT_BUILD_CLI=OFF -DCLEAT_BUILD_EXAMPLES=OFF -DCLEAT_BUILD_TESTS=OFF >"$work/log" 2>&1 &&
        cmake --build "$work/$1" --target cleat -j 2 >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    ls "$work/$1"/libcleat.so
}

rm -rf "$work"
mkdir -p "$work/old_tree"
git -C "$source" archive "$tag" | tar -x -C "$work/old_tree"
old=$(library old "$work/old_tree")
new=$(library new "$source")
# Changes of types that are known to be harmless, such as an options struct's field taken from its reserve.
known=$source/tests/abi.suppressions
status=0
# shellcheck disable=SC2046 # two words
abidiff $([ -e "$known" ] && echo --suppressions "$known") \
    --headers-dir1 "$work/old_tree/include" --headers-dir2 "$source/include" "$old" "$new" \
    >"$work/report" 2>&1 || status=$?
# Bits: 1 error, 2 usage, 4 the interface changed, 8 programs would break; a parameter of another type
# is only a 4, as is what is new.
changed=$(grep -cE 'changes summary: ([1-9][0-9]* Removed|0 Removed, [1-9][0-9]* Changed)' "$work/report" || true)
if [ $((status & 11)) -ne 0 ] || [ "$changed" -ne 0 ]; then
    cat "$work/report"
    echo "programs built with $tag could break"
    exit 1
fi
echo "programs built with $tag go on working; $(grep -c '\[A\]' "$work/report" || true) functions are new"
