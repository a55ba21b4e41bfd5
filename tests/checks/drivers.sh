#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The faults of OpenCL implementations that docs/drivers.md tells of are the ones that those here have:
# one that is not told fails, one that is gone is mentioned.  drivers.sh SOURCE BUILD
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0 run=0

on() { # name in the page, driver
    run=$((run + 1))
    echo "$2" >"$work/only.icd"
    if ! OCL_ICD_VENDORS="$work/only.icd" "$build/tests/driver_faults" >"$work/told"; then
        echo "$1: driver_faults failed"
        bad=1
        return
    fi
    while read -r fault state; do
        known=no
        grep -q "^| $1 .*\`$fault\`" "$page" && known=yes
        case $state-$known in
        present-no) echo "$1: $fault is not told in docs/drivers.md"; bad=1 ;;
        absent-yes) echo "$1: $fault is gone here" ;;
        esac
    done <"$work/told"
    echo "$1: $(grep -c present "$work/told") faults of $(wc -l <"$work/told")"
}

build=$2 page=$1/docs/drivers.md
pocl=$(grep -hsF libpocl /etc/OpenCL/vendors/*.icd | head -n 1)
[ -z "$pocl" ] || on PoCL "$pocl"
[ -z "$pocl" ] || POCL_DEVICES=basic on "PoCL's basic device" "$pocl"
rusticl=$(grep -hsF RusticlOpenCL /etc/OpenCL/vendors/*.icd | head -n 1)
export RUSTICL_ENABLE=llvmpipe
[ -z "$rusticl" ] || on rusticl "$rusticl"
simulator=$(command -v oclgrind) &&
    on oclgrind "$(dirname "$simulator")/../lib/oclgrind/liboclgrind-rt-icd.so"
[ $run -gt 0 ] || { echo "skipped: none of PoCL, rusticl, oclgrind is installed"; exit 77; }
exit $bad
