#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is for graphics cards alone, as far as it runs without one: cleat-bench against stand-ins for
# cuBLAS and PyTorch, networks against PyTorch on the processor, a device that is too small, a run that is
# terminated; and ci/card's usage.
#   card.sh SOURCE BUILD
set -u
. "$1/tests/turn.sh"
bench=$2/bench/cleat-bench
[ -x "$bench" ] || { echo "skipped: built without -DCLEAT_BUILD_BENCH=ON"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

say() {
    echo "$*"
    bad=1
}

# Runs a command; its exit status and a text in its output must be these.
expect() { # status, text, command
    status=$1 text=$2
    shift 2
    "$@" >"$work/output" 2>&1
    got=$?
    if [ $got != "$status" ] || ! grep -qF -e "$text" "$work/output"; then
        say "$*: exit status $got, not $status, or no \"$text\":"
        cat "$work/output"
    fi
}

# How many lines of the last output, or of a file, have a text.
expect_lines() { # count, text, file
    got=$(grep -cF -e "$2" "${3:-$work/output}")
    [ "$got" = "$1" ] || { say "$got lines with \"$2\", not $1:"; cat "${3:-$work/output}"; }
}

"$bench" --list gpu | grep -v '^ ' | cut -d: -f1 | tr '\n' ' ' >"$work/group"
expect_lines 1 'gpu-matmul gpu-accuracy gpu-conv gpu-infer gpu-train bandwidth overhead' "$work/group"
"$bench" --list all >"$work/all"
expect_lines 0 'gpu-' "$work/all"

quick="-r 7 -s 0.001"
# shellcheck disable=SC2086 # one word each
{
# ---- CUDA and cuBLAS ----
if its_turn 0; then
fake=$2/tests/fake_cublas.so
cuda="env CLEAT_BENCH_CUDA=$fake CLEAT_BENCH_CUBLAS=$fake"
expect 0 'cuda 12.8 on a fake card, cublas 12.8.4' $cuda \
    "$bench" gpu-matmul -c 'f16 1x4096x4096' -p $quick -j "$work/blas.json"
expect_lines 3 '"peer": "cublas"' "$work/blas.json" # f16, bf16, f32-f16
expect 0 '   cublas ' $cuda "$bench" gpu-matmul -c 'tf32 1x4096x4096' -p $quick
expect 0 '   cublas ' $cuda "$bench" gpu-accuracy -c 1024 -p $quick -j "$work/exact.json"
expect_lines 1 '"peer": "strict"' "$work/exact.json"
expect 1 'cublas gives' $cuda FAKE_CUBLAS_WRONG=1 \
    "$bench" gpu-matmul -c 'bf16 1x4096x4096' -p $quick
for name in CUDA cublas; do
    variable=CLEAT_BENCH_$(echo $name | tr '[:lower:]' '[:upper:]')
    expect 0 "goes on without $name: /nowhere.so" $cuda "$variable=/nowhere.so" \
        "$bench" gpu-matmul -c 'bf16 1x4096x4096' -p $quick
    expect_lines 1 'goes on without'
    expect_lines 0 '   cublas '
done
expect 0 '   cuda ' $cuda "$bench" overhead -p $quick
fi

# ---- What a matrix unit gives, emulated ----
if its_turn 1; then
expect 0 '   peak ' env CLEAT_PROFILE=gpu:nvidia "$bench" gpu-matmul -c 'tf32 1x4096x4096' -p $quick
expect 0 '   peak ' env CLEAT_PROFILE=gpu:amd_mfma "$bench" gpu-matmul -c 'bf16 1x4096x4096' -p $quick
expect 0 'tf32' env CLEAT_PROFILE=gpu:intel "$bench" gpu-matmul -c 'tf32 1x4096x4096' -p $quick
expect_lines 0 '   peak ' # it has no TF32
fi

# ---- cuDNN by PyTorch ----
mkdir "$work/bin"
cat >"$work/bin/python3" <<'STUB'
#!/bin/sh
[ "$1" != -c ] || { echo 9.9; exit 0; }
echo "${GREETING:-ok torch 9.9 on a stub}"
while read -r verb numbers; do
    echo "$verb $numbers" >>"$ASKED"
    echo "${ANSWER:-ok}"
done
STUB
chmod +x "$work/bin/python3"
layer='resnet 64x56x56 64 1x1 n32'
# shellcheck disable=SC2317 # expect calls it
with_stub() {
    env "PATH=$work/bin:$PATH" ASKED="$work/asked" CLEAT_BENCH_TORCH_DEVICE=cpu "$@"
}
torch=
for python in python3 /usr/bin/python3; do
    [ "$("$python" -c 'import importlib.util as u; print(u.find_spec("torch") is not None)' 2>&1)" = True ] ||
        continue
    torch=$(command -v "$python")
    break
done
if its_turn 2; then
expect 0 'cudnn torch 9.9 on a stub' with_stub \
    "$bench" gpu-conv -c "$layer" -p $quick -j "$work/conv.json"
expect_lines 1 'layer 32 64 56 56 64 1 1 0' "$work/asked"
expect_lines 1 '"peer": "cudnn"' "$work/conv.json"
expect 0 '   cudnn-tf32 ' with_stub "$bench" gpu-conv -c "${layer#resnet }" -p $quick
for verb in strict tf32; do
    grep -q "^$verb 1\$" "$work/asked" || say "cudnn was not asked for $verb"
done
expect 1 'cudnn: no memory' with_stub env ANSWER='no memory' \
    "$bench" gpu-conv -c "$layer" -p $quick
if [ -n "$torch" ]; then
    printf '%s\n' 'layer 2 3 8 8 4 3 1 1' 'strict 2' 'tf32 1' 'layer 1 3 8 8 4 30 1 0' 'tf32 1' |
        "$torch" "$1/bench/conv_pytorch.py" --serve --device cpu >"$work/output" 2>&1
    expect_lines 5 'ok'
    sed -n '1s/^ok torch/first/p; 5s/^ok$/then/p; 6s/.*ernel size.*/wrong/p' "$work/output" >"$work/lines"
    [ "$(wc -l <"$work/lines")" = 3 ] || { say "other answers:"; cat "$work/output"; }
    echo '  tiny 3x8x8 4 3x3 s2 n2' | "$torch" "$1/bench/conv_pytorch.py" --device cpu >"$work/output" 2>&1
    expect_lines 1 'GFLOP/s'
fi
fi

# ---- Networks ----
if its_turn 3; then
tiny='tiny resnet-18'
for name in infer train; do
    expect 0 "$tiny n8" "$bench" "gpu-$name" -c "$tiny" $quick
    expect 0 'skipped: takes' env POCL_MEMORY_LIMIT=1 "$bench" "gpu-$name" -c 'tf32 resnet-18 n128' $quick
done
expect 0 'goes on without pytorch: no memory' with_stub env GREETING='no memory' \
    "$bench" gpu-infer -c "$tiny" -p $quick
expect_lines 0 '   pytorch '
expect 1 'PyTorch answers "layers" with: error: full' with_stub env ANSWER='error: full' \
    "$bench" gpu-train -c "$tiny" -p $quick
if [ -n "$torch" ]; then
    expect 0 '   pytorch ' "$bench" gpu-infer -c "$tiny" -p $quick
    expect 0 '   pytorch ' "$bench" gpu-train -c "$tiny" -p $quick -j "$work/train.json"
    expect_lines 1 '"peer": "pytorch"' "$work/train.json"
    expect 0 '   pytorch ' "$bench" gpu-train -c 'tf32 fashion-mnist' -p $quick
    # PyTorch that computes something else.
    cat >"$work/bin/python3" <<STUB
#!/bin/sh
case \$1 in *.py) script=\${1##*/} && shift && set -- "$work/\$script" "\$@" ;; esac
exec "$torch" "\$@"
STUB
    cp "$1/bench/pytorch_serve.py" "$work"
    while IFS='|' read -r name what instead message; do
        sed "s/$what/$instead/" "$1/bench/network_pytorch.py" >"$work/network_pytorch.py"
        cmp -s "$1/bench/network_pytorch.py" "$work/network_pytorch.py" && say "no $what"
        expect 1 "$message" env "PATH=$work/bin:$PATH" "$bench" "gpu-$name" -c "$tiny" -p $quick
    done <<'TABLE'
infer|BatchNorm2d(channels)|BatchNorm2d(channels, eps=0.1)|logits of 52 are off
train|, self.labels)|, self.labels, label_smoothing=0.2)|gradients of layer
train|lr=rate|lr=50 * rate|losses of 1 are off
TABLE
fi
fi

# ---- A device that is too small, and an end before the end ----
expect 0 'skipped: takes' env POCL_MEMORY_LIMIT=1 \
    "$bench" gpu-matmul -c 'bf16 16384' $quick -j "$work/small.json"
expect_lines 1 '"case": "bf16 16384x16384x16384"' "$work/small.json"
expect_lines 1 '"why": "takes' "$work/small.json"
"$bench" bandwidth -r 7 -s 0.001 -j "$work/ended.json" >"$work/output" 2>&1 &
running=$!
while kill -0 $running 2>/dev/null && ! grep -q 'GB/s' "$work/output"; do
    sleep 0.1
done
kill $running
wait $running
[ $? = 1 ] || say "a terminated run has exit status $?"
expect_lines 1 'terminated'
[ "$(grep -cF '"case"' "$work/ended.json")" -ge 1 ] || say "a terminated run wrote no rows"
}

# ---- The script for a machine with a card ----
expect 2 'usage: ci/card' "$1/ci/card"
expect 2 'usage: ci/card' "$1/ci/card" run
expect 2 'no step called dance' "$1/ci/card" run "$work/out" dance
exit $bad
