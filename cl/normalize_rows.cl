/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation of rows of `length` elements that lie together, on processors. A row is read from
 * memory once and stays in the caches for the other passes; all rows as the passes of normalize.cl have
 * it, h = (x - mean) * inverse:
 *     GRADIENT 0: mean and variance of the row, around its mean; out = h scale + bias
 *     GRADIENT 1: s1 = sum of dy scale, s2 = sum of dy scale h; out = inverse (dy scale - (s1 + h s2) / length)
 * Macros: GRADIENT; CENTERED 0: mean is 0, and so is s1; SCALED, BIASED: whether there are scale, bias;
 * SCALE_INNER 1 where those lie along the row, 0 where they are one for all of it; KEPT_RANK 1..8, the
 * other axes, axis 0 the innermost; VECTOR_WIDTH; ROW_TYPE, SCALE_TYPE, BIAS_TYPE the cleat_type of x, dy and
 * out, of scale and of bias, where that is f16 or bf16: statistics are f32 then. A work-item, in a group of its own, takes
 * neighbouring rows. `saves` of GRADIENT 0: 1 to write mean, 2 inverse, 3 both. `stream`: out will not
 * stay in the caches anyway, store past them. `share`: 1 / length. out may be x or dy itself.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#include "axes.cl"
#include "share.cl"
#include "element.cl"
#ifndef ROW_TYPE
#define ROW_TYPE 1
#endif
#ifndef SCALE_TYPE
#define SCALE_TYPE 1
#endif
#ifndef BIAS_TYPE
#define BIAS_TYPE 1
#endif
#define IS_TYPE(T) (ROW_TYPE == T || SCALE_TYPE == T || BIAS_TYPE == T)
#if IS_TYPE(7)
HALF_FUNCTIONS(7, 1)
HALF_FUNCTIONS(7, VECTOR_WIDTH)
#endif
#if IS_TYPE(8)
HALF_FUNCTIONS(8, 1)
HALF_FUNCTIONS(8, VECTOR_WIDTH)
#endif

#define VECTOR FLOATS(VECTOR_WIDTH)
#define LEAST_AHEAD 2048 /* floats from a row to one that is asked for */

#define PLACE(name, ANY) ANY(name##_offset) CAT(UP_TO_, KEPT_RANK)(ANY, name##_kept)
#define NORMALIZE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(rows) ANY_INDEX(length) CAT(UP_TO_, KEPT_RANK)(ANY_INDEX, extent)                    \
    PLACE(x, ANY_INDEX) PLACE(dy, ANY_INDEX) PLACE(scale, ANY_INDEX) PLACE(bias, ANY_INDEX)        \
    PLACE(mean, ANY_INDEX) PLACE(inverse, ANY_INDEX) PLACE(out, ANY_INDEX) ANY_INT(stream)         \
    ANY_INT(saves) ANY_FLOAT(epsilon) ANY_FLOAT(share)
typedef struct normalize_numbers {
    NUMBER_MEMBERS(NORMALIZE_LIST)
} normalize_numbers;

#define BEGIN(name) INDEX name##_at = name##_offset;
#define MOVE(name, axis) name##_at += coordinate * name##_kept##axis;
#define EACH_MOVE(axis)                                                                            \
    MOVE(x, axis) MOVE(dy, axis) MOVE(scale, axis) MOVE(bias, axis) MOVE(mean, axis)               \
    MOVE(inverse, axis) MOVE(out, axis)
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        const INDEX coordinate = rest % extent##axis;                                              \
        rest /= extent##axis;                                                                      \
        EACH_MOVE(axis)                                                                            \
    }
#define LAST_AXIS(axis)                                                                            \
    {                                                                                              \
        const INDEX coordinate = rest;                                                             \
        EACH_MOVE(axis)                                                                            \
    }
#if KEPT_RANK == 1
#define ALL_AXES LAST_AXIS(0)
#else
#define ALL_AXES AXIS(0) CAT(AXES_1_, KEPT_RANK)(AXIS, LAST_AXIS)
#endif

/* Scale and bias from element i of the row on. */
#if SCALE_INNER
#define OPERAND(T, W, name) LOAD_VALUES(T, W, name + i)
#else
#define OPERAND(T, W, name) ((FLOATS(W))(LOAD_VALUES(T, 1, name)))
#endif
#define SCALE(W) OPERAND(SCALE_TYPE, W, scale)
#define ROW_VALUES(W, name) LOAD_VALUES(ROW_TYPE, W, name + i)
#if CENTERED
#define DISTANCE(W) (ROW_VALUES(W, x) - mean)
#else
#define DISTANCE(W) ROW_VALUES(W, x)
#endif

/* A pass over the row: vectors by fours into DO(n), n the one of four sums, the rest one by one into
 * DO_ONE. */
#define PASS(DO, DO_ONE)                                                                           \
    {                                                                                              \
        INDEX i = 0;                                                                               \
        for (; i + 4 * VECTOR_WIDTH <= length;) {                                                  \
            _Pragma("unroll") for (int n = 0; n < 4; n++, i += VECTOR_WIDTH) {                     \
                DO(n)                                                                              \
            }                                                                                      \
        }                                                                                          \
        for (; i + VECTOR_WIDTH <= length; i += VECTOR_WIDTH) {                                    \
            DO(0)                                                                                  \
        }                                                                                          \
        KEEP_ROLLED for (; i < length; i++) {                                                      \
            DO_ONE                                                                                 \
        }                                                                                          \
    }
#define SUMS(name)                                                                                 \
    VECTOR name[4];                                                                                \
    float name##_rest = 0.0f;                                                                      \
    _Pragma("unroll") for (int n = 0; n < 4; n++) name[n] = (VECTOR)(0.0f);
#define TOTAL(name)                                                                                \
    (SUM_LANES(VECTOR_WIDTH, (name[0] + name[1]) + (name[2] + name[3])) + name##_rest)

#if GRADIENT == 0
#define ADD_ELEMENT(n) sum[n] += ROW_VALUES(VECTOR_WIDTH, x);
#define ADD_ELEMENT_ONE sum_rest += ROW_VALUES(1, x);
#define ADD_SQUARE(n)                                                                              \
    ASK_LINE_FAR(x + ahead + i);                                                                   \
    const VECTOR distance = DISTANCE(VECTOR_WIDTH);                                                \
    squares[n] = FMA(distance, distance, squares[n]);
#define ADD_SQUARE_ONE                                                                             \
    const float distance = DISTANCE(1);                                                            \
    squares_rest = FMA(distance, distance, squares_rest);
#if BIASED
#define RESULT(W) FMA(DISTANCE(W) * inverse, SCALE(W), OPERAND(BIAS_TYPE, W, bias))
#elif SCALED
#define RESULT(W) (DISTANCE(W) * inverse * SCALE(W))
#else
#define RESULT(W) (DISTANCE(W) * inverse)
#endif
#define ROW_PARAMETERS                                                                             \
    const global STORED(ROW_TYPE) *x, const global STORED(SCALE_TYPE) *scale,                      \
        const global STORED(BIAS_TYPE) *bias, global STORED(ROW_TYPE) *out, INDEX length,          \
        INDEX ahead, bool past
#else
#if SCALED
#define GIVEN(W) (ROW_VALUES(W, dy) * SCALE(W))
#else
#define GIVEN(W) ROW_VALUES(W, dy)
#endif
#if CENTERED
#define ADD_GIVEN(sum) sum += given;
#define BOTH_SUMS(h) FMA(h, second, first)
#else
#define ADD_GIVEN(sum)
#define BOTH_SUMS(h) ((h) * second)
#endif
#define ADD_PRODUCT(n)                                                                             \
    ASK_LINE_FAR(x + ahead + i);                                                                   \
    ASK_LINE_FAR(dy + dy_ahead + i);                                                               \
    const VECTOR given = GIVEN(VECTOR_WIDTH);                                                      \
    ADD_GIVEN(sum[n])                                                                              \
    products[n] = FMA(given, DISTANCE(VECTOR_WIDTH) * inverse, products[n]);
#define ADD_PRODUCT_ONE                                                                            \
    const float given = GIVEN(1);                                                                  \
    ADD_GIVEN(sum_rest)                                                                            \
    products_rest = FMA(given, DISTANCE(1) * inverse, products_rest);
#define RESULT(W)                                                                                  \
    (inverse * FMA(-BOTH_SUMS(DISTANCE(W) * inverse), (FLOATS(W))(share), GIVEN(W)))
#define ROW_PARAMETERS                                                                             \
    const global STORED(ROW_TYPE) *x, const global STORED(ROW_TYPE) *dy,                           \
        const global STORED(SCALE_TYPE) *scale, global STORED(ROW_TYPE) *out, INDEX length,        \
        INDEX ahead, INDEX dy_ahead, bool past, float share
#endif

#ifndef STORE_PAST
#define STORE_PAST(value, place) (*(place) = (value))
#endif
#define PUT(n) STORE_VALUES(ROW_TYPE, VECTOR_WIDTH, RESULT(VECTOR_WIDTH), out + i);
#define PUT_PAST(n) STREAM_VALUES(ROW_TYPE, VECTOR_WIDTH, RESULT(VECTOR_WIDTH), out + i);
#define PUT_ONE STORE_VALUES(ROW_TYPE, 1, RESULT(1), out + i);
#define IS_WHOLE(p) (((size_t)(p) & (VECTOR_WIDTH * sizeof(*(p)) - 1)) == 0)
#define PUT_ROW                                                                                    \
    if (past && IS_WHOLE(out)) {                                                                   \
        PASS(PUT_PAST, PUT_ONE)                                                                    \
    } else {                                                                                       \
        PASS(PUT, PUT_ONE)                                                                         \
    }

#if GRADIENT == 0
static KEEP_APART float2 normalize_row(ROW_PARAMETERS, float epsilon) {
    float mean = 0.0f;
#if CENTERED
    {
        SUMS(sum)
        PASS(ADD_ELEMENT, ADD_ELEMENT_ONE)
        mean = TOTAL(sum) / (float)length;
    }
#endif
    SUMS(squares)
    PASS(ADD_SQUARE, ADD_SQUARE_ONE)
    const float inverse = 1.0f / sqrt(TOTAL(squares) / (float)length + epsilon);
    PUT_ROW
    return (float2)(mean, inverse);
}
#else
static KEEP_APART void normalize_row(ROW_PARAMETERS, float mean, float inverse) {
    SUMS(sum)
    SUMS(products)
    PASS(ADD_PRODUCT, ADD_PRODUCT_ONE)
    const float first = TOTAL(sum), second = TOTAL(products);
    PUT_ROW
}
#endif

kernel void normalize_rows(const global STORED(ROW_TYPE) *x_data,
    const global STORED(ROW_TYPE) *dy_data, const global STORED(SCALE_TYPE) *scale_data,
    const global STORED(BIAS_TYPE) *bias_data, global float *mean_data, global float *inverse_data,
    global STORED(ROW_TYPE) *out_data, const normalize_numbers numbers) {
    NUMBERS(NORMALIZE_LIST)
    SHARE(rows, 1, first_row, end_row)
    const INDEX rows_ahead = LEAST_AHEAD / length + 1;
    for (INDEX row = first_row; row < end_row; row++) {
        INDEX rest = row;
        BEGIN(x) BEGIN(dy) BEGIN(scale) BEGIN(bias) BEGIN(mean) BEGIN(inverse) BEGIN(out)
        ALL_AXES
#if GRADIENT == 0
        const float2 statistics =
            normalize_row(x_data + x_at, scale_data + scale_at, bias_data + bias_at,
                out_data + out_at, length, rows_ahead * x_kept0, stream, epsilon);
        if (saves & 1) {
            mean_data[mean_at] = statistics.x;
        }
        if (saves & 2) {
            inverse_data[inverse_at] = statistics.y;
        }
#else
        normalize_row(x_data + x_at, dy_data + dy_at, scale_data + scale_at, out_data + out_at,
            length, rows_ahead * x_kept0, rows_ahead * dy_kept0, stream,
            share, CENTERED ? mean_data[mean_at] : 0.0f, inverse_data[inverse_at]);
#endif
    }
}
