#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command `cleat`: what it prints and its exit statuses.  command.sh SOURCE BUILD
set -u
. "$1/tests/turn.sh"
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
expect 0 'usage: cleat devices' -h
for command in bench cache devices doctor selftest tune; do
    expect 2 'option' $command --colour
done
expect 2 'not understood' devices now
expect 2 'option' selftest --device
expect 2 'not understood' selftest matmul

expect 0 'chosen: ' devices
expect 0 '*  ' devices
on_cpu=$(grep -E '^\*.*  cpu  ' "$work/output")
expect 0 '"chosen": true' devices --json
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; d = json.load(sys.stdin)["devices"]; sys.exit(sum(e["chosen"] for e in d) != 1)' \
        <"$work/output" || { echo "devices --json: not one device is chosen"; bad=1; }
fi
# All of it, which compiles some 170 kernels, each second time.
only=$(its_turn 0 2 || echo '--only matmul')
# shellcheck disable=SC2086  # two words, or none
expect 0 "$([ -n "$only" ] && echo 'checks are good' || echo 'This device can be trusted')" selftest --profile $only
grep -q 'GFLOP/s' "$work/output" || { echo "selftest --profile shows no profile"; bad=1; }
grep -q FAILED "$work/output" && { cat "$work/output"; bad=1; }
expect 1 'no-such-device' devices --device no-such-device
expect 1 'no-such-device' selftest --device no-such-device
expect 1 '0 of 0' selftest --only 'no such check'

# Colours and a bar on a terminal, and only there.
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then # a system may have no terminals to give
    TERM=xterm script -qec "$cleat selftest --only bias" /dev/null >"$work/shown" </dev/null
    grep -q "$(printf '\033\\[32mok')" "$work/shown" || { echo "no green on a terminal"; bad=1; }
    grep -q '#.*100 %' "$work/shown" || { echo "no bar on a terminal"; bad=1; }
    NO_COLOR=1 TERM=xterm script -qec "$cleat selftest --only bias" /dev/null >"$work/shown" </dev/null
    grep -q "$(printf '\033\\[32m')" "$work/shown" && { echo "a colour although NO_COLOR is set"; bad=1; }
fi

# The benches; tests/checks/bench.sh looks at their numbers.
expect 0 'bandwidth' bench --list
expect 0 'GFLOP/s' bench matmul-small --case '64x64x64' --json "$work/bench.json"
grep -q '"bench": "matmul-small"' "$work/bench.json" || { echo "bench: no row in its JSON"; bad=1; }
grep -q '"peers"' "$work/bench.json" && { echo "bench: peers, without any"; bad=1; }
LC_ALL=C grep -q "$(printf '\r')" "$work/output" && { echo "bench: a bar, but no terminal"; bad=1; }
expect 2 '--peers is for the bench model' bench --peers
expect 2 '--peers is for the bench model' bench matmul --peers
expect 2 'no bench called dance' bench dance
expect 1 'no-such-device' bench --device no-such-device

# A kernel that is wrong in one activation: the check fails and names it.
mkdir "$work/wrong"
sed 's/return x < 0.0f ? x \* parameters.x : x;/return x;/' "$1/cl/activation.cl" >"$work/wrong/activation.cl"
! cmp -s "$1/cl/activation.cl" "$work/wrong/activation.cl" || { echo "leaky relu is not spoilt"; bad=1; }
CLEAT_KERNEL_DIR="$work/wrong" expect 1 '(leaky_relu)' selftest --only activations
grep -q 'cannot be trusted' "$work/output" || { echo "selftest trusts a wrong kernel"; bad=1; }
export CLEAT_DEVICE=no-such-device
expect 1 'no-such-device' devices
unset CLEAT_DEVICE

# Tuning: every choice is one that an operation goes by here (what a large product is depends on the
# caches, and the size of the GPUs' tile is theirs). tests/test_tuning_file.c is about the file.
expect 2 'not understood' tune now
expect 2 'nothing to be tuned' tune --operation dance
expect 2 'more than 0' tune --seconds never
expect 1 'no-such-device' tune --device no-such-device
# Every variant is a candidate: one of the last, which the driver cannot build here, is named.
mkdir "$work/sparse"
echo '#error "not here"' >"$work/sparse/conv2d_cpu_sparse_data.cl"
table=$work/settings/table
operations='conv2d softmax reduce attention'
[ "${CLEAT_TEST_EFFORT:-}" = long ] &&
    operations="$operations matmul conv2d_backward_data conv2d_backward_weights
        attention_backward rotary softmax_cross_entropy softmax_cross_entropy_backward"
place=0
for operation in $operations; do
    place=$((place + 1))
    its_turn $place || continue
    kernels=
    [ "$operation" != conv2d ] || kernels=$work/sparse
    CLEAT_KERNEL_DIR=$kernels expect 0 'Nothing is stored.' \
        tune -n --operation "$operation" --seconds 0.0001 --file "$table"
    if [ "$operation" = conv2d ] && [ -n "$on_cpu" ]; then
        grep -q '^conv2d  *narrow_groups  *cpu_sparse is left out' "$work/output" ||
            { echo "cpu_sparse was not tried:"; cat "$work/output"; bad=1; }
    fi
    grep -E 'not used|left out' "$work/output" |
        grep -vE '^matmul +(large|gpu_tile|gpu_band|units_stages)|cpu_sparse is left out' && bad=1
done
[ -e "$table" ] && { echo "a dry run stored something"; bad=1; }
LC_ALL=C grep -q "$(printf '\r')" "$work/output" && { echo "a bar, but no terminal"; bad=1; }
expect 0 "stored in $table" tune --operation softmax --seconds 0.0001 --file "$table"
grep -qx 'cleat-tuning 1' "$table" || { echo "no table in $table"; bad=1; }
expect 0 '0 entries for this device in no file' tune --show --file none
if command -v python3 >/dev/null; then
    line=$("$cleat" devices --json | python3 -c 'import json, sys
whole = json.load(sys.stdin)
d = [d for d in whole["devices"] if d["chosen"]][0]
print("device %s; %s; driver %s; %d units; cleat %s"
      % (d["name"], d["platform"], d["driver"], d["compute_units"], whole["cleat"]))')
    printf 'cleat-tuning 1\n%s\nsoftmax inner items rows\n' "$line" >"$table"
    expect 0 "1 entries for this device in $table" tune --show --file "$table"
    grep -q '^softmax  *inner  *items rows$' "$work/output" || { echo "the entry is not shown"; bad=1; }
fi
echo nonsense >"$table"
expect 0 'damaged: line 1' tune --show --file "$table"
expect 1 'damaged: line 1' tune --operation softmax --seconds 0.0001 --file "$table"
[ "$(cat "$table")" = nonsense ] || { echo "a file that is no table was spoilt"; bad=1; }
export CLEAT_TUNING_FILE=none
expect 1 'has no file' tune --operation softmax --seconds 0.0001
unset CLEAT_TUNING_FILE

# The cache: what this run has left there; of a folder, only what is an entry is removed.
export CLEAT_CACHE_DIR="$work/kernels"
expect 0 'not there yet' cache
expect 0 '1 of 1 checks are good' selftest --only cross-entropy
expect 0 "folder   $work/kernels" cache
mkdir -p "$work/kernels"
touch "$work/kernels/0123456789abcdef0123456789abcdef.bin" "$work/kernels/notes"
expect 0 'entries removed' cache --clear
grep -qx '0 entries removed' "$work/output" && { echo "nothing was removed"; bad=1; }
[ "$(ls "$work/kernels")" = notes ] || { echo "the folder has $(ls "$work/kernels")"; bad=1; }
expect 0 'entries  0' cache --folder "$work/kernels"
expect 1 'cannot be written to' cache --folder /dev/null/below
expect 2 'not understood' cache now
unset CLEAT_CACHE_DIR
(
    unset CLEAT_CACHE_DIR XDG_CACHE_HOME HOME
    export POCL_CACHE_DIR="$work/pocl"
    expect 1 'CLEAT_CACHE_DIR, XDG_CACHE_HOME and HOME are not set' cache
    expect 0 '0 entries removed' cache --clear
    expect 0 'warn  cache     no folder' doctor
    exit $bad
) || bad=1

# The doctor: what is wrong, and what to do.
expect 0 'good  kernel' doctor
expect 0 'Cleat can compute here' doctor
expect 2 'not understood' doctor now
expect 1 'no-such-device' doctor --device no-such-device
CLEAT_CACHE_DIR=/dev/null/below expect 0 'warn  cache' doctor
mkdir "$work/kernels_that_fail"
echo 'kernel void elementwise(global float *x) { no_such_name(x); }' >"$work/kernels_that_fail/activate.cl"
CLEAT_KERNEL_DIR="$work/kernels_that_fail" expect 1 'BAD   kernel' doctor
mkdir "$work/kernels_that_lie"
sed 's/out0 = CAT(activation_value_/out0 = 1.0f + CAT(activation_value_/' "$1/cl/activate.cl" \
    >"$work/kernels_that_lie/activate.cl"
! cmp -s "$1/cl/activate.cl" "$work/kernels_that_lie/activate.cl" || { echo "relu is not spoilt"; bad=1; }
CLEAT_KERNEL_DIR="$work/kernels_that_lie" expect 1 'wrong results' doctor
grep -q 'set  *CLEAT_KERNEL_DIR=' "$work/output" || { echo "the doctor does not tell what is set"; bad=1; }
echo nonsense >"$table"
CLEAT_TUNING_FILE="$table" expect 0 'damaged: line 1' doctor
CLEAT_OPENCL_LIBRARY=/nowhere/libOpenCL.so expect 1 'which cannot be opened' doctor

# Several devices: like ones, and a renderer among them.
expect 0 'chosen: ' devices
if grep -qF 'Portable Computing Language' "$work/output" && [ -n "$on_cpu" ]; then
    POCL_DEVICES='pthread pthread' expect 0 'of 2 devices it has the highest score' devices
    POCL_DEVICES='pthread pthread' expect 0 'the best of several that match' devices --device cpu
fi
if [ -n "$on_cpu" ] && grep -qsF libRusticlOpenCL /etc/OpenCL/vendors/*.icd; then
    export RUSTICL_ENABLE=llvmpipe
    expect 0 'it is the only cpu, before any software' devices
    expect 0 'llvmpipe ends a loop after' doctor --device llvmpipe
    grep -q 'Cleat can compute here, with the warnings above' "$work/output" || { echo "no warning"; bad=1; }
    unset RUSTICL_ENABLE
fi

# Calls of OpenCL that fail, by the layer of tests/faults, where the loader takes layers: it is said, and the
# exit status tells.
export OPENCL_LAYERS="$2/tests/cleat_fault_layer.so"
if CLEAT_LAYER_FAIL=1 "$cleat" devices >/dev/null 2>&1; then
    echo "this loader of OpenCL does not open the layers of OPENCL_LAYERS"
else
    for call in 1 40; do
        CLEAT_LAYER_FAIL=$call expect 1 'cleat: no ' devices
        CLEAT_LAYER_FAIL=$call expect 1 'BAD' doctor
    done
    CLEAT_LAYER_FAIL=60 expect 1 'BAD' doctor
    CLEAT_LAYER_FAIL=70 expect 1 'cleat: no profile' selftest --profile
    grep -q '^0 of [1-9][0-9]* checks are good' "$work/output" || { echo "a check is good"; bad=1; }
    for call in 1 100 300; do
        CLEAT_LAYER_FAIL=$call expect 1 'cleat: ' tune -n --operation softmax --seconds 0.0001
    done
    if [ -n "$on_cpu" ]; then
        CLEAT_LAYER_PLATFORM='NVIDIA CUDA' expect 1 'libnvidia-nvvm.so.4 is missing' doctor
    fi
fi
unset OPENCL_LAYERS

# No OpenCL at all: said plainly.
mkdir "$work/empty"
export OCL_ICD_VENDORS="$work/empty"
expect 1 'cleat: no devices' devices
expect 1 'pocl-opencl-icd' doctor
expect 1 'cleat: no context' selftest
exit $bad
