/* SPDX-License-Identifier: Apache-2.0 */
/* Which operators have gradients. */
#include "graph/gradient.h"
#include "graph/operators.h"
#include <string.h>

static const gradient_entry *const lists[] = {
    gradients_basic,
    gradients_arithmetic,
    gradients_matmul,
    gradients_conv,
    gradients_pool,
    gradients_softmax,
    gradients_reduce,
    gradients_arg,
    gradients_normalization,
    gradients_norms,
    gradients_resize,
    gradients_loss,
    gradients_choice,
    gradients_gather,
    gradients_layout,
    gradients_pad,
    gradients_power,
    gradients_random,
    gradients_reshape,
    gradients_unary,
    gradients_views,
};

static const char *const none[] = {"Shape", "Size", "Equal", "Less", "LessOrEqual", "Greater",
    "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf", "ArgMax", "ArgMin", "OneHot",
    "NonZero", "EyeLike", "ConstantOfShape", "Constant", "Range", "Sign", "Floor", "Ceil", "Round",
    "Hardmax", "RandomNormalLike", "RandomUniformLike", "RandomNormal", "RandomUniform",
    "Bernoulli", "Multinomial"};

const gradient_entry *gradient_find(const char *type) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const gradient_entry *entry = lists[i]; entry->node.type != NULL; entry++) {
            if (strcmp(entry->node.type, type) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}

bool gradient_has(uint32_t mask, size_t input) {
    return (mask >> (input < 15 ? input : 15) & 1) != 0;
}

bool gradient_is_none(const char *type) {
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (strcmp(none[i], type) == 0) {
            return true;
        }
    }
    return false;
}
