/* SPDX-License-Identifier: Apache-2.0 */
/* Models of one node that tensors of texts go through, for the tests of these. */
#ifndef CLEAT_TESTS_TEXT_CASE_H
#define CLEAT_TESTS_TEXT_CASE_H

#include "graph_case.h"

/* A value for cleat_model_run_values(), of the caller's texts. */
cleat_value text_value(int32_t rank, const int64_t *shape, const char *const *texts);
/* An input of a case that is given when it runs, and one that is a constant. */
case_value text_input(int32_t rank, const int64_t *shape);
case_value text_constant(cleat_type type, int32_t rank, const int64_t *shape, const void *elements);

/* The node, its inputs without elements being the model's, of this type. */
cleat_model *text_model(const graph_case *g, cleat_type type);
/* Runs the node, whose only open input is texts of rank 1; the result is the caller's to release.
 */
cleat_status text_run(
    const graph_case *g, int64_t count, const char *const *texts, cleat_value *out);

/* It is texts of this shape, the same ones. */
void text_check(const cleat_value *got, int32_t rank, const int64_t *shape, const char *const *want,
    const char *what);

#endif
