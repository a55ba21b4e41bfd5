/* SPDX-License-Identifier: Apache-2.0 */
#include "reference_matmul.h"

#include "reference_activation.h"
#include <math.h>

static int64_t extent_from_end(const reference_operand *x, int32_t axis) {
    return axis < x->rank ? x->shape[x->rank - 1 - axis] : 1;
}

/* A vector counts as a matrix: a row in front, a column behind. */
static reference_operand as_matrix(const reference_operand *x, bool is_row) {
    reference_operand matrix = *x;
    if (x->rank == 1) {
        matrix.rank = 2;
        matrix.shape[0] = is_row ? 1 : x->shape[0];
        matrix.shape[1] = is_row ? x->shape[0] : 1;
    }
    return matrix;
}

/* Shape with both matrix axes, even where y will lose one. */
static int32_t full_shape(const reference_operand *a, const reference_operand *b, int64_t *shape) {
    const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    for (int32_t i = 2; i < rank; ++i) {
        const int64_t extent = extent_from_end(a, i);
        shape[rank - 1 - i] = extent != 1 ? extent : extent_from_end(b, i);
    }
    shape[rank - 2] = extent_from_end(a, 1);
    shape[rank - 1] = extent_from_end(b, 0);
    return rank;
}

int32_t reference_matmul_shape(
    const reference_operand *a, const reference_operand *b, int64_t *shape) {
    const reference_operand matrix_a = as_matrix(a, true);
    const reference_operand matrix_b = as_matrix(b, false);
    int64_t full[CLEAT_MAX_RANK];
    const int32_t full_rank = full_shape(&matrix_a, &matrix_b, full);
    int32_t rank = 0;
    for (int32_t i = 0; i < full_rank; ++i) {
        const bool lost =
            (i == full_rank - 2 && a->rank == 1) || (i == full_rank - 1 && b->rank == 1);
        if (!lost) {
            shape[rank++] = full[i];
        }
    }
    return rank;
}

/* Element of x that is broadcast to place `at` of a tensor of shape shape[rank]. */
static double element(const reference_operand *x, int32_t rank, const int64_t *shape, int64_t at) {
    int64_t index = 0;
    int64_t stride = 1;
    for (int32_t i = 0; i < x->rank; ++i) {
        const int64_t place = at % shape[rank - 1 - i];
        at /= shape[rank - 1 - i];
        const int64_t extent = x->shape[x->rank - 1 - i];
        index += (extent == 1 ? 0 : place) * stride;
        stride *= extent;
    }
    return (double)x->data[index];
}

/* The first element of batch number `batch` in matrix operand x. */
static const float *batch_of(
    const reference_operand *x, int32_t full_rank, const int64_t *full, int64_t batch) {
    int64_t index = 0;
    int64_t stride = x->shape[x->rank - 2] * x->shape[x->rank - 1];
    for (int32_t i = 2; i < full_rank; ++i) {
        const int64_t place = batch % full[full_rank - 1 - i];
        batch /= full[full_rank - 1 - i];
        const int64_t extent = extent_from_end(x, i);
        index += (extent == 1 ? 0 : place) * stride;
        stride *= extent;
    }
    return x->data + index;
}

static void finish(const reference_matmul *r, int32_t rank, const int64_t *shape, int64_t at,
    double *want, double *magnitude) {
    double x = r->alpha * *want;
    double size = fabs(r->alpha) * *magnitude;
    if (r->beta != 0) {
        x += r->beta * (double)r->before.data[at];
        size += fabs(r->beta * (double)r->before.data[at]);
    }
    const reference_operand *addends[] = {&r->bias, &r->residual};
    for (int i = 0; i < 2; ++i) {
        if (addends[i]->data != NULL) {
            const double addend = element(addends[i], rank, shape, at);
            x += addend;
            size += fabs(addend);
        }
    }
    *want = reference_activation(r->activation, x, r->parameters);
    *magnitude = size;
    if (r->activation > CLEAT_LEAKY_RELU && r->activation != CLEAT_CLIP) {
        /* No slope exceeds 1.13; none is further off than 6 ulp (cl/activation.cl). */
        *magnitude = 1.13 * size + 6 * fabs(*want);
    }
}

void reference_matmul_run(const reference_matmul *r, double *want, double *magnitude) {
    const reference_operand a = as_matrix(&r->a, true);
    const reference_operand b = as_matrix(&r->b, false);
    int64_t full[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK];
    const int32_t full_rank = full_shape(&a, &b, full);
    const int32_t rank = reference_matmul_shape(&r->a, &r->b, shape);
    const int64_t m = full[full_rank - 2], n = full[full_rank - 1], k = a.shape[a.rank - 1];
    int64_t batches = 1;
    for (int32_t i = 0; i < full_rank - 2; ++i) {
        batches *= full[i];
    }
    for (int64_t batch = 0; batch < batches && m * n > 0; ++batch) {
        const float *matrix_a = batch_of(&a, full_rank, full, batch);
        const float *matrix_b = batch_of(&b, full_rank, full, batch);
        for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
                const int64_t at = (batch * m + i) * n + j;
                want[at] = 0;
                magnitude[at] = 0;
                for (int64_t l = 0; l < k; ++l) {
                    const double term = (double)matrix_a[i * k + l] * (double)matrix_b[l * n + j];
                    want[at] += term;
                    magnitude[at] += fabs(term);
                }
                finish(r, rank, shape, at, &want[at], &magnitude[at]);
            }
        }
    }
}
