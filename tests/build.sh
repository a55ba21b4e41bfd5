#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a configuration, or some targets of it:  build.sh SOURCE BUILD "TARGETS" [options for CMake]
set -eu
source=$1 build=$2 targets=$3
shift 3
mkdir -p "$build"
cmake -S "$source" -B "$build" "$@" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
# shellcheck disable=SC2086  # targets are names
cmake --build "$build" -j "$(nproc)" ${targets:+--target $targets}
