/* SPDX-License-Identifier: Apache-2.0 */
/* Max unpooling and its gradient: cl/pool_unpool.cl. */
#include "core/tensor_check.h"
#include "ops/pool_problem.h"
#include "ops/types.h"
#include "ops/work_split.h"

enum { GRADIENT_CHUNK = 256 };

static cleat_tensor widen(const cleat_tensor *t) {
    cleat_tensor wide = *t;
    const int missing = POOL_MAX_RANK - t->rank;
    wide.rank = POOL_MAX_RANK;
    for (int i = 2; i < POOL_MAX_RANK; ++i) {
        const bool there = i - missing >= 2;
        wide.shape[i] = there ? t->shape[i - missing] : 1;
        wide.stride[i] = there ? t->stride[i - missing] : 0;
    }
    return wide;
}

/* All operands are checked but for their shapes. */
static cleat_status check_shapes(const char *operation, const char *name_small,
    const cleat_tensor *small, const cleat_tensor *indices, const char *name_large,
    const cleat_tensor *large) {
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    REFUSE_IF(small->rank < 3 || small->rank > POOL_MAX_RANK, CLEAT_SHAPE_MISMATCH,
        "%s: %s has rank %d, a rank from 3 to 5 is wanted", operation, name_small, small->rank);
    TRY(check_same_shape(operation, name_small, small, "indices", indices));
    TRY(check_rank(operation, name_large, large, small->rank));
    REFUSE_IF(small->shape[0] != large->shape[0] || small->shape[1] != large->shape[1],
        CLEAT_SHAPE_MISMATCH, "%s: %s is %s, %s %s: other images or channels", operation,
        name_small, shape_text(small->rank, small->shape, text), name_large,
        shape_text(large->rank, large->shape, other));
    return CLEAT_OK;
}

static cleat_status run(cleat_context *context, const char *operation, bool backward,
    const cleat_tensor *small, const cleat_tensor *indices, const cleat_tensor *large,
    const cleat_pool_options *options) {
    const cleat_tensor tensors[] = {widen(small), widen(indices), widen(large)};
    const int64_t items = backward ? cleat_tensor_count(small) : small->shape[0] * small->shape[1];
    if (cleat_tensor_count(backward ? small : large) == 0) {
        return CLEAT_OK;
    }
    launch l =
        launch_begin(operation, "pool_unpool", backward ? "max_unpool_backward" : "max_unpool");
    launch_use_index64(&l, tensor_needs_index64(small) || tensor_needs_index64(indices) ||
                               tensor_needs_index64(large) ||
                               cleat_tensor_count(small) > INT32_MAX / 2 ||
                               cleat_tensor_count(large) > INT32_MAX / 2);
    launch_use_real64(&l, small->type);
    const int64_t chunk =
        work_split(context_profile(context), items, backward ? GRADIENT_CHUNK : 1, &l);
    launch_tensor(&l, small);
    launch_tensor(&l, indices);
    launch_tensor(&l, large);
    launch_numbers_begin(&l);
    launch_index(&l, items);
    launch_index(&l, chunk);
    launch_index(&l, small->shape[1]);
    launch_indices(&l, &tensors[0].shape[2], 3);
    launch_indices(&l, &tensors[2].shape[2], 3);
    for (int i = 0; i < 3; ++i) {
        launch_index(&l, tensors[i].offset);
        launch_indices(&l, tensors[i].stride, POOL_MAX_RANK);
    }
    launch_int(&l, options != NULL && options->plane_indices);
    launch_numbers_end(&l);
    const double count = (double)cleat_tensor_count(small);
    const double size = (double)cleat_type_size(small->type);
    l.bytes = (8 + size) * count + size * (backward ? count : (double)cleat_tensor_count(large));
    return launch_all(context, &l, 1);
}

cleat_status cleat_max_unpool(cleat_context *context, cleat_tensor x, cleat_tensor indices,
    cleat_tensor y, const cleat_pool_options *options) {
    static const char operation[] = "max_unpool";
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_real_tensor(operation, "x", context, &x, &type));
    TRY(check_tensor(operation, "indices", context, &indices, CLEAT_I64));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_shapes(operation, "x", &x, &indices, "y", &y));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    TRY(check_no_overlap(operation, "indices", &indices, "y", &y, false));
    return run(context, operation, false, &x, &indices, &y, options);
}

cleat_status cleat_max_unpool_backward(cleat_context *context, cleat_tensor dy,
    cleat_tensor indices, cleat_tensor dx, const cleat_pool_options *options) {
    static const char operation[] = "max_unpool_backward";
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_real_tensor(operation, "dy", context, &dy, &type));
    TRY(check_tensor(operation, "indices", context, &indices, CLEAT_I64));
    TRY(check_output(operation, "dx", context, &dx, type));
    TRY(check_shapes(operation, "dx", &dx, &indices, "dy", &dy));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, false));
    TRY(check_no_overlap(operation, "indices", &indices, "dx", &dx, false));
    return run(context, operation, true, &dx, &indices, &dy, options);
}
