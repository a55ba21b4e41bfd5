/* SPDX-License-Identifier: Apache-2.0 */
/* Of a program's tests those whose turn it is. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void test_add(TCase *to, const TTest *test, int from, int end);

/* CLEAT_TEST_SLICE=2/3: the third, the sixth, ... of those that are added. */
static bool has_turn(void) {
    static unsigned number;
    const char *slice = getenv("CLEAT_TEST_SLICE");
    unsigned place = 0, share = 1;
    if (slice != NULL && (sscanf(slice, "%u/%u", &place, &share) != 2 || share == 0)) {
        fprintf(stderr, "CLEAT_TEST_SLICE is %s, not a number / how many slices\n", slice);
        exit(EXIT_FAILURE);
    }
    return number++ % share == place % share;
}

void test_add(TCase *to, const TTest *test, int from, int end) {
    for (int i = from; i < end; i++) {
        if (has_turn()) {
            tcase_add_loop_test(to, test, i, i + 1);
        }
    }
}
