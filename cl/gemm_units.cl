/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GEMM core for matrix units (unit.cl), to be included by families after it. It has the
 * loaders of gemm_gpu.cl, and the same two tiles in turns: while the sub-groups multiply one, the next
 * is on its way from global memory into registers, and is rounded and put into local memory after.
 *
 *     sum(row, column) = sum over k of A(row, k) * B(k, column)
 *
 * A tile is UNITS_TILE rows of A and columns of B, and of both UNIT_LINE words along k.
 *
 * Macros, defined by the host, and those of unit.cl:
 *   UNITS_ROWS, UNITS_COLUMNS     fragments of C that a sub-group has, down and across
 *   UNITS_DOWN, UNITS_ACROSS      sub-groups of a work-group, whose local size is (UNITS_ITEMS, 1, 1)
 *   GEMM_A_ALONG_K, GEMM_B_ALONG_K   as in gemm_gpu.cl
 *   UNITS_STAGES                  2 or 3: tiles are copied as they lie, that many of each operand in turns,
 *                                 as gemm_stages.cl tells, whose loaders they want; else 0
 *   UNITS_A_COPIED                1: A alone is, while B goes by registers; needs GEMM_A_ALONG_K
 *   UNITS_QUAD, UNITS_QUADS_ARE_WORDS   by the including family: float4 and 0, or ushort4 and 1 where the
 *                                       loaders give elements of the mode's 16 bits as they are
 *   Both tiles must have half as many lines as the group has work-items:
 *   UNITS_DOWN * UNITS_ROWS * UNIT_M = UNITS_ACROSS * UNITS_COLUMNS * UNIT_N = UNITS_ITEMS / 2.
 *   Local memory: 8 * UNITS_TILES * UNITS_TILE * UNIT_PITCH bytes, of 128 x 128 16 KiB a stage.
 *
 * Writing a kernel:
 *
 *     __kernel UNITS_GROUP void my_kernel(...) {
 *         UNITS_BEGIN
 *     #define MY_A(r, k) ... a UNITS_QUAD, as in gemm_gpu.cl, and MY_B(c, k)
 *         UNITS_RUN(from, to, MY_A, MY_B)
 *     #define MY_STORE(sum, r, c) ...  row and column within the tile, guarding the edges
 *         UNITS_FINISH(MY_STORE)
 *     }
 */
#include "gemm_band.cl"

#define UNITS_ITEMS (UNITS_DOWN * UNITS_ACROSS * UNIT_LANES)
#define UNITS_TILE (UNITS_ITEMS / 2)
#ifndef UNITS_STAGES
#define UNITS_STAGES 0
#endif
/* Of each operand in local memory. */
#define UNITS_TILES (UNITS_STAGES ? UNITS_STAGES : 2)
#define UNITS_GROUP __attribute__((reqd_work_group_size(UNITS_ITEMS, 1, 1))) UNIT_SUB_GROUP

#define UNITS_BEGIN                                                                                \
    __local uint4 units_lines[UNITS_TILES * UNITS_TILE * UNIT_PITCH / 2];                          \
    UNIT_EXCHANGE(UNITS_ITEMS)                                                                     \
    const int units_item = (int)get_local_id(0);                                                   \
    const int units_lane = units_item % UNIT_LANES;                                                \
    const int units_row = units_item / UNIT_LANES / UNITS_ACROSS * UNITS_ROWS * UNIT_M;            \
    const int units_column = units_item / UNIT_LANES % UNITS_ACROSS * UNITS_COLUMNS * UNIT_N;      \
    float units_sums[UNITS_ROWS][UNITS_COLUMNS][UNIT_C_REGISTERS] UNIT_ALIGNED;                    \
    UNIT_UNROLLED for (int i = 0; i < UNITS_ROWS; ++i) {                                           \
        UNIT_UNROLLED for (int j = 0; j < UNITS_COLUMNS; ++j) {                                    \
            UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) {                             \
                units_sums[i][j][r] = 0.0f;                                                        \
            }                                                                                      \
        }                                                                                          \
    }

/* The tiles of each operand: A's first, then B's. */
#define UNITS_A(side) ((__local uint *)units_lines + (side)*UNITS_TILE * UNIT_PITCH)
#define UNITS_B(side) UNITS_A(UNITS_TILES + (side))

/* Small products first. */
#if UNIT_MODE == UNIT_TF32X3
#define UNITS_REST(name, count) uint name[count] UNIT_ALIGNED;
#define UNITS_SPLIT(words, rest, count) unit_split(words, rest, count);
#define UNITS_ADD(c, a, a_rest, b, b_rest)                                                         \
    UNIT_MULTIPLY(c, a_rest, b)                                                                    \
    UNIT_MULTIPLY(c, a, b_rest)                                                                    \
    UNIT_MULTIPLY(c, a, b)
#else
#define UNITS_REST(name, count)
#define UNITS_SPLIT(words, rest, count)
#define UNITS_ADD(c, a, a_rest, b, b_rest) UNIT_MULTIPLY(c, a, b)
#endif

/* The instructions for a tile, in the order in which fragments are loaded: steps along k, then rows of
 * fragments, then columns. */
#define UNITS_STEPS (UNIT_LINE * UNIT_PACK / UNIT_K)
#define UNITS_PRODUCTS (UNITS_STEPS * UNITS_ROWS * UNITS_COLUMNS)
#define UNITS_FRAGMENTS                                                                            \
    uint units_a[UNIT_A_REGISTERS] UNIT_ALIGNED;                                                   \
    uint units_b[UNITS_COLUMNS][UNIT_B_REGISTERS] UNIT_ALIGNED;                                    \
    UNITS_REST(a_rest, UNIT_A_REGISTERS)                                                           \
    UNITS_REST(b_rest[UNITS_COLUMNS], UNIT_B_REGISTERS)
#define UNITS_PRODUCT(side, product)                                                               \
    {                                                                                              \
        const int i = (product) / UNITS_COLUMNS % UNITS_ROWS, j = (product) % UNITS_COLUMNS;       \
        const int word = (product) / (UNITS_ROWS * UNITS_COLUMNS) * (UNIT_K / UNIT_PACK);          \
        if (i == 0) {                                                                              \
            UNITS_LOAD_B(units_b[j], UNITS_B(side), units_column + j * UNIT_N, word)               \
            UNITS_SPLIT(units_b[j], b_rest[j], UNIT_B_REGISTERS)                                   \
        }                                                                                          \
        if (j == 0) {                                                                              \
            UNITS_LOAD_A(units_a, UNITS_A(side), units_row + i * UNIT_M, word)                     \
            UNITS_SPLIT(units_a, a_rest, UNIT_A_REGISTERS)                                         \
        }                                                                                          \
        UNITS_ADD(units_sums[i][j], units_a, a_rest, units_b[j], b_rest[j])                        \
    }

#if UNIT_COPIES
#include "gemm_stages.cl"
#endif
#if !UNITS_STAGES
#if UNITS_A_COPIED
#define UNITS_LOAD_A(a, tile, line, word)                                                          \
    unit_load_a(a, tile, line, word, units_lane);                                                  \
    UNITS_ROUND(a, UNIT_A_REGISTERS)
#define UNITS_BEGIN_A(LOAD_A, k)                                                                   \
    UNITS_COPY(UNITS_A(1 - side), 1, LOAD_A, k)                                                    \
    UNIT_COPIES_GROUP
#define UNITS_END_A
#define UNITS_A_COPIES UNIT_COPIES_BEGIN(2 * UNITS_COPIES)
#define UNITS_A_WAIT UNIT_COPIES_WAIT(0)
#else
#define UNITS_LOAD_A(a, tile, line, word) unit_load_a(a, tile, line, word, units_lane);
#define UNITS_BEGIN_A(LOAD_A, k) UNITS_FETCH(next, GEMM_A_ALONG_K, LOAD_A, k)
#define UNITS_END_A UNITS_PLACE(UNITS_A(1 - side), next, GEMM_A_ALONG_K)
#define UNITS_A_COPIES
#define UNITS_A_WAIT
#endif
#define UNITS_LOAD_B(b, tile, line, word) unit_load_b(b, tile, line, word, units_lane);

/* An item's quads of a tile. Along k they are some of all, item by item; across k they are the words
 * 2 p and 2 p + 1 of four lines, p and the lines such that of 16 neighbouring items, which store two
 * words at once, no two meet in a bank. */
#define UNITS_QUADS (2 * UNIT_PACK)
#define UNITS_LINE_QUADS (UNIT_LINE * UNIT_PACK / 4)
#define UNITS_ACROSS_WORD (units_item / 2 % 8 * 2)
#define UNITS_ACROSS_LINE ((units_item % 2 + units_item / 16 * 2) * 4)
#define UNITS_EACH_QUAD(along_k)                                                                   \
    UNIT_UNROLLED for (int quad = 0; quad < UNITS_QUADS; ++quad) {                                     \
        const int q = units_item + quad * UNITS_ITEMS;                                            \
        const int line = (along_k) ? q / UNITS_LINE_QUADS : UNITS_ACROSS_LINE;                     \
        const int k = (along_k) ? q % UNITS_LINE_QUADS * 4 : UNITS_ACROSS_WORD * UNIT_PACK + quad;

#define UNITS_FETCH(quads, along_k, LOAD, k_from)                                                  \
    UNITS_EACH_QUAD(along_k)                                                                       \
        quads[quad] = LOAD(line, (k_from) + k);                                                       \
    }

/* Rounded, if they are not: a quad along k is four words or two, and of a block across k each line has two. */
#if UNITS_QUADS_ARE_WORDS
#define UNITS_STORE(quad, to) *(__local uint2 *)(to) = as_uint2(quad);
#define UNITS_JOIN(quads, i, s) ((uint)quads[i].s | (uint)quads[(i) + 1].s << 16)
#define UNITS_TWO(quads, s) ((uint2)(UNITS_JOIN(quads, 0, s), UNITS_JOIN(quads, 2, s)))
#elif UNIT_PACK == 1
#define UNITS_STORE(quad, to)                                                                      \
    *(__local uint4 *)(to) = (uint4)(                                                              \
        unit_single(quad.s0), unit_single(quad.s1), unit_single(quad.s2), unit_single(quad.s3));
#define UNITS_TWO(quads, s) ((uint2)(unit_single(quads[0].s), unit_single(quads[1].s)))
#else
#define UNITS_STORE(quad, to)                                                                      \
    *(__local uint2 *)(to) = (uint2)(unit_pair(quad.s0, quad.s1), unit_pair(quad.s2, quad.s3));
#define UNITS_TWO(quads, s)                                                                        \
    ((uint2)(unit_pair(quads[0].s, quads[1].s), unit_pair(quads[2].s, quads[3].s)))
#endif

#define UNITS_PLACE_TWO(tile, quads, j, s)                                                         \
    *(__local uint2 *)((tile) + UNIT_AT(UNITS_ACROSS_LINE + (j), UNITS_ACROSS_WORD)) =             \
        UNITS_TWO(quads, s);
#define UNITS_PLACE(tile, quads, along_k)                                                          \
    if (along_k) {                                                                                 \
        UNITS_EACH_QUAD(1)                                                                         \
            UNITS_STORE(quads[quad], (tile) + UNIT_AT(line, k / UNIT_PACK))                           \
        }                                                                                          \
    } else {                                                                                       \
        UNITS_PLACE_TWO(tile, quads, 0, s0)                                                        \
        UNITS_PLACE_TWO(tile, quads, 1, s1)                                                        \
        UNITS_PLACE_TWO(tile, quads, 2, s2)                                                        \
        UNITS_PLACE_TWO(tile, quads, 3, s3)                                                        \
    }

/* While the first half of the products runs A's next tile comes, with the second B's: quads of both at
 * once, four of 16 bits each, take more registers than there are. */
#define UNITS_HALF(turn, LOAD_A, LOAD_B)                                                           \
    if (goes_on && (turn) == 0) {                                                                  \
        UNITS_BEGIN_A(LOAD_A, next_k)                                                              \
    } else if (goes_on) {                                                                          \
        UNITS_FETCH(next, GEMM_B_ALONG_K, LOAD_B, next_k)                                          \
    }                                                                                              \
    UNIT_UNROLLED for (int at = 0; at < UNITS_PRODUCTS / 2; ++at) {                                \
        UNITS_PRODUCT(side, at + (turn) * (UNITS_PRODUCTS / 2))                                    \
    }                                                                                              \
    if (goes_on && (turn) == 0) {                                                                  \
        UNITS_END_A                                                                                \
    } else if (goes_on) {                                                                          \
        UNITS_PLACE(UNITS_B(1 - side), next, GEMM_B_ALONG_K)                                       \
    }

/* Where all is emulated the halves are one loop, which compiles in half the time. */
#if UNIT_EMULATED
#define UNITS_HALVES(LOAD_A, LOAD_B)                                                               \
    for (int turn = 0; turn < 2; ++turn) {                                                         \
        UNITS_HALF(turn, LOAD_A, LOAD_B)                                                           \
    }
#else
#define UNITS_HALVES(LOAD_A, LOAD_B)                                                               \
    UNITS_HALF(0, LOAD_A, LOAD_B)                                                                  \
    UNITS_HALF(1, LOAD_A, LOAD_B)
#endif

#define UNITS_RUN(from, to, LOAD_A, LOAD_B)                                                        \
    {                                                                                              \
        UNITS_QUAD next[UNITS_QUADS];                                                                 \
        UNITS_A_COPIES                                                                             \
        int side = 1;                                                                              \
        if ((from) < (to)) {                                                                       \
            UNITS_BEGIN_A(LOAD_A, from)                                                            \
            UNITS_END_A                                                                            \
            UNITS_FETCH(next, GEMM_B_ALONG_K, LOAD_B, from)                                        \
            UNITS_PLACE(UNITS_B(0), next, GEMM_B_ALONG_K)                                          \
        }                                                                                          \
        side = 0;                                                                                  \
        UNITS_A_WAIT                                                                               \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        for (INDEX units_k = (from); units_k < (to); units_k += UNIT_LINE * UNIT_PACK) {           \
            const INDEX next_k = units_k + UNIT_LINE * UNIT_PACK;                                  \
            const bool goes_on = next_k < (to);                                                    \
            UNITS_FRAGMENTS                                                                        \
            UNITS_HALVES(LOAD_A, LOAD_B)                                                           \
            side = 1 - side;                                                                       \
            UNITS_A_WAIT                                                                           \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
        }                                                                                          \
    }
#endif

/* Sums go by way of local memory, a row of each sub-group's fragments at a time, so that neighbouring items
 * store neighbouring elements of a row, one after the other in a loop that is short. */
#define UNITS_OUT_LINES (UNITS_DOWN * UNIT_M)
#define UNITS_OUT_PITCH (UNITS_TILE + 8)
#define UNITS_OUT_ROW(i, line) ((line) / UNIT_M * (UNITS_ROWS * UNIT_M) + (i)*UNIT_M + (line) % UNIT_M)
#define UNITS_FINISH(STORE)                                                                        \
    UNIT_UNROLLED for (int i = 0; i < UNITS_ROWS; ++i) {                                           \
        __local float *const out = (__local float *)units_lines;                                   \
        UNIT_UNROLLED for (int j = 0; j < UNITS_COLUMNS; ++j) {                                    \
            UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) {                             \
                const int line = units_row / UNITS_ROWS + UNIT_C_ROW(units_lane, r);               \
                const int at = units_column + j * UNIT_N + UNIT_C_COLUMN(units_lane, r);           \
                out[line * UNITS_OUT_PITCH + at] = units_sums[i][j][r];                            \
            }                                                                                      \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        KEEP_ROLLED for (int e = units_item; e < UNITS_OUT_LINES * UNITS_TILE; e += UNITS_ITEMS) { \
            const int line = e / UNITS_TILE, at = e % UNITS_TILE;                                  \
            STORE(out[line * UNITS_OUT_PITCH + at], UNITS_OUT_ROW(i, line), at)                    \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
    }
