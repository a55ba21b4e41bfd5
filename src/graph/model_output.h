/* SPDX-License-Identifier: Apache-2.0 */
/* How a model's results become its caller's. */
#ifndef CLEAT_GRAPH_MODEL_OUTPUT_H
#define CLEAT_GRAPH_MODEL_OUTPUT_H

#include "graph/graph_program.h"

/* Into the tensor that is there, or, where its buffer is NULL, as a new one. */
cleat_status give_output(
    cleat_model *model, size_t index, const run_value *v, cleat_tensor *output);

/* Refuses a tensor that does not have the type and shape of the output that is made. */
cleat_status check_given_output(cleat_model *model, size_t index, cleat_type type, int32_t rank,
    const int64_t *shape, const cleat_tensor *output);

#endif
