/* SPDX-License-Identifier: Apache-2.0 */
/* What operations that apply an activation know of it. */
#ifndef CLEAT_OPS_ACTIVATION_TABLE_H
#define CLEAT_OPS_ACTIVATION_TABLE_H

#include "core/launch.h"
#include <cleat/activation.h>

enum { ACTIVATION_PARAMETER_COUNT = 2 };

/* An activation as kernels are told it: several share a form, with other parameters. */
typedef struct chosen_activation {
    int64_t form;                                  /* ACTIVATION of cl/activation.cl */
    double parameters[ACTIVATION_PARAMETER_COUNT]; /* as f32, but to f64 */
} chosen_activation;

/* Refuses what is no activation, and parameters it cannot have; `parameters` as in the options
 * structs, NULL: the defaults. */
cleat_status activation_choose(const char *operation, cleat_activation activation,
    const float *parameters, chosen_activation *chosen);

/* Refuses an activation whose derivative cannot be told from its output. */
cleat_status activation_check_from_output(
    const char *operation, cleat_activation activation, const chosen_activation *chosen);

/* The numbers ACTIVATION_NUMBERS of cl/numbers.cl. */
void launch_activation(launch *l, const chosen_activation *activation);

#endif
