/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a matrix unit (unit.cl) works here: two sub-groups multiply the same small integers, which
 * are exact in every mode, twice into the same sums, and each lane compares what it has with sums that
 * it makes itself; then it does so with what rounds to words. Each work-item writes 42 where all is
 * right.
 *
 * Global and local size: 2 * UNIT_LANES. Macros: those of unit.cl.
 */
#include "common.cl"
#include "unit.cl"

#define PROBE_RIGHT 42
#define PROBE_A(row, k) (((row)*3 + (k)*5) % 7 - 3)
#define PROBE_B(k, column) (((k)*2 + (column)*3) % 5 - 2)

/* Two terms from k on, in the lower half of the result or one each. */
#define PROBE_WORD(x, k_first)                                                                     \
    (UNIT_PACK == 1 ? unit_single((float)(x(k_first)))                                             \
                    : unit_pair((float)(x(k_first)), (float)(x((k_first) + 1))))

/* NVIDIA's own conversions give what the integer arithmetic gives. */
static inline bool words_are_right(const int item) {
    const float x = as_float(0x3f000000u + (uint)item * 0x37fffu + (uint)(item % 2) * 0x80000000u);
#if UNIT_PACK == 1
    return (unit_tf32(x) & UNIT_TF32_BITS) == unit_nearest_tf32(x);
#elif UNIT_MODE == UNIT_F16
    return unit_pair(x, -x) == (unit_nearest_f16(x) | unit_nearest_f16(-x) << 16);
#else
    return unit_pair(x, -x) == (unit_nearest_bf16(x) | unit_nearest_bf16(-x) << 16);
#endif
}

__kernel __attribute__((reqd_work_group_size(2 * UNIT_LANES, 1, 1))) UNIT_SUB_GROUP void unit_probe(
    __global int *restrict answers) {
    __local uint4 lines[(UNIT_M + UNIT_N) * UNIT_PITCH / 4];
    UNIT_EXCHANGE(2 * UNIT_LANES)
    __local uint *const tile_a = (__local uint *)lines;
    __local uint *const tile_b = tile_a + UNIT_M * UNIT_PITCH;
    const int item = (int)get_local_id(0), lane = item % UNIT_LANES;
    for (int i = item; i < (UNIT_M + UNIT_N) * UNIT_LINE; i += 2 * UNIT_LANES) {
        const int line = i / UNIT_LINE, k = i % UNIT_LINE * UNIT_PACK, column = line - UNIT_M;
#define LINE_A(at) PROBE_A(line, at)
#define LINE_B(at) PROBE_B(at, column)
        if (line < UNIT_M) {
            tile_a[UNIT_AT(line, i % UNIT_LINE)] = PROBE_WORD(LINE_A, k);
        } else {
            tile_b[UNIT_AT(column, i % UNIT_LINE)] = PROBE_WORD(LINE_B, k);
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    /* The first words, then the last. */
    float c[UNIT_C_REGISTERS] UNIT_ALIGNED;
    UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) {
        c[r] = 1.0f;
    }
    UNIT_UNROLLED for (int twice = 0; twice < 2; ++twice) {
        uint a[UNIT_A_REGISTERS] UNIT_ALIGNED, b[UNIT_B_REGISTERS] UNIT_ALIGNED;
        const int word = twice * (UNIT_LINE - UNIT_K / UNIT_PACK);
        unit_load_a(a, tile_a, 0, word, lane);
        unit_load_b(b, tile_b, 0, word, lane);
        UNIT_MULTIPLY(c, a, b)
    }
    bool right = words_are_right(item);
    UNIT_UNROLLED for (int r = 0; r < UNIT_C_REGISTERS; ++r) {
        const int row = UNIT_C_ROW(lane, r), column = UNIT_C_COLUMN(lane, r);
        int sum = 1;
        for (int k = 0; k < UNIT_K; ++k) {
            const int far = k + UNIT_LINE * UNIT_PACK - UNIT_K;
            sum += PROBE_A(row, k) * PROBE_B(k, column) + PROBE_A(row, far) * PROBE_B(far, column);
        }
        right = right && c[r] == (float)sum;
    }
    answers[get_global_id(0)] = right ? PROBE_RIGHT : 0;
}
