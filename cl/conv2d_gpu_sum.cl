/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gradient of a convolution's weights from parts of it, row-major, added up in their order:
 *
 *   dw[m][c][kd][kh][kw] = sum over part < parts of partial[part][m][c][kd][kh][kw]
 *
 * beside what dw holds with `accumulate`. An item an element of dw, of which there are `count`;
 * columns = c's * kernel_d * kernel_h * kernel_w; 1-D, any work-group. kernel_d is 1 where there are two
 * axes of space. Parts are f32. Macros: INDEX; CONV2D_HALF (conv2d_element.cl). Host: conv2d_weights_sum()
 * of src/ops/conv2d_gemm.c.
 */
#include "common.cl"
#include "conv2d_element.cl"

__kernel void conv2d_gpu_sum(const __global float *partial, __global CONV2D_ELEMENT *dw,
    INDEX dw_offset, INDEX dw_m, INDEX dw_c, INDEX dw_h, INDEX dw_w, INDEX dw_d, INDEX count,
    INDEX columns, int kernel_h, int kernel_w, int kernel_d, int parts, int accumulate) {
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    float sum = 0.0f;
    for (int part = 0; part < parts; part++) {
        sum += partial[part * count + i];
    }
    const int window = kernel_h * kernel_w, tap = (int)(i % columns), slice = tap / window;
    dw += dw_offset + i / columns * dw_m + slice / kernel_d * dw_c + slice % kernel_d * dw_d +
          tap % window / kernel_w * dw_h + tap % kernel_w * dw_w;
    CONV2D_PUT(dw, accumulate ? CONV2D_GET(dw) + sum : sum)
}
