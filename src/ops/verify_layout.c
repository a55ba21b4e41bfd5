/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing and the largest elements. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/index.h>
#include <cleat/resize.h>
#include <math.h>

/* ---- Resize, linear and by half pixels: to twice the columns, which has code of its own, and to
 * fewer ---- */

enum { PLANES = 2, ROWS = 6, COLUMNS = 40 };

static const int64_t resized[][2] = {{12, 80}, {9, 33}};

/* Where element o of `out` lies among `in`: between first and second, with the second's weight. */
static double place(int64_t o, int64_t out, int64_t in, int64_t *first, int64_t *second) {
    const double at = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    const int64_t low = (int64_t)floor(at);
    *first = low < 0 ? 0 : low;
    *second = low + 1 < in ? low + 1 : in - 1;
    return at - (double)low;
}

/* Sums in `want` what x[plane, ROWS, COLUMNS] gives to y, or turned. */
static void find_resized(const float *from, const int64_t *to, bool turned, double *want) {
    for (int64_t i = 0; i < PLANES * to[0] * to[1]; i++) {
        const int64_t plane = i / (to[0] * to[1]);
        int64_t rows[2], columns[2];
        const double below = place(i / to[1] % to[0], to[0], ROWS, &rows[0], &rows[1]);
        const double right = place(i % to[1], to[1], COLUMNS, &columns[0], &columns[1]);
        for (int corner = 0; corner < 4; corner++) {
            const int row = corner / 2, column = corner % 2;
            const int64_t x = (plane * ROWS + rows[row]) * COLUMNS + columns[column];
            const double weight = (row ? below : 1 - below) * (column ? right : 1 - right);
            want[turned ? x : i] += weight * (double)from[turned ? i : x];
        }
    }
}

static cleat_status try_resize(
    cleat_context *context, const int64_t *to, bool backward, bool *right) {
    const int64_t small[] = {PLANES, ROWS, COLUMNS}, large[] = {PLANES, to[0], to[1]};
    const cleat_resize_options options = {.mode = CLEAT_RESIZE_LINEAR};
    trial t = trial_begin(context);
    trial_add(&t, 3, backward ? large : small);
    trial_add(&t, 3, backward ? small : large);
    const cleat_tensor *x = t.tensors;
    if (trial_going(&t, t.status) &&
        trial_going(&t, backward ? cleat_resize_backward(context, x[0], x[1], &options)
                                 : cleat_resize(context, x[0], x[1], &options))) {
        double *want = trial_zeros(cleat_tensor_count(&x[1]));
        if (want != NULL) {
            find_resized(t.data[0], to, backward, want);
        }
        trial_compare_scaled(&t, 1, want, 0x1p-18);
    }
    return trial_end(&t, right);
}

cleat_status verify_resize(cleat_context *context, bool *right) {
    TRY(try_resize(context, resized[0], false, right));
    return try_resize(context, resized[1], false, right);
}

cleat_status verify_resize_backward(cleat_context *context, bool *right) {
    TRY(try_resize(context, resized[0], true, right));
    return try_resize(context, resized[1], true, right);
}

/* ---- The largest of each row, where many are equal: the first of them first ---- */

enum { TOP_ROWS = 7, TOP_EXTENT = 300 };

static void find_largest(const float *row, int count, double *values, double *places) {
    bool taken[TOP_EXTENT] = {false};
    for (int k = 0; k < count; k++) {
        int best = -1;
        for (int i = 0; i < TOP_EXTENT; i++) {
            if (!taken[i] && (best < 0 || row[i] > row[best])) {
                best = i;
            }
        }
        taken[best] = true;
        values[k] = (double)row[best];
        places[k] = best;
    }
}

static cleat_status try_top_k(cleat_context *context, int top, bool *right) {
    const int64_t x[] = {TOP_ROWS, TOP_EXTENT}, y[] = {TOP_ROWS, top};
    trial t = trial_begin(context);
    trial_add(&t, 2, x);
    trial_add(&t, 2, y);
    trial_add_whole(&t, 2, y, 0, 1);
    for (int i = 0; trial_going(&t, t.status) && i < TOP_ROWS * TOP_EXTENT; i++) {
        t.data[0][i] = t.data[0][i] * 16 + (float)(i % 16); /* some twice, not a score of times */
    }
    trial_write(&t, 0);
    if (trial_going(&t, t.status) && trial_going(&t, cleat_top_k(context, t.tensors[0], 1,
                                                         &t.tensors[1], &t.tensors[2], NULL))) {
        double *values = trial_zeros(TOP_ROWS * top), *places = trial_zeros(TOP_ROWS * top);
        for (int row = 0; values != NULL && places != NULL && row < TOP_ROWS; row++) {
            find_largest(t.data[0] + row * TOP_EXTENT, top, values + row * top, places + row * top);
        }
        trial_compare(&t, 1, values, 0);
        trial_compare(&t, 2, places, 0);
    }
    return trial_end(&t, right);
}

/* As many as the narrowest registers hold, and more than the widest: these are found otherwise. */
cleat_status verify_top_k(cleat_context *context, bool *right) {
    TRY(try_top_k(context, 3, right));
    return try_top_k(context, 20, right);
}
