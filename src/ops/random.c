/* SPDX-License-Identifier: Apache-2.0 */
#include "core/launch.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/random.h>
#include <math.h>
#include <stdio.h>

enum { WORDS_IN_BLOCK = 4, CPU_LANES = 16, CPU_BLOCKS = 16 };

typedef struct problem {
    const char *operation;
    bool normal;
    uint64_t seed, stream;
    double offset, scale;  /* y = offset + scale * number; of dropout: cl/random.cl */
    const cleat_tensor *x; /* dropout */
} problem;

/* What is filled, collapsed; `from` is x's view, or y's. */
typedef struct filling {
    const problem *p;
    cleat_tensor y, from;
} filling;

static bool is_gapless(const device_profile *profile, const void *data) {
    const filling *f = data;
    (void)profile;
    return f->y.rank == 1 &&
           ((f->y.stride[0] == 1 && f->from.stride[0] == 1) || cleat_tensor_count(&f->y) == 1);
}

static cleat_status enqueue(cleat_context *context, const filling *f, bool gapless) {
    const device_profile *profile = context_profile(context);
    const problem *p = f->p;
    const cleat_tensor y = f->y, x = f->from;
    const int64_t count = cleat_tensor_count(&y);
    const bool dropout = p->x != NULL;
    const int lanes = gapless && profile->is_cpu && y.type == CLEAT_F32 ? CPU_LANES : 1;
    launch l =
        launch_begin(p->operation, "random", gapless ? "random_contiguous" : "random_strided");
    launch_use_real64(&l, y.type);
    launch_use_index64(
        &l, tensor_needs_index64(&y) || tensor_needs_index64(&x) || count > INT32_MAX / 2);
    launch_macro(&l, "NORMAL", p->normal);
    launch_macro(&l, "DROPOUT", dropout);
    launch_macro(&l, "LANES", lanes);
    launch_tensor(&l, &y);
    launch_index(&l, y.offset);
    if (dropout) {
        launch_tensor(&l, &x);
        launch_index(&l, x.offset);
    }
    launch_index(&l, count);
    const int64_t units = ceil_div(count, WORDS_IN_BLOCK * (lanes == 1 ? 1 : CPU_BLOCKS));
    if (gapless) {
        launch_index(&l, work_split(profile, units, 1, &l));
        const double bytes = (double)count * (double)cleat_type_size(y.type);
        const bool in_place = dropout && x.buffer == y.buffer;
        launch_int(&l, !in_place && profile_is_past_caches(profile, bytes));
    } else {
        launch_macro(&l, "RANK", y.rank);
        work_each(profile, units, &l);
    }
    launch_ulong(&l, p->seed);
    launch_ulong(&l, p->stream);
    launch_real(&l, p->offset);
    launch_real(&l, p->scale);
    for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < y.rank ? y.shape[axis] : 1);
    }
    for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < y.rank ? y.stride[axis] : 0);
    }
    for (int axis = 0; dropout && !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < x.rank ? x.stride[axis] : 0);
    }
    l.bytes = (double)count * (double)cleat_type_size(y.type) * (dropout ? 2 : 1);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_contiguous(cleat_context *context, const void *data) {
    return enqueue(context, data, true);
}

static cleat_status enqueue_strided(cleat_context *context, const void *data) {
    return enqueue(context, data, false);
}

static const variant variants[] = {
    {"contiguous", is_gapless, enqueue_contiguous},
    {"strided", variant_always, enqueue_strided},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const filling *f = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(f->y.rank, f->y.shape, shape));
}

static cleat_status fill(cleat_context *context, const problem *p, cleat_tensor y) {
    cleat_tensor tensors[2] = {y, p->x != NULL ? *p->x : y};
    const variant *chosen = NULL;
    if (cleat_tensor_count(&y) == 0) {
        return CLEAT_OK;
    }
    tensors_collapse(tensors, 2);
    const filling f = {p, tensors[0], tensors[1]};
    TRY(variant_choose(
        context, p->operation, NULL, NULL, variants, &f, write_problem, verify_random, &chosen));
    return chosen->enqueue(context, &f);
}

static cleat_status check_real_output(
    const cleat_context *context, const problem *p, const cleat_tensor *y) {
    cleat_type type;
    TRY(check_context(p->operation, context));
    TRY(check_real_type(p->operation, context, y, &type));
    return check_output(p->operation, "y", context, y, type);
}

cleat_status cleat_random_uniform(
    cleat_context *context, uint64_t seed, uint64_t stream, float low, float high, cleat_tensor y) {
    const float range = high - low;
    const problem p = {"random_uniform", false, seed, stream, (double)low,
        y.type == CLEAT_F64 ? (double)high - (double)low : (double)range, NULL};
    TRY(check_real_output(context, &p, &y));
    REFUSE_IF(!isfinite(low) || !isfinite(high) || !(low <= high), CLEAT_INVALID_ARGUMENT,
        "%s: the range from %g to %g is not finite or empty", p.operation, (double)low,
        (double)high);
    REFUSE_IF(!isfinite(range), CLEAT_INVALID_ARGUMENT,
        "%s: the range from %g to %g is wider than the largest float", p.operation, (double)low,
        (double)high);
    return fill(context, &p, y);
}

cleat_status cleat_random_normal(cleat_context *context, uint64_t seed, uint64_t stream, float mean,
    float deviation, cleat_tensor y) {
    const problem p = {"random_normal", true, seed, stream, (double)mean, (double)deviation, NULL};
    TRY(check_real_output(context, &p, &y));
    REFUSE_IF(!isfinite(mean), CLEAT_INVALID_ARGUMENT, "%s: mean is %g, must be finite",
        p.operation, (double)mean);
    REFUSE_IF(!isfinite(deviation) || deviation < 0, CLEAT_INVALID_ARGUMENT,
        "%s: deviation is %g, must be finite and not negative", p.operation, (double)deviation);
    return fill(context, &p, y);
}

static cleat_status drop(cleat_context *context, const char *operation, uint64_t seed,
    uint64_t stream, float probability, const char *name_x, const cleat_tensor *x,
    const char *name_y, cleat_tensor y) {
    problem p = {operation, false, seed, stream, (double)probability, 0, x};
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, name_x, context, x, &type));
    TRY(check_output(operation, name_y, context, &y, type));
    TRY(check_same_shape(operation, name_x, x, name_y, &y));
    TRY(check_no_overlap(operation, name_x, x, name_y, &y, true));
    REFUSE_IF(!(probability >= 0 && probability <= 1), CLEAT_INVALID_ARGUMENT,
        "%s: probability is %g, must lie between 0 and 1", operation, (double)probability);
    p.scale = probability < 1 ? 1 / (1 - (double)probability) : 0;
    widening w;
    widen_begin(&w, context, operation);
    const cleat_tensor wide_x = widen_input(&w, x), wide_y = widen_output(&w, &y, false);
    p.x = &wide_x;
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = fill(context, &p, wide_y);
    }
    return widen_end(&w, status);
}

cleat_status cleat_dropout(cleat_context *context, uint64_t seed, uint64_t stream,
    float probability, cleat_tensor x, cleat_tensor y) {
    return drop(context, "dropout", seed, stream, probability, "x", &x, "y", y);
}

cleat_status cleat_dropout_backward(cleat_context *context, uint64_t seed, uint64_t stream,
    float probability, cleat_tensor dy, cleat_tensor dx) {
    return drop(context, "dropout_backward", seed, stream, probability, "dy", &dy, "dx", dx);
}
