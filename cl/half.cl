/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of 16 bits in memory, floats in registers: the one place where they are converted. T is the
 * number of a cleat_type: 7 f16 (IEEE 754 binary16), 8 bf16 (the upper half of a binary32); W = 1, 2, 4, 8
 * or 16; p a pointer to ushort of any alignment, global, local or private:
 *     LOAD_HALF(T, W, p)         p[0], p[1], ... as floats, exactly
 *     STORE_HALF(T, W, v, p)     floats rounded to nearest even: subnormal numbers are right, beyond the
 *                                largest one comes infinity, NaN stays NaN
 *     WHOLE_HALF(T, W, p), STORE_WHOLE_HALF(T, W, v, p)   the same in one access, p global and a multiple of
 *                                W elements, of which there are several
 *     GATHER_HALF(T, W, p, s)    p[0], p[s], ..., p global; above one lane after ELEMENT_FUNCTIONS(ushort, W)
 *     SCATTER_HALF(T, W, v, p, s)    of element.cl
 *     HALF_FLOATS(T, W, b)       the same in registers: of a ushort, ushort2, ...
 *     HALF_BITS(T, W, v)         and to one
 * HALF_FUNCTIONS(T, W) defines them, once for each T and W that is used. Include after common.cl.
 *
 * No cl_khr_fp16 is needed. f16 goes by the functions of OpenCL C 1.2 for half in memory on graphics cards,
 * where they are an instruction, and by the processor's instructions where the compiler offers them;
 * otherwise by integer arithmetic in vectors, which does not count on subnormal floats.
 */
#ifndef HALF_CL
#define HALF_CL
#include "lanes.cl"

#define HALF_NAME(what, T, W) CAT(CAT(half_##what##_, T), CAT(_, W))
#define HALF_FLOATS(T, W, b) HALF_NAME(floats, T, W)(b)
#define HALF_BITS(T, W, v) HALF_NAME(bits, T, W)(v)
#define LOAD_HALF(T, W, p) HALF_NAME(load, T, W)(p)
#define STORE_HALF(T, W, v, p) HALF_NAME(store, T, W)(v, p)
#define GATHER_HALF(T, W, p, s) CAT(GATHER_HALF_, W)(T, p, s)
#define GATHER_HALF_1(T, p, s) LOAD_HALF(T, 1, p)
#define GATHER_HALF_2(T, p, s) HALF_FLOATS(T, 2, gather_ushort_2(p, s))
#define GATHER_HALF_4(T, p, s) HALF_FLOATS(T, 4, gather_ushort_4(p, s))
#define GATHER_HALF_8(T, p, s) HALF_FLOATS(T, 8, gather_ushort_8(p, s))
#define GATHER_HALF_16(T, p, s) HALF_FLOATS(T, 16, gather_ushort_16(p, s))
#define SCATTER_HALF(T, W, v, p, s) CAT(SCATTER_HALF_, W)(T, v, p, s)
#define SCATTER_HALF_1(T, v, p, s) STORE_HALF(T, 1, v, p)
#define SCATTER_HALF_2(T, v, p, s) scatter_ushort_2(HALF_BITS(T, 2, v), p, s)
#define SCATTER_HALF_4(T, v, p, s) scatter_ushort_4(HALF_BITS(T, 4, v), p, s)
#define SCATTER_HALF_8(T, v, p, s) scatter_ushort_8(HALF_BITS(T, 8, v), p, s)
#define SCATTER_HALF_16(T, v, p, s) scatter_ushort_16(HALF_BITS(T, 16, v), p, s)

#define WHOLE_HALF(T, W, p) CAT(WHOLE_HALF_, T)(W, p)
#define STORE_WHOLE_HALF(T, W, v, p) CAT(STORE_WHOLE_HALF_, T)(W, v, p)
#define WHOLE_HALF_8(W, p) HALF_FLOATS(8, W, *(const __global LANES_OF(ushort, W) *)(p))
#define STORE_WHOLE_HALF_8(W, v, p) (*(__global LANES_OF(ushort, W) *)(p) = HALF_BITS(8, W, v))
#if DEVICE_IS_CPU
#define WHOLE_HALF_7(W, p) LOAD_HALF(7, W, p)
#define STORE_WHOLE_HALF_7(W, v, p) STORE_HALF(7, W, v, p)
#else
#define WHOLE_HALF_7(W, p) LANES_OF(vloada_half, W)(0, (const __global half *)(p))
#define STORE_WHOLE_HALF_7(W, v, p)                                                                \
    CAT(LANES_OF(vstorea_half, W), _rte)(v, 0, (__global half *)(p))
#endif

#define HALF_FUNCTIONS(T, W) HALF_FUNCTIONS_(T, W)
#define HALF_FUNCTIONS_(T, W)                                                                      \
    HALF_REGISTERS_##T(W)                                                                          \
    HALF_MEMORY_##T(W, __global)                                                                   \
    HALF_MEMORY_##T(W, __local)                                                                    \
    HALF_MEMORY_##T(W, __private)

#if DEVICE_IS_CPU && (defined(__F16C__) || defined(__aarch64__)) && defined(CONVERT_BY_COMPILER)
/* Vectors of half only where they are the operand of that instruction. HALF_HIDE keeps the compiler from
 * seeing that floats come from half or go there: it would compare and choose in half, lane by lane. */
#if defined(__AVX512F__)
#define HALF_HIDE(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define HALF_HIDE(v) __asm__("" : "+w"(v))
#else
#define HALF_HIDE(v) __asm__("" : "+x"(v))
#endif
#define HALF_HIDE_2(v)                                                                             \
    float4 twice = (float4)(v, v);                                                                 \
    HALF_HIDE(twice);                                                                              \
    v = twice.lo;
#define HALF_HIDE_PARTS(T, v)                                                                      \
    T low = v.lo, high = v.hi;                                                                     \
    HALF_HIDE(low);                                                                                \
    HALF_HIDE(high);                                                                               \
    v = (__typeof__(v))(low, high);
#define HALF_HIDE_4(v) HALF_HIDE(v);
#if defined(__AVX512F__)
#define HALF_HIDE_8(v) HALF_HIDE(v);
#define HALF_HIDE_16(v) HALF_HIDE(v);
#elif defined(__aarch64__)
#define HALF_HIDE_8(v) HALF_HIDE_PARTS(float4, v)
#define HALF_HIDE_16(v) /* not a width of such a processor */
#else
#define HALF_HIDE_8(v) HALF_HIDE(v);
#define HALF_HIDE_16(v) HALF_HIDE_PARTS(float8, v)
#endif
typedef half half_lanes_2 __attribute__((ext_vector_type(2)));
typedef half half_lanes_4 __attribute__((ext_vector_type(4)));
typedef half half_lanes_8 __attribute__((ext_vector_type(8)));
typedef half half_lanes_16 __attribute__((ext_vector_type(16)));
#define HALF_REGISTERS_7(W) HALF_REGISTERS_7_##W(W)
#define HALF_REGISTERS_7_1(W)                                                                      \
    static inline float half_floats_7_1(ushort b) {                                                \
        return __builtin_load_halff((const __private half *)&b);                                   \
    }                                                                                              \
    static inline ushort half_bits_7_1(float v) {                                                  \
        ushort b;                                                                                  \
        __builtin_store_halff(v, (__private half *)&b);                                            \
        return b;                                                                                  \
    }
#define HALF_REGISTERS_7_LANES(W)                                                                  \
    static inline float##W half_floats_7_##W(ushort##W b) {                                        \
        float##W v = __builtin_convertvector(__builtin_astype(b, half_lanes_##W), float##W);       \
        HALF_HIDE_##W(v)                                                                           \
        return v;                                                                                  \
    }                                                                                              \
    static inline ushort##W half_bits_7_##W(float##W v) {                                          \
        HALF_HIDE_##W(v)                                                                           \
        return __builtin_astype(__builtin_convertvector(v, half_lanes_##W), ushort##W);            \
    }
#define HALF_REGISTERS_7_2(W) HALF_REGISTERS_7_LANES(W)
#define HALF_REGISTERS_7_4(W) HALF_REGISTERS_7_LANES(W)
#define HALF_REGISTERS_7_8(W) HALF_REGISTERS_7_LANES(W)
#define HALF_REGISTERS_7_16(W) HALF_REGISTERS_7_LANES(W)
#else
/* The exponents of the two formats differ by 112; fields of all ones stay so. Subnormal numbers are
 * integers times 2^-24, or what the sum with 1/2, whose last place that is, has there. */
#define HALF_REGISTERS_7(W)                                                                        \
    static inline LANES_OF(float, W) half_floats_7_##W(LANES_OF(ushort, W) b) {                    \
        const LANES_OF(int, W) all = CONVERT(int, W, b);                                           \
        const LANES_OF(int, W) size = all & 0x7fff;                                                \
        const LANES_OF(int, W) scale = (112 << 23) + (size >= 0x7c00 ? (LANES_OF(int, W))(112 << 23) \
                                                                     : (LANES_OF(int, W))(0));     \
        const LANES_OF(int, W) tiny = AS(int, W, CONVERT(float, W, size) * 0x1p-24f);              \
        const LANES_OF(int, W) bits = size < 0x400 ? tiny : (size << 13) + scale;                  \
        return AS(float, W, bits | (all & 0x8000) << 16);                                          \
    }                                                                                              \
    static inline LANES_OF(ushort, W) half_bits_7_##W(LANES_OF(float, W) v) {                      \
        const LANES_OF(int, W) all = AS(int, W, v);                                                \
        const LANES_OF(int, W) size = all & 0x7fffffff;                                            \
        const LANES_OF(int, W) tiny = AS(int, W, AS(float, W, size) + 0.5f) - 0x3f000000;          \
        const LANES_OF(int, W) near = (size - (112 << 23) + 0xfff + (size >> 13 & 1)) >> 13;       \
        const LANES_OF(int, W) finite = size < 113 << 23 ? tiny : near;                            \
        const LANES_OF(int, W) known = size >= 143 << 23 ? (LANES_OF(int, W))(0x7c00) : finite;    \
        const LANES_OF(int, W) bits = size > 255 << 23 ? (LANES_OF(int, W))(0x7e00) : known;       \
        return CONVERT(ushort, W, bits | (all >> 16 & 0x8000));                                    \
    }
#endif

#define HALF_REGISTERS_8(W)                                                                        \
    static inline LANES_OF(float, W) half_floats_8_##W(LANES_OF(ushort, W) b) {                    \
        return AS(float, W, CONVERT(uint, W, b) << 16);                                            \
    }                                                                                              \
    static inline LANES_OF(ushort, W) half_bits_8_##W(LANES_OF(float, W) v) {                      \
        const LANES_OF(uint, W) all = AS(uint, W, v);                                              \
        const LANES_OF(uint, W) near = all + 0x7fffu + (all >> 16 & 1u);                           \
        return CONVERT(ushort, W, (v == v ? near : all | 0x400000u) >> 16);                        \
    }

#define HALF_MEMORY(T, W, SPACE)                                                                   \
    static inline LANES_OF(float, W) __attribute__((overloadable)) half_load_##T##_##W(            \
        const SPACE ushort *p) {                                                                   \
        return HALF_FLOATS(T, W, HALF_FETCH(W, SPACE, p));                                         \
    }                                                                                              \
    static inline void __attribute__((overloadable)) half_store_##T##_##W(                         \
        LANES_OF(float, W) v, SPACE ushort *p) {                                                   \
        HALF_PUT(W, SPACE, HALF_BITS(T, W, v), p);                                                 \
    }
#define HALF_MEMORY_8(W, SPACE) HALF_MEMORY(8, W, SPACE)
#if DEVICE_IS_CPU
#define HALF_MEMORY_7(W, SPACE) HALF_MEMORY(7, W, SPACE)
#define HALF_FETCH(W, SPACE, p) (*(const SPACE half_any_##W *)(p))
#define HALF_PUT(W, SPACE, b, p) (*(SPACE half_any_##W *)(p) = (b))
typedef ushort half_any_1;
typedef ushort2 half_any_2 __attribute__((aligned(2)));
typedef ushort4 half_any_4 __attribute__((aligned(2)));
typedef ushort8 half_any_8 __attribute__((aligned(2)));
typedef ushort16 half_any_16 __attribute__((aligned(2)));
#else
#define HALF_MEMORY_7(W, SPACE)                                                                    \
    static inline LANES_OF(float, W) __attribute__((overloadable)) half_load_7_##W(                \
        const SPACE ushort *p) {                                                                   \
        return LANES_OF(vload_half, W)(0, (const SPACE half *)p);                                  \
    }                                                                                              \
    static inline void __attribute__((overloadable)) half_store_7_##W(                             \
        LANES_OF(float, W) v, SPACE ushort *p) {                                                   \
        CAT(LANES_OF(vstore_half, W), _rte)(v, 0, (SPACE half *)p);                                \
    }
#define HALF_FETCH(W, SPACE, p) HALF_FETCH_##W(p)
#define HALF_FETCH_1(p) (*(p))
#define HALF_FETCH_2(p) vload2(0, p)
#define HALF_FETCH_4(p) vload4(0, p)
#define HALF_FETCH_8(p) vload8(0, p)
#define HALF_FETCH_16(p) vload16(0, p)
#define HALF_PUT(W, SPACE, b, p) HALF_PUT_##W(b, p)
#define HALF_PUT_1(b, p) (*(p) = (b))
#define HALF_PUT_2(b, p) vstore2(b, 0, p)
#define HALF_PUT_4(b, p) vstore4(b, 0, p)
#define HALF_PUT_8(b, p) vstore8(b, 0, p)
#define HALF_PUT_16(b, p) vstore16(b, 0, p)
#endif

#endif
