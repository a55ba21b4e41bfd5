/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_bound.h"
#include "peer_kernel.h"

#include <math.h>
#include <stdlib.h>

/* Seed and stream of bandwidth_elementwise.c: 1 and 2. A work-item does `units` of 64 numbers. The
 * logarithm and the rest are the polynomials of cl/random.cl, the shortest found for its bounds. */
enum { UNIT = 64, UNIT_ROW = 1024, UNIT_SHORT_ROWS = 8 * 16 * 10, VECTOR_FLOATS = 16 };

static const char random_source[] =
    "#define LOW 0xFFFFFFFFul\n"
    "#define TURNS(x, y, I0, I1, I2, I3, I4, I5, I6, I7) (uint16)(x.I0, y.I0, x.I1, y.I1,"
    " x.I2, y.I2, x.I3, y.I3, x.I4, y.I4, x.I5, y.I5, x.I6, y.I6, x.I7, y.I7)\n"
    "static inline uint16 words(ulong8 a, ulong8 b) {\n"
    "    uint16 x = as_uint16(a), y = as_uint16(b);\n"
    "    return TURNS(x, y, s0, s2, s4, s6, s8, sa, sc, se);\n"
    "}\n"
    "static inline void philox(ulong first, ulong seed, ulong16 c[4]) {\n"
    "    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);\n"
    "    c[0] = first + (ulong16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);\n"
    "    c[1] = 0; c[2] = 2; c[3] = 0;\n"
    "    #pragma unroll\n"
    "    for (int round = 0; round < 10; round++) {\n"
    "        ulong16 p = (c[0] & LOW) * 0xD2511F53ul, q = (c[2] & LOW) * 0xCD9E8D57ul;\n"
    "        c[0] = (q >> 32) ^ c[1] ^ (ulong)k0; c[1] = q;\n"
    "        c[2] = (p >> 32) ^ c[3] ^ (ulong)k1; c[3] = p;\n"
    "        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;\n"
    "    }\n"
    "}\n"
    "static inline float16 number(uint16 word, float low, float range) {\n"
    "    return low + range * (convert_float16(as_int16(word >> 8)) * 0x1p-24f);\n"
    "}\n"
    "__kernel void uniform_numbers(__global float16 *y, uint units, ulong seed, float low,\n"
    "    float range) {\n"
    "    float16 a = 0, b = 0;\n"
    "    ulong first = get_global_id(0) * (ulong)units;\n"
    "    for (ulong unit = first; unit < first + units; unit++) {\n"
    "        ulong16 c[4];\n"
    "        philox(unit * 16, seed, c);\n"
    "        a += number(words(c[0].lo, c[1].lo), low, range);\n"
    "        b += number(words(c[2].lo, c[3].lo), low, range);\n"
    "        a += number(words(c[0].hi, c[1].hi), low, range);\n"
    "        b += number(words(c[2].hi, c[3].hi), low, range);\n"
    "    }\n"
    "    y[get_global_id(0)] = a + b;\n"
    "}\n"
    "#define STEP(c) p = fma(p, t, (float16)(c));\n"
    "static inline float16 radius(uint16 word) {\n"
    "    float16 u = fma(convert_float16(word), (float16)(0x1p-32f), (float16)(0x1p-33f));\n"
    "    int16 bits = as_int16(u) - 0x3f3504f3;\n"
    "    float16 k = convert_float16(bits >> 23);\n"
    "    float16 t = as_float16((bits & 0x7fffff) + 0x3f3504f3) - 1.0f, square = t * t;\n"
    "    float16 p = -0.14075367f;\n"
    "    STEP(0.23029221f) STEP(-0.23353997f) STEP(0.24840282f) STEP(-0.28498646f)\n"
    "    STEP(0.33336115f) STEP(-0.4000143f) STEP(0.49999988f) STEP(-0.66666662f)\n"
    "    p = fma(p * t, square, fma(k, (float16)(4.2438889e-4f), square));\n"
    "    p = fma((float16)(-2.0f), t, p);\n"
    "    return sqrt(fma(k, (float16)(-1.38671875f), p));\n"
    "}\n"
    "static inline float16 turn(uint16 word, float16 *sine) {\n"
    "    float16 x = convert_float16(as_int16((word & 0xFFFFFF00u) << 2)) * 3.6572951e-10f;\n"
    "    float16 t = x * x, s, p = -1.9515295891e-4f;\n"
    "    STEP(8.3321608736e-3f) STEP(-1.6666654611e-1f)\n"
    "    s = fma(p, t * x, x);\n"
    "    p = 2.443315711809948e-5f;\n"
    "    STEP(-1.388731625493765e-3f) STEP(4.166664568298827e-2f) STEP(-0.5f) STEP(1.0f)\n"
    "    uint16 quarters = word + 0x20000000u;\n"
    "    int16 odd = as_int16(quarters << 1) < 0;\n"
    "    *sine = as_float16(as_uint16(odd ? p : s) ^ (quarters & 0x80000000u));\n"
    "    return as_float16(as_uint16(odd ? s : p) ^ ((word + 0x60000000u) & 0x80000000u));\n"
    "}\n"
    "static inline void add_pair(ulong8 c0, ulong8 c1, ulong8 c2, ulong8 c3, float mean,\n"
    "    float deviation, float16 *a, float16 *b) {\n"
    "    float16 sine, r = radius(words(c0, c2)), cosine = turn(words(c1, c3), &sine);\n"
    "    *a += fma((float16)(deviation), r * cosine, (float16)(mean));\n"
    "    *b += fma((float16)(deviation), r * sine, (float16)(mean));\n"
    "}\n"
    "__kernel void normal_numbers(__global float16 *y, uint units, ulong seed, float mean,\n"
    "    float deviation) {\n"
    "    float16 a = 0, b = 0;\n"
    "    ulong first = get_global_id(0) * (ulong)units;\n"
    "    for (ulong unit = first; unit < first + units; unit++) {\n"
    "        ulong16 c[4];\n"
    "        philox(unit * 16, seed, c);\n"
    "        add_pair(c[0].lo, c[1].lo, c[2].lo, c[3].lo, mean, deviation, &a, &b);\n"
    "        add_pair(c[0].hi, c[1].hi, c[2].hi, c[3].hi, mean, deviation, &a, &b);\n"
    "    }\n"
    "    y[get_global_id(0)] = a + b;\n"
    "}\n";

/* Functions of one number: value(x), which the kernel adds up over a range. */
#define VALUE_SOURCE(name, function)                                                               \
    "#define STEP(c) p = fma(p, t, (float16)(c));\n" function "__kernel void " name                \
    "(__global float16 *y, uint units, ulong seed, float first,\n"                                 \
    "    float step) {\n"                                                                          \
    "    float16 lanes = (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);\n"       \
    "    float16 a = 0, b = 0, x = first + lanes * step, z = x + 16 * step;\n"                     \
    "    for (uint unit = 0; unit < units; unit++) {\n"                                            \
    "        a += value(x); b += value(z); x += 32 * step; z += 32 * step;\n"                      \
    "        a += value(x); b += value(z); x += 32 * step; z += 32 * step;\n"                      \
    "    }\n"                                                                                      \
    "    y[get_global_id(0)] = a + b;\n"                                                           \
    "}\n"

static const char gelu_source[] = VALUE_SOURCE("gelu_values",
    "static inline float16 value(float16 x) {\n"
    "    float16 u = fmin(fabs(x), 14.5f), square = u * u, rest = fma(u, u, -square), t, p;\n"
    "    float16 shifted = fma(square, (float16)(-0.72134752f), (float16)(12583103.0f));\n"
    "    float16 n = shifted - 12583103.0f, scale = as_float16(as_int16(shifted) << 23);\n"
    "    t = fma(n, (float16)(1.38671875f), square);\n"
    "    t += fma(n, (float16)(-4.2438888e-4f), rest);\n"
    "    p = 2.1590e-5f;\n"
    "    STEP(-2.6150e-4f) STEP(2.604e-3f) STEP(-2.0833e-2f) STEP(0.125f) STEP(-0.5f) STEP(1.0f)\n"
    "    float16 density = p * scale;\n"
    "    t = u;\n"
    "    p = 4.1238e-3f;\n"
    "    STEP(4.0684e-2f) STEP(0.18339f) STEP(0.43850f) STEP(0.5f)\n"
    "    float16 above = p;\n"
    "    p = 1.0336e-2f;\n"
    "    STEP(0.10199f) STEP(0.46987f) STEP(1.203126f) STEP(1.675858f) STEP(1.0f)\n"
    "    float16 tail = above * density * u / p;\n"
    "    uint16 positive = min(as_uint16(x), (uint16)(0x80000000u));\n"
    "    return fma(tail, (float16)(-0x1p-64f), as_float16(positive));\n"
    "}\n");

static const char erf_source[] = VALUE_SOURCE("erf_values",
    "static inline float16 value(float16 x) {\n"
    "    float16 u = fmin(fabs(x), 4.0f), t = u * u, p = -5.9903e-4f;\n"
    "    STEP(4.9930e-3f) STEP(-2.6767e-2f) STEP(0.112818f) STEP(-0.376125f) STEP(0.128379f)\n"
    "    float16 below = fma(u, p, u);\n"
    "    t = u; p = 2.8100e-4f;\n"
    "    STEP(-4.3743e-3f) STEP(3.2003e-2f) STEP(-0.149813f) STEP(-0.919403f) STEP(-1.626808f)\n"
    "    STEP(-3.0201e-4f)\n"
    "    float16 shifted = p + 12583039.0f;\n"
    "    t = p - (shifted - 12583039.0f); p = 1.3277e-3f;\n"
    "    STEP(9.6755e-3f) STEP(5.5507e-2f) STEP(0.240222f) STEP(0.693147f) STEP(1.0f)\n"
    "    float16 above = fma(-p, as_float16(as_int16(shifted) << 23), (float16)(1.0f));\n"
    "    return copysign(u < 0.921875f ? below : above, x);\n"
    "}\n");

static const char sin_source[] = VALUE_SOURCE("sin_values",
    "static inline float16 value(float16 x) {\n"
    "    float16 u = fabs(x), shifted = fma(u, (float16)(0.636619772f), (float16)(12582912.0f));\n"
    "    float16 turns = shifted - 12582912.0f, r = fma(turns, (float16)(-0x1.921fb6p+0f), u);\n"
    "    int16 n = as_int16(shifted);\n"
    "    r = fma(turns, (float16)(0x1.777a5cp-25f), r);\n"
    "    r = fma(turns, (float16)(0x1.ee59dap-50f), r);\n"
    "    float16 t = r * r, p = -1.9502e-4f;\n"
    "    STEP(8.3320e-3f) STEP(-0.166667f)\n"
    "    float16 sine = fma(r * t, p, r);\n"
    "    p = 2.4463e-5f;\n"
    "    STEP(-1.3888e-3f) STEP(4.16666e-2f)\n"
    "    float16 cosine = fma(t * t, p, fma(t, (float16)(-0.5f), (float16)(1.0f)));\n"
    "    int16 y = as_int16((n & 1) != 0 ? cosine : sine) ^ ((n & 2) << 30);\n"
    "    return as_float16(y ^ (as_int16(x) & (int)0x80000000));\n"
    "}\n");

static const char mish_source[] = VALUE_SOURCE("mish_values",
    "static inline float16 value(float16 x) {\n"
    "    float16 u = fmax(fmin(x, 20.0f), -110.0f);\n"
    "    float16 shifted = fma(u, (float16)(1.44269504f), (float16)(12583103.0f));\n"
    "    float16 n = shifted - 12583103.0f, t = fma(n, (float16)(-0.693359375f), u);\n"
    "    t = fma(n, (float16)(2.12194440e-4f), t);\n"
    "    float16 p = 1.3814e-3f;\n"
    "    STEP(8.3684e-3f) STEP(4.16684e-2f) STEP(0.166665f) STEP(0.5f) STEP(1.0f) STEP(1.0f)\n"
    "    float16 w = p * as_float16(as_int16(shifted) << 23);\n"
    "    float16 above = w * fma(w, (float16)(0x1p-64f), (float16)(2.0f));\n"
    "    float16 y = above / fma(above, (float16)(0x1p-64f), (float16)(2.0f));\n"
    "    return x > 20.0f ? x : u * y * 0x1p-64f;\n"
    "}\n");

static const char softplus_source[] = VALUE_SOURCE("softplus_values",
    "static inline float16 value(float16 x) {\n"
    "    float16 u = fmax(-fabs(x), -110.0f);\n"
    "    float16 shifted = fma(u, (float16)(1.44269504f), (float16)(12583079.0f));\n"
    "    float16 n = shifted - 12583079.0f, t = fma(n, (float16)(-0.693359375f), u);\n"
    "    t = fma(n, (float16)(2.12194440e-4f), t);\n"
    "    float16 p = 1.3814e-3f;\n"
    "    STEP(8.3684e-3f) STEP(4.16684e-2f) STEP(0.166665f) STEP(0.5f) STEP(1.0f) STEP(1.0f)\n"
    "    t = p * as_float16(as_int16(shifted) << 23) * 0x1p-40f; p = -3.2440e-3f;\n"
    "    STEP(1.98506e-2f) STEP(-5.69597e-2f) STEP(0.106042f) STEP(-0.153058f) STEP(0.196760f)\n"
    "    STEP(-0.249541f) STEP(0.333300f) STEP(-0.499999f) STEP(1.0f)\n"
    "    return fma(t, p, fmax(x, 0.0f));\n"
    "}\n");

/* Of windows of five, alpha 1/2, bias 1; x in the place of its neighbours and of dy. */
#define LOCAL_NORM_SUM                                                                             \
    "    float16 s = x * x;\n"                                                                     \
    "    s = fma(x, x, s); s = fma(x, x, s); s = fma(x, x, s); s = fma(x, x, s);\n"                \
    "    s = fma(s, (float16)(0.1f), (float16)(1.0f));\n"                                          \
    "    float16 half_root = sqrt(s), root = sqrt(half_root);\n"                                   \
    "    float16 power = 1.0f / (half_root * root);\n"
static const char local_norm_source[] = VALUE_SOURCE("local_norm_values",
    "static inline float16 value(float16 x) {\n" LOCAL_NORM_SUM "    return x * power;\n}\n");
static const char local_norm_gradient_source[] = VALUE_SOURCE("local_norm_gradients",
    "static inline float16 value(float16 x) {\n" LOCAL_NORM_SUM
    "    float16 own = x * power, inverse = power * root;\n"
    "    float16 t = own * x * (inverse * inverse), sum = t + t;\n"
    "    sum += t; sum += t; sum += t;\n"
    "    return fma(x * -0.15f, sum, own);\n"
    "}\n");

/* Sums of exponentials of numbers <= 0, 2^40 times as large as they should be (cl/exp_term.cl: n in
 * sixteenths, with AVX2 in eighths, whose powers of two a register holds), and the logarithm of
 * cl/math.cl. */
static const char sum_source[] =
    "#define STEP(c) p = fma(p, t, (float16)(c));\n"
    "#define LARGER(a, b) ((a) > (b) ? (a) : (b))\n"
    "#define EACH(n, count) _Pragma(\"unroll\") for (int n = 0; n < count; n++)\n"
    "#ifdef __AVX512F__\n"
    "typedef int permuted __attribute__((vector_size(64)));\n"
    "#define PERMUTED(v) __builtin_astype(v, permuted)\n"
    "#define TAKEN as_int16(__builtin_ia32_permvarsi512(PERMUTED(powers), PERMUTED(rounded)))\n"
    "#else\n"
    "#define TAKEN shuffle(powers, as_uint16(rounded) & 15)\n"
    "#endif\n"
    "#if defined(__AVX2__) && !defined(__AVX512F__)\n"
    "typedef int half_permuted __attribute__((vector_size(32)));\n"
    "#define HALF_PERMUTED(v) __builtin_astype(v, half_permuted)\n"
    "static inline int8 powers_of(int8 eighths) {\n"
    "    const int8 powers = (int8)(0x53800000, 0x537b95c2, 0x537837f0, 0x5375fed7,\n"
    "        0x537504f3, 0x5375672a, 0x537744fd, 0x537ac0c7);\n"
    "    return __builtin_astype(__builtin_ia32_permvarsi256(HALF_PERMUTED(powers),\n"
    "        HALF_PERMUTED(eighths)), int8);\n"
    "}\n"
    "static inline float16 add_term(float16 sum, float16 x) {\n"
    "    x = x < -110.0f ? (float16)(-110.0f) : x;\n"
    "    float16 rounded = fma(x, (float16)(1.44269504f), (float16)(1572864.0f));\n"
    "    float16 t = fma(rounded - 1572864.0f, (float16)(-0.693147181f), x), p = 0x1.55565cp-3f;\n"
    "    STEP(0x1.00087cp-1f) STEP(1.0f) STEP(1.0f)\n"
    "    int16 n = as_int16(rounded);\n"
    "    int16 scale = (int16)(powers_of(n.lo), powers_of(n.hi)) + (n << 20);\n"
    "    return fma(p, as_float16(scale), sum);\n"
    "}\n"
    "#else\n"
    "static inline float16 add_term(float16 sum, float16 x) {\n"
    "    const int16 powers = (int16)(0x53800000, 0x537daac3, 0x537b95c2, 0x5379c3d3, "
    "0x537837f0,\n"
    "        0x5376f532, 0x5375fed7, 0x5375583f, 0x537504f3, 0x537508a4, 0x5375672a, "
    "0x5376248c,\n"
    "        0x537744fd, 0x5378ccdf, 0x537ac0c7, 0x537d257d);\n"
    "    x = x < -110.0f ? (float16)(-110.0f) : x;\n"
    "    float16 rounded = fma(x, (float16)(1.44269504f), (float16)(786432.0f));\n"
    "    float16 t = fma(rounded - 786432.0f, (float16)(-0.693147181f), x), p = 0x1.55559cp-3f;\n"
    "    STEP(0x1.00022ap-1f) STEP(1.0f) STEP(1.0f)\n"
    "    return fma(p, as_float16(TAKEN + (as_int16(rounded) << 19)), sum);\n"
    "}\n"
    "#endif\n"
    "static inline float16 logarithm(float16 x) {\n"
    "    int16 bits = as_int16(x) - 0x3f3504f3;\n"
    "    float16 k = convert_float16(bits >> 23);\n"
    "    float16 t = as_float16((bits & 0x7fffff) + 0x3f3504f3) - 1.0f, square = t * t;\n"
    "    float16 p = 7.0376836e-2f;\n"
    "    STEP(-1.1514610e-1f) STEP(1.1676999e-1f) STEP(-1.2420141e-1f)\n"
    "    STEP(1.4249323e-1f) STEP(-1.6668058e-1f) STEP(2.0000715e-1f)\n"
    "    STEP(-2.4999994e-1f) STEP(3.3333331e-1f)\n"
    "    p = fma(k, (float16)(-2.12194440e-4f), p * t * square);\n"
    "    return fma(k, (float16)(0.693359375f), t + fma((float16)(-0.5f), square, p));\n"
    "}\n";
static const char log_sum_source[] =
    "__kernel void log_sums(__global float16 *y, uint units, ulong seed, float first, float step) "
    "{\n"
    "    float16 lanes = (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);\n"
    "    float16 a = 0, z = first + lanes * step;\n"
    "    for (uint unit = 0; unit < units; unit++) {\n"
    "        float16 shift = z, peak = z, sum[4];\n"
    "        EACH(n, 4) sum[n] = 0;\n"
    "        for (int block = 0; block < 4; block++) {\n"
    "            float16 x[16], most[4];\n"
    "            EACH(n, 16) { x[n] = z; z += 16 * step; }\n"
    "            EACH(n, 16) most[n % 4] = n < 4 ? x[n] : LARGER(most[n % 4], x[n]);\n"
    "            most[0] = LARGER(most[0], most[1]); most[2] = LARGER(most[2], most[3]);\n"
    "            peak = LARGER(peak, LARGER(most[0], most[2]));\n"
    "            EACH(n, 16) sum[n % 4] = add_term(sum[n % 4], x[n] - shift);\n"
    "        }\n"
    "        float16 total = (sum[0] + sum[1]) + (sum[2] + sum[3]);\n"
    "        a += fma(peak, (float16)(0x1p-24f), shift + logarithm(total * 0x1p-40f));\n"
    "    }\n"
    "    y[get_global_id(0)] = a * 64;\n"
    "}\n";

static const char cross_entropy_source[] =
    "#define MIX __builtin_shufflevector\n"
    "#define ONES_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29\n"
    "#define ONES_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31\n"
    "#define TWOS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29\n"
    "#define TWOS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31\n"
    "#define EVEN 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30\n"
    "#define ODD 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31\n"
    "__attribute__((always_inline)) static inline float16 take_rows(\n"
    "    float16 z, float16 step, float16 *x) {\n"
    "    float16 peak, most;\n"
    "    EACH(n, 10) { x[n] = z; z += step; }\n"
    "    EACH(n, 2) {\n"
    "        float16 *q = x + 4 * n, a = MIX(q[0], q[1], ONES_LOW), b = MIX(q[0], q[1], "
    "ONES_HIGH);\n"
    "        float16 c = MIX(q[2], q[3], ONES_LOW), d = MIX(q[2], q[3], ONES_HIGH);\n"
    "        q[0] = MIX(a, c, TWOS_LOW); q[1] = MIX(a, c, TWOS_HIGH);\n"
    "        q[2] = MIX(b, d, TWOS_LOW); q[3] = MIX(b, d, TWOS_HIGH);\n"
    "    }\n"
    "    peak = x[8]; x[8] = MIX(peak, x[9], EVEN); x[9] = MIX(peak, x[9], ODD);\n"
    "    peak = LARGER(x[0], x[1]); most = LARGER(x[2], x[3]);\n"
    "    peak = LARGER(peak, x[4]); most = LARGER(most, x[5]);\n"
    "    peak = LARGER(peak, x[6]); most = LARGER(most, x[7]);\n"
    "    peak = LARGER(peak, x[8]); most = LARGER(most, x[9]);\n"
    "    return LARGER(peak, most);\n"
    "}\n"
    "__kernel void cross_entropies(__global float16 *y, uint units, ulong seed, float first,\n"
    "    float by) {\n"
    "    float16 lanes = (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);\n"
    "    float16 a = 0, z = first + lanes * by, step = 16 * by, x[10], peak = take_rows(z, step, "
    "x);\n"
    "    int16 label = convert_int16(lanes) % 10;\n"
    "    for (uint unit = 0; unit < units; unit++) {\n"
    "        float16 product = 1, part = 0;\n"
    "        for (int group = 0; group < 8; group++) {\n"
    "            float16 next[10], own = 0, sum[2] = {0, 0};\n"
    "            z += 10 * step;\n"
    "            float16 after = take_rows(z, step, next);\n"
    "            EACH(n, 10) {\n"
    "                own = label == n ? x[n] : own;\n"
    "                sum[n % 2] = add_term(sum[n % 2], x[n] - peak);\n"
    "                x[n] = next[n];\n"
    "            }\n"
    "            product *= (sum[0] + sum[1]) * 0x1p-40f;\n"
    "            part += peak - own;\n"
    "            peak = after;\n"
    "            label = label < 3 ? label + 7 : label - 3;\n"
    "        }\n"
    "        a += part + logarithm(product);\n"
    "    }\n"
    "    y[get_global_id(0)] = a;\n"
    "}\n";

struct bound_peer {
    peer_kernel kernel;
    cleat_buffer *y;
    double sum, allowed; /* of all numbers; how far it may be off */
};

static bool set_arguments(
    bench_run *run, cl_uint units, float first, float second, bound_peer *bound) {
    cl_kernel kernel = bound->kernel.kernel;
    cl_mem y = cleat_buffer_cl_mem(bound->y);
    const cl_ulong seed = 1;
    bool good = clSetKernelArg(kernel, 0, sizeof y, &y) == CL_SUCCESS &&
                clSetKernelArg(kernel, 1, sizeof units, &units) == CL_SUCCESS &&
                clSetKernelArg(kernel, 2, sizeof seed, &seed) == CL_SUCCESS &&
                clSetKernelArg(kernel, 3, sizeof first, &first) == CL_SUCCESS &&
                clSetKernelArg(kernel, 4, sizeof second, &second) == CL_SUCCESS;
    return good || bench_fail(run, "peak: arguments refused");
}

static const struct {
    const char *source, *name;
    double mean; /* of values from -4 to 4 */
    int unit;    /* numbers that the kernel does at a time; 0: UNIT */
    const char *prelude;
} works[] = {
    [BOUND_UNIFORM] = {random_source, "uniform_numbers", 0, 0},
    [BOUND_NORMAL] = {random_source, "normal_numbers", 0, 0},
    [BOUND_GELU] = {gelu_source, "gelu_values", 0.937508, 0},
    [BOUND_ERF] = {erf_source, "erf_values", 0, 0},
    [BOUND_SIN] = {sin_source, "sin_values", 0, 0},
    [BOUND_LOCAL_NORM] = {local_norm_source, "local_norm_values", 0, 0},
    [BOUND_LOCAL_NORM_GRADIENT] = {local_norm_gradient_source, "local_norm_gradients", 0, 0},
    [BOUND_MISH] = {mish_source, "mish_values", 0.87103851, 0},
    [BOUND_SOFTPLUS] = {softplus_source, "softplus_values", 1.20105865, 0},
    [BOUND_LOG_SUM] = {log_sum_source, "log_sums", 4.158883, UNIT_ROW, sum_source},
    [BOUND_CROSS_ENTROPY] = {cross_entropy_source, "cross_entropies", 0.2302585, UNIT_SHORT_ROWS,
        sum_source},
};

/* Random numbers: their sum to five of its standard deviations. Functions of values from -4 to 4.
 */
static bool prepare(bench_run *run, bound_kind kind, double count, bound_peer *bound) {
    const bool is_random = kind == BOUND_UNIFORM || kind == BOUND_NORMAL;
    const size_t items = (size_t)(KERNEL_GROUPS_PER_THREAD * run->threads);
    const double unit = works[kind].unit > 0 ? works[kind].unit : UNIT;
    const double units = fmax(round(count / unit / (double)items), 1);
    const double numbers = units * unit * (double)items;
    const float first = kind == BOUND_UNIFORM ? -1 : kind == BOUND_NORMAL ? 0 : -4;
    const float second = kind == BOUND_UNIFORM  ? 2
                         : kind == BOUND_NORMAL ? 1
                                                : (float)(8 / (units * unit));
    bound->kernel.peer = "peak";
    bound->kernel.prelude = works[kind].prelude;
    bound->kernel.items = items;
    bound->kernel.local = 1;
    bound->sum = works[kind].mean * numbers;
    bound->allowed =
        is_random ? 5 * sqrt(numbers * (kind == BOUND_NORMAL ? 1 : 1.0 / 3)) : 1e-3 * numbers;
    return peer_kernel_build(
               run, works[kind].source, works[kind].name, VECTOR_FLOATS, &bound->kernel) &&
           bench_call(run,
               cleat_buffer_create(run->context, items * VECTOR_FLOATS * sizeof(float), &bound->y),
               "buffer") &&
           set_arguments(run, (cl_uint)units, first, second, bound);
}

/* Whether the sum is right, and not of nothing. */
static bool check(bench_run *run, bound_peer *bound) {
    cl_command_queue queue = cleat_context_cl_queue(run->context);
    double sum = 0;
    for (size_t i = 0; i < bound->kernel.items; i++) {
        float got[VECTOR_FLOATS];
        cl_int error = clEnqueueReadBuffer(queue, cleat_buffer_cl_mem(bound->y), CL_TRUE,
            i * sizeof got, sizeof got, got, 0, NULL, NULL);
        if (error != CL_SUCCESS) {
            return bench_fail(run, "peak: OpenCL error %d", (int)error);
        }
        for (int lane = 0; lane < VECTOR_FLOATS; lane++) {
            sum += (double)got[lane];
        }
    }
    return (sum != 0 && fabs(sum - bound->sum) <= bound->allowed) ||
           bench_fail(
               run, "peak: the sum is %g, not %g within %g", sum, bound->sum, bound->allowed);
}

bound_peer *bound_peer_create(bench_run *run, bound_kind kind, double count) {
    bound_peer *bound = calloc(1, sizeof *bound);
    if (bound == NULL) {
        bench_fail(run, "out of memory");
        return NULL;
    }
    if (!prepare(run, kind, count, bound) || !bound_peer_run(bound, 1) || !check(run, bound)) {
        bound_peer_destroy(bound);
        return NULL;
    }
    return bound;
}

void bound_peer_destroy(bound_peer *bound) {
    if (bound == NULL) {
        return;
    }
    peer_kernel_destroy(&bound->kernel);
    cleat_buffer_release(bound->y);
    free(bound);
}

bool bound_peer_run(void *state, int64_t calls) {
    bound_peer *bound = state;
    return peer_kernel_run(&bound->kernel, calls);
}
