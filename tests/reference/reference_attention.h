/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in float64 over row-major arrays; formulas: include/cleat/attention.h. */
#ifndef REFERENCE_ATTENTION_H
#define REFERENCE_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_attention {
    int64_t batch, heads, key_heads, queries, keys, width, value_width;
    int64_t diagonal; /* query l sees key s if s <= l + diagonal */
    double scale;
    const double *q, *k, *v;
    const double *mask; /* [B, H, L, S], added; NULL: zeros */
} reference_attention;

/*
 * y [B, H, L, Ev] and lse [B, H, L]. The magnitudes are what an error of u in each operation is
 * multiplied with, to first order: an error in a score is one of its exponential, as a part of it.
 */
void reference_attend(const reference_attention *a, double *y, double *lse, double *y_magnitude,
    double *lse_magnitude);

/* Gradients of q, k, v for dy, which is that of y, and their magnitudes. */
void reference_attend_backward(const reference_attention *a, const double *dy, double *dq,
    double *dk, double *dv, double *dq_magnitude, double *dk_magnitude, double *dv_magnitude);

#endif
