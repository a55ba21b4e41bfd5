/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of OpenCL C that Cleat's kernels call, put before a program for compilers which have
 * them from a header of 18,000 lines that is read for each program anew; the library tells these to
 * leave it out (_OPENCL_H_, its guard). Types, as_type() and constants stay with the compiler. Declared as
 * in the OpenCL C specification 1.2, section 6.12: what is missing here is refused at build time.
 */
#define OF_VALUES __attribute__((overloadable, const))
#define OF_MEMORY __attribute__((overloadable, pure))
#define TO_MEMORY __attribute__((overloadable))

/* MACRO(float, ...) MACRO(float2, ...) ...; with doubles, where there are any. */
#define VECTORS_OF(MACRO, T, ...)                                                                  \
    MACRO(T##2, __VA_ARGS__) MACRO(T##4, __VA_ARGS__) MACRO(T##8, __VA_ARGS__)                     \
        MACRO(T##16, __VA_ARGS__)
#define WIDTHS_OF(MACRO, T, ...) MACRO(T, __VA_ARGS__) VECTORS_OF(MACRO, T, __VA_ARGS__)
#ifdef cl_khr_fp64
#define DOUBLES_OF(HOW, ...) HOW(__VA_ARGS__)
#define FROM_DOUBLE(W, to) CONVERT_FROM(double, W, to)
#else
#define DOUBLES_OF(HOW, ...)
#define FROM_DOUBLE(W, to)
#endif
#define REALS_OF(MACRO, ...)                                                                       \
    WIDTHS_OF(MACRO, float, __VA_ARGS__) DOUBLES_OF(WIDTHS_OF, MACRO, double, __VA_ARGS__)

/* Work-items and barriers */
#define ITEM_PLACE(name) OF_VALUES size_t name(uint);
ITEM_PLACE(get_global_id)
ITEM_PLACE(get_global_size)
ITEM_PLACE(get_local_id)
ITEM_PLACE(get_local_size)
ITEM_PLACE(get_group_id)
ITEM_PLACE(get_num_groups)
void __attribute__((overloadable, convergent)) barrier(cl_mem_fence_flags);

/* Mathematics */
#define OF_ONE(T, name) OF_VALUES T name(T);
#define OF_TWO(T, name) OF_VALUES T name(T, T);
#define OF_THREE(T, name) OF_VALUES T name(T, T, T);
REALS_OF(OF_ONE, ceil)
REALS_OF(OF_ONE, cos)
REALS_OF(OF_ONE, erf)
REALS_OF(OF_ONE, erfc)
REALS_OF(OF_ONE, exp)
REALS_OF(OF_ONE, expm1)
REALS_OF(OF_ONE, fabs)
REALS_OF(OF_ONE, floor)
REALS_OF(OF_ONE, log)
REALS_OF(OF_ONE, log1p)
REALS_OF(OF_ONE, rint)
REALS_OF(OF_ONE, sin)
REALS_OF(OF_ONE, sqrt)
REALS_OF(OF_ONE, tanh)
REALS_OF(OF_TWO, copysign)
REALS_OF(OF_TWO, fmax)
REALS_OF(OF_TWO, max)
REALS_OF(OF_TWO, min)
REALS_OF(OF_TWO, pow)
REALS_OF(OF_THREE, clamp)
REALS_OF(OF_THREE, fma)
WIDTHS_OF(OF_TWO, int, max)
WIDTHS_OF(OF_TWO, int, min)
WIDTHS_OF(OF_TWO, uint, max)
WIDTHS_OF(OF_TWO, uint, min)
WIDTHS_OF(OF_TWO, long, max)
WIDTHS_OF(OF_TWO, long, min)
WIDTHS_OF(OF_TWO, ulong, max)
WIDTHS_OF(OF_TWO, ulong, min)
WIDTHS_OF(OF_THREE, int, clamp)
WIDTHS_OF(OF_THREE, long, clamp)
WIDTHS_OF(OF_TWO, uint, mul_hi)
WIDTHS_OF(OF_TWO, ulong, mul_hi)
WIDTHS_OF(OF_ONE, int, clz)
WIDTHS_OF(OF_ONE, uint, clz)
WIDTHS_OF(OF_ONE, long, clz)
WIDTHS_OF(OF_ONE, ulong, clz)
OF_VALUES uint abs(int);
OF_VALUES ulong abs(long);

/* Comparisons */
OF_VALUES int isnan(float);
DOUBLES_OF(OF_VALUES int isnan, double);
#define SELECT(W) OF_VALUES float##W select(float##W, float##W, int##W);
SELECT() SELECT(2) SELECT(4) SELECT(8) SELECT(16)

/* Conversions, from each type to each. */
#define CONVERT_FROM(from, W, to) OF_VALUES to##W convert_##to##W(from##W);
#define CONVERT_TO(to, W)                                                                          \
    CONVERT_FROM(char, W, to) CONVERT_FROM(uchar, W, to) CONVERT_FROM(int, W, to)                  \
        CONVERT_FROM(uint, W, to) CONVERT_FROM(long, W, to) CONVERT_FROM(ulong, W, to)             \
        CONVERT_FROM(float, W, to) FROM_DOUBLE(W, to)
#define CONVERSIONS(W)                                                                             \
    CONVERT_TO(char, W) CONVERT_TO(uchar, W) CONVERT_TO(int, W) CONVERT_TO(uint, W)                \
        CONVERT_TO(long, W) CONVERT_TO(ulong, W) CONVERT_TO(float, W)                              \
        DOUBLES_OF(CONVERT_TO, double, W)
CONVERSIONS() CONVERSIONS(2) CONVERSIONS(4) CONVERSIONS(8) CONVERSIONS(16)

/* Lanes */
OF_VALUES float16 shuffle2(float16, float16, uint16);

/* Vectors in memory */
#define LOAD_FROM(SPACE, T, W) OF_MEMORY T##W vload##W(size_t, const SPACE T *);
#define STORE_TO(SPACE, T, W) TO_MEMORY void vstore##W(T##W, size_t, SPACE T *);
#define MOVES_OF(SPACE, T, W) LOAD_FROM(SPACE, T, W) STORE_TO(SPACE, T, W)
#define MOVES_IN(SPACE, T)                                                                         \
    MOVES_OF(SPACE, T, 2) MOVES_OF(SPACE, T, 4) MOVES_OF(SPACE, T, 8) MOVES_OF(SPACE, T, 16)
#define MOVES(T) MOVES_IN(__global, T) MOVES_IN(__local, T) MOVES_IN(__private, T)
MOVES(char)
MOVES(uchar)
MOVES(short)
MOVES(ushort)
MOVES(int)
MOVES(uint)
MOVES(long)
MOVES(ulong)
MOVES(float)
DOUBLES_OF(MOVES, double)
#define HALF_MOVES(SPACE, W)                                                                       \
    OF_MEMORY float##W vload_half##W(size_t, const SPACE half *);                                  \
    OF_MEMORY float##W vloada_half##W(size_t, const SPACE half *);                                 \
    TO_MEMORY void vstorea_half##W##_rte(float##W, size_t, SPACE half *);                          \
    TO_MEMORY void vstore_half##W##_rte(float##W, size_t, SPACE half *);
#define HALF_MOVES_IN(SPACE)                                                                       \
    HALF_MOVES(SPACE, ) HALF_MOVES(SPACE, 2) HALF_MOVES(SPACE, 4) HALF_MOVES(SPACE, 8)             \
        HALF_MOVES(SPACE, 16)
HALF_MOVES_IN(__global) HALF_MOVES_IN(__local) HALF_MOVES_IN(__private)
