/* SPDX-License-Identifier: Apache-2.0 */
/* MatMul, Gemm. */
#include "graph/matrix_product.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/matmul.h>

static cleat_status check_types(const call *c, size_t inputs) {
    const run_value *a, *other;
    TRY(call_input(c, 0, &a));
    for (size_t i = 1; i < inputs; i++) {
        if (call_has(c, i)) {
            TRY(call_input(c, i, &other));
            if (other->type != a->type) {
                return call_refuse(c, CLEAT_TYPE_MISMATCH, "operands of types %s and %s",
                    cleat_type_name(a->type), cleat_type_name(other->type));
            }
        }
    }
    return CLEAT_OK;
}

static cleat_status matmul_device(call *c) {
    const run_value *a, *b;
    matrix_product p;
    cleat_tensor x, w, y;
    cleat_matmul_options options = {0};
    call_epilogue e;
    TRY(call_input(c, 0, &a));
    TRY(call_input(c, 1, &b));
    TRY(check_types(c, 2));
    TRY(call_same_types(c, 0, 2));
    TRY(matrix_product_shape(c, a, b, &p));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &w));
    TRY(call_epilogue_of(c, p.rank, p.shape, x.type, &e));
    TRY(call_packed_matrix(c, 0, 1, w, &options.packed_b));
    TRY(call_output(c, 0, x.type, p.rank, p.shape, &y));
    options.bias = e.bias;
    options.residual = e.residual;
    options.activation = e.activation;
    options.activation_parameters = e.parameters;
    return cleat_matmul(c->context, x, w, y, &options);
}

/* The sum of a row and a column in integers, as the type wraps them. */
static uint64_t integer_sum(const array *a, int64_t at, int64_t a_step, const array *b, int64_t bt,
    int64_t b_step, int64_t k) {
    uint64_t sum = 0;
    for (int64_t l = 0; l < k; l++) {
        sum += array_bits(a, at + l * a_step) * array_bits(b, bt + l * b_step);
    }
    return sum;
}

static void integer_products(const matrix_product *p, const array *a, const array *b, array *y) {
    int64_t index[CLEAT_MAX_RANK] = {0}, at = 0;
    do {
        const int64_t of_a = index_offset(p->batch_rank, index, p->a_step) * p->m * p->k;
        const int64_t of_b = index_offset(p->batch_rank, index, p->b_step) * p->k * p->n;
        for (int64_t i = 0; i < p->m; i++) {
            for (int64_t j = 0; j < p->n; j++) {
                array_set_integer(
                    y, at++, (int64_t)integer_sum(a, of_a + i * p->k, 1, b, of_b + j, p->n, p->k));
            }
        }
    } while (index_next(p->batch_rank, p->batch, index));
}

static cleat_status matmul_host(call *c) {
    const run_value *a, *b;
    const array *x, *w;
    matrix_product p;
    array *y;
    double *a_numbers, *b_numbers;
    void *sums;
    TRY(call_input(c, 0, &a));
    TRY(call_input(c, 1, &b));
    TRY(check_types(c, 2));
    TRY(matrix_product_shape(c, a, b, &p));
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 1, &w));
    TRY(call_output_array(c, 0, a->type, p.rank, p.shape, &y));
    if (y->count == 0) {
        return CLEAT_OK;
    }
    if (!type_is_floating(a->type)) {
        integer_products(&p, x, w, y);
        return CLEAT_OK;
    }
    TRY(call_numbers(c, 0, &a_numbers, &x));
    TRY(call_numbers(c, 1, &b_numbers, &w));
    TRY(call_memory(c, y->count, sizeof(double), &sums));
    matrix_product_sums(&p, a_numbers, b_numbers, sums);
    for (int64_t i = 0; i < y->count; i++) {
        array_set_real(y, i, ((const double *)sums)[i]);
    }
    return CLEAT_OK;
}

/* ---- Gemm: y = alpha a' b' + beta c ---- */

typedef struct gemm {
    bool transposed_a, transposed_b;
    float alpha, beta;
    int64_t m, n, k;
} gemm;

static cleat_status gemm_read(const call *c, gemm *g) {
    const run_value *a, *b;
    char a_text[SHAPE_TEXT_SIZE], b_text[SHAPE_TEXT_SIZE];
    TRY(check_types(c, 3));
    TRY(call_input(c, 0, &a));
    TRY(call_input(c, 1, &b));
    g->transposed_a = attribute_int(c->node, "transA", 0) != 0;
    g->transposed_b = attribute_int(c->node, "transB", 0) != 0;
    g->alpha = attribute_float(c->node, "alpha", 1);
    g->beta = attribute_float(c->node, "beta", 1);
    if (a->rank != 2 || b->rank != 2 || a->shape[!g->transposed_a] != b->shape[g->transposed_b]) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s%s and %s%s cannot be multiplied",
            shape_text(a->rank, a->shape, a_text), g->transposed_a ? " transposed" : "",
            shape_text(b->rank, b->shape, b_text), g->transposed_b ? " transposed" : "");
    }
    g->m = a->shape[g->transposed_a];
    g->k = a->shape[!g->transposed_a];
    g->n = b->shape[!g->transposed_b];
    return CLEAT_OK;
}

static cleat_status gemm_device(call *c) {
    gemm g;
    cleat_tensor a, b, bias, y;
    call_epilogue e;
    TRY(gemm_read(c, &g));
    TRY(call_same_types(c, 0, 3));
    TRY(call_tensor(c, 0, &a));
    TRY(call_tensor(c, 1, &b));
    a = g.transposed_a ? cleat_transpose(a) : a;
    b = g.transposed_b ? cleat_transpose(b) : b;
    const int64_t shape[2] = {g.m, g.n};
    TRY(call_epilogue_of(c, 2, shape, a.type, &e));
    cleat_matmul_options options = {.alpha = &g.alpha,
        .residual = e.residual,
        .activation = e.activation,
        .activation_parameters = e.parameters};
    TRY(call_packed_matrix(c, 0, 1, b, &options.packed_b));
    TRY(call_output(c, 0, a.type, 2, shape, &y));
    if (call_has(c, 2)) {
        cleat_tensor whole;
        TRY(call_tensor(c, 2, &bias));
        if (cleat_broadcast(bias, 2, y.shape, &whole) != CLEAT_OK) {
            return CLEAT_UNSUPPORTED;
        }
        if (g.beta >= 1 && g.beta <= 1) {
            options.bias = &bias;
        } else if (g.beta < 0 || g.beta > 0) {
            TRY(cleat_copy(c->context, bias, y));
            options.beta = g.beta;
        }
    }
    return cleat_matmul(c->context, a, b, y, &options);
}

/* Steps along rows and columns of c, which is broadcast. */
static cleat_status gemm_bias(const call *c, const gemm *g, int64_t *row, int64_t *column) {
    const run_value *v;
    char text[SHAPE_TEXT_SIZE];
    *row = *column = 0;
    if (!call_has(c, 2)) {
        return CLEAT_OK;
    }
    TRY(call_input(c, 2, &v));
    const int64_t columns = v->rank > 0 ? v->shape[v->rank - 1] : 1;
    const int64_t rows = v->rank > 1 ? v->shape[v->rank - 2] : 1;
    if (v->rank > 2 || (columns != 1 && columns != g->n) || (rows != 1 && rows != g->m)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s cannot be added to [%lld, %lld]",
            shape_text(v->rank, v->shape, text), (long long)g->m, (long long)g->n);
    }
    *row = rows == 1 ? 0 : columns;
    *column = columns == 1 ? 0 : 1;
    return CLEAT_OK;
}

static double real_sum(const array *a, int64_t at, int64_t a_step, const array *b, int64_t bt,
    int64_t b_step, int64_t k) {
    double sum = 0;
    for (int64_t l = 0; l < k; l++) {
        sum += array_real(a, at + l * a_step) * array_real(b, bt + l * b_step);
    }
    return sum;
}

static cleat_status gemm_host(call *c) {
    gemm g;
    const array *a, *b, *bias = NULL;
    array *y;
    int64_t row, column;
    TRY(gemm_read(c, &g));
    TRY(gemm_bias(c, &g, &row, &column));
    TRY(call_array(c, 0, &a));
    TRY(call_array(c, 1, &b));
    if (call_has(c, 2)) {
        TRY(call_array(c, 2, &bias));
    }
    TRY(call_output_array(c, 0, a->type, 2, (int64_t[]){g.m, g.n}, &y));
    const int64_t a_row = g.transposed_a ? 1 : g.k, a_step = g.transposed_a ? g.m : 1;
    const int64_t b_column = g.transposed_b ? g.k : 1, b_step = g.transposed_b ? 1 : g.n;
    const bool is_plain = !(g.alpha < 1 || g.alpha > 1 || g.beta < 1 || g.beta > 1);
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t m = i / g.n, n = i % g.n, at = m * row + n * column;
        if (is_plain && !type_is_floating(a->type)) {
            array_set_integer(y, i,
                (int64_t)(integer_sum(a, m * a_row, a_step, b, n * b_column, b_step, g.k) +
                          (bias != NULL ? array_bits(bias, at) : 0)));
            continue;
        }
        const double sum = real_sum(a, m * a_row, a_step, b, n * b_column, b_step, g.k);
        const bool added = bias != NULL && (g.beta < 0 || g.beta > 0);
        array_set_real(
            y, i, (double)g.alpha * sum + (added ? (double)g.beta * array_real(bias, at) : 0));
    }
    return CLEAT_OK;
}

const operator_entry operators_matmul[] = {
    {"MatMul", matmul_host, matmul_device, 2, 2, false},
    {"Gemm", gemm_host, gemm_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};
