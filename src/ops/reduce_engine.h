/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reduction over any axes of an expression of up to five tensors, any strides: an operation
 * writes a family file that defines EXPRESSION and includes cl/reduce_engine.cl, fills a
 * reduce_pass and runs it.
 */
#ifndef CLEAT_OPS_REDUCE_ENGINE_H
#define CLEAT_OPS_REDUCE_ENGINE_H

#include "core/launch.h"

enum { REDUCE_MAX_INPUTS = 5, REDUCE_MAX_MACROS = 4, REDUCE_MAX_LAUNCHES = 2 };

/* Values of REDUCTION in cl/reduce_state.cl. The results of the first three can be two: the second
 * is the sum of a second expression. */
typedef enum reduce_what {
    REDUCE_SUM,
    REDUCE_MAX, /* NaN wins */
    REDUCE_PRODUCT,
    REDUCE_MOMENTS, /* the sum of squared distances from the mean; second: the mean */
    REDUCE_LOG_SUM, /* log of the sum of exp */
    REDUCE_PLACE /* where the maximum is: i32, or i64 if `wide`. inputs[1] has no memory: its offset
                  and strides tell the place, and -1 - place where the last is wanted */
} reduce_what;

/* Values of ROOT in cl/reduce_engine.cl */
typedef enum reduce_root {
    ROOT_NONE,
    ROOT_SQUARE,
    ROOT_INVERSE /* 1 / sqrt(result + p0) */
} reduce_root;

typedef struct reduce_pass {
    const char *operation; /* for profile and messages */
    const char *family;    /* the file cl/FAMILY.cl */
    int input_count, macro_count;
    cleat_tensor inputs[REDUCE_MAX_INPUTS]; /* in0, ...; f32, f16, bf16, or all f64 with
                                               real64; checked, all of one shape */
    void *input_memory[REDUCE_MAX_INPUTS];  /* a cl_mem in place of inputs[t].buffer: scratch
                                               memory; else NULL */
    bool reduced[CLEAT_MAX_RANK];           /* which axes of the inputs are summed over */
    cleat_tensor output;                    /* of the inputs' rank, with extent 1 on those axes; of
                                               any type that an input may have */
    void *output_memory; /* a cl_mem in place of output.buffer: scratch memory; else NULL */
    reduce_what what;
    bool has_second;     /* the expression has a second value, which is summed */
    bool wants_second;   /* the second result goes to: */
    cleat_tensor second; /* of output's shape */
    void *second_memory; /* likewise */
    bool accumulate;     /* sums: add to the output */
    reduce_root root;    /* of the first result */
    bool wide;
    bool real64;    /* the family, in terms of REAL, computes in double; all tensors are f64 */
    double divisor; /* of the first result; f32 without real64, as p0 */
    double p0;      /* a number for the expression */
    kernel_macro macros[REDUCE_MAX_MACROS]; /* the family's own */
} reduce_pass;

/* Moves the axes that are (or are not) reduced into a tensor of their own, without the offset. */
cleat_tensor reduce_select_axes(const cleat_tensor *x, const bool *reduced, bool wanted);

/*
 * Chooses a variant ($CLEAT_REDUCE forces one) and appends to launches[*count] one or two launches,
 * for a launch_all() of several. *scratch is what they need until then: scratch_release() it, also
 * after a failure.
 */
cleat_status reduce_plan(
    cleat_context *context, const reduce_pass *pass, launch *launches, int *count, void **scratch);

/* Plans and launches; nothing for zero outputs. */
cleat_status reduce_run(cleat_context *context, const reduce_pass *pass);

#endif
