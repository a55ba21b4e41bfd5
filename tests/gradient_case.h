/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node, and its gradients compared with differences: the node's own host function, in float64, is
 * evaluated at five points along each element of an input,
 *     dy/dx = (y(x - 2h) - 8 y(x - h) + 8 y(x + h) - y(x + 2h)) / 12h + O(h^4)
 * and the gradients of sum of r y, r drawn, are what the model gives on the device.
 */
#ifndef CLEAT_TESTS_GRADIENT_CASE_H
#define CLEAT_TESTS_GRADIENT_CASE_H

#include "graph_case.h"

enum { GRADIENT_VALUES = 4096 };

/* Begins a case; inputs follow in order. */
void gradient_begin(const char *type);
void gradient_opset(int64_t opset);
/* Outputs from the first on that the node has; of `skipped` (-1: none) there is no gradient. */
void gradient_outputs(size_t count, int skipped);
/* An input whose gradient is wanted: different numbers between low and high. */
void gradient_input(double low, double high, int32_t rank, const int64_t *shape);
/* The same, a constant without a gradient. */
void gradient_fixed(double low, double high, int32_t rank, const int64_t *shape);
/* A constant of numbers of a type: i32, i64 and bool. */
void gradient_constant(cleat_type type, int32_t rank, const int64_t *shape, const double *numbers);
void gradient_integers(int64_t count, const int64_t *numbers);
void gradient_left_out(void);
void gradient_int(const char *name, int64_t number);
void gradient_ints(const char *name, size_t count, const int64_t *numbers);
void gradient_float(const char *name, float number);
void gradient_text(const char *name, const char *text);
/* Runs it: in f32, or in f64 where the device has it and a coin says so. */
void gradient_check(void);
/* Runs it: it is refused when the graph is made (`early`) or when it runs. */
void gradient_refused(bool early, cleat_status status, const char *part);

#endif
