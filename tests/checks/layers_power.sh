#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers.sh must fail when a rule is broken: a small tree, broken in one way at a time.
#   layers_power.sh SOURCE
set -u
check=$1/tests/checks/layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
bad=0

plant() { # path, text
    mkdir -p "$tree/$(dirname "$1")"
    printf '/* SPDX-License-Identifier: Apache-2.0 */\n%s\n' "$2" >"$tree/$1"
}

fresh_tree() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/bench"
    plant include/cleat/cleat.h 'int a;'
    plant src/core/core.c '#include "core/status.h"'
    plant src/ops/op.c '/* exit(1) and clFinish() in a comment are fine */'
    plant src/cli/command.c '#include <cleat/cleat.h>'
    plant examples/example.c 'int e;'
    plant tests/harness.c 'int h;'
    plant cl/kernel.cl 'kernel void k() {}'
}

caught() { # path, text
    fresh_tree
    plant "$1" "$2"
    if sh "$check" "$tree" >/dev/null 2>&1; then
        echo "not caught in $1: $2"
        bad=1
    fi
}

fresh_tree
sh "$check" "$tree" || { echo "a clean tree is refused"; bad=1; }
caught src/core/core.c '#include "ops/op.h"'
caught src/ops/op.c '#include "cli/command.h"'
caught src/ops/op.c '#include <CL/cl.h>'
caught src/ops/op.c 'void f(void) { clFinish(queue); }'
caught src/ops/op.c 'void f(void) { abort(); }'
caught src/core/core.c 'void f(void) { printf("x"); }'
caught src/cli/command.c '#include "core/launch.h"'
caught examples/example.c '#include "../src/core/launch.h"'
caught tests/harness.c '#include "ops/op.h"'
caught include/cleat/cleat.h '#include <CL/cl.h>'
caught cl/kernel.cl 'void f() { atomic_add(p, 1); }'
caught src/core/core.c '#if 0'
caught src/core/core.c "/* TO""DO */"
caught src/core/core.c "$(seq 601)"
caught src/core/core.c "void f(void) {
$(seq 60 | sed 's/^/    /')
}"
caught src/core/op.c 'int twice;'
fresh_tree
echo 'int no_licence;' >"$tree/src/core/core.c"
sh "$check" "$tree" >/dev/null 2>&1 && { echo "a file without licence is accepted"; bad=1; }
: >"$tree/src/core/core.c"
sh "$check" "$tree" >/dev/null 2>&1 && { echo "an empty file is accepted"; bad=1; }
exit $bad
