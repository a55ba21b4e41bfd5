#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's packages: built, installed into an empty root, used by a program from there, removed again
# without leaving anything behind. ci/package does the same in a whole, clean Debian.
#   package.sh SOURCE BUILD
set -eu
source=$1 build=$2 work=$2/package
command -v dpkg-deb >/dev/null || { echo "skipped: not a Debian"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: only root can install"; exit 77; }
rm -rf "$work"
mkdir -p "$work/root/var/lib/dpkg/updates" "$work/root/var/lib/dpkg/info"
: >"$work/root/var/lib/dpkg/status"

quiet() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

quiet cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work"
packages=$(cd "$work" && ls ./*.deb)
onnx=
[ ! -e "$build/libcleat-onnx.so" ] || onnx=yes
[ "$(echo "$packages" | wc -l)" = "$([ -n "$onnx" ] && echo 5 || echo 3)" ] ||
    { echo "too many or few packages: $packages"; exit 1; }

# What the packages need is not in that root, and their scripts (ldconfig) run outside of it.
for package in $packages; do
    quiet dpkg --root="$work/root" --force-depends --force-script-chrootless -i "$work/$package"
done
root=$work/root/usr
pkg() {
    PKG_CONFIG_PATH=$root/lib/pkgconfig pkg-config "$@" cleat
}
# shellcheck disable=SC2046 # options are words
quiet "${CC:-cc}" "$source/tests/consumer/portable.c" -o "$work/program" $(pkg --cflags --libs) \
    -Wl,-rpath,"$root/lib"
[ "$("$work/program")" = "0 2 0 4" ] || { echo "the program prints something else"; exit 1; }
"$root/bin/cleat" --version
if [ -n "$onnx" ]; then
    printf '%s\n' '#include <cleat/onnx.h>' \
        'int main(void) { return cleat_graph_load_onnx("/nowhere", 0, 0) == CLEAT_OK; }' >"$work/onnx.c"
    # shellcheck disable=SC2046 # options are words
    quiet "${CC:-cc}" "$work/onnx.c" -o "$work/onnx" \
        $(PKG_CONFIG_PATH=$root/lib/pkgconfig pkg-config --cflags --libs cleat-onnx) -Wl,-rpath,"$root/lib"
    "$work/onnx"
fi
for file in share/man/man1/cleat.1 share/bash-completion/completions/cleat \
    share/doc/libcleat0/copyright share/doc/libcleat-dev/copyright share/doc/cleat/copyright; do
    [ -s "$root/$file" ] || { echo "$file is not in the packages"; bad=1; }
done
names=$(dpkg-query --admindir="$work/root/var/lib/dpkg" -W -f '${Package} ')
# shellcheck disable=SC2086
quiet dpkg --root="$work/root" --force-script-chrootless --purge $names
left=$(find "$work/root" ! -type d ! -path '*/var/lib/dpkg/*')
[ -z "$left" ] || { echo "left behind: $left"; bad=1; }
exit "${bad:-0}"
