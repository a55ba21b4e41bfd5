/* SPDX-License-Identifier: Apache-2.0 */
/* BatchNormalization, InstanceNormalization, LayerNormalization, GroupNormalization. */
#include "graph/channels_last.h"
#include "graph/norm_shapes.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/normalization.h>
#include <math.h>
#include <string.h>

static bool is_half(cleat_type type) {
    return type == CLEAT_F16 || type == CLEAT_BF16;
}

cleat_status norm_parameter(
    call *c, size_t input, cleat_type x, int64_t count, bool wide, cleat_tensor *tensor) {
    TRY(call_tensor_as(c, input, 1, &count, tensor));
    if (is_half(x) && tensor->type != CLEAT_F32 && (wide || tensor->type != x)) {
        cleat_tensor given = *tensor;
        TRY(call_scratch(c, CLEAT_F32, 1, &count, tensor));
        return cleat_cast(c->context, given, *tensor);
    }
    return is_half(x) || tensor->type == x ? CLEAT_OK : CLEAT_UNSUPPORTED;
}

static cleat_status check_count(const call *c, size_t input, int64_t count) {
    const run_value *v;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, input, &v));
    if (shape_count(v->rank, v->shape) != count || !type_is_floating(v->type)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu is %s of %s, expected %lld numbers",
            input, shape_text(v->rank, v->shape, text), cleat_type_name(v->type), (long long)count);
    }
    return CLEAT_OK;
}

/* ---- On the host: sums over groups ---- */

/* x as [outer, channels, inner], for each element its group and its element of the scale. */
typedef struct grouping {
    int64_t outer, channels, inner;
    int64_t groups;
    int64_t per_outer;   /* groups of one outer index; 0: groups are channels of all */
    int64_t per_scale;   /* channels to an element of the scale */
    int64_t inner_scale; /* 1, or the inner extent: the scale is [.., inner] */
} grouping;

static int64_t group_of(const grouping *g, int64_t i) {
    const int64_t channel = i / g->inner % g->channels;
    if (g->per_outer == 0) {
        return channel;
    }
    return i / g->inner / g->channels * g->per_outer + channel / (g->channels / g->per_outer);
}

static int64_t scale_of(const grouping *g, int64_t i) {
    const int64_t channel = i / g->inner % g->channels / g->per_scale;
    return g->inner_scale == 1 ? channel : channel * g->inner + i % g->inner;
}

/* mean and variance (divisor: count) of each group. */
static cleat_status statistics(
    call *c, const grouping *g, const double *x, int64_t count, double *mean, double *variance) {
    void *memory;
    TRY(call_memory(c, g->groups, sizeof(double), &memory));
    double *terms = memory;
    for (int64_t i = 0; i < count; i++) {
        mean[group_of(g, i)] += x[i];
        terms[group_of(g, i)]++;
    }
    for (int64_t i = 0; i < g->groups; i++) {
        mean[i] /= terms[i];
    }
    for (int64_t i = 0; i < count; i++) {
        const double d = x[i] - mean[group_of(g, i)];
        variance[group_of(g, i)] += d * d;
    }
    for (int64_t i = 0; i < g->groups; i++) {
        variance[i] /= terms[i];
    }
    return CLEAT_OK;
}

/* scale, bias: NULL where there is none */
static void normalize(const grouping *g, const double *x, const double *mean,
    const double *variance, double epsilon, const double *scale, const double *bias, array *y) {
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t group = group_of(g, i), at = scale_of(g, i);
        const double h = (x[i] - mean[group]) / sqrt(variance[group] + epsilon);
        array_set_real(y, i, h * (scale != NULL ? scale[at] : 1) + (bias != NULL ? bias[at] : 0));
    }
}

static cleat_status two_lists(call *c, int64_t count, double **first, double **second) {
    void *memory;
    TRY(call_memory(c, count, sizeof **first, &memory));
    *first = memory;
    TRY(call_memory(c, count, sizeof **second, &memory));
    *second = memory;
    return CLEAT_OK;
}

/* ---- BatchNormalization ---- */

cleat_status batch_norm_read(const call *c, batch_norm *b) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    if (x->rank < 2) {
        return call_refuse(
            c, CLEAT_SHAPE_MISMATCH, "x has rank %d, expected 2 or more", (int)x->rank);
    }
    b->epsilon = attribute_float(c->node, "epsilon", 1e-5f);
    b->momentum = attribute_float(c->node, "momentum", 0.9f);
    const bool has_more = c->output_count > 1 && c->node->outputs[1] != NO_VALUE;
    b->is_training = c->opset >= 14 ? attribute_int(c->node, "training_mode", 0) != 0
                                    : has_more && attribute_int(c->node, "is_test", 0) == 0;
    b->rank = x->rank;
    memcpy(b->shape, x->shape, sizeof b->shape);
    if (c->opset < 9 && attribute_int(c->node, "spatial", 1) == 0) {
        b->rank = 2;
        b->shape[1] = shape_count(x->rank - 1, x->shape + 1);
    }
    for (size_t i = 1; i < 5; i++) {
        TRY(check_count(c, i, b->shape[1]));
    }
    return CLEAT_OK;
}

static cleat_status batch_norm_trained(call *c, const batch_norm *b, cleat_tensor x, cleat_tensor y,
    cleat_batch_norm_options *options) {
    cleat_tensor given, running[2];
    const cleat_type wide = is_half(x.type) ? CLEAT_F32 : x.type;
    options->momentum = 1 - b->momentum;
    options->population_variance = true;
    if (c->opset < 14 || options->momentum <= 0) {
        return CLEAT_UNSUPPORTED;
    }
    for (size_t i = 0; i < 2; i++) {
        if (c->output_count <= i + 1) {
            TRY(call_scratch(c, wide, 1, &b->shape[1], &running[i]));
        } else {
            TRY(call_output(c, i + 1, wide, 1, &b->shape[1], &running[i]));
        }
        TRY(call_tensor(c, i + 3, &given));
        if (given.type != wide) {
            return CLEAT_UNSUPPORTED;
        }
        TRY(cleat_copy(c->context, given, running[i]));
    }
    options->running_mean = &running[0];
    options->running_variance = &running[1];
    return cleat_batch_norm_training(c->context, x, y, options);
}

static cleat_status batch_norm_device(call *c) {
    batch_norm b;
    const run_value *v;
    cleat_tensor x, y, scale, bias, mean, variance;
    TRY(batch_norm_read(c, &b));
    TRY(call_same_types(c, 0, 1));
    if (b.epsilon <= 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_input(c, 0, &v));
    TRY(call_tensor_as(c, 0, b.rank, b.shape, &x));
    TRY(norm_parameter(c, 1, x.type, b.shape[1], false, &scale));
    TRY(norm_parameter(c, 2, x.type, b.shape[1], false, &bias));
    TRY(call_output_like(c, 0, &x, x.type, v->rank, v->shape, &y));
    TRY(cleat_reshape(y, b.rank, b.shape, &y));
    cleat_batch_norm_options options = {.epsilon = b.epsilon, .scale = &scale, .bias = &bias};
    if (b.is_training) {
        return batch_norm_trained(c, &b, x, y, &options);
    }
    TRY(norm_parameter(c, 3, x.type, b.shape[1], true, &mean));
    TRY(norm_parameter(c, 4, x.type, b.shape[1], true, &variance));
    return cleat_batch_norm(c->context, x, mean, variance, y, &options);
}

/* What a training call tells of its statistics: from opset 14 on the running ones, before those of
 * the batch, too. */
static cleat_status store_statistics(call *c, const batch_norm *b, double *const batch[2]) {
    for (size_t i = 1; i < c->output_count; i++) {
        const array *before;
        array *after;
        if (!call_wants(c, i)) {
            continue;
        }
        TRY(call_array(c, i % 2 == 1 ? 3 : 4, &before));
        TRY(call_output_array(c, i, before->type, before->rank, before->shape, &after));
        const double share = i < 3 ? (double)b->momentum : 0;
        for (int64_t k = 0; k < after->count; k++) {
            array_set_real(after, k,
                share * array_real(before, k) + (1 - share) * batch[i % 2 == 1 ? 0 : 1][k]);
        }
    }
    return CLEAT_OK;
}

static cleat_status batch_norm_host(call *c) {
    batch_norm b;
    const array *x, *other;
    array *y;
    double *numbers, *scale, *bias, *of_batch[2];
    TRY(batch_norm_read(c, &b));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_numbers(c, 1, &scale, &other));
    TRY(call_numbers(c, 2, &bias, &other));
    const grouping g = {.outer = b.shape[0],
        .channels = b.shape[1],
        .inner = shape_count(b.rank - 2, b.shape + 2),
        .groups = b.shape[1],
        .per_scale = 1,
        .inner_scale = 1};
    if (b.is_training) {
        TRY(two_lists(c, g.groups, &of_batch[0], &of_batch[1]));
        TRY(statistics(c, &g, numbers, x->count, of_batch[0], of_batch[1]));
        TRY(store_statistics(c, &b, of_batch));
    } else {
        TRY(call_numbers(c, 3, &of_batch[0], &other));
        TRY(call_numbers(c, 4, &of_batch[1], &other));
    }
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    normalize(&g, numbers, of_batch[0], of_batch[1], (double)b.epsilon, scale, bias, y);
    return CLEAT_OK;
}

/* ---- InstanceNormalization, GroupNormalization ---- */

cleat_status group_norm_read(const call *c, int64_t *groups, int64_t *scales) {
    const run_value *x;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    const bool has_groups = strcmp(c->node->type, "GroupNormalization") == 0;
    *groups = has_groups ? attribute_int(c->node, "num_groups", 0) : 0;
    if (x->rank < 2 || (has_groups && (*groups < 1 || x->shape[1] % *groups != 0))) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s in %lld groups of channels",
            shape_text(x->rank, x->shape, text), (long long)*groups);
    }
    /* before opset 21 a group has one scale */
    *scales = has_groups && c->opset < 21 ? *groups : x->shape[1];
    TRY(check_count(c, 1, *scales));
    return check_count(c, 2, *scales);
}

cleat_status norm_spread_parameter(call *c, int64_t channels, cleat_tensor *parameter_of) {
    const int64_t groups = parameter_of->shape[0];
    cleat_tensor whole;
    if (groups == channels || groups == 0) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, parameter_of->type, 2, (int64_t[]){groups, channels / groups}, &whole));
    TRY(cleat_reshape(*parameter_of, 2, (int64_t[]){groups, 1}, parameter_of));
    TRY(cleat_copy(c->context, *parameter_of, whole));
    return cleat_reshape(whole, 1, &channels, parameter_of);
}

static cleat_status group_norm_device(call *c) {
    int64_t groups = 0, scales = 1;
    cleat_tensor x, y, scale, bias;
    TRY(group_norm_read(c, &groups, &scales));
    TRY(call_same_types(c, 0, 1));
    const float epsilon = attribute_float(c->node, "epsilon", 1e-5f);
    TRY(call_tensor(c, 0, &x));
    if (epsilon <= 0 || (groups > 0 && x.rank > 7)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(norm_parameter(c, 1, x.type, scales, false, &scale));
    TRY(norm_parameter(c, 2, x.type, scales, false, &bias));
    TRY(norm_spread_parameter(c, x.shape[1], &scale));
    TRY(norm_spread_parameter(c, x.shape[1], &bias));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    const cleat_normalization_options options = {
        .epsilon = epsilon, .scale = &scale, .bias = &bias};
    return groups == 0 ? cleat_instance_norm(c->context, x, y, &options)
                       : cleat_group_norm(c->context, x, groups, y, &options);
}

static cleat_status group_norm_host(call *c) {
    int64_t groups = 0, scales = 1;
    const array *x, *other;
    array *y;
    double *numbers, *scale, *bias, *mean, *variance;
    TRY(group_norm_read(c, &groups, &scales));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_numbers(c, 1, &scale, &other));
    TRY(call_numbers(c, 2, &bias, &other));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    if (x->count == 0) {
        return CLEAT_OK;
    }
    groups = groups == 0 ? x->shape[1] : groups;
    const grouping g = {.outer = x->shape[0],
        .channels = x->shape[1],
        .inner = shape_count(x->rank - 2, x->shape + 2),
        .groups = x->shape[0] * groups,
        .per_outer = groups,
        .per_scale = x->shape[1] / scales,
        .inner_scale = 1};
    TRY(two_lists(c, g.groups, &mean, &variance));
    TRY(statistics(c, &g, numbers, x->count, mean, variance));
    const float epsilon = attribute_float(c->node, "epsilon", 1e-5f);
    normalize(&g, numbers, mean, variance, (double)epsilon, scale, bias, y);
    return CLEAT_OK;
}

/* ---- LayerNormalization ---- */

cleat_status layer_norm_read(const call *c, layer_norm *l) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    l->epsilon = attribute_float(c->node, "epsilon", 1e-5f);
    TRY(call_axis(c, attribute_int(c->node, "axis", -1), x->rank, &l->axis));
    switch (attribute_int(c->node, "stash_type", 1)) { /* numbers of ONNX's types */
    case 1:
        l->kept = CLEAT_F32;
        break;
    case 10:
        l->kept = CLEAT_F16;
        break;
    case 11:
        l->kept = CLEAT_F64;
        break;
    case 16:
        l->kept = CLEAT_BF16;
        break;
    default:
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "stash_type %lld",
            (long long)attribute_int(c->node, "stash_type", 1));
    }
    for (int32_t i = 0; i < x->rank; i++) {
        l->kept_shape[i] = i < l->axis ? x->shape[i] : 1;
    }
    return CLEAT_OK;
}

static cleat_status layer_norm_device(call *c) {
    layer_norm l;
    cleat_tensor x, y, scale, bias, mean, inverse;
    TRY(layer_norm_read(c, &l));
    TRY(call_same_types(c, 0, 3));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &scale));
    const bool keeps = call_wants(c, 1) || call_wants(c, 2);
    const cleat_type kept = is_half(x.type) ? CLEAT_F32 : x.type;
    if (l.epsilon <= 0 || (keeps && kept != l.kept)) {
        return CLEAT_UNSUPPORTED;
    }
    cleat_normalization_options options = {.epsilon = l.epsilon, .scale = &scale};
    if (call_has(c, 2)) {
        TRY(call_tensor(c, 2, &bias));
        if (!same_shape(&bias, &scale)) {
            return CLEAT_UNSUPPORTED;
        }
        options.bias = &bias;
    }
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    if (call_wants(c, 1)) {
        TRY(call_output(c, 1, kept, x.rank, l.kept_shape, &mean));
        options.mean = &mean;
    }
    if (call_wants(c, 2)) {
        TRY(call_output(c, 2, kept, x.rank, l.kept_shape, &inverse));
        options.inverse = &inverse;
    }
    return cleat_layer_norm(c->context, x, l.axis, y, &options);
}

/* A parameter broadcast to the axes that are normalised over, of these extents. */
static cleat_status layer_parameter(
    call *c, size_t input, int32_t rank, const int64_t *shape, double **whole) {
    const run_value *v;
    const array *given;
    double *numbers;
    void *memory;
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    int64_t stride[CLEAT_MAX_RANK] = {0}, index[CLEAT_MAX_RANK] = {0}, i = 0;
    TRY(call_input(c, input, &v));
    TRY(call_numbers(c, input, &numbers, &given));
    bool fits = v->rank <= rank;
    for (int32_t k = 1; fits && k <= v->rank; k++) {
        const int64_t extent = v->shape[v->rank - k];
        fits = extent == 1 || extent == shape[rank - k];
    }
    if (!fits) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu is %s, expected %s", input,
            shape_text(v->rank, v->shape, text), shape_text(rank, shape, wanted));
    }
    broadcast_steps(rank, v->rank, v->shape, stride);
    TRY(call_memory(c, shape_count(rank, shape), sizeof **whole, &memory));
    *whole = memory;
    do {
        (*whole)[i++] = numbers[index_offset(rank, index, stride)];
    } while (index_next(rank, shape, index));
    return CLEAT_OK;
}

static cleat_status layer_norm_host(call *c) {
    layer_norm l;
    const array *x;
    array *y, *kept;
    double *numbers, *scale, *bias = NULL, *mean, *variance;
    TRY(layer_norm_read(c, &l));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    for (size_t i = 1; i < 3; i++) {
        if (call_wants(c, i)) {
            TRY(call_output_array(c, i, l.kept, x->rank, l.kept_shape, &kept));
        }
    }
    if (x->count == 0) {
        return CLEAT_OK;
    }
    const int64_t outer = shape_count(l.axis, x->shape);
    const grouping g = {.outer = outer,
        .channels = 1,
        .inner = x->count / outer,
        .groups = outer,
        .per_outer = 1,
        .per_scale = 1,
        .inner_scale = x->count / outer};
    TRY(layer_parameter(c, 1, x->rank - l.axis, x->shape + l.axis, &scale));
    if (call_has(c, 2)) {
        TRY(layer_parameter(c, 2, x->rank - l.axis, x->shape + l.axis, &bias));
    }
    TRY(two_lists(c, outer, &mean, &variance));
    TRY(statistics(c, &g, numbers, x->count, mean, variance));
    normalize(&g, numbers, mean, variance, (double)l.epsilon, scale, bias, y);
    for (int64_t i = 0; i < outer; i++) {
        if (call_wants(c, 1)) {
            array_set_real(c->outputs[1].host, i, mean[i]);
        }
        if (call_wants(c, 2)) {
            array_set_real(c->outputs[2].host, i, 1 / sqrt(variance[i] + (double)l.epsilon));
        }
    }
    return CLEAT_OK;
}

const operator_entry operators_normalization[] = {
    {"BatchNormalization", batch_norm_host, batch_norm_device, 5, 5, false},
    {"InstanceNormalization", group_norm_host, group_norm_device, 3, 3, false},
    {"GroupNormalization", group_norm_host, group_norm_device, 3, 3, false},
    {"LayerNormalization", layer_norm_host, layer_norm_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};
