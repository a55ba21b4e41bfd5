/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <cleat/reduce.h>
#include <stdio.h>

enum {
    CPU_GROUPS = 8,   /* work-groups a thread */
    CPU_PIECE = 4096, /* elements that are worth one */
    GPU_TASKS = 1024, /* work-items that a compute unit wants */
    GPU_PIECE = 256,
    GPU_LOCAL = 64,
    MOST_PIECES = 256,
    MOST_VECTORS = 64,  /* beside each other: at most 4 KiB of each row, */
    LEAST_VECTORS = 16, /* and at least one, where rows are as long */
    LANES_F64 = 4
};

typedef struct problem {
    const char *operation;
    cleat_tensor x, y; /* the other axes, arranged */
    int64_t count, x_step, y_step;
    bool exclusive, index64;
    int lanes; /* of neighbouring lines, in a vector */
    bool along;
    int64_t block; /* lines of a unit */
    int64_t units, tasks, piece, pieces;
} problem;

/* Takes the axis out of a tensor; sums from the end go backwards. */
static int64_t take_axis(cleat_tensor *x, int32_t axis, bool reverse) {
    int64_t step = x->stride[axis];
    if (reverse) {
        x->offset += (x->shape[axis] - 1) * step;
        step = -step;
    }
    for (int32_t i = axis; i < x->rank - 1; i++) {
        x->shape[i] = x->shape[i + 1];
        x->stride[i] = x->stride[i + 1];
    }
    x->rank--;
    return step;
}

/* Lines side by side: as many as leave enough units for all threads. */
static int64_t lines_together(const problem *p, int64_t inner, int64_t wanted) {
    const int64_t outer = cleat_tensor_count(&p->x) / inner;
    int64_t block = p->lanes;
    if (p->lanes > 1) {
        block *= MOST_VECTORS;
        while (block > LEAST_VECTORS * p->lanes && outer * ceil_div(inner, block) < wanted) {
            block /= 2;
        }
        const int64_t whole = ceil_div(inner, p->lanes) * p->lanes;
        block = block < whole ? block : whole;
    }
    return block;
}

/* Cutting lines means reading x twice: a processor does it where half as much time would be lost by
 * threads that wait for the others. */
static bool wants_pieces(const device_profile *profile, const problem *p) {
    const int64_t threads = (int64_t)profile->compute_units;
    return !profile->is_cpu || 2 * ceil_div(p->units, threads) * threads > 3 * p->units;
}

/* Lines along which the elements lie together. */
static bool suits_along(const device_profile *profile, const void *data) {
    const problem *p = data;
    return profile->is_cpu && p->x.type == CLEAT_F32 && p->x_step == p->y_step &&
           (p->x_step == 1 || p->x_step == -1);
}

static int lanes_of(const device_profile *profile, const problem *p) {
    return p->x.type == CLEAT_F64 ? LANES_F64 : engine_vector_width(profile);
}

/* Lines that lie beside each other. */
static bool suits_lanes(const device_profile *profile, const void *data) {
    const problem *p = data;
    const int32_t last = p->x.rank - 1;
    return profile->is_cpu && p->x.stride[last] == 1 && p->y.stride[last] == 1 &&
           p->x.shape[last] >= lanes_of(profile, p);
}

/* p->along and lanes are set. */
static void plan(const device_profile *profile, problem *p) {
    const int64_t inner = p->x.shape[p->x.rank - 1];
    const int64_t units = (int64_t)profile->compute_units;
    const int64_t wanted = units * (profile->is_cpu ? CPU_GROUPS : GPU_TASKS);
    p->block = lines_together(p, inner, wanted);
    p->units = cleat_tensor_count(&p->x) / inner * ceil_div(inner, p->block);
    const int64_t least = profile->is_cpu ? ceil_div(CPU_PIECE, p->block) : GPU_PIECE;
    p->pieces = wants_pieces(profile, p) ? wanted / p->units : 1;
    p->pieces = p->pieces < p->count / least ? p->pieces : p->count / least;
    p->pieces = p->pieces < MOST_PIECES ? p->pieces : MOST_PIECES;
    p->pieces = p->pieces > 1 ? p->pieces : 1;
    p->piece = ceil_div(p->count, p->pieces);
    p->pieces = ceil_div(p->count, p->piece);
    p->tasks = p->units * p->pieces;
}

/* CUMULATIVE_LIST of cl/cumulative.cl */
static void add_numbers(const device_profile *profile, const problem *p, launch *l) {
    const int32_t rank = p->x.rank;
    const int64_t inner = p->x.shape[rank - 1];
    launch_numbers_begin(l);
    launch_index(l, p->tasks);
    launch_index(l, p->count);
    launch_index(l, p->piece);
    launch_index(l, p->pieces);
    launch_index(l, p->block);
    launch_index(l, p->x.offset);
    launch_index(l, p->y.offset);
    launch_index(l, p->x_step);
    launch_index(l, p->y_step);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, axis == rank - 1 ? ceil_div(inner, p->block) : p->x.shape[axis]);
    }
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, p->x.stride[axis]);
    }
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, p->y.stride[axis]);
    }
    launch_int(l, (int32_t)(inner - (ceil_div(inner, p->block) - 1) * p->block));
    launch_int(l, p->exclusive);
    launch_int(l, p->x.buffer != p->y.buffer && profile_is_past_caches(profile, l->bytes));
    launch_real(l, 0);
    launch_numbers_end(l);
}

static launch begin(const device_profile *profile, const problem *p, const char *kernel) {
    launch l = launch_begin(p->operation, "cumulative", kernel);
    launch_use_real64(&l, p->x.type);
    launch_macro(&l, "RANK", p->x.rank);
    launch_macro(&l, "LANES", p->lanes);
    launch_macro(&l, "VECTORS", p->lanes > 1 ? MOST_VECTORS : 1);
    launch_macro(&l, "ALONG", p->along);
    launch_use_index64(&l, p->index64);
    int64_t most = (int64_t)profile->compute_units * CPU_GROUPS;
    size_t local = GPU_LOCAL;
    local = local < profile->max_work_group_size ? local : profile->max_work_group_size;
    if (profile->is_cpu) {
        launch_size_1d(&l, (size_t)(p->tasks < most ? p->tasks : most), 1);
    } else {
        launch_size_1d(&l, round_up((size_t)p->tasks, local), local);
    }
    l.flop = (double)p->count * (double)cleat_tensor_count(&p->x);
    l.bytes = l.flop * (double)cleat_type_size(p->x.type);
    return l;
}

static cleat_status enqueue(cleat_context *context, const void *data, bool along, int lanes) {
    problem planned = *(const problem *)data, *p = &planned;
    const device_profile *profile = context_profile(context);
    p->along = along;
    p->lanes = lanes;
    launch launches[2];
    int count = 0;
    void *sums = NULL;
    plan(profile, p);
    const size_t size = (size_t)(p->tasks * p->block) * cleat_type_size(p->x.type);
    TRY(scratch_acquire(context, p->pieces > 1 ? size : 0, &sums));
    if (p->pieces > 1) {
        launch *l = &launches[count++];
        *l = begin(profile, p, "cumulative_pieces");
        launch_tensor(l, &p->x);
        launch_memory(l, sums);
        add_numbers(profile, p, l);
    }
    launch *l = &launches[count++];
    *l = begin(profile, p, "cumulative_lines");
    l->bytes *= 2;
    launch_tensor(l, &p->x);
    launch_tensor(l, &p->y);
    if (sums != NULL) {
        launch_memory(l, sums);
    } else {
        launch_tensor(l, NULL);
    }
    add_numbers(profile, p, l);
    cleat_status status = launch_all(context, launches, count);
    scratch_release(context, sums);
    return status;
}

static cleat_status enqueue_along(cleat_context *context, const void *data) {
    return enqueue(context, data, true, 1);
}

static cleat_status enqueue_lanes(cleat_context *context, const void *data) {
    return enqueue(context, data, false, lanes_of(context_profile(context), data));
}

static cleat_status enqueue_lines(cleat_context *context, const void *data) {
    return enqueue(context, data, false, 1);
}

static const variant variants[] = {
    {"along", suits_along, enqueue_along},
    {"lanes", suits_lanes, enqueue_lanes},
    {"lines", variant_always, enqueue_lines},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const problem *p = data;
    snprintf(text, size, "%lld elements", (long long)p->count);
}

static cleat_status run(cleat_context *context, problem *p) {
    cleat_tensor both[2] = {p->x, p->y};
    const variant *chosen = NULL;
    tensors_arrange(both, 2, 1);
    p->x = both[0];
    p->y = both[1];
    TRY(variant_choose(
        context, "cumulative", NULL, NULL, variants, p, write_problem, verify_cumulative, &chosen));
    return chosen->enqueue(context, p);
}

static cleat_status sum(cleat_context *context, const char *operation, const char *name_x,
    cleat_tensor x, int32_t axis, const char *name_y, cleat_tensor y, bool exclusive,
    bool reverse) {
    problem p = {.operation = operation, .exclusive = exclusive};
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, name_x, context, &x, &type));
    TRY(check_output(operation, name_y, context, &y, type));
    TRY(check_axis(operation, axis, x.rank, &axis));
    TRY(check_same_shape(operation, name_x, &x, name_y, &y));
    TRY(check_no_overlap(operation, name_x, &x, name_y, &y, true));
    if (cleat_tensor_count(&x) == 0) {
        return CLEAT_OK;
    }
    if (type_is_half(type)) {
        widening w;
        widen_begin(&w, context, operation);
        const cleat_tensor wide_x = widen_input(&w, &x), wide_y = widen_output(&w, &y, false);
        const cleat_status status = widen_ready(&w);
        return widen_end(&w, status != CLEAT_OK ? status
                                                : sum(context, operation, name_x, wide_x, axis,
                                                      name_y, wide_y, exclusive, reverse));
    }
    p.index64 = tensor_needs_index64(&x) || tensor_needs_index64(&y) ||
                cleat_tensor_count(&x) > INT32_MAX / 2;
    p.count = x.shape[axis];
    p.x_step = take_axis(&x, axis, reverse);
    p.y_step = take_axis(&y, axis, reverse);
    p.x = x;
    p.y = y;
    return run(context, &p);
}

cleat_status cleat_cumulative_sum(cleat_context *context, cleat_tensor x, int32_t axis,
    cleat_tensor y, const cleat_cumulative_options *options) {
    const cleat_cumulative_options o = options != NULL ? *options : (cleat_cumulative_options){0};
    return sum(context, "cumulative_sum", "x", x, axis, "y", y, o.exclusive, o.reverse);
}

cleat_status cleat_cumulative_sum_backward(cleat_context *context, cleat_tensor dy, int32_t axis,
    cleat_tensor dx, const cleat_cumulative_options *options) {
    const cleat_cumulative_options o = options != NULL ? *options : (cleat_cumulative_options){0};
    return sum(
        context, "cumulative_sum_backward", "dy", dy, axis, "dx", dx, o.exclusive, !o.reverse);
}
