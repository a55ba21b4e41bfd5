/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both directions of the variant cpu_sparse share, included after common.cl and numbers.cl:
 * images turned so that a pixel's channels lie end to end, and words of bits that tell which elements
 * are not 0 (NaN is not): a loop over the bits of a word leaves the zeros out.
 *
 * Macros, defined by the host: GEMM_W and GEMM_NV as in gemm_cpu.cl.
 */
#define GEMM_MR 1
#include "gemm_cpu.cl"
#define TURN_ELEMENT float
#define TURN_LANES GEMM_W
#include "turn.cl"
#include "or_lanes.cl"

#define WORD 32 /* elements a word of bits stands for */

/* The place of the lowest bit that is set. */
#define LOWEST_BIT(word) (31 - (int)clz((word) & -(word)))

#define LANE_BITS_4 (int4)(1, 2, 4, 8)
#define LANE_BITS_8 (int8)(LANE_BITS_4, LANE_BITS_4 << 4)
#define LANE_BITS_16 (int16)(LANE_BITS_8, LANE_BITS_8 << 8)

/* Bit i tells whether values[i], i < WORD, is other than 0. */
static inline uint word_of(const __local float *values) {
    CAT(int, GEMM_W) bits = 0;
#pragma unroll
    for (int i = 0; i < WORD; i += GEMM_W) {
        /* Comparing vectors gives -1 where it holds. */
        bits |= (GEMM_LOAD(0, values + i) != 0.0f) & (CAT(LANE_BITS_, GEMM_W) << i);
    }
    return as_uint(CAT(or_lanes_, GEMM_W)(bits));
}

/* Where the pixels of a run lie: `width` of them to a row, rows `pitch` pixels of `step` floats
 * apart. */
typedef struct pixel_map {
    int width, pitch, step;
} pixel_map;

static inline int pixel_place(const pixel_map *map, int i) {
    return (i / map->width * map->pitch + i % map->width) * map->step;
}

#define EACH_PIXEL_OF_A_VECTOR(map, i, place)                                                      \
    int place = pixel_place(map, i);                                                               \
    int column = (i) % (map)->width;                                                               \
    _Pragma("unroll") for (int lane = 0; lane < GEMM_W; lane++)

#define NEXT_PIXEL(map, place)                                                                     \
    place += (map)->step;                                                                          \
    if (++column == (map)->width) {                                                                \
        column = 0;                                                                                \
        place += ((map)->pitch - (map)->width) * (map)->step;                                      \
    }

/* to[place of pixel i][c] = from[c * stride_c + i * stride_w], 0 for channels <= c < lanes; `lanes`
 * a multiple of GEMM_W. What lies `ahead` elements further on is asked for. */
static inline void load_run(__local float *to, const pixel_map *map, const __global float *from,
    INDEX stride_c, INDEX stride_w, int channels, int lanes, int count, INDEX ahead) {
    KEEP_ROLLED
    for (int c = 0; c < lanes; c += GEMM_W) {
        const bool whole = c + GEMM_W <= channels;
        const __global float *source = from + c * stride_c;
        if (whole && stride_w == 1 && count >= GEMM_W) {
            /* The last vector overlaps the one before. */
            KEEP_ROLLED
            for (int i = 0;; i = min(i + GEMM_W, count - GEMM_W)) {
                GEMM_VECTOR row[GEMM_W];
#pragma unroll
                for (int k = 0; k < GEMM_W; k++) {
                    row[k] = GEMM_LOAD(0, source + i + k * stride_c);
                    ASK_LINE_FAR(source + i + k * stride_c + ahead);
                }
                turn(row);
                EACH_PIXEL_OF_A_VECTOR(map, i, place) {
                    GEMM_STORE(row[lane], 0, to + place + c);
                    NEXT_PIXEL(map, place)
                }
                if (i == count - GEMM_W) {
                    break;
                }
            }
            continue;
        }
        KEEP_ROLLED
        for (int i = 0; i < count; i++) {
            __local float *pixel = to + pixel_place(map, i) + c;
            const __global float *element = source + i * stride_w;
            if (whole && stride_c == 1) {
                GEMM_STORE(GEMM_LOAD(0, element), 0, pixel);
                continue;
            }
            KEEP_ROLLED
            for (int k = 0; k < GEMM_W; k++) {
                pixel[k] = c + k < channels ? element[k * stride_c] : 0.0f;
            }
        }
    }
}

/* `count` floats, a multiple of GEMM_W, become 0. */
static inline void clear(__local float *to, int count) {
    KEEP_ROLLED
    for (int i = 0; i < count; i += GEMM_W) {
        GEMM_STORE((GEMM_VECTOR)(0.0f), 0, to + i);
    }
}

/* An image as it lies in memory. */
typedef struct image_layout {
    INDEX c, h, w; /* strides */
    int height, width;
} image_layout;

/* `rows` rows of an image from row `first` on, at pixels (0, left) on of `to`; rows outside of the
 * image become 0, columns outside are left alone. `ahead` as above. */
static inline void load_rows(__local float *to, const pixel_map *map, const __global float *image,
    const image_layout *x, int channels, int lanes, int first, int rows, int left, INDEX ahead) {
    const int begin = clamp(-first, 0, rows), end = clamp(x->height - first, begin, rows);
    const int row_floats = map->pitch * map->step;
    clear(to, begin * row_floats);
    clear(to + end * row_floats, (rows - end) * row_floats);
    const bool touch = x->h == x->width * x->w;
    const int runs = touch ? min(end - begin, 1) : end - begin;
    KEEP_ROLLED
    for (int run = 0; run < runs; run++) {
        load_run(to + (begin + run) * row_floats + left * map->step, map,
            image + (first + begin + run) * x->h, x->c, x->w, channels, lanes,
            touch ? (end - begin) * x->width : x->width, ahead);
    }
}
