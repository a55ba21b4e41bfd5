/* SPDX-License-Identifier: Apache-2.0 */
/* What moves elements: gather, scatter-add, padding; and cumulative sums. All are exact. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/index.h>
#include <cleat/layout.h>
#include <cleat/reduce.h>

/* ---- Rows and columns by indices, some of which count from the end ---- */

enum { EXTENT = 9, COLUMNS = 40, CHOSEN = 30 };

static int64_t row_of(const trial *t, int operand, int64_t k) {
    const int64_t index = (int64_t)t->data[operand][k];
    return index < 0 ? index + EXTENT : index;
}

/* Along axis 0 of [EXTENT, COLUMNS], or axis 1 of its transpose. */
static cleat_status try_gather(cleat_context *context, int32_t axis, bool *right) {
    const int64_t x[] = {axis == 0 ? EXTENT : COLUMNS, axis == 0 ? COLUMNS : EXTENT};
    const int64_t y[] = {axis == 0 ? CHOSEN : COLUMNS, axis == 0 ? COLUMNS : CHOSEN};
    trial t = trial_begin(context);
    trial_add(&t, 2, x);
    trial_add_whole(&t, 1, &(int64_t){CHOSEN}, -EXTENT, EXTENT - 1);
    trial_add(&t, 2, y);
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_gather(context, t.tensors[0], t.tensors[1], axis, t.tensors[2]))) {
        double *want = trial_zeros(CHOSEN * COLUMNS);
        for (int64_t i = 0; want != NULL && i < CHOSEN * COLUMNS; i++) {
            const int64_t k = i / COLUMNS, c = i % COLUMNS, row = row_of(&t, 1, k);
            want[axis == 0 ? i : c * CHOSEN + k] =
                (double)t.data[0][axis == 0 ? row * COLUMNS + c : c * EXTENT + row];
        }
        trial_compare(&t, 2, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_gather(cleat_context *context, bool *right) {
    TRY(try_gather(context, 0, right));
    return try_gather(context, 1, right);
}

static cleat_status try_scatter(cleat_context *context, int32_t axis, bool *right) {
    const int64_t y[] = {axis == 0 ? EXTENT : COLUMNS, axis == 0 ? COLUMNS : EXTENT};
    const int64_t u[] = {axis == 0 ? CHOSEN : COLUMNS, axis == 0 ? COLUMNS : CHOSEN};
    trial t = trial_begin(context);
    trial_add_whole(&t, 1, &(int64_t){CHOSEN}, -EXTENT, EXTENT - 1);
    trial_add(&t, 2, u);
    trial_add(&t, 2, y);
    if (trial_going(&t, t.status) && trial_going(&t, cleat_scatter_add(context, t.tensors[0],
                                                         t.tensors[1], axis, t.tensors[2]))) {
        double *want = trial_zeros(EXTENT * COLUMNS);
        for (int64_t i = 0; want != NULL && i < EXTENT * COLUMNS; i++) {
            want[i] = (double)t.data[2][i];
        }
        for (int64_t i = 0; want != NULL && i < CHOSEN * COLUMNS; i++) {
            const int64_t k = i / COLUMNS, c = i % COLUMNS, row = row_of(&t, 0, k);
            want[axis == 0 ? row * COLUMNS + c : c * EXTENT + row] +=
                (double)t.data[1][axis == 0 ? i : c * CHOSEN + k];
        }
        trial_compare(&t, 2, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_scatter(cleat_context *context, bool *right) {
    TRY(try_scatter(context, 0, right));
    return try_scatter(context, 1, right);
}

/* ---- Padding with a number; an axis is cut ---- */

cleat_status verify_pad(cleat_context *context, bool *right) {
    enum { PLANES = 3, HEIGHT = 5, WIDTH = 40, NEW_HEIGHT = 8, NEW_WIDTH = 44, VALUE = 7 };
    static const int64_t before[] = {-1, 1, 3}, after[] = {0, 2, 1};
    const int64_t x[] = {PLANES, HEIGHT, WIDTH}, y[] = {PLANES - 1, NEW_HEIGHT, NEW_WIDTH};
    const cleat_pad_options options = {.value = VALUE};
    trial t = trial_begin(context);
    trial_add(&t, 3, x);
    trial_add(&t, 3, y);
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_pad(context, t.tensors[0], before, after, t.tensors[1], &options))) {
        double *want = trial_zeros((PLANES - 1) * NEW_HEIGHT * NEW_WIDTH);
        for (int64_t i = 0; want != NULL && i < (PLANES - 1) * NEW_HEIGHT * NEW_WIDTH; i++) {
            const int64_t plane = i / NEW_WIDTH / NEW_HEIGHT - before[0];
            const int64_t row = i / NEW_WIDTH % NEW_HEIGHT - before[1];
            const int64_t column = i % NEW_WIDTH - before[2];
            const bool inside = row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH;
            want[i] = inside ? (double)t.data[0][(plane * HEIGHT + row) * WIDTH + column] : VALUE;
        }
        trial_compare(&t, 1, want, 0);
    }
    return trial_end(&t, right);
}

/* ---- Cumulative sums along a line of `count`, of which there are `lines`; the second kind from
 * the end, exclusive ---- */

static cleat_status try_cumulative(
    cleat_context *context, int64_t lines, int64_t count, int32_t axis, bool turned, bool *right) {
    const int64_t shape[] = {axis == 0 ? count : lines, axis == 0 ? lines : count};
    const int64_t step = axis == 0 ? lines : 1, pitch = axis == 0 ? 1 : count;
    const cleat_cumulative_options options = {.exclusive = turned, .reverse = turned};
    trial t = trial_begin(context);
    trial_add(&t, 2, shape);
    trial_add(&t, 2, shape);
    if (trial_going(&t, t.status) && trial_going(&t, cleat_cumulative_sum(context, t.tensors[0],
                                                         axis, t.tensors[1], &options))) {
        double *want = trial_zeros(lines * count);
        for (int64_t line = 0; want != NULL && line < lines; line++) {
            double sum = 0;
            for (int64_t k = 0; k < count; k++) {
                const int64_t at = line * pitch + (turned ? count - 1 - k : k) * step;
                const double value = (double)t.data[0][at];
                want[at] = turned ? sum : sum + value;
                sum += value;
            }
        }
        trial_compare(&t, 1, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_cumulative(cleat_context *context, bool *right) {
    TRY(try_cumulative(context, 6, 70, 1, false, right));
    TRY(try_cumulative(context, 1, 20000, 1, true, right)); /* in pieces, on most devices */
    return try_cumulative(context, 70, 6, 0, true, right);
}
