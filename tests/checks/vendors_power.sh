#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.vendors must fail where something is wrong, by tests/vendors/vendors.py with a program in
# vendor_shapes' place that writes down what it is told to.  vendors_power.sh SOURCE
set -u
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tests"
: >"$work/CMakeCache.txt"
bad=0

form=--short
# shellcheck disable=SC2016,SC2086 # expanded there; a word each
run() { # the program's end
    printf '#!/bin/sh\ncd "$CLEAT_RECORD_DIR" || exit 9\n%s\n' "$1" >"$work/tests/vendor_shapes"
    chmod +x "$work/tests/vendor_shapes"
    python3 -B "$source/tests/vendors/vendors.py" "$work" "$work" "$work/out" $form \
        --vendor AMD >"$work/log" 2>&1
}

caught() { # what it says, the program's end
    run "$2"
    if [ $? != 1 ] || ! grep -q "FAILED.*$1" "$work/log"; then
        echo "not caught: $1"
        cat "$work/log"
        bad=1
    fi
}

# A program with a kernel, whose groups have so many work-items and bytes of local memory.
launch() { # body, work-items, bytes, its name: a unless given, options
    printf '%s\n' "printf >${4:-a}.options %s '-cl-std=CL1.2 ${5:-}'" "cat >${4:-a}.cl <<'END'" \
        "$1" END "echo >>vendor_shapes.launches ${4:-a} elementwise $2 1 1 $3"
}

# What the long form knows from before: as many of all targets, or none.
knows() { # how many, the program's end
    run "$2"
    found=$(sed -n 's/^  \([0-9]*\) programs and targets as .*/\1/p' "$work/log")
    [ "${found:-0}" = "$1" ] || { echo "knows ${found:-0} rather than $1: $2"; bad=1; }
}
good='kernel void elementwise(global float *x) { x[get_global_id(0)] *= 2; }'

source=$1
run true
[ $? = 77 ] && { cat "$work/log"; exit 77; }
caught "no program was compiled" true
caught "vendor_shapes: exit status 3" "exit 3"
caught "vendor_shapes: exit status -11" 'kill -SEGV $$'
caught "exit status 1" "$(launch 'kernel void elementwise(global float *x) { x = y; }' 64 0)"
caught "nothing is told of kernel" "$(launch 'kernel void another(global float *x) { }' 64 0)"
caught "does not fit" "$(launch "$good" 64 70000)"
caught "does not fit" "$(launch "$good" 4096 0)"
caught "softmax_items was not launched" "$(launch "$good" 64 0)"
grep -q "FAILED.*\(not fit\|elementwise\|told\)" "$work/log" && { cat "$work/log"; bad=1; }

form=
knows 0 "$(launch "$good" 64 0)"
cp "$work/out/vendors.tsv" "$work/first.tsv"
targets=$(($(wc -l <"$work/first.tsv") - 1))
[ $targets -ge 3 ] || { echo "$targets targets"; bad=1; }
knows $targets "$(launch "$good" 64 0)"
cmp "$work/first.tsv" "$work/out/vendors.tsv" || bad=1
knows $targets "$(launch "$good" 64 0 a -DUNUSED)"
knows 0 "$(launch "$good" 128 0)"
knows 0 "$(launch "$good" 64 0 b)"
knows 0 "$(launch "$good" 64 0 a -cl-mad-enable)"
truncate -s -9 "$work/out/AMD.results"
knows $((targets - 1)) "$(launch "$good" 64 0 a -cl-mad-enable)"
knows $targets "$(launch "$good" 64 0 a -cl-mad-enable)"

# All that is launched, or what vendor_shapes launches.
printf '#!/bin/sh\ncd "$CLEAT_RECORD_DIR" || exit 9\n%s\n' \
    "$(launch "$good" 64 0 c | sed 's/vendor_shapes/test_other/')" >"$work/tests/test_other"
chmod +x "$work/tests/test_other"
run "$(launch "$good" 64 0; launch "$good" 128 0 b)"
grep -q "^AMD: 3 of 3 programs (2 of vendor_shapes)" "$work/log" || { cat "$work/log"; bad=1; }
form=--shapes
run "$(launch "$good" 64 0; launch "$good" 128 0 b)"
grep -q "^AMD: 2 of 2 programs (2 of vendor_shapes)" "$work/log" || { cat "$work/log"; bad=1; }
form=--short
run "$(launch "$good" 64 0; launch "$good" 128 0 b)"
grep -q "^AMD: 1 of 2 programs (1 of vendor_shapes)" "$work/log" || { cat "$work/log"; bad=1; }

echo CLEAT_LINK_OPENCL:BOOL=ON >"$work/CMakeCache.txt"
run true
[ $? = 77 ] || { echo "a build with its OpenCL linked counts"; bad=1; }
exit $bad
