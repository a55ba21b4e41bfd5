/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y[i] = x[i] for all elements i of two views of the same shape and element size.
 *
 *   -DRANK=2|4|8      axes, those of extent 1 dropped and neighbours merged, then filled up with
 *                     leading ones of extent 1: few kernels rather than the fewest divisions
 *   -DINNER=RANK-1    number of the last axis
 *   -DELEMENT=uchar|uint|ulong   by size; values are moved, never interpreted
 *
 * Launch: ceil(count / chunk) work-items, each copies `chunk` elements that follow each other in
 * row-major order: a long run on a CPU, one on a GPU. x and y do not overlap.
 */
#include "common.cl"

#define SHAPE_PARAMETERS(i) const INDEX shape##i, const INDEX x_stride##i, const INDEX y_stride##i

/* Takes axis i off the row-major number `rest` and adds its part to both places. */
#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = rest % shape##i;                                                          \
        rest /= shape##i;                                                                          \
        x_at += at * x_stride##i;                                                                  \
        y_at += at * y_stride##i;                                                                  \
    }

kernel void transfer_strided(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const INDEX count, const INDEX chunk, const INDEX x_offset, const INDEX y_offset,
    SHAPE_PARAMETERS(0), SHAPE_PARAMETERS(1)
#if RANK > 2
    , SHAPE_PARAMETERS(2), SHAPE_PARAMETERS(3)
#endif
#if RANK > 4
    , SHAPE_PARAMETERS(4), SHAPE_PARAMETERS(5), SHAPE_PARAMETERS(6), SHAPE_PARAMETERS(7)
#endif
    ) {
    INDEX first = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(first + chunk, count);
    const INDEX inner_shape = CAT(shape, INNER);
    const INDEX x_step = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    while (first < end) {
        /* One run along the last axis at a time. */
        const INDEX inner = first % inner_shape;
        const INDEX run = min(inner_shape - inner, end - first);
        INDEX rest = first / inner_shape;
        INDEX x_at = x_offset + inner * x_step;
        INDEX y_at = y_offset + inner * y_step;
#if RANK > 4
        TAKE_AXIS(6)
        TAKE_AXIS(5)
        TAKE_AXIS(4)
        TAKE_AXIS(3)
#endif
#if RANK > 2
        TAKE_AXIS(2)
        TAKE_AXIS(1)
#endif
        TAKE_AXIS(0)
        for (INDEX i = 0; i < run; i++) {
            y[y_at + i * y_step] = x[x_at + i * x_step];
        }
        first += run;
    }
}
