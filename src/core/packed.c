/* SPDX-License-Identifier: Apache-2.0 */
#include "core/packed.h"
#include "core/memory.h"
#include "core/plan.h"
#include "core/tensor_check.h"
#include <string.h>

/* What a plan only plans would be left without its values. */
static cleat_status refuse_in_plan(const char *operation, cleat_context *context) {
    REFUSE_IF(plan_is_open(context), CLEAT_INVALID_ARGUMENT,
        "%s: not while this thread has a plan open", operation);
    return CLEAT_OK;
}

cleat_status packed_create(const char *operation, cleat_context *context,
    const cleat_tensor *operand, size_t bytes, const int64_t *layout, pack_function pack,
    cleat_packed **packed) {
    TRY(refuse_in_plan(operation, context));
    cleat_packed *made = memory_allocate_zeroed(1, sizeof *made);
    REFUSE_IF(made == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", operation);
    atomic_init(&made->references, 1);
    made->operation = operation;
    made->operand = *operand;
    made->pack = pack;
    if (layout != NULL) {
        memcpy(made->layout, layout, sizeof made->layout);
    }
    cleat_buffer_retain(operand->buffer);
    cleat_status status = CLEAT_OK;
    if (bytes > 0) {
        status = cleat_buffer_create(context, bytes, &made->panels);
        status = status == CLEAT_OK ? pack(context, made) : status_prefix(status, operation);
    }
    if (status != CLEAT_OK) {
        cleat_packed_release(made);
        return status;
    }
    *packed = made;
    return CLEAT_OK;
}

static bool same_view(const cleat_tensor *x, const cleat_tensor *y) {
    bool same = x->buffer == y->buffer && x->type == y->type && x->rank == y->rank &&
                x->offset == y->offset;
    for (int32_t i = 0; same && i < x->rank; ++i) {
        same = x->shape[i] == y->shape[i] && x->stride[i] == y->stride[i];
    }
    return same;
}

cleat_status check_packed(const char *operation, const char *name, const cleat_packed *packed,
    const cleat_tensor *operand) {
    if (packed == NULL) {
        return CLEAT_OK;
    }
    REFUSE_IF(strcmp(packed->operation, operation) != 0, CLEAT_INVALID_ARGUMENT,
        "%s: the packed %s was made for %s", operation, name, packed->operation);
    char text[SHAPE_TEXT_SIZE], packed_text[SHAPE_TEXT_SIZE];
    REFUSE_IF(!same_view(&packed->operand, operand), CLEAT_INVALID_ARGUMENT,
        "%s: %s is %s, and the packed one was made from another view, %s", operation, name,
        shape_text(operand->rank, operand->shape, text),
        shape_text(packed->operand.rank, packed->operand.shape, packed_text));
    return CLEAT_OK;
}

void cleat_packed_retain(cleat_packed *packed) {
    if (packed != NULL) {
        atomic_fetch_add(&packed->references, 1);
    }
}

void cleat_packed_release(cleat_packed *packed) {
    if (packed == NULL || atomic_fetch_sub(&packed->references, 1) != 1) {
        return;
    }
    cleat_buffer_release(packed->panels);
    cleat_buffer_release(packed->operand.buffer);
    memory_free(packed);
}

cleat_status cleat_packed_update(cleat_context *context, cleat_packed *packed) {
    TRY(check_context("packed_update", context));
    REFUSE_IF(packed == NULL, CLEAT_INVALID_ARGUMENT, "packed_update: packed is NULL");
    TRY(check_tensor("packed_update", "the packed operand", context, &packed->operand, 0));
    TRY(refuse_in_plan("packed_update", context));
    return packed->panels != NULL ? packed->pack(context, packed) : CLEAT_OK;
}

cleat_tensor cleat_packed_operand(const cleat_packed *packed) {
    return packed->operand;
}

size_t cleat_packed_size(const cleat_packed *packed) {
    return packed != NULL ? cleat_buffer_size(packed->panels) : 0;
}
