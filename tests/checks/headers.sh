#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, as C11 and as C++11, and all of them together.
#   headers.sh SOURCE
set -u
cd "$1" || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
flags="-Wall -Wextra -Wpedantic -Werror -Iinclude -DCL_TARGET_OPENCL_VERSION=300 -fsyntax-only"
have_cxx=yes
command -v g++ >/dev/null || { have_cxx=no; echo "C++ is left out: g++ is not installed"; }

compile() { # name, includes
    printf '%s\nint use_%s(void);\nint use_%s(void) { return 0; }\n' \
        "$2" "$1" "$1" >"$work/$1.c"
    # shellcheck disable=SC2086 # options are words
    "${CC:-cc}" -std=c11 $flags "$work/$1.c" || bad=1
    # shellcheck disable=SC2086
    [ $have_cxx = no ] || g++ -std=c++11 $flags -x c++ "$work/$1.c" || bad=1
}

for header in include/cleat/*.h; do
    name=$(basename "$header" .h)
    compile "$name" "#include <cleat/$name.h>"
done
compile all "#include <cleat/opencl.h>
#include <cleat/cleat.h>"

# A C++ program links: the functions have C names.
if [ $have_cxx = yes ]; then
    cat >"$work/link.cpp" <<'END'
#include <cleat/cleat.h>
#include <cstdio>
int main() {
    cleat_matmul_options options{};
    options.activation = CLEAT_RELU;
    std::puts(cleat_version());
    return options.activation == CLEAT_RELU ? 0 : 1;
}
END
    g++ -std=c++11 -Iinclude -c "$work/link.cpp" -o "$work/link.o" || bad=1
    nm "$work/link.o" | grep -q ' U cleat_version$' || { echo "C++ mangles the names"; bad=1; }
fi
exit $bad
