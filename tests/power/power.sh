#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Breaks kernels, one fault at a time, and demands that the named test program fails.
#   power.sh LIST KERNELS PROGRAMS
# LIST holds blocks separated by empty lines; text and with are taken as they stand, "text" must be
# in the file, and its first occurrence is replaced; a file holds for the blocks after it too:
#   file: matmul_cpu.cl
#   text: k < depth
#   with: k < depth - 1
#   test: test_matmul
# A "test:" line may set variables before the program's name; the test case that sees the fault, run
# alone, saves compiling the kernels of the others:
#   test: CK_RUN_CASE=backward CLEAT_REDUCE=rows test_elementwise
# CLEAT_POWER_SHARE=3: every third row is run, one at least; which ones by CLEAT_POWER_TURN, a number, the
# count of commits unless given.
set -u
list=$1 kernels=$2 programs=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CLEAT_KERNEL_DIR="$folder" CLEAT_TEST_EFFORT=short CLEAT_TEST_STOP=1 CLEAT_CACHE_DIR="$folder/cache"
# Which kernels are chosen goes by the width of vectors: the same everywhere.
export CLEAT_PROFILE=cpu:16
rows=$(grep -c '^test: ' "$list")
share=${CLEAT_POWER_SHARE:-1}
[ "$share" -le "$rows" ] || share=$rows
turn=${CLEAT_POWER_TURN:-$(git -C "$kernels" rev-list --count HEAD 2>/dev/null || echo 1)}
bad=0 row=0 run=0

replace_first() { # file, from, to
    FROM=$2 TO=$3 awk '
        { text = text $0 "\n" }
        END {
            at = index(text, ENVIRON["FROM"])
            if (at == 0)
                exit 1
            printf "%s%s%s", substr(text, 1, at - 1), ENVIRON["TO"],
                substr(text, at + length(ENVIRON["FROM"]))
        }' "$1"
}

run_row() {
    row=$((row + 1))
    rm -rf "${folder:?}"/*
    if ! replace_first "$kernels/$file" "$text" "$with" >"$folder/$file"; then
        echo "row $row: $file has no \"$text\""
        bad=1
        return
    fi
    [ $(((row - turn) % share)) = 0 ] || return
    run=$((run + 1))
    variables=${test% *}
    program=${test##* }
    [ "$variables" != "$test" ] || variables=
    # shellcheck disable=SC2086 # variables are words
    timeout 60 env $variables "$programs/$program" >"$folder/output" 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "row $row: $program passes although $file has \"$with\" for \"$text\""
        bad=1
    elif [ $status -ge 124 ] && [ $status -le 127 ]; then
        echo "row $row: $program did not run to its end (status $status):"
        tail -n 5 "$folder/output"
        bad=1
    elif grep -q 'CLEAT_PROFILE is' "$folder/output"; then
        echo "row $row: not run: $(grep -m 1 'CLEAT_PROFILE is' "$folder/output")"
        bad=1
    elif grep -q CLEAT_BUILD_FAILED "$folder/output"; then
        echo "row $row: $file does not compile with \"$with\" for \"$text\":"
        grep -m 5 CLEAT_BUILD_FAILED "$folder/output"
        bad=1
    else
        echo "row $row: caught: exit status $status $(grep -m 1 -E 'stopped|ssert|:F:|:E:' "$folder/output")"
    fi
}

file='' text='' with='' test=''
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    "file: "*) file=${line#file: } ;;
    "text: "*) text=${line#text: } ;;
    "with: "*) with=${line#with: } ;;
    "with:") with='' ;;
    "test: "*)
        test=${line#test: }
        run_row
        ;;
    '' | '#'*) ;;
    *)
        echo "$list: not understood: $line"
        bad=1
        ;;
    esac
done <"$list"
[ $row -gt 0 ] || { echo "$list holds no row"; bad=1; }
echo "$row rows, $run of them run"
exit $bad
