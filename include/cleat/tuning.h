/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_TUNING_H
#define CLEAT_TUNING_H

#include <cleat/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What an operation chooses by on this device. The library ships defaults for each class of
 * devices; a context's own table, filled by these functions and by a file that `cleat tune` writes,
 * goes before them. An entry is one of two things:
 *
 *   operation  name            value
 *   matmul     small           cpu_packed cpu_direct     a class of shapes: variants, best first
 *   matmul     k_block         384                       a number that kernels are launched by
 *
 * docs/architecture.md lists operations, classes and numbers. An entry is advice: a variant that
 * does not exist or cannot do a problem, and a number out of its bounds, are passed over, so no
 * table can make a call fail or its result wrong. It may change the order of a sum's terms, and so
 * the last bits.
 */
typedef struct cleat_tuning_entry {
    char operation[48], name[48]; /* lower-case letters, digits and _ */
    char value[128];              /* such words, separated by single blanks */
    uint64_t uses;                /* how often operations of this context went by it */
} cleat_tuning_entry;

/*
 * Sets an entry of the context's table, or removes it where value is NULL. Calls made from here on
 * go by it. CLEAT_INVALID_ARGUMENT when a text is not as described above, or the table is full (256
 * entries).
 */
CLEAT_API cleat_status cleat_tuning_set(
    cleat_context *context, const char *operation, const char *name, const char *value);

/* Writes at most `capacity` entries of the table to `entries` (may be NULL when capacity is 0), in
 * the order in which they were set, and to *count how many there are. */
CLEAT_API cleat_status cleat_tuning_list(
    cleat_context *context, size_t capacity, cleat_tuning_entry *entries, size_t *count);

/*
 * Files. A file holds the entries of several devices; those of a context's device, driver, number
 * of compute units and Cleat's version are its own. A context reads cleat_context_options.
 * tuning_file when it is made, if it is there; what is wrong with it is logged, and the file
 * ignored.
 */

/* Adds what the file has for this device to the table; file NULL: the context's. All or nothing.
 * CLEAT_INVALID_ARGUMENT when it cannot be read or is not whole and right. */
CLEAT_API cleat_status cleat_tuning_load(cleat_context *context, const char *file);

/*
 * Puts the table into the file in place of what that had for this device; other devices' entries
 * stay. file NULL: the context's, whose folder is made if need be. The file is written beside and
 * renamed: readers see the old one or the whole new one, and of two that write at a time the later
 * one stays. CLEAT_INVALID_ARGUMENT when it cannot be written, or what is there is no such file.
 */
CLEAT_API cleat_status cleat_tuning_save(cleat_context *context, const char *file);

/* The context's file, "" when it has none. Borrowed: lives as long as the context. */
CLEAT_API const char *cleat_tuning_file(cleat_context *context);

#ifdef __cplusplus
}
#endif

#endif
