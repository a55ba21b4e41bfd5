/* SPDX-License-Identifier: Apache-2.0 */
/* A plain kernel as a peer: built from a text of the bench, without Cleat's compiler options. */
#ifndef CLEAT_BENCH_PEER_KERNEL_H
#define CLEAT_BENCH_PEER_KERNEL_H

#include "bench.h"

#include <cleat/opencl.h>

enum { KERNEL_GROUPS_PER_THREAD = 8, KERNEL_GPU_LOCAL = 64 };

typedef struct peer_kernel {
    cleat_context *context;
    const char *peer;    /* for messages */
    const char *prelude; /* text before the source; NULL: none */
    cl_program program;
    cl_kernel kernel;
    size_t items, local;
} peer_kernel;

/* Builds `name` of `source` for vectors of `width` floats, which the source calls VECTOR. */
bool peer_kernel_build(
    bench_run *run, const char *source, const char *name, int width, peer_kernel *built);
/* Enqueues it `calls` times, then waits. */
bool peer_kernel_run(const peer_kernel *built, int64_t calls);
void peer_kernel_destroy(peer_kernel *built); /* a zeroed one is accepted */

#endif
