/* SPDX-License-Identifier: Apache-2.0 */
/* From the operands of normalisations to a problem: everything that can be refused is here. */
#ifndef CLEAT_OPS_NORMALIZATION_CHECK_H
#define CLEAT_OPS_NORMALIZATION_CHECK_H

#include "core/tensor_check.h"
#include "ops/normalization_problem.h"

/* How the groups lie, all in terms of x's axes, of which a group normalisation has one more. */
typedef struct norm_groups {
    bool reduced[CLEAT_MAX_RANK];
    int64_t channel_groups; /* > 0: axis 1 is cut into so many */
    bool by_channel;        /* scale and bias are [channels]; else they are broadcast */
} norm_groups;

/* epsilon, the default filled in. */
cleat_status norm_epsilon(const char *operation, float given, float *epsilon);

/* x and another tensor of its extents, `name`: written (y, dx) or read (dy). */
cleat_status norm_begin(cleat_context *context, normalization *n, const norm_groups *groups,
    const cleat_tensor *x, const char *name, const cleat_tensor *y, bool is_output, operand *to);

/* An operand with an element for each group, or each element of the scale; NULL: not there. */
cleat_status norm_group_operand(cleat_context *context, const normalization *n,
    const norm_groups *groups, const char *name, const cleat_tensor *given, bool is_output,
    operand *to);
cleat_status norm_scale_operand(cleat_context *context, normalization *n, const norm_groups *groups,
    const char *name, const cleat_tensor *given, bool is_output, operand *to);

/* That what is written overlaps nothing else; `may_share` of `other` is the same view allowed. */
typedef struct named_operand {
    const char *name;
    const cleat_tensor *view; /* as given; NULL: not there */
    bool is_output, may_share;
} named_operand;
cleat_status norm_no_overlap(const char *operation, const named_operand *operands, int count);

/* The groups of the family: axis 1 and the ones behind it. */
cleat_status norm_channels(const char *operation, const cleat_tensor *x, int64_t channel_groups,
    bool across_samples, norm_groups *groups);

#endif
