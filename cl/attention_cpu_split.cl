/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention forward for few queries on processors, where it is the reading of keys and values that
 * takes the time: attention.cl tells the numbers. The keys are cut into `parts` of part_keys each,
 * so that one query occupies all cores; lanes are elements of a row.
 *
 *     attention_cpu_split     a work-item takes one part of a head of keys, for all its queries:
 *                             partial[head of keys][query][part] = y not yet divided, maximum, sum
 *     attention_cpu_combine   a work-item puts a query's parts together, in order
 * Geometry: 1-D, groups of 1: batch * key_heads * parts and batch * heads * queries items. Local
 * memory of the first: value_width + width floats.
 */
#include "attention.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH SPLIT_W
#include "math.cl"

#define W SPLIT_W
#define VECTOR CAT(float, W)
#define EXP_DOWN CAT(math_exp_down_, W)
#define BLOCK 64 /* keys at once: they, and their values, pass through a first cache */

/* sum over e of a b, b end to end; lanes where a is, too */
static inline float dot_lanes(
    const __global float *a, INDEX step, const __local float *b, INDEX count) {
    VECTOR sums = (VECTOR)(0.0f), others = (VECTOR)(0.0f);
    INDEX e = 0;
    if (step == 1) {
        for (; e + 2 * W <= count; e += 2 * W) {
            sums = FMA(LOAD(W, a + e), LOAD(W, b + e), sums);
            others = FMA(LOAD(W, a + e + W), LOAD(W, b + e + W), others);
        }
    }
    float sum = SUM_LANES(W, sums + others);
    for (; e < count; ++e) {
        sum = FMA(a[e * step], b[e], sum);
    }
    return sum;
}

/* out[e] = factor out[e] + sum over j < count of p[j] v[j][e] */
static KEEP_APART void add_values(const __global float *v, INDEX row_step, INDEX step, INDEX width,
    const float *p, int count, float factor, __local float *out) {
    INDEX e = 0;
    if (step == 1) {
        for (; e + 4 * W <= width; e += 4 * W) {
            __local float *o = out + e;
            const __global float *from = v + e;
            VECTOR a = LOAD(W, o) * factor, b = LOAD(W, o + W) * factor,
                   c = LOAD(W, o + 2 * W) * factor, d = LOAD(W, o + 3 * W) * factor;
            for (int j = 0; j < count; ++j) {
                const VECTOR weight = (VECTOR)(p[j]);
                a = FMA(weight, LOAD(W, from), a);
                b = FMA(weight, LOAD(W, from + W), b);
                c = FMA(weight, LOAD(W, from + 2 * W), c);
                d = FMA(weight, LOAD(W, from + 3 * W), d);
                from += row_step;
            }
            STORE(W, a, o);
            STORE(W, b, o + W);
            STORE(W, c, o + 2 * W);
            STORE(W, d, o + 3 * W);
        }
    }
    KEEP_ROLLED
    for (; e < width; ++e) {
        float sum = out[e] * factor;
        KEEP_ROLLED
        for (int j = 0; j < count; ++j) {
            sum = FMA(p[j], v[j * row_step + e * step], sum);
        }
        out[e] = sum;
    }
}

/* Scores of keys that are not there are -Inf. */
static KEEP_APART void find_scores(const attention_numbers *n, const __global float *k, int count,
    const __local float *q, const __global uchar *mask, int seen, float *scores) {
    for (int j = 0; j < BLOCK; ++j) {
        float value = -INFINITY;
        if (j < min(count, seen)) {
            value = dot_lanes(k + j * n->k_row, n->k_column, q, n->width);
            if (n->mask_kind != 0) {
                value += mask_value(mask, j * n->mask_column, n->mask_kind);
            }
        }
        scores[j] = value;
    }
}

/* The scores become exponentials. */
static inline void weigh(float *scores, float *peak, float *total, float *factor) {
    VECTOR peaks = (VECTOR)(*peak), sums = (VECTOR)(0.0f);
    for (int j = 0; j < BLOCK; j += W) {
        const VECTOR s = LOAD(W, scores + j);
        peaks = s > peaks ? s : peaks;
    }
    const float most = MAX_LANES(W, peaks);
    const float shift = most == -INFINITY ? 0.0f : most;
    *factor = math_exp_down_1(*peak - shift);
    for (int j = 0; j < BLOCK; j += W) {
        const VECTOR p = EXP_DOWN(LOAD(W, scores + j) - shift);
        STORE(W, p, scores + j);
        sums += p;
    }
    *total = FMA(*total, *factor, SUM_LANES(W, sums));
    *peak = most;
}

static KEEP_APART void split_part(const attention_numbers *n, const __global float *q,
    const __global float *k, const __global float *v, const __global uchar *mask,
    __global float *partial, INDEX parts, INDEX part_keys, INDEX item, __local float *memory) {
    const INDEX pair = item / parts, part = item - pair * parts;
    const INDEX b = pair / n->key_heads, key_head = pair % n->key_heads;
    const INDEX group = n->heads / n->key_heads, rows = group * n->queries;
    const INDEX pitch = n->value_width + 2;
    const INDEX end = min((part + 1) * part_keys, n->keys);
    __local float *out = memory, *row_q = memory + n->value_width;
    float scores[BLOCK];
    for (INDEX row = 0; row < rows; ++row) {
        const INDEX head = key_head * group + row / n->queries, l = row % n->queries;
        const __global float *from = q + HEAD_OF(q, b, head) + l * n->q_row;
        float peak = -INFINITY, total = 0.0f, factor;
        KEEP_ROLLED
        for (INDEX e = 0; e < n->width; ++e) {
            row_q[e] = n->scale * from[e * n->q_column];
        }
        KEEP_ROLLED
        for (INDEX e = 0; e < n->value_width; ++e) {
            out[e] = 0.0f;
        }
        for (INDEX s = part * part_keys; s < end && s <= l + n->diagonal; s += BLOCK) {
            const int count = (int)min(end - s, (INDEX)BLOCK);
            const int seen = (int)min(l + n->diagonal - s + 1, (INDEX)BLOCK);
            find_scores(n, k + HEAD_OF(k, b, key_head) + s * n->k_row, count, row_q,
                mask + (HEAD_OF(mask, b, head) + l * n->mask_row + s * n->mask_column) *
                           (n->mask_kind == 1 ? 4 : 1),
                seen, scores);
            weigh(scores, &peak, &total, &factor);
            add_values(v + HEAD_OF(v, b, key_head) + s * n->v_row, n->v_row, n->v_column,
                n->value_width, scores, min(count, seen), factor, out);
        }
        __global float *to = partial + ((pair * rows + row) * parts + part) * pitch;
        KEEP_ROLLED
        for (INDEX e = 0; e < n->value_width; ++e) {
            to[e] = out[e];
        }
        to[n->value_width] = peak;
        to[n->value_width + 1] = total;
    }
}

__kernel void attention_cpu_split(const __global float *q, const __global float *k,
    const __global float *v, const __global uchar *mask, const attention_numbers numbers,
    __global float *partial, const INDEX parts, const INDEX part_keys, __local float *memory) {
    const attention_numbers n = numbers;
    split_part(&n, q, k, v, mask, partial, parts, part_keys, get_global_id(0), memory);
}

__kernel void attention_cpu_combine(__global float *y, __global float *lse,
    const attention_numbers numbers, const __global float *partial, const INDEX parts) {
    const attention_numbers *n = &numbers;
    const INDEX item = get_global_id(0);
    const INDEX l = item % n->queries, head = item / n->queries % n->heads,
                b = item / n->queries / n->heads;
    const INDEX width = n->value_width, pitch = width + 2;
    /* Queries of a head, and heads of a group, follow each other in `partial` as they do here. */
    const __global float *from = partial + item * parts * pitch;
    float peak = -INFINITY, total = 0.0f;
    for (INDEX part = 0; part < parts; ++part) {
        const float other = from[part * pitch + width];
        peak = other > peak ? other : peak;
    }
    const float shift = peak == -INFINITY ? 0.0f : peak;
    for (INDEX part = 0; part < parts; ++part) {
        total = FMA(from[part * pitch + width + 1],
            math_exp_down_1(from[part * pitch + width] - shift), total);
    }
    const float inverse = total < 0.5f ? 0.0f : 1.0f / total;
    __global float *to = y + HEAD_OF(y, b, head) + l * n->y_row;
    for (INDEX e = 0; e < width; ++e) {
        float sum = 0.0f;
        for (INDEX part = 0; part < parts; ++part) {
            sum = FMA(
                from[part * pitch + e], math_exp_down_1(from[part * pitch + width] - shift), sum);
        }
        to[e * n->y_column] = sum * inverse;
    }
    if (lse) {
        lse[HEAD_OF(lse, b, head) + l * n->lse_row] =
            total < 0.5f ? -INFINITY : shift + math_log_1(total);
    }
}
