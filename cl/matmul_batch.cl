/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernels of matmul share: their operands and the way to one batch.
 *
 *     y = activation(alpha * a b + beta * y + bias + residual)      a [m, k], b [k, n], y [m, n]
 *
 * An operand X comes as its buffer, the offset of its first element and the steps X_row and
 * X_column, in elements; steps of 0 broadcast. Batches are counted row-major over BATCH_RANK axes
 * (0 .. 6), each with an extent and a step for every operand.
 *
 * `addends` tells which of beta * y, bias and residual there are (1 + 2 + 4): a bias or residual
 * that is left out comes as a null pointer and is not touched, y is read with beta only.
 *
 * Macros: BATCH_RANK, INDEX; REAL_IS_DOUBLE. With MATMUL_HALF (7 f16, 8 bf16: half.cl) elements in memory
 * have 16 bits, whatever the pointers say, and kernels compute with floats; only kernels for GPUs know it.
 */
#include "numbers.cl"
#if MATMUL_HALF
#include "half.cl"
HALF_FUNCTIONS(MATMUL_HALF, 1)
#define MATMUL_GET(base, at) LOAD_HALF(MATMUL_HALF, 1, (const __global ushort *)(base) + (at))
#define MATMUL_PUT(base, at, x) STORE_HALF(MATMUL_HALF, 1, x, (__global ushort *)(base) + (at));
#else
#define MATMUL_GET(base, at) (base)[at]
#define MATMUL_PUT(base, at, x) (base)[at] = (x);
#endif

#define MATMUL_STEPS_OF(ANY, name) ANY(name##_offset) ANY(name##_row) ANY(name##_column)
#define MATMUL_AXIS(ANY, i)                                                                        \
    ANY(extent_##i) ANY(a_batch_##i) ANY(b_batch_##i) ANY(y_batch_##i) ANY(bias_batch_##i)         \
    ANY(residual_batch_##i)
#define MATMUL_AXES_0(ANY)
#define MATMUL_AXES_1(ANY) MATMUL_AXIS(ANY, 0)
#define MATMUL_AXES_2(ANY) MATMUL_AXES_1(ANY) MATMUL_AXIS(ANY, 1)
#define MATMUL_AXES_3(ANY) MATMUL_AXES_2(ANY) MATMUL_AXIS(ANY, 2)
#define MATMUL_AXES_4(ANY) MATMUL_AXES_3(ANY) MATMUL_AXIS(ANY, 3)
#define MATMUL_AXES_5(ANY) MATMUL_AXES_4(ANY) MATMUL_AXIS(ANY, 4)
#define MATMUL_AXES_6(ANY) MATMUL_AXES_5(ANY) MATMUL_AXIS(ANY, 5)
#define MATMUL_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(m) ANY_INDEX(n) ANY_INDEX(k) MATMUL_STEPS_OF(ANY_INDEX, a)                           \
    MATMUL_STEPS_OF(ANY_INDEX, b) MATMUL_STEPS_OF(ANY_INDEX, y) MATMUL_STEPS_OF(ANY_INDEX, bias)   \
    MATMUL_STEPS_OF(ANY_INDEX, residual) CAT(MATMUL_AXES_, BATCH_RANK)(ANY_INDEX)                  \
    ANY_FLOAT(alpha) ANY_FLOAT(beta) ACTIVATION_NUMBERS(ANY_FLOAT) ANY_INT(addends)
typedef struct matmul_numbers {
    NUMBER_MEMBERS(MATMUL_LIST)
} matmul_numbers;

/* The parameters of every product kernel, a kernel's own come after; y may be the residual too, so
 * neither is restrict. A kernel begins with MATMUL_NUMBERS. */
#define MATMUL_PARAMETERS MATMUL_PARAMETERS_WITH(restrict)
#define MATMUL_PARAMETERS_WITH(alone)                                                              \
    const __global REAL *alone a_base, const __global REAL *alone b_base,      \
        __global REAL *y_base, const __global REAL *bias_base,                 \
        const __global REAL *residual_base, const matmul_numbers numbers
#define MATMUL_NUMBERS NUMBERS(MATMUL_LIST)

/* Most axes of a high rank are of extent 1, and a division costs more than a branch that all
 * work-items take alike. */
#define MATMUL_STEP(i)                                                                             \
    if (extent_##i > 1) {                                                                          \
        const INDEX matmul_at = matmul_left % extent_##i;                                          \
        matmul_left /= extent_##i;                                                                 \
        a += matmul_at * a_batch_##i;                                                              \
        b += matmul_at * b_batch_##i;                                                              \
        y += matmul_at * y_batch_##i;                                                              \
        bias += matmul_at * bias_batch_##i;                                                        \
        residual += matmul_at * residual_batch_##i;                                                \
    }
#define MATMUL_STEPS_0
#define MATMUL_STEPS_1 MATMUL_STEP(0)
#define MATMUL_STEPS_2 MATMUL_STEP(1) MATMUL_STEPS_1
#define MATMUL_STEPS_3 MATMUL_STEP(2) MATMUL_STEPS_2
#define MATMUL_STEPS_4 MATMUL_STEP(3) MATMUL_STEPS_3
#define MATMUL_STEPS_5 MATMUL_STEP(4) MATMUL_STEPS_4
#define MATMUL_STEPS_6 MATMUL_STEP(5) MATMUL_STEPS_5

/* Declares a, b, y, bias and residual: the element indices where batch number `batch` begins. */
#define MATMUL_BEGIN(batch)                                                                        \
    INDEX a = a_offset, b = b_offset, y = y_offset, bias = bias_offset, residual = residual_offset; \
    INDEX matmul_left = (batch);                                                                   \
    CAT(MATMUL_STEPS_, BATCH_RANK)

/* The epilogue of element (i, j); activation.cl included with width 1. */
#define MATMUL_FINISH(sum, i, j)                                                                   \
    {                                                                                              \
        const INDEX matmul_at = y + (i) * y_row + (j) * y_column;                                  \
        REAL matmul_x = alpha * (sum);                                                             \
        if (addends & 1) {                                                                         \
            matmul_x = FMA(beta, MATMUL_GET(y_base, matmul_at), matmul_x);                         \
        }                                                                                          \
        if (addends & 2) {                                                                         \
            matmul_x += MATMUL_GET(bias_base, bias + (i) * bias_row + (j) * bias_column);          \
        }                                                                                          \
        if (addends & 4) {                                                                         \
            matmul_x +=                                                                            \
                MATMUL_GET(residual_base, residual + (i) * residual_row + (j) * residual_column);  \
        }                                                                                          \
        MATMUL_PUT(y_base, matmul_at, activation_value_1(matmul_x, ACTIVATION_PARAMETERS))         \
    }

/* Declares e, the epilogue of gemm_cpu.cl for a tile at (row, column). */
#define MATMUL_EPILOGUE(e, row, column)                                                              \
    gemm_epilogue e;                                                                               \
    e.addends = addends;                                                                           \
    e.y = y_base + y + (row) * y_row + (column) * y_column;                                        \
    e.y_row = y_row;                                                                               \
    e.y_column = y_column;                                                                         \
    e.alpha = alpha;                                                                               \
    e.beta = beta;                                                                                 \
    e.parameters = ACTIVATION_PARAMETERS;                                                          \
    e.bias = bias_base + bias + (row) * bias_row + (column) * bias_column;                         \
    e.bias_row = bias_row;                                                                         \
    e.bias_column = bias_column;                                                                   \
    e.residual =                                                                                   \
        residual_base + residual + (row) * residual_row + (column) * residual_column;              \
    e.residual_row = residual_row;                                                                 \
    e.residual_column = residual_column;
