/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention on GPUs: attention.cl tells the numbers. A work-group of 8 x TILE / ITEM_ROWS items
 * takes TILE rows of its own, queries or keys, and streams the others by, TILE at a time. Of a tile
 * of scores item (x, y) computes ITEM_ROWS x 4: its rows are from ITEM_ROWS y on, its columns x,
 * x + 8, x + 16, x + 24; of the results it keeps the same rows and every eighth column,
 * OUT_CHUNKS x 4 of them.
 *
 * Macros:
 *     PASS        0  attention_gpu, 1  attention_gpu_dq, 2  attention_gpu_dkdv
 *     OUT_CHUNKS  1, 2, 4 or 8: chunks of 32 columns that a group computes of the results, at most
 *     COLUMN_PARTS  PASS 2: groups that share the columns, OUT_CHUNKS chunks each. Both results of
 *                 eight chunks do not fit into a work-item's registers
 *     ITEM_ROWS   4, or 2 for devices whose work-items have few registers
 * Geometry: 1-D, groups of 8 * TILE / ITEM_ROWS: batch * heads * ceil(queries / TILE) of them, for
 * PASS 2 batch * key_heads * ceil(keys / TILE) * COLUMN_PARTS. Local memory: 4 tiles of 32 x 33
 * floats, 16.5 KiB, from the host: declared in the kernels, PoCL 3.1 let two threads have the same.
 */
#include "attention.cl"

#define TILE 32
#define PITCH (TILE + 1)
#define COLUMN(j) (x + 8 * (j))
#define ITEMS (8 * TILE / ITEM_ROWS)
#define ROW(i) (ITEM_ROWS * y + (i))
#define EACH_4(i) UNROLLED for (int i = 0; i < 4; ++i)
#define EACH_ROW(i) UNROLLED for (int i = 0; i < ITEM_ROWS; ++i)
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)

/* A piece of a matrix, TILE x TILE: tile[r][c] = from[(row + r) * row_step + (column + c) * step],
 * 0 outside. */
static inline void fetch(const __global float *from, INDEX row, INDEX rows, INDEX row_step,
    INDEX column, INDEX columns, INDEX step, __local float *tile, int lane) {
    for (int i = lane; i < TILE * TILE; i += ITEMS) {
        const int r = i / TILE, c = i % TILE;
        tile[r * PITCH + c] = row + r < rows && column + c < columns
                                  ? from[(row + r) * row_step + (column + c) * step]
                                  : 0.0f;
    }
}

/* out[i][j] = sum over e of a(row, e) b(other, e), for this item's rows and columns. */
static inline void products(const __global float *a, INDEX row, INDEX rows, INDEX a_row,
    INDEX a_step, const __global float *b, INDEX other, INDEX others, INDEX b_row, INDEX b_step,
    INDEX count, __local float *tile_a, __local float *tile_b, int lane, float out[ITEM_ROWS][4]) {
    const int x = lane % 8, y = lane / 8;
    EACH_ROW(i) EACH_4(j) out[i][j] = 0.0f;
    for (INDEX e = 0; e < count; e += TILE) {
        BARRIER;
        fetch(a, row, rows, a_row, e, count, a_step, tile_a, lane);
        fetch(b, other, others, b_row, e, count, b_step, tile_b, lane);
        BARRIER;
        for (int c = 0; c < TILE; ++c) {
            float left[ITEM_ROWS], right[4];
            EACH_ROW(i) left[i] = tile_a[ROW(i) * PITCH + c];
            EACH_4(j) right[j] = tile_b[COLUMN(j) * PITCH + c];
            EACH_ROW(i) EACH_4(j) out[i][j] = FMA(left[i], right[j], out[i][j]);
        }
    }
}

/* out(row, column) += sum over r < TILE of weights(row, r) from(other + r, column). The barriers
 * come before and after each use of tile_b; weights was written before. */
static inline void grow(const __local float *weights, const __global float *from, INDEX other,
    INDEX others, INDEX row_step, INDEX step, INDEX columns, __local float *tile_b, int lane,
    float out[ITEM_ROWS][4 * OUT_CHUNKS]) {
    const int x = lane % 8, y = lane / 8;
    UNROLLED for (int chunk = 0; chunk < OUT_CHUNKS; ++chunk) {
        BARRIER;
        fetch(from, other, others, row_step, chunk * TILE, columns, step, tile_b, lane);
        BARRIER;
        for (int r = 0; r < TILE; ++r) {
            float left[ITEM_ROWS], right[4];
            EACH_ROW(i) left[i] = weights[ROW(i) * PITCH + r];
            EACH_4(j) right[j] = tile_b[r * PITCH + COLUMN(j)];
            EACH_ROW(i)
            EACH_4(j) out[i][4 * chunk + j] = FMA(left[i], right[j], out[i][4 * chunk + j]);
        }
    }
}

static inline void write_out(float out[ITEM_ROWS][4 * OUT_CHUNKS], const float factor[ITEM_ROWS],
    __global float *to, INDEX row, INDEX rows, INDEX row_step, INDEX step, INDEX columns,
    int lane) {
    const int x = lane % 8, y = lane / 8;
    EACH_ROW(i) UNROLLED for (int j = 0; j < 4 * OUT_CHUNKS; ++j) {
        const INDEX column = COLUMN(j % 4) + j / 4 * TILE;
        if (row + ROW(i) < rows && column < columns) {
            to[(row + ROW(i)) * row_step + column * step] = out[i][j] * factor[i];
        }
    }
}

/* A score as it counts: scaled, masked, -Inf outside. */
static inline float settle(const attention_numbers *n, float product, const __global uchar *mask,
    INDEX b, INDEX h, INDEX l, INDEX s) {
    if (l >= n->queries || s >= n->keys || s > l + n->diagonal) {
        return -INFINITY;
    }
    return n->scale * product +
           (n->mask_kind == 0
                   ? 0.0f
                   : mask_value(mask, HEAD_OF(mask, b, h) + l * n->mask_row + s * n->mask_column,
                         n->mask_kind));
}

/* Four tiles. */
#define DIVIDE(memory)                                                                             \
    __local float *tile_a = (memory), *tile_b = tile_a + TILE * PITCH,                             \
                  *weights = tile_b + TILE * PITCH, *gradients = weights + TILE * PITCH;
#define ZERO(out) EACH_ROW(i) UNROLLED for (int j = 0; j < 4 * OUT_CHUNKS; ++j) out[i][j] = 0.0f;

#if PASS == 0
/* Among the eight items of a row: through local memory, a float each. */
#define OVER_ROW(value, COMBINE)                                                                   \
    BARRIER;                                                                                       \
    EACH_ROW(i) shared[ROW(i) * 8 + x] = value[i];                                                 \
    BARRIER;                                                                                       \
    EACH_ROW(i) {                                                                                  \
        float all = shared[ROW(i) * 8];                                                            \
        for (int other = 1; other < 8; ++other) {                                                  \
            all = COMBINE(all, shared[ROW(i) * 8 + other]);                                        \
        }                                                                                          \
        value[i] = all;                                                                            \
    }
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
#define ADD(a, b) ((a) + (b))

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void attention_gpu(
    const __global float *q, const __global float *k, const __global float *v,
    __global float *y_data, __global float *lse, const __global uchar *mask,
    const attention_numbers numbers, __local float *memory) {
    DIVIDE(memory)
    __local float *shared = gradients;
    const attention_numbers *n = &numbers;
    const int lane = get_local_id(0), x = lane % 8, y = lane / 8;
    const INDEX blocks = (n->queries + TILE - 1) / TILE, item = get_group_id(0);
    const INDEX row = (blocks - 1 - item % blocks) * TILE, h = item / blocks % n->heads,
                b = item / blocks / n->heads, key_head = h / (n->heads / n->key_heads);
    float out[ITEM_ROWS][4 * OUT_CHUNKS], peak[ITEM_ROWS], total[ITEM_ROWS];
    ZERO(out)
    EACH_ROW(i) {
        peak[i] = -INFINITY;
        total[i] = 0.0f;
    }
    q += HEAD_OF(q, b, h);
    k += HEAD_OF(k, b, key_head);
    v += HEAD_OF(v, b, key_head);
    const INDEX last = min(row + TILE, n->queries) - 1;
    const INDEX end = min(n->keys, last + n->diagonal + 1);
    for (INDEX s = 0; s < end; s += TILE) {
        float p[ITEM_ROWS][4], most[ITEM_ROWS], sum[ITEM_ROWS], factor[ITEM_ROWS];
        products(q, row, n->queries, n->q_row, n->q_column, k, s, n->keys, n->k_row, n->k_column,
            n->width, tile_a, tile_b, lane, p);
        EACH_ROW(i) {
            most[i] = peak[i];
            EACH_4(j) {
                p[i][j] = settle(n, p[i][j], mask, b, h, row + ROW(i), s + COLUMN(j));
                most[i] = LARGER(most[i], p[i][j]);
            }
        }
        OVER_ROW(most, LARGER)
        EACH_ROW(i) {
            const float shift = most[i] == -INFINITY ? 0.0f : most[i];
            factor[i] = exp(peak[i] - shift);
            peak[i] = most[i];
            sum[i] = 0.0f;
            EACH_4(j) {
                const float weight = exp(p[i][j] - shift);
                weights[ROW(i) * PITCH + COLUMN(j)] = weight;
                sum[i] += weight;
            }
            UNROLLED for (int j = 0; j < 4 * OUT_CHUNKS; ++j) out[i][j] *= factor[i];
        }
        OVER_ROW(sum, ADD)
        EACH_ROW(i) total[i] = FMA(total[i], factor[i], sum[i]);
        grow(weights, v, s, n->keys, n->v_row, n->v_column, n->value_width, tile_b, lane, out);
        BARRIER;
    }
    float factor[ITEM_ROWS];
    EACH_ROW(i) factor[i] = total[i] < 0.5f ? 0.0f : 1.0f / total[i];
    write_out(out, factor, y_data + HEAD_OF(y, b, h), row, n->queries, n->y_row, n->y_column,
        n->value_width, lane);
    EACH_ROW(i) if (lse && x == 0 && row + ROW(i) < n->queries) {
        lse[HEAD_OF(lse, b, h) + (row + ROW(i)) * n->lse_row] =
            total[i] < 0.5f ? -INFINITY : (peak[i] == -INFINITY ? 0.0f : peak[i]) + log(total[i]);
    }
}
#else
/* p of the header; 0 where all keys are cut off. */
static inline float weight(float value, float lse) {
    return lse == -INFINITY ? 0.0f : exp(value - lse);
}
#endif

#if PASS == 1
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void attention_gpu_dq(
    const __global float *q, const __global float *k, const __global float *v,
    const __global float *dy, const __global float *lse, const __global float *delta,
    const __global uchar *mask, __global float *dq, const attention_numbers numbers,
    __local float *memory) {
    DIVIDE(memory)
    const attention_numbers *n = &numbers;
    const int lane = get_local_id(0), x = lane % 8, y = lane / 8;
    const INDEX blocks = (n->queries + TILE - 1) / TILE, item = get_group_id(0);
    const INDEX row = (blocks - 1 - item % blocks) * TILE, h = item / blocks % n->heads,
                b = item / blocks / n->heads, key_head = h / (n->heads / n->key_heads);
    float out[ITEM_ROWS][4 * OUT_CHUNKS], bound[ITEM_ROWS], d[ITEM_ROWS];
    ZERO(out)
    q += HEAD_OF(q, b, h);
    k += HEAD_OF(k, b, key_head);
    v += HEAD_OF(v, b, key_head);
    dy += HEAD_OF(dy, b, h);
    EACH_ROW(i) {
        const INDEX l = min(row + ROW(i), n->queries - 1);
        bound[i] = lse[HEAD_OF(lse, b, h) + l * n->lse_row];
        d[i] = delta[(b * n->heads + h) * n->queries + l];
    }
    const INDEX last = min(row + TILE, n->queries) - 1;
    const INDEX end = min(n->keys, last + n->diagonal + 1);
    for (INDEX s = 0; s < end; s += TILE) {
        float p[ITEM_ROWS][4], dp[ITEM_ROWS][4];
        products(q, row, n->queries, n->q_row, n->q_column, k, s, n->keys, n->k_row, n->k_column,
            n->width, tile_a, tile_b, lane, p);
        products(dy, row, n->queries, n->dy_row, n->dy_column, v, s, n->keys, n->v_row, n->v_column,
            n->value_width, tile_a, tile_b, lane, dp);
        EACH_ROW(i) EACH_4(j) {
            const float one =
                weight(settle(n, p[i][j], mask, b, h, row + ROW(i), s + COLUMN(j)), bound[i]);
            weights[ROW(i) * PITCH + COLUMN(j)] = one * (dp[i][j] - d[i]);
        }
        grow(weights, k, s, n->keys, n->k_row, n->k_column, n->width, tile_b, lane, out);
        BARRIER;
    }
    float factor[ITEM_ROWS];
    EACH_ROW(i) factor[i] = n->scale;
    write_out(out, factor, dq + HEAD_OF(dq, b, h), row, n->queries, n->dq_row, n->dq_column,
        n->width, lane);
}
#endif

#if PASS == 2
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void attention_gpu_dkdv(
    const __global float *q, const __global float *k, const __global float *v,
    const __global float *dy, const __global float *lse, const __global float *delta,
    const __global uchar *mask, __global float *dk, __global float *dv,
    const attention_numbers numbers, __local float *memory) {
    DIVIDE(memory)
    const attention_numbers *n = &numbers;
    const int lane = get_local_id(0), x = lane % 8, y = lane / 8;
    const INDEX blocks = (n->keys + TILE - 1) / TILE, item = get_group_id(0) / COLUMN_PARTS;
    const INDEX first = get_group_id(0) % COLUMN_PARTS * OUT_CHUNKS * TILE; /* of its columns */
    const INDEX row = item % blocks * TILE, key_head = item / blocks % n->key_heads,
                b = item / blocks / n->key_heads, group = n->heads / n->key_heads;
    float out[ITEM_ROWS][4 * OUT_CHUNKS], out_values[ITEM_ROWS][4 * OUT_CHUNKS];
    ZERO(out)
    ZERO(out_values)
    k += HEAD_OF(k, b, key_head);
    v += HEAD_OF(v, b, key_head);
    for (INDEX h = key_head * group; h < (key_head + 1) * group; ++h) {
        const __global float *head_q = q + HEAD_OF(q, b, h), *head_dy = dy + HEAD_OF(dy, b, h);
        for (INDEX l = max(row - n->diagonal, (INDEX)0); l < n->queries; l += TILE) {
            float p[ITEM_ROWS][4], dp[ITEM_ROWS][4];
            products(k, row, n->keys, n->k_row, n->k_column, head_q, l, n->queries, n->q_row,
                n->q_column, n->width, tile_a, tile_b, lane, p);
            products(v, row, n->keys, n->v_row, n->v_column, head_dy, l, n->queries, n->dy_row,
                n->dy_column, n->value_width, tile_a, tile_b, lane, dp);
            EACH_4(j) {
                const INDEX query = l + COLUMN(j), known = min(query, n->queries - 1);
                const float bound = lse[HEAD_OF(lse, b, h) + known * n->lse_row];
                const float d = delta[(b * n->heads + h) * n->queries + known];
                EACH_ROW(i) {
                    const float one =
                        weight(settle(n, p[i][j], mask, b, h, query, row + ROW(i)), bound);
                    weights[ROW(i) * PITCH + COLUMN(j)] = one;
                    gradients[ROW(i) * PITCH + COLUMN(j)] = one * (dp[i][j] - d);
                }
            }
            grow(weights, head_dy + first * n->dy_column, l, n->queries, n->dy_row, n->dy_column,
                n->value_width - first, tile_b, lane, out_values);
            grow(gradients, head_q + first * n->q_column, l, n->queries, n->q_row, n->q_column,
                n->width - first, tile_b, lane, out);
            BARRIER;
        }
    }
    float factor[ITEM_ROWS];
    EACH_ROW(i) factor[i] = n->scale;
    float one[ITEM_ROWS];
    EACH_ROW(i) one[i] = 1.0f;
    write_out(out, factor, dk + HEAD_OF(dk, b, key_head) + first * n->dk_column, row, n->keys,
        n->dk_row, n->dk_column, n->width - first, lane);
    write_out(out_values, one, dv + HEAD_OF(dv, b, key_head) + first * n->dv_column, row, n->keys,
        n->dv_row, n->dv_column, n->value_width - first, lane);
}
#endif
