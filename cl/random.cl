/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers from Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011). Element i of the row-major order is made from word i % 4 of the block with
 * counter words (i / 4 low, i / 4 high, stream low, stream high) and key words (seed low, high).
 *   uniform: offset + scale * u, u = (word >> 8) * 2^-24
 *   normal:  offset + scale * z, from the pairs of words (0, 1) and (2, 3) (Box & Muller 1958):
 *            z = sqrt(-2 ln u1) * (cos, sin)(2 pi u2), u1 = (word + 1/2) * 2^-32 rounded to float
 *            and so in (0, 1], u2 = (word >> 8) * 2^-24
 *
 * random_contiguous: work-item i writes the units [i * chunk, min((i + 1) * chunk, units)); a unit
 *   is 4 * LANES elements, made from LANES blocks at once; the last unit may be cut by `count`.
 * random_strided (LANES 1): work-item i makes block i and puts its elements in their places of a
 *   shape of RANK axes, outermost first.
 * Macros: NORMAL (0 or 1), LANES (1 or 16), RANK (1..8, strided only).
 *
 * Products and sums are rounded apart (no FMA), so that devices differ in sqrt at most.
 */
#include "common.cl"

#if LANES == 1
#define FLOATS float
#define UINTS uint
#define TO_FLOATS(x) convert_float(x)
#else
#define FLOATS float16
#define UINTS uint16
#define TO_FLOATS(x) convert_float16(x)
#endif

/* The four words of LANES blocks from `block` on, a multiple of LANES: word[j] lane k is word j of
 * block + k. */
void philox(ulong block, ulong stream, ulong seed, UINTS word[4]) {
#if LANES == 1
    UINTS c0 = (uint)block;
#else
    UINTS c0 = (uint)block + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
    UINTS c1 = (uint)(block >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const UINTS high0 = mul_hi(c0, (UINTS)(0xD2511F53u)), low0 = c0 * 0xD2511F53u;
        const UINTS high1 = mul_hi(c2, (UINTS)(0xCD9E8D57u)), low1 = c2 * 0xCD9E8D57u;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

#if NORMAL

#if LANES == 1
#define INTS int
#define AS_INTS(x) as_int(x)
#define AS_FLOATS(x) as_float(x)
#define TO_INTS(x) convert_int(x)
#else
#define INTS int16
#define AS_INTS(x) as_int16(x)
#define AS_FLOATS(x) as_float16(x)
#define TO_INTS(x) convert_int16(x)
#endif

/* ln u, u a normal number; polynomial of logf of Cephes 2.2 (Moshier 1992). */
FLOATS log_unit(FLOATS u) {
    /* u = 2^k (1 + t), 1 + t in [sqrt 1/2, sqrt 2); 0x3f3504f3 is sqrt 1/2 */
    const INTS bits = AS_INTS(u) - 0x3f3504f3;
    const FLOATS k = TO_FLOATS(bits >> 23);
    const FLOATS t = AS_FLOATS((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    FLOATS p = 7.0376836292e-2f;
    p = p * t - 1.1514610310e-1f;
    p = p * t + 1.1676998740e-1f;
    p = p * t - 1.2420140846e-1f;
    p = p * t + 1.4249322787e-1f;
    p = p * t - 1.6668057665e-1f;
    p = p * t + 2.0000714765e-1f;
    p = p * t - 2.4999993993e-1f;
    p = p * t + 3.3333331174e-1f;
    const FLOATS square = t * t;
    /* ln 2 in two parts, the first of few bits, so that its product with k is exact. */
    const FLOATS low = p * t * square + k * -2.12194440e-4f - 0.5f * square;
    return t + low + k * 0.693359375f;
}

/* Both coordinates on the unit circle at u of a turn; polynomials of sinf, cosf of Cephes 2.2. */
FLOATS turn(FLOATS u, FLOATS *sine) {
    const FLOATS quarters = floor(4.0f * u + 0.5f);
    const INTS quadrant = TO_INTS(quarters);
    const FLOATS x = (4.0f * u - quarters) * 1.57079632679f;
    const FLOATS square = x * x;
    FLOATS s = -1.9515295891e-4f * square + 8.3321608736e-3f;
    s = (s * square - 1.6666654611e-1f) * square * x + x;
    FLOATS c = 2.443315711809948e-5f * square - 1.388731625493765e-3f;
    c = (c * square + 4.166664568298827e-2f) * square * square - 0.5f * square + 1.0f;
    const FLOATS sine_size = (quadrant & 1) != 0 ? c : s;
    const FLOATS cosine_size = (quadrant & 1) != 0 ? s : c;
    *sine = (quadrant & 2) != 0 ? -sine_size : sine_size;
    return ((quadrant + 1) & 2) != 0 ? -cosine_size : cosine_size;
}

#endif

/* The four numbers of LANES blocks. */
void draw(ulong block, ulong stream, ulong seed, float offset, float scale, FLOATS number[4]) {
    UINTS word[4];
    philox(block, stream, seed, word);
#if NORMAL
    for (int pair = 0; pair < 4; pair += 2) {
        const FLOATS u1 = TO_FLOATS(word[pair]) * 0x1p-32f + 0x1p-33f;
        const FLOATS radius = sqrt(-2.0f * log_unit(u1));
        FLOATS sine;
        const FLOATS cosine = turn(TO_FLOATS(word[pair + 1] >> 8) * 0x1p-24f, &sine);
        number[pair] = offset + scale * (radius * cosine);
        number[pair + 1] = offset + scale * (radius * sine);
    }
#else
    for (int i = 0; i < 4; ++i) {
        number[i] = offset + scale * (TO_FLOATS(word[i] >> 8) * 0x1p-24f);
    }
#endif
}

#ifndef RANK

#if LANES == 16
float16 interleave(float8 a, float8 b) {
    return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6,
        b.s6, a.s7, b.s7);
}
#define PUT_UNIT(number, place)                                                                    \
    do {                                                                                           \
        const float16 even0 = interleave(number[0].lo, number[2].lo);                              \
        const float16 odd0 = interleave(number[1].lo, number[3].lo);                               \
        const float16 even1 = interleave(number[0].hi, number[2].hi);                              \
        const float16 odd1 = interleave(number[1].hi, number[3].hi);                               \
        vstore16(interleave(even0.lo, odd0.lo), 0, (place));                                       \
        vstore16(interleave(even0.hi, odd0.hi), 1, (place));                                       \
        vstore16(interleave(even1.lo, odd1.lo), 2, (place));                                       \
        vstore16(interleave(even1.hi, odd1.hi), 3, (place));                                       \
    } while (0)
#else
#define PUT_UNIT(number, place)                                                                    \
    vstore4((float4)(number[0], number[1], number[2], number[3]), 0, (place))
#endif

kernel void random_contiguous(global float *y, INDEX y_offset, INDEX count, INDEX chunk,
    ulong seed, ulong stream, float offset, float scale) {
    const INDEX units = (count + 4 * LANES - 1) / (4 * LANES);
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= units) {
        return;
    }
    const INDEX last = first + min(chunk, units - first);
    y += y_offset;
    for (INDEX unit = first; unit < last; ++unit) {
        FLOATS number[4];
        draw((ulong)unit * LANES, stream, seed, offset, scale, number);
        const INDEX start = unit * (4 * LANES);
        if (count - start >= 4 * LANES) {
            PUT_UNIT(number, y + start);
        } else {
            float all[4 * LANES];
            PUT_UNIT(number, all);
            for (int i = 0; i < (int)(count - start); ++i) {
                y[start + i] = all[i];
            }
        }
    }
}

#else

kernel void random_strided(global float *y, INDEX y_offset, INDEX count, ulong seed, ulong stream,
    float offset, float scale, INDEX shape0, INDEX shape1, INDEX shape2, INDEX shape3, INDEX shape4,
    INDEX shape5, INDEX shape6, INDEX shape7, INDEX stride0, INDEX stride1, INDEX stride2,
    INDEX stride3, INDEX stride4, INDEX stride5, INDEX stride6, INDEX stride7) {
    const INDEX block = (INDEX)get_global_id(0);
    if (block >= (count + 3) / 4) {
        return;
    }
    const INDEX shape[8] = {shape0, shape1, shape2, shape3, shape4, shape5, shape6, shape7};
    const INDEX stride[8] = {
        stride0, stride1, stride2, stride3, stride4, stride5, stride6, stride7};
    float number[4];
    draw((ulong)block, stream, seed, offset, scale, number);
    for (int i = 0; i < 4 && block * 4 + i < count; ++i) {
        INDEX rest = block * 4 + i;
        INDEX place = y_offset;
        for (int axis = RANK - 1; axis >= 0; --axis) {
            place += rest % shape[axis] * stride[axis];
            rest /= shape[axis];
        }
        y[place] = number[i];
    }
}

#endif
