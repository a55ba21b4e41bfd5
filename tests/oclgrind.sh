#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program on oclgrind's simulated device, which finds reads and writes out of bounds and
# races in kernels:  oclgrind.sh PROGRAM
# oclgrind's exit status tells nothing about them: its log has to be empty.
set -u
command -v oclgrind >/dev/null || { echo "skipped: oclgrind is not installed"; exit 77; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
oclgrind --data-races --log "$log" "$1"
status=$?
if [ -s "$log" ]; then
    head -n 60 "$log"
    exit 1
fi
exit $status
