/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/pick.h"
#include "graph/call_shapes.h"
#include "graph/text.h"
#include <string.h>

cleat_status pick_line(call *c, int64_t count, int64_t first, int64_t step, int64_t **offsets) {
    void *memory;
    TRY(call_memory(c, count, sizeof **offsets, &memory));
    *offsets = memory;
    for (int64_t i = 0; i < count; i++) {
        (*offsets)[i] = first + i * step;
    }
    return CLEAT_OK;
}

void array_move(const array *x, int64_t i, array *y, int64_t k, int64_t count) {
    const size_t size = array_element_size(x->type);
    if (x->type == CLEAT_TEXT) {
        texts_move(x, i, y, k, count);
    } else if (count > 0) {
        memcpy((char *)y->elements + (size_t)k * size, (const char *)x->elements + (size_t)i * size,
            (size_t)count * size);
    }
}

void array_fill(array *y, const array *x) {
    for (int64_t i = 0; i < y->count; i++) {
        array_move(x, 0, y, i, 1);
    }
}

/* Where the row begins in x. */
static int64_t row_start(int32_t axes, int64_t *const *offsets, const int64_t *index) {
    int64_t start = 0;
    for (int32_t k = 0; k < axes; k++) {
        const int64_t offset = offsets[k][index[k]];
        if (offset == PICK_NOWHERE) {
            return PICK_NOWHERE;
        }
        start += offset;
    }
    return start;
}

void pick(const array *x, int32_t rank, const int64_t *shape, int64_t *const *offsets, array *y) {
    int64_t index[CLEAT_MAX_RANK] = {0};
    if (rank == 0) {
        array_move(x, 0, y, 0, 1);
        return;
    }
    const int64_t row = shape[rank - 1];
    for (int64_t to = 0; to < y->count; to += row) {
        const int64_t start = row_start(rank - 1, offsets, index);
        for (int64_t i = 0; start != PICK_NOWHERE && i < row; i++) {
            if (offsets[rank - 1][i] != PICK_NOWHERE) {
                array_move(x, start + offsets[rank - 1][i], y, to + i, 1);
            }
        }
        (void)index_next(rank - 1, shape, index);
    }
}
