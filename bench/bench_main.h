/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the benches, for both programs that have them: cleat-bench and `cleat bench`.
 */
#ifndef CLEAT_BENCH_MAIN_H
#define CLEAT_BENCH_MAIN_H

#include "bench.h"

/* Those of bench_*.c; a program links the files of those that it names. */
extern const bench bench_matmul, bench_matmul_small, bench_matmul_odd, bench_matvec;
extern const bench bench_conv, bench_conv_backward, bench_conv_axes, bench_bandwidth;
extern const bench bench_attention, bench_recurrent;
extern const bench bench_train, bench_infer, bench_overhead, bench_coldstart;
extern const bench bench_gpu_matmul, bench_gpu_accuracy, bench_gpu_conv;
extern const bench bench_gpu_infer, bench_gpu_train;

/* Of the files and sizes of batches, "1,8,32", that the command line names, 1 unless told; false
 * where they are too many, none, or not built in. Without files it has no cases. */
extern bench bench_model;
bool bench_model_add(const char *file);
bool bench_model_set_batches(const char *text);

typedef struct bench_program {
    const char *name;            /* in its usage and before its messages */
    const bench *const *benches; /* "all"; ends with NULL */
    const bench *const *card; /* "gpu": those for a graphics card, likewise; NULL: no such name */
    const char *peers_of;     /* the only bench that has peers here; NULL: each may have */
    bool runs_all;            /* without a bench's name: all of them, instead of wrong usage */
    const bench_progress *progress; /* NULL: none is shown */
    int repetitions;                /* unless told */
    double seconds;                 /* unless told */
} bench_program;

/* Takes the command line apart and runs what it asks for; returns the exit status. */
int bench_main(const bench_program *program, int argc, char **argv);

#endif
