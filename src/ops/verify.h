/* SPDX-License-Identifier: Apache-2.0 */
/* What core/trust.h runs before a variant is used: small problems, compared with plain loops on the
 * host. Inputs are small integers, so that sums are exact in any order. */
#ifndef CLEAT_OPS_VERIFY_H
#define CLEAT_OPS_VERIFY_H

#include "core/trust.h"
#include <cleat/conv.h>

cleat_status verify_matmul(cleat_context *context, bool *right);
cleat_status verify_softmax(cleat_context *context, bool *right);
cleat_status verify_reduce(cleat_context *context, bool *right);
cleat_status verify_elementwise(cleat_context *context, bool *right);

extern const trust_function verify_conv2d[3]; /* by cleat_conv2d_direction */

#endif
