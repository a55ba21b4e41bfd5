/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of attention on processors: attention.cl tells the numbers, attention_cpu_tile.cl how a
 * work-item goes about it. Macro:
 *     OF_KEYS  0  attention_cpu_dq: lanes are queries, keys stream by;
 *              1  attention_cpu_dkdv: lanes are keys, the queries of all heads of the group stream
 * by In both the scores and dp, the products of dy and v, are computed again for a block of BLOCK
 * rows, and with p = exp(score - lse), ds = p (dp - delta), the results grow by the products of ds
 * with k or q, and of p with dy.
 *
 * Geometry: 1-D, groups of 1, batch * key_heads * ceil(rows / GEMM_NR) items. Local memory:
 * (width + value_width + 2 BLOCK + TILED(width) + TILED(value_width) if OF_KEYS) * GEMM_NR REALs.
 */
#include "attention_cpu_tile.cl"

/* What a work-item has: the rows that are its lanes, packed, and blocks of scores and dp. */
typedef struct gradient_work {
    lane_rows lanes;
    lane_mask mask;
    __local REAL *lane_scores, *lane_values, *scores, *dp, *out, *out_values;
} gradient_work;

static inline void divide_memory(
    const attention_numbers *n, __local REAL *memory, gradient_work *w) {
    w->lane_scores = memory;
    w->lane_values = w->lane_scores + n->width * GEMM_NR;
    w->scores = w->lane_values + n->value_width * GEMM_NR;
    w->dp = w->scores + BLOCK * GEMM_NR;
    w->out = w->dp + BLOCK * GEMM_NR;
    w->out_values = w->out + TILED(n->width) * GEMM_NR;
    clear(w->out, TILED(n->width));
#if OF_KEYS
    clear(w->out_values, TILED(n->value_width));
#endif
}

/* ds in place of dp, and, for keys, p in place of the scores. Of a query without keys both are 0.
 */
static inline VECTOR weights_of(__local REAL *scores, VECTOR lse) {
    const VECTOR p = EXP_DOWN(LOAD(GEMM_W, scores) - lse);
    return lse == -INFINITY ? (VECTOR)(0.0f) : p;
}

#if OF_KEYS
static KEEP_APART void block_gradients(__local REAL *scores, __local REAL *dp, int count,
    const __global REAL *lse, INDEX lse_step, const __global REAL *delta) {
    for (int j = 0; j < count; ++j) {
        const VECTOR bound = (VECTOR)(lse[j * lse_step]), d = (VECTOR)(delta[j]);
        EACH_VECTOR {
            const int place = j * GEMM_NR + v * GEMM_W;
            const VECTOR p = weights_of(scores + place, bound);
            STORE(GEMM_W, p, scores + place);
            STORE(GEMM_W, p * (LOAD(GEMM_W, dp + place) - d), dp + place);
        }
    }
}

/* The queries first .. first + count of one head, at q, dy, lse and delta. */
static inline void add_queries(const attention_numbers *n, gradient_work *w, INDEX first, int count,
    const __global REAL *q, const __global REAL *dy, const __global REAL *lse,
    const __global REAL *delta) {
    q += first * n->q_row;
    dy += first * n->dy_row;
    product(q, 0, count, n->q_row, n->q_column, n->width, w->lane_scores, w->scores, false);
    product(dy, 0, count, n->dy_row, n->dy_column, n->value_width, w->lane_values, w->dp, false);
    if (is_masked(&w->mask, first, count, true)) {
        mask_scores(w->scores, first, count, &w->mask, true);
    }
    block_gradients(w->scores, w->dp, count, lse + first * n->lse_row, n->lse_row, delta + first);
    product(dy, 0, n->value_width, n->dy_column, n->dy_row, count, w->scores, w->out_values, true);
    product(q, 0, n->width, n->q_column, n->q_row, count, w->dp, w->out, true);
}

static KEEP_APART void gradient_of_keys(const attention_numbers *n, INDEX b, INDEX key_head,
    INDEX first_key, const __global REAL *q, const __global REAL *k, const __global REAL *v,
    const __global REAL *dy, const __global REAL *lse, const __global REAL *delta,
    const __global uchar *mask_data, __global REAL *dk, __global REAL *dv,
    __local REAL *memory) {
    const INDEX group = n->heads / n->key_heads;
    gradient_work w;
    divide_memory(n, memory, &w);
    w.lanes = find_lanes(first_key, n->keys, 1);
    pack_lanes(&w.lanes, k + HEAD_OF(k, b, key_head), 0, n->k_row, n->k_column, n->width, n->scale,
        w.lane_scores);
    pack_lanes(&w.lanes, v + HEAD_OF(v, b, key_head), 0, n->v_row, n->v_column, n->value_width,
        1.0f, w.lane_values);
    w.mask.kind = n->mask_kind;
    w.mask.data = mask_data;
    w.mask.row_step = n->mask_row;
    for (int i = 0; i < GEMM_NR; ++i) {
        w.mask.limits[i] = w.lanes.row[i] - n->diagonal;
    }
    settle_limits(&w.mask);
    for (INDEX head = key_head * group; head < (key_head + 1) * group; ++head) {
        for (int i = 0; i < GEMM_NR; ++i) {
            w.mask.places[i] = HEAD_OF(mask, b, head) + w.lanes.row[i] * n->mask_column;
        }
        for (INDEX l = max(w.mask.least, (INDEX)0); l < n->queries; l += BLOCK) {
            add_queries(n, &w, l, (int)min(n->queries - l, (INDEX)BLOCK), q + HEAD_OF(q, b, head),
                dy + HEAD_OF(dy, b, head), lse + HEAD_OF(lse, b, head),
                delta + (b * n->heads + head) * n->queries);
        }
    }
    unpack_lanes(&w.lanes, w.out, n->scale, dk + HEAD_OF(dk, b, key_head), 0, n->dk_row,
        n->dk_column, n->width);
    unpack_lanes(&w.lanes, w.out_values, 1.0f, dv + HEAD_OF(dv, b, key_head), 0, n->dv_row,
        n->dv_column, n->value_width);
}

__kernel void attention_cpu_dkdv(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, const __global REAL *dy, const __global REAL *lse,
    const __global REAL *delta, const __global uchar *mask, __global REAL *dk, __global REAL *dv,
    const attention_numbers numbers, __local REAL *memory) {
    const attention_numbers n = numbers;
    const INDEX pairs = n.batch * n.key_heads;
    const INDEX item = get_global_id(0);
    const INDEX block = item / pairs, pair = item % pairs;
    gradient_of_keys(&n, pair / n.key_heads, pair % n.key_heads, block * GEMM_NR, q, k, v, dy, lse,
        delta, mask, dk, dv, memory);
}
#else
static KEEP_APART void block_gradients(
    __local REAL *scores, __local REAL *dp, int count, const REAL *lse, const REAL *delta) {
    EACH_VECTOR {
        const VECTOR bound = LOAD(GEMM_W, lse + v * GEMM_W), d = LOAD(GEMM_W, delta + v * GEMM_W);
        for (int j = 0; j < count; ++j) {
            const int place = j * GEMM_NR + v * GEMM_W;
            const VECTOR p = weights_of(scores + place, bound);
            STORE(GEMM_W, p * (LOAD(GEMM_W, dp + place) - d), dp + place);
        }
    }
}

static KEEP_APART void gradient_of_queries(const attention_numbers *n, INDEX b, INDEX key_head,
    INDEX first_row, const __global REAL *q, const __global REAL *k, const __global REAL *v,
    const __global REAL *dy, const __global REAL *lse_data, const __global REAL *delta_data,
    const __global uchar *mask_data, __global REAL *dq, __local REAL *memory) {
    const INDEX group = n->heads / n->key_heads, head = key_head * group;
    REAL lse[GEMM_NR], delta[GEMM_NR];
    gradient_work w;
    divide_memory(n, memory, &w);
    w.lanes = find_lanes(first_row, n->queries, group);
    pack_lanes(&w.lanes, q + HEAD_OF(q, b, head), n->q_head, n->q_row, n->q_column, n->width,
        n->scale, w.lane_scores);
    pack_lanes(&w.lanes, dy + HEAD_OF(dy, b, head), n->dy_head, n->dy_row, n->dy_column,
        n->value_width, 1.0f, w.lane_values);
    w.mask.kind = n->mask_kind;
    w.mask.data = mask_data;
    w.mask.row_step = n->mask_column;
    for (int i = 0; i < GEMM_NR; ++i) {
        const INDEX h = head + w.lanes.head[i], l = w.lanes.row[i];
        lse[i] = lse_data[HEAD_OF(lse, b, h) + l * n->lse_row];
        delta[i] = delta_data[(b * n->heads + h) * n->queries + l];
        w.mask.places[i] = HEAD_OF(mask, b, h) + l * n->mask_row;
        w.mask.limits[i] = l + n->diagonal;
    }
    settle_limits(&w.mask);
    k += HEAD_OF(k, b, key_head);
    v += HEAD_OF(v, b, key_head);
    const INDEX end = min(n->keys, w.mask.most + 1);
    for (INDEX s = 0; s < end; s += BLOCK) {
        const int count = (int)min(end - s, (INDEX)BLOCK);
        product(k, s, s + count, n->k_row, n->k_column, n->width, w.lane_scores, w.scores, false);
        product(v, s, s + count, n->v_row, n->v_column, n->value_width, w.lane_values, w.dp, false);
        if (is_masked(&w.mask, s, count, false)) {
            mask_scores(w.scores, s, count, &w.mask, false);
        }
        block_gradients(w.scores, w.dp, count, lse, delta);
        product(k + s * n->k_row, 0, n->width, n->k_column, n->k_row, count, w.dp, w.out, true);
    }
    unpack_lanes(&w.lanes, w.out, n->scale, dq + HEAD_OF(dq, b, head), n->dq_head, n->dq_row,
        n->dq_column, n->width);
}

__kernel void attention_cpu_dq(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, const __global REAL *dy, const __global REAL *lse,
    const __global REAL *delta, const __global uchar *mask, __global REAL *dq,
    const attention_numbers numbers, __local REAL *memory) {
    const attention_numbers n = numbers;
    const INDEX blocks = (n.heads / n.key_heads * n.queries + GEMM_NR - 1) / GEMM_NR;
    const INDEX pairs = n.batch * n.key_heads;
    const INDEX item = get_global_id(0);
    const INDEX block = blocks - 1 - item / pairs, pair = item % pairs;
    gradient_of_queries(&n, pair / n.key_heads, pair % n.key_heads, block * GEMM_NR, q, k, v, dy,
        lse, delta, mask, dq, memory);
}
#endif
