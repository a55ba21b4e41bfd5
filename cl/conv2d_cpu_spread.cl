/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts together an image tensor from its phases, of which each lies dense in `phases`, one after the
 * other, those left out that are not `present` (bit (pd * stride_h + ph) * stride_w + pw) and count as
 * 0:
 *
 *   x[n][c][d][h][w] (+)= phase[d % stride_d, h % stride_h, w % stride_w]
 *                              [n][c][d / stride_d][h / stride_h][w / stride_w]
 *
 * Geometry: one work-item a work-group, 1-D; an item does item_planes planes (n, c, d).
 * Macros: INDEX; the device's, of common.cl.
 */
#include "common.cl"
#include "vector.cl"

#if DEVICE_FLOAT_WIDTH >= 16
#define WIDTH 16
#define HALF_WIDTH 8
#elif DEVICE_FLOAT_WIDTH >= 8
#define WIDTH 8
#define HALF_WIDTH 4
#else
#define WIDTH 4
#define HALF_WIDTH 2
#endif

enum { MAX_PHASES = 16 };

/* Every second column of a row from `even`, the others from `odd`; null pointers stand for 0. */
static inline void weave_row(__global float *to, const __global float *even,
    const __global float *odd, int width, int accumulate) {
    int w = 0;
    for (; w + WIDTH <= width; w += WIDTH) {
        FLOATS(WIDTH) lanes = (FLOATS(WIDTH))(0.0f);
        if (even) {
            lanes.even = LOAD(HALF_WIDTH, even + w / 2);
        }
        if (odd) {
            lanes.odd = LOAD(HALF_WIDTH, odd + w / 2);
        }
        STORE(WIDTH, accumulate ? lanes + LOAD(WIDTH, to + w) : lanes, to + w);
    }
    for (; w < width; w++) {
        const __global float *from = w % 2 == 0 ? even : odd;
        const float value = from ? from[w / 2] : 0.0f;
        to[w] = accumulate ? to[w] + value : value;
    }
}

/* Elements of a phase along an axis. */
#define PHASE_EXTENT(extent, phase, stride) (((extent) - (phase) + (stride) - 1) / (stride))

__kernel void conv2d_cpu_spread(const __global float *phases, __global float *x, INDEX x_offset,
    INDEX x_n, INDEX x_c, INDEX x_h, INDEX x_w, INDEX x_d, int images, int channels, int depth,
    int height, int width, int stride_d, int stride_h, int stride_w, int present, int item_planes,
    int accumulate) {
    const INDEX planes = (INDEX)images * channels * depth;
    const INDEX begin = (INDEX)get_group_id(0) * item_planes;
    const INDEX end = min(begin + item_planes, planes);
    const int in_plane = stride_h * stride_w;
    INDEX start[MAX_PHASES], offset = 0;
    for (int i = 0; i < stride_d * in_plane; i++) {
        start[i] = offset;
        if (present >> i & 1) {
            offset += (INDEX)images * channels * PHASE_EXTENT(depth, i / in_plane, stride_d) *
                      PHASE_EXTENT(height, i % in_plane / stride_w, stride_h) *
                      PHASE_EXTENT(width, i % stride_w, stride_w);
        }
    }
    for (INDEX plane = begin; plane < end; plane++) {
        const INDEX image = plane / depth;
        const int d = (int)(plane % depth), pd = d % stride_d;
        const INDEX phase_plane = image * PHASE_EXTENT(depth, pd, stride_d) + d / stride_d;
        __global float *to =
            x + x_offset + image / channels * x_n + image % channels * x_c + d * x_d;
        for (int h = 0; h < height; h++) {
            const int ph = h % stride_h;
            const INDEX row = phase_plane * PHASE_EXTENT(height, ph, stride_h) + h / stride_h;
            const __global float *from[MAX_PHASES];
            for (int pw = 0; pw < stride_w; pw++) {
                const int i = (pd * stride_h + ph) * stride_w + pw;
                const int columns = PHASE_EXTENT(width, pw, stride_w);
                from[pw] = present >> i & 1 ? phases + start[i] + row * columns : 0;
            }
            if (stride_w == 2 && x_w == 1) {
                weave_row(to + h * x_h, from[0], from[1], width, accumulate);
                continue;
            }
            for (int w = 0; w < width; w++) {
                const __global float *phase = from[w % stride_w];
                const float value = phase ? phase[w / stride_w] : 0.0f;
                __global float *cell = to + h * x_h + w * x_w;
                *cell = accumulate ? *cell + value : value;
            }
        }
    }
}
