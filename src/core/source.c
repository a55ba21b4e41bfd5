/* SPDX-License-Identifier: Apache-2.0 */
#include "core/source.h"
#include "core/embedded_kernels.h"
#include "core/memory.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 16, MAX_NAME = 128 };

static cleat_status reserve(text_builder *builder, size_t more) {
    size_t needed = builder->length + more + 1;
    if (needed <= builder->capacity) {
        return CLEAT_OK;
    }
    size_t capacity = needed < 4096 ? 4096 : needed * 2;
    char *text = memory_resize(builder->text, capacity);
    REFUSE_IF(text == NULL, CLEAT_OUT_OF_HOST_MEMORY, "kernel source: no host memory");
    builder->text = text;
    builder->capacity = capacity;
    return CLEAT_OK;
}

cleat_status text_add(text_builder *builder, const char *text, size_t length) {
    TRY(reserve(builder, length));
    memcpy(builder->text + builder->length, text, length);
    builder->length += length;
    builder->text[builder->length] = '\0';
    return CLEAT_OK;
}

cleat_status text_format(text_builder *builder, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    REFUSE_IF(length < 0, CLEAT_OUT_OF_HOST_MEMORY, "kernel source: a text cannot be formatted");
    TRY(reserve(builder, (size_t)length));
    va_start(arguments, format);
    vsnprintf(builder->text + builder->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    builder->length += (size_t)length;
    return CLEAT_OK;
}

/* Reads the whole of a file in the developer's folder. *found tells whether there is one. */
static cleat_status read_override(
    const char *directory, const char *name, text_builder *content, bool *found) {
    char path[4096];
    char block[4096];
    *found = false;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return CLEAT_OK;
    }
    cleat_status status = CLEAT_OK;
    size_t got = 0;
    *found = true;
    while (status == CLEAT_OK && (got = fread(block, 1, sizeof block, file)) > 0) {
        status = text_add(content, block, got);
    }
    fclose(file);
    return status;
}

static cleat_status add_file(
    text_builder *builder, const char *directory, const char *name, int depth);

/* The name in a line like #include "name"; false for any other line. */
static bool included_name(const char *line, size_t length, char *name) {
    const char *end = line + length;
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    static const char word[] = "#include";
    if ((size_t)(end - line) < sizeof word || memcmp(line, word, sizeof word - 1) != 0) {
        return false;
    }
    const char *open = memchr(line, '"', (size_t)(end - line));
    const char *close = open != NULL ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
    if (close == NULL || close - open - 1 >= MAX_NAME) {
        return false;
    }
    memcpy(name, open + 1, (size_t)(close - open - 1));
    name[close - open - 1] = '\0';
    return true;
}

/* Adds a file's text, with #line marks so that the compiler's log names files and lines. */
static cleat_status add_lines(text_builder *builder, const char *directory, const char *name,
    const char *text, size_t size, int depth) {
    TRY(text_format(builder, "#line 1 \"%s\"\n", name));
    int number = 1;
    const char *end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t length = newline != NULL ? (size_t)(newline - text) : (size_t)(end - text);
        char included[MAX_NAME];
        if (included_name(text, length, included)) {
            TRY(add_file(builder, directory, included, depth + 1));
            TRY(text_format(builder, "#line %d \"%s\"\n", number + 1, name));
        } else {
            TRY(text_add(builder, text, length));
            TRY(text_add(builder, "\n", 1));
        }
        text += length + (newline != NULL ? 1 : 0);
        number++;
    }
    return CLEAT_OK;
}

static const embedded_kernel *find_embedded(const char *name) {
    for (const embedded_kernel *k = embedded_kernels; k->name != NULL; k++) {
        if (strcmp(k->name, name) == 0) {
            return k;
        }
    }
    return NULL;
}

static cleat_status add_file(
    text_builder *builder, const char *directory, const char *name, int depth) {
    REFUSE_IF(depth > MAX_DEPTH, CLEAT_BUILD_FAILED,
        "kernel source: includes nest more than %d deep at \"%s\"", MAX_DEPTH, name);
    text_builder content = {NULL, 0, 0};
    bool found = false;
    cleat_status status = CLEAT_OK;
    if (directory != NULL) {
        status = read_override(directory, name, &content, &found);
    }
    if (status == CLEAT_OK && found) {
        status = add_lines(builder, directory, name, content.text, content.length, depth);
    } else if (status == CLEAT_OK) {
        const embedded_kernel *kernel = find_embedded(name);
        status = kernel != NULL
                     ? add_lines(builder, directory, name, kernel->text, kernel->size, depth)
                     : status_set(CLEAT_BUILD_FAILED, "kernel source: there is no file \"%s\"%s%s",
                           name, directory != NULL ? " in the library or in " : " in the library",
                           directory != NULL ? directory : "");
    }
    memory_free(content.text);
    return status;
}

cleat_status source_flatten(text_builder *builder, const char *directory, const char *name) {
    return add_file(builder, directory, name, 0);
}
