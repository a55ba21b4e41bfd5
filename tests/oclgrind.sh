#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program on oclgrind's simulated device, which finds reads and writes out of bounds and
# races in kernels:  oclgrind.sh PROGRAM
# oclgrind's exit status tells nothing about them: its log has to be empty. Its driver is given to
# the loader, rather than put in the loader's place by the command oclgrind: tests choose drivers too.
set -u
command=$(command -v oclgrind) || { echo "skipped: oclgrind is not installed"; exit 77; }
driver=$(dirname "$command")/../lib/oclgrind/liboclgrind-rt-icd.so
[ -e "$driver" ] || { echo "skipped: $driver is not there"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$driver" >"$work/oclgrind.icd"
OCL_ICD_VENDORS=$work OCLGRIND_LOG=$work/log OCLGRIND_DATA_RACES=1 "$1"
status=$?
if [ -s "$work/log" ]; then
    head -n 60 "$work/log"
    exit 1
fi
exit $status
