/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of what is checked before its first use: contexts whose kernels are broken on purpose,
 * and what they say about it. */
#ifndef CLEAT_TESTS_HARNESS_SPOILT_H
#define CLEAT_TESTS_HARNESS_SPOILT_H

#include "harness.h"

/* What contexts of spoilt_open() have logged since the last one was opened; cut where it is long.
 */
extern char spoilt_heard[16384];

/* A context with verification. Its cache is `cache_dir`; NULL: it is off, and kernels are those in
 * the folder of spoilt_begin(), where there is one. */
cleat_context *spoilt_open(cleat_verification verification, const char *cache_dir);

/* Makes an empty folder, of kernels or for a cache; its name. */
const char *spoilt_begin(void);
/* Removes it with what is in it. */
void spoilt_end(void);
/* Puts the kernel file into the folder, or changes the one there: `wrong` for each `right`, of
 * which there is one at least. */
void spoilt_replace(const char *name, const char *right, const char *wrong);

cleat_context_statistics spoilt_statistics(cleat_context *context);
/* Fails the test where other numbers of variants were checked, and found wrong. */
void spoilt_expect_counts(cleat_context *context, uint64_t checked, uint64_t distrusted);

#endif
