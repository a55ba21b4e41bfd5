/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/normalization.h>
#include <stdio.h>

enum {
    TENSORS = 3, /* x, dy, then the result; without dy in the forward pass */
    STRIP = 1024,
    GRADIENT_STRIP = 512, /* whose rows of a window wait in the ring */
    LEAST_STRIP = 64,
    GROUPS = 8 /* work-groups a thread */
};

typedef struct problem {
    const char *operation;
    int tensors;
    cleat_type type;
    cleat_tensor kept[TENSORS]; /* without the channels, arranged */
    int64_t step[TENSORS];
    int64_t count, before, after;
    double bias, factor, beta, slope;
    bool index64;
} problem;

static bool is_backward(const problem *p) {
    return p->tensors == TENSORS;
}

/* beta in quarters where it is 1 to 4 of them; 0: any other */
static int quarters(double beta) {
    for (int q = 1; q <= 4; q++) {
        if (beta == 0.25 * q) {
            return q;
        }
    }
    return 0;
}

/* LOCAL_NORM_LIST of cl/local_response_norm.cl */
static void add_numbers(
    const device_profile *profile, const problem *p, int64_t tasks, int64_t block, launch *l) {
    const int32_t rank = p->kept[0].rank;
    launch_numbers_begin(l);
    launch_index(l, tasks);
    launch_index(l, p->count);
    launch_index(l, p->before);
    launch_index(l, p->after);
    launch_index(l, block);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, p->kept[0].shape[axis]);
    }
    for (int t = 0; t < p->tensors; t++) {
        launch_index(l, p->kept[t].offset);
        launch_index(l, p->step[t]);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, p->kept[t].stride[axis]);
        }
    }
    launch_int(l, profile_is_past_caches(profile, l->bytes));
    launch_real(l, p->bias);
    launch_real(l, p->factor);
    launch_real(l, p->beta);
    launch_real(l, p->slope);
    launch_numbers_end(l);
}

static launch begin(const problem *p, const char *kernel) {
    launch l = launch_begin(p->operation, "local_response_norm", kernel);
    launch_use_real64(&l, p->type);
    launch_macro(&l, "BACKWARD", is_backward(p));
    launch_macro(&l, "RANK", p->kept[0].rank);
    launch_macro(&l, "QUARTERS", quarters(p->beta));
    launch_use_index64(&l, p->index64);
    for (int t = 0; t < p->tensors; t++) {
        launch_tensor(&l, &p->kept[t]);
    }
    const double elements = (double)cleat_tensor_count(&p->kept[0]) * (double)p->count;
    const double window = (double)(p->before + p->after + 1);
    l.bytes = elements * p->tensors * (double)cleat_type_size(p->type);
    l.flop = elements * (is_backward(p) ? 3 * window + 8 : 2 * window + 6);
    return l;
}

static cleat_status enqueue_strips(cleat_context *context, const void *data) {
    problem asked = *(const problem *)data, *p = &asked;
    const device_profile *profile = context_profile(context);
    const cleat_tensor *kept = &p->kept[0];
    const int64_t inner = kept->shape[kept->rank - 1];
    const int64_t outer = cleat_tensor_count(kept) / inner;
    const int64_t items = (int64_t)profile->compute_units * GROUPS;
    const int64_t block =
        piece_width(inner, outer, is_backward(p) ? GRADIENT_STRIP : STRIP, LEAST_STRIP, items);
    const int64_t tasks = outer * ceil_div(inner, block);
    const int64_t groups = tasks < items ? tasks : items;
    const size_t ring_rows = is_backward(p) ? (size_t)(2 * (p->before + p->after + 1)) : 0;
    const size_t ring_numbers = ring_rows * (size_t)(groups * block);
    p->index64 = p->index64 || ring_numbers > INT32_MAX;
    bool dense = true;
    for (int t = 0; t < p->tensors; t++) {
        dense = dense && p->kept[t].stride[kept->rank - 1] == 1;
    }
    launch l = begin(p, "local_norm_strips");
    launch_macro(&l, "LANES", engine_vector_width(profile) / (p->type == CLEAT_F64 ? 2 : 1));
    launch_macro(&l, "DENSE", dense);
    void *ring = NULL;
    if (is_backward(p)) {
        TRY(scratch_acquire(context, ring_numbers * cleat_type_size(p->type), &ring));
        launch_memory(&l, ring);
    }
    add_numbers(profile, p, tasks, block, &l);
    launch_size_1d(&l, (size_t)groups, 1);
    cleat_status status = launch_all(context, &l, 1);
    scratch_release(context, ring);
    return status;
}

static cleat_status enqueue_items(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    const int64_t elements = cleat_tensor_count(&p->kept[0]) * p->count;
    launch l = begin(p, "local_norm_items");
    add_numbers(profile, p, elements, 0, &l);
    work_each(profile, elements, &l);
    return launch_all(context, &l, 1);
}

static bool suits_strips(const device_profile *profile, const void *data) {
    (void)data;
    return profile->is_cpu;
}

static const variant variants[] = {
    {"strips", suits_strips, enqueue_strips},
    {"items", variant_always, enqueue_items},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const problem *p = data;
    snprintf(text, size, "%lld channels, windows of %lld", (long long)p->count,
        (long long)(p->before + p->after + 1));
}

/* ONNX: of an even size the larger half lies behind. Neither half reaches beyond the channels. */
static cleat_status set_window(
    problem *p, int64_t size, const cleat_local_response_norm_options *given) {
    const cleat_local_response_norm_options o =
        given != NULL ? *given : (cleat_local_response_norm_options){0};
    REFUSE_IF(size < 1, CLEAT_INVALID_ARGUMENT, "%s: size is %lld, must be 1 at least",
        p->operation, (long long)size);
    REFUSE_IF(!(o.alpha >= 0.0f) || !(o.beta >= 0.0f), CLEAT_INVALID_ARGUMENT,
        "%s: alpha is %g and beta %g, neither may be below 0", p->operation, (double)o.alpha,
        (double)o.beta);
    const double alpha = o.alpha != 0.0f ? (double)o.alpha : 1e-4;
    p->beta = o.beta != 0.0f ? (double)o.beta : 0.75;
    p->bias = o.bias != NULL ? (double)*o.bias : 1;
    p->factor = alpha / (double)size;
    p->slope = 2 * alpha * p->beta / (double)size;
    const int64_t most = p->count - 1;
    p->before = (size - 1) / 2 < most ? (size - 1) / 2 : most;
    p->after = size / 2 < most ? size / 2 : most;
    return CLEAT_OK;
}

/* Takes the channels out of the tensors and runs. */
static cleat_status run_checked(cleat_context *context, problem *p, const cleat_tensor *tensors) {
    const variant *chosen = NULL;
    p->index64 = cleat_tensor_count(&tensors[0]) > INT32_MAX / 2;
    for (int t = 0; t < p->tensors; t++) {
        cleat_tensor *kept = &p->kept[t];
        *kept = tensors[t];
        p->step[t] = kept->stride[1];
        p->index64 = p->index64 || tensor_needs_index64(kept);
        kept->rank--;
        for (int32_t axis = 1; axis < kept->rank; axis++) {
            kept->shape[axis] = kept->shape[axis + 1];
            kept->stride[axis] = kept->stride[axis + 1];
        }
    }
    tensors_arrange(p->kept, p->tensors, p->tensors - 1);
    TRY(variant_choose(context, p->operation, NULL, NULL, variants, p, write_problem,
        is_backward(p) ? verify_local_response_norm_backward : verify_local_response_norm,
        &chosen));
    return chosen->enqueue(context, p);
}

/* All operands are checked, x first, the result last; of 16 bits by way of f32. */
static cleat_status run(cleat_context *context, problem *p, const cleat_tensor *tensors) {
    cleat_tensor wide[TENSORS];
    widening w;
    if (cleat_tensor_count(&tensors[0]) == 0) {
        return CLEAT_OK;
    }
    widen_begin(&w, context, p->operation);
    p->type = type_of_sums(p->type);
    for (int t = 0; t < p->tensors - 1; t++) {
        wide[t] = widen_input(&w, &tensors[t]);
    }
    wide[p->tensors - 1] = widen_output(&w, &tensors[p->tensors - 1], false);
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = run_checked(context, p, wide);
    }
    return widen_end(&w, status);
}

static cleat_status check_x(cleat_context *context, problem *p, const cleat_tensor *x) {
    TRY(check_context(p->operation, context));
    TRY(check_float_tensor(p->operation, "x", context, x, &p->type));
    REFUSE_IF(x->rank < 2, CLEAT_SHAPE_MISMATCH,
        "%s: x has %d axes, must have samples and channels at least", p->operation, (int)x->rank);
    p->count = x->shape[1];
    return CLEAT_OK;
}

cleat_status cleat_local_response_norm(cleat_context *context, cleat_tensor x, int64_t size,
    cleat_tensor y, const cleat_local_response_norm_options *options) {
    problem p = {.operation = "local_response_norm", .tensors = TENSORS - 1};
    TRY(check_x(context, &p, &x));
    TRY(check_output(p.operation, "y", context, &y, p.type));
    TRY(check_same_shape(p.operation, "x", &x, "y", &y));
    TRY(check_no_overlap(p.operation, "x", &x, "y", &y, false));
    TRY(set_window(&p, size, options));
    return run(context, &p, (const cleat_tensor[]){x, y});
}

cleat_status cleat_local_response_norm_backward(cleat_context *context, cleat_tensor x,
    int64_t size, cleat_tensor dy, cleat_tensor dx,
    const cleat_local_response_norm_options *options) {
    problem p = {.operation = "local_response_norm_backward", .tensors = TENSORS};
    TRY(check_x(context, &p, &x));
    TRY(check_tensor(p.operation, "dy", context, &dy, p.type));
    TRY(check_output(p.operation, "dx", context, &dx, p.type));
    TRY(check_same_shape(p.operation, "x", &x, "dy", &dy));
    TRY(check_same_shape(p.operation, "x", &x, "dx", &dx));
    TRY(check_no_overlap(p.operation, "x", &x, "dx", &dx, false));
    TRY(check_no_overlap(p.operation, "dy", &dy, "dx", &dx, false));
    TRY(set_window(&p, size, options));
    return run(context, &p, (const cleat_tensor[]){x, dy, dx});
}
