/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradient of a convolution's bias on processors: db[m] (+)= sum over n, od, oh, ow of
 * dy[n][m][od][oh][ow]. GPUs go by reduce_engine.cl.
 *
 * conv2d_bias: work-item (split, m), 1-D, m fastest, any work-group; sums split_images images into
 * partial[split][m], pixels along a row in VECTOR interleaved sums where they lie side by side.
 * conv2d_bias_sum: work-item m, 1-D, any work-group; adds the splits in order.
 * Macros: VECTOR, elements in a vector: 2, 4, 8 or 16; INDEX; REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "vector.cl"

static inline REAL sum_run(const __global REAL *run, INDEX stride, INDEX count) {
    REAL sum = 0.0f;
    INDEX i = 0;
    if (stride == 1) {
        FLOATS(VECTOR) first = (FLOATS(VECTOR))(0.0f), second = first;
        for (; i + 2 * VECTOR <= count; i += 2 * VECTOR) {
            first += LOAD(VECTOR, run + i);
            second += LOAD(VECTOR, run + i + VECTOR);
        }
        sum = SUM_LANES(VECTOR, first + second);
    }
    for (; i < count; i++) {
        sum += run[i * stride];
    }
    return sum;
}

__kernel void conv2d_bias(const __global REAL *dy, __global REAL *partial, INDEX dy_offset,
    INDEX dy_n, INDEX dy_c, INDEX dy_h, INDEX dy_w, INDEX dy_d, INDEX images, INDEX outputs,
    INDEX depth, INDEX rows, INDEX width, INDEX splits, INDEX split_images) {
    const INDEX item = get_global_id(0);
    if (item >= splits * outputs) {
        return;
    }
    const INDEX m = item % outputs, split = item / outputs;
    const INDEX end = min((split + 1) * split_images, images);
    REAL sum = 0.0f;
    for (INDEX n = split * split_images; n < end; n++) {
        const __global REAL *image = dy + dy_offset + n * dy_n + m * dy_c;
        for (INDEX d = 0; d < depth; d++) {
            for (INDEX row = 0; row < rows; row++) {
                sum += sum_run(image + d * dy_d + row * dy_h, dy_w, width);
            }
        }
    }
    partial[item] = sum;
}

__kernel void conv2d_bias_sum(const __global REAL *partial, __global REAL *db, INDEX db_offset,
    INDEX db_stride, INDEX outputs, INDEX splits, int accumulate) {
    const INDEX m = get_global_id(0);
    if (m >= outputs) {
        return;
    }
    REAL sum = 0.0f;
    for (INDEX split = 0; split < splits; split++) {
        sum += partial[split * outputs + m];
    }
    db += db_offset + m * db_stride;
    *db = accumulate ? *db + sum : sum;
}
