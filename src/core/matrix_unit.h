/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix units (cl/unit.cl): which instruction multiplies small matrices on a device, if any does.
 * Neither a name nor an extension's text decides that, but a probe: a small kernel, built and run
 * with its results checked, before a mode's first use. Its verdict is kept like those of
 * core/trust.h.
 */
#ifndef CLEAT_CORE_MATRIX_UNIT_H
#define CLEAT_CORE_MATRIX_UNIT_H

#include "core/launch.h"

/* How the unit takes its operands: UNIT_MODE of cl/unit.cl. Sums are in f32. */
typedef enum matrix_mode {
    MATRIX_F32,
    MATRIX_TF32,
    MATRIX_TF32X3, /* split in two tf32 each, by a unit that has tf32 */
    MATRIX_F16,
    MATRIX_BF16
} matrix_mode;

enum { MATRIX_LINE = 16 }; /* UNIT_LINE of cl/unit.cl */

typedef struct matrix_unit {
    const char *name;         /* "nvidia" */
    const char *device_class; /* of the devices that it is tried on */
    int number;               /* MATRIX_UNIT of cl/unit.cl */
    int lanes;                /* of a sub-group */
    int rows, columns;        /* of a fragment of the result */
    int registers;            /* of a lane, for all three fragments, at most */
    unsigned modes;           /* those that the instruction has, a bit each */
    bool copies;              /* UNIT_COPIES: see matrix_unit_copies() */
} matrix_unit;

/* The unit of this name, for $CLEAT_PROFILE; NULL: there is none. */
const matrix_unit *matrix_unit_named(const char *name);

/* "nvidia, amd_mfma, ..." */
const char *matrix_unit_names(void);

/* The unit that computes in this mode on the context's device, NULL for none. Probes where there is
 * no verdict yet, even in a plan; what keeps a probe from running, such as a lack of memory, is no
 * verdict, and gives NULL. */
const matrix_unit *matrix_unit_find(cleat_context *context, matrix_mode mode);

/* Whether work-items can have operands copied into local memory while it computes in this mode
 * (cl/gemm_stages.cl); probed likewise. */
bool matrix_unit_copies(cleat_context *context, const matrix_unit *unit, matrix_mode mode);

/* MATRIX_UNIT, UNIT_MODE and UNIT_EMULATED. */
void matrix_unit_macros(
    const device_profile *profile, const matrix_unit *unit, matrix_mode mode, launch *l);

/* Bytes of local memory that a work-item needs to emulate it; 0 where it is not emulated. */
size_t matrix_unit_exchange(const device_profile *profile, const matrix_unit *unit);

#endif
