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
    float sum[COLUMNS];                                                                            \
    for (int c = 0; c < COLUMNS; ++c) {                                                            \
        sum[c] = 0.0f;                                                                             \
    }

/* sum over e of a b */
static float dot_of(
    const __global float *a, INDEX a_step, const __global float *b, INDEX b_step, INDEX count) {
    float sum = 0.0f;
    for (INDEX e = 0; e < count; ++e) {
        sum = FMA(a[e * a_step], b[e * b_step], sum);
    }
    return sum;
}

static float score(const attention_numbers *n, const __global float *q, const __global float *k,
    const __global uchar *mask, INDEX b, INDEX h, INDEX l, INDEX s) {
    if (s > l + n->diagonal) {
        return -INFINITY;
    }
    const INDEX group = n->heads / n->key_heads;
    const float value =
        n->scale * dot_of(q + HEAD_OF(q, b, h) + l * n->q_row, n->q_column,
                       k + HEAD_OF(k, b, h / group) + s * n->k_row, n->k_column, n->width);
    return n->mask_kind == 0
               ? value
               : value + mask_value(mask,
                             HEAD_OF(mask, b, h) + l * n->mask_row + s * n->mask_column,
                             n->mask_kind);
}

__kernel void attention_plain(const __global float *q, const __global float *k,
    const __global float *v, __global float *y, __global float *lse, const __global uchar *mask,
    const attention_numbers numbers) {
    const INDEX rows = numbers.batch * numbers.heads * numbers.queries;
    TAKE(rows, numbers.value_width)
    const INDEX l = row % n->queries, h = row / n->queries % n->heads,
                b = row / n->queries / n->heads;
    float peak = -INFINITY;
    for (INDEX s = 0; s < n->keys; ++s) {
        const float value = score(n, q, k, mask, b, h, l, s);
        peak = value > peak ? value : peak;
    }
    const float shift = peak == -INFINITY ? 0.0f : peak;
    float total = 0.0f;
    const __global float *value =
        v + HEAD_OF(v, b, h / (n->heads / n->key_heads)) + first * n->v_column;
    for (INDEX s = 0; s < n->keys; ++s) {
        const float p = exp(score(n, q, k, mask, b, h, l, s) - shift);
        total += p;
        for (int c = 0; c < count; ++c) {
            sum[c] = FMA(p, value[s * n->v_row + c * n->v_column], sum[c]);
        }
    }
    const float inverse = total < 0.5f ? 0.0f : 1.0f / total;
    __global float *out = y + HEAD_OF(y, b, h) + l * n->y_row + first * n->y_column;
    for (int c = 0; c < count; ++c) {
        out[c * n->y_column] = sum[c] * inverse;
    }
    if (lse && first == 0) {
        lse[HEAD_OF(lse, b, h) + l * n->lse_row] = total < 0.5f ? -INFINITY : shift + log(total);
    }
}

__kernel void attention_plain_delta(const __global float *y, const __global float *dy,
    __global float *delta, const attention_numbers numbers) {
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
static float weight(float value, float lse) {
    return lse == -INFINITY ? 0.0f : exp(value - lse);
}

__kernel void attention_plain_dq(const __global float *q, const __global float *k,
    const __global float *v, const __global float *dy, const __global float *lse,
    const __global float *delta, const __global uchar *mask, __global float *dq,
    const attention_numbers numbers) {
    const INDEX rows = numbers.batch * numbers.heads * numbers.queries;
    TAKE(rows, numbers.width)
    const INDEX l = row % n->queries, h = row / n->queries % n->heads,
                b = row / n->queries / n->heads, kh = h / (n->heads / n->key_heads);
    const float bound = lse[HEAD_OF(lse, b, h) + l * n->lse_row];
    for (INDEX s = 0; s < n->keys; ++s) {
        const float p = weight(score(n, q, k, mask, b, h, l, s), bound);
        const float dp = dot_of(dy + HEAD_OF(dy, b, h) + l * n->dy_row, n->dy_column,
            v + HEAD_OF(v, b, kh) + s * n->v_row, n->v_column, n->value_width);
        const float ds = p * (dp - delta[row]);
        const __global float *key = k + HEAD_OF(k, b, kh) + s * n->k_row + first * n->k_column;
        for (int c = 0; c < count && p != 0.0f; ++c) {
            sum[c] = FMA(ds, key[c * n->k_column], sum[c]);
        }
    }
    __global float *out = dq + HEAD_OF(dq, b, h) + l * n->dq_row + first * n->dq_column;
    for (int c = 0; c < count; ++c) {
        out[c * n->dq_column] = n->scale * sum[c];
    }
}

__kernel void attention_plain_dkdv(const __global float *q, const __global float *k,
    const __global float *v, const __global float *dy, const __global float *lse,
    const __global float *delta, const __global uchar *mask, __global float *dk, __global float *dv,
    const attention_numbers numbers, const int of_values) {
    const INDEX rows = numbers.batch * numbers.key_heads * numbers.keys;
    TAKE(rows, of_values ? numbers.value_width : numbers.width)
    const INDEX s = row % n->keys, kh = row / n->keys % n->key_heads,
                b = row / n->keys / n->key_heads, group = n->heads / n->key_heads;
    for (INDEX h = kh * group; h < (kh + 1) * group; ++h) {
        for (INDEX l = 0; l < n->queries; ++l) {
            const float p =
                weight(score(n, q, k, mask, b, h, l, s), lse[HEAD_OF(lse, b, h) + l * n->lse_row]);
            const __global float *gradient = dy + HEAD_OF(dy, b, h) + l * n->dy_row;
            const float dp = dot_of(gradient, n->dy_column, v + HEAD_OF(v, b, kh) + s * n->v_row,
                n->v_column, n->value_width);
            const float factor =
                of_values ? p : p * (dp - delta[(b * n->heads + h) * n->queries + l]);
            const __global float *from = of_values ? gradient : q + HEAD_OF(q, b, h) + l * n->q_row;
            const INDEX step = of_values ? n->dy_column : n->q_column;
            for (int c = 0; c < count && p != 0.0f; ++c) {
                sum[c] = FMA(factor, from[(first + c) * step], sum[c]);
            }
        }
    }
    __global float *out = of_values ? dv + HEAD_OF(dv, b, kh) + s * n->dv_row
                                    : dk + HEAD_OF(dk, b, kh) + s * n->dk_row;
    const INDEX step = of_values ? n->dv_column : n->dk_column;
    for (int c = 0; c < count; ++c) {
        out[(first + c) * step] = of_values ? sum[c] : n->scale * sum[c];
    }
}
