#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cleat-bench: its usage, a quick case of each bench without peers, its JSON, and that it builds
# with none of the peers and with each alone.  bench.sh SOURCE BUILD
set -u
bench=$2/bench/cleat-bench
[ -x "$bench" ] || { echo "skipped: built without -DCLEAT_BUILD_BENCH=ON"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

say() {
    echo "$*"
    bad=1
}

# Runs the bench; its exit status and a text in its output must be these.
expect() { # status, text, arguments
    status=$1 text=$2
    shift 2
    "$bench" "$@" >"$work/output" 2>&1
    got=$?
    if [ $got != "$status" ] || ! grep -qF -e "$text" "$work/output"; then
        say "cleat-bench $*: exit status $got, not $status, or no \"$text\":"
        cat "$work/output"
    fi
}

expect 0 'usage: cleat-bench' --help
expect 2 'usage: cleat-bench'
expect 2 'option' --colour
expect 2 'no bench called dance' dance
expect 2 'one bench or all' matmul conv
expect 2 '7 repetitions' matmul -r 3
expect 2 '7 repetitions' matmul -s never
expect 1 'no-such-device' matmul -d no-such-device
expect 0 '  64x64x64' --list matmul-small
expect 0 'matmul: ' --list

# A case for each bench: the first that is listed, unless another is cheaper.
"$bench" --list | grep -v '^ ' | cut -d: -f1 >"$work/benches"
for name in $(cat "$work/benches"); do
    case $name in
    train | infer) # some 10 s, and tests/fashion_mnist.sh runs the same network
        [ "${CLEAT_TEST_EFFORT:-}" = long ] || continue
        text=fashion ;;
    bandwidth) text=sgd ;;
    matmul-odd) text=37x513x4099 ;;
    matvec) text=1024x1x4096 ;;
    *) text=$("$bench" --list "$name" | sed -n '2s/^  //p') ;;
    esac
    expect 0 "$text" "$name" -c "$text" -r 7 -s 0.001 -j "$work/$name.json"
    grep -qF "\"bench\": \"$name\"" "$work/$name.json" || say "$name: no row in its JSON"
done
if [ -x /usr/bin/python3 ]; then
    "$1/bench/report" "$work"/*.json >"$work/output" 2>&1
    [ $? = 1 ] || { say "the report does not read the JSON:"; cat "$work/output"; }
fi

# ---- Without each of what is optional, and without all of it ----

# The compiler's and the linker's words, as CMake wrote them for its Makefiles.
made=$2/bench/CMakeFiles/cleat-bench.dir
[ -f "$made/flags.make" ] || { echo "other builds are left out: not made by Makefiles"; exit $bad; }
flags=$(sed -n 's/^C_[A-Z]* = //p' "$made/flags.make" | tr '\n' ' ')
everything=$(echo "$flags" | grep -o -e 'BENCH_HAVE_[A-Z]*')
sources=$1/bench output=$2/bench

# Compiles what mentions one of the macros without them, and links it with the rest.
build_without() { # name of the build, macros
    folder=$work/$1
    less=$flags
    line=$(sed "s| -o cleat-bench | -o '$folder/cleat-bench' |" "$made/link.txt")
    mkdir "$folder"
    for macro in $2; do
        less=$(echo "$less" | sed "s/-D$macro //")
    done
    # shellcheck disable=SC2086 # one word each
    for file in $(grep -lw $(printf ' -e %s' $2) "$sources"/*.c); do
        object=$(basename "$file").o
        eval "${CC:-cc} $less -O0 -o '$folder/$object' -c '$file'" || say "$file, without $1"
        line=$(echo "$line" | sed "s|CMakeFiles/cleat-bench.dir/$object|$folder/$object|")
    done
    (cd "$output" && eval "$line") || say "linking without $1"
}
for macro in $everything; do
    build_without "${macro#BENCH_HAVE_}" "$macro"
done
build_without everything "$(echo "$everything" | tr '\n' ' ')"
bench=$work/everything/cleat-bench
expect 1 'built without jansson' matmul-small -c 64x64x64 -r 7 -s 0.001 -p -j "$work/none.json"
grep -q 'openblas missing.*clblast missing' "$work/output" || say "peers are there"
exit $bad
