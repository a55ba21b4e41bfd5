/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_SCHEDULE_H
#define CLEAT_SCHEDULE_H

#include <cleat/export.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Learning rates over time, for the optimisers' argument learning_rate. `step` counts from 0, in
 * whatever unit the caller updates the rate in: batches or epochs. `total` and its like are such
 * counts too; from `total` on a schedule stays where it ended. Plain functions of the host: no
 * context, any thread, worked out in double precision. An argument outside of what is said here
 * gives NaN, which every optimiser refuses.
 */

/* A factor for the rate of another schedule: (step + 1) / steps before step `steps`, then 1
 * (Goyal et al. 2017, section 2.2). steps >= 0. */
CLEAT_API float cleat_schedule_warmup(int64_t steps, int64_t step);

/* rate * factor^floor(step / every); every >= 1. */
CLEAT_API float cleat_schedule_step(float rate, float factor, int64_t every, int64_t step);

/* rate * factor^step */
CLEAT_API float cleat_schedule_exponential(float rate, float factor, int64_t step);

/* lowest + (rate - lowest) * (1 - step / total)^power; total >= 1, power > 0. A power of 1 falls in
 * a straight line. */
CLEAT_API float cleat_schedule_polynomial(
    float rate, float lowest, float power, int64_t total, int64_t step);

/* lowest + (rate - lowest) * (1 + cos(pi step / total)) / 2, total >= 1 (Loshchilov & Hutter 2017,
 * equation 5). */
CLEAT_API float cleat_schedule_cosine(float rate, float lowest, int64_t total, int64_t step);

/* The same in periods, the first one of `period` steps, each `growth` times as long as the one
 * before: at its start the rate is whole again (same paper, SGDR). period and growth >= 1. */
CLEAT_API float cleat_schedule_cosine_restarts(
    float rate, float lowest, int64_t period, int64_t growth, int64_t step);

/* rate * min((step + 1) / warmup, sqrt(warmup / (step + 1))), warmup >= 1: up in a straight line,
 * then down with the root (Vaswani et al. 2017, equation 3, scaled to reach `rate`). */
CLEAT_API float cleat_schedule_inverse_sqrt(float rate, int64_t warmup, int64_t step);

/* Up from rate / 25 to rate in the first 0.3 of `total` steps and down to rate / 250000 at step
 * total - 1, both along half a cosine (Smith & Topin 2018; numbers as in PyTorch's OneCycleLR).
 * total >= 4. */
CLEAT_API float cleat_schedule_one_cycle(float rate, int64_t total, int64_t step);

#ifdef __cplusplus
}
#endif

#endif
