/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of ONNX's matrix products, and products on the host. */
#ifndef CLEAT_GRAPH_MATRIX_PRODUCT_H
#define CLEAT_GRAPH_MATRIX_PRODUCT_H

#include "graph/run.h"
#include <cleat/packed.h>

typedef struct matrix_product {
    int64_t m, n, k;
    int32_t rank; /* of the result */
    int64_t shape[CLEAT_MAX_RANK];
    int32_t batch_rank;
    int64_t batch[CLEAT_MAX_RANK];                          /* extents */
    int64_t a_step[CLEAT_MAX_RANK], b_step[CLEAT_MAX_RANK]; /* matrices */
} matrix_product;

/* As NumPy's matmul: the last two axes, or a vector; the others are broadcast. */
cleat_status matrix_product_shape(
    const call *c, const run_value *a, const run_value *b, matrix_product *p);

/* y[batch][m][n] = sum of a[..][m][k] b[..][k][n]. Integers up to 2^53 come out exact. */
void matrix_product_sums(const matrix_product *p, const double *a, const double *b, double *y);

/* A constant matrix, packed once in this slot of the node; NULL for others. */
cleat_status call_packed_matrix(
    call *c, int slot, size_t input, cleat_tensor b, const cleat_packed **packed);

#endif
