/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM and GRU in long double over row-major arrays; formulas: include/cleat/recurrent.h. */
#ifndef REFERENCE_RECURRENT_H
#define REFERENCE_RECURRENT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_recurrent {
    bool is_lstm, linear_before_reset, reverse, bidirectional;
    int64_t steps, batch, inputs, hidden;
    const long double *x, *w, *r, *bias, *h, *c; /* the last three: never NULL; zeros */
} reference_recurrent;

typedef struct reference_recurrent_gradients {
    long double *x, *w, *r, *bias, *h, *c;
} reference_recurrent_gradients;

/*
 * y [L, D, B, H] and the states after the last step; y_error bounds y's error, as a multiple of
 * that of one operation, to first order.
 */
void reference_recur(const reference_recurrent *a, long double *y, long double *final_h,
    long double *final_c, long double *y_error);

/*
 * Gradients for dy, dfinal_h, dfinal_c (never NULL). With `absolute` each product and sum is one of
 * magnitudes: what a relative error in all of them is multiplied with.
 */
void reference_recur_backward(const reference_recurrent *a, const long double *dy,
    const long double *dfinal_h, const long double *dfinal_c, bool absolute,
    const reference_recurrent_gradients *gradients);

#endif
