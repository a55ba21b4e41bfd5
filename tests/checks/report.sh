#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/report: medians, bars, tables, the page with plots, and its exit statuses.
#   report.sh SOURCE
set -u
report=$1/bench/report
[ -x /usr/bin/python3 ] || { echo "skipped: /usr/bin/python3 is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
bad=0

# Runs the report; its exit status and a text in its output must be these.
expect() { # status, text, arguments
    status=$1 text=$2
    shift 2
    "$report" "$@" >output 2>&1
    got=$?
    if [ $got != "$status" ] || ! grep -qF -e "$text" output; then
        echo "report $*: exit status $got, not $status, or no \"$text\":"
        cat output
        bad=1
    fi
}

row() { # bench, case, unit, cleat, peer, peer's, ratio
    printf '{"bench": "%s", "case": "%s", "unit": "%s", "cleat": %s' "$1" "$2" "$3" "$4"
    [ $# = 4 ] || printf ', "peer": "%s", "peer_value": %s, "ratio": %s' "$5" "$6" "$7"
    printf '}'
}

# Three runs; the medians are what the bars see: square 0.9 and 1.6, mean 1.2.
run() { # file, ratio of the case "small"
    printf '{"machine": {"cpu": "a <fast> one", "date": "%s"}, "rows": [%s, %s, %s, %s, %s]}' "$1" \
        "$(row square small GFLOP/s 90 blas 100 "$2")" \
        "$(row square large GFLOP/s 160 blas 100 1.6)" \
        "$(row stream relu GB/s 30 copy 40 0.75)" "$(row stream relu GB/s 30 peak 33 0.91)" \
        "$(row start cold ms 1400)" >"$1"
}
run one.json 0.5
run two.json 0.9
run three.json 1.3

bar='{"work": "squares", "bench": "square", "peer": "blas"'
bars() { # file, bars
    printf '{"bars": [%s]}' "$2" >"$1"
}
bars good.json "$bar, \"count\": 2, \"mean\": 1.19, \"least\": 0.9},
    {\"work\": \"streams\", \"bench\": \"stream\", \"peer\": \"copy\", \"least\": 0.9,
        \"or\": [{\"peer\": \"peak\", \"least\": 0.9}]},
    {\"work\": \"squares\", \"bench\": \"square\", \"peer\": \"blas\", \"above\": 60, \"cases\": [\"la*\"]},
    {\"work\": \"start\", \"bench\": \"start\", \"cases\": [\"cold*\"], \"most\": 1500, \"unit\": \"ms\"}"
expect 0 'holds         squares: geometric mean >= 1.19x blas: 1.200x (2 cases)' \
    --bars good.json one.json two.json three.json
grep -q 'least 0.900x blas (small)' output || { echo "not the least ratio:"; cat output; bad=1; }
grep -q 'least 0.910x peak (relu)' output || { echo "the other peer does not do:"; cat output; bad=1; }
expect 1 '1 of 2 under it: small 0.500x blas' --bars good.json one.json
grep -q 'MISSED .*: 0.894x (2 cases)' output || { echo "no missed mean:"; cat output; bad=1; }

bars mean.json "$bar, \"mean\": 1.21}"
expect 1 'MISSED        squares: geometric mean >= 1.21x blas: 1.200x' --bars mean.json two.json
bars above.json "$bar, \"above\": 59}"
expect 1 'at most 59  above blas: 60.00' --bars above.json two.json
bars most.json '{"work": "start", "bench": "start", "most": 1399, "unit": "ms"}'
expect 1 'MISSED        start: at most 1399 ms: 1400 ms (cold)' --bars most.json two.json
bars unit.json '{"work": "start", "bench": "start", "most": 1500, "unit": "s"}'
expect 1 'MISSED        start: in s: is in ms' --bars unit.json two.json
bars count.json "$bar, \"count\": 3, \"mean\": 1}"
expect 1 'NOT MEASURED  squares: 3 cases of square against blas: 2 measured' --bars count.json two.json
bars absent.json "$bar, \"cases\": [\"huge\"], \"least\": 1}"
expect 1 'NOT MEASURED  squares: huge of square against blas: 0 measured' --bars absent.json two.json
expect 1 'NOT MEASURED' two.json # the bars of the tree

expect 0 '| square | small | GFLOP/s | 90 | blas | 100 | 0.900 | 0.500 to 1.300 |' \
    --bars good.json --markdown - one.json two.json three.json
grep -q '| square | blas | 1.200 | 0.900 | 2 |' output || { echo "no means:"; cat output; bad=1; }
grep -q '| date | one.json; two.json; three.json |' output || { echo "no dates:"; cat output; bad=1; }

# Bars for cards and for processors, each on runs of its own kind.
on_card() { # file, name of the device
    printf '{"machine": {"device": "%s (9 units)", "kind": "gpu"}, "rows": [%s], "skipped": [%s]}' "$2" \
        "$(row square small GFLOP/s 90 blas 100 0.9)" \
        '{"bench": "square", "case": "huge", "why": "takes 9 GB"}' >"$1"
}
on_card new.json 'Maker N200'
on_card old.json 'Maker N70'
bars kinds.json "$bar, \"least\": 2},
    {\"work\": \"cards\", \"on\": \"*N[12]00*\", \"bench\": \"square\", \"peer\": \"blas\", \"least\": 0.8},
    {\"work\": \"any card\", \"on\": \"*\", \"bench\": \"square\", \"peer\": \"blas\", \"least\": 0.7}"
expect 0 'holds         cards: each >= 0.8x blas: least 0.900x blas (small)' --bars kinds.json new.json
grep -q 'squares' output && { echo "a processor's bar on a card:"; cat output; bad=1; }
expect 0 'holds         any card' --bars kinds.json old.json
grep -q 'cards:' output && { echo "another card's bar:"; cat output; bad=1; }
expect 1 '2 of 2 under it: small 0.900x blas' --bars kinds.json two.json
grep -q 'card' output && { echo "a card's bar on a processor:"; cat output; bad=1; }
expect 0 '| kind | gpu |' --bars kinds.json --markdown - old.json old.json
[ "$(grep -c '| square | huge | takes 9 GB |' output)" = 1 ] || { echo "what was skipped:"; cat output; bad=1; }

# What is refused.
expect 2 'usage' --colour
expect 2 'usage'
expect 2 'none.json' none.json
echo '{' >broken.json
expect 2 'broken.json' broken.json
echo '{"rows": [{"bench": "square", "case": "small", "unit": "s", "cleat": "fast"}]}' >text.json
expect 2 '"cleat" is not a number' text.json
echo '{"rows": [{"bench": "square", "case": "small", "unit": "s", "cleat": NaN}]}' >nan.json
expect 2 '"cleat" is not a number' nan.json
echo '{"rows": [], "skipped": "all"}' >skipped.json
expect 2 '"skipped" is not a list' skipped.json
bars demand.json '{"work": "squares", "bench": "square", "peer": "blas"}'
expect 2 'demands nothing' --bars demand.json two.json
bars place.json "$bar, \"least\": 1, \"on\": 9}"
expect 2 '"on" is not a text' --bars place.json two.json
bars spelling.json "$bar, \"meen\": 1}"
expect 2 "unknown ['meen']" --bars spelling.json two.json
expect 2 'nowhere/page' --markdown nowhere/page two.json

# The page: one file, a plot for each bench, names escaped, nothing fetched from elsewhere.
if ! /usr/bin/python3 -s -c 'import matplotlib' 2>/dev/null; then
    expect 2 'python3-matplotlib' --html page.html two.json
    echo "The page was not tested: python3-matplotlib is not installed"
    [ $bad = 0 ] && exit 77
    exit 1
fi
expect 0 'holds' --bars good.json --html page.html one.json two.json three.json
[ "$(grep -c '<svg' page.html)" = 3 ] || { echo "not three plots"; bad=1; }
grep -q 'a &lt;fast&gt; one' page.html || { echo "not escaped"; bad=1; }
grep -qE 'src=|<link|url\(http' page.html && { echo "the page needs other files"; bad=1; }
/usr/bin/python3 -s - <<'EOF' || bad=1
import collections, re, sys
page = open("page.html", encoding="utf-8").read()
names = collections.Counter(re.findall(r'\bid="([^"]*)"', page))
twice = [name for name, count in names.items() if count > 1]
lost = [name for name in re.findall(r'(?:href="|url\()#([^")]*)', page) if name not in names]
if twice or lost:
    sys.exit(f"identifiers used twice: {twice}, or lost: {lost}")
EOF
cp page.html again.html
expect 0 'holds' --bars good.json --html page.html one.json two.json three.json
cmp page.html again.html || bad=1
exit $bad
