/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs that are timed from their start have in common: c = a b, 512 x 512 x 512. */
#ifndef CLEAT_BENCH_FIRST_PRODUCT_H
#define CLEAT_BENCH_FIRST_PRODUCT_H

#include <stdio.h>

enum { SIDE = 512, ELEMENTS = SIDE * SIDE };
static float a[ELEMENTS], b[ELEMENTS], c[ELEMENTS];

/* Small integers, so that the product is exact. */
static void make_operands(void) {
    for (int i = 0; i < ELEMENTS; i++) {
        a[i] = (float)(i * 7 % 11 - 5);
        b[i] = (float)(i * 5 % 13 - 6);
    }
}

/* cleat-bench stops its clock at this line. */
static void tell_ready(void) {
    puts("ready");
    fflush(stdout);
}

static int product_is_right(void) {
    for (int probe = 0; probe < 64; probe++) {
        int row = probe * 89 % SIDE, column = probe * 211 % SIDE;
        float sum = 0;
        for (int k = 0; k < SIDE; k++) {
            sum += a[row * SIDE + k] * b[k * SIDE + column];
        }
        if (sum < c[row * SIDE + column] || sum > c[row * SIDE + column]) {
            fprintf(stderr, "element %d, %d: %g, wanted %g\n", row, column,
                (double)c[row * SIDE + column], (double)sum);
            return 0;
        }
    }
    return 1;
}

#endif
