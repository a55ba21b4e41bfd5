#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual page is well formed and tells every option and subcommand, and the completion offers them.
#   manual.sh SOURCE BUILD
set -eu
cd "$1"
bad=0
page=src/cli/cleat.1
if command -v groff >/dev/null; then
    complaints=$(groff -man -Tascii -ww -z "$page" 2>&1)
    [ -z "$complaints" ] || { echo "$complaints"; bad=1; }
fi
grep -qF "\"Cleat $("$2/cleat" --version | sed 's/^cleat //')\"" "$page" || { echo "$page: another version"; bad=1; }

# The names in the tables of getopt_long, and the subcommands in main()'s table. "peers" is
# cleat-bench's alone.
options=$(grep -hoE '\{"[a-z-]+", (required|no)_argument' src/cli/*.c bench/bench_main.c | sed 's/.*"\(.*\)".*/--\1/' | grep -vx -e --peers | sort -u)
commands=$(grep -oE '\{"[a-z]+", command_[a-z]+\}' src/cli/main.c | sed 's/{"\(.*\)".*/\1/')
[ -n "$options" ] && [ -n "$commands" ] || { echo "no options or subcommands found in src/cli"; exit 1; }
for word in $options $commands; do
    sed 's/\\-/-/g' "$page" | grep -qF -e "$word" || { echo "$page does not tell $word"; bad=1; }
    grep -qF -e "$word" src/cli/cleat.bash || { echo "src/cli/cleat.bash does not offer $word"; bad=1; }
done

# What bash offers after "cleat ", "cleat tune --s" and "cleat devices --device ".
if command -v bash >/dev/null; then
    offered() { # words, the last one to be completed
        bash -c '. src/cli/cleat.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cleat; echo "${COMPREPLY[*]}"' \
            bash "$@"
    }
    [ "$(offered cleat dev)" = devices ] || { echo "dev is not completed"; bad=1; }
    [ "$(offered cleat tune --se)" = --seconds ] || { echo "tune --se is not completed"; bad=1; }
    [ "$(offered cleat devices --device g)" = gpu ] || { echo "--device g is not completed"; bad=1; }
fi
exit $bad
