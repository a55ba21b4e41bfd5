/* SPDX-License-Identifier: Apache-2.0 */
/* The table in memory. */
#include "core/tuning.h"

#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Texts ---- */

static const char word_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

bool tuning_word_is_good(const char *text) {
    size_t length = strspn(text, word_letters);
    return length > 0 && text[length] == '\0' &&
           length < sizeof((cleat_tuning_entry *)NULL)->operation;
}

bool tuning_value_is_good(const char *text) {
    size_t length = strlen(text);
    if (length >= TUNING_VALUE_SIZE) {
        return false;
    }
    for (;;) {
        size_t word = strspn(text, word_letters);
        if (word == 0) {
            return false;
        }
        text += word;
        if (*text == '\0') {
            return true;
        }
        if (*text++ != ' ') {
            return false;
        }
    }
}

/* ---- The table; with the mutex held ---- */

static cleat_tuning_entry *find_entry(
    const tuned_table *table, const char *operation, const char *name) {
    const size_t count = atomic_load(&table->count);
    for (size_t i = 0; i < count; i++) {
        cleat_tuning_entry *entry = &table->entries[i];
        if (strcmp(entry->name, name) == 0 && strcmp(entry->operation, operation) == 0) {
            return entry;
        }
    }
    return NULL;
}

bool tuned_table_set(tuned_table *table, const cleat_tuning_entry *entry) {
    cleat_tuning_entry *old = find_entry(table, entry->operation, entry->name);
    const size_t count = atomic_load(&table->count);
    if (old != NULL) {
        *old = *entry;
        return true;
    }
    if (count == TUNING_MAX_ENTRIES) {
        return false;
    }
    if (count == table->capacity) {
        const size_t capacity = count > 0 ? 2 * count : 16;
        cleat_tuning_entry *entries = memory_resize(table->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        table->entries = entries;
        table->capacity = capacity;
    }
    table->entries[count] = *entry;
    atomic_store(&table->count, count + 1);
    return true;
}

static void remove_entry(tuned_table *table, const char *operation, const char *name) {
    cleat_tuning_entry *entry = find_entry(table, operation, name);
    if (entry != NULL) {
        const size_t count = atomic_load(&table->count);
        const size_t after = count - 1 - (size_t)(entry - table->entries);
        memmove(entry, entry + 1, after * sizeof *entry);
        atomic_store(&table->count, count - 1);
    }
}

/* ---- For operations ---- */

bool tuning_find(cleat_context *context, const char *operation, const char *name,
    char value[TUNING_VALUE_SIZE]) {
    if (atomic_load(&context->tuned.count) == 0) {
        return false; /* as nearly always: costs nothing */
    }
    pthread_mutex_lock(&context->mutex);
    cleat_tuning_entry *entry = find_entry(&context->tuned, operation, name);
    if (entry != NULL) {
        entry->uses++;
        memcpy(value, entry->value, TUNING_VALUE_SIZE);
    }
    pthread_mutex_unlock(&context->mutex);
    return entry != NULL;
}

/* The shipped number for a class of devices, where there is one. */
static int64_t shipped_number(
    const char *device_class, const char *operation, const char *name, int64_t otherwise) {
    for (const tuning_default *line = tuning_defaults; line->operation != NULL; line++) {
        if (strcmp(line->operation, operation) == 0 && strcmp(line->name, name) == 0 &&
            strncmp(device_class, line->device_class, strlen(line->device_class)) == 0) {
            return line->value;
        }
    }
    return otherwise;
}

int64_t tuning_number(cleat_context *context, const char *operation, const char *name, int64_t low,
    int64_t high, int64_t otherwise) {
    char value[TUNING_VALUE_SIZE];
    otherwise = shipped_number(context_profile(context)->device_class, operation, name, otherwise);
    if (!tuning_find(context, operation, name, value)) {
        return otherwise;
    }
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    return errno == 0 && *end == '\0' && number >= low && number <= high ? number : otherwise;
}

/* ---- The public functions ---- */

cleat_status cleat_tuning_set(
    cleat_context *context, const char *operation, const char *name, const char *value) {
    TRY(check_context("tuning_set", context));
    REFUSE_IF(operation == NULL || name == NULL, CLEAT_INVALID_ARGUMENT,
        "tuning_set: operation or name is NULL");
    REFUSE_IF(!tuning_word_is_good(operation) || !tuning_word_is_good(name), CLEAT_INVALID_ARGUMENT,
        "tuning_set: \"%.60s\" and \"%.60s\" must be words of lower-case letters, digits and _, "
        "shorter than 48",
        operation, name);
    REFUSE_IF(value != NULL && !tuning_value_is_good(value), CLEAT_INVALID_ARGUMENT,
        "tuning_set: \"%.160s\" must be words of lower-case letters, digits and _ with single "
        "blanks between, shorter than 128",
        value);
    cleat_tuning_entry entry = {.uses = 0};
    memcpy(entry.operation, operation, strlen(operation));
    memcpy(entry.name, name, strlen(name));
    bool good = true, full = false;
    pthread_mutex_lock(&context->mutex);
    if (value == NULL) {
        remove_entry(&context->tuned, operation, name);
    } else {
        memcpy(entry.value, value, strlen(value));
        good = tuned_table_set(&context->tuned, &entry);
        full = atomic_load(&context->tuned.count) == TUNING_MAX_ENTRIES;
    }
    pthread_mutex_unlock(&context->mutex);
    REFUSE_IF(!good && full, CLEAT_INVALID_ARGUMENT, "tuning_set: no room for more than %d entries",
        TUNING_MAX_ENTRIES);
    REFUSE_IF(!good, CLEAT_OUT_OF_HOST_MEMORY, "tuning_set: no host memory");
    return CLEAT_OK;
}

cleat_status cleat_tuning_list(
    cleat_context *context, size_t capacity, cleat_tuning_entry *entries, size_t *count) {
    TRY(check_context("tuning_list", context));
    REFUSE_IF(count == NULL, CLEAT_INVALID_ARGUMENT, "tuning_list: count is NULL");
    REFUSE_IF(entries == NULL && capacity > 0, CLEAT_INVALID_ARGUMENT,
        "tuning_list: entries is NULL and capacity is %zu", capacity);
    pthread_mutex_lock(&context->mutex);
    *count = atomic_load(&context->tuned.count);
    for (size_t i = 0; i < *count && i < capacity; i++) {
        entries[i] = context->tuned.entries[i];
    }
    pthread_mutex_unlock(&context->mutex);
    return CLEAT_OK;
}

const char *cleat_tuning_file(cleat_context *context) {
    return context != NULL && context->tuning_file != NULL ? context->tuning_file : "";
}
