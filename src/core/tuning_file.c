/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as a file, text by lines:
 *
 *   cleat-tuning 1
 *   device NAME; PLATFORM; driver DRIVER; 2 units; cleat 0.1.0
 *   matmul small cpu_packed cpu_direct
 *   matmul k_block 384
 *   device ...
 *
 * A file with a line that is not like these, or with this device twice, is bad as a whole.
 */
#include "core/context_state.h"
#include "core/files.h"
#include "core/memory.h"
#include "core/source.h"
#include "core/tensor_check.h"
#include "core/tuning.h"
#include <cleat/version.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LINE = 640, MAX_FILE = 1 << 20 };

static const char first_line[] = "cleat-tuning 1";
static const char device_word[] = "device ";

/* A file taken apart. */
typedef struct tuning_text {
    char device[MAX_LINE]; /* the line of the context's device */
    bool has_own, no_memory;
    tuned_table own;     /* its entries */
    text_builder others; /* the lines of all other devices */
} tuning_text;

/* ---- The place ---- */

/* "" when there is none to be had, or none is wanted. */
static cleat_status find_file(const cleat_context_options *options, text_builder *file) {
    const char *named = options->tuning_file != NULL && options->tuning_file[0] != '\0'
                            ? options->tuning_file
                            : environment_text("CLEAT_TUNING_FILE");
    if (named != NULL) {
        return text_format(file, "%s", strcmp(named, "none") != 0 ? named : "");
    }
    return environment_place("XDG_CONFIG_HOME", ".config", "cleat/tuning", file);
}

/* ---- Reading ---- */

/* The device's line; a maker's text with a line break in it must not make two. */
static void write_device_line(const cleat_context *context, char line[MAX_LINE]) {
    const device_profile *profile = &context->profile;
    const cleat_device_info *info = &profile->info;
    char forced[40] = "";
    if (profile->is_forced && profile->is_cpu) {
        snprintf(forced, sizeof forced, " with vectors of %d", profile->float_width);
    } else if (profile->is_forced) {
        snprintf(forced, sizeof forced, " as a GPU");
    }
    snprintf(line, MAX_LINE, "%s%s; %s; driver %s; %lu units%s; cleat %s", device_word, info->name,
        info->platform, info->driver, (unsigned long)info->compute_units, forced, cleat_version());
    for (char *at = line; *at != '\0'; at++) {
        *at = *at == '\n' || *at == '\r' ? ' ' : *at;
    }
}

/* One line of an entry into *entry, cut apart in place. */
static bool read_entry_line(char *line, cleat_tuning_entry *entry) {
    char *name = strchr(line, ' ');
    if (name == NULL) {
        return false;
    }
    *name++ = '\0';
    char *value = strchr(name, ' ');
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (!tuning_word_is_good(line) || !tuning_word_is_good(name) || !tuning_value_is_good(value)) {
        return false;
    }
    *entry = (cleat_tuning_entry){.uses = 0};
    memcpy(entry->operation, line, strlen(line));
    memcpy(entry->name, name, strlen(name));
    memcpy(entry->value, value, strlen(value));
    return true;
}

/* Where a reader is: within the part of the context's device, another's, or before the first. */
typedef enum tuning_part { PART_NONE, PART_OWN, PART_OTHER } tuning_part;

/* Keeps a line of another device. */
static bool keep_line(tuning_text *text, const char *line) {
    text->no_memory = text_format(&text->others, "%s\n", line) != CLEAT_OK;
    return !text->no_memory;
}

static bool keep_entry(tuning_text *text, const cleat_tuning_entry *entry) {
    const bool kept = tuned_table_set(&text->own, entry);
    text->no_memory = !kept && atomic_load(&text->own.count) < TUNING_MAX_ENTRIES;
    return kept;
}

/* Takes one line after the first; false when it is not right, or there is no memory. */
static bool take_line(tuning_text *text, const char *line, tuning_part *part) {
    if (strncmp(line, device_word, sizeof device_word - 1) == 0) {
        const bool own = strcmp(line, text->device) == 0;
        if (own && text->has_own) {
            return false;
        }
        text->has_own = text->has_own || own;
        *part = own ? PART_OWN : PART_OTHER;
        return own || keep_line(text, line);
    }
    char apart[MAX_LINE];
    cleat_tuning_entry entry;
    memcpy(apart, line, strlen(line) + 1);
    if (*part == PART_NONE || !read_entry_line(apart, &entry)) {
        return false;
    }
    return *part == PART_OWN ? keep_entry(text, &entry) : keep_line(text, line);
}

/* Takes a file's content apart; 0, or the number of the line that is not right. */
static int take_apart(char *content, size_t size, tuning_text *text) {
    tuning_part part = PART_NONE;
    int number = 0;
    char *line = content;
    while (line < content + size) {
        number++;
        char *end = memchr(line, '\n', (size_t)(content + size - line));
        if (end == NULL || end - line >= MAX_LINE || memchr(line, '\0', (size_t)(end - line))) {
            return number;
        }
        *end = '\0';
        if (number == 1 ? strcmp(line, first_line) != 0 : !take_line(text, line, &part)) {
            return number;
        }
        line = end + 1;
    }
    return number == 0 ? 1 : 0;
}

static void free_text(tuning_text *text) {
    memory_free(text->own.entries);
    memory_free(text->others.text);
}

/* Reads a file; one that is not there (*missing) is empty. Free the text in any case. */
static cleat_status read_file(
    const cleat_context *context, const char *file, tuning_text *text, bool *missing) {
    size_t size = 0;
    *text = (tuning_text){.has_own = false};
    write_device_line(context, text->device);
    char *content = file_read(file, MAX_FILE, FILE_OF_ANYBODY, &size);
    *missing = content == NULL && file_is_missing();
    const bool no_memory = content == NULL && errno == ENOMEM;
    REFUSE_IF(content == NULL && !*missing && !no_memory, CLEAT_INVALID_ARGUMENT,
        "tuning table %s cannot be read: %s", file,
        errno != 0 ? strerror(errno) : "it is no file, or too large");
    const int wrong = content != NULL ? take_apart(content, size, text) : 0;
    memory_free(content);
    REFUSE_IF(no_memory || text->no_memory, CLEAT_OUT_OF_HOST_MEMORY,
        "tuning table %s: no host memory", file);
    REFUSE_IF(wrong != 0, CLEAT_INVALID_ARGUMENT,
        "%s is no tuning table of this version, or damaged: line %d", file, wrong);
    return CLEAT_OK;
}

/* All of `more` or nothing; with the mutex held. *full tells whether it was for want of places. */
static bool add_all(tuned_table *table, const tuned_table *more, bool *full) {
    const tuned_table *parts[] = {table, more};
    tuned_table joined = {.entries = NULL};
    bool good = true;
    for (int part = 0; part < 2; part++) {
        for (size_t i = 0; good && i < atomic_load(&parts[part]->count); i++) {
            good = tuned_table_set(&joined, &parts[part]->entries[i]);
        }
    }
    *full = atomic_load(&joined.count) == TUNING_MAX_ENTRIES;
    if (good) {
        cleat_tuning_entry *old = table->entries;
        table->entries = joined.entries;
        table->capacity = joined.capacity;
        atomic_store(&table->count, atomic_load(&joined.count));
        joined.entries = old;
    }
    memory_free(joined.entries);
    return good;
}

static cleat_status load(cleat_context *context, const char *file, bool *missing) {
    tuning_text text;
    bool good = true, full = false;
    cleat_status status = read_file(context, file, &text, missing);
    if (status == CLEAT_OK && atomic_load(&text.own.count) > 0) {
        pthread_mutex_lock(&context->mutex);
        good = add_all(&context->tuned, &text.own, &full);
        pthread_mutex_unlock(&context->mutex);
    }
    free_text(&text);
    REFUSE_IF(!good && full, CLEAT_INVALID_ARGUMENT, "%s: no room for more than %d entries", file,
        TUNING_MAX_ENTRIES);
    REFUSE_IF(!good, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory for its entries", file);
    return status;
}

cleat_status tuning_open(cleat_context *context, const cleat_context_options *options) {
    text_builder file = {NULL, 0, 0};
    bool missing = false;
    TRY(find_file(options, &file));
    if (file.length == 0) {
        memory_free(file.text);
        return CLEAT_OK;
    }
    context->tuning_file = file.text;
    if (load(context, file.text, &missing) != CLEAT_OK) {
        context_log(context, "ignored: %s", cleat_error_message());
    }
    return CLEAT_OK;
}

/* ---- The public functions ---- */

/* The file to use: the caller's, or the context's. */
static cleat_status named_file(
    cleat_context *context, const char *operation, const char *named, const char **file) {
    TRY(check_context(operation, context));
    *file = named != NULL ? named : context->tuning_file;
    REFUSE_IF(*file == NULL || (*file)[0] == '\0', CLEAT_INVALID_ARGUMENT,
        "%s: the context has no file for its tuning table (tuning_file, CLEAT_TUNING_FILE)",
        operation);
    return CLEAT_OK;
}

cleat_status cleat_tuning_load(cleat_context *context, const char *named) {
    const char *file = NULL;
    bool missing = false;
    TRY(named_file(context, "tuning_load", named, &file));
    TRY(load(context, file, &missing));
    REFUSE_IF(missing, CLEAT_INVALID_ARGUMENT, "tuning_load: %s is not there", file);
    return CLEAT_OK;
}

/* The whole new content: the context's entries first, then what the file has for others. */
static cleat_status write_text(
    cleat_context *context, const tuning_text *text, text_builder *content) {
    TRY(text_format(content, "%s\n", first_line));
    cleat_status status = CLEAT_OK;
    pthread_mutex_lock(&context->mutex);
    const size_t count = atomic_load(&context->tuned.count);
    if (count > 0) {
        status = text_format(content, "%s\n", text->device);
    }
    for (size_t i = 0; status == CLEAT_OK && i < count; i++) {
        const cleat_tuning_entry *entry = &context->tuned.entries[i];
        status = text_format(content, "%s %s %s\n", entry->operation, entry->name, entry->value);
    }
    pthread_mutex_unlock(&context->mutex);
    TRY(status);
    return text_add(content, text->others.length > 0 ? text->others.text : "", text->others.length);
}

cleat_status cleat_tuning_save(cleat_context *context, const char *named) {
    const char *file = NULL;
    bool missing = false;
    TRY(named_file(context, "tuning_save", named, &file));
    tuning_text text;
    text_builder content = {NULL, 0, 0};
    cleat_status status = read_file(context, file, &text, &missing);
    if (status == CLEAT_OK) {
        status = write_text(context, &text, &content);
    }
    if (status == CLEAT_OK && !file_replace(file, content.text, content.length)) {
        status = status_set(
            CLEAT_INVALID_ARGUMENT, "tuning_save: %s cannot be written: %s", file, strerror(errno));
    }
    memory_free(content.text);
    free_text(&text);
    return status;
}
