/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/transfer.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <cleat/compare.h>
#include <string.h>

/* Values of CHOICE in cl/compare.cl */
typedef enum choice {
    CHOICE_EQUAL,
    CHOICE_NOT_EQUAL,
    CHOICE_LESS,
    CHOICE_LESS_EQUAL,
    CHOICE_AND,
    CHOICE_OR,
    CHOICE_XOR,
    CHOICE_NOT,
    CHOICE_WHERE,
    CHOICE_KEEP_WHERE,
    CHOICE_KEEP_ELSE,
    CHOICE_IS_TRUE
} choice;

/* Types whose elements the kernels need not tell apart are made one, so that there are fewer: by
 * their size where elements are moved ... */
static cleat_type moved_as(cleat_type type) {
    switch (cleat_type_size(type)) {
    case 1:
        return CLEAT_U8;
    case 2:
        return CLEAT_U16;
    case 8:
        return CLEAT_I64;
    default:
        return CLEAT_I32;
    }
}

/* ... and where it does not matter whether a whole number has a sign. */
static cleat_type signless(cleat_type type) {
    return type_is_floating(type) ? type : moved_as(type);
}

/* bool is a byte to the kernels. */
static cleat_type numbered(cleat_type type) {
    return type == CLEAT_BOOL ? CLEAT_U8 : type;
}

static elementwise_pass begin_pass(const char *operation, choice what, int input_count) {
    return (elementwise_pass){.operation = operation,
        .family = "compare",
        .input_count = input_count,
        .macro_count = 1,
        .macros = {{"CHOICE", NULL, (int64_t)what}}};
}

/* An input of the given type broadcast to y's shape, into the pass; y may be it. */
static cleat_status add_input(cleat_context *context, const char *name, const cleat_tensor *x,
    cleat_type type, const cleat_tensor *y, elementwise_pass *pass, int at) {
    return check_broadcast_input(
        pass->operation, name, context, x, type, y, true, &pass->tensors[at]);
}

static cleat_status add_output(
    cleat_context *context, const cleat_tensor *y, cleat_type type, elementwise_pass *pass) {
    TRY(check_output(pass->operation, "y", context, y, type));
    pass->tensors[pass->input_count] = *y;
    return CLEAT_OK;
}

cleat_status cleat_compare(cleat_context *context, cleat_comparison comparison, cleat_tensor a,
    cleat_tensor b, cleat_tensor y) {
    static const choice choices[] = {CHOICE_EQUAL, CHOICE_NOT_EQUAL, CHOICE_LESS, CHOICE_LESS_EQUAL,
        CHOICE_LESS, CHOICE_LESS_EQUAL};
    const char *operation = "compare";
    TRY(check_context(operation, context));
    REFUSE_IF((int)comparison < CLEAT_EQUAL || comparison > CLEAT_GREATER_EQUAL,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no comparison", operation, (int)comparison);
    elementwise_pass pass = begin_pass(operation, choices[comparison], 2);
    const bool swapped = comparison >= CLEAT_GREATER;
    TRY(add_output(context, &y, CLEAT_BOOL, &pass));
    TRY(add_input(context, "a", &a, 0, &y, &pass, swapped));
    TRY(add_input(context, "b", &b, a.type, &y, &pass, !swapped));
    TRY(check_type_works(operation, context, a.type));
    for (int i = 0; i < 2; i++) {
        pass.tensors[i].type = comparison <= CLEAT_NOT_EQUAL ? signless(a.type) : numbered(a.type);
    }
    return elementwise_run(context, &pass);
}

cleat_status cleat_logical(
    cleat_context *context, cleat_logic operation, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    TRY(check_context("logical", context));
    REFUSE_IF((int)operation < CLEAT_AND || operation > CLEAT_XOR, CLEAT_INVALID_ARGUMENT,
        "logical: %d is no operation", (int)operation);
    elementwise_pass pass = begin_pass("logical", (choice)(CHOICE_AND + (int)operation), 2);
    TRY(add_output(context, &y, CLEAT_BOOL, &pass));
    TRY(add_input(context, "a", &a, CLEAT_BOOL, &y, &pass, 0));
    TRY(add_input(context, "b", &b, CLEAT_BOOL, &y, &pass, 1));
    return elementwise_run(context, &pass);
}

cleat_status cleat_logical_not(cleat_context *context, cleat_tensor x, cleat_tensor y) {
    elementwise_pass pass = begin_pass("logical_not", CHOICE_NOT, 1);
    TRY(check_context(pass.operation, context));
    TRY(add_output(context, &y, CLEAT_BOOL, &pass));
    TRY(add_input(context, "x", &x, CLEAT_BOOL, &y, &pass, 0));
    return elementwise_run(context, &pass);
}

cleat_status cleat_where(cleat_context *context, cleat_tensor condition, cleat_tensor a,
    cleat_tensor b, cleat_tensor y) {
    elementwise_pass pass = begin_pass("where", CHOICE_WHERE, 3);
    TRY(check_context(pass.operation, context));
    TRY(add_output(context, &y, 0, &pass));
    TRY(add_input(context, "condition", &condition, CLEAT_BOOL, &y, &pass, 0));
    TRY(add_input(context, "a", &a, y.type, &y, &pass, 1));
    TRY(add_input(context, "b", &b, y.type, &y, &pass, 2));
    for (int i = 1; i < 4; i++) {
        pass.tensors[i].type = moved_as(y.type);
    }
    return elementwise_run(context, &pass);
}

/* ---- Gradients of where ---- */

/* Launches and scratch memory of one gradient. */
typedef struct gradient_plan {
    launch launches[1 + REDUCE_MAX_LAUNCHES];
    int count;
    void *spread, *partial;
} gradient_plan;

/* dx = the elements of `pass`, whose output is to be filled in, summed over the axes that dx lacks.
 */
static cleat_status plan_gradient(
    cleat_context *context, elementwise_pass *pass, const cleat_tensor *dx, gradient_plan *plan) {
    const cleat_tensor *dy = &pass->tensors[1];
    reduce_pass sum = {.operation = pass->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .real64 = dy->type == CLEAT_F64,
        .divisor = 1,
        .output = tensor_with_rank(dx, dy->rank),
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    bool any = false;
    for (int32_t axis = 0; axis < dy->rank; axis++) {
        sum.reduced[axis] = sum.output.shape[axis] != dy->shape[axis];
        any = any || sum.reduced[axis];
    }
    if (cleat_tensor_count(dx) == 0) {
        return CLEAT_OK;
    }
    if (!any) {
        pass->tensors[2] = sum.output;
        return elementwise_plan(context, pass, &plan->launches[plan->count++]);
    }
    TRY(tensor_row_major(pass->operation, dy->type, dy->rank, dy->shape, &sum.inputs[0]));
    const size_t bytes = (size_t)cleat_tensor_count(dy) * cleat_type_size(dy->type);
    TRY(scratch_acquire(context, bytes > 0 ? bytes : sizeof(double), &plan->spread));
    sum.input_memory[0] = plan->spread;
    if (bytes > 0) {
        pass->tensors[2] = sum.inputs[0];
        pass->memory[2] = plan->spread;
        TRY(elementwise_plan(context, pass, &plan->launches[plan->count++]));
    }
    return reduce_plan(context, &sum, plan->launches, &plan->count, &plan->partial);
}

static cleat_status check_gradient(cleat_context *context, const char *name, const cleat_tensor *dx,
    const cleat_tensor *condition, const cleat_tensor *dy) {
    const char *operation = "where_backward";
    cleat_tensor wide;
    TRY(check_output(operation, name, context, dx, dy->type));
    TRY(check_broadcast(operation, name, dx, "dy", dy, &wide));
    TRY(check_no_overlap(operation, "condition", condition, name, dx, false));
    return check_no_overlap(operation, "dy", dy, name, dx, false);
}

cleat_status cleat_where_backward(cleat_context *context, cleat_tensor condition, cleat_tensor dy,
    const cleat_tensor *da, const cleat_tensor *db) {
    const char *operation = "where_backward";
    const cleat_tensor *outputs[] = {da, db};
    gradient_plan plans[2] = {{.count = 0}, {.count = 0}};
    cleat_tensor wide;
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "condition", context, &condition, CLEAT_BOOL));
    TRY(check_float_tensor(operation, "dy", context, &dy, &type));
    TRY(check_broadcast(operation, "condition", &condition, "dy", &dy, &wide));
    for (int i = 0; i < 2; i++) {
        if (outputs[i] != NULL) {
            TRY(check_gradient(context, i == 0 ? "da" : "db", outputs[i], &condition, &dy));
        }
    }
    if (da != NULL && db != NULL) {
        TRY(check_no_overlap(operation, "da", da, "db", db, false));
    }
    cleat_status status = CLEAT_OK;
    launch launches[2 * (1 + REDUCE_MAX_LAUNCHES)];
    int count = 0;
    for (int i = 0; i < 2 && status == CLEAT_OK; i++) {
        if (outputs[i] != NULL) {
            elementwise_pass pass =
                begin_pass(operation, i == 0 ? CHOICE_KEEP_WHERE : CHOICE_KEEP_ELSE, 2);
            pass.tensors[0] = wide;
            pass.tensors[1] = dy;
            status = plan_gradient(context, &pass, outputs[i], &plans[i]);
            memcpy(&launches[count], plans[i].launches, (size_t)plans[i].count * sizeof(launch));
            count += plans[i].count;
        }
    }
    if (status == CLEAT_OK && count > 0) {
        status = launch_all(context, launches, count);
    }
    for (int i = 0; i < 2; i++) {
        scratch_release(context, plans[i].partial);
        scratch_release(context, plans[i].spread);
    }
    return status;
}

/* ---- Cast ---- */

/* Whether y's elements are the same bits as x's. */
static bool moves_bits(cleat_type from, cleat_type to) {
    return from == to || (!type_is_floating(from) && !type_is_floating(to) && to != CLEAT_BOOL &&
                             cleat_type_size(from) == cleat_type_size(to));
}

/* The kernel's types: a whole number's sign counts where it becomes a real or a longer one. */
static void cast_types(elementwise_pass *pass) {
    cleat_type *from = &pass->tensors[0].type;
    cleat_type *to = &pass->tensors[1].type;
    if (*to == CLEAT_BOOL ||
        (!type_is_floating(*to) && cleat_type_size(*from) > cleat_type_size(*to))) {
        *from = signless(*from);
    }
    *from = numbered(*from);
    if (!type_is_floating(*from) && !type_is_floating(*to) && *to != CLEAT_BOOL) {
        *to = signless(*to);
    }
}

cleat_status cleat_cast(cleat_context *context, cleat_tensor x, cleat_tensor y) {
    const char *operation = "cast";
    cleat_tensor wide;
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "x", context, &x, 0));
    TRY(check_output(operation, "y", context, &y, 0));
    TRY(check_broadcast(operation, "x", &x, "y", &y, &wide));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    if (moves_bits(x.type, y.type)) {
        wide.type = y.type;
        return transfer_elements(context, operation, &wide, NULL, &y, NULL);
    }
    TRY(check_type_works(operation, context, x.type));
    TRY(check_type_works(operation, context, y.type));
    elementwise_pass pass = begin_pass(operation, CHOICE_IS_TRUE, 1);
    if (y.type != CLEAT_BOOL) {
        pass.family = "cast";
        pass.macro_count = 0;
    }
    pass.tensors[0] = wide;
    pass.tensors[1] = y;
    cast_types(&pass);
    return elementwise_run(context, &pass);
}
