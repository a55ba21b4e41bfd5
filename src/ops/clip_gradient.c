/* SPDX-License-Identifier: Apache-2.0 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <cleat/optimizer.h>
#include <math.h>
#include <stdio.h>

static const char *const operation = "clip_gradient_norm";

/* REDUCE_VALUE of cl/reduce.cl */
enum { VALUE_ELEMENT = 0, VALUE_SQUARE = 3 };

enum { NAME_SIZE = 32, LAUNCHES_OF_ONE = REDUCE_MAX_LAUNCHES + 1 };

static cleat_status check(cleat_context *context, int32_t count, const cleat_tensor *gradients,
    float max_norm, const cleat_tensor *total_norm) {
    char name[NAME_SIZE];
    char other[NAME_SIZE];
    const cleat_tensor *first = count > 0 && gradients != NULL ? gradients : total_norm;
    cleat_type type = CLEAT_F32;
    TRY(check_context(operation, context));
    if (first != NULL) {
        TRY(check_real_type(operation, context, first, &type));
    }
    REFUSE_IF(count < 0, CLEAT_INVALID_ARGUMENT, "%s: count is %d", operation, (int)count);
    REFUSE_IF(count > 0 && gradients == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: gradients is NULL, count is %d", operation, (int)count);
    REFUSE_IF(!(max_norm >= 0), CLEAT_INVALID_ARGUMENT, "%s: max_norm is %g, must not be negative",
        operation, (double)max_norm);
    if (total_norm != NULL) {
        TRY(check_output(operation, "total_norm", context, total_norm, type));
        REFUSE_IF(cleat_tensor_count(total_norm) != 1, CLEAT_SHAPE_MISMATCH,
            "%s: total_norm has %lld elements, must have one", operation,
            (long long)cleat_tensor_count(total_norm));
    }
    for (int32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "gradient %d", (int)i);
        TRY(check_output(operation, name, context, &gradients[i], type));
        for (int32_t k = 0; k < i; k++) {
            snprintf(other, sizeof other, "gradient %d", (int)k);
            TRY(check_no_overlap(operation, other, &gradients[k], name, &gradients[i], false));
        }
        if (total_norm != NULL) {
            TRY(check_no_overlap(operation, name, &gradients[i], "total_norm", total_norm, false));
        }
    }
    return CLEAT_OK;
}

/* Everything that the call enqueues, and the memory that it needs meanwhile. */
typedef struct clipping {
    launch *launches;
    int launch_count;
    void **scratch; /* of each sum */
    int scratch_count;
    void *squares; /* a sum of each gradient, then the norm */
    cleat_type type;
} clipping;

/* A row-major tensor without a buffer. */
static cleat_tensor numbers_at(cleat_type type, int64_t offset, int64_t count) {
    return (cleat_tensor){
        .type = type, .offset = offset, .rank = 1, .shape = {count}, .stride = {1}};
}

static cleat_status plan_sum(
    cleat_context *context, clipping *c, const cleat_tensor *gradient, int64_t place) {
    reduce_pass pass = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {*gradient},
        .output = *gradient,
        .output_memory = c->squares,
        .real64 = c->type == CLEAT_F64,
        .divisor = 1,
        .macros = {{"REDUCE_VALUE", NULL, VALUE_SQUARE}}};
    pass.output.offset = place;
    for (int32_t axis = 0; axis < gradient->rank; axis++) {
        pass.reduced[axis] = true;
        pass.output.shape[axis] = 1;
        pass.output.stride[axis] = 0;
    }
    return reduce_plan(
        context, &pass, c->launches, &c->launch_count, &c->scratch[c->scratch_count++]);
}

/* The root of the sums' sum goes behind them, or to `total_norm`. */
static cleat_status plan_norm(
    cleat_context *context, clipping *c, int32_t count, const cleat_tensor *total_norm) {
    reduce_pass pass = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {numbers_at(c->type, 0, count)},
        .input_memory = {c->squares},
        .reduced = {true},
        .output = numbers_at(c->type, count, 1),
        .output_memory = c->squares,
        .root = ROOT_SQUARE,
        .real64 = c->type == CLEAT_F64,
        .divisor = 1,
        .macros = {{"REDUCE_VALUE", NULL, VALUE_ELEMENT}}};
    if (total_norm != NULL) {
        pass.output.buffer = total_norm->buffer;
        pass.output.offset = total_norm->offset;
        pass.output_memory = NULL;
    }
    return reduce_plan(
        context, &pass, c->launches, &c->launch_count, &c->scratch[c->scratch_count++]);
}

static cleat_status plan_scaling(cleat_context *context, clipping *c, int32_t count,
    const cleat_tensor *gradient, float max_norm, const cleat_tensor *total_norm) {
    elementwise_pass pass = {.operation = operation,
        .family = "clip_gradient",
        .input_count = 2,
        .parameter_count = 1,
        .real64 = c->type == CLEAT_F64,
        .tensors = {*gradient, *gradient, *gradient},
        .parameters = {max_norm}};
    for (int32_t axis = 0; axis < gradient->rank; axis++) {
        pass.tensors[1].stride[axis] = 0;
    }
    pass.tensors[1].buffer = total_norm != NULL ? total_norm->buffer : NULL;
    pass.tensors[1].offset = total_norm != NULL ? total_norm->offset : count;
    pass.memory[1] = total_norm != NULL ? NULL : c->squares;
    return elementwise_plan(context, &pass, &c->launches[c->launch_count++]);
}

static cleat_status plan(cleat_context *context, clipping *c, int32_t count,
    const cleat_tensor *gradients, float max_norm, const cleat_tensor *total_norm) {
    int32_t filled = 0;
    TRY(scratch_acquire(context, ((size_t)count + 1) * cleat_type_size(c->type), &c->squares));
    for (int32_t i = 0; i < count; i++) {
        if (cleat_tensor_count(&gradients[i]) > 0) {
            TRY(plan_sum(context, c, &gradients[i], filled++));
        }
    }
    TRY(plan_norm(context, c, filled, total_norm));
    for (int32_t i = 0; i < count; i++) {
        if (cleat_tensor_count(&gradients[i]) > 0) {
            TRY(plan_scaling(context, c, filled, &gradients[i], max_norm, total_norm));
        }
    }
    return CLEAT_OK;
}

cleat_status cleat_clip_gradient_norm(cleat_context *context, int32_t count,
    const cleat_tensor *gradients, float max_norm, const cleat_tensor *total_norm) {
    TRY(check(context, count, gradients, max_norm, total_norm));
    const size_t places = ((size_t)count + 1) * LAUNCHES_OF_ONE;
    clipping c = {memory_allocate(places * sizeof *c.launches), 0,
        memory_allocate_zeroed(places, sizeof *c.scratch), 0, NULL,
        count > 0            ? gradients[0].type
        : total_norm != NULL ? total_norm->type
                             : CLEAT_F32};
    cleat_status status = CLEAT_OK;
    if (c.launches == NULL || c.scratch == NULL) {
        status = status_set(
            CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory for %d gradients", operation, (int)count);
    }
    if (status == CLEAT_OK) {
        status = plan(context, &c, count, gradients, max_norm, total_norm);
    }
    if (status == CLEAT_OK) {
        status = launch_all(context, c.launches, c.launch_count);
    }
    for (int i = 0; i < c.scratch_count; i++) {
        scratch_release(context, c.scratch[i]);
    }
    scratch_release(context, c.squares);
    memory_free(c.launches);
    memory_free(c.scratch);
    return status;
}
