#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command `cleat`: what it prints and its exit statuses.  command.sh SOURCE BUILD
set -u
cleat=$2/cleat
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# Runs the command; its exit status and a text in its output must be these.
expect() { # status, text, arguments
    status=$1 text=$2
    shift 2
    "$cleat" "$@" >"$work/output" 2>&1
    got=$?
    if [ $got != "$status" ] || ! grep -qF -e "$text" "$work/output"; then
        echo "cleat $*: exit status $got, not $status, or no \"$text\":"
        cat "$work/output"
        bad=1
    fi
}

expect 0 "cleat $(awk '/define CLEAT_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $3; s = "." } END { print v }' \
    "$1/include/cleat/version.h")" --version
expect 0 'usage: cleat devices' --help
expect 2 'usage: cleat devices'
expect 2 'no command "dance"' dance
expect 2 'option' devices --colour
expect 2 'not understood' devices now
expect 2 'option' selftest --device
expect 2 'not understood' selftest matmul

expect 0 'chosen: ' devices
expect 0 '*  ' devices
expect 0 'checks are good' selftest
expect 0 'GFLOP/s' selftest --profile
grep -q FAILED "$work/output" && { cat "$work/output"; bad=1; }
expect 1 'no-such-device' devices --device no-such-device
expect 1 'no-such-device' selftest --device no-such-device
export CLEAT_DEVICE=no-such-device
expect 1 'no-such-device' devices
unset CLEAT_DEVICE

# No OpenCL at all: said plainly.
mkdir "$work/empty"
export OCL_ICD_VENDORS="$work/empty"
expect 1 'cleat: no devices' devices
expect 1 'cleat: no context' selftest
exit $bad
