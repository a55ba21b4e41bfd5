/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention for every shape, stride and device, and what the other variants are compared with:
 * attention.cl tells the numbers. A work-item takes a row of the result, or COLUMNS elements of it,
 * and computes each score that it needs by itself.
 *
 *     attention_plain         y and lse (may be null)
 *     attention_plain_delta   delta(b, h, l) = sum of dy y, row-major
 *     attention_plain_dq      dq
 *     attention_plain_dkdv    dk, or dv where of_values
 * Geometry: 1-D, any work-group.
 */
#include "attention.cl"

#define COLUMNS 16

/* The elements of the result of which this item has the first: its row and where it begins. */
#define TAKE(rows, columns)                                                                        \
    const attention_numbers *n = &numbers;                                                         \
    const INDEX pieces = max(((columns) + COLUMNS - 1) / COLUMNS, (INDEX)1);                       \
    INDEX row = (INDEX)get_global_id(0) / pieces;                                                  \
    const INDEX first = ((INDEX)get_global_id(0) - row * pieces) * COLUMNS;                        \
    const int count = (int)min((columns)-first, (INDEX)COLUMNS);                                   \
    if (row >= (rows)) {                                                                           \
        return;                                                                                    \
    }                                                                                              \
    REAL sum[COLUMNS];                                                                             \
    for (int c = 0; c < COLUMNS; ++c) {                                                            \
        sum[c] = 0.0f;                                                                             \
    }

/* sum over e of a b */
static REAL dot_of(
    const __global REAL *a, INDEX a_step, const __global REAL *b, INDEX b_step, INDEX count) {
    REAL sum = 0.0f;
    for (INDEX e = 0; e < count; ++e) {
        sum = FMA(a[e * a_step], b[e * b_step], sum);
    }
    return sum;
}

static REAL score(const attention_numbers *n, const __global REAL *q, const __global REAL *k,
    const __global uchar *mask, INDEX b, INDEX h, INDEX l, INDEX s) {
    if (s > l + n->diagonal) {
        return -INFINITY;
    }
    const INDEX group = n->heads / n->key_heads;
    const REAL value =
        n->scale * dot_of(q + HEAD_OF(q, b, h) + l * n->q_row, n->q_column,
                       k + HEAD_OF(k, b, h / group) + s * n->k_row, n->k_column, n->width);
    return n->mask_kind == 0
               ? value
               : value + mask_value(mask,
                             HEAD_OF(mask, b, h) + l * n->mask_row + s * n->mask_column,
                             n->mask_kind);
}

__kernel void attention_plain(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, __global REAL *y, __global REAL *lse, const __global uchar *mask,
    const attention_numbers numbers) {
    const INDEX rows = numbers.batch * numbers.heads * numbers.queries;
    TAKE(rows, numbers.value_width)
    const INDEX l = row % n->queries, h = row / n->queries % n->heads,
                b = row / n->queries / n->heads;
    REAL peak = -INFINITY;
    for (INDEX s = 0; s < n->keys; ++s) {
        const REAL value = score(n, q, k, mask, b, h, l, s);
        peak = value > peak ? value : peak;
    }
    const REAL shift = peak == -INFINITY ? 0.0f : peak;
    REAL total = 0.0f;
    const __global REAL *value =
        v + HEAD_OF(v, b, h / (n->heads / n->key_heads)) + first * n->v_column;
    for (INDEX s = 0; s < n->keys; ++s) {
        const REAL p = exp(score(n, q, k, mask, b, h, l, s) - shift);
        total += p;
        for (int c = 0; c < count; ++c) {
            sum[c] = FMA(p, value[s * n->v_row + c * n->v_column], sum[c]);
        }
    }
    const REAL inverse = total < 0.5f ? 0.0f : 1.0f / total;
    __global REAL *out = y + HEAD_OF(y, b, h) + l * n->y_row + first * n->y_column;
    for (int c = 0; c < count; ++c) {
        out[c * n->y_column] = sum[c] * inverse;
    }
    if (lse && first == 0) {
        lse[HEAD_OF(lse, b, h) + l * n->lse_row] = total < 0.5f ? -INFINITY : shift + log(total);
    }
}

__kernel void attention_plain_delta(const __global REAL *y, const __global REAL *dy,
    __global REAL *delta, const attention_numbers numbers) {
    const attention_numbers *n = &numbers;
    const INDEX row = get_global_id(0);
    if (row < n->batch * n->heads * n->queries) {
        const INDEX l = row % n->queries, h = row / n->queries % n->heads,
                    b = row / n->queries / n->heads;
        delta[row] = dot_of(y + HEAD_OF(y, b, h) + l * n->y_row, n->y_column,
            dy + HEAD_OF(dy, b, h) + l * n->dy_row, n->dy_column, n->value_width);
    }
}

/* p of the header; 0 where all keys are cut off. */
static REAL weight(REAL value, REAL lse) {
    return lse == -INFINITY ? 0.0f : exp(value - lse);
}

__kernel void attention_plain_dq(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, const __global REAL *dy, const __global REAL *lse,
    const __global REAL *delta, const __global uchar *mask, __global REAL *dq,
    const attention_numbers numbers) {
    const INDEX rows = numbers.batch * numbers.heads * numbers.queries;
    TAKE(rows, numbers.width)
    const INDEX l = row % n->queries, h = row / n->queries % n->heads,
                b = row / n->queries / n->heads, kh = h / (n->heads / n->key_heads);
    const REAL bound = lse[HEAD_OF(lse, b, h) + l * n->lse_row];
    for (INDEX s = 0; s < n->keys; ++s) {
        const REAL p = weight(score(n, q, k, mask, b, h, l, s), bound);
        const REAL dp = dot_of(dy + HEAD_OF(dy, b, h) + l * n->dy_row, n->dy_column,
            v + HEAD_OF(v, b, kh) + s * n->v_row, n->v_column, n->value_width);
        const REAL ds = p * (dp - delta[row]);
        const __global REAL *key = k + HEAD_OF(k, b, kh) + s * n->k_row + first * n->k_column;
        for (int c = 0; c < count && p != 0.0f; ++c) {
            sum[c] = FMA(ds, key[c * n->k_column], sum[c]);
        }
    }
    __global REAL *out = dq + HEAD_OF(dq, b, h) + l * n->dq_row + first * n->dq_column;
    for (int c = 0; c < count; ++c) {
        out[c * n->dq_column] = n->scale * sum[c];
    }
}

__kernel void attention_plain_dkdv(const __global REAL *q, const __global REAL *k,
    const __global REAL *v, const __global REAL *dy, const __global REAL *lse,
    const __global REAL *delta, const __global uchar *mask, __global REAL *dk, __global REAL *dv,
    const attention_numbers numbers, const int of_values) {
    const INDEX rows = numbers.batch * numbers.key_heads * numbers.keys;
    TAKE(rows, of_values ? numbers.value_width : numbers.width)
    const INDEX s = row % n->keys, kh = row / n->keys % n->key_heads,
                b = row / n->keys / n->key_heads, group = n->heads / n->key_heads;
    for (INDEX h = kh * group; h < (kh + 1) * group; ++h) {
        for (INDEX l = 0; l < n->queries; ++l) {
            const REAL p =
                weight(score(n, q, k, mask, b, h, l, s), lse[HEAD_OF(lse, b, h) + l * n->lse_row]);
            const __global REAL *gradient = dy + HEAD_OF(dy, b, h) + l * n->dy_row;
            const REAL dp = dot_of(gradient, n->dy_column, v + HEAD_OF(v, b, kh) + s * n->v_row,
                n->v_column, n->value_width);
            const REAL factor =
                of_values ? p : p * (dp - delta[(b * n->heads + h) * n->queries + l]);
            const __global REAL *from = of_values ? gradient : q + HEAD_OF(q, b, h) + l * n->q_row;
            const INDEX step = of_values ? n->dy_column : n->q_column;
            for (int c = 0; c < count && p != 0.0f; ++c) {
                sum[c] = FMA(factor, from[(first + c) * step], sum[c]);
            }
        }
    }
    __global REAL *out = of_values ? dv + HEAD_OF(dv, b, kh) + s * n->dv_row
                                    : dk + HEAD_OF(dk, b, kh) + s * n->dk_row;
    const INDEX step = of_values ? n->dv_column : n->dk_column;
    for (int c = 0; c < count; ++c) {
        out[(first + c) * step] = of_values ? sum[c] : n->scale * sum[c];
    }
}
