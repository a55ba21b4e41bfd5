/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: values of the outermost graph that a model keeps from run to run. */
#ifndef CLEAT_GRAPH_PARAMETERS_H
#define CLEAT_GRAPH_PARAMETERS_H

#include "graph/graph_program.h"

/* Memory for them, which keeps their initial elements; after everything is folded and fused. */
cleat_status parameters_create(cleat_model *model);
void parameters_free(cleat_model *model);
/* Puts them into a run of the model's own program. */
cleat_status parameters_take(run *r);
/* Bytes that they take. */
size_t parameters_bytes(const cleat_model *model);

#endif
