#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include and call whom, and the rules of style that a machine can check (CONTRIBUTING.md).
#   layers.sh SOURCE
set -u
cd "$1" || exit 2
bad=0

say() {
    echo "$*"
    bad=1
}

# "file:number:line" for each line of the files, comments left out.
without_comments() {
    awk 'FNR == 1 { inside = 0 } {
        line = $0
        code = ""
        while (line != "") {
            if (inside) {
                end = index(line, "*/")
                line = end ? substr(line, end + 2) : ""
                inside = !end
            } else if ((start = match(line, /\/[*\/]/)) && substr(line, start, 2) == "/*") {
                code = code substr(line, 1, start - 1) " "
                line = substr(line, start + 2)
                inside = 1
            } else {
                code = code (start ? substr(line, 1, start - 1) : line)
                line = ""
            }
        }
        print FILENAME ":" FNR ":" code
    }' "$@"
}

# Fails for each line of the given files, comments left out, that matches a pattern.
forbid() { # pattern, why, files
    pattern=$1 why=$2
    shift 2
    [ $# -gt 0 ] || return 0
    hits=$(without_comments "$@" | grep -E "$pattern") && say "$why: $hits"
}

include='^[^:]+:[0-9]+:[[:space:]]*#[[:space:]]*include[[:space:]]*'
core=$(find src/core -name '*.[ch]')
without_memory=$(find src/core -name '*.[ch]' ! -name memory.c)
ops=$(find src/ops -name '*.[ch]' 2>/dev/null)
ops_without_provider=$(find src/ops -name '*.[ch]' ! -name '*clblast*' 2>/dev/null)
onnx=$(find src/onnx -name '*.[ch]' 2>/dev/null)
users=$(find src/cli examples tests bench -name '*.[ch]' 2>/dev/null)
headers=$(find include -name '*.h' ! -name opencl.h)
sources=$(find include src cl tests examples bench -name '*.[ch]' -o -name '*.cl' 2>/dev/null | sort)

# shellcheck disable=SC2086 # file names hold no blanks
{
    forbid "${include}\"(ops|graph|onnx|cli)/" "core includes something above it" $core
    forbid "${include}\"(graph|onnx|cli)/" "an operation includes something above it" $ops
    forbid "${include}(<cleat/opencl|[<\"]CL/)" "an operation knows OpenCL" $ops_without_provider
    forbid '(^|[^_[:alnum:]>.])(malloc|calloc|realloc|strdup|free)[[:space:]]*\(' \
        "host memory comes from core/memory.h" $without_memory $ops $onnx
    forbid '\bcl[A-Z][A-Za-z0-9]*[[:space:]]*\(' "an operation calls OpenCL" $ops_without_provider
    forbid "${include}[<\"]CL/" "only cleat/opencl.h may need OpenCL's headers" $headers
    forbid "${include}\"(core|ops|graph|cli)/" "libcleat-onnx includes what is not public" $onnx
    # but for the integers of cl/unit_*.cl, which are C too
    forbid "${include}\"((core|ops|graph|onnx|src)/|\.\./[^c])" "a user includes what is not public" $users
    forbid '\b(printf|fprintf|vprintf|vfprintf|puts|putchar|perror|abort|exit|_exit)[[:space:]]*\(' \
        "the library neither prints nor exits" $core $ops $onnx
    forbid '^[^:]+:[0-9]+:[[:space:]]*#[[:space:]]*if[[:space:]]+0' "dead code" $sources
    forbid '\bprintf[[:space:]]*\(' "a kernel prints" cl/*.cl
    forbid '\batom(ic)?_(add|xchg|cmpxchg|fetch)' "a kernel uses atomics" cl/*.cl
}

# shellcheck disable=SC2086 # file names hold no blanks
{
    said=$(awk '
        FNR == 1 && !/SPDX-License-Identifier: Apache-2.0/ { print FILENAME ": the first line is not the licence'"'"'s" }
        FNR == 601 { print FILENAME ": more than 600 lines" }' $sources)
    said=$said$(find $sources -size 0 | sed 's/$/: nothing in it/')
    [ -z "$said" ] || say "$said"
    grep -HnE 'TO''DO|FIX''ME|\bXX''X\b' $sources && say "unfinished"
}

# A function's body begins with a line that ends in "{" and is not indented, and ends with "}".
# shellcheck disable=SC2046 # file names hold no blanks
long=$(awk '
    FNR == 1 { start = 0 }
    /^[A-Za-z_].*[({]$/ && !/[=;]/ && !/^[A-Z_]+\($/ { start = FNR; name = $0 }
    /^}/ && start {
        if (FNR - start > 60)
            print FILENAME ": a function of " FNR - start " lines: " name "; at most 60"
        start = 0
    }' $(find src examples tests bench -name '*.c'))
[ -z "$long" ] || say "$long"

double=$(find include src cl tests examples bench -type f ! -name CMakeLists.txt ! -name '*.json' \
    ! -path 'include/cleat/*' ! -path 'bench/results/*' -exec basename {} \; 2>/dev/null | sort | uniq -d)
[ -z "$double" ] || say "file names used twice: $double"
exit $bad
