/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which variants were seen to give right results on this device. A variant is checked before its
 * first use, where the context wants that (cleat_context_options.verification): by a function of
 * the operation, which runs small problems and compares with plain loops on the host. The verdict
 * is kept in the context, and in its cache of kernels where it has one.
 */
#ifndef CLEAT_CORE_TRUST_H
#define CLEAT_CORE_TRUST_H

#include "core/status.h"
#include <cleat/context.h>
#include <pthread.h>

/*
 * Runs the operation by its public functions, which take this variant meanwhile, and says whether
 * the results were right. What the variant does not support is CLEAT_UNSUPPORTED, and no fault.
 */
typedef cleat_status (*trust_function)(cleat_context *context, bool *right);

typedef struct trust_entry {
    const char *operation, *variant; /* string literals */
    bool right;
} trust_entry;

/* A check that is going on: what it calls may want checks of its own, which come first. */
typedef struct trust_frame {
    const char *operation, *variant;
    struct trust_frame *outer; /* the check that called for this one; NULL: none */
    bool has_run;              /* whether the variant did any of the problems */
    bool is_forced;            /* whether a variable forced another operation's variant meanwhile */
    bool is_probe;             /* trust_probe() */
} trust_frame;

typedef struct trust_table {
    bool wanted;
    pthread_mutex_t
        checking; /* held while a variant is checked; taken before the context's mutex */
    /* Guarded by the context's mutex: */
    trust_entry *entries; /* as many as there were checks: the table grows */
    size_t count, capacity;
    pthread_t thread;   /* which one checks, */
    trust_frame *frame; /* and what; NULL for nothing */
} trust_table;

/* Decides by the options, $CLEAT_VERIFY and the device. */
cleat_status trust_open(cleat_context *context, const cleat_context_options *options);

/* Whether the variant was found to be wrong. */
bool trust_is_lost(cleat_context *context, const char *operation, const char *variant);

/* The variant that the calling thread is checking of this operation; NULL: none. */
const char *trust_checked(cleat_context *context, const char *operation);

/* The operation that the calling thread is checking, the innermost: for a trust_function that
 * serves several; "": none. */
const char *trust_subject(cleat_context *context);

/* The same of its variant. */
const char *trust_subject_variant(cleat_context *context);

/* Told by a trust_function that the variant of trust_subject() did a problem: where none was, there
 * is no verdict to keep. */
void trust_note_run(cleat_context *context);

/* Told that a variable forces a variant: a check that goes on gives a verdict for this context
 * only, as the next process may have no such variable. */
void trust_note_forced(cleat_context *context);

/*
 * Checks the variant if that has not been done; *right is true where nothing is to be checked, as
 * in a plan. What a check calls is checked too, before it, so that each verdict is about its own
 * variant. CLEAT_OUT_OF_HOST_MEMORY when there is no room for the verdict.
 */
cleat_status trust_check(cleat_context *context, const char *operation, const char *variant,
    trust_function function, bool *right);

/*
 * Whether the device can do a thing, kept as `operation` and `variant`: as trust_check(), but asked
 * whatever the context wants, in a plan too and where nothing may be compiled, and no is no fault.
 * False where it cannot be found out; what may be otherwise the next time is asked again then.
 */
bool trust_probe(
    cleat_context *context, const char *operation, const char *variant, trust_function function);

void trust_close(cleat_context *context);

#endif
