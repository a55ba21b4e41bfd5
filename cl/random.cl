/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers from Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011). Element i of the row-major order is made from word i % 4 of the block with
 * counter words (i / 4 low, i / 4 high, stream low, stream high) and key words (seed low, high).
 *   uniform: offset + scale * u, u = (word >> 8) * 2^-24
 *   normal:  offset + scale * z, from the pairs of words (0, 1) and (2, 3) (Box & Muller 1958):
 *            z = sqrt(-2 ln u1) * (cos, sin)(2 pi u2), u1 = (word + 1/2) * 2^-32 rounded to float
 *            and so in (0, 1], u2 = (word >> 8) * 2^-24
 *   dropout: u < offset ? 0 : scale * x, u as above
 * In f64 (LANES 1) element i is made from words 2 (i % 2) and 2 (i % 2) + 1, first and second, of block
 * i / 2, dropout's u alone as above:
 *   uniform: u = ((first >> 5) 2^26 + (second >> 6)) 2^-53
 *   normal:  from the numbers u of the elements 2 j and 2 j + 1: z = sqrt(-2 ln(1 - u)) * (cos, sin)(2 pi
 *            the next u), 1 - u in (0, 1] and exact
 *
 * random_contiguous: work-item i writes the units [i * chunk, min((i + 1) * chunk, units)); a unit
 *   is 4 elements of one block, or 64 of 16 blocks that are made at once; the last unit may be cut
 *   by `count`. `past`: y will not stay in the caches anyway, store past them.
 * random_strided (LANES 1): work-item i makes block i and puts its elements in their places of a
 *   shape of RANK axes, outermost first.
 * Macros: NORMAL (0 or 1), DROPOUT (0 or 1), LANES (1 or 16: numbers in a vector), RANK (1..8, strided only).
 *
 * Uniform numbers are rounded after each product and sum, the same everywhere.
 */
#include "common.cl"
#include "vector.cl"
#include "stream.cl"

#define MULTIPLIER0 0xD2511F53u
#define MULTIPLIER1 0xCD9E8D57u
#define KEY_STEP0 0x9E3779B9u
#define KEY_STEP1 0xBB67AE85u

#if LANES == 1
#define FLOAT REAL
#define UINT uint
#define INT int

/* The four words of a block. */
static inline void philox(ulong block, ulong stream, ulong seed, uint word[4]) {
    uint c0 = (uint)block, c1 = (uint)(block >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const uint high0 = mul_hi(c0, MULTIPLIER0), low0 = c0 * MULTIPLIER0;
        const uint high1 = mul_hi(c2, MULTIPLIER1), low1 = c2 * MULTIPLIER1;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += KEY_STEP0;
        k1 += KEY_STEP1;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}
#else
#define FLOAT float16
#define UINT uint16
#define INT int16

/*
 * The same of 16 blocks from `block` on, a multiple of 16: lane k of word[j] is word j of block + k
 * in its low half; its high half is anything. So a product is one instruction and stays where it is:
 * its high half is one shift away, its low half none. (Of 8 blocks, where a vector is 512 bits, the
 * processor would wait for one product before the next.)
 */
static inline void philox(ulong block, ulong stream, ulong seed, ulong16 word[4]) {
    const ulong16 low_half = 0xFFFFFFFFul;
    ulong16 c0 = block + (ulong16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    /* 0, if not past 2^31 elements, so that the first rounds' products are the same for all blocks */
    ulong16 c1 = sizeof(INDEX) == 4 ? 0ul : block >> 32, c2 = stream, c3 = stream >> 32;
    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const ulong16 product0 = (c0 & low_half) * MULTIPLIER0;
        const ulong16 product1 = (c2 & low_half) * MULTIPLIER1;
        c0 = (product1 >> 32) ^ c1 ^ (ulong)k0;
        c1 = product1;
        c2 = (product0 >> 32) ^ c3 ^ (ulong)k1;
        c3 = product0;
        k0 += KEY_STEP0;
        k1 += KEY_STEP1;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* The words of a and b in turns. Not by a shift, which would make another product of each. */
static inline uint16 pair_words(ulong8 a, ulong8 b) {
    const uint16 x = as_uint16(a), y = as_uint16(b);
    return (uint16)(x.s0, y.s0, x.s2, y.s2, x.s4, y.s4, x.s6, y.s6, x.s8, y.s8, x.sa, y.sa, x.sc,
        y.sc, x.se, y.se);
}
#endif

#if REAL_IS_DOUBLE && !DROPOUT

static inline REAL uniform(uint first, uint second) {
    return ((REAL)(first >> 5) * 0x1p26 + (REAL)(second >> 6)) * 0x1p-53;
}

#if NORMAL
/* Two standard normal numbers of two uniform ones. 4 v is a whole number of quarters of a turn, the
 * nearest, and a rest that is exact. */
static inline REAL2 normal_pair(REAL u, REAL v) {
    const REAL radius = sqrt(-2.0 * log(1.0 - u));
    const int quarters = (int)(4.0 * v + 0.5);
    const REAL x = (4.0 * v - (REAL)quarters) * 1.57079632679489662;
    const REAL s = sin(x), c = cos(x);
    const REAL cosine = (quarters & 1) != 0 ? -s : c, sine = (quarters & 1) != 0 ? c : s;
    return ((quarters & 2) != 0 ? -radius : radius) * (REAL2)(cosine, sine);
}
#endif

/* The numbers of a unit: of two blocks. */
static inline void draw(
    ulong unit, ulong stream, ulong seed, REAL offset, REAL scale, REAL number[4]) {
    for (int half_unit = 0; half_unit < 2; ++half_unit) {
        uint word[4];
        philox(2 * unit + half_unit, stream, seed, word);
        REAL2 pair = (REAL2)(uniform(word[0], word[1]), uniform(word[2], word[3]));
#if NORMAL
        pair = normal_pair(pair.x, pair.y);
#endif
        number[2 * half_unit] = offset + scale * pair.x;
        number[2 * half_unit + 1] = offset + scale * pair.y;
    }
}

#else

#define TO_FLOATS(x) CAT(convert_, FLOAT)(x)
#define AS_INTS(x) CAT(as_, INT)(x)
#define AS_UINTS(x) CAT(as_, UINT)(x)
#define AS_FLOATS(x) CAT(as_, FLOAT)(x)

#if NORMAL

/* -2 ln u, u a normal number; polynomial of logf of Cephes 2.2 (Moshier 1992), times -2. */
static inline FLOAT minus_log_square(FLOAT u) {
    /* u = 2^k (1 + t), 1 + t in [sqrt 1/2, sqrt 2); 0x3f3504f3 is sqrt 1/2 */
    const INT bits = AS_INTS(u) - 0x3f3504f3;
    const FLOAT k = TO_FLOATS(bits >> 23);
    const FLOAT t = AS_FLOATS((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    FLOAT p = -2.0f * 7.0376836292e-2f;
    p = FMA(p, t, (FLOAT)(-2.0f * -1.1514610310e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * 1.1676998740e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * -1.2420140846e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * 1.4249322787e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * -1.6668057665e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * 2.0000714765e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * -2.4999993993e-1f));
    p = FMA(p, t, (FLOAT)(-2.0f * 3.3333331174e-1f));
    /* ln 2 in two parts, the first of few bits, so that its product with k is exact. */
    const FLOAT square = t * t;
    const FLOAT low = FMA(p * t, square, FMA(k, (FLOAT)(-2.0f * -2.12194440e-4f), square));
    return FMA(k, (FLOAT)(-2.0f * 0.693359375f), FMA((FLOAT)(-2.0f), t, low));
}

/* Two numbers of a pair of words. */
static inline FLOAT normal_pair(UINT word1, UINT word2, float offset, float scale, FLOAT *second) {
    const FLOAT u1 = FMA(TO_FLOATS(word1), (FLOAT)(0x1p-32f), (FLOAT)(0x1p-33f));
    const FLOAT radius = sqrt(minus_log_square(u1));
    /* u2 is a whole number of quarters of a turn, the nearest, and x / (pi / 2): without the two
     * upper bits a word is x by itself, in units of 2^-32. */
    const FLOAT x = TO_FLOATS(AS_INTS((word2 & 0xFFFFFF00u) << 2)) * (1.57079632679f * 0x1p-32f);
    const UINT quarters = word2 + 0x20000000u; /* in the two upper bits */
    /* Polynomials of sinf, cosf of Cephes 2.2 */
    const FLOAT square = x * x;
    FLOAT s = FMA((FLOAT)(-1.9515295891e-4f), square, (FLOAT)(8.3321608736e-3f));
    s = FMA(s, square, (FLOAT)(-1.6666654611e-1f));
    s = FMA(s, square * x, x);
    FLOAT c = FMA((FLOAT)(2.443315711809948e-5f), square, (FLOAT)(-1.388731625493765e-3f));
    c = FMA(c, square, (FLOAT)(4.166664568298827e-2f));
    c = FMA(c, square, (FLOAT)(-0.5f));
    c = FMA(c, square, (FLOAT)(1.0f));
    const INT is_odd = AS_INTS(quarters << 1) < 0;
    const FLOAT sine = is_odd ? c : s;
    const FLOAT cosine = is_odd ? s : c;
    const UINT sine_sign = quarters & 0x80000000u;
    const UINT cosine_sign = (quarters + 0x40000000u) & 0x80000000u;
    const FLOAT b = radius * AS_FLOATS(AS_UINTS(sine) ^ sine_sign);
    const FLOAT a = radius * AS_FLOATS(AS_UINTS(cosine) ^ cosine_sign);
    *second = FMA((FLOAT)(scale), b, (FLOAT)(offset));
    return FMA((FLOAT)(scale), a, (FLOAT)(offset));
}

#elif DROPOUT && REAL_IS_DOUBLE

/* 1 for what is kept, 0 for u < offset */
static inline REAL uniform(uint word, REAL offset, REAL scale) {
    return (word >> 8) < (uint)ceil(offset * 0x1p24) ? 0.0 : 1.0;
}

#elif DROPOUT

/* Bits of ones for what is kept, zeros for u < offset: u 2^24 is whole. */
static inline FLOAT uniform(UINT word, float offset, float scale) {
    const uint dropped = (uint)ceil(offset * 0x1p24f);
    return AS_FLOATS((word >> 8) < (UINT)(dropped) ? (UINT)(0u) : (UINT)(0xFFFFFFFFu));
}

#else

static inline FLOAT uniform(UINT word, float offset, float scale) {
    return offset + scale * (TO_FLOATS(AS_INTS(word >> 8)) * 0x1p-24f);
}

#endif

#if LANES == 1
/* The numbers of a unit. */
static inline void draw(
    ulong unit, ulong stream, ulong seed, REAL offset, REAL scale, REAL number[4]) {
    uint word[4];
    philox(unit, stream, seed, word);
#if NORMAL
    number[0] = normal_pair(word[0], word[1], offset, scale, &number[1]);
    number[2] = normal_pair(word[2], word[3], offset, scale, &number[3]);
#else
    for (int i = 0; i < 4; ++i) {
        number[i] = uniform(word[i], offset, scale);
    }
#endif
}
#else
/* The 32 numbers of eight blocks. */
static inline void draw_half(ulong8 word0, ulong8 word1, ulong8 word2, ulong8 word3, float offset,
    float scale, float16 number[2]) {
#if NORMAL
    float16 b;
    const float16 a = normal_pair(
        pair_words(word0, word2), pair_words(word1, word3), offset, scale, &b);
    number[0] = (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5,
        a.s6, b.s6, a.s7, b.s7);
    number[1] = (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd,
        a.se, b.se, a.sf, b.sf);
#else
    const ulong8 a = as_ulong8(pair_words(word0, word1));
    const ulong8 b = as_ulong8(pair_words(word2, word3));
    const ulong8 low = (ulong8)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3);
    const ulong8 high = (ulong8)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7);
    number[0] = uniform(as_uint16(low), offset, scale);
    number[1] = uniform(as_uint16(high), offset, scale);
#endif
}

static inline void draw(
    ulong unit, ulong stream, ulong seed, float offset, float scale, float16 number[4]) {
    ulong16 word[4];
    philox(unit * 16, stream, seed, word);
    draw_half(word[0].lo, word[1].lo, word[2].lo, word[3].lo, offset, scale, number);
    draw_half(word[0].hi, word[1].hi, word[2].hi, word[3].hi, offset, scale, number + 2);
}
#endif

#endif

#if DROPOUT
#define X_PARAMETERS const global REAL *x, INDEX x_offset,
#if REAL_IS_DOUBLE
#define KEPT(number, value) ((number) != 0.0 ? (value)*scale : 0.0)
#else
#define KEPT(number, value) AS_FLOATS(AS_UINTS((value)*scale) & AS_UINTS(number))
#endif
#else
#define X_PARAMETERS
#endif

#ifndef RANK

#define PAGE 1024 /* floats of a page of memory where they are small */
#define AHEAD (2 * PAGE)
#if LANES == 1
#define UNIT 4
#define PUT_UNIT(number, place)                                                                    \
    vstore4((FLOATS(4))(number[0], number[1], number[2], number[3]), 0, (place))
#else
#define UNIT 64
#define PUT_UNIT(number, place)                                                                    \
    do {                                                                                           \
        STORE_16(number[0], (place));                                                              \
        STORE_16(number[1], (place) + 16);                                                         \
        STORE_16(number[2], (place) + 32);                                                         \
        STORE_16(number[3], (place) + 48);                                                         \
    } while (0)
#endif

kernel void random_contiguous(global REAL *y, INDEX y_offset, X_PARAMETERS INDEX count, INDEX chunk,
    int past, ulong seed, ulong stream, REAL offset, REAL scale) {
    const INDEX units = (count + UNIT - 1) / UNIT;
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= units) {
        return;
    }
    const INDEX last = first + min(chunk, units - first);
    y += y_offset;
#if DROPOUT
    x += x_offset;
#endif
#if LANES == 16
    const bool streams = past && IS_STREAMABLE(16, y);
#endif
    for (INDEX unit = first; unit < last; ++unit) {
        const INDEX start = unit * UNIT;
        FLOAT number[UNIT / LANES];
        draw((ulong)unit, stream, seed, offset, scale, number);
#if DROPOUT
        if (count - start >= UNIT) {
            for (int i = 0; i < UNIT / LANES; ++i) {
                /* Between two units' loads lies more than a processor looks ahead. */
                ASK_LINE_FAR(x + start + AHEAD + i * LANES);
                number[i] = KEPT(number[i], LOAD(LANES, x + start + i * LANES));
            }
        } else {
            REAL taken[UNIT] = {0.0f};
            const int left = (int)(count - start);
            for (int i = 0; i < left; ++i) {
                taken[i] = x[start + i];
            }
            for (int i = 0; i < UNIT / LANES; ++i) {
                number[i] = KEPT(number[i], LOAD(LANES, taken + i * LANES));
            }
        }
#endif
        if (count - start < UNIT) {
            REAL all[UNIT];
            PUT_UNIT(number, all);
            for (int i = 0; i < (int)(count - start); ++i) {
                y[start + i] = all[i];
            }
#if LANES == 16
        } else if (streams) {
            if (unit % (PAGE / UNIT) == 0) {
                ASK_LINE(y + start + 2 * PAGE, 1); /* so that its place is known by then */
            }
            STREAM(16, number[0], y + start);
            STREAM(16, number[1], y + start + 16);
            STREAM(16, number[2], y + start + 32);
            STREAM(16, number[3], y + start + 48);
#endif
        } else {
            PUT_UNIT(number, y + start);
        }
    }
}

#else

#if DROPOUT
#define X_STRIDES                                                                                  \
    , INDEX x_stride0, INDEX x_stride1, INDEX x_stride2, INDEX x_stride3, INDEX x_stride4,         \
        INDEX x_stride5, INDEX x_stride6, INDEX x_stride7
#else
#define X_STRIDES
#endif
kernel void random_strided(global REAL *y, INDEX y_offset, X_PARAMETERS INDEX count, ulong seed,
    ulong stream, REAL offset, REAL scale, INDEX shape0, INDEX shape1, INDEX shape2, INDEX shape3, INDEX shape4,
    INDEX shape5, INDEX shape6, INDEX shape7, INDEX stride0, INDEX stride1, INDEX stride2,
    INDEX stride3, INDEX stride4, INDEX stride5, INDEX stride6, INDEX stride7 X_STRIDES) {
    const INDEX block = (INDEX)get_global_id(0);
    if (block >= (count + 3) / 4) {
        return;
    }
    const INDEX shape[8] = {shape0, shape1, shape2, shape3, shape4, shape5, shape6, shape7};
    const INDEX stride[8] = {
        stride0, stride1, stride2, stride3, stride4, stride5, stride6, stride7};
#if DROPOUT
    const INDEX x_stride[8] = {
        x_stride0, x_stride1, x_stride2, x_stride3, x_stride4, x_stride5, x_stride6, x_stride7};
#endif
    REAL number[4];
    draw((ulong)block, stream, seed, offset, scale, number);
    for (int i = 0; i < 4 && block * 4 + i < count; ++i) {
        INDEX rest = block * 4 + i;
        INDEX place = y_offset;
#if DROPOUT
        INDEX x_place = x_offset;
#endif
        for (int axis = RANK - 1; axis >= 0; --axis) {
            const INDEX at = rest % shape[axis];
            place += at * stride[axis];
#if DROPOUT
            x_place += at * x_stride[axis];
#endif
            rest /= shape[axis];
        }
#if DROPOUT
        number[i] = KEPT(number[i], x[x_place]);
#endif
        y[place] = number[i];
    }
}

#endif
