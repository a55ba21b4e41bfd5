/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As many vectors as they have lanes joined to one that has a result in each lane:
 *     fold_1(FOLD_HALF(V, 0), FOLD_HALF(V, VECTOR_WIDTH / 2))
 * with V(k) the k-th vector; FOLD_HALF has two lanes of each result. Include after VECTOR, JOIN and
 * VECTOR_WIDTH, 4, 8 or 16. Blocks fall from half a vector to one lane: joining neighbours first becomes
 * horizontal additions of narrower registers.
 */
/* The lanes of a, then those of b, in blocks of so many: each second block joined to that before it. */
#define FOLD(a, b, first, second)                                                                  \
    const VECTOR low = (VECTOR)(a.first, b.first), high = (VECTOR)(a.second, b.second);            \
    return JOIN(low, high);
static inline VECTOR fold_1(VECTOR a, VECTOR b) {
    FOLD(a, b, even, odd)
}
#if VECTOR_WIDTH == 16
static inline VECTOR fold_8(VECTOR a, VECTOR b) {
    FOLD(a, b, lo, hi)
}
static inline VECTOR fold_4(VECTOR a, VECTOR b) {
    FOLD(a, b, s012389ab, s4567cdef)
}
static inline VECTOR fold_2(VECTOR a, VECTOR b) {
    FOLD(a, b, s014589cd, s2367abef)
}
#define FOLD_HALF(v, n)                                                                            \
    fold_2(fold_4(fold_8(v(n), v(n + 1)), fold_8(v(n + 2), v(n + 3))),                             \
        fold_4(fold_8(v(n + 4), v(n + 5)), fold_8(v(n + 6), v(n + 7))))
#elif VECTOR_WIDTH == 8
static inline VECTOR fold_4(VECTOR a, VECTOR b) {
    FOLD(a, b, lo, hi)
}
static inline VECTOR fold_2(VECTOR a, VECTOR b) {
    FOLD(a, b, s0145, s2367)
}
#define FOLD_HALF(v, n) fold_2(fold_4(v(n), v(n + 1)), fold_4(v(n + 2), v(n + 3)))
#else
static inline VECTOR fold_2(VECTOR a, VECTOR b) {
    FOLD(a, b, lo, hi)
}
#define FOLD_HALF(v, n) fold_2(v(n), v(n + 1))
#endif
