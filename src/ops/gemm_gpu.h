/* SPDX-License-Identifier: Apache-2.0 */
/* What matmul and convolution share of cl/gemm_gpu.cl. */
#ifndef CLEAT_OPS_GEMM_GPU_H
#define CLEAT_OPS_GEMM_GPU_H

#include "core/tuning.h"

/*
 * Rows of tiles that work-groups walk together, column by column: gemm_tile() of cl/gemm_band.cl.
 * Some 200 groups are at work at once on a large card: as a band of 8 rows they read 8 + 25 tiles'
 * worth of operands for each step of k, as one row 201. Chosen by that arithmetic, not measured on
 * a card.
 */
enum { GEMM_BAND = 8 };

static inline int64_t gemm_band(cleat_context *context) {
    return tuning_number(context, "matmul", "gpu_band", 1, 4096, GEMM_BAND);
}

#endif
