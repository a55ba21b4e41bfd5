#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exponentials of sums compile for processors that this machine is not, whatever width of vectors they are told to
# have: cl/exp_term.cl and cl/softmax_spread.cl take instructions by the processor.  processors.sh SOURCE
set -u
source=$1
command -v clang >/dev/null || { echo "skipped: clang is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/kernel.cl" <<'E2'
#include "common.cl"
#include "vector.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#include "exp_term.cl"
#include "softmax_spread.cl"
kernel void terms(global float *x) {
    const FLOATS(VECTOR_WIDTH) v = LOAD(VECTOR_WIDTH, x);
    STORE(VECTOR_WIDTH, CAT(term_, VECTOR_WIDTH)(v), x);
    STORE(VECTOR_WIDTH, spread(v, CAT(as_, INTS(VECTOR_WIDTH))(v)), x + VECTOR_WIDTH);
}
E2
bad=0 done=0
for processor in x86-64 haswell skylake-avx512; do
    for width in 4 8 16; do
        for registers in 4 8 16; do
            done=$((done + 1))
            clang -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -target x86_64-linux-gnu \
                -march=$processor -I"$source/cl" -DDEVICE_IS_CPU=1 -DDEVICE_HAS_FMA=1 -DREAL_IS_DOUBLE=0 \
                -DDEVICE_FLOAT_WIDTH=$registers -DVECTOR_WIDTH=$width -S -o /dev/null \
                "$work/kernel.cl" >"$work/log" 2>&1 && continue
            echo "$processor, vectors of $width, registers of $registers:"
            cat "$work/log"
            bad=1
        done
    done
done
[ $bad = 0 ] && echo "$done of $done compiled"
exit $bad
