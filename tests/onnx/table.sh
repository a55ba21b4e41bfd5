#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What came of ONNX's backend tests, as the tables of docs/onnx.md:  table.sh RESULTS
# RESULTS: of onnx_backend --results.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tab=$(printf '\t')

echo
echo "| set | passed | of | unsupported | failed |"
echo "|---|---|---|---|---|"
awk -F '\t' '
    { all[$1]++; count[$1, $3]++ }
    END {
        for (set in all)
            printf "| %s | %d | %d | %d | %d |\n", set, count[set, "passed"], all[set],
                count[set, "unsupported"], count[set, "failed"]
    }' "$1" | LC_ALL=C sort

cat <<'END'

By operator: how many of the cases whose model has nodes of that one type pass, in all sets together;
"several" are models of nodes of more types.

| operator | passed | of |
|---|---|---|
END
awk -F '\t' '
    { all[$4]++; count[$4] += $3 == "passed" }
    END { for (operator in all) printf "| %s | %d | %d |\n", operator, count[operator], all[operator] }' \
    "$1" | LC_ALL=C sort -f

echo
echo "What does not pass, and what the library says to it:"
echo
# The same words, but for the case's own names, are one line. known.txt tells of failures that are not Cleat's.
awk -F '\t' '
    NR == FNR { if ($0 !~ /^#/) known[$1] = $2; next }
    $3 != "passed" {
        reason = $6
        gsub(/(graph|model|onnx_tensor)_load_onnx: [^ ]*: /, "", reason)
        gsub(/model: node [^:]*: /, "", reason)
        sub(/^(node|input|output) [0-9]+, [^:]*: /, "", reason)
        gsub(/[|<>]/, " ", reason)
        name = $1 "/" $2
        print ($3 == "failed" ? "failed: " : "") (name in known ? known[name] : reason) "\t" name
    }' "$here/known.txt" "$1" | LC_ALL=C sort | awk -F "$tab" '
    $1 != reason { if (NR > 1) print "- " reason ": " names; reason = $1; names = "" }
    { names = names (names == "" ? "" : ", ") "`" $2 "`" }
    END { if (NR > 0) print "- " reason ": " names }'
echo
