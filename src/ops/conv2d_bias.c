/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"

enum { MAX_SPLITS = 16 };

static cleat_status check(cleat_context *context, const char *operation, int axes,
    const cleat_tensor *dy, const cleat_tensor *db) {
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "dy", context, dy, &type));
    TRY(check_rank(operation, "dy", dy, axes + 2));
    TRY(check_output(operation, "db", context, db, type));
    TRY(check_rank(operation, "db", db, 1));
    REFUSE_IF(db->shape[0] != dy->shape[1], CLEAT_SHAPE_MISMATCH,
        "%s: db has %lld elements, dy %lld channels", operation, (long long)db->shape[0],
        (long long)dy->shape[1]);
    return check_no_overlap(operation, "dy", dy, "db", db, false);
}

static launch begin(cleat_context *context, const char *operation, cleat_type type, bool index64,
    const char *kernel, int64_t items) {
    const device_profile *profile = context_profile(context);
    launch l = launch_begin(operation, "conv2d_bias", kernel);
    launch_use_index64(&l, index64);
    const int width = profile->float_width > 4 ? profile->float_width : 4;
    launch_use_real64(&l, type);
    launch_macro(&l, "VECTOR", type == CLEAT_F64 ? width / 2 : width);
    const size_t most = profile->max_work_group_size;
    const size_t local = profile->is_cpu ? 1 : most < 64 ? most : 64;
    launch_size_1d(&l, round_up((size_t)items, local), local);
    return l;
}

/* dy [n, m, h, w], `depth` times, depth_stride apart. */
static cleat_status sum_images(cleat_context *context, const char *operation,
    const cleat_tensor *dy, int64_t depth, int64_t depth_stride, bool index64,
    const cleat_tensor *db, int32_t accumulate) {
    const int64_t images = dy->shape[0], outputs = dy->shape[1];
    const int64_t wanted = images < MAX_SPLITS ? images : MAX_SPLITS;
    const int64_t split_images = wanted > 0 ? ceil_div(images, wanted) : 1;
    const int64_t splits = ceil_div(images, split_images);
    /* Rows that lie end to end are one run. */
    const bool flat = dy->stride[2] == dy->shape[3] * dy->stride[3];
    void *partial = NULL;
    TRY(scratch_acquire(
        context, (size_t)(splits * outputs + 1) * cleat_type_size(dy->type), &partial));
    launch launches[2] = {
        begin(context, operation, dy->type, index64, "conv2d_bias", splits * outputs),
        begin(context, operation, dy->type, index64, "conv2d_bias_sum", outputs)};
    launch *sum = &launches[0];
    launch_tensor(sum, dy);
    launch_memory(sum, partial);
    conv2d_launch_layout(sum, dy);
    launch_index(sum, depth_stride);
    launch_index(sum, images);
    launch_index(sum, outputs);
    launch_index(sum, depth);
    launch_index(sum, flat ? 1 : dy->shape[2]);
    launch_index(sum, flat ? dy->shape[2] * dy->shape[3] : dy->shape[3]);
    launch_index(sum, splits);
    launch_index(sum, split_images);
    sum->flop = (double)cleat_tensor_count(dy) * (double)depth;
    sum->bytes = (double)cleat_type_size(dy->type) * sum->flop;
    sum = &launches[1];
    launch_memory(sum, partial);
    launch_tensor(sum, db);
    launch_index(sum, db->offset);
    launch_index(sum, db->stride[0]);
    launch_index(sum, outputs);
    launch_index(sum, splits);
    launch_int(sum, accumulate);
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}

/* Of 16 bits, and on GPUs, where groups of work-items share a channel: any reduction's way. */
static cleat_status sum_axes(cleat_context *context, const char *operation, const cleat_tensor *dy,
    const cleat_tensor *db, bool accumulate) {
    reduce_pass sum = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {*dy},
        .output = *dy,
        .accumulate = accumulate,
        .real64 = dy->type == CLEAT_F64,
        .divisor = 1,
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    sum.output.buffer = db->buffer;
    sum.output.offset = db->offset;
    for (int32_t axis = 0; axis < dy->rank; axis++) {
        sum.reduced[axis] = axis != 1;
        sum.output.shape[axis] = axis == 1 ? db->shape[0] : 1;
        sum.output.stride[axis] = axis == 1 ? db->stride[0] : 0;
    }
    return reduce_run(context, &sum);
}

cleat_status conv_backward_bias(cleat_context *context, const char *operation, int axes,
    const cleat_tensor *dy, const cleat_tensor *db, bool accumulate) {
    TRY(check(context, operation, axes, dy, db));
    if (type_is_half(dy->type) || !context_profile(context)->is_cpu) {
        return sum_axes(context, operation, dy, db, accumulate);
    }
    cleat_tensor images = *dy;
    conv2d_as_images(&images);
    int64_t depth = axes == 3 ? dy->shape[2] : 1;
    const int64_t depth_stride = axes == 3 ? dy->stride[2] : 0;
    /* Depths whose rows go on where those of the one before end are more rows. */
    if (depth > 1 && cleat_tensor_count(dy) > 0 &&
        depth_stride == images.shape[2] * images.stride[2]) {
        images.shape[2] *= depth;
        depth = 1;
    }
    return sum_images(
        context, operation, &images, depth, depth_stride, tensor_needs_index64(dy), db, accumulate);
}
