#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `cleat selftest` on the other implementations of OpenCL that are here: Mesa's rusticl, and oclgrind,
# whose log of reads and writes out of bounds and of races must stay empty. check.command runs it on the
# best device.  selftest.sh SOURCE BUILD
set -u
. "$1/tests/turn.sh"
cleat=$2/cleat
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0 run=0
export CLEAT_CACHE_DIR="$work/cache" CLEAT_VERIFY=off

# Runs it on one driver; the check that may fail there, or none.
on() { # name, driver, check that may fail
    run=$((run + 1))
    echo "$2" >"$work/only.icd"
    OCL_ICD_VENDORS=$work/only.icd "$cleat" selftest >"$work/output" 2>"$work/errors"
    status=$?
    failed=$(grep FAILED "$work/output" | grep -v "^${3:-no such check} " | grep -v '^This device')
    if [ -n "$failed" ] || ! grep -q 'checks are good' "$work/output" || { [ $status != 0 ] && [ -z "${3:-}" ]; }; then
        echo "$1: exit status $status"
        cat "$work/output" "$work/errors"
        bad=1
    fi
    grep '^device' "$work/output"
    grep 'checks are good' "$work/output"
}

if its_turn 0 2 && grep -qsF libRusticlOpenCL /etc/OpenCL/vendors/*.icd; then
    RUSTICL_ENABLE=llvmpipe
    export RUSTICL_ENABLE
    on rusticl "$(cat /etc/OpenCL/vendors/*usticl*.icd)"
fi

# oclgrind 21.10 widens vectors of truth values by their sign, so that bools come out as 255.
if its_turn 1 2 && command -v oclgrind >/dev/null; then
    export OCLGRIND_LOG="$work/log" OCLGRIND_DATA_RACES=1
    on oclgrind "$(dirname "$(command -v oclgrind)")/../lib/oclgrind/liboclgrind-rt-icd.so" casts
    [ ! -s "$work/log" ] || { head -n 60 "$work/log"; bad=1; }
fi
[ $run -gt 0 ] || { echo "skipped: rusticl or oclgrind, or both, are not installed"; exit 77; }
exit $bad
