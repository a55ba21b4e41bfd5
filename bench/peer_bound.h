/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds the rows that arithmetic bounds, as the peer "peak": the work that their definition
 * asks for, in registers, nothing loaded or stored. In vectors of 512 bits, for each 32 numbers
 * (include/cleat/random.h):
 *     Philox    20 products of 8 x 32 by 32 bits, 20 shifts to their upper halves, 20 exclusive ors
 * of three; bringing the words together 4 uniform   2 shifts, 2 conversions, 4 products, 2 sums
 *     normal    one logarithm (22), root, sine and cosine (20), 3 conversions, 2 products, 2 fused
 *               ones
 * and for each 16 values
 *     gelu      21 fused products, 6 products, a division, 3 sums, 4 of bits and comparison
 *     erf       18 fused products, a product, 3 sums, 7 of bits and comparison
 *     sin       11 fused products, 3 products, a sum, 9 of bits and comparison
 *     mish      11 fused products, 4 products, a division, a sum, 5 of bits and comparison
 *     softplus  19 fused products, 2 products, a sum, 4 of bits and comparison
 *     logarithm of a sum of exponentials, rows of 1,024   5 fused products, 3 sums, 2 comparisons,
 * 3 of bits; for each row a logarithm (22) cross-entropy, rows of ten   the same, 2 more of
 * comparison and 1.8 of lanes (of a square of 16 rows, quarters of rows being brought together by
 * loads); 3 for each row, and a logarithm for eight local response norm, of windows of five   5
 * fused products, 3 products, 2 roots, a division its gradient                              6, 8, 2
 * roots, a division, 4 sums Dropout has the work of uniform. To all a sum or two, so that nothing
 * is left out by the compiler.
 */
#ifndef CLEAT_BENCH_PEER_BOUND_H
#define CLEAT_BENCH_PEER_BOUND_H

#include "bench.h"

typedef enum bound_kind {
    BOUND_UNIFORM,
    BOUND_NORMAL,
    BOUND_GELU,
    BOUND_ERF,
    BOUND_SIN,
    BOUND_MISH,
    BOUND_SOFTPLUS,
    BOUND_LOCAL_NORM,
    BOUND_LOCAL_NORM_GRADIENT,
    BOUND_LOG_SUM,
    BOUND_CROSS_ENTROPY
} bound_kind;

typedef struct bound_peer bound_peer;

/* For `count` numbers or values; made, run once and checked. NULL after bench_fail(). */
bound_peer *bound_peer_create(bench_run *run, bound_kind kind, double count);
void bound_peer_destroy(bound_peer *bound); /* NULL is accepted */
bool bound_peer_run(void *state, int64_t calls);

#endif
