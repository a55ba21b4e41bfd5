#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Doxygen makes the reference of the public headers without a warning, and their text is in it; a
# mistake in a comment is one.
#   reference.sh SOURCE
set -eu
cd "$1"
command -v doxygen >/dev/null || { echo "no doxygen here"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# pages HEADERS: makes them from that folder; what Doxygen says is in $scratch/said.
pages() {
    rm -rf "$scratch/out"
    mkdir "$scratch/out"
    { cat docs/Doxyfile; echo "INPUT = $1"; echo "OUTPUT_DIRECTORY = $scratch/out"; } |
        doxygen - >"$scratch/said" 2>&1
}

pages include/cleat
[ ! -s "$scratch/said" ] || { cat "$scratch/said"; exit 1; }
page=$scratch/out/html/matmul_8h.html
grep -q 'y = activation(alpha \* a b' "$page" || { echo "the contract of cleat_matmul is not in $page"; exit 1; }
for header in include/cleat/*.h; do
    name=$(basename "$header" .h)
    [ -e "$scratch/out/html/${name}_8h.html" ] || { echo "no page for $header"; exit 1; }
done

cp -r include/cleat "$scratch/cleat"
sed -i 's:^/\*$:/** @param absent is no parameter:' "$scratch/cleat/matmul.h"
pages "$scratch/cleat"
[ -s "$scratch/said" ] || { echo "a wrong comment is not seen"; exit 1; }
