/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix product in float64: ONNX MatMul's shapes, one sum after the other. */
#ifndef CLEAT_REFERENCE_MATMUL_H
#define CLEAT_REFERENCE_MATMUL_H

#include <cleat/activation.h>

/* A dense row-major operand; data NULL: there is none. */
typedef struct reference_operand {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    const float *data;
} reference_operand;

/* y = activation(alpha * a b + beta * before + bias + residual) */
typedef struct reference_matmul {
    reference_operand a, b;
    reference_operand before;         /* y's shape; not read when beta is 0 */
    reference_operand bias, residual; /* broadcast to y's shape */
    double alpha, beta;
    cleat_activation activation;
    const float *parameters; /* of the activation; NULL: the defaults */
} reference_matmul;

/* Shape of the product by the rules of ONNX; returns its rank. */
int32_t reference_matmul_shape(
    const reference_operand *a, const reference_operand *b, int64_t *shape);

/*
 * want[i] is element i of y; magnitude[i] bounds what rounding errors grow from: the sum of the
 * terms' absolute values, times the activation's steepness, plus its own error.
 */
void reference_matmul_run(const reference_matmul *r, double *want, double *magnitude);

#endif
