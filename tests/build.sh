#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a configuration:  build.sh SOURCE BUILD [options for CMake]
set -eu
source=$1 build=$2
shift 2
cmake -S "$source" -B "$build" "$@" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
cmake --build "$build" -j "$(nproc)"
