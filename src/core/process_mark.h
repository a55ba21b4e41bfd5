/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the process that made an object from the children it forks since. */
#ifndef CLEAT_CORE_PROCESS_MARK_H
#define CLEAT_CORE_PROCESS_MARK_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct process_mark {
    pid_t process;
    /* A page that the kernel empties in a child, so that every call of Cleat need not ask for the
     * process's number, a system call; NULL where there is no such thing. */
    const volatile int *page;
} process_mark;

process_mark process_mark_make(void);
void process_mark_free(process_mark *mark);

/* Whether this is the process that made the mark. */
bool process_mark_is_own(const process_mark *mark);

#endif
