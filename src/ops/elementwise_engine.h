/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fused pass over tensors of one shape, any strides: an operation writes a family file that
 * defines EXPRESSION and includes cl/elementwise_engine.cl, fills an elementwise_pass and runs it.
 */
#ifndef CLEAT_OPS_ELEMENTWISE_ENGINE_H
#define CLEAT_OPS_ELEMENTWISE_ENGINE_H

#include "core/launch.h"

enum {
    ELEMENTWISE_MAX_TENSORS = 9, /* at most 7 inputs, 2 outputs */
    ELEMENTWISE_MAX_MACROS = 4,
    ELEMENTWISE_MAX_PARAMETERS = 8
};

typedef struct elementwise_pass {
    const char *operation; /* for profile and messages */
    const char *family;    /* the file cl/FAMILY.cl */
    int input_count, macro_count, parameter_count;
    int output_count;                              /* 2, or 0 for 1 */
    cleat_tensor tensors[ELEMENTWISE_MAX_TENSORS]; /* inputs (in0, ...), then the outputs (out0);
                                                      checked, all of the outputs' shape; any types
                                                      that the family's expression takes (f16 and
                                                      bf16 are floats to it), outputs of one size;
                                                      with real64 all f64 */
    void *memory[ELEMENTWISE_MAX_TENSORS];       /* a cl_mem in place of tensors[i].buffer: scratch
                                                    memory; NULL elsewhere */
    kernel_macro macros[ELEMENTWISE_MAX_MACROS]; /* the family's own */
    double parameters[ELEMENTWISE_MAX_PARAMETERS]; /* p0, ...; f32 without real64 */
    bool real64; /* a family in terms of REAL computes in double: VALUES(1, W) are doubles */
} elementwise_pass;

/* Chooses a variant ($CLEAT_ELEMENTWISE forces one) and fills *l, for a launch_all() of several. */
cleat_status elementwise_plan(cleat_context *context, const elementwise_pass *pass, launch *l);

/* Plans and launches; nothing for zero elements. */
cleat_status elementwise_run(cleat_context *context, const elementwise_pass *pass);

/* Reorders the axes of all `count` tensors, and reverses some, so that tensor `leader` has falling
 * positive strides, then collapses: the innermost axis becomes the one to vectorise along. The
 * order of the elements changes, the same way in all. */
void tensors_arrange(cleat_tensor *tensors, int count, int leader);

/* Floats a work-item should handle at once: on processors the native register's, 4 on GPUs. */
int engine_vector_width(const device_profile *profile);

/* The same along a row of so many: where a processor's register holds 8 floats or fewer, two
 * registers'. An expression's steps wait for each other, and a processor does not look far enough
 * ahead to have much of the next vector done meanwhile; its constants are loaded once for both.
 * Rows whose ends would go one by one instead are left with one. */
int engine_row_width(const device_profile *profile, int64_t row);

/* Bytes of the elements of x that differ, for launch.bytes. */
double tensor_bytes(const cleat_tensor *x);

#endif
