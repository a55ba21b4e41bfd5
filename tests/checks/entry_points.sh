#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The layer that makes OpenCL fail (tests/faults) knows the entry points that the library calls, no
# more and no fewer, and its table has every operation.
#   entry_points.sh SOURCE BUILD
set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# The names that a macro lists as X(Name).
listed() { # macro, file
    awk -v macro="#define $1(X)" '
        index($0, macro) == 1 { inside = 1; next }
        inside { print }
        inside && !/\\$/ { exit }' "$2" | grep -oE 'X\([A-Za-z]+\)' | sed 's/X(\(.*\))/\1/' | sort
}

compare() { # what, file
    if ! diff "$work/layer" "$2" >"$work/difference"; then
        echo "tests/faults/layer.h (<) and $1 (>) differ:"
        cat "$work/difference"
        bad=1
    fi
}

listed LAYER_ENTRY_POINTS tests/faults/layer.h >"$work/layer"
[ "$(wc -l <"$work/layer")" -gt 30 ] || { echo "hardly any entry points in tests/faults/layer.h"; exit 1; }
listed OPENCL_CALLS src/core/opencl_calls.h >"$work/opened"
compare src/core/opencl_calls.h "$work/opened"
grep -hoE '\bcl[A-Z][A-Za-z]+\(' src/core/*.c | sed 's/^cl\(.*\)($/\1/' | sort -u >"$work/called"
compare "what src/core calls" "$work/called"

# Where OpenCL is linked, the library's undefined symbols are these; else it has none.
for library in "$2/libcleat.a" "$2/libcleat.so"; do
    [ -e "$library" ] || continue
    nm -u "$library" | grep -oE '\bcl[A-Z][A-Za-z]+(@.*)?$' | sed 's/@.*//; s/^cl//' | sort -u >"$work/undefined"
    [ ! -s "$work/undefined" ] || compare "what $library wants" "$work/undefined"
done

# Functions that enqueue: those of the headers about operations, but not of the others.
headers=$(ls include/cleat/*.h | grep -vE '/(cache|cleat|context|export|graph|memory|onnx|opencl|plan|profile|status|tensor|tuning|version)\.h$')
table=$(cat tests/faults/*_operations.c | tr -s ' \n' ' ')
# shellcheck disable=SC2086 # a word each
for name in $({ cat $headers | tr -s ' \n' ' ' |
    grep -oE 'CLEAT_API cleat_status cleat_[a-z0-9_]+\( ?cleat_context \*' |
    grep -oE 'cleat_[a-z0-9_]+\('; echo 'cleat_copy('; echo 'cleat_fill('; } | tr -d '(' | sort -u); do
    echo "$table" | grep -qE "(OPERATION_CALL\( ?${name#cleat_},|\b$name\()" ||
        { echo "tests/faults: the table has no $name"; bad=1; }
done
echo "$(wc -l <"$work/layer") entry points"
exit $bad
