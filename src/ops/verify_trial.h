/* SPDX-License-Identifier: Apache-2.0 */
/* A small problem for ops/verify*.c: its operands on the device and on the host, row-major. */
#ifndef CLEAT_OPS_VERIFY_TRIAL_H
#define CLEAT_OPS_VERIFY_TRIAL_H

#include "core/status.h"
#include <cleat/tensor.h>

enum { TRIAL_OPERANDS = 12 };

/* The first failure is kept, and what follows it does nothing. */
typedef struct trial {
    cleat_context *context;
    cleat_status status;
    bool right;
    int count;
    cleat_tensor tensors[TRIAL_OPERANDS];
    float *data[TRIAL_OPERANDS];
} trial;

trial trial_begin(cleat_context *context);

/* Takes a status; whether none was a failure. */
bool trial_going(trial *t, cleat_status status);

/* An operand of integers in -4 .. 4. */
void trial_add(trial *t, int32_t rank, const int64_t *shape);

/* An operand of i32, in low .. high; its values on the host are floats too. */
void trial_add_whole(trial *t, int32_t rank, const int64_t *shape, int32_t low, int32_t high);

/* Writes the operand's values on the host, which were changed, to the device. */
void trial_write(trial *t, int operand);

/* NULL where there is no memory. */
double *trial_zeros(int64_t count);

/* Whether there is that memory and nothing has failed; NULL is a failure. */
bool trial_has_memory(trial *t, const void *memory);

/* Compares the operand on the device, all of it, with `want`, which it frees; NULL is no memory.
 * NaN is never right. */
void trial_compare(trial *t, int operand, double *want, double tolerance);

/* The same with a tolerance in terms of the largest magnitude wanted, or of 1 if that is less. */
void trial_compare_scaled(trial *t, int operand, double *want, double tolerance);

/* Ends a trial, and says what came of it in the terms of trust_function: one whose problem the
 * variant does not support says nothing. */
cleat_status trial_end(trial *t, bool *right);

#endif
