/* SPDX-License-Identifier: Apache-2.0 */
/* MatMul, Gemm. */
#include "graph/gradient.h"
#include "graph/matrix_product.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
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

/* ---- Gradients ---- */

/* A value of rank 1 as the matrix that it stands for: a row, or a column. */
static cleat_status as_matrix(call *c, size_t input, bool is_column, cleat_tensor *x) {
    TRY(call_tensor(c, input, x));
    if (x->rank > 1) {
        return CLEAT_OK;
    }
    const int64_t shape[2] = {is_column ? x->shape[0] : 1, is_column ? 1 : x->shape[0]};
    return cleat_reshape(*x, 2, shape, x);
}

/* [batch.., rows, columns] */
static int32_t product_shape(const matrix_product *p, int64_t rows, int64_t columns, int64_t *s) {
    for (int32_t i = 0; i < p->batch_rank; i++) {
        s[i] = p->batch[i];
    }
    s[p->batch_rank] = rows;
    s[p->batch_rank + 1] = columns;
    return p->batch_rank + 2;
}

/* The gradient of input `input`, a product of two matrices for each of the batch, and their sum
 * where the input serves several. */
static cleat_status product_gradient(call *c, const matrix_product *p, size_t input, cleat_tensor a,
    cleat_tensor b, int64_t rows, int64_t columns) {
    int64_t shape[CLEAT_MAX_RANK + 2];
    cleat_tensor whole, dx;
    const int32_t rank = product_shape(p, rows, columns, shape);
    const run_value *v;
    TRY(call_input(c, input, &v));
    if (shape_count(v->rank, v->shape) == shape_count(rank, shape)) {
        TRY(gradient_output(c, input, &dx));
        TRY(cleat_reshape(dx, rank, shape, &dx));
        return cleat_matmul(c->context, a, b, dx, NULL);
    }
    TRY(call_scratch(c, v->type, rank, shape, &whole));
    TRY(cleat_matmul(c->context, a, b, whole, NULL));
    if (v->rank == 1) { /* one of the last two extents is 1 */
        shape[rank - 2] = rows * columns;
        TRY(cleat_reshape(whole, rank - 1, shape, &whole));
    }
    return gradient_sum_to(c, input, whole);
}

/* b is one matrix: all rows of a's batch are rows of one product. */
static bool as_rows(const cleat_tensor *x, cleat_tensor *rows) {
    const int64_t last = x->shape[x->rank - 1];
    const int64_t shape[2] = {shape_count(x->rank - 1, x->shape), last};
    return cleat_reshape(*x, 2, shape, rows) == CLEAT_OK;
}

static cleat_status matmul_gradient(call *c) {
    matrix_product p;
    cleat_tensor a, b, dy, a_rows, dy_rows;
    int64_t shape[CLEAT_MAX_RANK + 2];
    TRY(call_same_types(c, 0, 2));
    TRY(matrix_product_shape(c, c->inputs[0], c->inputs[1], &p));
    if (p.batch_rank + 2 > CLEAT_MAX_RANK) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "a batch of %d axes", (int)p.batch_rank);
    }
    TRY(as_matrix(c, 0, false, &a));
    TRY(as_matrix(c, 1, true, &b));
    const int32_t rank = product_shape(&p, p.m, p.n, shape);
    TRY(call_tensor_as(c, gradient_place(c), rank, shape, &dy));
    if (call_wants(c, 0)) {
        TRY(product_gradient(c, &p, 0, dy, cleat_transpose(b), p.m, p.k));
    }
    if (!call_wants(c, 1)) {
        return CLEAT_OK;
    }
    if (b.rank == 2 && p.batch_rank > 0 && as_rows(&a, &a_rows) && as_rows(&dy, &dy_rows)) {
        const matrix_product one = {.k = p.k, .n = p.n};
        return product_gradient(c, &one, 1, cleat_transpose(a_rows), dy_rows, p.k, p.n);
    }
    return product_gradient(c, &p, 1, cleat_transpose(a), dy, p.k, p.n);
}

/* beta dy, summed where c was broadcast. */
static cleat_status gemm_bias_gradient(call *c, float beta) {
    cleat_tensor dy, factor, part;
    if (beta >= 1 && beta <= 1) {
        return gradient_pass_on(c, 2);
    }
    TRY(gradient_tensor(c, &dy));
    TRY(call_scratch(c, dy.type, 0, NULL, &factor));
    TRY(call_scratch(c, dy.type, dy.rank, dy.shape, &part));
    TRY(cleat_fill(c->context, (double)beta, factor));
    TRY(cleat_mul(c->context, dy, factor, part));
    return gradient_sum_to(c, 2, part);
}

static cleat_status gemm_gradient(call *c) {
    gemm g;
    cleat_tensor a, b, dy, dx;
    TRY(gemm_read(c, &g));
    TRY(call_tensor(c, 0, &a));
    TRY(call_tensor(c, 1, &b));
    TRY(gradient_tensor(c, &dy));
    const cleat_matmul_options options = {.alpha = &g.alpha};
    const cleat_tensor left = g.transposed_a ? a : cleat_transpose(a);  /* op(a)^T */
    const cleat_tensor right = g.transposed_b ? b : cleat_transpose(b); /* op(b)^T */
    if (call_wants(c, 0)) {
        TRY(gradient_output(c, 0, &dx));
        TRY(g.transposed_a ? cleat_matmul(c->context, cleat_transpose(right), cleat_transpose(dy),
                                 dx, &options)
                           : cleat_matmul(c->context, dy, right, dx, &options));
    }
    if (call_wants(c, 1)) {
        TRY(gradient_output(c, 1, &dx));
        TRY(g.transposed_b
                ? cleat_matmul(c->context, cleat_transpose(dy), cleat_transpose(left), dx, &options)
                : cleat_matmul(c->context, left, dy, dx, &options));
    }
    return call_wants(c, 2) ? gemm_bias_gradient(c, g.beta) : CLEAT_OK;
}

const operator_entry operators_matmul[] = {
    {"MatMul", matmul_host, matmul_device, 2, 2, false},
    {"Gemm", gemm_host, gemm_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_matmul[] = {
    {GRADIENT_NODE("MatMul", matmul_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Gemm", gemm_gradient), 7, 7, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
