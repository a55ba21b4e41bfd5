/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_layout.h"

static void coordinates(int32_t rank, const int64_t *shape, int64_t index, int64_t *at) {
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        at[axis] = index % shape[axis];
        index /= shape[axis];
    }
}

static int64_t place(int32_t rank, const int64_t *shape, const int64_t *at) {
    int64_t index = 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        index = index * shape[axis] + at[axis];
    }
    return index;
}

int64_t reference_pad_place(cleat_pad_mode mode, int32_t rank, const int64_t *x_shape,
    const int64_t *before, const int64_t *y_shape, int64_t index) {
    int64_t at[CLEAT_MAX_RANK];
    coordinates(rank, y_shape, index, at);
    for (int32_t axis = 0; axis < rank; axis++) {
        int64_t i = at[axis] - before[axis], last = x_shape[axis] - 1;
        if (mode == CLEAT_PAD_CONSTANT && (i < 0 || i > last)) {
            return -1;
        }
        if (mode == CLEAT_PAD_EDGE) {
            i = i < 0 ? 0 : i > last ? last : i;
        } else if (i < 0) {
            i = -i;
        } else if (i > last) {
            i = last - (i - last);
        }
        at[axis] = i;
    }
    return place(rank, x_shape, at);
}

int64_t reference_tile_place(
    int32_t rank, const int64_t *x_shape, const int64_t *y_shape, int64_t index) {
    int64_t at[CLEAT_MAX_RANK];
    coordinates(rank, y_shape, index, at);
    for (int32_t axis = 0; axis < rank; axis++) {
        at[axis] %= x_shape[axis];
    }
    return place(rank, x_shape, at);
}

int64_t reference_depth_place(
    cleat_depth_order order, int64_t block, const int64_t *wide_shape, int64_t index) {
    int64_t at[4], channels = wide_shape[1];
    coordinates(4, wide_shape, index, at);
    int64_t row = at[2] % block, column = at[3] % block;
    int64_t deep_shape[] = {
        wide_shape[0], channels * block * block, wide_shape[2] / block, wide_shape[3] / block};
    int64_t deep[] = {at[0],
        order == CLEAT_DEPTH_COLUMN_ROW ? (row * block + column) * channels + at[1]
                                        : (at[1] * block + row) * block + column,
        at[2] / block, at[3] / block};
    return place(4, deep_shape, deep);
}
