/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

const bench_unit unit_gflops = {"GFLOP/s", 1e-9, false};
const bench_unit unit_gbytes = {"GB/s", 1e-9, false};
const bench_unit unit_images = {"images/s", 1, false};
const bench_unit unit_microseconds = {"us", 1e6, true};
const bench_unit unit_milliseconds = {"ms", 1e3, true};
const bench_unit unit_mebibytes = {"MiB", 1, true};
const bench_unit unit_roundings = {"2^-24", 0x1p24, true};

/* Long enough for idle threads of OpenBLAS (2^26 clock ticks) and of OpenMP to fall asleep. */
static const double pause_seconds = 0.04;

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void bench_sleep(double seconds) {
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)(1e9 * (seconds - (double)left.tv_sec));
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

figure bench_figure(double *seconds, int count) {
    qsort(seconds, (size_t)count, sizeof *seconds, by_value);
    double middle =
        count % 2 != 0 ? seconds[count / 2] : (seconds[count / 2 - 1] + seconds[count / 2]) / 2;
    return (figure){middle, seconds[count / 4], seconds[count - 1 - count / 4]};
}

/* How many calls last options.seconds; the first call, which may compile, is left out. */
static bool calibrate(bench_run *run, const contender *c, int64_t *calls) {
    if (!c->run(c->state, 1)) {
        return false;
    }
    *calls = 1;
    for (;;) {
        double start = seconds_now();
        if (!c->run(c->state, *calls)) {
            return false;
        }
        double taken = seconds_now() - start;
        if (taken >= run->options.seconds) {
            return true;
        }
        double factor = taken > 0 ? 1.1 * run->options.seconds / taken : 10;
        factor = factor > 10 ? 10 : factor;
        int64_t more = (int64_t)(factor * (double)*calls);
        *calls = more > *calls ? more : *calls + 1;
    }
}

bool bench_measure(bench_run *run, const contender *contenders, size_t count, figure *figures) {
    int repetitions = run->options.repetitions;
    int64_t calls[CONTENDERS_MAX];
    double *seconds = malloc(count * (size_t)repetitions * sizeof *seconds);
    bool good = seconds != NULL && count <= CONTENDERS_MAX;
    for (size_t i = 0; good && i < count; i++) {
        good = calibrate(run, &contenders[i], &calls[i]);
    }
    for (int repetition = 0; good && repetition < repetitions; repetition++) {
        for (size_t i = 0; good && i < count; i++) {
            const contender *c = &contenders[i];
            if (run->threads > 0) {
                bench_sleep(pause_seconds);
            }
            good = c->run(c->state, 1);
            double start = seconds_now();
            good = good && c->run(c->state, calls[i]);
            seconds[i * (size_t)repetitions + (size_t)repetition] =
                (seconds_now() - start) / (double)calls[i];
        }
    }
    for (size_t i = 0; good && i < count; i++) {
        figures[i] = bench_figure(seconds + i * (size_t)repetitions, repetitions);
    }
    free(seconds);
    return good;
}

bool bench_compare(bench_run *run, const bench_unit *unit, double amount,
    const contender *contenders, size_t count) {
    figure figures[CONTENDERS_MAX];
    if (!bench_measure(run, contenders, count, figures)) {
        return bench_fail(run, "could not be measured");
    }
    if (count == 1) {
        return bench_file(run, unit, amount, figures[0], NULL, figures[0]);
    }
    bool good = true;
    for (size_t i = 1; good && i < count; i++) {
        good = bench_file(run, unit, amount, figures[0], contenders[i].name, figures[i]);
    }
    return good;
}

static figure in_unit(const bench_unit *unit, double amount, figure seconds) {
    if (unit->less_is_more) {
        double scale = unit->scale / amount;
        return (figure){seconds.median * scale, seconds.low * scale, seconds.high * scale};
    }
    double scale = unit->scale * amount;
    return (figure){scale / seconds.median, scale / seconds.high, scale / seconds.low};
}

bool bench_file(bench_run *run, const bench_unit *unit, double amount, figure cleat,
    const char *against, figure peer_figure) {
    bench_row filed = {.bench = run->bench_name, .unit = unit, .peer = against};
    for (size_t i = 0; i + 1 < sizeof filed.name && run->case_name[i] != '\0'; i++) {
        filed.name[i] = run->case_name[i];
    }
    filed.cleat = in_unit(unit, amount, cleat);
    if (against != NULL) {
        filed.peer_figure = in_unit(unit, amount, peer_figure);
        filed.ratio = peer_figure.median / cleat.median;
    }
    bench_clear_line(run);
    results_show_row(&filed);
    return results_add(run->results, &filed) || bench_fail(run, "out of memory");
}
