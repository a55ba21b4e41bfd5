/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of the peers, each a contender over one problem. */
#ifndef CLEAT_BENCH_PEER_ONEDNN_H
#define CLEAT_BENCH_PEER_ONEDNN_H

#include "bench.h"

/* As cleat_conv2d defines it, with square windows: x is [n, c, h, w], weights [m, c / groups, k,
 * k], y [n, m, oh, ow]; gradients stand where their tensors stand. The direction's result is one of
 * the three, row-major as the others. */
typedef struct convolution {
    cleat_conv2d_direction direction;
    int64_t n, c, h, w, m, k, stride, padding, groups, oh, ow;
    float *x, *weights, *y;
} convolution;

/* oneDNN on one problem: in plain NCHW and OIHW, or in the layouts that it asks for itself, into
 * which operands are brought here, untimed. NULL after bench_fail(). */
typedef struct onednn_convolution onednn_convolution;
onednn_convolution *onednn_create(bench_run *run, const convolution *problem, bool own_layout);
void onednn_destroy(onednn_convolution *state);
bool onednn_run(void *state, int64_t calls); /* state: onednn_convolution */
/* Brings the result into the problem's array. */
bool onednn_read(onednn_convolution *state);

extern const peer onednn_nchw_peer, onednn_own_peer;

/* The operands on the device, with the OpenCL objects that CLBlast takes; forward, one group. */
typedef struct device_convolution {
    const convolution *shape;
    cleat_context *context;
    cleat_tensor x, weights, y;
} device_convolution;

bool clblast_convolution_run(void *state, int64_t calls); /* state: device_convolution */

#endif
