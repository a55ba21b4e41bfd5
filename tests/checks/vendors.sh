#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each kernel for graphics cards, in the first program that tests/vendors/shapes.c makes the library
# build of it, compiles for one of NVIDIA's cards and one of AMD's, where their compilers are here, and
# spills no register: ci/vendors, which takes all, in short, on one core; a part of them where commits
# take turns.  vendors.sh SOURCE BUILD
set -u
recorder=$2/tests/vendor_recorder.so
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
[ -e "$recorder" ] || { echo "no recorder was built: $recorder"; exit 1; }
exec python3 -B "$1/tests/vendors/vendors.py" "$2" "$1/build/vendors/tools" "$2/vendors" --short
