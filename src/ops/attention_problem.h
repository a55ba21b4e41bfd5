/* SPDX-License-Identifier: Apache-2.0 */
/* What attention.c checks and the launches of attention_launch.c and attention_cpu.c are made of.
 */
#ifndef CLEAT_OPS_ATTENTION_PROBLEM_H
#define CLEAT_OPS_ATTENTION_PROBLEM_H

#include "core/launch.h"

typedef struct attention_problem {
    const char *operation;
    bool backward;
    int64_t batch, heads, key_heads, queries, keys, width, value_width;
    int64_t diagonal; /* query l sees key s if s <= l + diagonal */
    double scale;
    bool index64;
    cleat_type type; /* of all operands but a mask of bool */
    /* Buffers are NULL where there is none: y of a backward call is an input. lse [B, H, L] has
     * rank 4 here, mask the full shape. */
    cleat_tensor q, k, v, y, dy, dq, dk, dv, lse, mask;
} attention_problem;

/* Rows of queries that share a head of keys. */
static inline int64_t attention_rows(const attention_problem *p) {
    return p->heads / p->key_heads * p->queries;
}

/* Buffers of these letters, in order: q k v y l(se) m(ask) D(y) Q K V (their gradients); then the
 * struct of numbers of cl/attention.cl. Sets INDEX too. */
void attention_arguments(
    launch *l, const attention_problem *p, const char *before, void *delta, const char *after);

/* Fills a launch whose work-items take `columns` columns of a row each, or all if 0. */
void attention_by_row(const device_profile *profile, int64_t rows, int64_t columns, launch *l);

/* delta [B, H, L] = sum of dy y, into scratch memory that is lent to the caller. */
cleat_status attention_delta(
    cleat_context *context, const attention_problem *p, launch *l, void **delta);

bool attention_plain_supports(const device_profile *profile, const void *problem);
cleat_status attention_plain(cleat_context *context, const void *problem);
bool attention_cpu_supports(const device_profile *profile, const void *problem);
cleat_status attention_cpu(cleat_context *context, const void *problem);
bool attention_split_supports(const device_profile *profile, const void *problem);
cleat_status attention_split(cleat_context *context, const void *problem);
bool attention_gpu_supports(const device_profile *profile, const void *problem);
cleat_status attention_gpu(cleat_context *context, const void *problem);

#endif
