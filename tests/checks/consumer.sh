#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The README's embedding example, taken from the page, built by a project outside of Cleat in the ways
# users have (source tree, installed package, pkg-config; archive and shared library), and run. The
# installed tree is moved first. A second program goes through the standards of C and C++.
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
    -DCLEAT_SOURCE="$source" -DCMAKE_BUILD_TYPE=Debug # compiled in half of the time
quiet cmake --build "$work/subdirectory" -j 2
run "source tree" "$work/subdirectory/consumer"

quiet cmake --install "$build" --prefix "$work/as_installed"
installed=$work/moved
mv "$work/as_installed" "$installed"
! grep -rlF "$work/as_installed" "$installed" | grep . ||
    { echo "these installed files know where they were installed"; exit 1; }

package() { # archive or shared, options for cmake
    kind=$1
    shift
    quiet cmake -S "$source/tests/consumer" -B "$work/package_$kind" \
        -DEXAMPLE="$work/example.c" -DCMAKE_PREFIX_PATH="$installed" "$@"
    quiet cmake --build "$work/package_$kind"
    run "installed package, $kind" "$work/package_$kind/consumer"
}
package archive -DBUILD_SHARED_LIBS=OFF
package shared
needs() { # program: the libraries it names
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
needs "$work/package_shared/consumer" | grep -q '^libcleat\.so\.0$' ||
    { echo "the shared library is not used"; exit 1; }
! needs "$work/package_archive/consumer" | grep -q libcleat ||
    { echo "the archive is not used"; exit 1; }

pc=$(dirname "$(find "$installed" -name cleat.pc)")
library=$(dirname "$pc")
pkg() {
    PKG_CONFIG_PATH=$pc pkg-config "$@" cleat
}
[ "cleat $(pkg --modversion)" = "$("$installed/bin/cleat" --version)" ] ||
    { echo "cleat.pc has another version than the library"; exit 1; }
# shellcheck disable=SC2046 # options are words
quiet "${CC:-cc}" -std=c11 "$work/example.c" -o "$work/by_pkg_config" $(pkg --cflags --libs) \
    -Wl,-rpath,"$library"
run "pkg-config, shared" "$work/by_pkg_config"
# shellcheck disable=SC2046
quiet "${CC:-cc}" -std=c11 "$work/example.c" -o "$work/by_pkg_config_static" $(pkg --cflags) \
    $(pkg --static --libs | sed 's/-lcleat\b/-l:libcleat.a/')
run "pkg-config, archive" "$work/by_pkg_config_static"
"$installed/bin/cleat" --version

# libcleat-onnx in the same ways: a program that asks it for a file that is not there.
if [ -e "$build/libcleat-onnx.a" ]; then
    cat >"$work/onnx.c" <<'END'
#include <cleat/onnx.h>
#include <stdio.h>
int main(void) {
    cleat_graph *graph;
    return cleat_graph_load_onnx("/nowhere", NULL, &graph) == CLEAT_INVALID_ARGUMENT &&
                   puts(cleat_error_message()) >= 0 ? 0 : 1;
}
END
    mkdir -p "$work/onnx_project"
    cat >"$work/onnx_project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.18)
project(consumer C)
find_package(cleat REQUIRED COMPONENTS onnx)
add_executable(consumer ../onnx.c)
target_link_libraries(consumer PRIVATE cleat::onnx)
END
    for kind in ON OFF; do
        quiet cmake -S "$work/onnx_project" -B "$work/onnx_$kind" \
            -DCMAKE_PREFIX_PATH="$installed" -DBUILD_SHARED_LIBS=$kind
        quiet cmake --build "$work/onnx_$kind"
        quiet "$work/onnx_$kind/consumer"
    done
    onnx_pkg() {
        PKG_CONFIG_PATH=$pc pkg-config "$@" cleat-onnx
    }
    # shellcheck disable=SC2046
    quiet "${CC:-cc}" -std=c11 "$work/onnx.c" -o "$work/onnx_pkg" $(onnx_pkg --cflags --libs) \
        -Wl,-rpath,"$library"
    quiet "$work/onnx_pkg"
    # shellcheck disable=SC2046
    quiet "${CC:-cc}" -std=c11 "$work/onnx.c" -o "$work/onnx_pkg_static" $(onnx_pkg --cflags) \
        $(onnx_pkg --static --libs | sed 's/-lcleat-onnx\b/-l:libcleat-onnx.a/; s/-lcleat\b/-l:libcleat.a/')
    quiet "$work/onnx_pkg_static"
    echo "libcleat-onnx: good"
fi

# No header of Cleat's asks for OpenCL's, but cleat/opencl.h.
portable=$source/tests/consumer/portable.c
# shellcheck disable=SC2046
! "${CC:-cc}" -M $(pkg --cflags) "$portable" | grep -q '/CL/' ||
    { echo "cleat/cleat.h includes headers of OpenCL"; exit 1; }

standard() { # compiler, language, standard
    command -v "$1" >/dev/null || { echo "$3 is left out: $1 is not installed"; return; }
    # shellcheck disable=SC2046
    quiet "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror $(pkg --cflags) "$portable" \
        -x none -o "$work/portable" $(pkg --libs) -Wl,-rpath,"$library"
    [ "$("$work/portable")" = "0 2 0 4" ] || { echo "$3: the program prints something else"; exit 1; }
    standards="${standards:-} $3"
}
for std in c99 c11 c17 c2x; do
    standard "${CC:-cc}" c $std
done
for std in c++11 c++14 c++17 c++20; do
    standard g++ c++ $std
done
echo "standards:$standards"
