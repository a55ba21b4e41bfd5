/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of operators. */
#include "graph/operators.h"
#include <string.h>

static const operator_entry *const lists[] = {
    operators_basic,
    operators_chain,
    operators_attention,
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
    operators_text,
};

/* Of tensors of texts only what moves elements, which pick.h has for any type, and op_text.c. Bit
 * i: input i may be one. */
static const struct {
    const char *type;
    unsigned inputs;
} of_texts[] = {
    {"Cast", 1},
    {"CastLike", 3},
    {"Compress", 1},
    {"Concat", ~0u},
    {"DepthToSpace", 1},
    {"Equal", 3},
    {"Expand", 1},
    {"Flatten", 1},
    {"Gather", 1},
    {"GatherElements", 1},
    {"GatherND", 1},
    {"Identity", 1},
    {"Loop", ~3u},
    {"Optional", 1},
    {"OptionalGetElement", 1},
    {"OptionalHasElement", 1},
    {"Reshape", 1},
    {"ReverseSequence", 1},
    {"Scatter", 5},
    {"ScatterElements", 5},
    {"ScatterND", 5},
    {"SequenceConstruct", ~0u},
    {"SequenceInsert", 2},
    {"SequenceMap", ~1u},
    {"Shape", 1},
    {"Size", 1},
    {"Slice", 1},
    {"SpaceToDepth", 1},
    {"Split", 1},
    {"SplitToSequence", 1},
    {"Squeeze", 1},
    {"StringNormalizer", 1},
    {"TfIdfVectorizer", 1},
    {"Tile", 1},
    {"Transpose", 1},
    {"Unsqueeze", 1},
    {"Where", 6},
};

bool operator_takes_texts(const operator_entry *entry, size_t input) {
    for (size_t i = 0; i < sizeof of_texts / sizeof *of_texts; i++) {
        if (strcmp(of_texts[i].type, entry->type) == 0) {
            return (of_texts[i].inputs >> (input < 31 ? input : 31) & 1) != 0;
        }
    }
    return false;
}

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
