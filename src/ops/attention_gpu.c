/* SPDX-License-Identifier: Apache-2.0 */
/* Attention's variant for GPUs: cl/attention_gpu.cl. */
#include "core/tuning.h"
#include "ops/attention_problem.h"

enum {
    TILE = 32, /* rows of a work-group, and columns of a chunk */
    ROWS = 4,
    FEW_ROWS = 2, /* of a work-item: cl/attention_gpu.cl */
    MOST_CHUNKS = 8,
    MOST_OF_TWO = 4, /* where a group computes two results: more do not fit into registers */
    LOCAL_BYTES = 4 * TILE * (TILE + 1) * 4
};

/* Chunks of columns that the results have, as the kernels know them. */
static int64_t chunks_of(const attention_problem *p) {
    const int64_t most = p->backward && p->width > p->value_width ? p->width : p->value_width;
    int64_t chunks = 1;
    while (chunks * TILE < most) {
        chunks *= 2;
    }
    return chunks;
}

/* Of a work-item's loops, innermost ones unrolled or not. */
static double rounds_of(const attention_problem *p) {
    const double steps =
        p->backward ? (double)p->keys + (double)attention_rows(p) : (double)p->keys;
    return (steps / TILE + 2) * (double)(p->width + p->value_width + 2 * TILE) * 4;
}

static int64_t items_of(int64_t rows) {
    return 8 * TILE / rows;
}

static bool has_room(const device_profile *profile, int64_t rows) {
    const size_t items = (size_t)items_of(rows);
    return profile->max_work_group_size >= items && profile->max_work_item_sizes[0] >= items;
}

/* Rows of a work-item, 2 or 4. */
static int64_t choose_rows(cleat_context *context) {
    const int64_t rows = tuning_number(context, "attention", "gpu_rows", FEW_ROWS, ROWS, ROWS);
    return rows == FEW_ROWS && has_room(context_profile(context), FEW_ROWS) ? FEW_ROWS : ROWS;
}

bool attention_gpu_supports(const device_profile *profile, const void *problem) {
    const attention_problem *p = problem;
    return p->type == CLEAT_F32 && p->heads > 0 && p->width <= MOST_CHUNKS * TILE &&
           p->value_width <= MOST_CHUNKS * TILE && profile->local_memory >= LOCAL_BYTES &&
           has_room(profile, ROWS) && profile_item_is_short(profile, rounds_of(p));
}

static launch pass(const attention_problem *p, int number, int64_t rows, void *delta) {
    static const char *const kernels[] = {
        "attention_gpu", "attention_gpu_dq", "attention_gpu_dkdv"};
    static const char *const before[] = {"qkvylm", "qkvDl", "qkvDl"};
    static const char *const after[] = {"", "mQ", "mKV"};
    launch l = launch_begin(p->operation, "attention_gpu", kernels[number]);
    launch_macro(&l, "PASS", number);
    const int64_t chunks = chunks_of(p), parts = number == 2 ? ceil_div(chunks, MOST_OF_TWO) : 1;
    launch_macro(&l, "OUT_CHUNKS", chunks / parts);
    launch_macro(&l, "COLUMN_PARTS", parts);
    launch_macro(&l, "ITEM_ROWS", rows);
    attention_arguments(&l, p, before[number], delta, after[number]);
    launch_local(&l, LOCAL_BYTES);
    const int64_t groups = number == 2 ? parts * p->key_heads * ceil_div(p->keys, TILE)
                                       : p->heads * ceil_div(p->queries, TILE);
    launch_size_1d(&l, (size_t)(p->batch * groups * items_of(rows)), (size_t)items_of(rows));
    l.flop *= number == 0 ? 1.0 : number == 1 ? 1.5 : 2.0;
    return l;
}

cleat_status attention_gpu(cleat_context *context, const void *problem) {
    const attention_problem *p = problem;
    const int64_t rows = choose_rows(context);
    if (!p->backward) {
        launch l = pass(p, 0, rows, NULL);
        return launch_all(context, &l, 1);
    }
    void *delta = NULL;
    launch launches[3];
    TRY(attention_delta(context, p, &launches[0], &delta));
    launches[1] = pass(p, 1, rows, delta);
    launches[2] = pass(p, 2, rows, delta);
    const cleat_status status = launch_all(context, launches, 3);
    scratch_release(context, delta);
    return status;
}
