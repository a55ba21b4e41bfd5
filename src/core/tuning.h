/* SPDX-License-Identifier: Apache-2.0 */
/* A context's own tuning table, which goes before the shipped one; see <cleat/tuning.h>. */
#ifndef CLEAT_CORE_TUNING_H
#define CLEAT_CORE_TUNING_H

#include "core/launch.h"
#include <cleat/tuning.h>
#include <stdatomic.h>

enum { TUNING_MAX_ENTRIES = 256, TUNING_VALUE_SIZE = 128 };

/* Guarded by the context's mutex; `count` alone may be read without it. */
typedef struct tuned_table {
    atomic_size_t count;
    size_t capacity;
    cleat_tuning_entry *entries;
} tuned_table;

/* ---- For operations ---- */

/* The entry's value; false, and value as it was, when there is none. Counts as a use. */
bool tuning_find(
    cleat_context *context, const char *operation, const char *name, char value[TUNING_VALUE_SIZE]);

/* A line of the shipped numbers: core/tuning_table.c. */
typedef struct tuning_default {
    const char *operation, *device_class, *name; /* the class a prefix, as in tuning_entry */
    int64_t value;
} tuning_default;

extern const tuning_default tuning_defaults[];

/* The entry as a number, or where there is none, or it is none within low .. high, the number
 * shipped for the device's class; `otherwise` where there is none of these. */
int64_t tuning_number(cleat_context *context, const char *operation, const char *name, int64_t low,
    int64_t high, int64_t otherwise);

/* ---- For core ---- */

/* Decides which file is the context's, and reads it. Logs what is wrong with it. */
cleat_status tuning_open(cleat_context *context, const cleat_context_options *options);

/* Sets or replaces an entry whose texts are known to be right; false when the table is full or
 * there is no memory. Call with the mutex held. */
bool tuned_table_set(tuned_table *table, const cleat_tuning_entry *entry);

/* Whether the texts of an entry are as <cleat/tuning.h> describes them. */
bool tuning_word_is_good(const char *text);
bool tuning_value_is_good(const char *text);

#endif
