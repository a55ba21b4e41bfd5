/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All normalisations as one: statistics over the axes `reduced`, a scale that varies along the axes
 * `scaled`. The public functions turn their operands into that.
 */
#ifndef CLEAT_OPS_NORMALIZATION_PROBLEM_H
#define CLEAT_OPS_NORMALIZATION_PROBLEM_H

#include "core/launch.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include <cleat/normalization.h>

/* A tensor, or a plane of scratch memory in its place. */
typedef struct operand {
    bool there;
    cleat_tensor view;
    void *memory; /* a cl_mem; NULL: the view's buffer */
} operand;

typedef struct normalization {
    const char *operation;
    bool centered;     /* not of RMS norm */
    bool scale_shaped; /* `scaled` is known */
    bool reduced[CLEAT_MAX_RANK], scaled[CLEAT_MAX_RANK];
    cleat_tensor x;
    operand y, dy, dx;            /* of x's extents */
    operand scale, bias;          /* stretched to x's extents */
    operand mean, inverse;        /* of extent 1 and stride 0 on the reduced axes */
    operand dscale, dbias;        /* the same on those that are not scaled */
    operand running[2], variance; /* of batch norm: as mean */
    float epsilon, momentum;
    bool population_variance;
} normalization;

/* What a call enqueues, and its scratch memory. */
enum { NORMALIZATION_LAUNCHES = 12, NORMALIZATION_SCRATCH = 8 };
typedef struct work {
    cleat_context *context;
    launch launches[NORMALIZATION_LAUNCHES];
    int launch_count;
    void *scratch[NORMALIZATION_SCRATCH];
    int scratch_count;
    bool real64; /* of all passes */
} work;

/* An operand of x's axes in scratch memory, of extent 1 on the marked axes. */
cleat_status work_plane(work *w, const cleat_tensor *x, const bool *ones, operand *plane);
cleat_status work_reduce(work *w, const reduce_pass *pass);
cleat_status work_pass(work *w, const elementwise_pass *pass);
/* Launches all if `status` is CLEAT_OK; gives the scratch memory back. */
cleat_status work_end(work *w, cleat_status status);

/* Adds an input, stretched to the extents of the pass's output or of `like`; nothing for one that
 * is not there. */
void pass_add(elementwise_pass *pass, const operand *x, const cleat_tensor *like);
void reduce_add(reduce_pass *pass, const operand *x, const cleat_tensor *like);

/* Chooses the variant. "rows" is one launch that does all of a forward call, or dx of a backward
 * one, and reads each row once (on processors, of rows that lie together): it is added, and *done
 * is true. For "passes" the caller adds the rest. */
cleat_status normalization_by_rows(work *w, const normalization *n, bool gradient, bool *done);

cleat_status normalization_forward(cleat_context *context, const normalization *n);
cleat_status normalization_backward(cleat_context *context, const normalization *n);

#endif
