#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The examples of a page or two: each runs, says what it should, and tells a mistake plainly.
#   short_examples.sh FOLDER_OF_PROGRAMS SOURCE_TREE
set -eu
programs=$1
source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "short_examples.sh: $*" >&2
    cat "$scratch/out" >&2
    exit 1
}

# wants TEXT PROGRAM ARGUMENT...: it ends well and prints that.
wants() {
    text=$1
    shift
    "$programs/$@" >"$scratch/out" 2>&1 || fail "$* failed"
    grep -q -- "$text" "$scratch/out" || fail "$* does not print \"$text\""
}

# refuses TEXT PROGRAM ARGUMENT...: it ends with a failure and says that.
refuses() {
    text=$1
    shift
    ! "$programs/$@" >"$scratch/out" 2>&1 || fail "$* ended well"
    grep -q -- "$text" "$scratch/out" || fail "$* does not say \"$text\""
}

wants 'y = \[0.5 0; 0.5 2\]' hello_matmul
wants '1024 of 1024 results are right' adopt_opencl
wants 'step 400 .*accuracy' mlp
wants 'step  300 *loss 1[.]' char_transformer /usr/share/common-licenses/GPL-3 300
refuses 'is no text' char_transformer /dev/null
picture=$source/docs/fashion-mnist.png
for filter in blur sharpen edges; do
    wants "$filter" image_filter $filter "$picture" "$scratch/$filter.png"
    [ "$(head -c 4 "$scratch/$filter.png" | tail -c 3)" = PNG ] || fail "$filter.png is no PNG"
done
# Blur changes what was blurred already; the filters differ.
wants blur image_filter blur "$scratch/blur.png" "$scratch/twice.png"
! cmp -s "$scratch/blur.png" "$scratch/twice.png" || fail "blur changes nothing"
! cmp -s "$scratch/sharpen.png" "$scratch/edges.png" || fail "two filters do the same"

refuses 'usage:' image_filter
refuses 'there is blur' image_filter soften "$picture" "$scratch/out.png"
refuses 'file not found' image_filter blur "$scratch/absent.png" "$scratch/out.png"
export CLEAT_DEVICE=no-such-device
refuses 'CLEAT_NO_DEVICE' hello_matmul
