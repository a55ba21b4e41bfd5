/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of two operands one after the other, and an activation, in one pass over memory:
 *     y = activation(((x step[0] operand[0]) step[1] operand[1]) step[2] operand[2])
 * What fused graphs use; users have the single operations. */
#ifndef CLEAT_OPS_ELEMENTWISE_CHAIN_H
#define CLEAT_OPS_ELEMENTWISE_CHAIN_H

#include "core/status.h"
#include <cleat/activation.h>
#include <cleat/elementwise.h>

enum { CHAIN_STEPS = 3 };

/* The values of cleat_binary but CLEAT_POW, or these. */
enum {
    CHAIN_SUB_FROM = CLEAT_MAX + 1, /* operand - what is there */
    CHAIN_DIV_OF,                   /* operand / what is there */
    CHAIN_NONE
};

typedef struct elementwise_chain {
    int count;                          /* of steps */
    int steps[CHAIN_STEPS];             /* what each is */
    cleat_tensor operands[CHAIN_STEPS]; /* broadcast to y's shape, as x is */
    cleat_activation activation;
    const float *parameters; /* NULL: the defaults */
} elementwise_chain;

/* All of one type, f32, f16 or bf16; any strides; y may be x or an operand itself (the same view).
 * Each step is rounded, or goes into the next one's fma. Errors as of the single operations. */
cleat_status elementwise_chain_run(
    cleat_context *context, const elementwise_chain *chain, cleat_tensor x, cleat_tensor y);

#endif
