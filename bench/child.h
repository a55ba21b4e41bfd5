/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, run beside this one: its standard input and output are pipes to here. */
#ifndef CLEAT_BENCH_CHILD_H
#define CLEAT_BENCH_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct child {
    pid_t pid; /* 0: none */
    FILE *to, *from;
} child;

/*
 * Starts arguments[0], looked for as a shell does, with `arguments` (ending with NULL) and, besides
 * this program's environment, `settings` ("NAME=value", ending with NULL; NULL: none). Never a bare
 * fork: drivers' threads do not survive it. False, with errno set, when it could not be started.
 */
bool child_start(child *started, const char *const *arguments, const char *const *settings);

/* Closes the pipes and waits for the end: the exit status, or -1 when a signal ended it. */
int child_end(child *ended);

#endif
