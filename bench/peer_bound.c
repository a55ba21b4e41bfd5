/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_bound.h"
#include "peer_kernel.h"

#include <math.h>
#include <stdlib.h>

/* Seed and stream of bandwidth_elementwise.c: 1 and 2. A work-item does `units` of 64 numbers. The
 * logarithm and the rest are the polynomials of cl/random.cl, the shortest found for its bounds. */
enum { UNIT = 64, VECTOR_FLOATS = 16 };

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

static const char gelu_source[] =
    "#define STEP(c) p = fma(p, t, (float16)(c));\n"
    "static inline float16 gelu(float16 x) {\n"
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
    "}\n"
    "__kernel void gelu_values(__global float16 *y, uint units, ulong seed, float first,\n"
    "    float step) {\n"
    "    float16 lanes = (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);\n"
    "    float16 a = 0, b = 0, x = first + lanes * step, z = x + 16 * step;\n"
    "    for (uint unit = 0; unit < units; unit++) {\n"
    "        a += gelu(x); b += gelu(z); x += 32 * step; z += 32 * step;\n"
    "        a += gelu(x); b += gelu(z); x += 32 * step; z += 32 * step;\n"
    "    }\n"
    "    y[get_global_id(0)] = a + b;\n"
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

/* Random numbers: their sum to five of its standard deviations. gelu of values from -4 to 4: the
 * mean is (16 (Phi(4) - 1/2) - (Phi(4) - 1/2) + 4 phi(4)) / 8. */
static bool prepare(bench_run *run, bound_kind kind, double count, bound_peer *bound) {
    static const char *const names[] = {"uniform_numbers", "normal_numbers", "gelu_values"};
    const size_t items = (size_t)(KERNEL_GROUPS_PER_THREAD * run->threads);
    const double units = fmax(round(count / UNIT / (double)items), 1);
    const double numbers = units * UNIT * (double)items;
    const float first[] = {-1, 0, -4}, second[] = {2, 1, (float)(8 / (units * UNIT))};
    const double mean[] = {0, 0, 0.937508};
    bound->kernel.peer = "peak";
    bound->kernel.items = items;
    bound->kernel.local = 1;
    bound->sum = mean[kind] * numbers;
    bound->allowed = kind == BOUND_GELU ? 1e-3 * numbers
                                        : 5 * sqrt(numbers * (kind == BOUND_NORMAL ? 1 : 1.0 / 3));
    return peer_kernel_build(run, kind == BOUND_GELU ? gelu_source : random_source, names[kind],
               VECTOR_FLOATS, &bound->kernel) &&
           bench_call(run,
               cleat_buffer_create(run->context, items * VECTOR_FLOATS * sizeof(float), &bound->y),
               "buffer") &&
           set_arguments(run, (cl_uint)units, first[kind], second[kind], bound);
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
