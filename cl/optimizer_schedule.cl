/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one step of Adam needs beside its tensors, where the learning rate and the number of steps lie
 * in memory (src/ops/optimizer_schedule.h):
 *
 *   t = steps + 1;  steps = t
 *   schedule = { rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 1 - rate * decay }
 *
 * with beta^t = exp(t log beta), log1 and log2 being the logarithms, so that 1 - beta^t does not
 * cancel. One work-item. steps and rate are floats, the schedule is of type RESULT. REAL is double where
 * the device has it, whatever RESULT is: then all is rounded once, as on the host.
 * Macros: RESULT (float or double), REAL_IS_DOUBLE.
 */
#include "common.cl"

kernel void optimizer_schedule(const global float *rates, const INDEX rate_offset,
    global float *steps, const INDEX step_offset, global RESULT *schedule, const INDEX offset,
    const REAL log1, const REAL log2, const REAL decay) {
    if (get_global_id(0) != 0) {
        return;
    }
    const REAL rate = (REAL)rates[rate_offset];
    const float step = steps[step_offset] + 1.0f;
    steps[step_offset] = step;
    schedule[offset] = (RESULT)(rate / -expm1((REAL)step * log1));
    schedule[offset + 1] = (RESULT)(REAL_CONSTANT(1.0) / sqrt(-expm1((REAL)step * log2)));
    schedule[offset + 2] = (RESULT)(REAL_CONSTANT(1.0) - rate * decay);
}
