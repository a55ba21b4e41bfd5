/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/optimizer_schedule.h"
#include "core/launch.h"
#include <math.h>

cleat_status adam_schedule(cleat_context *context, bool decoupled, cleat_tensor rate,
    cleat_tensor steps, cleat_tensor schedule, const cleat_adam_options *options) {
    const cleat_adam_options o = adam_numbers(options);
    launch l = launch_begin("adam_schedule", "optimizer_schedule", "optimizer_schedule");
    launch_use_index64(&l, rate.offset > INT32_MAX || steps.offset > INT32_MAX ||
                               schedule.offset > INT32_MAX - ADAM_SCHEDULE);
    launch_use_real64(&l, context_profile(context)->info.has_fp64 ? CLEAT_F64 : schedule.type);
    launch_macro_text(&l, "RESULT", schedule.type == CLEAT_F64 ? "double" : "float");
    launch_tensor(&l, &rate);
    launch_index(&l, rate.offset);
    launch_tensor(&l, &steps);
    launch_index(&l, steps.offset);
    launch_tensor(&l, &schedule);
    launch_index(&l, schedule.offset);
    launch_real(&l, log((double)o.beta1));
    launch_real(&l, log((double)o.beta2));
    launch_real(&l, decoupled ? (double)o.weight_decay : 0);
    launch_size_1d(&l, 1, 1);
    return launch_all(context, &l, 1);
}
