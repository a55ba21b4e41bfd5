/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f16 and bf16 for an operation whose kernels know f32 alone: its operands of 16 bits are converted
 * to f32 in scratch memory, a launch each, the operation is called with those, and its results are
 * rounded back, once. Operands of other types stay what they are.
 *
 *     widening w;
 *     widen_begin(&w, context, "softmax");
 *     cleat_tensor wide_x = widen_input(&w, x), wide_y = widen_output(&w, y, false);
 *     cleat_status status = widen_ready(&w);
 *     if (status == CLEAT_OK) {
 *         status = cleat_softmax(context, wide_x, axis, wide_y);
 *     }
 *     return widen_end(&w, status);
 *
 * The operands have passed the operation's checks. A call that fails before the end has written
 * scratch memory only.
 */
#ifndef CLEAT_OPS_WIDEN_H
#define CLEAT_OPS_WIDEN_H

#include "core/launch.h"

enum { WIDEN_MAX = 10 };

typedef struct widening {
    cleat_context *context;
    const char *operation;
    cleat_status status; /* the first failure */
    int count;           /* of operands of 16 bits */
    cleat_tensor given[WIDEN_MAX], wide[WIDEN_MAX];
    bool is_read[WIDEN_MAX], is_written[WIDEN_MAX];
} widening;

void widen_begin(widening *w, cleat_context *context, const char *operation);

/* What stands for x. Strides fall in x's order, so that rows stay rows and channels that come last
 * do; what is repeated (stride 0) stays so. */
cleat_tensor widen_input(widening *w, const cleat_tensor *x);

/* What stands for y; `is_read`: and holds what y does. */
cleat_tensor widen_output(widening *w, const cleat_tensor *y, bool is_read);

/* Enqueues the conversions of what is read. */
cleat_status widen_ready(widening *w);

/* Enqueues the results' if `status` is CLEAT_OK; gives the scratch memory back. */
cleat_status widen_end(widening *w, cleat_status status);

#endif
