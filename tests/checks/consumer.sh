#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The README's embedding example, taken from the page, built by a project outside of Cleat in the
# three ways users have (source tree, installed package, pkg-config), and run.
#   consumer.sh SOURCE BUILD
set -eu
source=$1 build=$2 work=$2/consumer
rm -rf "$work"
mkdir -p "$work"

# The one block of C in the README.
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$source/README.md" >"$work/example.c"
lines=$(grep -c . "$work/example.c" || true)
[ "$lines" -gt 5 ] || { echo "no example in README.md"; exit 1; }
[ "$lines" -le 25 ] || { echo "the README's example has $lines lines; at most 25"; exit 1; }
# What the page says it prints.
awk '/^```text$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$source/README.md" |
    grep '^y = ' >"$work/wanted"

quiet() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

run() { # way, program
    "$2" >"$work/output"
    if ! diff "$work/wanted" "$work/output"; then
        echo "$1: the example prints something else than the README says"
        exit 1
    fi
    echo "$1: good"
}

quiet cmake -S "$source/tests/consumer" -B "$work/subdirectory" -DEXAMPLE="$work/example.c" \
    -DCLEAT_SOURCE="$source"
quiet cmake --build "$work/subdirectory" -j 2
run "source tree" "$work/subdirectory/consumer"

quiet cmake --install "$build" --prefix "$work/installed"
quiet cmake -S "$source/tests/consumer" -B "$work/package" -DEXAMPLE="$work/example.c" \
    -DCMAKE_PREFIX_PATH="$work/installed"
quiet cmake --build "$work/package"
run "installed package" "$work/package/consumer"

pc=$(dirname "$(find "$work/installed" -name cleat.pc)")
libraries=$(PKG_CONFIG_PATH=$pc pkg-config --static --define-variable=prefix="$work/installed" \
    --define-variable=includedir="$work/installed/include" \
    --define-variable=libdir="$(dirname "$pc")" --cflags --libs cleat)
# shellcheck disable=SC2086 # options are words
quiet "${CC:-cc}" -std=c11 "$work/example.c" -o "$work/by_pkg_config" $libraries
run "pkg-config" "$work/by_pkg_config"
"$work/installed/bin/cleat" --version
