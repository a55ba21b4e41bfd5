/* SPDX-License-Identifier: Apache-2.0 */
/* How fuzzers that look at what the library says end. */
#ifndef CLEAT_TESTS_FUZZ_DEMAND_H
#define CLEAT_TESTS_FUZZ_DEMAND_H

#include <cleat/status.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the process where something that must hold does not. */
static inline void demand(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "\n%s; last message: %s\n", what, cleat_error_message());
        abort();
    }
}

#endif
