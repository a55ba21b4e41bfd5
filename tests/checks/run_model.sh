#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `cleat run`, `cleat inspect` and `cleat bench serve` on models of ONNX's own tests and smaller ones: values go in
# and out as NumPy's files, or in as images.
#   run_model.sh SOURCE BUILD
set -u
cleat=$2/cleat
models=/usr/share/libonnx-testdata/data/node
[ -d "$models" ] || { echo "skipped: $models is not there (Debian: libonnx-testdata)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if "$cleat" inspect "$models/test_relu/model.onnx" 2>&1 | grep -q "built without ONNX"; then
    echo "skipped: this cleat was built without ONNX"
    exit 77
fi
bad=0

expect() { # status, text in the output, arguments of cleat
    wanted=$1 text=$2
    shift 2
    status=0
    "$cleat" "$@" >"$work/said" 2>&1 || status=$?
    if [ "$status" != "$wanted" ] || ! grep -qF -e "$text" "$work/said"; then
        echo "cleat $*: status $status, expected $wanted and \"$text\":"
        cat "$work/said"
        bad=1
    fi
}

relu=$models/test_relu/model.onnx
expect 0 "input    x  f32 [3, 4, 5]" inspect "$relu"
expect 0 "output   y  f32 [3, 4, 5]" run "$relu" --random --output "$work/y.npy" --repeat 3
expect 0 "the median of 2" run "$relu" --input "$work/y.npy" --output y="$work/again.npy" --repeat 2
cmp "$work/y.npy" "$work/again.npy" || { echo "relu of relu is another"; bad=1; }
printf 'first\nsecond\nthird\n' >"$work/labels"
expect 0 "third" run "$relu" --input x="$work/y.npy" --top 5 --labels "$work/labels"

expect 2 "no --input for x" run "$relu"
expect 2 "one MODEL" run
expect 1 "cannot be opened" run "$relu" --input "$work/none.npy"
expect 1 "no .npy file" run "$relu" --input "$relu"
head -c 100 "$work/y.npy" >"$work/short.npy"
expect 1 "cut short" run "$relu" --input "$work/short.npy"
expect 1 "the model expects [2, 3, 4]" run "$models/test_transpose_default/model.onnx" --input "$work/y.npy"
# y = relu(x), x [N, 4]
{
    printf '\010\010\072\075\012\014\012\001x\022\001y"\004Relu\022\001g'
    for value in 'Z\024\012\001x' 'b\024\012\001y'; do
        printf "$value"'\022\017\012\015\010\001\022\011\012\003\022\001N\012\002\010\004'
    done
    printf 'B\002\020\015'
} >"$work/any.onnx"
expect 0 "input    x  f32 [N, 4]" inspect "$work/any.onnx"
expect 0 "output   y  f32 [N, 4]" inspect "$work/any.onnx" --nodes
grep -qE '^Relu +y +f32 \[1, 4\] +0 +4 +16 +[0-9.]+$' "$work/said" || { cat "$work/said"; bad=1; }
expect 0 "f32 [3, 4, 5]" inspect "$relu" --nodes --input "$work/y.npy"
sed 's/Relu/Nope/' "$work/any.onnx" >"$work/nope.onnx"
expect 1 "no operator Nope, node y" inspect "$work/nope.onnx"
expect 1 "no operator Nope, node y" run "$work/nope.onnx" --random
expect 2 "one MODEL" inspect
expect 0 "rows a batch" bench serve "$work/any.onnx" --clients 4 --batch 3,8 --seconds 0.05 --latency 1
[ "$(grep -cE '^ +[138] .* ms .* ms ' "$work/said")" = 3 ] || { cat "$work/said"; bad=1; }
expect 0 "its inputs are for 3 rows" bench serve "$relu" --input "$work/y.npy" --clients 2 --seconds 0.05
# Its version, or that it is missing; ci/onnx has a Python with it.
expect 0 "onnxruntime " bench model "$work/any.onnx" --batch 2,3 --peers
[ "$(grep -cE '^ +any n[23] .* ms' "$work/said")" = 2 ] || { cat "$work/said"; bad=1; }
expect 2 "which model" bench model --peers
expect 2 "one MODEL" bench serve
expect 2 "sizes of batches that ascend" bench serve "$relu" --batch 8,4
expect 1 "cannot be opened" bench serve "$relu" --input "$work/none.npy"
expect 1 "short.npy" inspect "$work/short.npy"

# Images, where they are built in.
printf '\211PNG\r\n\032\n' >"$work/head.png"
"$cleat" run "$work/any.onnx" --input "$work/head.png" >"$work/said" 2>&1
if grep -q "built without libpng" "$work/said"; then
    echo "without images"
elif command -v python3 >/dev/null; then
    python3 "$1/tests/image_input.py" "$cleat" "$work" || bad=1
fi
exit $bad
