/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds random numbers, as the peer "peak": the arithmetic that their definition
 * (include/cleat/random.h) asks for, in registers, nothing stored. For 32 numbers, in vectors of
 * 512 bits: Philox    20 products of 8 x 32 by 32 bits, 20 shifts to their upper halves, 20
 * exclusive ors of three; bringing the words together 4 uniform   2 shifts, 2 conversions, 4
 * products, 2 sums normal    one logarithm (22), root, sine and cosine (20), 3 conversions, 2
 * products, 2 fused ones and a sum or two, so that nothing is left out by the compiler.
 */
#ifndef CLEAT_BENCH_PEER_RANDOM_H
#define CLEAT_BENCH_PEER_RANDOM_H

#include "bench.h"

typedef struct random_peer random_peer;

/* As many numbers as `bytes` hold. NULL after bench_fail(). */
random_peer *random_peer_create(bench_run *run, bool normal, double bytes);
void random_peer_destroy(random_peer *bound); /* NULL is accepted */
bool random_peer_run(void *state, int64_t calls);
/* Whether it did what it should. */
bool random_peer_check(bench_run *run, random_peer *bound);

#endif
