/* SPDX-License-Identifier: Apache-2.0 */
/* What the launches of attention have in common, and those of its plain variant. */
#include "core/tensor_check.h"
#include "ops/attention_problem.h"

enum { PLAIN_COLUMNS = 16 }; /* COLUMNS of cl/attention_plain.cl */

static const cleat_tensor *operand(const attention_problem *p, char letter) {
    switch (letter) {
    case 'q':
        return &p->q;
    case 'k':
        return &p->k;
    case 'v':
        return &p->v;
    case 'y':
        return &p->y;
    case 'l':
        return &p->lse;
    case 'm':
        return &p->mask;
    case 'D':
        return &p->dy;
    case 'Q':
        return &p->dq;
    case 'K':
        return &p->dk;
    default:
        return &p->dv;
    }
}

static void add_memory(launch *l, const attention_problem *p, const char *letters) {
    for (; *letters != '\0'; letters++) {
        const cleat_tensor *x = operand(p, *letters);
        launch_tensor(l, x->buffer != NULL ? x : NULL);
    }
}

static int mask_kind(const attention_problem *p) {
    return p->mask.buffer == NULL ? 0 : p->mask.type == CLEAT_BOOL ? 2 : 1;
}

void attention_arguments(
    launch *l, const attention_problem *p, const char *before, void *delta, const char *after) {
    launch_use_index64(l, p->index64);
    launch_use_real64(l, p->type);
    add_memory(l, p, before);
    if (delta != NULL) {
        launch_memory(l, delta);
    }
    add_memory(l, p, after);
    launch_numbers_begin(l);
    const int64_t extents[] = {p->batch, p->heads, p->key_heads, p->queries, p->keys, p->width,
        p->value_width, p->diagonal};
    launch_indices(l, extents, sizeof extents / sizeof extents[0]);
    for (const char *letter = "qkvyDQKVlm"; *letter != '\0'; letter++) {
        const cleat_tensor *x = operand(p, *letter);
        launch_index(l, x->offset);
        launch_indices(l, x->stride, 4);
    }
    launch_int(l, mask_kind(p));
    launch_real(l, p->scale);
    launch_numbers_end(l);
    const double scores =
        (double)p->batch * (double)p->heads * (double)p->queries * (double)p->keys;
    l->flop = 2.0 * scores * (double)(p->width + p->value_width);
    l->bytes = (double)cleat_type_size(p->type) * (double)p->batch *
               ((double)p->heads * (double)p->queries + (double)p->key_heads * (double)p->keys) *
               (double)(p->width + p->value_width);
}

void attention_by_row(const device_profile *profile, int64_t rows, int64_t columns, launch *l) {
    const int64_t pieces = columns == 0 ? 1 : ceil_div(columns, PLAIN_COLUMNS);
    const size_t most = profile->max_work_group_size;
    const size_t local = most < 64 ? most : 64;
    launch_size_1d(l, round_up((size_t)(rows * pieces), local), local);
}

cleat_status attention_delta(
    cleat_context *context, const attention_problem *p, launch *l, void **delta) {
    const int64_t rows = p->batch * p->heads * p->queries;
    TRY(scratch_acquire(context, (size_t)(rows > 0 ? rows : 1) * cleat_type_size(p->type), delta));
    *l = launch_begin(p->operation, "attention_plain", "attention_plain_delta");
    attention_arguments(l, p, "yD", *delta, "");
    attention_by_row(context_profile(context), rows, 0, l);
    l->flop = 2.0 * (double)rows * (double)p->value_width;
    l->bytes = 2.0 * (double)cleat_type_size(p->type) * (double)rows * (double)p->value_width;
    return CLEAT_OK;
}

/* ---- plain ---- */

bool attention_plain_supports(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

static launch gradient(cleat_context *context, const attention_problem *p, void *delta, char of) {
    const bool of_queries = of == 'Q';
    launch l = launch_begin(p->operation, "attention_plain",
        of_queries ? "attention_plain_dq" : "attention_plain_dkdv");
    attention_arguments(&l, p, "qkvDl", delta, of_queries ? "mQ" : "mKV");
    if (!of_queries) {
        launch_int(&l, of == 'V');
    }
    const int64_t rows = p->batch * (of_queries ? p->heads * p->queries : p->key_heads * p->keys);
    attention_by_row(context_profile(context), rows, of == 'V' ? p->value_width : p->width, &l);
    return l;
}

cleat_status attention_plain(cleat_context *context, const void *problem) {
    const attention_problem *p = problem;
    if (!p->backward) {
        launch l = launch_begin(p->operation, "attention_plain", "attention_plain");
        attention_arguments(&l, p, "qkvylm", NULL, "");
        attention_by_row(
            context_profile(context), p->batch * p->heads * p->queries, p->value_width, &l);
        return launch_all(context, &l, 1);
    }
    void *delta = NULL;
    launch launches[4];
    TRY(attention_delta(context, p, &launches[0], &delta));
    launches[1] = gradient(context, p, delta, 'Q');
    launches[2] = gradient(context, p, delta, 'K');
    launches[3] = gradient(context, p, delta, 'V');
    const cleat_status status = launch_all(context, launches, 4);
    scratch_release(context, delta);
    return status;
}
