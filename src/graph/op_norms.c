/* SPDX-License-Identifier: Apache-2.0 */
/* LRN, LpNormalization, MeanVarianceNormalization. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/normalization.h>
#include <cleat/reduce.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

/* ---- LRN ---- */

typedef struct local_norm {
    float alpha, beta, bias;
    int64_t size;
} local_norm;

static cleat_status local_norm_read(const call *c, local_norm *l) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    *l = (local_norm){attribute_float(c->node, "alpha", 1e-4f),
        attribute_float(c->node, "beta", 0.75f), attribute_float(c->node, "bias", 1),
        attribute_int(c->node, "size", 0)};
    if (x->rank < 2 || l->size < 1) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "size %lld, x of rank %d", (long long)l->size, (int)x->rank);
    }
    return CLEAT_OK;
}

static cleat_status local_norm_device(call *c) {
    local_norm l;
    cleat_tensor x, y;
    TRY(local_norm_read(c, &l));
    TRY(call_same_types(c, 0, 1));
    if (l.alpha <= 0 || l.beta <= 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    const cleat_local_response_norm_options options = {
        .alpha = l.alpha, .beta = l.beta, .bias = &l.bias};
    return cleat_local_response_norm(c->context, x, l.size, y, &options);
}

static cleat_status local_norm_host(call *c) {
    local_norm l;
    const array *x;
    array *y;
    double *numbers;
    TRY(local_norm_read(c, &l));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const axis_lines lines = lines_along(x->rank, x->shape, 1);
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t channel = i / lines.inner % lines.extent, start = i - channel * lines.inner;
        const int64_t behind = l.size / 2, before = (l.size - 1) / 2;
        double sum = 0;
        for (int64_t k = channel > before ? channel - before : 0;
             k < lines.extent && k - channel <= behind; k++) {
            const double value = numbers[start + k * lines.inner];
            sum += value * value;
        }
        const double s = (double)l.bias + (double)l.alpha / (double)l.size * sum;
        array_set_real(y, i, numbers[i] / pow(s, (double)l.beta));
    }
    return CLEAT_OK;
}

static cleat_status local_norm_gradient(call *c) {
    local_norm l;
    cleat_tensor x, dy, dx;
    TRY(local_norm_read(c, &l));
    if (l.alpha <= 0 || l.beta <= 0) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is no gradient for alpha %g and beta %g",
            (double)l.alpha, (double)l.beta);
    }
    TRY(call_tensor(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    const cleat_local_response_norm_options options = {
        .alpha = l.alpha, .beta = l.beta, .bias = &l.bias};
    return cleat_local_response_norm_backward(c->context, x, l.size, dy, dx, &options);
}

/* ---- LpNormalization: a line of zeros stays so ---- */

static cleat_status norm_read(const call *c, int32_t *axis, int64_t *p) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    *p = attribute_int(c->node, "p", 2);
    if (*p != 1 && *p != 2) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "p is %lld, expected 1 or 2", (long long)*p);
    }
    return call_axis(c, attribute_int(c->node, "axis", -1), x->rank, axis);
}

static cleat_status norm_device(call *c) {
    int32_t axis;
    int64_t p, kept[CLEAT_MAX_RANK];
    cleat_tensor x, y, norm, is_zero, one;
    TRY(norm_read(c, &axis, &p));
    TRY(call_same_types(c, 0, 1));
    TRY(call_tensor(c, 0, &x));
    memcpy(kept, x.shape, sizeof kept);
    kept[axis] = 1;
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    TRY(call_scratch(c, x.type, x.rank, kept, &norm));
    TRY(call_scratch(c, CLEAT_BOOL, x.rank, kept, &is_zero));
    TRY(call_scratch(c, x.type, 0, NULL, &one));
    TRY(cleat_reduce(
        c->context, p == 1 ? CLEAT_REDUCE_L1 : CLEAT_REDUCE_L2, x, 1, &axis, norm, NULL));
    TRY(cleat_fill(c->context, 0, one));
    TRY(cleat_compare(c->context, CLEAT_EQUAL, norm, one, is_zero));
    TRY(cleat_fill(c->context, 1, one));
    TRY(cleat_where(c->context, is_zero, one, norm, norm));
    return cleat_div(c->context, x, norm, y);
}

static cleat_status norm_host(call *c) {
    int32_t axis;
    int64_t p;
    const array *x;
    array *y;
    double *numbers;
    TRY(norm_read(c, &axis, &p));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const axis_lines lines = lines_along(x->rank, x->shape, axis);
    for (int64_t i = 0; i < lines.outer * lines.inner; i++) {
        const int64_t at = i / lines.inner * lines.extent * lines.inner + i % lines.inner;
        double sum = 0;
        for (int64_t k = 0; k < lines.extent; k++) {
            const double value = numbers[at + k * lines.inner];
            sum += p == 1 ? fabs(value) : value * value;
        }
        const double norm = p == 1 ? sum : sqrt(sum);
        for (int64_t k = 0; k < lines.extent; k++) {
            const double value = numbers[at + k * lines.inner];
            array_set_real(y, at + k * lines.inner, norm > 0 || isnan(norm) ? value / norm : 0);
        }
    }
    return CLEAT_OK;
}

/* ---- MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) ---- */

static const double least_deviation = 1e-9;

static cleat_status mean_axes(const call *c, int32_t *axis_count, int32_t *axes, int64_t *kept) {
    static const int64_t otherwise[] = {0, 2, 3};
    const run_value *x;
    size_t count;
    bool is_reduced[CLEAT_MAX_RANK] = {false};
    TRY(call_input(c, 0, &x));
    const int64_t *given = attribute_ints(c->node, "axes", &count);
    count = given != NULL ? count : 3;
    given = given != NULL ? given : otherwise;
    for (size_t i = 0; i < count; i++) {
        int32_t axis;
        TRY(call_axis(c, given[i], x->rank, &axis));
        is_reduced[axis] = true;
    }
    *axis_count = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        kept[i] = is_reduced[i] ? 1 : x->shape[i];
        if (is_reduced[i]) {
            axes[(*axis_count)++] = i;
        }
    }
    return CLEAT_OK;
}

static cleat_status mean_variance_device(call *c) {
    int32_t axis_count, axes[CLEAT_MAX_RANK];
    int64_t kept[CLEAT_MAX_RANK];
    cleat_tensor x, y, mean, deviation, least;
    TRY(mean_axes(c, &axis_count, axes, kept));
    TRY(call_same_types(c, 0, 1));
    TRY(call_tensor(c, 0, &x));
    if (axis_count == 0 || (x.type != CLEAT_F32 && x.type != CLEAT_F64)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    TRY(call_scratch(c, x.type, x.rank, kept, &mean));
    TRY(call_scratch(c, x.type, x.rank, kept, &deviation));
    TRY(call_scratch(c, x.type, 0, NULL, &least));
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_MEAN, x, axis_count, axes, mean, NULL));
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_VARIANCE, x, axis_count, axes, deviation, NULL));
    TRY(cleat_unary(c->context, CLEAT_SQRT, deviation, deviation));
    TRY(cleat_fill(c->context, least_deviation, least));
    TRY(cleat_add(c->context, deviation, least, deviation));
    TRY(cleat_sub(c->context, x, mean, y));
    return cleat_div(c->context, y, deviation, y);
}

static cleat_status mean_variance_host(call *c) {
    int32_t axis_count, axes[CLEAT_MAX_RANK];
    int64_t kept[CLEAT_MAX_RANK], stride[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK] = {0};
    const array *x;
    array *y;
    double *numbers;
    void *memory[3];
    TRY(mean_axes(c, &axis_count, axes, kept));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const int64_t groups = shape_count(x->rank, kept);
    row_major_strides(x->rank, kept, stride);
    for (int32_t i = 0; i < axis_count; i++) {
        stride[axes[i]] = 0;
    }
    TRY(call_memory(c, groups, sizeof(double), &memory[0]));
    TRY(call_memory(c, groups, sizeof(double), &memory[1]));
    TRY(call_memory(c, x->count, sizeof(int64_t), &memory[2]));
    double *mean = memory[0], *variance = memory[1];
    int64_t *group = memory[2];
    const double terms = groups > 0 ? (double)(x->count / groups) : 1;
    for (int64_t i = 0; i < x->count; i++, index_next(x->rank, x->shape, index)) {
        group[i] = index_offset(x->rank, index, stride);
        mean[group[i]] += numbers[i] / terms;
    }
    for (int64_t i = 0; i < x->count; i++) {
        const double d = numbers[i] - mean[group[i]];
        variance[group[i]] += d * d / terms;
    }
    for (int64_t i = 0; i < x->count; i++) {
        array_set_real(
            y, i, (numbers[i] - mean[group[i]]) / (sqrt(variance[group[i]]) + least_deviation));
    }
    return CLEAT_OK;
}

const operator_entry operators_norms[] = {
    {"LRN", local_norm_host, local_norm_device, 1, 1, false},
    {"LpNormalization", norm_host, norm_device, 1, 1, false},
    {"MeanVarianceNormalization", mean_variance_host, mean_variance_device, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_norms[] = {
    {GRADIENT_NODE("LRN", local_norm_gradient), 1, 1, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
