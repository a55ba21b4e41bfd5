/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and horizontal sums by width, W = 1, 2, 4, 8 or 16 (a literal or a macro), p a
 * pointer to REAL (common.cl) of any alignment, s a stride in elements:
 *     FLOATS(W)          float, float2, ..., or double, double2, ...
 *     LOAD(W, p)         p[0], p[1], ...
 *     STORE(W, v, p)
 *     GATHER(W, p, s)    p[0], p[s], p[2 s], ...
 *     SCATTER(W, v, p, s)
 *     SUM_LANES(W, v)    by halves
 *     MAX_LANES(W, v)    NaN wins
 *     MAX_NAN(a, b)      the larger of two scalars or vectors, NaN if either is
 * Include after common.cl; a second time is harmless.
 */
#ifndef VECTOR_CL
#define VECTOR_CL

#define FLOATS(W) CAT(FLOATS_, W)
#define LOAD(W, p) CAT(LOAD_, W)(p)
#define STORE(W, v, p) CAT(STORE_, W)(v, p)
#define GATHER(W, p, s) CAT(GATHER_, W)(p, s)
#define SCATTER(W, v, p, s) CAT(SCATTER_, W)(v, p, s)
#define SUM_LANES(W, v) CAT(sum_lanes_, W)(v)
#define MAX_LANES(W, v) CAT(max_lanes_, W)(v)
#define MAX_NAN(a, b) ((((b) > (a)) | ((b) != (b))) ? (b) : (a))

#define FLOATS_1 REAL
#define FLOATS_2 REAL2
#if REAL_IS_DOUBLE
#define FLOATS_4 double4
#define FLOATS_8 double8
#define FLOATS_16 double16
#else
#define FLOATS_4 float4
#define FLOATS_8 float8
#define FLOATS_16 float16
#endif

#define LOAD_1(p) (*(p))
#define STORE_1(v, p) (*(p) = (v))
#if DEVICE_IS_CPU
/* One access for the whole register: PoCL puts vstore16 together from vstore4 and vstore8, and three
 * instructions are left of it; of vload16 as many as eight. */
#define LANES_FUNCTIONS(W, SPACE)                                                                  \
    static inline FLOATS(W) __attribute__((overloadable)) CAT(load_lanes_, W)(                     \
        const SPACE REAL *p) {                                                                     \
        return *(const SPACE CAT(unaligned_lanes_, W) *)p;                                         \
    }                                                                                              \
    static inline void __attribute__((overloadable)) CAT(store_lanes_, W)(                         \
        FLOATS(W) v, SPACE REAL *p) {                                                              \
        *(SPACE CAT(unaligned_lanes_, W) *)p = v;                                                  \
    }
#define VECTOR_FUNCTIONS(W)                                                                        \
    typedef FLOATS(W) CAT(unaligned_lanes_, W) __attribute__((aligned(sizeof(REAL))));             \
    LANES_FUNCTIONS(W, __global)                                                                   \
    LANES_FUNCTIONS(W, __private)                                                                  \
    LANES_FUNCTIONS(W, __local)
VECTOR_FUNCTIONS(2)
VECTOR_FUNCTIONS(4)
VECTOR_FUNCTIONS(8)
VECTOR_FUNCTIONS(16)
#define LOAD_2(p) load_lanes_2(p)
#define LOAD_4(p) load_lanes_4(p)
#define LOAD_8(p) load_lanes_8(p)
#define LOAD_16(p) load_lanes_16(p)
#define STORE_2(v, p) store_lanes_2(v, p)
#define STORE_4(v, p) store_lanes_4(v, p)
#define STORE_8(v, p) store_lanes_8(v, p)
#define STORE_16(v, p) store_lanes_16(v, p)
#else
#define LOAD_2(p) vload2(0, p)
#define LOAD_4(p) vload4(0, p)
#define LOAD_8(p) vload8(0, p)
#define LOAD_16(p) vload16(0, p)
#define STORE_2(v, p) vstore2(v, 0, p)
#define STORE_4(v, p) vstore4(v, 0, p)
#define STORE_8(v, p) vstore8(v, 0, p)
#define STORE_16(v, p) vstore16(v, 0, p)
#endif

#define GATHER_1(p, s) (*(p))
#define GATHER_2(p, s) ((FLOATS_2)((p)[0], (p)[s]))
#define GATHER_4(p, s) ((FLOATS_4)(GATHER_2(p, s), GATHER_2((p) + 2 * (s), s)))
#define GATHER_8(p, s) ((FLOATS_8)(GATHER_4(p, s), GATHER_4((p) + 4 * (s), s)))
#define GATHER_16(p, s) ((FLOATS_16)(GATHER_8(p, s), GATHER_8((p) + 8 * (s), s)))

#define SCATTER_1(v, p, s) (*(p) = (v))
#define SCATTER_2(v, p, s) ((p)[0] = (v).x, (p)[s] = (v).y)
#define SCATTER_4(v, p, s) (SCATTER_2((v).lo, p, s), SCATTER_2((v).hi, (p) + 2 * (s), s))
#define SCATTER_8(v, p, s) (SCATTER_4((v).lo, p, s), SCATTER_4((v).hi, (p) + 4 * (s), s))
#define SCATTER_16(v, p, s) (SCATTER_8((v).lo, p, s), SCATTER_8((v).hi, (p) + 8 * (s), s))

static inline REAL sum_lanes_1(REAL v) {
    return v;
}

static inline REAL sum_lanes_2(FLOATS_2 v) {
    return sum_lanes_1(v.lo + v.hi);
}

static inline REAL sum_lanes_4(FLOATS_4 v) {
    return sum_lanes_2(v.lo + v.hi);
}

static inline REAL sum_lanes_8(FLOATS_8 v) {
    return sum_lanes_4(v.lo + v.hi);
}

static inline REAL sum_lanes_16(FLOATS_16 v) {
    return sum_lanes_8(v.lo + v.hi);
}

static inline REAL max_lanes_1(REAL v) {
    return v;
}

static inline REAL max_lanes_2(FLOATS_2 v) {
    return max_lanes_1(MAX_NAN(v.lo, v.hi));
}

static inline REAL max_lanes_4(FLOATS_4 v) {
    return max_lanes_2(MAX_NAN(v.lo, v.hi));
}

static inline REAL max_lanes_8(FLOATS_8 v) {
    return max_lanes_4(MAX_NAN(v.lo, v.hi));
}

static inline REAL max_lanes_16(FLOATS_16 v) {
    return max_lanes_8(MAX_NAN(v.lo, v.hi));
}

#endif
