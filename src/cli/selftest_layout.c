/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for what moves and chooses elements. Moved elements must be the same;
 * gradients are sums of what was moved. */
#include "selftest.h"

#include <math.h>

enum { ROWS = 9, COLUMNS = 14, LEFT = 5, PLACES = 23 };

/* ---- Moving ---- */

/* Two matrices side by side, one of them transposed, and the second taken out again. */
void check_concat(check *c) {
    operand *a = check_operand(c, 2, (int64_t[]){LEFT, ROWS});
    operand *b = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS, LEFT + COLUMNS});
    operand *again = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    const cleat_tensor inputs[] = {cleat_transpose(a->tensor), b->tensor};
    const int64_t sizes[] = {LEFT, COLUMNS};
    cleat_tensor parts[2];
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_concat(c->context, 2, inputs, 1, y->tensor)) ||
        !check_call(c, cleat_split(y->tensor, 1, 2, sizes, parts)) ||
        !check_call(c, cleat_copy(c->context, parts[1], again->tensor)) || !check_fetch(c, y) ||
        !check_fetch(c, again)) {
        return;
    }
    for (int i = 0; i < ROWS * (LEFT + COLUMNS); i++) {
        int row = i / (LEFT + COLUMNS), column = i % (LEFT + COLUMNS);
        float want =
            column < LEFT ? a->data[column * ROWS + row] : b->data[row * COLUMNS + column - LEFT];
        check_value(c, y->data[i], (double)want, 0, 0);
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        check_value(c, again->data[i], (double)b->data[i], 0, 0);
    }
}

/* Which of `extent` elements a padded place is moved from; -1: none. */
static int source_of(cleat_pad_mode mode, int place, int before, int extent) {
    int i = place - before;
    if (i >= 0 && i < extent) {
        return i;
    }
    switch (mode) {
    case CLEAT_PAD_EDGE:
        return i < 0 ? 0 : extent - 1;
    case CLEAT_PAD_REFLECT:
        return i < 0 ? -i : 2 * (extent - 1) - i;
    default:
        return -1;
    }
}

void check_pad(check *c) {
    enum { TOP = 2, BOTTOM = 1, SIDE = 3, HIGH = TOP + ROWS + BOTTOM, WIDE = COLUMNS + 2 * SIDE };
    static const char *const names[] = {"constant", "edge", "reflect"};
    const int64_t before[] = {TOP, SIDE}, after[] = {BOTTOM, SIDE};
    for (int mode = CLEAT_PAD_CONSTANT; mode <= CLEAT_PAD_REFLECT && c->status == CLEAT_OK;
         mode++) {
        check_part(c, names[mode]);
        operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        operand *y = check_operand(c, 2, (int64_t[]){HIGH, WIDE});
        operand *dy = check_operand(c, 2, (int64_t[]){HIGH, WIDE});
        operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        const cleat_pad_options options = {.mode = (cleat_pad_mode)mode, .value = 0.25};
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_pad(c->context, x->tensor, before, after, y->tensor, &options)) ||
            !check_call(c,
                cleat_pad_backward(c->context, dy->tensor, before, after, dx->tensor, &options)) ||
            !check_fetch(c, y) || !check_fetch(c, dx)) {
            return;
        }
        double sums[ROWS * COLUMNS] = {0};
        for (int i = 0; i < HIGH * WIDE; i++) {
            int row = source_of((cleat_pad_mode)mode, i / WIDE, TOP, ROWS);
            int column = source_of((cleat_pad_mode)mode, i % WIDE, SIDE, COLUMNS);
            bool inside = row >= 0 && column >= 0;
            int at = inside ? row * COLUMNS + column : 0;
            check_value(c, y->data[i], inside ? (double)x->data[at] : 0.25, 0, 0);
            sums[at] += inside ? (double)dy->data[i] : 0;
        }
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            check_value(c, dx->data[i], sums[i], 1, 9);
        }
    }
}

void check_tile(check *c) {
    enum { DOWN = 2, ACROSS = 3, WIDE = COLUMNS * ACROSS };
    const int64_t repeats[] = {DOWN, ACROSS};
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS * DOWN, WIDE});
    operand *dy = check_operand(c, 2, (int64_t[]){ROWS * DOWN, WIDE});
    operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_tile(c->context, x->tensor, repeats, y->tensor)) ||
        !check_call(c, cleat_tile_backward(c->context, dy->tensor, repeats, dx->tensor)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    double sums[ROWS * COLUMNS] = {0};
    for (int i = 0; i < ROWS * DOWN * WIDE; i++) {
        int at = i / WIDE % ROWS * COLUMNS + i % WIDE % COLUMNS;
        check_value(c, y->data[i], (double)x->data[at], 0, 0);
        sums[at] += (double)dy->data[i];
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        check_value(c, dx->data[i], sums[i], DOWN * ACROSS, DOWN * ACROSS);
    }
}

/* Depth to space and back, in both orders. */
void check_depth_to_space(check *c) {
    enum { CHANNELS = 3, BLOCK = 2, HIGH = 4, WIDE = 5, DEEP = CHANNELS * BLOCK * BLOCK };
    for (int order = 0; order < 2 && c->status == CLEAT_OK; order++) {
        check_part(c, order == CLEAT_DEPTH_COLUMN_ROW ? "DCR" : "CRD");
        const int64_t wide[] = {1, CHANNELS, HIGH * BLOCK, WIDE * BLOCK};
        operand *x = check_operand(c, 4, (int64_t[]){1, DEEP, HIGH, WIDE});
        operand *y = check_operand(c, 4, wide);
        operand *back = check_operand(c, 4, (int64_t[]){1, DEEP, HIGH, WIDE});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_depth_to_space(c->context, x->tensor, BLOCK,
                               (cleat_depth_order)order, y->tensor)) ||
            !check_call(c, cleat_space_to_depth(c->context, y->tensor, BLOCK,
                               (cleat_depth_order)order, back->tensor)) ||
            !check_fetch(c, y) || !check_fetch(c, back)) {
            return;
        }
        for (int i = 0; i < DEEP * HIGH * WIDE; i++) {
            int column = i % (WIDE * BLOCK), row = i / (WIDE * BLOCK) % (HIGH * BLOCK);
            int channel = i / (WIDE * BLOCK * HIGH * BLOCK);
            int place = row % BLOCK * BLOCK + column % BLOCK;
            int from = order == CLEAT_DEPTH_COLUMN_ROW ? place * CHANNELS + channel
                                                       : channel * BLOCK * BLOCK + place;
            int at = (from * HIGH + row / BLOCK) * WIDE + column / BLOCK;
            check_value(c, y->data[i], (double)x->data[at], 0, 0);
            check_value(c, back->data[i], (double)x->data[i], 0, 0);
        }
    }
}

/* ---- Indices, some of them counted from the end ---- */

static void make_indices(int32_t *indices, int count, int extent) {
    for (int i = 0; i < count; i++) {
        indices[i] = i * 7 % extent - (i % 3 == 0 ? extent : 0);
    }
}

static int place_of(int32_t index, int extent) {
    return index < 0 ? index + extent : index;
}

/* Rows by index: gather, which is an embedding too. */
void check_gather(check *c) {
    int32_t indices[PLACES];
    make_indices(indices, PLACES, ROWS);
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *chosen = check_typed(c, CLEAT_I32, 1, (int64_t[]){PLACES}, indices);
    operand *y = check_operand(c, 2, (int64_t[]){PLACES, COLUMNS});
    operand *z = check_operand(c, 2, (int64_t[]){PLACES, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_gather(c->context, x->tensor, chosen->tensor, 0, y->tensor)) ||
        !check_call(c, cleat_embedding(c->context, x->tensor, chosen->tensor, z->tensor, NULL)) ||
        !check_fetch(c, y) || !check_fetch(c, z)) {
        return;
    }
    for (int i = 0; i < PLACES * COLUMNS; i++) {
        int at = place_of(indices[i / COLUMNS], ROWS) * COLUMNS + i % COLUMNS;
        check_value(c, y->data[i], (double)x->data[at], 0, 0);
        check_value(c, z->data[i], (double)x->data[at], 0, 0);
    }
}

/* Rows added where the indices say: scatter-add, and gather's gradient, which starts from zeros. */
void check_scatter(check *c) {
    int32_t indices[PLACES];
    make_indices(indices, PLACES, ROWS);
    operand *chosen = check_typed(c, CLEAT_I32, 1, (int64_t[]){PLACES}, indices);
    operand *dy = check_operand(c, 2, (int64_t[]){PLACES, COLUMNS});
    operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *before = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *after = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(
            c, cleat_gather_backward(c->context, chosen->tensor, dy->tensor, 0, dx->tensor)) ||
        !check_call(c, cleat_copy(c->context, before->tensor, after->tensor)) ||
        !check_call(
            c, cleat_scatter_add(c->context, chosen->tensor, dy->tensor, 0, after->tensor)) ||
        !check_fetch(c, dx) || !check_fetch(c, after)) {
        return;
    }
    double sums[ROWS * COLUMNS] = {0};
    for (int i = 0; i < PLACES * COLUMNS; i++) {
        sums[place_of(indices[i / COLUMNS], ROWS) * COLUMNS + i % COLUMNS] += (double)dy->data[i];
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        check_value(c, dx->data[i], sums[i], PLACES, PLACES);
        check_value(c, after->data[i], (double)before->data[i] + sums[i], PLACES, PLACES);
    }
}

void check_one_hot(check *c) {
    int32_t indices[PLACES];
    make_indices(indices, PLACES, ROWS);
    operand *chosen = check_typed(c, CLEAT_I32, 1, (int64_t[]){PLACES}, indices);
    operand *y = check_operand(c, 2, (int64_t[]){PLACES, ROWS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_one_hot(c->context, chosen->tensor, 1, y->tensor, NULL)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < PLACES * ROWS; i++) {
        check_value(c, y->data[i], place_of(indices[i / ROWS], ROWS) == i % ROWS, 0, 0);
    }
}

/* The k-th largest has k larger ones; all values differ. */
void check_top_k(check *c) {
    enum { K = 4, LONG = 61 };
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, LONG});
    operand *values = check_operand(c, 2, (int64_t[]){ROWS, K});
    operand *places = check_typed(c, CLEAT_I32, 2, (int64_t[]){ROWS, K}, NULL);
    if (c->status != CLEAT_OK ||
        !check_call(
            c, cleat_top_k(c->context, x->tensor, 1, &values->tensor, &places->tensor, NULL)) ||
        !check_fetch(c, values) || !check_fetch(c, places)) {
        return;
    }
    for (int i = 0; i < ROWS * K; i++) {
        const float *row = x->data + i / K * LONG;
        int larger = 0, at = ((const int32_t *)places->raw)[i];
        for (int j = 0; j < LONG; j++) {
            larger += row[j] > values->data[i];
        }
        check_value(c, (float)larger, i % K, 0, 0);
        check_value(c, values->data[i], at >= 0 && at < LONG ? (double)row[at] : 2, 0, 0);
    }
}

/* ---- Resizing to twice the size, half-pixel coordinates: nearest and linear ---- */

static double resized(
    cleat_resize_mode mode, const float *x, int high, int wide, double row, double column) {
    row = fmin(fmax(row, 0), high - 1);
    column = fmin(fmax(column, 0), wide - 1);
    int top = (int)floor(row), left = (int)floor(column);
    int below = top + (top + 1 < high), right = left + (left + 1 < wide);
    double down = row - top, across = column - left;
    if (mode == CLEAT_RESIZE_NEAREST) {
        return (double)x[(down > 0.5 ? below : top) * wide + (across > 0.5 ? right : left)];
    }
    return (1 - down) * ((1 - across) * (double)x[top * wide + left] +
                            across * (double)x[top * wide + right]) +
           down * ((1 - across) * (double)x[below * wide + left] +
                      across * (double)x[below * wide + right]);
}

void check_resize(check *c) {
    enum { HIGH = 2 * ROWS, WIDE = 2 * COLUMNS };
    for (int mode = CLEAT_RESIZE_NEAREST; mode <= CLEAT_RESIZE_LINEAR && c->status == CLEAT_OK;
         mode++) {
        check_part(c, mode == CLEAT_RESIZE_NEAREST ? "nearest" : "linear");
        const cleat_resize_options options = {.mode = (cleat_resize_mode)mode};
        operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        operand *y = check_operand(c, 2, (int64_t[]){HIGH, WIDE});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_resize(c->context, x->tensor, y->tensor, &options)) ||
            !check_fetch(c, y)) {
            return;
        }
        for (int i = 0; i < HIGH * WIDE; i++) {
            double row = (i / WIDE + 0.5) / 2 - 0.5, column = (i % WIDE + 0.5) / 2 - 0.5;
            double want = resized((cleat_resize_mode)mode, x->data, ROWS, COLUMNS, row, column);
            check_value(c, y->data[i], want, 1, 4);
        }
    }
}
