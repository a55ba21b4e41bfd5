/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of `cleat tune` share. A choice is one entry of the tuning table to be found: a
 * class of shapes of an operation, whose candidates are variants, or a number. Its problems are run
 * with each candidate in turns; those problems that do not go by the entry on this device are left
 * out.
 */
#ifndef CLEAT_CLI_TUNE_H
#define CLEAT_CLI_TUNE_H

#include "progress_bar.h"
#include <cleat/cleat.h>

enum { TUNE_MAX_CANDIDATES = 16, TUNE_MAX_PROBLEMS = 8, TUNE_MAX_OPERANDS = 9 };

/* The candidate that stands for what ships: no variant and no number, so it is passed over. */
#define TUNE_DEFAULT "default"

/* One problem to measure: what its numbers mean, its family knows. */
typedef struct tune_problem {
    const char *text;    /* "512x512x512" */
    int64_t numbers[10]; /* all 0: the end of a list */
} tune_problem;

/* An operation and the problems that are measured. */
typedef struct tune_family {
    const char *operation;
    const tune_problem *problems; /* ends with one without a text */
    /* Makes the operands, then runs the operation once on them. */
    cleat_status (*prepare)(cleat_context *context, const tune_problem *p, cleat_tensor *operands);
    cleat_status (*run)(
        cleat_context *context, const tune_problem *p, const cleat_tensor *operands);
    const char *const *(*variants)(void);
} tune_family;

typedef struct tune_choice {
    const tune_family *family;
    const char *name;          /* of the entry */
    const char *const *values; /* ends with NULL; NULL: the family's variants */
} tune_choice;

extern const tune_choice tune_choices[]; /* ends with a family of NULL */

/* ---- Measuring: tune_measure.c ---- */

typedef struct tune_run {
    cleat_context *context;
    double seconds; /* what one measurement lasts at least */
    progress progress;
} tune_run;

/* What was found for one choice. */
typedef struct tune_result {
    const tune_choice *choice;
    char value[128]; /* best first; "" when nothing is better than what ships */
    int problem_count;
    const tune_problem *problems[TUNE_MAX_PROBLEMS];            /* those that go by the entry */
    double before[TUNE_MAX_PROBLEMS], after[TUNE_MAX_PROBLEMS]; /* seconds; of verify */
} tune_result;

/* Measures the candidates and puts the winner into the table; false, with a line on stderr, when a
 * call fails. */
bool tune_find(tune_run *run, const tune_choice *choice, tune_result *result);

/* Measures what ships and the whole table in turns; takes the entry back if it does not gain. */
bool tune_verify(tune_run *run, tune_result *result);

#endif
