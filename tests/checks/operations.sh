#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/operations.md, the headers and the tests speak of the same operations: every function that
# takes tensors, and every gradient, is on the page and is called by a test; the page names no other.
#   operations.sh SOURCE
set -eu
cd "$1"
bad=0
page=docs/operations.md

# Headers about contexts, memory, graphs and the like declare no operations; of tensor.h only these two.
headers=$(ls include/cleat/*.h | grep -vE '/(batch|cache|cleat|context|export|graph|inspect|memory|onnx|opencl|plan|profile|status|tensor|training|tuning|version)\.h$')
# shellcheck disable=SC2086 # a word each
declared=$({ cat $headers | tr '\n' ' ' | grep -oE 'CLEAT_API [^(]*\(' | grep -oE 'cleat_[a-z0-9_]+\(' | tr -d '('
    echo cleat_copy; echo cleat_fill; } | grep -vE '^cleat_packed_(retain|release|size|operand)$' | sort -u)
named=$(grep -oE '`cleat_[a-z0-9_]+`' "$page" | tr -d '`' | sort -u)
[ "$(echo "$declared" | wc -l)" -gt 40 ] || { echo "hardly any functions found in the headers"; exit 1; }
for name in $declared; do
    echo "$named" | grep -qx "$name" || { echo "$page does not tell $name"; bad=1; }
    grep -rqE "\b$name\b" tests/*.c tests/*.h || { echo "no test calls $name"; bad=1; }
done
for name in $named; do
    echo "$declared" | grep -qx "$name" || { echo "$page: $name is no operation"; bad=1; }
done
exit $bad
