/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, in words for the person at the keyboard. */
#ifndef FASHION_MNIST_PROBLEM_H
#define FASHION_MNIST_PROBLEM_H

#include <cleat/cleat.h>
#include <stdbool.h>

typedef struct problem {
    char text[768];
} problem;

/* Writes the text (printf's format; cut to fit) and returns false, so that a function can end with
 * `return problem_set(why, ...)`. */
bool problem_set(problem *why, const char *format, ...);

/* True for CLEAT_OK; otherwise the library's message becomes the text. `doing` says what failed. */
bool problem_check(problem *why, cleat_status status, const char *doing);

#endif
