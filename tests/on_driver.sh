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
exec "$2"
