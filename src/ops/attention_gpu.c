/* SPDX-License-Identifier: Apache-2.0 */
/* Attention's variant for GPUs: cl/attention_gpu.cl. */
#include "ops/attention_problem.h"

enum {
    TILE = 32, /* rows of a work-group, and columns of a chunk */
    GROUP = 64,
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

bool attention_gpu_supports(const device_profile *profile, const void *problem) {
    const attention_problem *p = problem;
    return p->type == CLEAT_F32 && p->heads > 0 && p->width <= MOST_CHUNKS * TILE &&
           p->value_width <= MOST_CHUNKS * TILE && profile->local_memory >= LOCAL_BYTES &&
           profile->max_work_group_size >= GROUP && profile->max_work_item_sizes[0] >= GROUP &&
           profile_item_is_short(profile, rounds_of(p));
}

static launch pass(const attention_problem *p, int number, void *delta) {
    static const char *const kernels[] = {
        "attention_gpu", "attention_gpu_dq", "attention_gpu_dkdv"};
    static const char *const before[] = {"qkvylm", "qkvDl", "qkvDl"};
    static const char *const after[] = {"", "mQ", "mKV"};
    launch l = launch_begin(p->operation, "attention_gpu", kernels[number]);
    launch_macro(&l, "PASS", number);
    const int64_t chunks = chunks_of(p), parts = number == 2 ? ceil_div(chunks, MOST_OF_TWO) : 1;
    launch_macro(&l, "OUT_CHUNKS", chunks / parts);
    launch_macro(&l, "COLUMN_PARTS", parts);
    attention_arguments(&l, p, before[number], delta, after[number]);
    launch_local(&l, LOCAL_BYTES);
    const int64_t groups = number == 2 ? parts * p->key_heads * ceil_div(p->keys, TILE)
                                       : p->heads * ceil_div(p->queries, TILE);
    launch_size_1d(&l, (size_t)(p->batch * groups * GROUP), GROUP);
    l.flop *= number == 0 ? 1.0 : number == 1 ? 1.5 : 2.0;
    return l;
}

cleat_status attention_gpu(cleat_context *context, const void *problem) {
    const attention_problem *p = problem;
    if (!p->backward) {
        launch l = pass(p, 0, NULL);
        return launch_all(context, &l, 1);
    }
    void *delta = NULL;
    launch launches[3];
    TRY(attention_delta(context, p, &launches[0], &delta));
    launches[1] = pass(p, 1, delta);
    launches[2] = pass(p, 2, delta);
    const cleat_status status = launch_all(context, launches, 3);
    scratch_release(context, delta);
    return status;
}
