/* SPDX-License-Identifier: Apache-2.0 */
/* From a caller's convolution to a problem, and the refusals of everything that does not fit. */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include "ops/gemm_units.h"
#include "ops/types.h"

/* What x, w and y of the convolution are called in messages, by direction. */
static const char *const operand_names[2][3][3] = {
    {{"x", "w", "y"}, {"dx", "w", "dy"}, {"x", "dw", "dy"}},
    {{"dy", "w", "dx"}, {"y", "w", "x"}, {"dy", "dw", "x"}},
};
static const int output_of[3] = {2, 0, 1};

/* Whether the result is what the caller's forward function gives. */
static bool is_forward(const conv_call *call) {
    return call->direction ==
           (call->transposed ? CLEAT_CONV2D_BACKWARD_DATA : CLEAT_CONV2D_FORWARD);
}

static cleat_status check_operands(cleat_context *context, const conv_call *call) {
    const cleat_tensor *operand[3] = {&call->x, &call->w, &call->y};
    const char *const *name = operand_names[call->transposed][call->direction];
    const int output = output_of[call->direction];
    const cleat_tensor *first = call->direction == CLEAT_CONV2D_BACKWARD_DATA ? &call->y : &call->x;
    cleat_type type;
    TRY(check_float_type(call->operation, context, first, &type));
    for (int i = 0; i < 3; i++) {
        TRY(i == output ? check_output(call->operation, name[i], context, operand[i], type)
                        : check_tensor(call->operation, name[i], context, operand[i], type));
        TRY(check_rank(call->operation, name[i], operand[i], call->axes + 2));
    }
    for (int i = 0; i < 3; i++) {
        if (i != output) {
            TRY(check_no_overlap(
                call->operation, name[i], operand[i], name[output], operand[output], false));
        }
    }
    return CLEAT_OK;
}

/* The result of the caller's forward function has the shape that its inputs make. */
static cleat_status check_result_shape(const conv_call *call, const conv_geometry *g) {
    const char *const *name = operand_names[call->transposed][call->direction];
    const int from = call->transposed ? 2 : 0, to = 2 - from;
    const cleat_tensor *input = call->transposed ? &call->y : &call->x;
    const cleat_tensor *result = call->transposed ? &call->x : &call->y;
    const int rank = call->axes + 2;
    int64_t want[CONV_MAX_RANK];
    TRY(conv_result_shape(g, input->shape, call->w.shape, want));
    for (int axis = 0; axis < rank; axis++) {
        char got_text[SHAPE_TEXT_SIZE], want_text[SHAPE_TEXT_SIZE];
        REFUSE_IF(result->shape[axis] != want[axis], CLEAT_SHAPE_MISMATCH,
            "%s: %s is %s, but %s and %s make it %s", call->operation, name[to],
            shape_text(rank, result->shape, got_text), name[from], name[1],
            shape_text(rank, want, want_text));
    }
    return CLEAT_OK;
}

static cleat_status check_bias(cleat_context *context, const char *operation,
    const cleat_tensor *bias, const cleat_tensor *result) {
    TRY(check_tensor(operation, "bias", context, bias, result->type));
    TRY(check_rank(operation, "bias", bias, 1));
    REFUSE_IF(bias->shape[0] != result->shape[1], CLEAT_SHAPE_MISMATCH,
        "%s: bias has %lld elements, the weight %lld output channels", operation,
        (long long)bias->shape[0], (long long)result->shape[1]);
    return check_no_overlap(operation, "bias", bias, "y", result, false);
}

static cleat_status check_forward_options(
    cleat_context *context, const conv_call *call, conv2d_problem *p) {
    const cleat_conv2d_options *options = call->options;
    const cleat_tensor *result = call->transposed ? &call->x : &call->y;
    p->bias = options->bias;
    TRY(activation_choose(
        p->operation, options->activation, options->activation_parameters, &p->activation));
    if (!call->transposed) {
        TRY(check_packed(p->operation, "w", options->packed_w, &p->w));
        const cleat_packed *packed = options->packed_w;
        if (packed && packed->panels && packed->layout[0] == p->groups) {
            *(packed->layout[1] ? &p->packed_windows : &p->packed_w) = packed;
        }
    }
    if (options->residual != NULL) {
        TRY(check_broadcast_input(p->operation, "residual", context, options->residual,
            result->type, result, true, &p->residual));
    }
    return p->bias ? check_bias(context, p->operation, p->bias, result) : CLEAT_OK;
}

void conv2d_as_images(cleat_tensor *t) {
    if (t->rank == 3) {
        t->shape[3] = t->shape[2];
        t->stride[3] = t->stride[2];
        t->shape[2] = 1;
        if (!checked_mul(t->shape[3], t->stride[3], &t->stride[2])) {
            t->stride[2] = 0;
        }
    } else if (t->rank == 5) {
        for (int axis = 2; axis < 4; axis++) {
            t->shape[axis] = t->shape[axis + 1];
            t->stride[axis] = t->stride[axis + 1];
        }
    }
    t->rank = 4;
}

/* Of the caller's tensors, before they become images. */
static conv2d_depth depth_of(const conv2d_problem *p, const conv_geometry *g) {
    if (g->axes < 3) {
        return (conv2d_depth){.x = 1, .w = 1, .y = 1, .stride = 1, .dilation = 1};
    }
    return (conv2d_depth){.x = p->x.shape[2],
        .w = p->w.shape[2],
        .y = p->y.shape[2],
        .x_stride = p->x.stride[2],
        .w_stride = p->w.stride[2],
        .y_stride = p->y.stride[2],
        .stride = g->stride[0],
        .before = g->before[0],
        .dilation = g->dilation[0]};
}

/* The caller's axes are the last of the problem's. A transposed convolution's output padding is
 * that much less padding behind, but for what the floor in the number of windows leaves out. */
static void set_windows(conv2d_problem *p, const conv_geometry *g) {
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        const int i = axis + g->axes - 2;
        p->stride[axis] = i < 0 ? 1 : g->stride[i];
        p->dilation[axis] = i < 0 ? 1 : g->dilation[i];
        p->padding[axis] = i < 0 ? 0 : g->before[i];
        p->padding[axis + 2] = i < 0 ? 0 : g->after[i];
        if (i >= 0) {
            p->padding[axis + 2] -= g->output_padding[i] - g->output_padding[i] % g->stride[i];
        }
    }
}

cleat_status conv_check(cleat_context *context, const conv_call *call, conv2d_problem *problem) {
    conv_geometry g;
    *problem = (conv2d_problem){.operation = call->operation,
        .direction = call->direction,
        .x = call->x,
        .w = call->w,
        .y = call->y};
    TRY(check_context(call->operation, context));
    TRY(conv_geometry_read(call->operation, call->axes, call->transposed, &call->windows, &g));
    TRY(check_operands(context, call));
    TRY(check_compute(call->operation, call->options->compute));
    TRY(check_result_shape(call, &g));
    problem->groups = g.groups;
    if (is_forward(call)) {
        TRY(check_forward_options(context, call, problem));
    } else {
        problem->accumulate = call->options->accumulate;
    }
    problem->sparse =
        !call->transposed && (call->direction == CLEAT_CONV2D_FORWARD ? call->options->sparse_x
                                                                      : call->options->sparse_dy);
    problem->winograd = call->options->winograd;
    const bool has_residual = problem->residual.buffer != NULL;
    problem->index64 = tensor_needs_index64(&call->x) || tensor_needs_index64(&call->w) ||
                       tensor_needs_index64(&call->y) ||
                       (problem->bias != NULL && tensor_needs_index64(problem->bias)) ||
                       (has_residual && tensor_needs_index64(&problem->residual));
    problem->deep = call->axes == 3;
    cleat_tensor *const tensors[] = {&problem->x, &problem->w, &problem->y, &problem->residual};
    const int count = has_residual ? 4 : 3;
    for (int i = 0; i < count; i++) {
        tensor_settle(tensors[i]);
    }
    problem->depth = depth_of(problem, &g);
    for (int i = 0; i < count; i++) {
        conv2d_as_images(tensors[i]);
    }
    set_windows(problem, &g);
    problem->group_channels = problem->w.shape[1];
    problem->group_outputs = problem->w.shape[0] / g.groups;
    return CLEAT_OK;
}
