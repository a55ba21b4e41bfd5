/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether tiles can be copied while a matrix unit multiplies (gemm_stages.cl): a small product of integers
 * that are exact in every mode, by the core itself. It has some turns more than there are stages, the last
 * of them not whole, edges within a quad, and NaN wherever nothing may be read from.
 *
 * unit_copies_fill writes the operands of both groups behind their answers: of the first A along k and B
 * across, of the second the other way round. Global size: PROBE_WORDS.
 * unit_copies_probe: two groups, global size 2 * UNITS_ITEMS; each work-item writes 42 where all sums that it
 * was given are right. Macros: those of unit.cl.
 */
#include "common.cl"
#include "unit.cl"
#define UNITS_DOWN 2
#define UNITS_ACROSS 2
#define UNITS_ROWS 2
#define UNITS_COLUMNS 4
#define UNITS_STAGES 3
#define GEMM_A_ALONG_K (group == 0)
#define GEMM_B_ALONG_K (group != 0)
#include "gemm_units.cl"

#define PROBE_RIGHT 42
#define PROBE_ANSWERS (2 * UNITS_ITEMS)
#define PROBE_LINES 61
#define PROBE_TERMS (4 * UNITS_TERMS + UNITS_TERMS / 2 + 1)
#define PROBE_PITCH (5 * UNITS_TERMS) /* of a line along k */
#define PROBE_ELEMENTS (UNITS_TILE * PROBE_PITCH)
#define PROBE_WORDS (4 * PROBE_ELEMENTS / UNIT_PACK)
#define PROBE_A(row, k) (((row)*3 + (k)*5) % 7 - 3)
#define PROBE_B(k, column) (((k)*2 + (column)*3) % 5 - 2)

#if UNIT_PACK == 1
#define PROBE_ELEMENT float
#define PROBE_BITS(x) as_uint(x)
#else
#define PROBE_ELEMENT ushort
#if UNIT_MODE == UNIT_BF16
#define PROBE_BITS(x) unit_nearest_bf16(x)
#else
#define PROBE_BITS(x) unit_nearest_f16(x)
#endif
#endif

/* Operands: A and B of the first group, then of the second. */
static inline uint probe_bits(const int element) {
    const int operand = element / PROBE_ELEMENTS, at = element % PROBE_ELEMENTS;
    const bool along = operand == 0 || operand == 3;
    const int line = along ? at / PROBE_PITCH : at % UNITS_TILE;
    const int k = along ? at % PROBE_PITCH : at / UNITS_TILE;
    const int x = operand % 2 == 0 ? PROBE_A(line, k) : PROBE_B(k, line);
    return line < PROBE_LINES && k < PROBE_TERMS ? PROBE_BITS((float)x)
                                                 : 0xffffffffu >> (32 - 32 / UNIT_PACK);
}

__kernel void unit_copies_fill(__global uint *answers) {
    const int word = (int)get_global_id(0);
    if (word < PROBE_WORDS) {
        answers[PROBE_ANSWERS + word] =
            UNIT_PACK == 1 ? probe_bits(word) : probe_bits(2 * word) | probe_bits(2 * word + 1) << 16;
    }
}

/* The sixteen bytes at lane `line` and term k of an operand that begins at `first`. */
#define PROBE_COPY(into, first, along_k, line, k)                                                  \
    {                                                                                              \
        const int size = (int)sizeof(PROBE_ELEMENT);                                               \
        const int inside = (along_k) ? PROBE_TERMS - (k) : PROBE_LINES - (line);                   \
        const bool none = (line) >= PROBE_LINES || (k) >= PROBE_TERMS;                             \
        const int bytes = none ? 0 : min(inside * size, 16);                                       \
        const int at = (along_k) ? (line)*PROBE_PITCH + (k) : (line) + (k)*UNITS_TILE;             \
        UNIT_COPY(into, (first) + at, bytes)                                                       \
    }

static inline bool probe_is_right(const float sum, const int row, const int column) {
    int want = 0;
    for (int k = 0; k < PROBE_TERMS; ++k) {
        want += PROBE_A(row, k) * PROBE_B(k, column);
    }
    return row >= PROBE_LINES || column >= PROBE_LINES || sum == (float)want;
}

__kernel UNITS_GROUP void unit_copies_probe(__global uint *answers) {
    UNITS_BEGIN
    const int group = (int)get_group_id(0);
    const __global PROBE_ELEMENT *const first_a =
        (const __global PROBE_ELEMENT *)(answers + PROBE_ANSWERS) + 2 * group * PROBE_ELEMENTS;
    const __global PROBE_ELEMENT *const first_b = first_a + PROBE_ELEMENTS;
    bool right = true;
#define PROBE_COPY_A(into, r, k) PROBE_COPY(into, first_a, GEMM_A_ALONG_K, r, k)
#define PROBE_COPY_B(into, c, k) PROBE_COPY(into, first_b, GEMM_B_ALONG_K, c, k)
    UNITS_RUN(0, PROBE_TERMS, PROBE_COPY_A, PROBE_COPY_B)
#define PROBE_STORE(sum, r, c) right = right && probe_is_right(sum, r, c);
    UNITS_FINISH(PROBE_STORE)
    answers[get_global_id(0)] = right ? PROBE_RIGHT : 0;
}
