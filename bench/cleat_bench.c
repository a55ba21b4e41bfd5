/* SPDX-License-Identifier: Apache-2.0 */
/* The program cleat-bench: every bench, and all peers that it was built with. */
#include "bench_main.h"

#include <stdlib.h>

static const bench *const benches[] = {&bench_matmul, &bench_matmul_small, &bench_matmul_odd,
    &bench_matvec, &bench_conv, &bench_conv_backward, &bench_conv_axes, &bench_bandwidth,
    &bench_attention, &bench_recurrent,
#ifdef BENCH_HAVE_NETWORK
    &bench_train, &bench_infer,
#endif
    &bench_overhead, &bench_coldstart, &bench_model, NULL};
static const bench *const card[] = {&bench_gpu_matmul, &bench_gpu_accuracy, &bench_gpu_conv,
    &bench_gpu_infer, &bench_gpu_train, &bench_bandwidth, &bench_overhead, NULL};

int main(int argc, char **argv) {
    const bench_program program = {
        .name = "cleat-bench", .benches = benches, .card = card, .repetitions = 9, .seconds = 0.05};
    setenv("CLEAT_TUNING_FILE", "none", 0); /* what ships is measured, unless the user names one */
    return bench_main(&program, argc, argv);
}
