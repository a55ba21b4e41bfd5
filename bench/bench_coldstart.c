/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user waits for at the start. Case "warm": from the start of a fresh process to its first
 * product of 512 x 512 x 512 read back, everything cached on disk, against a bare OpenCL program
 * that does the same with one ready kernel, from a program binary or from the driver's own cache,
 * whichever is faster. The other cases: the first call of each operation with empty caches,
 * driver's and Cleat's. The programs are those of bench/coldstart/.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "bench.h"
#include "child.h"
#include "coldstart/operations.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

/* ---- A folder for caches that nobody else uses ---- */

static bool make_folder(const bench_run *run, char *path) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, PATH_SIZE, "%s/cleat-bench-XXXXXX", parent != NULL ? parent : "/tmp");
    return mkdtemp(path) != NULL || bench_fail(run, "no folder %s", path);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static void remove_folder(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Warm ---- */

/* Seconds from the start of a program to its line "ready". */
static bool time_start(const bench_run *run, const char *const *arguments, double *seconds) {
    child started;
    char line[32] = "";
    double start = seconds_now();
    if (!child_start(&started, arguments, NULL)) {
        return bench_fail(run, "%s could not be started", arguments[0]);
    }
    bool ready = fgets(line, sizeof line, started.from) != NULL;
    *seconds = seconds_now() - start;
    return (child_end(&started) == 0 && ready) || bench_fail(run, "%s failed", arguments[0]);
}

enum { STARTERS = 3, WARMING = 2 };

/* In turns; the runs before fill the caches. */
static bool measure_starts(
    bench_run *run, const char *const (*starters)[6], int count, figure *figures) {
    int repetitions = run->options.repetitions;
    double *seconds = malloc((size_t)(count * repetitions) * sizeof *seconds);
    bool good = seconds != NULL;
    for (int repetition = -WARMING; repetition < repetitions; repetition++) {
        for (int i = 0; good && i < count; i++) {
            double taken = 0;
            bench_sleep(0.02);
            good = time_start(run, starters[i], &taken);
            if (good && repetition >= 0) {
                seconds[i * repetitions + repetition] = taken;
            }
        }
    }
    for (int i = 0; good && i < count; i++) {
        figures[i] = bench_figure(seconds + i * repetitions, repetitions);
    }
    free(seconds);
    return good;
}

static bool run_warm(bench_run *run) {
    char folder[PATH_SIZE], file[PATH_SIZE + 16], platform[16], device[16], chosen[40];
    snprintf(platform, sizeof platform, "%d", (int)run->device.platform_index);
    snprintf(device, sizeof device, "%d", (int)run->device.device_index);
    snprintf(chosen, sizeof chosen, "%s:%s", platform, device);
    if (!make_folder(run, folder)) {
        return false;
    }
    snprintf(file, sizeof file, "%s/product.bin", folder);
    const char *const starters[STARTERS][6] = {{BENCH_START_CLEAT, chosen, NULL},
        {BENCH_START_OPENCL, platform, device, "source", NULL},
        {BENCH_START_OPENCL, platform, device, "binary", file, NULL}};
    figure figures[STARTERS];
    int count = run->options.peers ? STARTERS : 1;
    bool good = measure_starts(run, starters, count, figures);
    remove_folder(folder);
    const figure *best =
        count == 1 || figures[1].median < figures[2].median ? &figures[1] : &figures[2];
    return good && bench_file(run, &unit_milliseconds, 1, figures[0], count > 1 ? "opencl" : NULL,
                       count > 1 ? *best : figures[0]);
}

/* ---- Cold ---- */

static const char *const operations[] = {
#define ROW(name) #name
    OPERATIONS(ROW)
#undef ROW
};

enum { OPERATION_COUNT = sizeof operations / sizeof operations[0] };

/* One process with caches of its own, which are empty. */
static bool time_first_call(
    const bench_run *run, const char *operation, const char *device, double *seconds) {
    char folder[PATH_SIZE], driver_cache[PATH_SIZE + 32], cache[PATH_SIZE + 32], line[64] = "";
    if (!make_folder(run, folder)) {
        return false;
    }
    snprintf(driver_cache, sizeof driver_cache, "POCL_CACHE_DIR=%s", folder);
    snprintf(cache, sizeof cache, "CLEAT_CACHE_DIR=%s/cleat", folder);
    const char *const arguments[] = {BENCH_FIRST_CALL, operation, device, NULL};
    const char *const settings[] = {driver_cache, cache, NULL};
    child caller;
    bool good = child_start(&caller, arguments, settings) &&
                fgets(line, sizeof line, caller.from) != NULL && sscanf(line, "%lf", seconds) == 1;
    good = child_end(&caller) == 0 && good;
    remove_folder(folder);
    return good || bench_fail(run, "first_call failed");
}

enum { COLD_REPETITIONS = 3 };

static bool run_cold(bench_run *run, const char *operation) {
    char device[40];
    double seconds[COLD_REPETITIONS];
    snprintf(device, sizeof device, "%d:%d", (int)run->device.platform_index,
        (int)run->device.device_index);
    for (int i = 0; i < COLD_REPETITIONS; i++) {
        if (!time_first_call(run, operation, device, &seconds[i])) {
            return false;
        }
    }
    figure first = bench_figure(seconds, COLD_REPETITIONS);
    return bench_file(run, &unit_milliseconds, 1, first, NULL, first);
}

static void coldstart_name(size_t index, char *text, size_t size) {
    if (index == 0) {
        snprintf(text, size, "warm 512x512x512");
    } else {
        snprintf(text, size, "cold %s", operations[index - 1]);
    }
}

static bool coldstart_run(bench_run *run, size_t index) {
    return index == 0 ? run_warm(run) : run_cold(run, operations[index - 1]);
}

const bench bench_coldstart = {"coldstart",
    "from a process's start, caches warm; first calls, cold", 1 + OPERATION_COUNT, coldstart_name,
    coldstart_run};
