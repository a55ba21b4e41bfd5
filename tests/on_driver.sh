#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program on one OpenCL driver alone:  on_driver.sh LIBRARY PROGRAM
# Exit status 77, which ctest reports as skipped, when the driver is not installed.
set -eu
if ! grep -qsF "$1" /etc/OpenCL/vendors/*.icd; then
    echo "skipped: no file of /etc/OpenCL/vendors names the driver $1"
    exit 77
fi
export OCL_ICD_VENDORS="$1"

# LeakSanitizer itself can crash when a driver's thread ends while it looks at all threads: "Tracer
# caught signal". That says nothing of the program, which is run again, twice at most. Whatever else
# goes wrong counts at once.
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
for attempt in 1 2 3; do
    status=0
    "$2" >"$output" 2>&1 || status=$?
    cat "$output"
    if [ "$status" = 0 ] || ! grep -q '^100%: Checks' "$output" ||
        ! grep -q 'LeakSanitizer has encountered a fatal error' "$output"; then
        break
    fi
    echo "LeakSanitizer crashed in attempt $attempt"
done
exit "$status"
