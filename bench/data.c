/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_clear_line(const bench_run *run) {
    if (run->progress != NULL) {
        run->progress->clear(run->progress->state);
    }
}

bool bench_fail(const bench_run *run, const char *format, ...) {
    va_list arguments;
    bench_clear_line(run);
    fprintf(stderr, "%s: ", run->program);
    if (run->bench_name != NULL) {
        fprintf(stderr, "%s %s: ", run->bench_name, run->case_name);
    }
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

bool bench_call(bench_run *run, cleat_status status, const char *what) {
    return status == CLEAT_OK ||
           bench_fail(run, "%s: %s: %s", what, cleat_status_name(status), cleat_error_message());
}

/* xorshift32 (Marsaglia 2003): quick, and good enough to fill operands. */
void bench_random(float *data, size_t count, uint32_t seed) {
    uint32_t bits = seed * 2654435761U + 88172645U;
    bits = bits == 0 ? 1 : bits;
    for (size_t i = 0; i < count; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 17;
        bits ^= bits << 5;
        data[i] = (float)(bits >> 8) * 0x1p-23F - 1;
    }
}

float *bench_floats(size_t count) {
    static uint32_t seed = 1;
    void *data = NULL;
    /* a cache line, as every peer would allocate its own */
    if (posix_memalign(&data, 64, count * sizeof(float) + 64) != 0) {
        fprintf(stderr, "bench: out of memory for %zu floats\n", count);
        return NULL;
    }
    bench_random(data, count, seed++);
    return data;
}

bool bench_tensor(
    bench_run *run, int32_t rank, const int64_t *shape, const float *data, cleat_tensor *tensor) {
    if (!bench_call(run, cleat_tensor_create(run->context, CLEAT_F32, rank, shape, tensor),
            "cleat_tensor_create")) {
        return false;
    }
    size_t bytes = (size_t)cleat_tensor_count(tensor) * sizeof *data;
    return data == NULL ||
           bench_call(run, cleat_write(run->context, *tensor, data, bytes), "cleat_write");
}

bool bench_within(const bench_run *run, const char *who, double got, double want, double allowed) {
    return fabs(got - want) <= allowed ||
           bench_fail(run, "%s gives %.9g, wanted %.9g +- %.2g", who, got, want, allowed);
}

int64_t bench_probe(int64_t number, int64_t count) {
    return (number * 7919 + 13) * 104729 % count;
}

double bench_allowed(
    cleat_type type, cleat_compute compute, double terms, double magnitude, double want) {
    static const double roundings[] = {[CLEAT_COMPUTE_STRICT] = 0,
        [CLEAT_COMPUTE_TF32] = 0x1p-10,
        [CLEAT_COMPUTE_TF32X3] = 0x1p-21,
        [CLEAT_COMPUTE_F16] = 0x1p-10,
        [CLEAT_COMPUTE_BF16] = 0x1p-7};
    const bool is_f32 = type == CLEAT_F32;
    const double rounding = is_f32 ? roundings[compute] : 0;
    const double g = is_f32 && compute == CLEAT_COMPUTE_STRICT ? 0x1p-24 : 0x1p-23;
    const double last = type == CLEAT_F16 ? 0x1p-11 : type == CLEAT_BF16 ? 0x1p-8 : 0x1p-24;
    return (rounding + 4 * sqrt(terms) * g) * magnitude + last * fabs(want) +
           (type == CLEAT_F16 ? 0x1p-25 : 1e-37);
}

bool bench_near(const bench_run *run, const char *who, double got, double want, double magnitude,
    double terms) {
    return bench_within(run, who, got, want,
        bench_allowed(CLEAT_F32, CLEAT_COMPUTE_STRICT, terms, magnitude, want));
}

/* A tenth of the memory is left to the driver and to whoever else uses the card. */
bool bench_fits(bench_run *run, double largest, double total) {
    const double piece = (double)run->device.max_allocation;
    const double memory = 0.9 * (double)run->device.global_memory;
    if (largest <= piece && total <= memory) {
        return true;
    }
    bench_skip skipped = {.bench = run->bench_name};
    snprintf(skipped.name, sizeof skipped.name, "%s", run->case_name);
    if (largest > piece) {
        snprintf(skipped.why, sizeof skipped.why,
            "takes %.2f GB in one piece, the device gives %.2f", 1e-9 * largest, 1e-9 * piece);
    } else {
        snprintf(skipped.why, sizeof skipped.why, "takes %.2f GB, the device has %.2f for it",
            1e-9 * total, 1e-9 * memory);
    }
    bench_clear_line(run);
    printf("  %-40s skipped: %s\n", skipped.name, skipped.why);
    if (!results_skip(run->results, &skipped)) {
        bench_fail(run, "out of memory");
    }
    return false;
}

bool bench_has_peer(const bench_run *run, const char *name) {
    for (const peer *const *p = bench_peers; run->options.peers && *p != NULL; p++) {
        if (strcmp((*p)->name, name) == 0) {
            return (*p)->available(run);
        }
    }
    return false;
}
