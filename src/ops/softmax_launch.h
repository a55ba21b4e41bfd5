/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches of the softmax kernels, for softmax itself and for losses made of it:
 * cl/softmax_common.cl tells the formulas.
 */
#ifndef CLEAT_OPS_SOFTMAX_LAUNCH_H
#define CLEAT_OPS_SOFTMAX_LAUNCH_H

#include "core/launch.h"

/* Values of MODE in cl/softmax_common.cl */
typedef enum softmax_mode {
    MODE_SOFTMAX,
    MODE_LOG_SOFTMAX,
    MODE_SOFTMAX_BACKWARD,
    MODE_LOG_SOFTMAX_BACKWARD,
    MODE_CROSS_ENTROPY,
    MODE_CROSS_ENTROPY_BACKWARD
} softmax_mode;

/* Kernels: softmax_rows, FORM of cl/softmax.cl, softmax_short, _strips, _turned */
typedef enum softmax_form {
    FORM_ROWS, /* rows that lie side by side, of 16 elements or more */
    FORM_COLUMNS,
    FORM_GROUPS,
    FORM_ITEMS,
    FORM_SHORT,  /* rows that lie side by side, shorter */
    FORM_STRIPS, /* rows whose elements are neighbours of other rows' */
    FORM_TURNED  /* short ones, a program for each length */
} softmax_form;

enum { SOFTMAX_MAX_TENSORS = 3 };

typedef struct softmax_problem {
    const char *operation;
    softmax_mode mode;
    int input_count;
    cleat_tensor kept[SOFTMAX_MAX_TENSORS]; /* inputs, then the output, without the axis */
    int64_t step[SOFTMAX_MAX_TENSORS];      /* stride along the axis */
    int64_t length;
    bool index64;
    /* Cross-entropy: rank 1, an element a row; dloss.buffer NULL: ones. */
    cleat_tensor labels, dloss;
    double divisor;
    bool weighed;        /* cross-entropy: the loss of cl/loss_weight.cl, with these */
    cleat_tensor weight; /* of classes; buffer NULL: ones */
    void *totals;        /* a cl_mem of two numbers; NULL: only asked what is supported */
    double own_share, smoothing, weight_total; /* the last 0: it is in totals */
    const int32_t *ignored;                    /* NULL: none */
    bool sums;        /* FORM_TURNED: a work-item writes the sum of its rows' losses alone */
    void *out_memory; /* a cl_mem in place of the output's buffer; else NULL */
    launch *result;
} softmax_problem;

/* Of tensors of one shape, the inputs, then the output; axes are arranged and collapsed. */
softmax_problem softmax_arrange(const char *operation, softmax_mode mode, int input_count,
    const cleat_tensor *tensors, int32_t axis);

/* Whether this form can do it: rows and short ones want their elements side by side. */
bool softmax_supports(softmax_form form, const softmax_problem *p, const device_profile *profile);

/* Whether a work-item of one of the processors' forms is as short as the device wants it. */
bool softmax_items_are_short(
    softmax_form form, const softmax_problem *p, const device_profile *profile);

/* How many rows a task of softmax_strips has; 0: that can't do it here. */
int64_t softmax_strip(const softmax_problem *p, const device_profile *profile);

/* The arguments of cl/loss_weight.cl. */
void softmax_add_weights(const softmax_problem *p, launch *l);

/* Fills *p->result. */
void softmax_fill(softmax_form form, const device_profile *profile, const softmax_problem *p);

#endif
