/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of a convolution, and the refusals of everything that does not fit. */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"

typedef struct geometry {
    int64_t stride[2], padding[4], dilation[2], groups;
} geometry;

static cleat_status read_geometry(
    const char *operation, const cleat_conv2d_options *options, geometry *out) {
    static const cleat_conv2d_options defaults;
    const cleat_conv2d_options *o = options ? options : &defaults;
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        REFUSE_IF(o->stride[axis] < 0, CLEAT_INVALID_ARGUMENT, "%s: stride is [%lld, %lld]",
            operation, (long long)o->stride[ROWS], (long long)o->stride[COLUMNS]);
        REFUSE_IF(o->dilation[axis] < 0, CLEAT_INVALID_ARGUMENT, "%s: dilation is [%lld, %lld]",
            operation, (long long)o->dilation[ROWS], (long long)o->dilation[COLUMNS]);
        out->stride[axis] = o->stride[axis] ? o->stride[axis] : 1;
        out->dilation[axis] = o->dilation[axis] ? o->dilation[axis] : 1;
    }
    for (int side = 0; side < 4; side++) {
        REFUSE_IF(o->padding[side] < 0, CLEAT_INVALID_ARGUMENT,
            "%s: padding is [%lld, %lld, %lld, %lld]: negative", operation,
            (long long)o->padding[0], (long long)o->padding[1], (long long)o->padding[2],
            (long long)o->padding[3]);
        out->padding[side] = o->padding[side];
    }
    REFUSE_IF(o->groups < 0, CLEAT_INVALID_ARGUMENT, "%s: groups is %lld", operation,
        (long long)o->groups);
    out->groups = o->groups ? o->groups : 1;
    return CLEAT_OK;
}

/* How many windows fit along one axis. */
static cleat_status window_count(const char *operation, const geometry *g, int axis, int64_t extent,
    int64_t kernel, int64_t *count) {
    static const char *const direction[] = {"high", "wide"};
    int64_t padded, span;
    bool fits = checked_add(extent, g->padding[axis], &padded) &&
                checked_add(padded, g->padding[axis + 2], &padded) &&
                checked_mul(g->dilation[axis], kernel - 1, &span) && checked_add(span, 1, &span);
    REFUSE_IF(!fits, CLEAT_SIZE_OVERFLOW, "%s: padding or dilation leaves the range of 64 bits",
        operation);
    REFUSE_IF(span > padded, CLEAT_SHAPE_MISMATCH,
        "%s: window is %lld %s, the padded input only %lld", operation, (long long)span,
        direction[axis], (long long)padded);
    *count = (padded - span) / g->stride[axis] + 1;
    return CLEAT_OK;
}

static cleat_status check_channels(
    const char *operation, const int64_t x[4], const int64_t w[4], int64_t groups) {
    REFUSE_IF(x[1] % groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: input has %lld channels, not a multiple of %lld groups", operation, (long long)x[1],
        (long long)groups);
    REFUSE_IF(w[1] != x[1] / groups, CLEAT_SHAPE_MISMATCH,
        "%s: weight has %lld input channels per group, input has %lld channels in %lld groups "
        "(%lld per group)",
        operation, (long long)w[1], (long long)x[1], (long long)groups, (long long)(x[1] / groups));
    REFUSE_IF(w[0] % groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: weight has %lld output channels, not a multiple of %lld groups", operation,
        (long long)w[0], (long long)groups);
    REFUSE_IF(w[2] == 0 || w[3] == 0, CLEAT_SHAPE_MISMATCH,
        "%s: weight has a window of %lld x %lld", operation, (long long)w[2], (long long)w[3]);
    return CLEAT_OK;
}

static cleat_status result_shape(const char *operation, const int64_t x[4], const int64_t w[4],
    const geometry *g, int64_t y[4]) {
    char x_text[SHAPE_TEXT_SIZE], w_text[SHAPE_TEXT_SIZE];
    for (int axis = 0; axis < 4; axis++) {
        REFUSE_IF(x[axis] < 0 || w[axis] < 0, CLEAT_INVALID_ARGUMENT,
            "%s: negative extent in input %s or weight %s", operation, shape_text(4, x, x_text),
            shape_text(4, w, w_text));
    }
    TRY(check_channels(operation, x, w, g->groups));
    y[0] = x[0];
    y[1] = w[0];
    TRY(window_count(operation, g, ROWS, x[2], w[2], &y[2]));
    return window_count(operation, g, COLUMNS, x[3], w[3], &y[3]);
}

cleat_status cleat_conv2d_shape(const int64_t x_shape[4], const int64_t w_shape[4],
    const cleat_conv2d_options *options, int64_t y_shape[4]) {
    REFUSE_IF(
        !x_shape || !w_shape || !y_shape, CLEAT_INVALID_ARGUMENT, "conv2d_shape: a shape is NULL");
    geometry g;
    int64_t y[4];
    TRY(read_geometry("conv2d_shape", options, &g));
    TRY(result_shape("conv2d_shape", x_shape, w_shape, &g, y));
    for (int axis = 0; axis < 4; axis++) {
        y_shape[axis] = y[axis];
    }
    return CLEAT_OK;
}

static cleat_status check_bias(
    cleat_context *context, const conv2d_problem *p, const cleat_tensor *bias) {
    TRY(check_tensor(p->operation, "bias", context, bias, CLEAT_F32));
    TRY(check_rank(p->operation, "bias", bias, 1));
    REFUSE_IF(bias->shape[0] != p->w.shape[0], CLEAT_SHAPE_MISMATCH,
        "%s: bias has %lld elements, the weight %lld output channels", p->operation,
        (long long)bias->shape[0], (long long)p->w.shape[0]);
    return check_no_overlap(p->operation, "bias", bias, "y", &p->y, false);
}

/* What x, w and y are called in messages, by direction. */
static const char *const operand_name[3][3] = {
    {"x", "w", "y"},
    {"dx", "w", "dy"},
    {"x", "dw", "dy"},
};

static cleat_status check_operands(cleat_context *context, const conv2d_problem *p) {
    static const int output_of[3] = {2, 0, 1};
    const cleat_tensor *operand[3] = {&p->x, &p->w, &p->y};
    const char *const *name = operand_name[p->direction];
    const int output = output_of[p->direction];
    for (int i = 0; i < 3; i++) {
        TRY(i == output ? check_output(p->operation, name[i], context, operand[i], CLEAT_F32)
                        : check_tensor(p->operation, name[i], context, operand[i], CLEAT_F32));
        TRY(check_rank(p->operation, name[i], operand[i], 4));
    }
    for (int i = 0; i < 3; i++) {
        if (i != output) {
            TRY(check_no_overlap(
                p->operation, name[i], operand[i], name[output], operand[output], false));
        }
    }
    return CLEAT_OK;
}

static cleat_status check_result_shape(const conv2d_problem *p, const geometry *g) {
    const char *const *name = operand_name[p->direction];
    int64_t want[4];
    TRY(result_shape(p->operation, p->x.shape, p->w.shape, g, want));
    for (int axis = 0; axis < 4; axis++) {
        char got_text[SHAPE_TEXT_SIZE], want_text[SHAPE_TEXT_SIZE];
        REFUSE_IF(p->y.shape[axis] != want[axis], CLEAT_SHAPE_MISMATCH,
            "%s: %s is %s, but %s and %s make it %s", p->operation, name[2],
            shape_text(4, p->y.shape, got_text), name[0], name[1], shape_text(4, want, want_text));
    }
    return CLEAT_OK;
}

static cleat_status check_forward_options(
    cleat_context *context, const cleat_conv2d_options *options, conv2d_problem *p) {
    p->bias = options->bias;
    TRY(activation_choose(
        p->operation, options->activation, options->activation_parameters, &p->activation));
    TRY(check_packed(p->operation, "w", options->packed_w, &p->w));
    const cleat_packed *packed = options->packed_w;
    const int64_t groups = options->groups ? options->groups : 1;
    p->packed_w = packed && packed->panels && packed->layout[0] == groups ? packed : NULL;
    return p->bias ? check_bias(context, p, p->bias) : CLEAT_OK;
}

cleat_status conv2d_check(cleat_context *context, cleat_conv2d_direction direction, cleat_tensor x,
    cleat_tensor w, cleat_tensor y, const cleat_conv2d_options *options, conv2d_problem *problem) {
    static const char *const operation[] = {
        "conv2d", "conv2d_backward_data", "conv2d_backward_weights"};
    geometry g;
    *problem = (conv2d_problem){
        .operation = operation[direction], .direction = direction, .x = x, .w = w, .y = y};
    TRY(check_context(problem->operation, context));
    TRY(read_geometry(problem->operation, options, &g));
    TRY(check_operands(context, problem));
    TRY(check_result_shape(problem, &g));
    if (options && direction == CLEAT_CONV2D_FORWARD) {
        TRY(check_forward_options(context, options, problem));
    }
    problem->accumulate = options && direction != CLEAT_CONV2D_FORWARD && options->accumulate;
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        problem->stride[axis] = g.stride[axis];
        problem->dilation[axis] = g.dilation[axis];
        problem->padding[axis] = g.padding[axis];
        problem->padding[axis + 2] = g.padding[axis + 2];
    }
    problem->groups = g.groups;
    problem->group_channels = w.shape[1];
    problem->group_outputs = w.shape[0] / g.groups;
    problem->index64 =
        tensor_needs_index64(&x) || tensor_needs_index64(&w) || tensor_needs_index64(&y);
    return CLEAT_OK;
}
