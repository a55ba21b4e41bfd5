/* SPDX-License-Identifier: Apache-2.0 */
#include <cleat/schedule.h>
#include <math.h>
#include <stdbool.h>

static const double pi = 3.14159265358979323846;

/* From `from` at part 0 to `to` at part 1, along half a cosine. */
static double along_cosine(double from, double to, double part) {
    return to + (from - to) * (1 + cos(pi * part)) / 2;
}

static double part_of(int64_t step, int64_t total) {
    return step >= total ? 1.0 : (double)step / (double)total;
}

float cleat_schedule_warmup(int64_t steps, int64_t step) {
    if (steps < 0 || step < 0) {
        return NAN;
    }
    return step >= steps ? 1.0f : (float)(((double)step + 1) / (double)steps);
}

float cleat_schedule_step(float rate, float factor, int64_t every, int64_t step) {
    if (every < 1 || step < 0) {
        return NAN;
    }
    return (float)((double)rate * pow((double)factor, (double)(step / every)));
}

float cleat_schedule_exponential(float rate, float factor, int64_t step) {
    return cleat_schedule_step(rate, factor, 1, step);
}

float cleat_schedule_polynomial(
    float rate, float lowest, float power, int64_t total, int64_t step) {
    if (total < 1 || step < 0 || !(power > 0)) {
        return NAN;
    }
    double left = pow(1 - part_of(step, total), (double)power);
    return (float)((double)lowest + ((double)rate - (double)lowest) * left);
}

float cleat_schedule_cosine(float rate, float lowest, int64_t total, int64_t step) {
    if (total < 1 || step < 0) {
        return NAN;
    }
    return (float)along_cosine((double)rate, (double)lowest, part_of(step, total));
}

float cleat_schedule_cosine_restarts(
    float rate, float lowest, int64_t period, int64_t growth, int64_t step) {
    if (period < 1 || growth < 1 || step < 0) {
        return NAN;
    }
    if (growth == 1) {
        step %= period;
    }
    while (step >= period) {
        step -= period;
        /* A period past every step there can be is as good as any longer one. */
        period = period > INT64_MAX / growth ? INT64_MAX : period * growth;
    }
    return cleat_schedule_cosine(rate, lowest, period, step);
}

float cleat_schedule_inverse_sqrt(float rate, int64_t warmup, int64_t step) {
    if (warmup < 1 || step < 0) {
        return NAN;
    }
    double now = (double)step + 1;
    double up = now / (double)warmup;
    return (float)((double)rate * (up < 1 ? up : sqrt(1 / up)));
}

float cleat_schedule_one_cycle(float rate, int64_t total, int64_t step) {
    if (total < 4 || step < 0) {
        return NAN;
    }
    const double start = (double)rate / 25;
    const double end = start / 1e4;
    const double top = 0.3 * (double)total - 1; /* the step, not whole, at which it is reached */
    const double last = (double)total - 1;
    const double now = step > total - 1 ? last : (double)step;
    bool rises = now < top;
    return (float)(rises ? along_cosine(start, (double)rate, now / top)
                         : along_cosine((double)rate, end, (now - top) / (last - top)));
}
