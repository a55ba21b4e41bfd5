/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of unary_function.cl: unary_sine_W(x, quarter) = sin(x + quarter pi / 2), quarter 0 or 1.
 *
 * |x| = n pi/2 + r, |r| <= 0.7875: up to 12800 with pi/2 cut into pieces (Cody & Waite 1980) whose
 * products with n are exact, or fused into the difference; each difference but the last ones is
 * exact too. Larger x one by one: of the bits of 1 / (2 pi) those that matter, 96 of them, are
 * multiplied by x in integers (Payne & Hanek 1983). Then sin r = r + r^3 P(r^2), relative error of
 * the fit 2^-27.2, or cos r = 1 - r^2 / 2 + r^4 Q(r^2), error 2^-32.
 */
#ifndef UNARY_SINE_HUGE
#define UNARY_SINE_HUGE
#include "or_lanes.cl"
#define UNARY_ANY(v) CAT(or_lanes_, UNARY_WIDTH)(v)

#define SINE_LIMIT 12800.0f

/* 1 / (2 pi) = 0.28be60db... */
__constant uint sine_turns[] = {
    0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0u};

/* r and n modulo 4 of one t > SINE_LIMIT, in place of the t; NaN of Inf. */
static void sine_reduce(float *t, int *n) {
    const uint bits = as_uint(*t);
    const uint mantissa = (bits << 8) | 0x80000000u;
    const uint exponent = (bits >> 23) - 126; /* t = mantissa 2^(exponent - 32) */
    if (exponent > 128) {
        *t = NAN;
        return;
    }
    const uint word = exponent >> 5, shift = exponent & 31;
    uint high = word > 0 ? sine_turns[word - 1] : 0;
    uint middle = sine_turns[word], low = sine_turns[word + 1];
    if (shift > 0) {
        high = (high << shift) | (middle >> (32 - shift));
        middle = (middle << shift) | (low >> (32 - shift));
        low = (low << shift) | (sine_turns[word + 2] >> (32 - shift));
    }
    /* t / (2 pi) without whole turns, times 2^64 */
    ulong turn = (ulong)mantissa * low >> 32;
    turn += (ulong)mantissa * middle;
    turn += (ulong)(mantissa * high) << 32;
    /* to the nearest quarter */
    const ulong quarter = (turn + 0x2000000000000000ul) >> 62;
    const long rest = (long)(turn - (quarter << 62));
    *n = (int)quarter;
    /* times pi / 2, so that only the conversion rounds */
    const float r = (float)mul_hi(abs(rest), 0xc90fdaa22168c235ul) * 0x1p-61f;
    *t = rest < 0 ? -r : r;
}

/* The same of those of `count` numbers that are so large. */
static KEEP_APART void sine_reduce_all(const float *t, float *r, int *n, int count) {
    KEEP_ROLLED
    for (int i = 0; i < count; i++) {
        if (t[i] > SINE_LIMIT) {
            r[i] = t[i];
            sine_reduce(r + i, n + i);
        }
    }
}
#endif

static inline UNARY_FLOAT UNARY_NAME(sine)(UNARY_FLOAT x, int quarter) {
    const float rounder = 12582912.0f; /* leaves n in the low bits */
    UNARY_FLOAT t = fabs(x);
    UNARY_FLOAT shifted = FMA(t, UNARY_CONSTANT(0x1.45f306p-1f), UNARY_CONSTANT(rounder));
    UNARY_FLOAT turns = shifted - rounder;
    UNARY_INT n = UNARY_AS_INT(shifted);
#if DEVICE_HAS_FMA
    UNARY_FLOAT r = FMA(turns, UNARY_CONSTANT(-0x1.921fb6p+0f), t);
    r = FMA(turns, UNARY_CONSTANT(0x1.777a5cp-25f), r);
    r = FMA(turns, UNARY_CONSTANT(0x1.ee59dap-50f), r);
#else
    UNARY_FLOAT r = t - turns * 0x1.92p+0f;
    r = r - turns * 0x1.fb4p-12f;
    r = r - turns * 0x1.444p-24f;
    r = r - turns * 0x1.68c234p-39f;
#endif
#if UNARY_WIDTH == 1
    if (t > SINE_LIMIT) {
        r = t;
        sine_reduce(&r, &n);
    }
#else
    if (UNARY_ANY(t > SINE_LIMIT)) {
        float sizes[UNARY_WIDTH], rests[UNARY_WIDTH];
        int turned[UNARY_WIDTH];
        CAT(vstore, UNARY_WIDTH)(t, 0, sizes);
        CAT(vstore, UNARY_WIDTH)(r, 0, rests);
        CAT(vstore, UNARY_WIDTH)(n, 0, turned);
        sine_reduce_all(sizes, rests, turned, UNARY_WIDTH);
        r = CAT(vload, UNARY_WIDTH)(0, rests);
        n = CAT(vload, UNARY_WIDTH)(0, turned);
    }
#endif
    UNARY_FLOAT square = r * r;
    UNARY_FLOAT p = UNARY_CONSTANT(-0x1.98fd7ap-13f);
    p = UNARY_STEP(p, square, 0x1.11069ep-7f);
    p = UNARY_STEP(p, square, -0x1.555544p-3f);
    UNARY_FLOAT sine = FMA(r * square, p, r);
    UNARY_FLOAT q = UNARY_CONSTANT(0x1.9a67a6p-16f);
    q = UNARY_STEP(q, square, -0x1.6c0e62p-10f);
    q = UNARY_STEP(q, square, 0x1.55554ep-5f);
    UNARY_FLOAT cosine = FMA(square * square, q, FMA(square, UNARY_CONSTANT(-0.5f), UNARY_CONSTANT(1.0f)));
    n += quarter;
    UNARY_INT y = UNARY_AS_INT((n & 1) != 0 ? cosine : sine) ^ ((n & 2) << 30);
    return UNARY_AS_FLOAT(quarter == 0 ? y ^ (UNARY_AS_INT(x) & (int)0x80000000) : y);
}
