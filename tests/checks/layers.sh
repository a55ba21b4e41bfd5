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

# "number:line" for each line of a file, comments left out.
without_comments() {
    awk '{
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
        print NR ":" code
    }' "$1"
}

# Fails for each line of the given files, comments left out, that matches a pattern.
forbid() { # pattern, why, files
    pattern=$1 why=$2
    shift 2
    for file in "$@"; do
        [ -f "$file" ] || continue
        hits=$(without_comments "$file" | grep -E "$pattern") && say "$file: $why: $hits"
    done
}

include='^[0-9]+:[[:space:]]*#[[:space:]]*include[[:space:]]*'
core=$(find src/core -name '*.[ch]')
without_memory=$(find src/core -name '*.[ch]' ! -name memory.c)
ops=$(find src/ops -name '*.[ch]' 2>/dev/null)
ops_without_provider=$(find src/ops -name '*.[ch]' ! -name '*clblast*' 2>/dev/null)
users=$(find src/cli examples tests bench -name '*.[ch]' 2>/dev/null)
headers=$(find include -name '*.h' ! -name opencl.h)
sources=$(find include src cl tests examples bench -name '*.[ch]' -o -name '*.cl' 2>/dev/null | sort)

# shellcheck disable=SC2086 # file names hold no blanks
{
    forbid "${include}\"(ops|graph|onnx|cli)/" "core includes something above it" $core
    forbid "${include}\"(graph|onnx|cli)/" "an operation includes something above it" $ops
    forbid "${include}(<cleat/opencl|[<\"]CL/)" "an operation knows OpenCL" $ops_without_provider
    forbid '(^|[^_[:alnum:]>.])(malloc|calloc|realloc|strdup|free)[[:space:]]*\(' \
        "host memory comes from core/memory.h" $without_memory $ops
    forbid '\bcl[A-Z][A-Za-z0-9]*[[:space:]]*\(' "an operation calls OpenCL" $ops_without_provider
    forbid "${include}[<\"]CL/" "only cleat/opencl.h may need OpenCL's headers" $headers
    # but for the integers of cl/unit_*.cl, which are C too
    forbid "${include}\"((core|ops|graph|onnx|src)/|\.\./[^c])" "a user includes what is not public" $users
    forbid '\b(printf|fprintf|vprintf|vfprintf|puts|putchar|perror|abort|exit|_exit)[[:space:]]*\(' \
        "the library neither prints nor exits" $core $ops
    forbid '^[0-9]+:[[:space:]]*#[[:space:]]*if[[:space:]]+0' "dead code" $sources
    forbid '\bprintf[[:space:]]*\(' "a kernel prints" cl/*.cl
    forbid '\batom(ic)?_(add|xchg|cmpxchg|fetch)' "a kernel uses atomics" cl/*.cl
}

for file in $sources; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || say "$file: $lines lines; at most 600"
    head -n 1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
        say "$file: the first line is not the licence's"
    grep -nE 'TO''DO|FIX''ME|\bXX''X\b' "$file" && say "$file: unfinished"
done

# A function's body begins with a line that ends in "{" and is not indented, and ends with "}".
# shellcheck disable=SC2044 # file names hold no blanks
for file in $(find src examples tests bench -name '*.c' 2>/dev/null); do
    long=$(awk '
        /^[A-Za-z_].*[({]$/ && !/[=;]/ && !/^[A-Z_]+\($/ { start = FNR; name = $0 }
        /^}/ && start {
            if (FNR - start > 60)
                print FNR - start " lines: " name
            start = 0
        }' "$file")
    [ -z "$long" ] || say "$file: a function of $long; at most 60"
done

double=$(find include src cl tests examples bench -type f ! -name CMakeLists.txt ! -name '*.json' \
    ! -path 'include/cleat/*' ! -path 'bench/results/*' -exec basename {} \; 2>/dev/null | sort | uniq -d)
[ -z "$double" ] || say "file names used twice: $double"
exit $bad
