/* SPDX-License-Identifier: Apache-2.0 */
/* What choosing a convolution's variant and packing its weights know of gpu_winograd. */
#ifndef CLEAT_OPS_CONV2D_GPU_WINOGRAD_H
#define CLEAT_OPS_CONV2D_GPU_WINOGRAD_H

#include "ops/conv2d_problem.h"

/* Whether it is allowed, supported, and likely to be faster than gpu_gemm. */
bool conv2d_winograd_pays(const device_profile *profile, const conv2d_problem *problem);

/* Whether weights are worth keeping transformed on the device, and how many bytes that takes. */
bool conv2d_winograd_packs(
    const device_profile *profile, const cleat_tensor *w, int64_t groups, size_t *bytes);

/* The pack_function of such weights: layout[0] is the number of groups. */
cleat_status conv2d_winograd_pack(cleat_context *context, const cleat_packed *packed);

bool conv2d_gpu_winograd_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu_winograd(cleat_context *context, const void *problem); /* and data */

#endif
