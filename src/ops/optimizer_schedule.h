/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of optimisers whose learning rate and number of steps lie on the device, so that the same
 * launches make one step after the other: for graphs, whose runs are repeated. A schedule is a
 * contiguous tensor of the parameters' type: of SGD the rate; of Adam what adam_schedule() makes.
 */
#ifndef CLEAT_OPS_OPTIMIZER_SCHEDULE_H
#define CLEAT_OPS_OPTIMIZER_SCHEDULE_H

#include "core/status.h"
#include <cleat/optimizer.h>

enum { ADAM_SCHEDULE = 3 }; /* numbers */

/* cleat_sgd_step(), with learning_rate where there is no schedule. */
cleat_status sgd_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    const cleat_tensor *velocity, float learning_rate, const cleat_tensor *schedule,
    const cleat_sgd_options *options);
/* cleat_adam_step() or, decoupled, cleat_adamw_step(); with a schedule ordinal is 1. */
cleat_status adam_step(cleat_context *context, bool decoupled, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, cleat_tensor v, int64_t ordinal, float learning_rate,
    const cleat_tensor *schedule, const cleat_adam_options *options);

/* Refuses numbers outside of what is allowed; of Adam those of adam_numbers(). */
cleat_status sgd_check(const char *operation, const cleat_sgd_options *options);
cleat_status adam_check(const char *operation, const cleat_adam_options *options);
/* With the defaults in their places. */
cleat_adam_options adam_numbers(const cleat_adam_options *options);

/* steps, one f32 number, becomes one more; schedule, f32 or f64 [ADAM_SCHEDULE], what a step of
 * that number with this rate, one f32 number, takes. They have been checked. */
cleat_status adam_schedule(cleat_context *context, bool decoupled, cleat_tensor rate,
    cleat_tensor steps, cleat_tensor schedule, const cleat_adam_options *options);

#endif
