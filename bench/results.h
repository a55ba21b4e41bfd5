/* SPDX-License-Identifier: Apache-2.0 */
/* The rows measured so far: shown as they come, summed up at the end, written as JSON. */
#ifndef CLEAT_BENCH_RESULTS_H
#define CLEAT_BENCH_RESULTS_H

#include "bench.h"

typedef struct bench_row {
    const char *bench;
    char name[96];
    const bench_unit *unit;
    figure cleat, peer_figure; /* in the unit */
    const char *peer;          /* NULL: none */
    double ratio;              /* more is better for Cleat; 0 without a peer */
} bench_row;

/* A case for which the device is too small. */
typedef struct bench_skip {
    const char *bench;
    char name[96], why[96];
} bench_skip;

typedef struct bench_results {
    bench_row *rows;
    size_t count, capacity;
    bench_skip *skips;
    size_t skip_count;
} bench_results;

bool results_add(bench_results *results, const bench_row *added);
bool results_skip(bench_results *results, const bench_skip *skipped);
void results_free(bench_results *results);
void results_show_head(const char *name, const char *summary);
void results_show_row(const bench_row *shown);
/* The geometric mean of the ratios, by bench and peer. */
void results_show_means(const bench_results *results);
/* False when the file can't be written, or JSON is not built in; says so. */
bool results_write_json(const bench_run *run, const char *file);

/* One fact about the machine, ending with a NULL name; texts are static until the next call. */
typedef struct machine_fact {
    const char *name;
    char text[256];
} machine_fact;
const machine_fact *machine_facts(const bench_run *run);

#endif
