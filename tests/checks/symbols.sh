#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared library exports what the public headers declare, by the list tests/symbols.txt, and
# nothing else; nor has the archive other names that could clash with a program's. libcleat-onnx has what its
# header declares.
#   symbols.sh SOURCE BUILD
set -eu
cd "$1"
library=$2/libcleat.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e "$library" ] || { echo "skipped: no $library"; exit 77; }

nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
nm --defined-only --extern-only "$2/libcleat.a" | awk 'NF == 3 { print $3 }' | sort >"$work/in_the_archive"
# shellcheck disable=SC2046,SC2010 # file names hold no blanks
sed 's://.*::' $(ls include/cleat/*.h | grep -vE '(export|onnx)[.]h') | tr '\n' ' ' |
    grep -oE 'CLEAT_API [^;]*;' | sed -E 's/\(.*//; s/.*[ *]//' | sort >"$work/declared"
grep -v '^#' tests/symbols.txt | sort >"$work/listed"

bad=0
for of in exported declared in_the_archive; do
    if ! diff "$work/listed" "$work/$of" >"$work/difference"; then
        echo "tests/symbols.txt (<) and what is $of (>) differ:"
        cat "$work/difference"
        bad=1
    fi
done
if [ -e "$2/libcleat-onnx.so" ]; then
    tr '\n' ' ' <include/cleat/onnx.h | grep -oE 'CLEAT_API [^;]*;' | sed -E 's/\(.*//; s/.*[ *]//' |
        sort >"$work/declared"
    nm -D --defined-only "$2/libcleat-onnx.so" | awk '{ print $3 }' | sort >"$work/onnx_exported"
    nm --defined-only --extern-only "$2/libcleat-onnx.a" | awk 'NF == 3 { print $3 }' | sort >"$work/onnx_archive"
    for of in onnx_exported onnx_archive; do
        if ! diff "$work/declared" "$work/$of" >"$work/difference"; then
            echo "include/cleat/onnx.h (<) and $of (>) differ:"
            cat "$work/difference"
            bad=1
        fi
    done
fi
echo "$(wc -l <"$work/exported") functions"
exit $bad
