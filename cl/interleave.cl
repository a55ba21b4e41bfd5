/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vectors of W = 4, 8 or 16 elements of type T (float, uint, ulong), by turns. Include after
 * common.cl.
 *     INTERLEAVE_LOW(T, W, a, b)   a0 b0 a1 b1 ..., of the lower halves
 *     INTERLEAVE_HIGH(T, W, a, b)  the same of the upper halves
 * Where the compiler is clang each is one step of its intermediate language: a square of 16 x 16 put
 * together from halves or elements instead takes it 0.2 s.
 */
#ifndef INTERLEAVE_CL
#define INTERLEAVE_CL

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define PICK_LANES(T, W, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
#ifndef PICK_LANES
#define PICK_MASK_float uint
#define PICK_MASK_uint uint
#define PICK_MASK_ulong ulong
#define PICK_LANES(T, W, a, b, ...) shuffle2(a, b, (CAT(CAT(PICK_MASK_, T), W))(__VA_ARGS__))
#endif

#define INTERLEAVE_LOW(T, W, a, b) CAT(INTERLEAVE_LOW_, W)(T, a, b)
#define INTERLEAVE_HIGH(T, W, a, b) CAT(INTERLEAVE_HIGH_, W)(T, a, b)
#define INTERLEAVE_LOW_4(T, a, b) PICK_LANES(T, 4, a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH_4(T, a, b) PICK_LANES(T, 4, a, b, 2, 6, 3, 7)
#define INTERLEAVE_LOW_8(T, a, b) PICK_LANES(T, 8, a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define INTERLEAVE_HIGH_8(T, a, b) PICK_LANES(T, 8, a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define INTERLEAVE_LOW_16(T, a, b)                                                                 \
    PICK_LANES(T, 16, a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH_16(T, a, b)                                                                \
    PICK_LANES(T, 16, a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

#endif
