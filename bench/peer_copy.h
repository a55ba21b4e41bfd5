/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory gives to a plain kernel: the peer "copy". It moves as many bytes as a case does,
 * on the case's own queue, with vectors of the device's width:
 *     y[i] = x[i]        half the bytes read, half written; for all that reads and writes
 *     y[j] = sum x[i]    all read; where less than 1/16 of the traffic is written (reductions)
 *     y[i] = 1           all written; where less than 1/16 is read (fill, random numbers)
 */
#ifndef CLEAT_BENCH_PEER_COPY_H
#define CLEAT_BENCH_PEER_COPY_H

#include "bench.h"

typedef struct copy_peer copy_peer;

/* NULL after bench_fail(). */
copy_peer *copy_peer_create(bench_run *run, double bytes_read, double bytes_written);
void copy_peer_destroy(copy_peer *plain); /* NULL is accepted */
bool copy_peer_run(void *state, int64_t calls);
/* Whether it did what it should. */
bool copy_peer_check(bench_run *run, copy_peer *plain);

#endif
