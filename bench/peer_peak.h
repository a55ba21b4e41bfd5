/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device's arithmetic gives: the peer "peak". As many floating-point operations as a case
 * has, all fused multiply-adds of its widest vectors in registers, nothing read:
 *     v[i] = fma(v[i], 1/2, 1)       for CHAINS independent v
 */
#ifndef CLEAT_BENCH_PEER_PEAK_H
#define CLEAT_BENCH_PEER_PEAK_H

#include "bench.h"

typedef struct peak_peer peak_peer;

/* NULL after bench_fail(). */
peak_peer *peak_peer_create(bench_run *run, double flop);
void peak_peer_destroy(peak_peer *peak); /* NULL is accepted */
bool peak_peer_run(void *state, int64_t calls);
/* Whether it did what it should. */
bool peak_peer_check(bench_run *run, peak_peer *peak);

#endif
