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
cleat_status verify_attention(cleat_context *context, bool *right);
cleat_status verify_attention_backward(cleat_context *context, bool *right);
cleat_status verify_rotary(cleat_context *context, bool *right);
cleat_status verify_local_response_norm(cleat_context *context, bool *right);
cleat_status verify_local_response_norm_backward(cleat_context *context, bool *right);
cleat_status verify_resize(cleat_context *context, bool *right);
cleat_status verify_resize_backward(cleat_context *context, bool *right);
cleat_status verify_top_k(cleat_context *context, bool *right);
cleat_status verify_gather(cleat_context *context, bool *right);
cleat_status verify_scatter(cleat_context *context, bool *right);
cleat_status verify_pad(cleat_context *context, bool *right);
cleat_status verify_cumulative(cleat_context *context, bool *right);
cleat_status verify_cross_entropy(cleat_context *context, bool *right);
cleat_status verify_cross_entropy_backward(cleat_context *context, bool *right);

/* These find out from trust_subject() and trust_checked() what is checked: a kind of normalisation,
 * recurrent network, random number or optimiser by its operation's name, a function, a loss or a
 * type of 16 bits by its variant's.
 */
cleat_status verify_random(cleat_context *context, bool *right);
cleat_status verify_optimizer(cleat_context *context, bool *right);
cleat_status verify_activation(cleat_context *context, bool *right);
cleat_status verify_activation_backward(cleat_context *context, bool *right);
cleat_status verify_unary(cleat_context *context, bool *right);
cleat_status verify_unary_backward(cleat_context *context, bool *right);
cleat_status verify_half(cleat_context *context, bool *right);
cleat_status verify_loss(cleat_context *context, bool *right);
cleat_status verify_loss_backward(cleat_context *context, bool *right);
cleat_status verify_normalization(cleat_context *context, bool *right);
cleat_status verify_normalization_backward(cleat_context *context, bool *right);
cleat_status verify_recurrent(cleat_context *context, bool *right);
cleat_status verify_recurrent_backward(cleat_context *context, bool *right);

typedef enum verify_pool_kind {
    VERIFY_POOL_MAX,
    VERIFY_POOL_AVERAGE,
    VERIFY_POOL_POWER,
    VERIFY_POOL_KINDS
} verify_pool_kind;

/* By kind and whether backward: windows as ops/pool_plane.c has them (no powers), and any. */
extern const trust_function verify_pool_plane[VERIFY_POOL_KINDS][2];
extern const trust_function verify_pool_window[VERIFY_POOL_KINDS][2];

extern const trust_function verify_conv2d[3]; /* by cleat_conv2d_direction */

#endif
