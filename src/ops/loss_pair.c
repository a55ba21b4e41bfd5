/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include <cleat/loss.h>

static const char *const names[] = {
    "squared", "absolute", "huber", "binary_cross_entropy", "kl_divergence"};

/* Inputs behind x and target: bits of OPERANDS in cl/loss_pair_expression.cl. */
enum { OPERAND_WEIGHT = 1, OPERAND_POSITIVE = 2, OPERAND_GRADIENT = 4, MOST_INPUTS = 5 };

typedef struct problem {
    const char *operation;
    cleat_loss_kind kind;
    cleat_loss_reduction reduction;
    bool log_target;
    float delta;
    int operands, input_count;
    cleat_tensor inputs[MOST_INPUTS]; /* of x's shape */
} problem;

static bool is_known(cleat_loss_kind kind) {
    return (int)kind >= 0 && (size_t)kind < sizeof names / sizeof names[0];
}

const char *cleat_loss_name(cleat_loss_kind kind) {
    return is_known(kind) ? names[kind] : "unknown";
}

/* An operand broadcast to x's shape, where there is one. */
static cleat_status add_operand(
    cleat_context *context, problem *p, const char *name, const cleat_tensor *operand, int bit) {
    if (operand == NULL) {
        return CLEAT_OK;
    }
    REFUSE_IF(p->kind != CLEAT_LOSS_BINARY_CROSS_ENTROPY && bit != OPERAND_GRADIENT,
        CLEAT_INVALID_ARGUMENT, "%s: %s has no %s", p->operation, names[p->kind], name);
    TRY(check_tensor(p->operation, name, context, operand, p->inputs[0].type));
    p->operands |= bit;
    return check_broadcast(
        p->operation, name, operand, "x", &p->inputs[0], &p->inputs[p->input_count++]);
}

/* Fills p from what both directions are given. */
static cleat_status check_inputs(cleat_context *context, problem *p, const cleat_tensor *x,
    const cleat_tensor *target, const cleat_loss_options *options) {
    static const cleat_loss_options defaults = {0};
    cleat_type type;
    options = options != NULL ? options : &defaults;
    TRY(check_context(p->operation, context));
    REFUSE_IF(!is_known(p->kind), CLEAT_INVALID_ARGUMENT, "%s: kind is %d, which is none",
        p->operation, (int)p->kind);
    p->reduction = options->reduction;
    REFUSE_IF((int)p->reduction < CLEAT_LOSS_MEAN || (int)p->reduction > CLEAT_LOSS_NONE,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no reduction", p->operation, (int)p->reduction);
    p->delta = options->delta != 0.0f ? options->delta : 1.0f;
    REFUSE_IF(!(p->delta > 0.0f), CLEAT_INVALID_ARGUMENT, "%s: delta is %g, not above 0",
        p->operation, (double)p->delta);
    p->log_target = p->kind == CLEAT_LOSS_KL_DIVERGENCE && options->log_target;
    TRY(check_float_tensor(p->operation, "x", context, x, &type));
    TRY(check_tensor(p->operation, "target", context, target, type));
    TRY(check_same_shape(p->operation, "target", target, "x", x));
    p->inputs[0] = *x;
    p->inputs[1] = *target;
    p->input_count = 2;
    TRY(add_operand(context, p, "weight", options->weight, OPERAND_WEIGHT));
    return add_operand(context, p, "pos_weight", options->pos_weight, OPERAND_POSITIVE);
}

/* One element of rank 0 or 1, or x's shape when each element has its own. */
static cleat_status check_loss_shape(const problem *p, const char *name, const cleat_tensor *loss) {
    char text[SHAPE_TEXT_SIZE];
    if (p->reduction == CLEAT_LOSS_NONE) {
        return check_same_shape(p->operation, "x", &p->inputs[0], name, loss);
    }
    REFUSE_IF(loss->rank > 1 || cleat_tensor_count(loss) != 1, CLEAT_SHAPE_MISMATCH,
        "%s: %s is %s, wanted one element of rank 0 or 1", p->operation, name,
        shape_text(loss->rank, loss->shape, text));
    return CLEAT_OK;
}

static cleat_status check_result(cleat_context *context, const problem *p, const char *name,
    const cleat_tensor *result, bool may_be_x) {
    static const char *const inputs[] = {"x", "target", "an operand", "an operand", "an operand"};
    TRY(check_output(p->operation, name, context, result, p->inputs[0].type));
    for (int i = 0; i < p->input_count; i++) {
        TRY(check_no_overlap(
            p->operation, inputs[i], &p->inputs[i], name, result, may_be_x && i == 0));
    }
    return CLEAT_OK;
}

static cleat_status run_elementwise(
    cleat_context *context, const problem *p, const cleat_tensor *result, bool gradient) {
    elementwise_pass pass = {.operation = p->operation,
        .family = "loss_pair",
        .input_count = p->input_count,
        .macro_count = 4,
        .parameter_count = 2,
        .real64 = result->type == CLEAT_F64};
    for (int i = 0; i < p->input_count; i++) {
        pass.tensors[i] = p->inputs[i];
    }
    pass.tensors[p->input_count] = *result;
    pass.macros[0] = (kernel_macro){"LOSS", NULL, (int64_t)p->kind};
    pass.macros[1] = (kernel_macro){"LOG_TARGET", NULL, p->log_target};
    pass.macros[2] = (kernel_macro){"OPERANDS", NULL, p->operands};
    pass.macros[3] = (kernel_macro){"GRADIENT", NULL, gradient};
    pass.parameters[0] = p->delta;
    const double count = (double)cleat_tensor_count(&p->inputs[0]);
    pass.parameters[1] = p->reduction == CLEAT_LOSS_MEAN ? 1 / count : 1;
    return elementwise_run(context, &pass);
}

/* A tensor of rank 0 as one of rank 1, since a reduction goes along an axis. */
static cleat_tensor with_axis(cleat_tensor x) {
    if (x.rank == 0) {
        x.rank = 1;
        x.shape[0] = 1;
        x.stride[0] = 0;
    }
    return x;
}

static cleat_status run_reduction(
    cleat_context *context, const problem *p, const cleat_tensor *loss) {
    reduce_pass pass = {.operation = p->operation,
        .family = "loss_pair_reduce",
        .input_count = p->input_count,
        .macro_count = 3,
        .what = REDUCE_SUM,
        .real64 = loss->type == CLEAT_F64,
        .p0 = p->delta};
    for (int i = 0; i < p->input_count; i++) {
        pass.inputs[i] = with_axis(p->inputs[i]);
    }
    const double count = (double)cleat_tensor_count(&p->inputs[0]);
    pass.divisor = p->reduction == CLEAT_LOSS_MEAN ? count : 1;
    pass.output = *loss;
    pass.output.rank = pass.inputs[0].rank;
    for (int32_t axis = 0; axis < pass.output.rank; axis++) {
        pass.output.shape[axis] = 1;
        pass.output.stride[axis] = 0;
        pass.reduced[axis] = true;
    }
    pass.macros[0] = (kernel_macro){"LOSS", NULL, (int64_t)p->kind};
    pass.macros[1] = (kernel_macro){"LOG_TARGET", NULL, p->log_target};
    pass.macros[2] = (kernel_macro){"OPERANDS", NULL, p->operands};
    return reduce_run(context, &pass);
}

cleat_status cleat_loss(cleat_context *context, cleat_loss_kind kind, cleat_tensor x,
    cleat_tensor target, cleat_tensor loss, const cleat_loss_options *options) {
    problem p = {.operation = "loss", .kind = kind};
    TRY(check_inputs(context, &p, &x, &target, options));
    TRY(check_result(context, &p, "loss", &loss, false));
    TRY(check_loss_shape(&p, "loss", &loss));
    TRY(variant_require(context, p.operation, names[p.kind], verify_loss));
    return p.reduction == CLEAT_LOSS_NONE ? run_elementwise(context, &p, &loss, false)
                                          : run_reduction(context, &p, &loss);
}

cleat_status cleat_loss_backward(cleat_context *context, cleat_loss_kind kind, cleat_tensor x,
    cleat_tensor target, const cleat_tensor *dloss, cleat_tensor dx,
    const cleat_loss_options *options) {
    problem p = {.operation = "loss_backward", .kind = kind};
    TRY(check_inputs(context, &p, &x, &target, options));
    if (dloss != NULL) {
        TRY(check_tensor(p.operation, "dloss", context, dloss, x.type));
        TRY(check_loss_shape(&p, "dloss", dloss));
    }
    TRY(add_operand(context, &p, "dloss", dloss, OPERAND_GRADIENT));
    TRY(check_result(context, &p, "dx", &dx, true));
    TRY(check_same_shape(p.operation, "x", &x, "dx", &dx));
    TRY(variant_require(context, p.operation, names[p.kind], verify_loss_backward));
    return run_elementwise(context, &p, &dx, true);
}
