/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cleat bench`: the benches of bench/ on the user's device, with the user's tuning table. Of the
 * peers it has ONNX Runtime, which is a process of its own; others are libraries and in
 * cleat-bench.
 */
#include "bench_main.h"
#include "command.h"
#include "progress_bar.h"
#include <string.h>

static const bench *const benches[] = {&bench_matmul, &bench_matmul_small, &bench_matmul_odd,
    &bench_matvec, &bench_conv, &bench_conv_backward, &bench_conv_axes, &bench_bandwidth,
    &bench_attention, &bench_recurrent, &bench_model, NULL};

static void begin(void *state, size_t cases) {
    progress_begin(state, (double)cases);
}

static void step(void *state, const char *text) {
    progress_step(state, 1, text);
}

static void clear(void *state) {
    progress_clear(state);
}

int command_bench(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        return command_serve(argc - 1, argv + 1);
    }
    progress shown = {0};
    const bench_progress calls = {begin, step, clear, &shown};
    const bench_program program = {.name = "cleat bench",
        .benches = benches,
        .peers_of = "model",
        .runs_all = true,
        .progress = &calls,
        .repetitions = 7,
        .seconds = 0.02};
    return bench_main(&program, argc, argv);
}
