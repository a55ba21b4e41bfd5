/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention forward on processors: attention.cl tells the numbers, attention_cpu_tile.cl how a
 * work-item goes about it. It takes GEMM_NR queries of one head of keys and goes through the keys
 * in blocks of BLOCK: scores, their exponentials and sums, then y grows by the product with v,
 * after what was there has been scaled down to the new maximum (Milakov & Gimelshein 2018; Dao
 * 2023).
 *
 * Geometry: 1-D, groups of 1, batch * key_heads * ceil(queries of a head of keys / GEMM_NR) items,
 * those with more keys first. Local memory: (width + BLOCK + TILED(value_width)) * GEMM_NR REALs.
 */
#include "attention_cpu_tile.cl"

/* exp(score - maximum) in place of a block's scores; its sum and maximum join those so far, and
 * what they have to be scaled by goes to `factor`. */
static KEEP_APART void block_weights(
    __local REAL *scores, int count, VECTOR *peaks, VECTOR *totals, VECTOR *factors) {
    EACH_VECTOR {
        __local REAL *column = scores + v * GEMM_W;
        VECTOR peak = peaks[v];
        for (int j = 0; j < count; ++j) {
            const VECTOR s = LOAD(GEMM_W, column + j * GEMM_NR);
            peak = s > peak ? s : peak;
        }
        const VECTOR shift = peak == -INFINITY ? (VECTOR)(0.0f) : peak;
        const VECTOR factor = EXP_DOWN(peaks[v] - shift);
        VECTOR sum = (VECTOR)(0.0f);
        for (int j = 0; j < count; ++j) {
            const VECTOR p = EXP_DOWN(LOAD(GEMM_W, column + j * GEMM_NR) - shift);
            STORE(GEMM_W, p, column + j * GEMM_NR);
            sum += p;
        }
        totals[v] = FMA(totals[v], factor, sum);
        peaks[v] = peak;
        factors[v] = factor;
    }
}

static inline void scale_rows(__local REAL *out, INDEX rows, const VECTOR *factors) {
    for (INDEX e = 0; e < rows; ++e) {
        EACH_VECTOR {
            __local REAL *p = out + e * GEMM_NR + v * GEMM_W;
            STORE(GEMM_W, LOAD(GEMM_W, p) * factors[v], p);
        }
    }
}

static inline void write_logarithm(const attention_numbers *n, const lane_rows *lanes,
    __global REAL *lse, const VECTOR *peaks, const VECTOR *totals) {
    REAL values[GEMM_NR];
    EACH_VECTOR {
        const VECTOR value = peaks[v] + LOG(totals[v] < 0.5f ? (VECTOR)(1.0f) : totals[v]);
        STORE(GEMM_W, totals[v] < 0.5f ? (VECTOR)(-INFINITY) : value, values + v * GEMM_W);
    }
    KEEP_ROLLED
    for (int i = 0; i < lanes->count; ++i) {
        lse[lanes->head[i] * n->lse_head + lanes->row[i] * n->lse_row] = values[i];
    }
}

static KEEP_APART void attend(const attention_numbers *n, INDEX b, INDEX key_head, INDEX first,
    const __global REAL *q, const __global REAL *k, const __global REAL *v_data,
    __global REAL *y, __global REAL *lse, const __global uchar *mask_data,
    __local REAL *lane_q) {
    const INDEX group = n->heads / n->key_heads, head = key_head * group;
    __local REAL *scores = lane_q + n->width * GEMM_NR;
    __local REAL *out = scores + BLOCK * GEMM_NR;
    const lane_rows lanes = find_lanes(first, n->queries, group);
    lane_mask mask = {.kind = n->mask_kind, .data = mask_data, .row_step = n->mask_column};
    for (int i = 0; i < GEMM_NR; ++i) {
        mask.places[i] = HEAD_OF(mask, b, head + lanes.head[i]) + lanes.row[i] * n->mask_row;
        mask.limits[i] = lanes.row[i] + n->diagonal;
    }
    settle_limits(&mask);
    pack_lanes(&lanes, q + HEAD_OF(q, b, head), n->q_head, n->q_row, n->q_column, n->width,
        n->scale, lane_q);
    clear(out, TILED(n->value_width));
    k += HEAD_OF(k, b, key_head);
    v_data += HEAD_OF(v, b, key_head);
    VECTOR peaks[GEMM_NV], totals[GEMM_NV], factors[GEMM_NV];
    EACH_VECTOR {
        peaks[v] = (VECTOR)(-INFINITY);
        totals[v] = (VECTOR)(0.0f);
    }
    const INDEX end = min(n->keys, mask.most + 1);
    for (INDEX s = 0; s < end; s += BLOCK) {
        const int count = (int)min(end - s, (INDEX)BLOCK);
        product(k, s, s + count, n->k_row, n->k_column, n->width, lane_q, scores, false);
        if (is_masked(&mask, s, count, false)) {
            mask_scores(scores, s, count, &mask, false);
        }
        block_weights(scores, count, peaks, totals, factors);
        scale_rows(out, n->value_width, factors);
        product(v_data + s * n->v_row, 0, n->value_width, n->v_column, n->v_row, count, scores, out,
            true);
    }
    EACH_VECTOR factors[v] = totals[v] < 0.5f ? (VECTOR)(0.0f) : 1.0f / totals[v];
    scale_rows(out, n->value_width, factors);
    unpack_lanes(&lanes, out, 1.0f, y + HEAD_OF(y, b, head), n->y_head, n->y_row, n->y_column,
        n->value_width);
    if (lse) {
        write_logarithm(n, &lanes, lse + HEAD_OF(lse, b, head), peaks, totals);
    }
}

__kernel void attention_cpu(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, __global REAL *y, __global REAL *lse, const __global uchar *mask,
    const attention_numbers numbers, __local REAL *memory) {
    const attention_numbers n = numbers;
    const INDEX blocks = (n.heads / n.key_heads * n.queries + GEMM_NR - 1) / GEMM_NR;
    const INDEX pairs = n.batch * n.key_heads;
    const INDEX item = get_global_id(0);
    const INDEX block = blocks - 1 - item / pairs, pair = item % pairs;
    attend(
        &n, pair / n.key_heads, pair % n.key_heads, block * GEMM_NR, q, k, v, y, lse, mask, memory);
}
