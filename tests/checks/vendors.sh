#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One program of each kernel for graphics cards compiles for one card of each maker whose compiler is
# here, and spills no register: ci/vendors, which takes all, in short.  vendors.sh SOURCE BUILD
set -u
recorder=$2/tests/vendor_recorder.so
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
[ -e "$recorder" ] || { echo "skipped: no recorder was built"; exit 77; }
exec python3 "$1/tests/vendors/vendors.py" "$2" "$1/build/vendors/tools" "$2/vendors" --short
