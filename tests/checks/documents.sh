#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the pages say is there: functions, variables of the environment, files and links.
#   documents.sh SOURCE
set -u
cd "$1" || exit 2
bad=0
pages="README.md CONTRIBUTING.md docs/*.md bench/results/README.md"

# shellcheck disable=SC2086 # a pattern
for name in $(grep -hoE '`cleat_[a-z0-9_]+\(\)' $pages | tr -d '`()' | sort -u); do
    # The examples of adding-an-operation.md are made up.
    [ "$name" = cleat_hypot ] && continue
    grep -qE "\b$name\(" include/cleat/*.h || { echo "no function $name()"; bad=1; }
done
# shellcheck disable=SC2086
for name in $(grep -hoE '\bCLEAT_(TEST_)?[A-Z0-9_]+=' $pages | tr -d '=' | sort -u); do
    grep -rqE "\b$name\b" src tests CMakeLists.txt || { echo "nothing reads $name"; bad=1; }
done
# Links from a page to a file, relative to the page.
# shellcheck disable=SC2086
for page in $pages; do
    for link in $(grep -oE '\]\([^)#:]+\)' "$page" | sed 's/](\(.*\))/\1/'); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: no file $link"; bad=1; }
    done
done
exit $bad
