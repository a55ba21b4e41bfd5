/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of any element type E (int, uchar, ...) by width, W = 1, 2, 4, 8 or 16:
 *     LANES_OF(E, W)        E, E2, ...
 *     CONVERT(E, W, v)      to elements of type E as C converts
 *     AS(E, W, v)           the same bits as elements of type E
 *     MASK(E, W, c)         lane by lane whether the integer c is not 0, to choose by ?: among
 *                           elements of the size of E, a signed type
 *     BOOLS(W, m)           0 and 1 of what a comparison gave
 * Include after common.cl; a second time is harmless.
 */
#ifndef LANES_CL
#define LANES_CL

#define LANES_OF(E, W) CAT(LANES_OF_, W)(E)
#define LANES_OF_1(E) E
#define LANES_OF_2(E) CAT(E, 2)
#define LANES_OF_4(E) CAT(E, 4)
#define LANES_OF_8(E) CAT(E, 8)
#define LANES_OF_16(E) CAT(E, 16)

#define CONVERT(E, W, v) CAT(CONVERT_, W)(E, v)
#define CONVERT_1(E, v) ((E)(v))
#ifdef __has_builtin
#if __has_builtin(__builtin_convertvector)
#define CONVERT_LANES(E, W, v) __builtin_convertvector(v, CAT(E, W))
#define CONVERT_BY_COMPILER
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
