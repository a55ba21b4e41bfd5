/* SPDX-License-Identifier: Apache-2.0 */
/* How a caller's tensors become a model's inputs, and its results the caller's. */
#ifndef CLEAT_GRAPH_MODEL_OUTPUT_H
#define CLEAT_GRAPH_MODEL_OUTPUT_H

#include "graph/graph_program.h"

/* Refuses a model of another process, or lists that do not fit it. */
cleat_status check_run(const char *operation, const cleat_model *model, const void *inputs,
    size_t input_count, const void *outputs, size_t output_count);
/* Refuses a tensor that the model does not expect as this input. */
cleat_status check_given_input(const cleat_model *model, size_t index, const cleat_tensor *x);
/* The same of its shape alone. */
cleat_status check_given_shape(const cleat_model *model, size_t index, const cleat_tensor *x);
/* The tensor, which is valid, as a value of a run: VALUE_NONE before and after a failure. */
cleat_status borrow_input(const cleat_tensor *x, run_value *v);

/* The end of a run whose results went to `made`, a copy of the caller's list: that becomes it, or,
 * after a failure, new tensors are released again. */
void settle_outputs(cleat_status status, size_t count, cleat_tensor *made, cleat_tensor *outputs);
/* Into the tensor that is there, or, where its buffer is NULL, as a new one. */
cleat_status give_output(
    cleat_model *model, size_t index, const run_value *v, cleat_tensor *output);

/* Refuses a tensor that does not have the type and shape of the output that is made. */
cleat_status check_given_output(cleat_model *model, size_t index, cleat_type type, int32_t rank,
    const int64_t *shape, const cleat_tensor *output);

#endif
