# SPDX-License-Identifier: Apache-2.0
# For tests/checks: of a long one commits take turns with the parts (docs/testing.md).

# its_turn PLACE [PARTS]: whether it is this part's turn, each commit another one; without PARTS the
# parts are as many as commits take turns. Where these take none it always is.
its_turn() {
    [ "${CLEAT_TEST_SHARE:-1}" = 1 ] ||
        [ $((($1 + ${CLEAT_TEST_TURN:-0}) % ${2:-$CLEAT_TEST_SHARE})) = 0 ]
}
