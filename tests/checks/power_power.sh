#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/power/power.sh must accept a fault that is caught, and refuse one that the suite overlooks, a
# text that is not in the file, a kernel that does not compile, and a list that holds nothing.
#   power_power.sh SOURCE BUILD
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

try() { # source, text, with, wanted: good or bad
    printf 'file: transfer.cl\ntext: %s\nwith: %s\ntest: test_harness\n' "$2" "$3" >"$work/list"
    got=good
    sh "$1/tests/power/power.sh" "$work/list" "$1/cl" "$build/tests" >"$work/output" 2>&1 || got=bad
    if [ $got != "$4" ]; then
        echo "\"$3\" for \"$2\" counts as $got, not $4:"
        cat "$work/output"
        bad=1
    fi
}

build=$2
try "$1" 'x[x_at + i * x_step]' 'x[x_at]' good
try "$1" 'x[x_at + i * x_step]' 'x[i * x_step + x_at]' bad
try "$1" 'no such text' 'x' bad
try "$1" 'x[x_at + i * x_step]' 'no_such_variable' bad
: >"$work/list"
sh "$1/tests/power/power.sh" "$work/list" "$1/cl" "$build/tests" >/dev/null 2>&1 &&
    { echo "an empty list is accepted"; bad=1; }
exit $bad
