/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD's matrix instruction of RDNA 3 (gfx11): v_wmma_f32_16x16x16_f16 and ..._bf16 on waves of 32;
 * what a unit file holds is told in unit.cl. Source: AMD, "How to accelerate AI applications on RDNA 3
 * using WMMA" (GPUOpen, 2023), and the Matrix Instruction Calculator, --register-layout: a lane has a
 * whole row of A and column of B, number lane % 16, so that each is there twice, and must be; of C
 * rows 2 register + lane / 16 of column lane % 16.
 */
#define UNIT_LANES 32
#define UNIT_M 16
#define UNIT_N 16
#define UNIT_K 16
#define UNIT_A_REGISTERS 8
#define UNIT_B_REGISTERS 8
#define UNIT_C_REGISTERS 8
#define UNIT_A_HELD 2
#define UNIT_B_HELD 2
/* Words that a lane has of a line, neighbours: read at once. */
#define UNIT_A_BY 4
#define UNIT_B_BY 4

#define UNIT_A_ROW(lane, r) ((lane) % 16)
#define UNIT_A_K(lane, r) (2 * (r))
#define UNIT_B_COLUMN(lane, r) ((lane) % 16)
#define UNIT_B_K(lane, r) (2 * (r))
#define UNIT_C_ROW(lane, r) (2 * (r) + (lane) / 16)
#define UNIT_C_COLUMN(lane, r) ((lane) % 16)

/* Now one copy, now the other. */
#define UNIT_A_LANE(row, k) ((row) + (row) % 2 * 16)
#define UNIT_A_REGISTER(row, k) ((k) / 2)
#define UNIT_B_LANE(k, column) ((column) + (column) / 2 % 2 * 16)
#define UNIT_B_REGISTER(k, column) ((k) / 2)
#define UNIT_C_LANE(row, column) ((column) + (row) % 2 * 16)
#define UNIT_C_REGISTER(row, column) ((row) / 2)

#if UNIT_HAS_INSTRUCTION
#if !__has_builtin(__builtin_amdgcn_wmma_f32_16x16x16_f16_w32)
#error "no WMMA"
#endif
#if UNIT_MODE == UNIT_F16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

static inline void unit_multiply(float *c, const uint *a, const uint *b) {
    const uint8 words_a = (uint8)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    const uint8 words_b = (uint8)(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
    float8 sums = (float8)(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
#if UNIT_MODE == UNIT_F16
    sums = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(
        as_half16(words_a), as_half16(words_b), sums);
#else
    sums = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(
        as_short16(words_a), as_short16(words_b), sums);
#endif
    UNIT_SPREAD_8(c, sums)
}
#endif
