#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a fuzzer on PoCL alone (docs/testing.md, Traps) in a folder of its own, where the input that
# failed is left as "fuzz-failure":  run.sh PROGRAM [options and folders of libFuzzer]
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
program=$1
shift
folder=$(dirname -- "$program")/run
mkdir -p "$folder"
cd "$folder" || exit 1
driver=$(cat /etc/OpenCL/vendors/pocl.icd 2>/dev/null) || driver=libpocl.so.2
OCL_ICD_VENDORS=$driver CLEAT_CACHE_DIR=$folder/kernel_cache LSAN_OPTIONS=print_suppressions=0:suppressions=$here/../leaks.txt \
    ASAN_OPTIONS=intercept_tls_get_addr=0 \
    exec "$program" -max_len=300 -rss_limit_mb=6000 -timeout=120 "$@"
