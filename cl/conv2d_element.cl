/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of a convolution in memory, for GPUs: f32, or with CONV2D_HALF (7 f16, 8 bf16: half.cl) of 16
 * bits, one at a time as floats and four at a time as they are. Include after common.cl. */
#if CONV2D_HALF
#include "half.cl"
HALF_FUNCTIONS(CONV2D_HALF, 1)
#define CONV2D_ELEMENT ushort
#define CONV2D_QUAD ushort4
#define CONV2D_GET(p) LOAD_HALF(CONV2D_HALF, 1, p)
#define CONV2D_PUT(p, x) STORE_HALF(CONV2D_HALF, 1, x, p);
#else
#define CONV2D_ELEMENT float
#define CONV2D_QUAD float4
#define CONV2D_GET(p) (*(p))
#define CONV2D_PUT(p, x) *(p) = (x);
#endif
