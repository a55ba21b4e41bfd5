/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv: products of 8-bit integers less their
 * zero points. On the device they go through f32, exactly: a sum is taken in parts none of which
 * can come to more than 2^24 (exact_parts.h), and the parts are added as i32. Where a sum cannot be
 * cut so, x is split into 16 high + low, high in -16 .. 15, low in 0 .. 15, or the host works.
 */
#include "core/memory.h"
#include "graph/conv_sums.h"
#include "graph/exact_parts.h"
#include "graph/matrix_product.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/quantization.h"
#include "ops/quantize.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/matmul.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

enum { NONE = 1000 };

/* Which inputs are what; NONE: the operator has no such one. */
typedef struct roles {
    size_t x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
} roles;

static const roles plain_roles = {0, NONE, 2, 1, NONE, 3, NONE, NONE, NONE};
static const roles scaled_roles = {0, 1, 2, 3, 4, 5, 6, 7, 8};

typedef struct products {
    roles in;
    bool is_conv, is_scaled;
    int64_t terms; /* of a sum */
    matrix_product matrix;
    conv_shape conv;
    int32_t rank; /* of the result */
    const int64_t *shape;
    int32_t x_axis, w_axis, y_axis; /* that scales and zero points may go with */
    int64_t x_extent, w_extent;
} products;

static cleat_status check_operand(const call *c, size_t input, size_t zero) {
    const run_value *v, *z;
    TRY(call_input(c, input, &v));
    if (v->type != CLEAT_U8 && v->type != CLEAT_I8) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "input %zu is of type %s, expected i8 or u8",
            input, cleat_type_name(v->type));
    }
    if (call_has(c, zero)) {
        TRY(call_input(c, zero, &z));
        if (z->type != v->type) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "a zero point of type %s beside %s",
                cleat_type_name(z->type), cleat_type_name(v->type));
        }
    }
    return CLEAT_OK;
}

static cleat_status products_shape(const call *c, products *p) {
    const run_value *x, *w;
    TRY(call_input(c, p->in.x, &x));
    TRY(call_input(c, p->in.w, &w));
    if (p->is_conv) {
        TRY(conv_shape_read(c, p->in.x, p->in.w, &p->conv));
        p->rank = p->conv.rank;
        p->shape = p->conv.y;
        p->terms = shape_count(w->rank - 1, w->shape + 1);
        p->x_extent = 1;
        p->w_extent = w->shape[0];
        p->y_axis = 1;
        return CLEAT_OK;
    }
    TRY(matrix_product_shape(c, x, w, &p->matrix));
    p->rank = p->matrix.rank;
    p->shape = p->matrix.shape;
    p->terms = p->matrix.k;
    p->x_axis = x->rank > 1 ? x->rank - 2 : 0;
    p->x_extent = x->rank > 1 ? x->shape[p->x_axis] : 1;
    p->w_axis = w->rank - 1;
    p->w_extent = w->rank > 1 ? w->shape[p->w_axis] : 1;
    p->y_axis = p->rank > 0 ? p->rank - 1 : 0;
    return CLEAT_OK;
}

static cleat_status products_read(const call *c, products *p) {
    memset(p, 0, sizeof *p);
    p->is_scaled = strncmp(c->node->type, "QLinear", 7) == 0;
    p->is_conv = strstr(c->node->type, "Conv") != NULL;
    p->in = p->is_scaled ? scaled_roles : plain_roles;
    TRY(check_operand(c, p->in.x, p->in.x_zero));
    TRY(check_operand(c, p->in.w, p->in.w_zero));
    TRY(products_shape(c, p));
    TRY(axis_numbers_check(c, p->in.x_zero, p->x_extent));
    TRY(axis_numbers_check(c, p->in.x_scale, p->x_extent));
    TRY(axis_numbers_check(c, p->in.w_zero, p->w_extent));
    TRY(axis_numbers_check(c, p->in.w_scale, p->w_extent));
    TRY(axis_numbers_check(c, p->in.y_scale, 1));
    TRY(axis_numbers_check(c, p->in.y_zero, 1));
    return axis_numbers_check(c, p->in.bias, p->w_extent);
}

/* ---- On the device ---- */

/* An operand less its zero point, in f32. */
static cleat_status centre(
    call *c, size_t zero, int32_t axis, cleat_tensor given, cleat_tensor to) {
    cleat_tensor z;
    if (!call_has(c, zero)) {
        return dequantize_run(c->context, given, NULL, NULL, to);
    }
    TRY(quantization_along(c, zero, given.type, given.rank, axis, &z));
    return dequantize_run(c->context, given, NULL, &z, to);
}

/* ---- Weights, and how long sums may be ---- */

/* Weights less their zero point, in f32, and what of a sum is taken at once. */
typedef struct weights {
    cleat_tensor w;
    bool is_split;
    exact_parts parts;
    cleat_packed **packed; /* each part's, where it is kept and a matrix; else NULL */
} weights;

static void release_weights(void *memory) {
    weights *kept = memory;
    for (int64_t i = 0; kept->packed != NULL && i < kept->parts.count; i++) {
        cleat_packed_release(kept->packed[i]);
    }
    memory_free(kept->packed);
    memory_free(kept->parts.ends);
    cleat_tensor_release(&kept->w);
    memory_free(kept);
}

/* The largest magnitude that 8-bit numbers have, less a zero point: where that is known, its own.
 */
static cleat_status most_centred(call *c, size_t input, size_t zero, double *most) {
    const run_value *v;
    const array *zeros;
    TRY(call_input(c, input, &v));
    const double low = v->type == CLEAT_I8 ? -128 : 0, high = low + 255;
    *most = call_has(c, zero) ? 255 : fmax(high, -low);
    if (call_has(c, zero) && call_is_constant(c, zero)) {
        TRY(call_array(c, zero, &zeros));
        *most = 0;
        for (int64_t i = 0; i < zeros->count; i++) {
            const double at = array_real(zeros, i);
            *most = fmax(*most, fmax(high - at, at - low));
        }
    }
    return CLEAT_OK;
}

static bool are_kept(const call *c, const products *p) {
    return call_is_constant(c, p->in.w) &&
           (!call_has(c, p->in.w_zero) || call_is_constant(c, p->in.w_zero));
}

/* The axis that sums go along: of weights [.., k, n] or [k], or the channels of [m, c, ...]. */
static int32_t summed_axis(const products *p, int32_t rank) {
    return p->is_conv ? 1 : rank > 1 ? rank - 2 : 0;
}

static cleat_status find_parts(call *c, const products *p, double x_most, exact_parts *parts) {
    const run_value *w;
    const array *known;
    axis_numbers zero;
    double w_most = 0;
    TRY(call_input(c, p->in.w, &w));
    const axis_lines lines = lines_along(w->rank, w->shape, summed_axis(p, w->rank));
    if (!are_kept(c, p)) {
        TRY(most_centred(c, p->in.w, p->in.w_zero, &w_most));
        return exact_parts_even(
            c, lines.extent, p->is_conv ? lines.inner : 1, x_most, w_most, parts);
    }
    TRY(call_array(c, p->in.w, &known));
    TRY(axis_numbers_read(c, p->in.w_zero, p->w_extent, 0, &zero));
    return exact_parts_of(c, known, &zero, &lines, p->is_conv, x_most, parts);
}

/* Whole numbers of x, or its high and its low half, whose magnitudes are at most 16. */
static cleat_status plan_parts(call *c, const products *p, weights *made) {
    double x_most = 0;
    TRY(most_centred(c, p->in.x, p->in.x_zero, &x_most));
    for (int i = 0; i < 2; i++) {
        made->is_split = i == 1;
        TRY(find_parts(c, p, made->is_split ? 16 : x_most, &made->parts));
        /* channels of several groups lie in pieces */
        if (made->parts.count == 1 ||
            (made->parts.count > 1 && (!p->is_conv || p->conv.groups == 1))) {
            return CLEAT_OK;
        }
    }
    return CLEAT_UNSUPPORTED;
}

static cleat_status slice_part(
    const weights *made, int64_t part, int32_t axis, cleat_tensor whole, cleat_tensor *slice) {
    const int64_t start = part > 0 ? made->parts.ends[part - 1] : 0;
    if (made->parts.count == 1) { /* in groups the axis of x is longer than that of w */
        *slice = whole;
        return CLEAT_OK;
    }
    return cleat_slice(whole, axis, start, made->parts.ends[part] - start, 1, slice);
}

static cleat_status pack_parts(call *c, const products *p, weights *made) {
    if (p->is_conv || made->w.rank != 2) {
        return CLEAT_OK;
    }
    made->packed = memory_allocate_zeroed((size_t)made->parts.count, sizeof *made->packed);
    if (made->packed == NULL) {
        return call_refuse(c, CLEAT_OUT_OF_HOST_MEMORY, "no host memory");
    }
    for (int64_t i = 0; i < made->parts.count; i++) {
        cleat_tensor slice;
        TRY(slice_part(made, i, 0, made->w, &slice));
        TRY(cleat_matmul_pack(c->context, slice, &made->packed[i]));
    }
    return CLEAT_OK;
}

/* Constant ones, for the model's life. */
static cleat_status keep_weights(call *c, const products *p, cleat_tensor given, weights *made) {
    weights planned = {.packed = NULL};
    TRY(plan_parts(c, p, &planned));
    *made = planned;
    made->parts.ends = memory_allocate((size_t)planned.parts.count * sizeof *made->parts.ends);
    if (made->parts.ends == NULL) {
        return call_refuse(c, CLEAT_OUT_OF_HOST_MEMORY, "no host memory");
    }
    memcpy(made->parts.ends, planned.parts.ends,
        (size_t)planned.parts.count * sizeof *made->parts.ends);
    TRY(cleat_tensor_create(c->context, CLEAT_F32, given.rank, given.shape, &made->w));
    TRY(centre(c, p->in.w_zero, p->w_axis, given, made->w));
    return pack_parts(c, p, made);
}

static cleat_status find_weights(call *c, const products *p, weights *found) {
    cleat_tensor given;
    void **kept;
    TRY(call_tensor(c, p->in.w, &given));
    if (!are_kept(c, p)) {
        *found = (weights){.packed = NULL};
        TRY(plan_parts(c, p, found));
        TRY(call_scratch(c, CLEAT_F32, given.rank, given.shape, &found->w));
        return centre(c, p->in.w_zero, p->w_axis, given, found->w);
    }
    TRY(call_keep(c, 0, release_weights, &kept));
    if (*kept == NULL) {
        weights *made = memory_allocate_zeroed(1, sizeof *made);
        if (made == NULL) {
            return call_refuse(c, CLEAT_OUT_OF_HOST_MEMORY, "no host memory");
        }
        const cleat_status status = keep_weights(c, p, given, made);
        if (status != CLEAT_OK) {
            release_weights(made);
            return status;
        }
        *kept = made;
    }
    *found = *(const weights *)*kept;
    return CLEAT_OK;
}

/* ---- Sums ---- */

static cleat_status convolve(
    call *c, const conv_shape *s, cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    if (s->windows.axes == 1) {
        const cleat_conv1d_options options = conv_options_1d(s);
        return cleat_conv1d(c->context, x, w, y, &options);
    }
    if (s->windows.axes == 2) {
        const cleat_conv2d_options options = conv_options_2d(s);
        return cleat_conv2d(c->context, x, w, y, &options);
    }
    const cleat_conv3d_options options = conv_options_3d(s);
    return cleat_conv3d(c->context, x, w, y, &options);
}

/* One part of the sums of x, exact in f32. */
static cleat_status multiply_part(call *c, const products *p, const weights *by, int64_t part,
    cleat_tensor x, cleat_tensor real) {
    cleat_tensor some, w;
    TRY(slice_part(by, part, p->is_conv ? 1 : x.rank - 1, x, &some));
    TRY(slice_part(by, part, summed_axis(p, by->w.rank), by->w, &w));
    if (p->is_conv) {
        return convolve(c, &p->conv, some, w, real);
    }
    const cleat_matmul_options options = {.packed_b = by->packed != NULL ? by->packed[part] : NULL};
    return cleat_matmul(c->context, some, w, real, &options);
}

/* Products of x, or of half of its digits, as i32. */
static cleat_status multiply(
    call *c, const products *p, const weights *by, cleat_tensor x, cleat_tensor sums) {
    cleat_tensor real, more;
    TRY(call_scratch(c, CLEAT_F32, p->rank, p->shape, &real));
    TRY(multiply_part(c, p, by, 0, x, real));
    TRY(cleat_cast(c->context, real, sums));
    if (by->parts.count > 1) {
        TRY(call_scratch(c, CLEAT_I32, p->rank, p->shape, &more));
    }
    for (int64_t i = 1; i < by->parts.count; i++) {
        TRY(multiply_part(c, p, by, i, x, real));
        TRY(cleat_cast(c->context, real, more));
        TRY(cleat_add(c->context, sums, more, sums));
    }
    return CLEAT_OK;
}

static cleat_status split(call *c, cleat_tensor x, cleat_tensor high) {
    cleat_tensor sixteen, shifted;
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &sixteen));
    TRY(call_scratch(c, CLEAT_F32, x.rank, x.shape, &shifted));
    TRY(cleat_fill(c->context, 16, sixteen));
    TRY(cleat_div(c->context, x, sixteen, high));
    TRY(cleat_unary(c->context, CLEAT_FLOOR, high, high));
    TRY(cleat_mul(c->context, high, sixteen, shifted));
    return cleat_sub(c->context, x, shifted, x);
}

static cleat_status find_operands(call *c, const products *p, weights *by, cleat_tensor *x) {
    cleat_tensor given;
    TRY(find_weights(c, p, by));
    TRY(call_tensor(c, p->in.x, &given));
    TRY(call_scratch(c, CLEAT_F32, given.rank, given.shape, x));
    return centre(c, p->in.x_zero, p->x_axis, given, *x);
}

/* As i32; x is spent. */
static cleat_status device_sums(
    call *c, const products *p, const weights *by, cleat_tensor x, cleat_tensor sums) {
    cleat_tensor high, more, sixteen;
    if (!by->is_split) {
        return multiply(c, p, by, x, sums);
    }
    TRY(call_scratch(c, CLEAT_F32, x.rank, x.shape, &high));
    TRY(split(c, x, high));
    TRY(call_scratch(c, CLEAT_I32, p->rank, p->shape, &more));
    TRY(call_scratch(c, CLEAT_I32, 0, NULL, &sixteen));
    TRY(multiply(c, p, by, high, sums));
    TRY(multiply(c, p, by, x, more));
    TRY(cleat_fill(c->context, 16, sixteen));
    TRY(cleat_mul(c->context, sums, sixteen, sums));
    return cleat_add(c->context, sums, more, sums);
}

/* y = round((sums + bias) x_scale w_scale / y_scale) + zero, in f32; sums are whole numbers. */
static cleat_status requantize(call *c, const products *p, cleat_tensor sums, cleat_tensor y) {
    cleat_tensor bias, x_scale, w_scale, both, scale, zero;
    quantization q = {.factor = &both, .scale = &scale, .zero = &zero};
    if (call_has(c, p->in.bias)) {
        TRY(quantization_along(c, p->in.bias, CLEAT_I32, p->rank, p->y_axis, &bias));
        q.bias = &bias;
    }
    TRY(quantization_along(c, p->in.w_scale, CLEAT_F32, p->rank, p->y_axis, &w_scale));
    TRY(quantization_along(
        c, p->in.x_scale, CLEAT_F32, p->rank, p->rank > 1 ? p->rank - 2 : 0, &x_scale));
    if (cleat_tensor_count(&x_scale) > 1) { /* for each row of a */
        TRY(call_scratch(c, CLEAT_F32, p->rank, p->shape, &both));
    } else {
        TRY(call_scratch(c, CLEAT_F32, w_scale.rank, w_scale.shape, &both));
    }
    TRY(cleat_mul(c->context, w_scale, x_scale, both));
    TRY(quantization_along(c, p->in.y_scale, CLEAT_F32, p->rank, p->y_axis, &scale));
    TRY(quantization_along(c, p->in.y_zero, y.type, p->rank, p->y_axis, &zero));
    return quantize_run(c->context, sums, &q, y);
}

static cleat_status integer_device(call *c) {
    products p;
    weights by;
    const run_value *zero;
    cleat_tensor x, sums, y;
    TRY(products_read(c, &p));
    if (p.rank > 7 || (p.is_conv && p.conv.windows.axes > 3) || p.terms == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(find_operands(c, &p, &by, &x));
    if (!p.is_scaled) {
        TRY(call_output(c, 0, CLEAT_I32, p.rank, p.shape, &y));
        return device_sums(c, &p, &by, x, y);
    }
    TRY(call_input(c, p.in.y_zero, &zero));
    if (by.parts.count == 1 && !by.is_split) {
        TRY(call_scratch(c, CLEAT_F32, p.rank, p.shape, &sums));
        TRY(multiply_part(c, &p, &by, 0, x, sums));
    } else {
        TRY(call_scratch(c, CLEAT_I32, p.rank, p.shape, &sums));
        TRY(device_sums(c, &p, &by, x, sums));
    }
    TRY(call_output(c, 0, zero->type, p.rank, p.shape, &y));
    return requantize(c, &p, sums, y);
}

/* ---- On the host ---- */

static cleat_status host_sums(call *c, const products *p, double *sums) {
    const run_value *x, *w;
    const array *given;
    double *of_x, *of_w;
    axis_numbers x_zero, w_zero;
    TRY(call_input(c, p->in.x, &x));
    TRY(call_input(c, p->in.w, &w));
    TRY(call_numbers(c, p->in.x, &of_x, &given));
    TRY(call_numbers(c, p->in.w, &of_w, &given));
    TRY(axis_numbers_read(c, p->in.x_zero, p->x_extent, 0, &x_zero));
    TRY(axis_numbers_read(c, p->in.w_zero, p->w_extent, 0, &w_zero));
    subtract_zero(&x_zero, x->rank, x->shape, p->x_axis, of_x);
    subtract_zero(&w_zero, w->rank, w->shape, p->w_axis, of_w);
    if (p->is_conv) {
        conv_sums(&p->conv, of_x, of_w, sums);
    } else {
        matrix_product_sums(&p->matrix, of_x, of_w, sums);
    }
    return CLEAT_OK;
}

static cleat_status store_scaled(call *c, const products *p, const double *sums, array *y) {
    axis_numbers x_scale, w_scale, y_scale, y_zero, bias;
    TRY(axis_numbers_read(c, p->in.x_scale, p->x_extent, 1, &x_scale));
    TRY(axis_numbers_read(c, p->in.w_scale, p->w_extent, 1, &w_scale));
    TRY(axis_numbers_read(c, p->in.y_scale, 1, 1, &y_scale));
    TRY(axis_numbers_read(c, p->in.y_zero, 1, 0, &y_zero));
    TRY(axis_numbers_read(c, p->in.bias, p->w_extent, 0, &bias));
    const int64_t inner = p->is_conv ? shape_count(p->rank - 2, p->shape + 2) : 1;
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t column = i / inner % p->w_extent;
        const int64_t row = p->is_conv ? 0 : i / p->w_extent % p->x_extent;
        const double scale =
            axis_number(&x_scale, row) * axis_number(&w_scale, column) / axis_number(&y_scale, 0);
        set_quantized(y, i, (sums[i] + axis_number(&bias, column)) * scale, y_zero.numbers[0]);
    }
    return CLEAT_OK;
}

static cleat_status integer_host(call *c) {
    products p;
    const run_value *zero;
    array *y;
    void *sums;
    cleat_type type = CLEAT_I32;
    TRY(products_read(c, &p));
    if (p.is_scaled) {
        TRY(call_input(c, p.in.y_zero, &zero));
        type = zero->type;
    }
    TRY(call_output_array(c, 0, type, p.rank, p.shape, &y));
    TRY(call_memory(c, y->count, sizeof(double), &sums));
    TRY(host_sums(c, &p, sums));
    if (p.is_scaled) {
        return store_scaled(c, &p, sums, y);
    }
    for (int64_t i = 0; i < y->count; i++) {
        array_set_integer(y, i, (int64_t)((const double *)sums)[i]);
    }
    return CLEAT_OK;
}

const operator_entry operators_integer[] = {
    {"MatMulInteger", integer_host, integer_device, 2, 4, false},
    {"ConvInteger", integer_host, integer_device, 2, 4, false},
    {"QLinearMatMul", integer_host, integer_device, 8, 8, false},
    {"QLinearConv", integer_host, integer_device, 8, 9, false},
    {NULL, NULL, NULL, 0, 0, false},
};
