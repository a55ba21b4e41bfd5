/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the depthwise kernels share: vectors along a row of an image, straight from the tensor, with
 * zeros outside the row. Include after common.cl and vector.cl. Elements of a row lie end to end.
 *
 * Macros: VECTOR, floats in a vector: 4, 8 or 16; COLUMN_STEP, columns from lane to lane: 1 or 2.
 */
#define VECTOR_FLOATS FLOATS(VECTOR)
#define VECTOR_UINTS CAT(uint, VECTOR)
#define LANES CAT(LANES_, VECTOR)
#define LANES_4 ((int4)(0, 1, 2, 3))
#define LANES_8 ((int8)(LANES_4, LANES_4 + 4))
#define LANES_16 ((int16)(LANES_8, LANES_8 + 8))

/*
 * One plane of an image tensor. Rows are known by their place in two tables: where a row starts in
 * the plane, and how wide it is; rows outside the plane are 0 wide and start anywhere in it.
 */
typedef struct row_source {
    const __global float *plane;
    const __local INDEX *row_at;
    const __local uint *row_width;
} row_source;

/* Fills the tables for `count` rows from row `first` on. */
static inline void list_rows(__local INDEX *row_at, __local uint *row_width, int first, int count,
    int height, int width, INDEX row_stride) {
    for (int i = 0; i < count; i++) {
        const int row = first + i;
        row_at[i] = clamp(row, 0, height - 1) * row_stride;
        row_width[i] = row >= 0 && row < height ? width : 0;
    }
}

/* How the loads of a tile are done: inside, all rows are there and all lanes are in them; masked,
 * lanes outside become 0; short, whole vectors might leave the tensor, so none is loaded. */
enum { TILE_INSIDE, TILE_MASKED, TILE_SHORT };

/* Lane i is data[odd + COLUMN_STEP * i]; odd is 0 unless COLUMN_STEP is 2. Neighbours share their
 * two loads. Reads COLUMN_STEP * VECTOR elements. */
static inline VECTOR_FLOATS load_lanes(const __global float *data, bool odd) {
#if COLUMN_STEP == 1
    return LOAD(VECTOR, data);
#else
    const VECTOR_FLOATS low = LOAD(VECTOR, data), high = LOAD(VECTOR, data + VECTOR);
    VECTOR_FLOATS lanes;
    if (odd) {
        lanes.lo = low.odd;
        lanes.hi = high.odd;
    } else {
        lanes.lo = low.even;
        lanes.hi = high.even;
    }
    return lanes;
#endif
}

/* Columns that load_columns() reads from `left` on, for shifts up to `reach`. */
#define COLUMNS_READ(reach) ((reach) / COLUMN_STEP * COLUMN_STEP + COLUMN_STEP * VECTOR)

/* Lane i is column left + shift + COLUMN_STEP * i of a row, 0 outside it. */
static inline VECTOR_FLOATS load_columns(
    const row_source *s, int row, int left, int shift, int mode) {
    const bool odd = shift % COLUMN_STEP != 0;
    const __global float *data = s->plane + s->row_at[row];
    if (mode == TILE_INSIDE) {
        return load_lanes(data + left + shift - odd, odd);
    }
    if (mode == TILE_MASKED) {
        const VECTOR_UINTS column = CAT(as_uint, VECTOR)(left + shift + COLUMN_STEP * LANES);
        return select((VECTOR_FLOATS)(0.0f), load_lanes(data + left + shift - odd, odd),
            column < (VECTOR_UINTS)(s->row_width[row]));
    }
    float lanes[VECTOR];
    for (int i = 0; i < VECTOR; i++) {
        const uint column = left + shift + COLUMN_STEP * i;
        lanes[i] = column < s->row_width[row] ? data[column] : 0.0f;
    }
    return LOAD(VECTOR, lanes);
}

/* The first `count` lanes, 0 <= count <= VECTOR. */
static inline void store_first(VECTOR_FLOATS lanes, __global float *to, int count) {
    if (count >= VECTOR) {
        STORE(VECTOR, lanes, to);
        return;
    }
#if VECTOR == 16
    float8 eight = lanes.lo;
    if (count & 8) {
        vstore8(eight, 0, to);
        eight = lanes.hi;
        to += 8;
    }
#elif VECTOR == 8
    const float8 eight = lanes;
#endif
#if VECTOR >= 8
    float4 four = eight.lo;
    if (count & 4) {
        vstore4(four, 0, to);
        four = eight.hi;
        to += 4;
    }
#else
    const float4 four = lanes;
#endif
    float2 two = four.lo;
    if (count & 2) {
        vstore2(two, 0, to);
        two = four.hi;
        to += 2;
    }
    if (count & 1) {
        *to = two.x;
    }
}
