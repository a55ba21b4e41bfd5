/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of any type, T the number of a cleat_type (bool is a byte), W = 1, 2, 4, 8 or 16:
 *     VALUES(T, W)                float (REAL), int4, uchar16, ...
 *     LOAD_VALUES(T, W, p)        p[0], p[1], ..., p of any alignment
 *     STORE_VALUES(T, W, v, p)
 *     GATHER_VALUES(T, W, p, s)   p[0], p[s], p[2 s], ...
 *     SCATTER_VALUES(T, W, v, p, s)
 *     CONVERT(E, W, v)            to elements of type E (int, uchar, ...) as C converts
 *     AS(E, W, v)                 the same bits as elements of type E
 *     MASK(E, W, c)               lane by lane whether the integer c is not 0, to choose by ?: among
 *                                 elements of the size of E, a signed type
 *     BOOLS(W, m)                 0 and 1 of what a comparison gave
 * Other types than float need ELEMENT_FUNCTIONS(E, W) before, once for each width above 1 that is used
 * with them. Include after vector.cl.
 */
#ifndef ELEMENT_CL
#define ELEMENT_CL

#define ELEMENT_1 REAL
#define ELEMENT_2 double
#define ELEMENT_3 int
#define ELEMENT_4 long
#define ELEMENT_5 uchar
#define ELEMENT_6 uchar
#define SIGNED_1 REAL_BITS
#define SIGNED_2 long
#define SIGNED_3 int
#define SIGNED_4 long
#define SIGNED_5 char
#define SIGNED_6 char

#define LANES_OF(E, W) CAT(LANES_OF_, W)(E)
#define LANES_OF_1(E) E
#define LANES_OF_2(E) CAT(E, 2)
#define LANES_OF_4(E) CAT(E, 4)
#define LANES_OF_8(E) CAT(E, 8)
#define LANES_OF_16(E) CAT(E, 16)
#define VALUES(T, W) LANES_OF(CAT(ELEMENT_, T), W)

#define LOAD_VALUES(T, W, p) CAT(LOAD_VALUES_, T)(W, p)
#define LOAD_VALUES_1(W, p) LOAD(W, p)
#define LOAD_VALUES_2(W, p) CAT(load_double_, W)(p)
#define LOAD_VALUES_3(W, p) CAT(load_int_, W)(p)
#define LOAD_VALUES_4(W, p) CAT(load_long_, W)(p)
#define LOAD_VALUES_5(W, p) CAT(load_uchar_, W)(p)
#define LOAD_VALUES_6(W, p) CAT(load_uchar_, W)(p)
#define load_double_1(p) (*(p))
#define load_int_1(p) (*(p))
#define load_long_1(p) (*(p))
#define load_uchar_1(p) (*(p))

#define STORE_VALUES(T, W, v, p) CAT(STORE_VALUES_, T)(W, v, p)
#define STORE_VALUES_1(W, v, p) STORE(W, v, p)
#define STORE_VALUES_2(W, v, p) CAT(store_double_, W)(v, p)
#define STORE_VALUES_3(W, v, p) CAT(store_int_, W)(v, p)
#define STORE_VALUES_4(W, v, p) CAT(store_long_, W)(v, p)
#define STORE_VALUES_5(W, v, p) CAT(store_uchar_, W)(v, p)
#define STORE_VALUES_6(W, v, p) CAT(store_uchar_, W)(v, p)
#define store_double_1(v, p) (*(p) = (v))
#define store_int_1(v, p) (*(p) = (v))
#define store_long_1(v, p) (*(p) = (v))
#define store_uchar_1(v, p) (*(p) = (v))

#define GATHER_VALUES(T, W, p, s) CAT(GATHER_VALUES_, T)(W, p, s)
#define GATHER_VALUES_1(W, p, s) GATHER(W, p, s)
#define GATHER_VALUES_2(W, p, s) CAT(gather_double_, W)(p, s)
#define GATHER_VALUES_3(W, p, s) CAT(gather_int_, W)(p, s)
#define GATHER_VALUES_4(W, p, s) CAT(gather_long_, W)(p, s)
#define GATHER_VALUES_5(W, p, s) CAT(gather_uchar_, W)(p, s)
#define GATHER_VALUES_6(W, p, s) CAT(gather_uchar_, W)(p, s)
#define gather_double_1(p, s) (*(p))
#define gather_int_1(p, s) (*(p))
#define gather_long_1(p, s) (*(p))
#define gather_uchar_1(p, s) (*(p))

#define SCATTER_VALUES(T, W, v, p, s) CAT(SCATTER_VALUES_, T)(W, v, p, s)
#define SCATTER_VALUES_1(W, v, p, s) SCATTER(W, v, p, s)
#define SCATTER_VALUES_2(W, v, p, s) CAT(scatter_double_, W)(v, p, s)
#define SCATTER_VALUES_3(W, v, p, s) CAT(scatter_int_, W)(v, p, s)
#define SCATTER_VALUES_4(W, v, p, s) CAT(scatter_long_, W)(v, p, s)
#define SCATTER_VALUES_5(W, v, p, s) CAT(scatter_uchar_, W)(v, p, s)
#define SCATTER_VALUES_6(W, v, p, s) CAT(scatter_uchar_, W)(v, p, s)
#define scatter_double_1(v, p, s) (*(p) = (v))
#define scatter_int_1(v, p, s) (*(p) = (v))
#define scatter_long_1(v, p, s) (*(p) = (v))
#define scatter_uchar_1(v, p, s) (*(p) = (v))

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

#define CONVERT(E, W, v) CAT(CONVERT_, W)(E, v)
#define CONVERT_1(E, v) ((E)(v))
#ifdef __has_builtin
#if __has_builtin(__builtin_convertvector)
#define CONVERT_LANES(E, W, v) __builtin_convertvector(v, CAT(E, W))
#endif
#endif
#ifndef CONVERT_LANES
#define CONVERT_LANES(E, W, v) CAT(CAT(convert_, E), W)(v)
#endif
#define CONVERT_2(E, v) CONVERT_LANES(E, 2, v)
#define CONVERT_4(E, v) CONVERT_LANES(E, 4, v)
#define CONVERT_8(E, v) CONVERT_LANES(E, 8, v)
#define CONVERT_16(E, v) CONVERT_LANES(E, 16, v)

#define AS(E, W, v) CAT(as_, LANES_OF(E, W))(v)

#define MASK(E, W, c) CAT(MASK_, W)(E, c)
#define MASK_1(E, c) ((c) != 0)
#define MASK_2(E, c) (CONVERT_2(E, c) != (E)0)
#define MASK_4(E, c) (CONVERT_4(E, c) != (E)0)
#define MASK_8(E, c) (CONVERT_8(E, c) != (E)0)
#define MASK_16(E, c) (CONVERT_16(E, c) != (E)0)

#define BOOLS(W, m) CAT(BOOLS_, W)(m)
#define BOOLS_1(m) ((uchar)(m))
#define BOOLS_2(m) (CONVERT_2(uchar, m) & (uchar)1)
#define BOOLS_4(m) (CONVERT_4(uchar, m) & (uchar)1)
#define BOOLS_8(m) (CONVERT_8(uchar, m) & (uchar)1)
#define BOOLS_16(m) (CONVERT_16(uchar, m) & (uchar)1)

#endif
