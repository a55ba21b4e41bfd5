#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program on one OpenCL driver alone:  on_driver.sh LIBRARY PROGRAM
# Exit status 77, which ctest reports as skipped, when the driver is not installed.
set -eu
if ! ldconfig -p 2>/dev/null | grep -qF "$1" && [ ! -e "$1" ] &&
    ! /sbin/ldconfig -p 2>/dev/null | grep -qF "$1"; then
    echo "skipped: the OpenCL driver $1 is not installed"
    exit 77
fi
export OCL_ICD_VENDORS="$1"
exec "$2"
