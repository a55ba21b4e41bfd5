/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of the peers, each a contender over one problem. */
#ifndef CLEAT_BENCH_PEER_BLAS_H
#define CLEAT_BENCH_PEER_BLAS_H

#include "bench.h"

/* c[m][n] = op(a)[m][k] op(b)[k][n], row-major without gaps, `batch` of them one behind the other;
 * a transposed operand is stored [k][m], [n][k]. n = 1 is a matrix by a vector. */
typedef struct product {
    int64_t batch, m, n, k;
    bool a_transposed, b_transposed;
    const float *a, *b;
    float *c;
} product;

bool openblas_run(void *state, int64_t calls); /* state: product */
void openblas_threads(int threads);

/* The operands on the device, with the OpenCL objects that CLBlast takes. */
typedef struct device_product {
    product shape;
    cleat_context *context;
    cleat_tensor a, b, c;
} device_product;

bool clblast_run(void *state, int64_t calls); /* state: device_product */

#endif
