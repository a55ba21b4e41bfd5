/* SPDX-License-Identifier: Apache-2.0 */
#include "core/launch.h"
#include "core/tensor_check.h"
#include "ops/work_split.h"
#include <cleat/random.h>
#include <math.h>

enum { WORDS_IN_BLOCK = 4, CPU_LANES = 16, CPU_BLOCKS = 16 };

typedef struct problem {
    const char *operation;
    bool normal;
    uint64_t seed, stream;
    float offset, scale; /* y = offset + scale * number */
} problem;

static cleat_status fill(cleat_context *context, const problem *p, cleat_tensor y) {
    const int64_t count = cleat_tensor_count(&y);
    if (count == 0) {
        return CLEAT_OK;
    }
    const device_profile *profile = context_profile(context);
    tensors_collapse(&y, 1);
    const bool gapless = y.rank == 1 && (y.stride[0] == 1 || count == 1);
    const int lanes = gapless && profile->is_cpu ? CPU_LANES : 1;
    launch l =
        launch_begin(p->operation, "random", gapless ? "random_contiguous" : "random_strided");
    launch_use_index64(&l, tensor_needs_index64(&y) || count > INT32_MAX / 2);
    launch_macro(&l, "NORMAL", p->normal);
    launch_macro(&l, "LANES", lanes);
    launch_tensor(&l, &y);
    launch_index(&l, y.offset);
    launch_index(&l, count);
    const int64_t units = ceil_div(count, WORDS_IN_BLOCK * (lanes == 1 ? 1 : CPU_BLOCKS));
    if (gapless) {
        launch_index(&l, work_split(profile, units, 1, &l));
        const double bytes = (double)count * sizeof(float);
        launch_int(&l, profile_is_past_caches(profile, bytes));
    } else {
        launch_macro(&l, "RANK", y.rank);
        work_each(profile, units, &l);
    }
    launch_ulong(&l, p->seed);
    launch_ulong(&l, p->stream);
    launch_float(&l, p->offset);
    launch_float(&l, p->scale);
    for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < y.rank ? y.shape[axis] : 1);
    }
    for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < y.rank ? y.stride[axis] : 0);
    }
    l.bytes = (double)count * sizeof(float);
    return launch_all(context, &l, 1);
}

cleat_status cleat_random_uniform(
    cleat_context *context, uint64_t seed, uint64_t stream, float low, float high, cleat_tensor y) {
    const problem p = {"random_uniform", false, seed, stream, low, high - low};
    TRY(check_context(p.operation, context));
    TRY(check_output(p.operation, "y", context, &y, CLEAT_F32));
    REFUSE_IF(!isfinite(low) || !isfinite(high) || !(low <= high), CLEAT_INVALID_ARGUMENT,
        "%s: the range from %g to %g is not finite or empty", p.operation, (double)low,
        (double)high);
    REFUSE_IF(!isfinite(p.scale), CLEAT_INVALID_ARGUMENT,
        "%s: the range from %g to %g is wider than the largest float", p.operation, (double)low,
        (double)high);
    return fill(context, &p, y);
}

cleat_status cleat_random_normal(cleat_context *context, uint64_t seed, uint64_t stream, float mean,
    float deviation, cleat_tensor y) {
    const problem p = {"random_normal", true, seed, stream, mean, deviation};
    TRY(check_context(p.operation, context));
    TRY(check_output(p.operation, "y", context, &y, CLEAT_F32));
    REFUSE_IF(!isfinite(mean), CLEAT_INVALID_ARGUMENT, "%s: mean is %g, must be finite",
        p.operation, (double)mean);
    REFUSE_IF(!isfinite(deviation) || deviation < 0, CLEAT_INVALID_ARGUMENT,
        "%s: deviation is %g, must be finite and not negative", p.operation, (double)deviation);
    return fill(context, &p, y);
}
