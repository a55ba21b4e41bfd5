/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of operators. */
#include "graph/operators.h"
#include <string.h>

static const operator_entry *const lists[] = {
    operators_basic,
    operators_chain,
    operators_arithmetic,
    operators_matmul,
    operators_conv,
    operators_pool,
    operators_softmax,
    operators_reduce,
    operators_arg,
    operators_normalization,
    operators_norms,
    operators_einsum,
    operators_quantize,
    operators_integer,
    operators_recurrent,
    operators_resize,
    operators_loss,
    operators_optimizer,
    operators_sample,
    operators_detection,
    operators_spectral,
    operators_choice,
    operators_gather,
    operators_generate,
    operators_layout,
    operators_pad,
    operators_power,
    operators_select,
    operators_random,
    operators_reshape,
    operators_scatter,
    operators_unary,
    operators_views,
    operators_control,
    operators_sequence,
};

const operator_entry *operator_find(const char *type) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const operator_entry *entry = lists[i]; entry->type != NULL; entry++) {
            if (strcmp(entry->type, type) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}
