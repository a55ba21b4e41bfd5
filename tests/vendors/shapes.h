/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of vendor_shapes share; shapes.c tells what it is. */
#ifndef CLEAT_TESTS_SHAPES_H
#define CLEAT_TESTS_SHAPES_H

#include <cleat/cleat.h>

#include <stdio.h>
#include <stdlib.h>

extern bool brief; /* --short */
extern cleat_context *context;

/* Counts a call that failed, and tells of it. */
void report(cleat_status status, const char *call);
#define DO(call) report(call, #call)

/* Tensors of the case that runs. end_case() releases them. */
cleat_tensor tensor(cleat_type type, int32_t rank, const int64_t *shape);
cleat_tensor like(cleat_tensor x);
void end_case(void);
#define RANK(...) ((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define F32(...) tensor(CLEAT_F32, RANK(__VA_ARGS__), (int64_t[]){__VA_ARGS__})

/* By the card's matrix unit: shapes_units.c */
void multiply_by_units(void);
void convolve_by_units(void);

#endif
