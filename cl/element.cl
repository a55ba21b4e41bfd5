/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of any type, T the number of a cleat_type (bool is a byte), W = 1, 2, 4, 8 or 16:
 *     VALUES(T, W)                float (REAL), int4, uchar16, ...: in registers
 *     STORED(T)                   in memory: of f16 and bf16, which are floats in registers, ushort
 *     LOAD_VALUES(T, W, p)        p[0], p[1], ..., p of any alignment
 *     STORE_VALUES(T, W, v, p)
 *     STREAM_VALUES(T, W, v, p)   past the caches, where STORE_PAST is defined (common.cl); p a multiple of
 *                                 W elements
 *     WHOLE_VALUES(T, W, p)       LOAD_VALUES and STORE_VALUES in one access; p a multiple of W elements
 *     STORE_WHOLE(T, W, v, p)
 *     GATHER_VALUES(T, W, p, s)   p[0], p[s], p[2 s], ...
 *     SCATTER_VALUES(T, W, v, p, s)
 *     CONVERT, AS, MASK, BOOLS    of lanes.cl
 * Before, once for each width: HALF_FUNCTIONS(T, W) of half.cl for f16 and bf16; and for widths above 1
 * of other types than float ELEMENT_FUNCTIONS(E, W), E being STORED(T). Include after vector.cl.
 */
#ifndef ELEMENT_CL
#define ELEMENT_CL
#include "lanes.cl"
#include "half.cl"

#define ELEMENT_1 REAL
#define ELEMENT_2 double
#define ELEMENT_3 int
#define ELEMENT_4 long
#define ELEMENT_5 uchar
#define ELEMENT_6 uchar
#define ELEMENT_7 REAL
#define ELEMENT_8 REAL
#define ELEMENT_9 char
#define ELEMENT_10 short
#define ELEMENT_11 ushort
#define ELEMENT_12 uint
#define ELEMENT_13 ulong
#define SIGNED_1 REAL_BITS
#define SIGNED_2 long
#define SIGNED_3 int
#define SIGNED_4 long
#define SIGNED_5 char
#define SIGNED_6 char
#define SIGNED_7 REAL_BITS
#define SIGNED_8 REAL_BITS
#define SIGNED_9 char
#define SIGNED_10 short
#define SIGNED_11 short
#define SIGNED_12 int
#define SIGNED_13 long
#define STORED_1 REAL
#define STORED_2 double
#define STORED_3 int
#define STORED_4 long
#define STORED_5 uchar
#define STORED_6 uchar
#define STORED_7 ushort
#define STORED_8 ushort
#define STORED_9 char
#define STORED_10 short
#define STORED_11 ushort
#define STORED_12 uint
#define STORED_13 ulong

#define VALUES(T, W) LANES_OF(CAT(ELEMENT_, T), W)
#define STORED(T) CAT(STORED_, T)

#define LOAD_VALUES(T, W, p) CAT(LOAD_VALUES_, T)(W, p)
#define LOAD_VALUES_1(W, p) LOAD(W, p)
#define LOAD_VALUES_2(W, p) CAT(load_double_, W)(p)
#define LOAD_VALUES_3(W, p) CAT(load_int_, W)(p)
#define LOAD_VALUES_4(W, p) CAT(load_long_, W)(p)
#define LOAD_VALUES_5(W, p) CAT(load_uchar_, W)(p)
#define LOAD_VALUES_6(W, p) CAT(load_uchar_, W)(p)
#define LOAD_VALUES_7(W, p) LOAD_HALF(7, W, p)
#define LOAD_VALUES_8(W, p) LOAD_HALF(8, W, p)
#define LOAD_VALUES_9(W, p) CAT(load_char_, W)(p)
#define LOAD_VALUES_10(W, p) CAT(load_short_, W)(p)
#define LOAD_VALUES_11(W, p) CAT(load_ushort_, W)(p)
#define LOAD_VALUES_12(W, p) CAT(load_uint_, W)(p)
#define LOAD_VALUES_13(W, p) CAT(load_ulong_, W)(p)
#define load_double_1(p) (*(p))
#define load_int_1(p) (*(p))
#define load_long_1(p) (*(p))
#define load_uchar_1(p) (*(p))
#define load_char_1(p) (*(p))
#define load_short_1(p) (*(p))
#define load_ushort_1(p) (*(p))
#define load_uint_1(p) (*(p))
#define load_ulong_1(p) (*(p))

#define STORE_VALUES(T, W, v, p) CAT(STORE_VALUES_, T)(W, v, p)
#define STORE_VALUES_1(W, v, p) STORE(W, v, p)
#define STORE_VALUES_2(W, v, p) CAT(store_double_, W)(v, p)
#define STORE_VALUES_3(W, v, p) CAT(store_int_, W)(v, p)
#define STORE_VALUES_4(W, v, p) CAT(store_long_, W)(v, p)
#define STORE_VALUES_5(W, v, p) CAT(store_uchar_, W)(v, p)
#define STORE_VALUES_6(W, v, p) CAT(store_uchar_, W)(v, p)
#define STORE_VALUES_7(W, v, p) STORE_HALF(7, W, v, p)
#define STORE_VALUES_8(W, v, p) STORE_HALF(8, W, v, p)
#define STORE_VALUES_9(W, v, p) CAT(store_char_, W)(v, p)
#define STORE_VALUES_10(W, v, p) CAT(store_short_, W)(v, p)
#define STORE_VALUES_11(W, v, p) CAT(store_ushort_, W)(v, p)
#define STORE_VALUES_12(W, v, p) CAT(store_uint_, W)(v, p)
#define STORE_VALUES_13(W, v, p) CAT(store_ulong_, W)(v, p)
#define store_double_1(v, p) (*(p) = (v))
#define store_int_1(v, p) (*(p) = (v))
#define store_long_1(v, p) (*(p) = (v))
#define store_uchar_1(v, p) (*(p) = (v))
#define store_char_1(v, p) (*(p) = (v))
#define store_short_1(v, p) (*(p) = (v))
#define store_ushort_1(v, p) (*(p) = (v))
#define store_uint_1(v, p) (*(p) = (v))
#define store_ulong_1(v, p) (*(p) = (v))

#define STREAM_VALUES(T, W, v, p) CAT(STREAM_VALUES_, T)(W, v, p)
#define STREAM_VALUES_AS(T, W, v, p) STORE_PAST(v, (__global LANES_OF(STORED(T), W) *)(p))
#define STREAM_VALUES_1(W, v, p) STREAM_VALUES_AS(1, W, v, p)
#define STREAM_VALUES_2(W, v, p) STREAM_VALUES_AS(2, W, v, p)
#define STREAM_VALUES_3(W, v, p) STREAM_VALUES_AS(3, W, v, p)
#define STREAM_VALUES_4(W, v, p) STREAM_VALUES_AS(4, W, v, p)
#define STREAM_VALUES_5(W, v, p) STREAM_VALUES_AS(5, W, v, p)
#define STREAM_VALUES_6(W, v, p) STREAM_VALUES_AS(6, W, v, p)
#define STREAM_VALUES_7(W, v, p) STREAM_VALUES_AS(7, W, HALF_BITS(7, W, v), p)
#define STREAM_VALUES_8(W, v, p) STREAM_VALUES_AS(8, W, HALF_BITS(8, W, v), p)
#define STREAM_VALUES_9(W, v, p) STREAM_VALUES_AS(9, W, v, p)
#define STREAM_VALUES_10(W, v, p) STREAM_VALUES_AS(10, W, v, p)
#define STREAM_VALUES_11(W, v, p) STREAM_VALUES_AS(11, W, v, p)
#define STREAM_VALUES_12(W, v, p) STREAM_VALUES_AS(12, W, v, p)
#define STREAM_VALUES_13(W, v, p) STREAM_VALUES_AS(13, W, v, p)

#define WHOLE_VALUES(T, W, p) CAT(WHOLE_VALUES_, T)(W, p)
#define WHOLE_PLACE(T, W, p) (*(__global LANES_OF(STORED(T), W) *)(p))
#define WHOLE_VALUES_AS(T, W, p) (*(const __global LANES_OF(STORED(T), W) *)(p))
#define WHOLE_VALUES_1(W, p) WHOLE_VALUES_AS(1, W, p)
#define WHOLE_VALUES_2(W, p) WHOLE_VALUES_AS(2, W, p)
#define WHOLE_VALUES_3(W, p) WHOLE_VALUES_AS(3, W, p)
#define WHOLE_VALUES_4(W, p) WHOLE_VALUES_AS(4, W, p)
#define WHOLE_VALUES_5(W, p) WHOLE_VALUES_AS(5, W, p)
#define WHOLE_VALUES_6(W, p) WHOLE_VALUES_AS(6, W, p)
#define WHOLE_VALUES_7(W, p) WHOLE_HALF(7, W, p)
#define WHOLE_VALUES_8(W, p) WHOLE_HALF(8, W, p)
#define WHOLE_VALUES_9(W, p) WHOLE_VALUES_AS(9, W, p)
#define WHOLE_VALUES_10(W, p) WHOLE_VALUES_AS(10, W, p)
#define WHOLE_VALUES_11(W, p) WHOLE_VALUES_AS(11, W, p)
#define WHOLE_VALUES_12(W, p) WHOLE_VALUES_AS(12, W, p)
#define WHOLE_VALUES_13(W, p) WHOLE_VALUES_AS(13, W, p)
#define STORE_WHOLE(T, W, v, p) CAT(STORE_WHOLE_, T)(W, v, p)
#define STORE_WHOLE_1(W, v, p) (WHOLE_PLACE(1, W, p) = (v))
#define STORE_WHOLE_2(W, v, p) (WHOLE_PLACE(2, W, p) = (v))
#define STORE_WHOLE_3(W, v, p) (WHOLE_PLACE(3, W, p) = (v))
#define STORE_WHOLE_4(W, v, p) (WHOLE_PLACE(4, W, p) = (v))
#define STORE_WHOLE_5(W, v, p) (WHOLE_PLACE(5, W, p) = (v))
#define STORE_WHOLE_6(W, v, p) (WHOLE_PLACE(6, W, p) = (v))
#define STORE_WHOLE_7(W, v, p) STORE_WHOLE_HALF(7, W, v, p)
#define STORE_WHOLE_8(W, v, p) STORE_WHOLE_HALF(8, W, v, p)
#define STORE_WHOLE_9(W, v, p) (WHOLE_PLACE(9, W, p) = (v))
#define STORE_WHOLE_10(W, v, p) (WHOLE_PLACE(10, W, p) = (v))
#define STORE_WHOLE_11(W, v, p) (WHOLE_PLACE(11, W, p) = (v))
#define STORE_WHOLE_12(W, v, p) (WHOLE_PLACE(12, W, p) = (v))
#define STORE_WHOLE_13(W, v, p) (WHOLE_PLACE(13, W, p) = (v))

#define GATHER_VALUES(T, W, p, s) CAT(GATHER_VALUES_, T)(W, p, s)
#define GATHER_VALUES_1(W, p, s) GATHER(W, p, s)
#define GATHER_VALUES_2(W, p, s) CAT(gather_double_, W)(p, s)
#define GATHER_VALUES_3(W, p, s) CAT(gather_int_, W)(p, s)
#define GATHER_VALUES_4(W, p, s) CAT(gather_long_, W)(p, s)
#define GATHER_VALUES_5(W, p, s) CAT(gather_uchar_, W)(p, s)
#define GATHER_VALUES_6(W, p, s) CAT(gather_uchar_, W)(p, s)
#define GATHER_VALUES_7(W, p, s) GATHER_HALF(7, W, p, s)
#define GATHER_VALUES_8(W, p, s) GATHER_HALF(8, W, p, s)
#define GATHER_VALUES_9(W, p, s) CAT(gather_char_, W)(p, s)
#define GATHER_VALUES_10(W, p, s) CAT(gather_short_, W)(p, s)
#define GATHER_VALUES_11(W, p, s) CAT(gather_ushort_, W)(p, s)
#define GATHER_VALUES_12(W, p, s) CAT(gather_uint_, W)(p, s)
#define GATHER_VALUES_13(W, p, s) CAT(gather_ulong_, W)(p, s)
#define gather_double_1(p, s) (*(p))
#define gather_int_1(p, s) (*(p))
#define gather_long_1(p, s) (*(p))
#define gather_uchar_1(p, s) (*(p))
#define gather_char_1(p, s) (*(p))
#define gather_short_1(p, s) (*(p))
#define gather_ushort_1(p, s) (*(p))
#define gather_uint_1(p, s) (*(p))
#define gather_ulong_1(p, s) (*(p))

#define SCATTER_VALUES(T, W, v, p, s) CAT(SCATTER_VALUES_, T)(W, v, p, s)
#define SCATTER_VALUES_1(W, v, p, s) SCATTER(W, v, p, s)
#define SCATTER_VALUES_2(W, v, p, s) CAT(scatter_double_, W)(v, p, s)
#define SCATTER_VALUES_3(W, v, p, s) CAT(scatter_int_, W)(v, p, s)
#define SCATTER_VALUES_4(W, v, p, s) CAT(scatter_long_, W)(v, p, s)
#define SCATTER_VALUES_5(W, v, p, s) CAT(scatter_uchar_, W)(v, p, s)
#define SCATTER_VALUES_6(W, v, p, s) CAT(scatter_uchar_, W)(v, p, s)
#define SCATTER_VALUES_7(W, v, p, s) SCATTER_HALF(7, W, v, p, s)
#define SCATTER_VALUES_8(W, v, p, s) SCATTER_HALF(8, W, v, p, s)
#define SCATTER_VALUES_9(W, v, p, s) CAT(scatter_char_, W)(v, p, s)
#define SCATTER_VALUES_10(W, v, p, s) CAT(scatter_short_, W)(v, p, s)
#define SCATTER_VALUES_11(W, v, p, s) CAT(scatter_ushort_, W)(v, p, s)
#define SCATTER_VALUES_12(W, v, p, s) CAT(scatter_uint_, W)(v, p, s)
#define SCATTER_VALUES_13(W, v, p, s) CAT(scatter_ulong_, W)(v, p, s)
#define scatter_double_1(v, p, s) (*(p) = (v))
#define scatter_int_1(v, p, s) (*(p) = (v))
#define scatter_long_1(v, p, s) (*(p) = (v))
#define scatter_uchar_1(v, p, s) (*(p) = (v))
#define scatter_char_1(v, p, s) (*(p) = (v))
#define scatter_short_1(v, p, s) (*(p) = (v))
#define scatter_ushort_1(v, p, s) (*(p) = (v))
#define scatter_uint_1(v, p, s) (*(p) = (v))
#define scatter_ulong_1(v, p, s) (*(p) = (v))

#define ELEMENT_FUNCTIONS(E, W) ELEMENT_FUNCTIONS_(E, W)
#if DEVICE_IS_CPU
#define ELEMENT_MOVES(E, W)                                                                        \
    typedef E##W unaligned_##E##W __attribute__((aligned(sizeof(E))));                             \
    static inline E##W load_##E##_##W(__global const E *p) {                                       \
        return *(__global const unaligned_##E##W *)p;                                              \
    }                                                                                              \
    static inline void store_##E##_##W(E##W v, __global E *p) {                                    \
        *(__global unaligned_##E##W *)p = v;                                                       \
    }
#else
#define ELEMENT_MOVES(E, W)                                                                        \
    static inline E##W load_##E##_##W(__global const E *p) {                                       \
        return vload##W(0, p);                                                                     \
    }                                                                                              \
    static inline void store_##E##_##W(E##W v, __global E *p) {                                    \
        vstore##W(v, 0, p);                                                                        \
    }
#endif
#define ELEMENT_FUNCTIONS_(E, W)                                                                   \
    ELEMENT_MOVES(E, W)                                                                            \
    static inline E##W gather_##E##_##W(__global const E *p, INDEX step) {                         \
        union {                                                                                    \
            E##W vector;                                                                           \
            E lanes[W];                                                                            \
        } u;                                                                                       \
        for (int lane = 0; lane < W; lane++) {                                                     \
            u.lanes[lane] = p[lane * step];                                                        \
        }                                                                                          \
        return u.vector;                                                                           \
    }                                                                                              \
    static inline void scatter_##E##_##W(E##W v, __global E *p, INDEX step) {                      \
        union {                                                                                    \
            E##W vector;                                                                           \
            E lanes[W];                                                                            \
        } u;                                                                                       \
        u.vector = v;                                                                              \
        for (int lane = 0; lane < W; lane++) {                                                     \
            p[lane * step] = u.lanes[lane];                                                        \
        }                                                                                          \
    }

#endif
