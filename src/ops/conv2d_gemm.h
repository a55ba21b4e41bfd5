/* SPDX-License-Identifier: Apache-2.0 */
/* What gpu_gemm and gpu_units share: a convolution as a product of matrices for each group, whose
 * operands are read straight from the tensors (cl/conv2d_gpu_window.cl). */
#ifndef CLEAT_OPS_CONV2D_GEMM_H
#define CLEAT_OPS_CONV2D_GEMM_H

#include "ops/conv2d_problem.h"

/* The product of one group. */
typedef struct conv2d_gemm {
    int64_t rows, columns, terms;
    int64_t parts, part_terms; /* of the terms */
    int64_t band;              /* rows of tiles: gemm_tile() of cl/gemm_band.cl */
} conv2d_gemm;

/* Whether the kernels' numbers can hold it. */
bool conv2d_gemm_supports(const conv2d_problem *p);

/* In one part. */
conv2d_gemm conv2d_gemm_of(cleat_context *context, const conv2d_problem *p);

/* Tiles of so many rows and columns, of all groups and parts. */
int64_t conv2d_gemm_tiles(
    const conv2d_problem *p, const conv2d_gemm *size, int64_t rows, int64_t columns);

/* Splits the pixels of backward to the weights, by multiples of `step`, until there is work for
 * every compute unit; other directions stay whole. */
void conv2d_gemm_split(
    const device_profile *profile, const conv2d_problem *p, conv2d_gemm *size, int64_t step);

/* A kernel of such a family, with the macros of cl/conv2d_gpu_window.cl. */
launch conv2d_gemm_begin(
    const conv2d_problem *p, const conv2d_gemm *size, const char *family, const char *kernel);

/* Enqueues it, its own macros already in l, and the sum of the parts behind it: tiles of
 * tile[0] rows and tile[1] columns, each by group[0] x group[1] work-items. */
cleat_status conv2d_gemm_run(cleat_context *context, const conv2d_problem *p,
    const conv2d_gemm *size, launch *l, const int64_t tile[2], const size_t group[2]);

/* The launch that adds up parts of the weights' gradient: cl/conv2d_gpu_sum.cl. */
launch conv2d_weights_sum(const device_profile *profile, const conv2d_problem *p, void *partial,
    int64_t parts, bool index64);

#endif
