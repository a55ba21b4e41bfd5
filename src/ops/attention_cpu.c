/* SPDX-License-Identifier: Apache-2.0 */
/* Attention's variants for processors: cl/attention_cpu.cl and its like. */
#include "core/tensor_check.h"
#include "ops/attention_problem.h"
#include "ops/matmul_cpu.h"

enum {
    BLOCK = 48,       /* of cl/attention_cpu_tile.cl */
    SPLIT_BLOCK = 64, /* of cl/attention_cpu_split.cl */
    LANES = 32,       /* a tile's queries or keys, on processors with AVX-512 */
    SPLIT_ROWS = 256  /* queries of a head of keys that the split variant takes at most */
};

static register_tile choose_tile(const device_profile *profile, const attention_problem *p) {
    register_tile r = choose_register_tile(profile, LANES);
    if (p->type == CLEAT_F64) { /* half as many in a register */
        r.w /= 2;
        r.columns /= 2;
    }
    return r;
}

static void tile_of(
    const device_profile *profile, const attention_problem *p, launch *l, register_tile *r) {
    *r = choose_tile(profile, p);
    launch_macro(l, "GEMM_W", r->w);
    launch_macro(l, "GEMM_NV", r->vectors);
    launch_macro(l, "GEMM_MR", r->rows);
}

static int64_t tiled(int64_t rows, const register_tile *r) {
    return ceil_div(rows, r->rows) * r->rows;
}

/* Elements that a lane needs of the local memory: the most of the passes. */
static int64_t lane_elements(const attention_problem *p, const register_tile *r) {
    if (!p->backward) {
        return p->width + BLOCK + tiled(p->value_width, r);
    }
    return p->width + p->value_width + 2 * BLOCK + tiled(p->width, r) + tiled(p->value_width, r);
}

bool attention_cpu_supports(const device_profile *profile, const void *problem) {
    const attention_problem *p = problem;
    const register_tile r = choose_tile(profile, p);
    const int64_t limit = (int64_t)(profile->local_memory / cleat_type_size(p->type)) / r.columns;
    const double rounds = (double)(p->width + p->value_width) * 4.0 *
                          (double)(p->keys + (p->backward ? attention_rows(p) : 0));
    return p->width < limit && p->value_width < limit && lane_elements(p, &r) <= limit &&
           p->heads > 0 && profile_item_is_short(profile, rounds);
}

/* The work-items of `rows` lanes of each head of keys, and the memory of one. */
static void set_size(const attention_problem *p, int64_t rows, const register_tile *r, launch *l) {
    launch_local(l, (size_t)(lane_elements(p, r) * r->columns) * cleat_type_size(p->type));
    launch_size_1d(l, (size_t)(p->batch * p->key_heads * ceil_div(rows, r->columns)), 1);
}

static launch gradient(
    cleat_context *context, const attention_problem *p, void *delta, bool of_keys) {
    register_tile r;
    launch l = launch_begin(p->operation, "attention_cpu_gradient",
        of_keys ? "attention_cpu_dkdv" : "attention_cpu_dq");
    tile_of(context_profile(context), p, &l, &r);
    launch_macro(&l, "OF_KEYS", of_keys);
    attention_arguments(&l, p, "qkvDl", delta, of_keys ? "mKV" : "mQ");
    set_size(p, of_keys ? p->keys : attention_rows(p), &r, &l);
    l.flop *= of_keys ? 2.0 : 1.5;
    return l;
}

cleat_status attention_cpu(cleat_context *context, const void *problem) {
    const attention_problem *p = problem;
    if (!p->backward) {
        register_tile r;
        launch l = launch_begin(p->operation, "attention_cpu", "attention_cpu");
        tile_of(context_profile(context), p, &l, &r);
        attention_arguments(&l, p, "qkvylm", NULL, "");
        set_size(p, attention_rows(p), &r, &l);
        return launch_all(context, &l, 1);
    }
    void *delta = NULL;
    launch launches[3];
    TRY(attention_delta(context, p, &launches[0], &delta));
    launches[1] = gradient(context, p, delta, false);
    launches[2] = gradient(context, p, delta, true);
    const cleat_status status = launch_all(context, launches, 3);
    scratch_release(context, delta);
    return status;
}

/* ---- Few queries: the keys in parts ---- */

/* Some eight parts a core, of whole blocks. */
static int64_t part_keys(const device_profile *profile, const attention_problem *p) {
    const int64_t pairs = p->batch * p->key_heads;
    const int64_t wanted = ceil_div(8 * (int64_t)profile->compute_units, pairs > 0 ? pairs : 1);
    const int64_t blocks = ceil_div(p->keys, SPLIT_BLOCK);
    const int64_t each = ceil_div(blocks, wanted > 0 ? wanted : 1);
    return (each > 0 ? each : 1) * SPLIT_BLOCK;
}

static int64_t part_count(const attention_problem *p, int64_t keys) {
    const int64_t parts = ceil_div(p->keys, keys);
    return parts > 0 ? parts : 1;
}

bool attention_split_supports(const device_profile *profile, const void *problem) {
    const attention_problem *p = problem;
    if (p->heads == 0 || p->type != CLEAT_F32) {
        return false;
    }
    const int64_t keys = part_keys(profile, p);
    const double rounds =
        (double)(p->width + p->value_width) * (double)(keys + 4) * (double)attention_rows(p);
    const int64_t limit = (int64_t)(profile->local_memory / sizeof(float));
    return !p->backward && attention_rows(p) <= SPLIT_ROWS && p->width <= limit / 2 &&
           p->value_width <= limit / 2 && profile_item_is_short(profile, rounds);
}

cleat_status attention_split(cleat_context *context, const void *problem) {
    const attention_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const int64_t keys = part_keys(profile, p);
    const int64_t parts = part_count(p, keys);
    const int64_t rows = p->batch * p->heads * p->queries;
    void *partial = NULL;
    TRY(scratch_acquire(
        context, (size_t)(rows * parts * (p->value_width + 2)) * sizeof(float), &partial));
    launch launches[2] = {launch_begin(p->operation, "attention_cpu_split", "attention_cpu_split"),
        launch_begin(p->operation, "attention_cpu_split", "attention_cpu_combine")};
    attention_problem wide = *p;
    wide.index64 = p->index64 ||
                   (double)rows * (double)parts * (double)(p->value_width + 2) > (double)INT32_MAX;
    for (int i = 0; i < 2; i++) {
        launch *l = &launches[i];
        launch_macro(l, "SPLIT_W", profile_vector_width(profile));
        attention_arguments(l, &wide, i == 0 ? "qkvm" : "yl", NULL, "");
        launch_memory(l, partial);
        launch_index(l, parts);
    }
    launch_index(&launches[0], keys);
    launch_local(&launches[0], (size_t)(p->width + p->value_width + 1) * sizeof(float));
    launch_size_1d(&launches[0], (size_t)(p->batch * p->key_heads * parts), 1);
    launch_size_1d(&launches[1], (size_t)rows, 1);
    launches[1].flop = 2.0 * (double)rows * (double)parts * (double)p->value_width;
    launches[1].bytes = 4.0 * (double)rows * (double)parts * (double)p->value_width;
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
