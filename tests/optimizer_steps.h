/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the optimisers share. */
#ifndef CLEAT_TESTS_OPTIMIZER_STEPS_H
#define CLEAT_TESTS_OPTIMIZER_STEPS_H

#include "harness.h"

enum { PARAMETER, GRADIENT, FIRST, SECOND, ADAM_TENSORS, THIRD = ADAM_TENSORS, STEP_TENSORS };

/* The tensors of a step, those that the optimiser remembers behind the gradient (SECOND's are not
 * negative), and what they should hold after it. */
typedef struct step {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK], count;
    int tensors;
    test_tensor tensor[STEP_TENSORS];
    double *want[STEP_TENSORS], *magnitude[STEP_TENSORS];
} step;

typedef cleat_status (*step_call)(const step *s, const void *options);

step step_make(int32_t rank, const int64_t *shape, int tensors, test_values values);
void step_free(step *s);

/* Makes `make` of all values of tensor i, on the device too. */
void step_change(step *s, int i, double (*make)(double));

/* Runs the step, then again from the same start, which must give the same bits. */
void step_run_twice(step *s, step_call call, const void *options, const char *what);

/* Against want: equal, or within the bound of so many terms of the magnitude. */
void step_compare(step *s, bool exact, int64_t terms, const char *what);

int32_t step_random_shape(int64_t shape[CLEAT_MAX_RANK]);

#endif
