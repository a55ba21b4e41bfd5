/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a matrix unit's instruction gives (cl/unit.cl): "peak" for products that may use one. As
 * many floating-point operations as a case has, all by the instruction on registers, nothing read;
 * words of one number, which need less power than a product's do. The kernel's text comes from the
 * folder cl/ of the source tree, or $CLEAT_KERNEL_DIR.
 */
#ifndef CLEAT_BENCH_PEER_UNIT_H
#define CLEAT_BENCH_PEER_UNIT_H

#include "bench.h"

typedef struct unit_peer unit_peer;

/* What the unit is to multiply: f32's tf32, or tf32 thrice for each product, or 16 bits. */
typedef enum unit_mode {
    UNIT_PEER_TF32,
    UNIT_PEER_TF32X3,
    UNIT_PEER_F16,
    UNIT_PEER_BF16
} unit_mode;

/* Whether $CLEAT_PROFILE has a unit emulated; then figures mean nothing. */
bool unit_peer_is_emulated(void);

/* Made, run once and checked. NULL where the device has no such unit. */
unit_peer *unit_peer_create(bench_run *run, unit_mode mode, double flop);
void unit_peer_destroy(unit_peer *unit); /* NULL is accepted */
bool unit_peer_run(void *state, int64_t calls);

#endif
