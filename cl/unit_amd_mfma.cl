/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD's matrix cores of CDNA (gfx90a, gfx942): v_mfma_f32_16x16x4f32, which computes in f32, and
 * v_mfma_f32_16x16x16f16 and ..._bf16_1k; what a unit file holds is told in unit.cl. Source: AMD's
 * Matrix Instruction Calculator, --register-layout of these instructions: of A row lane % 16, of B
 * column lane % 16, terms from lane / 16 * (terms of a lane) on; of C rows lane / 16 * 4 + register of
 * column lane % 16.
 */
#define UNIT_LANES 64
#define UNIT_M 16
#define UNIT_N 16
#define UNIT_K (UNIT_PACK == 1 ? 4 : 16)
#define UNIT_A_REGISTERS (UNIT_PACK == 1 ? 1 : 2)
#define UNIT_B_REGISTERS UNIT_A_REGISTERS
#define UNIT_C_REGISTERS 4
#define UNIT_A_HELD UNIT_PACK
#define UNIT_B_HELD UNIT_PACK
/* Words that a lane has of a line, neighbours: read at once. */
#if UNIT_MODE == UNIT_F16 || UNIT_MODE == UNIT_BF16
#define UNIT_A_BY 2
#define UNIT_B_BY 2
#endif

#define UNIT_A_ROW(lane, r) ((lane) % 16)
#define UNIT_A_K(lane, r) ((lane) / 16 * UNIT_A_REGISTERS * UNIT_PACK + (r)*UNIT_PACK)
#define UNIT_B_COLUMN(lane, r) ((lane) % 16)
#define UNIT_B_K(lane, r) UNIT_A_K(lane, r)
#define UNIT_C_ROW(lane, r) ((lane) / 16 * 4 + (r))
#define UNIT_C_COLUMN(lane, r) ((lane) % 16)

#define UNIT_A_LANE(row, k) ((row) + (UNIT_PACK == 1 ? (k) : (k) / 4) * 16)
#define UNIT_A_REGISTER(row, k) (UNIT_PACK == 1 ? 0 : (k) % 4 / 2)
#define UNIT_B_LANE(k, column) ((column) + (UNIT_PACK == 1 ? (k) : (k) / 4) * 16)
#define UNIT_B_REGISTER(k, column) (UNIT_PACK == 1 ? 0 : (k) % 4 / 2)
#define UNIT_C_LANE(row, column) ((column) + (row) / 4 * 16)
#define UNIT_C_REGISTER(row, column) ((row) % 4)

#if UNIT_HAS_INSTRUCTION
#if !__has_builtin(__builtin_amdgcn_mfma_f32_16x16x4f32) ||                                        \
    !__has_builtin(__builtin_amdgcn_mfma_f32_16x16x16bf16_1k)
#error "no MFMA"
#endif
#if UNIT_MODE == UNIT_F16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

static inline void unit_multiply(float *c, const uint *a, const uint *b) {
    float4 sums = (float4)(c[0], c[1], c[2], c[3]);
#if UNIT_MODE == UNIT_F16
    sums = __builtin_amdgcn_mfma_f32_16x16x16f16(
        as_half4((uint2)(a[0], a[1])), as_half4((uint2)(b[0], b[1])), sums, 0, 0, 0);
#elif UNIT_MODE == UNIT_BF16
    sums = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(
        as_short4((uint2)(a[0], a[1])), as_short4((uint2)(b[0], b[1])), sums, 0, 0, 0);
#else
    sums = __builtin_amdgcn_mfma_f32_16x16x4f32(as_float(a[0]), as_float(b[0]), sums, 0, 0, 0);
#endif
    c[0] = sums.s0;
    c[1] = sums.s1;
    c[2] = sums.s2;
    c[3] = sums.s3;
}
#endif
