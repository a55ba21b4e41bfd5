/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/matrix_product.h"
#include "graph/operator_tools.h"
#include <cleat/matmul.h>

/* Batch axes of both, aligned at the last one. */
static cleat_status broadcast_batches(const call *c, const run_value *a, int32_t a_rank,
    const run_value *b, int32_t b_rank, matrix_product *p) {
    p->batch_rank = a_rank > b_rank ? a_rank : b_rank;
    for (int32_t i = p->batch_rank - 1; i >= 0; i--) {
        const int32_t in_a = i - (p->batch_rank - a_rank), in_b = i - (p->batch_rank - b_rank);
        const int64_t of_a = in_a >= 0 ? a->shape[in_a] : 1;
        const int64_t of_b = in_b >= 0 ? b->shape[in_b] : 1;
        if (of_a != of_b && of_a != 1 && of_b != 1) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH,
                "extents %lld and %lld of the operands' batches do not fit", (long long)of_a,
                (long long)of_b);
        }
        p->batch[i] = of_a == 1 ? of_b : of_a;
    }
    broadcast_steps(p->batch_rank, a_rank, a->shape, p->a_step);
    broadcast_steps(p->batch_rank, b_rank, b->shape, p->b_step);
    return CLEAT_OK;
}

cleat_status matrix_product_shape(
    const call *c, const run_value *a, const run_value *b, matrix_product *p) {
    char a_text[SHAPE_TEXT_SIZE], b_text[SHAPE_TEXT_SIZE];
    *p = (matrix_product){.m = 1, .n = 1};
    if (a->rank < 1 || b->rank < 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "operands of rank %d and %d, expected 1 or more", (int)a->rank, (int)b->rank);
    }
    p->k = a->shape[a->rank - 1];
    const int64_t k = b->shape[b->rank == 1 ? 0 : b->rank - 2];
    if (p->k != k) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s and %s cannot be multiplied",
            shape_text(a->rank, a->shape, a_text), shape_text(b->rank, b->shape, b_text));
    }
    const int32_t a_rank = a->rank > 2 ? a->rank - 2 : 0, b_rank = b->rank > 2 ? b->rank - 2 : 0;
    TRY(broadcast_batches(c, a, a_rank, b, b_rank, p));
    for (; p->rank < p->batch_rank; p->rank++) {
        p->shape[p->rank] = p->batch[p->rank];
    }
    if (a->rank > 1) {
        p->shape[p->rank++] = p->m = a->shape[a->rank - 2];
    }
    if (b->rank > 1) {
        p->shape[p->rank++] = p->n = b->shape[b->rank - 1];
    }
    return CLEAT_OK;
}

void matrix_product_sums(const matrix_product *p, const double *a, const double *b, double *y) {
    int64_t index[CLEAT_MAX_RANK] = {0};
    if (shape_count(p->batch_rank, p->batch) * p->m * p->n == 0) {
        return;
    }
    do {
        const double *of_a = a + index_offset(p->batch_rank, index, p->a_step) * p->m * p->k;
        const double *of_b = b + index_offset(p->batch_rank, index, p->b_step) * p->k * p->n;
        for (int64_t i = 0; i < p->m; i++, y += p->n) {
            for (int64_t j = 0; j < p->n; j++) {
                y[j] = 0;
            }
            for (int64_t l = 0; l < p->k; l++) {
                for (int64_t j = 0; j < p->n; j++) {
                    y[j] += of_a[i * p->k + l] * of_b[l * p->n + j];
                }
            }
        }
    } while (index_next(p->batch_rank, p->batch, index));
}

static void release_packed(void *packed) {
    cleat_packed_release(packed);
}

cleat_status call_packed_matrix(
    call *c, int slot, size_t input, cleat_tensor b, const cleat_packed **packed) {
    void **kept;
    *packed = NULL;
    if (!call_is_constant(c, input) || b.type != CLEAT_F32 || b.rank != 2) {
        return CLEAT_OK;
    }
    TRY(call_keep(c, slot, release_packed, &kept));
    if (*kept == NULL) {
        cleat_packed *made;
        TRY(cleat_matmul_pack(c->context, b, &made));
        *kept = made;
    }
    *packed = *kept;
    return CLEAT_OK;
}
