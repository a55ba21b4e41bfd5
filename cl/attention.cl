/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the attention kernels share: their numbers, in the order of src/ops/attention_launch.c, and
 * a score's mask. Formulas: include/cleat/attention.h.
 *
 * Query l of head h sees key s if s <= l + diagonal. `group` heads share a head of keys. mask_kind:
 * 0 none, 1 REAL, 2 bool. Memory that a kernel has no use for is null.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"

#define TENSOR_NUMBERS(ANY, t)                                                                     \
    ANY(t##_offset) ANY(t##_batch) ANY(t##_head) ANY(t##_row) ANY(t##_column)
#define ATTENTION_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(batch)                                                                               \
    ANY_INDEX(heads) ANY_INDEX(key_heads) ANY_INDEX(queries) ANY_INDEX(keys) ANY_INDEX(width)      \
        ANY_INDEX(value_width) ANY_INDEX(diagonal) TENSOR_NUMBERS(ANY_INDEX, q)                    \
            TENSOR_NUMBERS(ANY_INDEX, k) TENSOR_NUMBERS(ANY_INDEX, v) TENSOR_NUMBERS(ANY_INDEX, y) \
                TENSOR_NUMBERS(ANY_INDEX, dy) TENSOR_NUMBERS(ANY_INDEX, dq)                        \
                    TENSOR_NUMBERS(ANY_INDEX, dk) TENSOR_NUMBERS(ANY_INDEX, dv)                    \
                        TENSOR_NUMBERS(ANY_INDEX, lse) TENSOR_NUMBERS(ANY_INDEX, mask)             \
                            ANY_INT(mask_kind) ANY_FLOAT(scale)
typedef struct attention_numbers {
    NUMBER_MEMBERS(ATTENTION_LIST)
} attention_numbers;

/* Place of element (b, h, 0, 0) of tensor t. */
#define HEAD_OF(t, b, h) (n->t##_offset + (b)*n->t##_batch + (h)*n->t##_head)

/* What is added to the score at that place of the mask. */
static inline REAL mask_value(const __global uchar *mask, INDEX place, int kind) {
    return kind == 1 ? ((const __global REAL *)mask)[place] : mask[place] != 0 ? 0.0f : -INFINITY;
}
