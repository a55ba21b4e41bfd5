/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/quantization.h"
#include "graph/operator_tools.h"
#include <math.h>

cleat_status axis_numbers_check(const call *c, size_t input, int64_t extent) {
    const run_value *v;
    char text[SHAPE_TEXT_SIZE];
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_input(c, input, &v));
    const int64_t count = shape_count(v->rank, v->shape);
    if (count != 1 && (v->rank != 1 || count != extent)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "input %zu is %s, expected one number or [%lld]", input,
            shape_text(v->rank, v->shape, text), (long long)extent);
    }
    return CLEAT_OK;
}

cleat_status axis_numbers_read(
    call *c, size_t input, int64_t extent, double otherwise, axis_numbers *n) {
    const array *x;
    void *memory;
    if (!call_has(c, input)) {
        TRY(call_memory(c, 1, sizeof(double), &memory));
        n->numbers = memory;
        n->numbers[0] = otherwise;
        n->count = 1;
        return CLEAT_OK;
    }
    TRY(axis_numbers_check(c, input, extent));
    TRY(call_numbers(c, input, &n->numbers, &x));
    n->count = x->count;
    return CLEAT_OK;
}

double axis_number(const axis_numbers *n, int64_t place) {
    return n->numbers[n->count == 1 ? 0 : place];
}

void set_quantized(array *y, int64_t i, double x, double zero) {
    double least, beyond, value = rint(x) + zero;
    type_whole_range(y->type, &least, &beyond);
    value = value < least ? least : value > beyond - 1 ? beyond - 1 : value;
    array_set_real(y, i, value);
}

void subtract_zero(
    const axis_numbers *zero, int32_t rank, const int64_t *shape, int32_t axis, double *numbers) {
    const axis_lines lines = lines_along(rank, shape, axis);
    const int64_t count = shape_count(rank, shape);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] -= axis_number(zero, i / lines.inner % lines.extent);
    }
}

cleat_status quantization_along(
    call *c, size_t input, cleat_type type, int32_t rank, int32_t axis, cleat_tensor *tensor) {
    cleat_tensor given;
    int64_t shape[CLEAT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        shape[i] = 1;
    }
    TRY(call_tensor_of(c, input, type, &given));
    const int64_t count = cleat_tensor_count(&given);
    if (count == 1) {
        return cleat_reshape(given, 0, NULL, tensor);
    }
    shape[axis] = count;
    return cleat_reshape(given, rank, shape, tensor);
}
