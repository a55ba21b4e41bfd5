/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation's variants: one visible, ordered list. The tuning table names the order for a device
 * class and shape class; an option or an environment variable forces one by name.
 */
#ifndef CLEAT_CORE_VARIANT_H
#define CLEAT_CORE_VARIANT_H

#include "core/launch.h"
#include "core/trust.h"

typedef struct variant {
    const char *name; /* "cpu_packed" */
    /* Whether it can do this problem on this device. Sets no message. */
    bool (*supports)(const device_profile *profile, const void *problem);
    cleat_status (*enqueue)(cleat_context *context, const void *problem);
} variant;

/* For a variant that supports every problem on every device: true. */
bool variant_always(const device_profile *profile, const void *problem);

/* Writes what a problem asks for, for a message: "[2, 3] x [3, 4]". Only called for one. */
typedef void (*problem_writer)(const void *problem, char *text, size_t size);

/* One line of the tuning table. NULL matches everything. The first line that matches operation,
 * device class and shape class wins; its variants are tried in order, then the list's own order. */
typedef struct tuning_entry {
    const char *operation;
    const char *device_class; /* a prefix: "gpu" matches "gpu_nvidia" */
    const char *shape_class;
    const char *variants; /* names separated by blanks */
} tuning_entry;

/*
 * Picks the variant: `forced` if not NULL, else $CLEAT_<OPERATION> in capitals (for "x_backward"
 * $CLEAT_X where there is no $CLEAT_X_BACKWARD), else the first that
 * supports the problem in the order of the context's own table (core/tuning.h; an operation without
 * classes stands there as "any"), else of the shipped one. The first two may hold several names
 * separated by blanks: the first of them that supports the problem. A variable's names that end in
 * "_f64", where those of the list do not, and the other way round, are passed over, as calls of
 * both types see it. "own" forces none: an operation with a provider among its variants looks for
 * it (variant_own_only) and makes the provider support nothing. The list of variants ends with an
 * entry whose name is NULL. CLEAT_INVALID_ARGUMENT for a name that is none (the message lists
 * them), CLEAT_UNSUPPORTED when no forced one, or none at all, supports the problem;
 * `write_problem` says in the message what was asked for.
 *
 * A variant that nobody forces is checked by `check`, where there is one, before its first use
 * where the context wants that (core/trust.h), and passed over when it is wrong.
 */
cleat_status variant_choose(cleat_context *context, const char *operation, const char *shape_class,
    const char *forced, const variant *variants, const void *problem, problem_writer write_problem,
    trust_function check, const variant **chosen);

/* For what has one kernel only, called `name`: checks it as above, and refuses the call
 * (CLEAT_UNSUPPORTED) where it is wrong. */
cleat_status variant_require(
    cleat_context *context, const char *operation, const char *name, trust_function check);

/* What forces a variant: `forced`, or else the operation's variable; NULL: nothing. */
const char *variant_forced(const char *operation, const char *forced);

/* Whether `forced`, or else the operation's variable, is "own": no provider, please. */
bool variant_own_only(const char *operation, const char *forced);

/* The shipped table; ends with an entry whose variants are NULL. src/core/tuning_table.c */
extern const tuning_entry tuning_table[];

#endif
