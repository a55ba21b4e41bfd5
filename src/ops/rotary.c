/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <cleat/rotary.h>
#include <math.h>
#include <stdio.h>

#define OPERATION "rotary"

enum { BLOCK = 16, POWERS = 16 }; /* of cl/rotary.cl */

/* Everything is [outer0, outer1, shared, L, E] here: shared is heads with the same positions. */
typedef struct problem {
    double base;
    cleat_rotary_pairs pairs;
    bool inverse;
    int64_t first_position;
    int64_t outer[2], shared, length, width;
    cleat_tensor x, y, positions; /* rank 4, 4 and 3; positions' buffer NULL: none */
    int shared_axis;              /* of x, or -1 */
} problem;

static int64_t outer_stride(const problem *p, const cleat_tensor *t, int axis) {
    return axis == p->shared_axis ? 0 : t->stride[axis];
}

static void add_tensor(launch *l, const problem *p, const cleat_tensor *t) {
    launch_index(l, t->offset);
    launch_index(l, outer_stride(p, t, 0));
    launch_index(l, outer_stride(p, t, 1));
    launch_index(l, p->shared_axis < 0 ? 0 : t->stride[p->shared_axis]);
    launch_index(l, t->stride[2]);
    launch_index(l, t->stride[3]);
}

static bool needs_index64(const problem *p) {
    return tensor_needs_index64(&p->x) || tensor_needs_index64(&p->y) ||
           (p->positions.buffer != NULL && tensor_needs_index64(&p->positions)) ||
           cleat_tensor_count(&p->y) > INT32_MAX / 2;
}

/* base^(-2 2^k / E), as 2^-64 of 1. */
static uint64_t power_of(const problem *p, int k) {
    if (p->x.type == CLEAT_F64) {
        const long double exponent = -2 * ldexpl(1, k) / (long double)p->width;
        const long double power = ldexpl(powl((long double)p->base, exponent), 64);
        return power < 0x1p64L ? (uint64_t)power : UINT64_MAX;
    }
    const double exponent = -2.0 * ldexp(1, k) / (double)p->width;
    const double power = ldexp(pow(p->base, exponent), 64);
    return power < 0x1p64 ? (uint64_t)power : UINT64_MAX;
}

static launch begin(const device_profile *profile, const problem *p, const char *kernel) {
    const cleat_tensor *positions = p->positions.buffer != NULL ? &p->positions : NULL;
    launch l = launch_begin(OPERATION, OPERATION, kernel);
    launch_macro(&l, "ROTARY_W", profile_vector_width(profile));
    launch_use_index64(&l, needs_index64(p));
    launch_use_real64(&l, p->x.type);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, positions);
    launch_tensor(&l, &p->y);
    launch_numbers_begin(&l);
    for (int k = 0; k < POWERS; k++) {
        launch_ulong(&l, power_of(p, k));
    }
    launch_long(&l, p->first_position);
    const int64_t extents[] = {p->outer[0], p->outer[1], p->shared, p->length, p->width};
    launch_indices(&l, extents, sizeof extents / sizeof extents[0]);
    add_tensor(&l, p, &p->x);
    add_tensor(&l, p, &p->y);
    launch_index(&l, p->positions.offset);
    launch_index(&l, outer_stride(p, &p->positions, 0));
    launch_index(&l, outer_stride(p, &p->positions, 1));
    launch_index(&l, p->positions.stride[2]);
    launch_int(&l, positions == NULL ? 0 : positions->type == CLEAT_I32 ? 1 : 2);
    launch_int(&l, p->pairs == CLEAT_ROTARY_NEIGHBOURS);
    launch_int(&l, p->inverse);
    launch_numbers_end(&l);
    l.flop = 3.0 * (double)cleat_tensor_count(&p->y);
    l.bytes = 2.0 * (double)cleat_type_size(p->x.type) * (double)cleat_tensor_count(&p->y);
    return l;
}

static bool suits_rows(const device_profile *profile, const void *data) {
    const problem *p = data;
    const double rounds =
        (double)p->width * (20.0 + 2 * BLOCK) + (double)(p->shared * BLOCK) * (double)p->width;
    const size_t row_bytes = 2 * BLOCK * cleat_type_size(p->x.type);
    return p->width <= (int64_t)(profile->local_memory / row_bytes) &&
           profile_item_is_short(profile, rounds);
}

static cleat_status enqueue_rows(cleat_context *context, const void *data) {
    const problem *p = data;
    launch l = begin(context_profile(context), p, "rotary_rows");
    launch_local(&l, (size_t)(2 * BLOCK * p->width) * cleat_type_size(p->x.type));
    launch_size_1d(&l, (size_t)(p->outer[0] * p->outer[1] * ceil_div(p->length, BLOCK)), 1);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_items(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    launch l = begin(profile, p, "rotary_items");
    const size_t local = profile->max_work_group_size < 64 ? profile->max_work_group_size : 64;
    launch_size_1d(&l, round_up((size_t)cleat_tensor_count(&p->y) / 2, local), local);
    return launch_all(context, &l, 1);
}

static const variant variants[] = {
    {"rows", suits_rows, enqueue_rows},
    {"items", variant_always, enqueue_items},
    {NULL, NULL, NULL},
};

const char *const *cleat_rotary_variants(void) {
    static const char *const names[] = {"rows", "items", NULL};
    return names;
}

static void write_problem(const void *data, char *text, size_t size) {
    const problem *p = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s %s", cleat_type_name(p->x.type), shape_text(4, p->x.shape, shape));
}

/* Leading axes of extent 1 until there are four. */
static cleat_tensor as_rank_4(const cleat_tensor *x) {
    cleat_tensor result = *x;
    const int32_t added = 4 - x->rank;
    for (int32_t axis = 0; axis < 4; axis++) {
        result.shape[axis] = axis < added ? 1 : x->shape[axis - added];
        result.stride[axis] = axis < added ? 0 : x->stride[axis - added];
    }
    result.rank = 4;
    return result;
}

static cleat_status check_positions(
    const cleat_context *context, problem *p, const cleat_tensor *positions) {
    TRY(check_tensor(OPERATION, "positions", context, positions, (cleat_type)0));
    REFUSE_IF(positions->type != CLEAT_I32 && positions->type != CLEAT_I64, CLEAT_TYPE_MISMATCH,
        OPERATION ": positions is %s, wanted i32 or i64", cleat_type_name(positions->type));
    REFUSE_IF(p->first_position != 0, CLEAT_INVALID_ARGUMENT,
        OPERATION ": positions and first_position %lld", (long long)p->first_position);
    cleat_tensor rows = p->x;
    rows.rank = 3;
    TRY(check_broadcast(
        OPERATION, "positions", positions, "x without its last axis", &rows, &p->positions));
    return check_no_overlap(OPERATION, "positions", positions, "y", &p->y, false);
}

static cleat_status check_options(
    const cleat_context *context, problem *p, const cleat_rotary_options *options) {
    static const cleat_rotary_options defaults;
    const cleat_rotary_options *o = options != NULL ? options : &defaults;
    const double limit = 2147483648.0;
    p->base = o->base == 0 ? 10000 : o->base;
    REFUSE_IF(!(p->base > 1) || isinf(p->base), CLEAT_INVALID_ARGUMENT,
        OPERATION ": base %g, wanted more than 1", p->base);
    REFUSE_IF((int)o->pairs < CLEAT_ROTARY_HALVES || (int)o->pairs > CLEAT_ROTARY_NEIGHBOURS,
        CLEAT_INVALID_ARGUMENT, OPERATION ": pairs is %d", (int)o->pairs);
    REFUSE_IF(
        (double)o->first_position < -limit || (double)o->first_position + (double)p->length > limit,
        CLEAT_INVALID_ARGUMENT, OPERATION ": first_position %lld", (long long)o->first_position);
    p->pairs = o->pairs;
    p->inverse = o->inverse;
    p->first_position = o->first_position;
    return o->positions != NULL ? check_positions(context, p, o->positions) : CLEAT_OK;
}

/* Axes 0 and 1 are heads and batches in some order: the longer one without positions of its own. */
static void choose_shared(problem *p) {
    p->shared_axis = -1;
    p->shared = 1;
    for (int axis = 0; axis < 2; axis++) {
        const bool alike = p->positions.buffer == NULL || p->positions.stride[axis] == 0;
        p->outer[axis] = p->x.shape[axis];
        if (alike && p->x.shape[axis] > p->shared) {
            p->shared_axis = axis;
            p->shared = p->x.shape[axis];
        }
    }
    if (p->shared_axis >= 0) {
        p->outer[p->shared_axis] = 1;
    }
}

/* Of 16 bits, checked, by way of f32. */
static cleat_status run_widened(cleat_context *context, const cleat_tensor *x,
    const cleat_tensor *y, const cleat_rotary_options *options) {
    widening w;
    widen_begin(&w, context, OPERATION);
    const cleat_tensor wide_x = widen_input(&w, x), wide_y = widen_output(&w, y, false);
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = cleat_rotary(context, wide_x, wide_y, options);
    }
    return widen_end(&w, status);
}

cleat_status cleat_rotary(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_rotary_options *options) {
    TRY(check_context(OPERATION, context));
    cleat_type type;
    TRY(check_float_tensor(OPERATION, "x", context, &x, &type));
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(x.rank < 2 || x.rank > 4, CLEAT_SHAPE_MISMATCH,
        OPERATION ": x is %s, wanted a rank of 2 to 4", shape_text(x.rank, x.shape, text));
    const int64_t width = x.shape[x.rank - 1];
    REFUSE_IF(width % 2 != 0 || width > (int64_t)2 << POWERS, CLEAT_SHAPE_MISMATCH,
        OPERATION ": rows of %lld, wanted an even number, at most 131072", (long long)width);
    TRY(check_output(OPERATION, "y", context, &y, type));
    TRY(check_same_shape(OPERATION, "x", &x, "y", &y));
    TRY(check_no_overlap(OPERATION, "x", &x, "y", &y, true));
    problem p = {.x = as_rank_4(&x), .y = as_rank_4(&y), .width = width};
    p.length = p.x.shape[2];
    TRY(check_options(context, &p, options));
    choose_shared(&p);
    if (cleat_tensor_count(&y) == 0) {
        return CLEAT_OK;
    }
    if (type_is_half(type)) {
        return run_widened(context, &x, &y, options);
    }
    const variant *chosen = NULL;
    TRY(variant_choose(context, OPERATION, NULL, options != NULL ? options->variant : NULL,
        variants, &p, write_problem, verify_rotary, &chosen));
    return chosen->enqueue(context, &p);
}
