/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of LSTM and GRU between their matrix products; formulas: include/cleat/recurrent.h.
 * Macros:
 *     CELL   0  lstm: gates (sums i o f g -> values), c' -> c, h
 *            1  its gradient: gates, c', c, dy, dh, dc -> dgates (of the sums), dc'
 *            2  gru, linear before reset: gates (sums of inputs z r g -> values, and in a fourth
 *               part the g sums of the states), sums of the states, h' -> h
 *            3  its gradient: gates, h', dy, dh -> dgates, dsums (of the states), dh' (z's part)
 *            4  gru: gates (sums z r -> values, fourth part r h'), h'
 *            5  gru: gates (third part: sums g -> values), h' -> h
 *            6  gradient of 5: gates, h', dy, dh -> dgates (z and g), dh' (z's part)
 *            7  gradient of 4: gates, h', d(r h'), dgates (r), dh' (grows)
 *     CELL_W elements in a vector; above 1 the elements of each row lie end to end
 * Matrices t0 .. t7 have `rows` rows of parts of `width` elements; where dh or dc is null, it is 0.
 * dh and dy are added.
 * Geometry: 1-D, any work-group; a work-item does `chunk` vectors of CELL_W elements.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#define MATH_WIDTH 1
#include "math.cl"
#if CELL_W > 1
#define MATH_WIDTH CELL_W
#include "math.cl"
#endif

#define MATRIX(ANY, t) ANY(t##_offset) ANY(t##_row) ANY(t##_column)
#define CELL_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(rows) ANY_INDEX(width) ANY_INDEX(units) ANY_INDEX(chunk) MATRIX(ANY_INDEX, t0)       \
    MATRIX(ANY_INDEX, t1) MATRIX(ANY_INDEX, t2) MATRIX(ANY_INDEX, t3) MATRIX(ANY_INDEX, t4)        \
    MATRIX(ANY_INDEX, t5) MATRIX(ANY_INDEX, t6) MATRIX(ANY_INDEX, t7)
typedef struct cell_numbers {
    NUMBER_MEMBERS(CELL_LIST)
} cell_numbers;

#define PLACE(t, part) (t + t##_offset + row * t##_row + ((part)*width + e) * t##_column)
#define GET(W, t, part) LOAD(W, PLACE(t, part))
#define GET_OR_0(W, t, part) (t ? GET(W, t, part) : (FLOATS(W))(0.0f))
#define PUT(W, v, t, part) STORE(W, v, PLACE(t, part))
#define SIGMOID(W, x) CAT(math_sigmoid_, W)(x)
#define TANH(W, x) CAT(math_tanh_, W)(x)

#if CELL == 0
#define WORK(W)                                                                                    \
    const FLOATS(W) i = SIGMOID(W, GET(W, t0, 0)), o = SIGMOID(W, GET(W, t0, 1));                  \
    const FLOATS(W) f = SIGMOID(W, GET(W, t0, 2)), g = TANH(W, GET(W, t0, 3));                     \
    const FLOATS(W) c = FMA(f, GET(W, t1, 0), i * g);                                              \
    PUT(W, i, t0, 0);                                                                              \
    PUT(W, o, t0, 1);                                                                              \
    PUT(W, f, t0, 2);                                                                              \
    PUT(W, g, t0, 3);                                                                              \
    PUT(W, c, t2, 0);                                                                              \
    PUT(W, o * TANH(W, c), t3, 0);
#elif CELL == 1
#define WORK(W)                                                                                    \
    const FLOATS(W) i = GET(W, t0, 0), o = GET(W, t0, 1), f = GET(W, t0, 2), g = GET(W, t0, 3);    \
    const FLOATS(W) old = GET(W, t1, 0), c = TANH(W, GET(W, t2, 0));                               \
    const FLOATS(W) dh = GET(W, t3, 0) + GET_OR_0(W, t4, 0);                                       \
    const FLOATS(W) dc = FMA(dh * o, 1.0f - c * c, GET_OR_0(W, t5, 0));                            \
    PUT(W, dc * g * i * (1.0f - i), t6, 0);                                                        \
    PUT(W, dh * c * o * (1.0f - o), t6, 1);                                                        \
    PUT(W, dc * old * f * (1.0f - f), t6, 2);                                                      \
    PUT(W, dc * i * (1.0f - g * g), t6, 3);                                                        \
    PUT(W, dc * f, t7, 0);
#elif CELL == 2
#define WORK(W)                                                                                    \
    const FLOATS(W) z = SIGMOID(W, GET(W, t0, 0) + GET(W, t1, 0));                                 \
    const FLOATS(W) r = SIGMOID(W, GET(W, t0, 1) + GET(W, t1, 1)), sum = GET(W, t1, 2);            \
    const FLOATS(W) g = TANH(W, FMA(r, sum, GET(W, t0, 2)));                                       \
    PUT(W, z, t0, 0);                                                                              \
    PUT(W, r, t0, 1);                                                                              \
    PUT(W, g, t0, 2);                                                                              \
    PUT(W, sum, t0, 3);                                                                            \
    PUT(W, FMA(z, GET(W, t2, 0) - g, g), t3, 0);
#elif CELL == 3
#define WORK(W)                                                                                    \
    const FLOATS(W) z = GET(W, t0, 0), r = GET(W, t0, 1), g = GET(W, t0, 2), sum = GET(W, t0, 3);  \
    const FLOATS(W) dh = GET(W, t2, 0) + GET_OR_0(W, t3, 0);                                       \
    const FLOATS(W) dz = dh * (GET(W, t1, 0) - g) * z * (1.0f - z);                                \
    const FLOATS(W) dg = dh * (1.0f - z) * (1.0f - g * g), dr = dg * sum * r * (1.0f - r);         \
    PUT(W, dz, t4, 0);                                                                             \
    PUT(W, dr, t4, 1);                                                                             \
    PUT(W, dg, t4, 2);                                                                             \
    PUT(W, dz, t5, 0);                                                                             \
    PUT(W, dr, t5, 1);                                                                             \
    PUT(W, dg * r, t5, 2);                                                                         \
    PUT(W, dh * z, t6, 0);
#elif CELL == 4
#define WORK(W)                                                                                    \
    const FLOATS(W) r = SIGMOID(W, GET(W, t0, 1));                                                 \
    PUT(W, SIGMOID(W, GET(W, t0, 0)), t0, 0);                                                      \
    PUT(W, r, t0, 1);                                                                              \
    PUT(W, r * GET(W, t1, 0), t0, 3);
#elif CELL == 5
#define WORK(W)                                                                                    \
    const FLOATS(W) g = TANH(W, GET(W, t0, 2));                                                    \
    PUT(W, g, t0, 2);                                                                              \
    PUT(W, FMA(GET(W, t0, 0), GET(W, t1, 0) - g, g), t2, 0);
#elif CELL == 6
#define WORK(W)                                                                                    \
    const FLOATS(W) z = GET(W, t0, 0), g = GET(W, t0, 2);                                          \
    const FLOATS(W) dh = GET(W, t2, 0) + GET_OR_0(W, t3, 0);                                       \
    PUT(W, dh * (GET(W, t1, 0) - g) * z * (1.0f - z), t4, 0);                                      \
    PUT(W, dh * (1.0f - z) * (1.0f - g * g), t4, 2);                                               \
    PUT(W, dh * z, t5, 0);
#else
#define WORK(W)                                                                                    \
    const FLOATS(W) r = GET(W, t0, 1), dm = GET(W, t2, 0);                                         \
    PUT(W, dm * GET(W, t1, 0) * r * (1.0f - r), t3, 1);                                            \
    PUT(W, FMA(dm, r, GET(W, t4, 0)), t4, 0);
#endif

__kernel void recurrent_cell(__global REAL *t0, __global REAL *t1, __global REAL *t2,
    __global REAL *t3, __global REAL *t4, __global REAL *t5, __global REAL *t6, __global REAL *t7,
    const cell_numbers numbers) {
    NUMBERS(CELL_LIST)
    const INDEX pieces = (width + CELL_W - 1) / CELL_W;
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    for (INDEX unit = first; unit < min(first + chunk, units); ++unit) {
        const INDEX row = unit / pieces;
        INDEX e = (unit - row * pieces) * CELL_W;
#if CELL_W > 1
        if (e + CELL_W <= width) {
            WORK(CELL_W)
            continue;
        }
#endif
        KEEP_ROLLED
        for (; e < width; ++e) {
            WORK(1)
#if CELL_W == 1
            break;
#endif
        }
    }
}
