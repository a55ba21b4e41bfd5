/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attention's kernels for processors are made of: products of GEMM_MR rows by GEMM_NR lanes
 * (gemm_cpu.cl). A work-item takes GEMM_NR rows of its own as lanes and streams the others by, one
 * element at a time: so neither needs to be turned, maxima and sums run along lanes, and a block of
 * scores lies as the second product wants it, [row][lane].
 *
 * Macros: GEMM_W, GEMM_NV, GEMM_MR of gemm_cpu.cl; GEMM_MR divides BLOCK.
 */
#include "attention.cl"
#include "gemm_cpu.cl"
#define MATH_WIDTH GEMM_W
#include "math.cl"

/* Rows of a block of scores. */
#define BLOCK 48

#define VECTOR GEMM_VECTOR
#define INTS CAT(REAL_BITS, GEMM_W)
typedef INTS INTS_UNALIGNED __attribute__((aligned(4)));
#define EXP_DOWN CAT(math_exp_down_, GEMM_W)
#define LOG CAT(math_log_, GEMM_W)
#define EACH_VECTOR for (int v = 0; v < GEMM_NV; ++v)

/* Which rows the lanes are, and where: those past the end are the last one again. */
typedef struct lane_rows {
    INDEX first, count; /* of all rows; lanes in use */
    INDEX head[GEMM_NR], row[GEMM_NR];
} lane_rows;

/* Rows first .. of heads that have `rows` each, `heads` of them. */
static inline lane_rows find_lanes(INDEX first, INDEX rows, INDEX heads) {
    lane_rows lanes;
    lanes.first = first;
    lanes.count = min(rows * heads - first, (INDEX)GEMM_NR);
    KEEP_ROLLED
    for (int i = 0; i < GEMM_NR; ++i) {
        const INDEX place = first + min((INDEX)i, lanes.count - 1);
        lanes.head[i] = place / rows;
        lanes.row[i] = place - lanes.head[i] * rows;
    }
    return lanes;
}

/* to[e][lane] = factor * element e of the lane's row of `from`, which is that of head 0. */
static KEEP_APART void pack_lanes(const lane_rows *lanes, const __global REAL *from,
    INDEX head_step, INDEX row_step, INDEX step, INDEX count, REAL factor, __local REAL *to) {
    KEEP_ROLLED
    for (int i = 0; i < GEMM_NR; ++i) {
        const __global REAL *row = from + lanes->head[i] * head_step + lanes->row[i] * row_step;
        KEEP_ROLLED
        for (INDEX e = 0; e < count; ++e) {
            to[e * GEMM_NR + i] = factor * row[e * step];
        }
    }
}

/* The other way; lanes past the end are left out. */
static KEEP_APART void unpack_lanes(const lane_rows *lanes, const __local REAL *from, REAL factor,
    __global REAL *to, INDEX head_step, INDEX row_step, INDEX step, INDEX count) {
    KEEP_ROLLED
    for (int i = 0; i < lanes->count; ++i) {
        __global REAL *row = to + lanes->head[i] * head_step + lanes->row[i] * row_step;
        KEEP_ROLLED
        for (INDEX e = 0; e < count; ++e) {
            row[e * step] = factor * from[e * GEMM_NR + i];
        }
    }
}

#define TILE_A(r) a[place_##r]
#define TILE_B(v) LOAD(GEMM_W, b + gemm_step * GEMM_NR + (v)*GEMM_W)
#define TILE_STEP                                                                                  \
    GEMM_STEP(TILE_A, TILE_B);                                                                     \
    a += a_step;
#define TILE_MOVE(steps) b += (steps) * GEMM_NR;
#define TILE_PLACE(r, unused) const INDEX place_##r = min(first + r, last) * a_row;
#define TILE_START_ONE(r, v) acc_##r##_##v = LOAD(GEMM_W, tile + (r)*GEMM_NR + (v)*GEMM_W);
#define TILE_START(r, unused) GEMM_VECTORS(TILE_START_ONE, r)
#define TILE_STORE_ONE(r, v) STORE(GEMM_W, acc_##r##_##v, tile + (r)*GEMM_NR + (v)*GEMM_W);
#define TILE_STORE(r, unused) GEMM_VECTORS(TILE_STORE_ONE, r)

/*
 * Rows first .. min(first + GEMM_MR, last) of out[row][lane] (+)= sum over i < count of
 * a[row * a_row + i * a_step] b[i][lane]; what is past `last` is row `last` again.
 */
static KEEP_APART void product_tile(const __global REAL *a, INDEX first, INDEX last, INDEX a_row,
    INDEX a_step, INDEX count, const __local REAL *b, __local REAL *tile, bool adding) {
    GEMM_ROWS(TILE_PLACE, )
    GEMM_ACCUMULATORS;
    if (adding) {
        GEMM_ROWS(TILE_START, )
    }
    GEMM_TIMES(count, TILE_STEP, TILE_MOVE)
    GEMM_ROWS(TILE_STORE, )
}

/* All of rows first .. end, into out from its begin on. */
static inline void product(const __global REAL *a, INDEX first, INDEX end, INDEX a_row,
    INDEX a_step, INDEX count, const __local REAL *b, __local REAL *out, bool adding) {
    for (INDEX row = first; row < end; row += GEMM_MR) {
        product_tile(a, row, end - 1, a_row, a_step, count, b, out, adding);
        out += GEMM_MR * GEMM_NR;
    }
}

static inline void clear(__local REAL *p, INDEX rows) {
    KEEP_ROLLED
    for (INDEX i = 0; i < rows * GEMM_NV; ++i) {
        STORE(GEMM_W, (VECTOR)(0.0f), p + i * GEMM_W);
    }
}

/* Rows rounded up to whole tiles. */
#define TILED(rows) (((rows) + GEMM_MR - 1) / GEMM_MR * GEMM_MR)

/*
 * The mask for a block of scores, rows first .. first + count. Lane i's row is masked at
 * mask[places[i] + row * row_step]; lanes see rows with
 *     row <= limits[i], or, with `from_lanes`, row >= limits[i]
 */
typedef struct lane_mask {
    int kind;
    const __global uchar *data;
    INDEX places[GEMM_NR], row_step;
    INDEX limits[GEMM_NR], least, most; /* of the limits */
} lane_mask;

static inline void settle_limits(lane_mask *mask) {
    mask->least = mask->limits[0];
    mask->most = mask->limits[0];
    KEEP_ROLLED
    for (int i = 1; i < GEMM_NR; ++i) {
        mask->least = min(mask->least, mask->limits[i]);
        mask->most = max(mask->most, mask->limits[i]);
    }
}

/* What the mask adds to one vector of lanes. */
static inline VECTOR masks_of(const lane_mask *mask, const INDEX *places, INDEX row, INDEX step) {
    const __global uchar *data = mask->data;
    const INDEX moved = row * mask->row_step;
    if (step == 0) {
        return (VECTOR)(mask_value(data, places[0] + moved, mask->kind));
    }
    if (step == 1 && mask->kind == 1) {
        return LOAD(GEMM_W, (const __global REAL *)data + places[0] + moved);
    }
    REAL values[GEMM_W];
    KEEP_ROLLED
    for (int i = 0; i < GEMM_W; ++i) {
        values[i] = mask_value(data, places[i] + moved, mask->kind);
    }
    return LOAD(GEMM_W, values);
}

static KEEP_APART void mask_scores(
    __local REAL *scores, INDEX first, int count, const lane_mask *mask, bool from_lanes) {
    EACH_VECTOR {
        const INDEX *places = mask->places + v * GEMM_W;
        const INDEX step = places[1] - places[0];
        REAL_BITS limits[GEMM_W];
        bool even = true;
        KEEP_ROLLED
        for (int i = 0; i < GEMM_W; ++i) {
            limits[i] = (REAL_BITS)clamp(
                mask->limits[v * GEMM_W + i] - first, (INDEX)-1, (INDEX)BLOCK);
            even = even && places[i] - places[0] == i * step;
        }
        const INTS limit = *(const INTS_UNALIGNED *)limits;
        for (int j = 0; j < count; ++j) {
            __local REAL *p = scores + j * GEMM_NR + v * GEMM_W;
            VECTOR value = LOAD(GEMM_W, p);
            if (mask->kind != 0) {
                value += masks_of(mask, places, first + j, even ? step : 2);
            }
            value =
                (from_lanes ? (INTS)(j) < limit : (INTS)(j) > limit) ? (VECTOR)(-INFINITY) : value;
            STORE(GEMM_W, value, p);
        }
    }
}

/* Whether a block needs that. */
static inline bool is_masked(const lane_mask *mask, INDEX first, int count, bool from_lanes) {
    return mask->kind != 0 || (from_lanes ? first < mask->most : first + count - 1 > mask->least);
}
