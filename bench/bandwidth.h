/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that read each element once and do little with it. bench_bandwidth.c runs them; the
 * families, one file each, say what a case does. A case counts the least traffic: every operand
 * read once, every result written once, in float32 elements unless its name says otherwise.
 */
#ifndef CLEAT_BENCH_BANDWIDTH_H
#define CLEAT_BENCH_BANDWIDTH_H

#include "bench.h"

enum { TRAFFIC_TENSORS = 5, TRAFFIC_PROBES = 64 };

typedef struct traffic_case traffic_case;

/* One case being run. */
typedef struct traffic {
    const traffic_case *of;
    cleat_context *context;
    cleat_tensor tensors[TRAFFIC_TENSORS]; /* owned */
    float *host[TRAFFIC_TENSORS];          /* the random values written there; NULL: none */
    int count;
    cleat_tensor view;        /* of an operand as the call takes it, where it is not the tensor */
    double read, written;     /* bytes of one call */
    float *result;            /* what check() looks at: the output's elements */
    const cleat_tensor *from; /* the output */
    struct bound_peer *bound; /* made where arithmetic bounds the case; NULL: none */
} traffic;

typedef struct traffic_family {
    bool (*prepare)(bench_run *run, traffic *t); /* makes the tensors and counts the bytes */
    cleat_status (*call)(traffic *t);
    bool (*check)(bench_run *run, const traffic *t); /* t->result after one call; some elements */
} traffic_family;

struct traffic_case {
    const char *name;
    const traffic_family *family;
    int choice, form; /* meaning by family */
    int64_t shape[4];
};

/* The families' cases and how many there are of each. */
enum {
    TRAFFIC_ACTIVATIONS = 28,
    TRAFFIC_ELEMENTWISE = 29,
    TRAFFIC_ROWS = 43,
    TRAFFIC_POOLS = 14,
    TRAFFIC_WINDOWS = 5,
    TRAFFIC_INDEX = 8,
    TRAFFIC_NORMALIZATION = 9,
    TRAFFIC_HALVES = 6,
    TRAFFIC_CASES = TRAFFIC_ACTIVATIONS + TRAFFIC_ELEMENTWISE + TRAFFIC_ROWS + TRAFFIC_POOLS +
                    TRAFFIC_WINDOWS + TRAFFIC_INDEX + TRAFFIC_NORMALIZATION + TRAFFIC_HALVES
};
extern const traffic_case traffic_activations[TRAFFIC_ACTIVATIONS];
extern const traffic_case traffic_elementwise[TRAFFIC_ELEMENTWISE];
extern const traffic_case traffic_rows[TRAFFIC_ROWS];
extern const traffic_case traffic_pools[TRAFFIC_POOLS];
extern const traffic_case traffic_windows[TRAFFIC_WINDOWS];
extern const traffic_case traffic_index[TRAFFIC_INDEX];
extern const traffic_case traffic_normalization[TRAFFIC_NORMALIZATION];
extern const traffic_case traffic_halves[TRAFFIC_HALVES];

/* Adds a tensor of random values in [-scale, scale), read once by each call. */
bool traffic_input(bench_run *run, traffic *t, int32_t rank, const int64_t *shape, float scale);
/* Adds the tensor that a call writes and check() sees. */
bool traffic_output(bench_run *run, traffic *t, int32_t rank, const int64_t *shape);
/* The same in another type: the host's values are what its elements are. */
bool traffic_input_of(
    bench_run *run, traffic *t, cleat_type type, int32_t rank, const int64_t *shape);
bool traffic_output_of(
    bench_run *run, traffic *t, cleat_type type, int32_t rank, const int64_t *shape);
#endif
