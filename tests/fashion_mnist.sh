#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line of the example, one case a run:  fashion_mnist.sh PROGRAM CASE
# Cases that need the real images are skipped (status 77) where they are not installed.
set -eu
program=$1
case_name=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
data=/usr/share/datasets/fashion-mnist

fail() {
    echo "FAILED: $*" >&2
    [ ! -f out ] || cat out >&2
    [ ! -f err ] || cat err >&2
    exit 1
}

need_data() {
    [ -e "$data/train-images-idx3-ubyte.gz" ] || { echo "skipped: no images in $data"; exit 77; }
}

# Runs the program; its output goes to the files out and err. Once more where LeakSanitizer itself
# crashed at the end (tests/on_driver.sh tells more).
expect() { # exit status, arguments
    wanted=$1
    shift
    for attempt in first second; do
        status=0
        "$program" "$@" >out 2>err || status=$?
        grep -q 'LeakSanitizer has encountered a fatal error' err || break
        echo "LeakSanitizer crashed in the $attempt attempt"
    done
    [ "$status" = "$wanted" ] || fail "exit status $status, not $wanted: $*"
    if grep -qE 'Sanitizer: |runtime error: ' err; then fail "a sanitizer's finding: $*"; fi
}

said() { # file, text
    grep -qF -- "$2" "$1" || fail "'$2' is not in $1"
}

is_png() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail "$1 is no PNG"
}

case $case_name in
help)
    expect 0 --help
    said out "--report FILE"
    said out "--seed N"
    [ ! -s err ] || fail "--help writes to standard error"
    ;;
usage)
    for arguments in --nonsense --epochs "--epochs 0" "--epochs -1" "--epochs 3x" "--batch 0" \
        "--batch 99999999999999999999" "--seed -1" "--seed x" "--limit 0" extra \
        "--load a --save b"; do
        # shellcheck disable=SC2086 # words
        expect 2 $arguments
        said err "--help"
        [ ! -s out ] || fail "writes to standard output: $arguments"
    done
    ;;
no_data)
    mkdir empty
    expect 1 --data empty
    said err "apt install dataset-fashion-mnist"
    ;;
bad_data)
    need_data
    mkdir bad
    cp "$data"/* bad
    head -c 100000 "$data/t10k-images-idx3-ubyte.gz" >bad/t10k-images-idx3-ubyte.gz
    expect 1 --data bad
    said err "t10k-images-idx3-ubyte.gz"
    ;;
no_device)
    need_data
    expect 1 --device no-such-device --limit 10
    said err "no device to compute on"
    said err "no-such-device"
    ;;
no_platform)
    need_data
    export OCL_ICD_VENDORS="$folder/nothing"
    expect 1 --limit 10
    said err "no device to compute on"
    ;;
train)
    # 300 images of batch 128: two whole batches and a partial one. Twice the same bits; another
    # seed gives others; the order of images and the weights both follow the seed.
    need_data
    small="--limit 300 --epochs 2"
    # shellcheck disable=SC2086 # words
    for run in "a 7" "b 7" "c 8"; do
        set -- $run
        expect 0 $small --seed "$2" --save "$1.safetensors" --report "$1.png"
    done
    said out "epoch 2/2"
    said out "Confusion matrix"
    said out "Ankle boot"
    [ ! -s err ] || fail "something on standard error"
    if grep -q "$(printf '\033')" out; then fail "escape sequences in a file"; fi
    is_png a.png
    cmp a.safetensors b.safetensors || fail "one seed gave two networks"
    if cmp -s a.safetensors c.safetensors; then fail "two seeds gave one network"; fi
    [ "$(find . -name '*.tmp')" = "" ] || fail "temporary files are left behind"
    ;;
load)
    need_data
    expect 0 --limit 500 --epochs 1 --save net --report trained.png --profile
    said out "GFLOP/s"
    said out "conv2d"
    grep -F "Test accuracy" out >trained
    expect 0 --limit 500 --load net --report loaded.png
    is_png loaded.png
    grep -F "Test accuracy" out >loaded
    cmp trained loaded || fail "the loaded network classifies otherwise"
    ;;
bad_weights)
    need_data
    expect 0 --limit 50 --epochs 1 --save net
    head -c 1000 net >short
    printf 'x' | cat net - >longer
    expect 1 --limit 50 --load short
    said err "truncated"
    expect 1 --limit 50 --load longer
    said err "damaged"
    expect 1 --limit 50 --load fashion-mnist.png
    said err "no safetensors file"
    expect 1 --limit 50 --load absent
    said err "No such file"
    expect 1 --limit 50 --epochs 1 --save absent/net
    said err "absent/net"
    expect 1 --limit 50 --epochs 1 --report absent/picture.png
    said err "absent/picture.png"
    ;;
interrupt)
    # Ends during a training that would take hours, with weights and picture.
    need_data
    "$program" --epochs 1000 --limit 2000 --save net >out 2>err &
    process=$!
    tries=0
    until grep -qs '^epoch' out; do
        tries=$((tries + 1))
        [ $tries -lt 1800 ] || { kill -KILL $process; fail "no progress in 180 s"; }
        sleep 0.1
    done
    kill -INT $process
    status=0
    wait $process || status=$?
    [ $status = 130 ] || fail "exit status $status, not 130"
    said out "Interrupted"
    said out "Confusion matrix"
    is_png fashion-mnist.png
    [ -s net ] || fail "no weights saved"
    expect 0 --limit 100 --load net
    ;;
*)
    fail "no case $case_name"
    ;;
esac
