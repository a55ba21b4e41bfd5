/* SPDX-License-Identifier: Apache-2.0 */
/* Scales and zero points, and products of 8-bit integers. */
#ifndef CLEAT_GRAPH_QUANTIZATION_H
#define CLEAT_GRAPH_QUANTIZATION_H

#include "graph/run.h"

/* A list of numbers that goes with an axis: one for all, or one for each place along it. */
typedef struct axis_numbers {
    double *numbers;
    int64_t count; /* 1, or the extent */
} axis_numbers;

/* Refuses an input that is there and is neither one number nor [extent]. */
cleat_status axis_numbers_check(const call *c, size_t input, int64_t extent);
/* An input of one number or of `extent`; `otherwise` where it is left out. */
cleat_status axis_numbers_read(
    call *c, size_t input, int64_t extent, double otherwise, axis_numbers *n);
double axis_number(const axis_numbers *n, int64_t place);

/* x rounded to the nearest whole number, of two the even one, plus zero, as element i of y, whose
 * type has up to 32 bits: the nearest that it has. */
void set_quantized(array *y, int64_t i, double x, double zero);

/* numbers[i] -= the zero point of its place along `axis`. */
void subtract_zero(
    const axis_numbers *zero, int32_t rank, const int64_t *shape, int32_t axis, double *numbers);

/* An input on the device that goes with an axis, of this type, to be broadcast to rank `rank`. */
cleat_status quantization_along(
    call *c, size_t input, cleat_type type, int32_t rank, int32_t axis, cleat_tensor *tensor);

#endif
