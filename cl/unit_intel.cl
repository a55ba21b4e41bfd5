/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's DPAS by cl_intel_subgroup_matrix_multiply_accumulate (..._tf32 for tf32); what a unit file
 * holds is told in unit.cl. Sub-groups have 8 work-items where the hardware's smallest have 8 (Arc,
 * Data Center Flex), 16 where they have 16 (Data Center Max, Arc B). Source: the texts of the two
 * extensions: component r of A is row r, of which a work-item holds one element, or of 16 bits in
 * sub-groups of 8 two; of B component r holds terms 2 r and 2 r + 1 of the work-item's column; of C
 * row r of that column. Of A in tf32 the first eight work-items hold row 2 r, the others row 2 r + 1.
 */
#define UNIT_LANES (MATRIX_UNIT == UNIT_IS_INTEL_16 ? 16 : 8)
#define UNIT_M 8
#define UNIT_N UNIT_LANES
#define UNIT_K (8 * UNIT_PACK)
#define UNIT_A_REGISTERS (UNIT_PACK == 1 ? 4 : 8)
#define UNIT_B_REGISTERS 8
#define UNIT_C_REGISTERS 8
#define UNIT_A_HELD (MATRIX_UNIT == UNIT_IS_INTEL_16 ? 1 : 2)
#define UNIT_B_HELD UNIT_PACK
/* Words that a lane has of a column, neighbours: read at once. */
#define UNIT_B_BY 4

#define UNIT_A_ROW(lane, r) (UNIT_PACK == 1 ? 2 * (r) + (lane) / 8 : (r))
#define UNIT_A_K(lane, r) (UNIT_PACK == 1 ? (lane) % 8 : (lane)*UNIT_A_HELD)
#define UNIT_B_COLUMN(lane, r) (lane)
#define UNIT_B_K(lane, r) ((r)*UNIT_PACK)
#define UNIT_C_ROW(lane, r) (r)
#define UNIT_C_COLUMN(lane, r) (lane)

#define UNIT_A_LANE(row, k) (UNIT_PACK == 1 ? (row) % 2 * 8 + (k) : (k) / UNIT_A_HELD)
#define UNIT_A_REGISTER(row, k) (UNIT_PACK == 1 ? (row) / 2 : (row))
#define UNIT_B_LANE(k, column) (column)
#define UNIT_B_REGISTER(k, column) ((k) / UNIT_PACK)
#define UNIT_C_LANE(row, column) (column)
#define UNIT_C_REGISTER(row, column) (row)

#if UNIT_HAS_INSTRUCTION
#if !defined(cl_intel_subgroup_matrix_multiply_accumulate)
#error "no DPAS"
#endif
#pragma OPENCL EXTENSION cl_intel_required_subgroup_size : enable
#define UNIT_SUB_GROUP __attribute__((intel_reqd_sub_group_size(UNIT_LANES)))

/* Arrays of registers as the vectors that the function takes: put together from numbers, each would be
 * copied before and after. */
static inline void unit_multiply(float *c, const uint *a, const uint *b) {
    const int8 words_b = *(const int8 *)b;
    float8 *const sums = (float8 *)c;
#if UNIT_PACK == 1
    *sums = intel_sub_group_tf32_tf32_matrix_mad_k8(*(const float4 *)a, as_float8(words_b), *sums);
#else
#if MATRIX_UNIT == UNIT_IS_INTEL_16
    const short8 rows_a = convert_short8(*(const uint8 *)a);
#else
    const int8 rows_a = *(const int8 *)a;
#endif
#if UNIT_MODE == UNIT_F16
    *sums = intel_sub_group_f16_f16_matrix_mad_k16(rows_a, words_b, *sums);
#else
    *sums = intel_sub_group_bf16_bf16_matrix_mad_k16(rows_a, words_b, *sums);
#endif
#endif
}
#endif
