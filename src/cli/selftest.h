/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of `cleat selftest` share. A check makes operands, runs operations on the device,
 * and compares with a plain loop on the host. The first failure is kept; later steps do nothing. */
#ifndef CLEAT_CLI_SELFTEST_H
#define CLEAT_CLI_SELFTEST_H

#include <cleat/cleat.h>

enum { CHECK_MAX_OPERANDS = 12 };

typedef struct operand {
    cleat_tensor tensor;
    int64_t count;
    float *data; /* row-major values on the host */
} operand;

typedef struct check {
    cleat_context *context;
    cleat_status status; /* of the first call that failed */
    double worst;        /* largest error met, as a part of what is allowed: above 1 is wrong */
    int operand_count;
    operand operands[CHECK_MAX_OPERANDS];
} check;

/* One line of the self-test. */
typedef struct check_entry {
    const char *name;
    void (*run)(check *c);
} check_entry;

extern const check_entry check_entries[]; /* ends with a name of NULL */

/* Checks in selftest_products.c */
void check_matmul(check *c);
void check_conv2d(check *c);
void check_conv2d_backward_data(check *c);
void check_conv2d_backward_weights(check *c);

/* A tensor on the device with pseudo-random values in [-1, 1), f32, row-major. Never NULL; its data
 * is NULL only when c->status is set. */
operand *check_operand(check *c, int32_t rank, const int64_t *shape);

/* Keeps the status of a call if it is the first failure; true while all is well. */
bool check_call(check *c, cleat_status status);

/* Reads the operand's tensor back into its data. */
bool check_fetch(check *c, operand *x);

/* Takes one result into account: a sum of `terms` products whose magnitudes add up to `magnitude`
 * may be off by 4 sqrt(terms) units of f32. */
void check_value(check *c, float got, double want, double magnitude, double terms);

#endif
