/* SPDX-License-Identifier: Apache-2.0 */
/* From a call of cleat_matmul() to the canonical form that the variants work on. */
#include "core/tensor_check.h"
#include "ops/matmul_problem.h"

enum { OPERANDS = 5 };

/* All operands of a problem, present or not: absent ones have steps of 0 and do no harm. */
static void list_operands(matmul_problem *p, matmul_operand *operands[OPERANDS]) {
    operands[0] = &p->a;
    operands[1] = &p->b;
    operands[2] = &p->y;
    operands[3] = &p->bias;
    operands[4] = &p->residual;
}

static int64_t step_of(const cleat_tensor *x, int32_t axis) {
    return axis >= 0 && x->shape[axis] != 1 ? x->stride[axis] : 0;
}

/*
 * `rows` and `columns` tell whether the view has that matrix axis: a vector lacks one. Batch axes
 * are aligned at the last one, missing ones are broadcast.
 */
static matmul_operand operand_of(const cleat_tensor *x, bool rows, bool columns, int batch_rank) {
    matmul_operand operand = {.view = *x, .offset = x->offset};
    int32_t axis = x->rank - 1;
    operand.column = columns ? step_of(x, axis--) : 0;
    operand.row = rows ? step_of(x, axis--) : 0;
    for (int i = batch_rank - 1; i >= 0; --i) {
        operand.batch[i] = step_of(x, axis >= 0 ? axis-- : -1);
    }
    return operand;
}

static void remove_batch_axis(matmul_problem *p, int axis) {
    matmul_operand *operands[OPERANDS];
    list_operands(p, operands);
    p->batch_rank--;
    for (int i = axis; i < p->batch_rank; ++i) {
        p->batch_extent[i] = p->batch_extent[i + 1];
        for (int j = 0; j < OPERANDS; ++j) {
            operands[j]->batch[i] = operands[j]->batch[i + 1];
        }
    }
}

/* Merges axis i + 1 into axis i where they lie one behind the other in every operand. */
static void merge_batch_axes(matmul_problem *p) {
    matmul_operand *operands[OPERANDS];
    list_operands(p, operands);
    for (int i = p->batch_rank - 1; i >= 0; --i) {
        if (p->batch_extent[i] == 1) {
            remove_batch_axis(p, i);
        }
    }
    for (int i = p->batch_rank - 2; i >= 0; --i) {
        bool adjacent = true;
        for (int j = 0; j < OPERANDS; ++j) {
            const int64_t *batch = operands[j]->batch;
            adjacent = adjacent && batch[i] == batch[i + 1] * p->batch_extent[i + 1];
        }
        if (adjacent) {
            for (int j = 0; j < OPERANDS; ++j) {
                operands[j]->batch[i] = operands[j]->batch[i + 1];
            }
            p->batch_extent[i] *= p->batch_extent[i + 1];
            remove_batch_axis(p, i + 1);
        }
    }
}

static bool continues(int64_t batch, int64_t step, int64_t extent) {
    return extent == 1 || batch == step * extent;
}

/* The last batch axis becomes part of m, if b is the same for all of it and the others' rows go on
 * from one batch to the next: many small products become one large. */
static bool fold_into_rows(matmul_problem *p) {
    const int last = p->batch_rank - 1;
    if (last < 0 || p->b.batch[last] != 0) {
        return false;
    }
    matmul_operand *operands[] = {&p->a, &p->y, &p->bias, &p->residual};
    for (int i = 0; i < 4; ++i) {
        if (!continues(operands[i]->batch[last], operands[i]->row, p->m)) {
            return false;
        }
    }
    for (int i = 0; i < 4 && p->m == 1; ++i) {
        operands[i]->row = operands[i]->batch[last];
    }
    p->m *= p->batch_extent[last];
    remove_batch_axis(p, last);
    return true;
}

static void swap_axes(matmul_operand *x) {
    const int64_t row = x->row;
    x->row = x->column;
    x->column = row;
}

/* y^T = b^T a^T. */
static void swap_roles(matmul_problem *p) {
    matmul_operand *operands[OPERANDS];
    list_operands(p, operands);
    for (int i = 0; i < OPERANDS; ++i) {
        swap_axes(operands[i]);
    }
    const matmul_operand a = p->a;
    p->a = p->b;
    p->b = a;
    const int64_t m = p->m;
    p->m = p->n;
    p->n = m;
}

static bool wants_swap(const matmul_problem *p) {
    if (p->m == 1 || p->n == 1) {
        return p->m != 1;
    }
    return p->y.column != 1 && p->y.row == 1;
}

static bool needs_index64(matmul_problem *p) {
    /* Sizes are rounded up to tiles, which must not overflow either. */
    const int64_t limit = (int64_t)1 << 30;
    matmul_operand *operands[OPERANDS];
    list_operands(p, operands);
    bool needs = p->m > limit || p->n > limit || p->k > limit || p->batch_count > limit;
    for (int i = 0; i < OPERANDS; ++i) {
        needs =
            needs || (operands[i]->view.buffer != NULL && tensor_needs_index64(&operands[i]->view));
    }
    return needs;
}

void matmul_canonical(matmul_problem *p, const cleat_tensor *a, const cleat_tensor *b,
    const cleat_tensor *y, const cleat_tensor *bias, const cleat_tensor *residual) {
    const bool rows = a->rank > 1;
    const bool columns = b->rank > 1;
    p->batch_rank = y->rank - rows - columns;
    p->k = a->shape[a->rank - 1];
    p->m = rows ? a->shape[a->rank - 2] : 1;
    p->n = columns ? b->shape[b->rank - 1] : 1;
    p->a = operand_of(a, rows, true, p->batch_rank);
    p->b = operand_of(b, true, columns, p->batch_rank);
    p->y = operand_of(y, rows, columns, p->batch_rank);
    /* These two have been broadcast to y's shape. */
    p->bias = bias != NULL ? operand_of(bias, rows, columns, p->batch_rank) : (matmul_operand){0};
    p->residual =
        residual != NULL ? operand_of(residual, rows, columns, p->batch_rank) : (matmul_operand){0};
    for (int i = 0; i < p->batch_rank; ++i) {
        p->batch_extent[i] = y->shape[i];
    }

    merge_batch_axes(p);
    bool folded = true;
    while (folded) {
        folded = fold_into_rows(p);
        swap_roles(p);
        folded = fold_into_rows(p) || folded;
        swap_roles(p);
    }
    p->swapped = wants_swap(p);
    if (p->swapped) {
        swap_roles(p);
    }
    p->batch_count = 1;
    for (int i = 0; i < p->batch_rank; ++i) {
        p->batch_count *= p->batch_extent[i];
    }
    p->index64 = needs_index64(p);
}
