/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the units and modes of unit.cl, as core/matrix_unit.h has them. */
#define UNIT_IS_NVIDIA 1
#define UNIT_IS_AMD_MFMA 2
#define UNIT_IS_AMD_WMMA 3
#define UNIT_IS_INTEL 4
#define UNIT_IS_INTEL_16 5

#define UNIT_F32 0
#define UNIT_TF32 1
#define UNIT_TF32X3 2
#define UNIT_F16 3
#define UNIT_BF16 4

#define UNIT_PACK (UNIT_MODE >= UNIT_F16 ? 2 : 1)
