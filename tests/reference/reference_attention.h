/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in long double over row-major arrays; formulas: include/cleat/attention.h. */
#ifndef REFERENCE_ATTENTION_H
#define REFERENCE_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_attention {
    int64_t batch, heads, key_heads, queries, keys, width, value_width;
    int64_t diagonal; /* query l sees key s if s <= l + diagonal */
    long double scale;
    const long double *q, *k, *v;
    const long double *mask; /* [B, H, L, S], added; NULL: zeros */
} reference_attention;

/*
 * y [B, H, L, Ev] and lse [B, H, L]. The magnitudes are what an error of u in each operation is
 * multiplied with, to first order: an error in a score is one of its exponential, as a part of it.
 */
void reference_attend(const reference_attention *a, long double *y, long double *lse,
    long double *y_magnitude, long double *lse_magnitude);

/* Gradients of q, k, v for dy, which is that of y, and their magnitudes. */
void reference_attend_backward(const reference_attention *a, const long double *dy, long double *dq,
    long double *dk, long double *dv, long double *dq_magnitude, long double *dk_magnitude,
    long double *dv_magnitude);

#endif
