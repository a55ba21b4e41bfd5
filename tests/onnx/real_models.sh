#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets trained networks, sounds and what to compare with into WORK, installing nothing, and runs real_models.py on
# them. Without them it says so and is good.
#   real_models.sh CLEAT SOURCE WORK
set -eu
cleat=$1 source=$2 work=$3
peers="numpy==2.4.6 onnx==1.16.2 onnxruntime==1.32.0 pillow==13.0.0"
networks="magika==0.6.2 silero-vad==6.2.3 rapidocr-onnxruntime==1.4.4"
mkdir -p "$work/files"

fetch() {
    [ -x "$work/python/bin/pip" ] || python3 -m venv "$work/python" || return 1
    # shellcheck disable=SC2086 # words
    "$work/python/bin/pip" -q install $peers || return 1
    # shellcheck disable=SC2086
    "$work/python/bin/pip" -q download --no-deps -d "$work/wheels" $networks || return 1
    for wheel in "$work"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$work/models" || return 1
    done
    (cd "$work" && apt-get -q download alsa-utils && dpkg-deb -x alsa-utils_*.deb sounds) || return 1
    touch "$work/complete"
}

if [ ! -e "$work/complete" ] && ! fetch >"$work/fetch.log" 2>&1; then
    echo "Goes on without the real models: they, or what they are compared with, are not to be had here ($work/fetch.log)."
    exit 0
fi
"$work/python/bin/python" "$source/tests/onnx/real_models.py" "$cleat" "$work/models" "$work/sounds/usr/share/sounds/alsa" \
    "$source" "$work/files"
