/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spread(numbers, owner): numbers[owner] of each lane of VECTOR_WIDTH, one permutation of a register, which
 * the compiler sees by itself for 16 lanes alone. Include after softmax_common.cl.
 */
__attribute__((always_inline)) static inline FLOATS(VECTOR_WIDTH) spread(
    FLOATS(VECTOR_WIDTH) numbers, INTS(VECTOR_WIDTH) owner) {
#if VECTOR_WIDTH == 8 && defined(TABLE_OF_EIGHT)
    return __builtin_astype(__builtin_ia32_permvarsi256(__builtin_astype(numbers, permuted),
                                __builtin_astype(owner, permuted)),
        float8);
#else
#define TAKEN(lane) numbers[owner.s##lane]
    return (FLOATS(VECTOR_WIDTH))(CAT(BY_, VECTOR_WIDTH)(TAKEN));
#endif
}
