/* SPDX-License-Identifier: Apache-2.0 */
/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/quantization.h"
#include "ops/quantize.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/reduce.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

/* The axis that scales go with, and their number; of one scale any. */
static cleat_status quantized_axis(const call *c, int32_t *axis, int64_t *extent) {
    const run_value *x, *scale;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &scale));
    *axis = 0;
    *extent = 1;
    if (attribute_int(c->node, "block_size", 0) != 0 || scale->rank > 1) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "a scale of %s, expected one or one along an axis",
            shape_text(scale->rank, scale->shape, text));
    }
    if (shape_count(scale->rank, scale->shape) != 1) {
        TRY(call_axis(c, attribute_int(c->node, "axis", 1), x->rank, axis));
        *extent = x->shape[*axis];
    }
    return CLEAT_OK;
}

/* Type of QuantizeLinear's result. */
static cleat_status quantized_type(const call *c, cleat_type *type) {
    const run_value *zero;
    *type = CLEAT_U8;
    if (call_has(c, 2)) {
        TRY(call_input(c, 2, &zero));
        *type = zero->type;
    } else if (attribute_int(c->node, "output_dtype", 0) == 3) { /* ONNX's number of INT8 */
        *type = CLEAT_I8;
    }
    if (*type != CLEAT_U8 && *type != CLEAT_I8 && *type != CLEAT_U16 && *type != CLEAT_I16) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "a zero point of type %s", cleat_type_name(*type));
    }
    return CLEAT_OK;
}

static cleat_status quantize_device(call *c) {
    int32_t axis;
    int64_t extent;
    cleat_type type;
    cleat_tensor x, scale, zero, y;
    quantization q = {.scale = &scale};
    TRY(quantized_axis(c, &axis, &extent));
    TRY(quantized_type(c, &type));
    TRY(axis_numbers_check(c, 1, extent));
    TRY(axis_numbers_check(c, 2, extent));
    TRY(call_tensor_of(c, 0, CLEAT_F32, &x));
    TRY(quantization_along(c, 1, CLEAT_F32, x.rank, axis, &scale));
    if (call_has(c, 2)) {
        TRY(quantization_along(c, 2, type, x.rank, axis, &zero));
        q.zero = &zero;
    }
    TRY(call_output(c, 0, type, x.rank, x.shape, &y));
    return quantize_run(c->context, x, &q, y);
}

static cleat_status quantize_host(call *c) {
    int32_t axis;
    int64_t extent;
    cleat_type type;
    const array *x;
    array *y;
    axis_numbers scale, zero;
    TRY(quantized_axis(c, &axis, &extent));
    TRY(quantized_type(c, &type));
    TRY(axis_numbers_read(c, 1, extent, 1, &scale));
    TRY(axis_numbers_read(c, 2, extent, 0, &zero));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, type, x->rank, x->shape, &y));
    const axis_lines lines =
        x->rank > 0 ? lines_along(x->rank, x->shape, axis) : (axis_lines){1, 1, 1};
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t place = i / lines.inner % lines.extent;
        /* the quotient as f32 has it */
        const float quotient = (float)(array_real(x, i) / axis_number(&scale, place));
        set_quantized(y, i, (double)quotient, axis_number(&zero, place));
    }
    return CLEAT_OK;
}

/* ---- DequantizeLinear ---- */

static cleat_status dequantize_device(call *c) {
    int32_t axis;
    int64_t extent;
    const run_value *v, *scale_value;
    cleat_tensor x, scale, zero, y;
    TRY(quantized_axis(c, &axis, &extent));
    TRY(call_input(c, 0, &v));
    TRY(call_input(c, 1, &scale_value));
    TRY(axis_numbers_check(c, 1, extent));
    if (scale_value->type != CLEAT_F32 || (v->type == CLEAT_I32 && call_has(c, 2)) ||
        cleat_type_size(v->type) > 4 || type_is_floating(v->type)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(axis_numbers_check(c, 2, extent));
    TRY(call_tensor(c, 0, &x));
    TRY(quantization_along(c, 1, CLEAT_F32, x.rank, axis, &scale));
    if (call_has(c, 2)) {
        TRY(quantization_along(c, 2, x.type, x.rank, axis, &zero));
    }
    TRY(call_output(c, 0, CLEAT_F32, x.rank, x.shape, &y));
    return dequantize_run(c->context, x, &scale, call_has(c, 2) ? &zero : NULL, y);
}

static cleat_status dequantize_host(call *c) {
    int32_t axis;
    int64_t extent;
    const run_value *scale_value;
    const array *x;
    array *y;
    axis_numbers scale, zero;
    TRY(quantized_axis(c, &axis, &extent));
    TRY(call_input(c, 1, &scale_value));
    TRY(axis_numbers_read(c, 1, extent, 1, &scale));
    TRY(axis_numbers_read(c, 2, extent, 0, &zero));
    TRY(call_array(c, 0, &x));
    if (!type_is_floating(scale_value->type)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "a scale of type %s", cleat_type_name(scale_value->type));
    }
    TRY(call_output_array(c, 0, scale_value->type, x->rank, x->shape, &y));
    const axis_lines lines =
        x->rank > 0 ? lines_along(x->rank, x->shape, axis) : (axis_lines){1, 1, 1};
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t place = i / lines.inner % lines.extent;
        array_set_real(
            y, i, (array_real(x, i) - axis_number(&zero, place)) * axis_number(&scale, place));
    }
    return CLEAT_OK;
}

/* ---- DynamicQuantizeLinear: y, its scale, its zero point ---- */

static cleat_status dynamic_device(call *c) {
    cleat_tensor x, y, scale, zero, least, zero_real, nothing, levels, between;
    cleat_context *context = c->context;
    TRY(call_tensor(c, 0, &x));
    if (x.type != CLEAT_F32 || cleat_tensor_count(&x) == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, CLEAT_U8, x.rank, x.shape, &y));
    if (c->output_count < 3) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu outputs, expected 3", c->output_count);
    }
    TRY(call_output(c, 1, CLEAT_F32, 0, NULL, &scale));
    TRY(call_output(c, 2, CLEAT_U8, 0, NULL, &zero));
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &least));
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &zero_real));
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &nothing));
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &levels));
    TRY(call_scratch(c, CLEAT_F32, x.rank, x.shape, &between));
    TRY(cleat_fill(context, 0, nothing));
    TRY(cleat_fill(context, 255, levels));
    TRY(cleat_reduce(context, CLEAT_REDUCE_MAX, x, 0, NULL, scale, NULL));
    TRY(cleat_reduce(context, CLEAT_REDUCE_MIN, x, 0, NULL, least, NULL));
    TRY(cleat_max(context, scale, nothing, scale));
    TRY(cleat_min(context, least, nothing, least));
    TRY(cleat_sub(context, scale, least, scale));
    TRY(cleat_div(context, scale, levels, scale));
    TRY(cleat_sub(context, nothing, least, least));
    TRY(cleat_div(context, least, scale, least));
    TRY(cleat_unary(context, CLEAT_ROUND, least, least));
    TRY(cleat_cast(context, least, zero));
    TRY(cleat_cast(context, zero, zero_real));
    TRY(cleat_div(context, x, scale, between));
    TRY(cleat_unary(context, CLEAT_ROUND, between, between));
    TRY(cleat_add(context, between, zero_real, between));
    return cleat_cast(context, between, y);
}

static cleat_status dynamic_host(call *c) {
    const array *x;
    array *y, *scale, *zero;
    float least = 0, most = 0;
    TRY(call_array(c, 0, &x));
    if (x->type != CLEAT_F32) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "x of type %s, expected f32", cleat_type_name(x->type));
    }
    if (c->output_count < 3) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu outputs, expected 3", c->output_count);
    }
    TRY(call_output_array(c, 0, CLEAT_U8, x->rank, x->shape, &y));
    TRY(call_output_array(c, 1, CLEAT_F32, 0, NULL, &scale));
    TRY(call_output_array(c, 2, CLEAT_U8, 0, NULL, &zero));
    for (int64_t i = 0; i < x->count; i++) {
        const float value = ((const float *)x->elements)[i];
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    const float step = (most - least) / 255;
    array_set_real(scale, 0, (double)step);
    const float start = (0 - least) / step;
    set_quantized(zero, 0, isnan(start) ? 0 : (double)start, 0);
    for (int64_t i = 0; i < x->count; i++) {
        const float quotient = ((const float *)x->elements)[i] / step;
        set_quantized(y, i, isnan(quotient) ? 0 : (double)quotient, array_real(zero, 0));
    }
    return CLEAT_OK;
}

const operator_entry operators_quantize[] = {
    {"QuantizeLinear", quantize_host, quantize_device, 2, 3, false},
    {"DequantizeLinear", dequantize_host, dequantize_device, 2, 3, false},
    {"DynamicQuantizeLinear", dynamic_host, dynamic_device, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};
