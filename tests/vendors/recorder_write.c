/* SPDX-License-Identifier: Apache-2.0 */
/* How programs are written down, and their kernels found; the files are told in recorder.c. */
#include "recorder_objects.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* ---- Files ---- */

static void path_of(char path[PATH_SIZE], const char *hash, const char *ending) {
    const char *folder = getenv("CLEAT_RECORD_DIR");
    snprintf(path, PATH_SIZE, "%s/%s%s", folder != NULL ? folder : ".", hash, ending);
}

/* An ending that no other file has, as several programs and threads write at once. */
static void make_ending(char ending[48], const char *last) {
    static atomic_uint count;
    snprintf(ending, 48, ".%ld.%u%s", (long)getpid(), atomic_fetch_add(&count, 1), last);
}

/* Whole or not at all. */
static bool write_file(const char *path, const char *text) {
    char beside[PATH_SIZE + 48], ending[48];
    make_ending(ending, "");
    snprintf(beside, sizeof beside, "%s%s", path, ending);
    FILE *file = fopen(beside, "w");
    bool good = file != NULL && fputs(text, file) >= 0;
    good = file != NULL && fclose(file) == 0 && good;
    return good && rename(beside, path) == 0;
}

/* The whole of an open file, to be freed; NULL without memory. */
static char *read_all(FILE *file) {
    size_t size = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text != NULL) {
        size += fread(text + size, 1, capacity - 1 - size, file);
        if (size < capacity - 1) {
            text[size] = '\0';
            return text;
        }
        capacity *= 2;
        char *larger = realloc(text, capacity);
        if (larger == NULL) {
            free(text);
        }
        text = larger;
    }
    return NULL;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = file != NULL ? read_all(file) : NULL;
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

/* ---- Hashes ---- */

/* FNV-1a from two starts, 96 bits of both: enough that no two programs of a run are mixed up. */
static void hash_texts(char hash[32], const char *first, const char *second) {
    uint64_t a = UINT64_C(0xcbf29ce484222325), b = UINT64_C(0x9ae16a3b2f90404f);
    const char *const texts[] = {first, "\n", second};
    for (size_t i = 0; i < 3; i++) {
        for (const char *c = texts[i]; *c != '\0'; c++) {
            a = (a ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
            b = (b ^ (unsigned char)*c) * UINT64_C(0x100000001b3) + (b >> 29);
        }
    }
    snprintf(hash, 32, "%016" PRIx64 "%08" PRIx32, a, (uint32_t)(b >> 32));
}

/* ---- Matrix units ---- */

int recorder_unit(const char *options) {
    const char *unit = strstr(options, "-DMATRIX_UNIT=");
    return unit != NULL ? atoi(unit + strlen("-DMATRIX_UNIT=")) : 0;
}

bool recorder_has_unit(const char *options) {
    const char *units = getenv("CLEAT_RECORD_UNIT");
    const int wanted = recorder_unit(options);
    return wanted == 0 || (units != NULL && atoi(units) == wanted);
}

/* What makes clang say that it knows the instructions. */
static const char *unit_flags(const char *options) {
    static const char *const flags[] = {"", "", "-mcpu=gfx90a", "-mcpu=gfx1100",
        "-Dcl_intel_subgroup_matrix_multiply_accumulate=1",
        "-Dcl_intel_subgroup_matrix_multiply_accumulate=1"};
    const int unit = recorder_unit(options);
    return unit > 0 && unit < (int)(sizeof flags / sizeof *flags) ? flags[unit] : "";
}

/* ---- The source's text ---- */

/* Runs the preprocessor on it; to be freed, NULL where it fails. */
static char *preprocess(const char *source_path, const char *options_path, const char *options) {
    const char *compiler = getenv("CLEAT_RECORD_CLANG");
    char command[3 * PATH_SIZE];
    snprintf(command, sizeof command,
        "'%s' -E -P -x cl -nogpulib -cl-no-stdinc -target %s %s '@%s' '%s'",
        compiler != NULL ? compiler : "clang", recorder_card()->target, unit_flags(options),
        options_path, source_path);
    FILE *pipe = popen(command, "r"); /* NOLINT: a test's own tool */
    char *text = pipe != NULL ? read_all(pipe) : NULL;
    if (pipe != NULL && pclose(pipe) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The arguments in the brackets that open at `c`. */
static int count_arguments(const char *c) {
    int depth = 0, commas = 0;
    bool any = false;
    do {
        depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        commas += *c == ',' && depth == 1;
        any = any || (depth > 0 && is_word(*c));
    } while (*c++ != '\0' && depth > 0);
    return any ? commas + 1 : 0;
}

/* Whether this "kernel" of the text is the keyword, with underscores or without. */
static bool is_keyword(const char *text, const char *c) {
    const bool underscored = c - text >= 2 && c[-1] == '_' && c[-2] == '_';
    const char *start = underscored ? c - 2 : c;
    return (start == text || !is_word(start[-1])) && !is_word(c[strlen("kernel")]);
}

/* "NAME 5\n" for each kernel of the preprocessed text; to be freed. */
static char *list_kernels(const char *text) {
    char *list = calloc(strlen(text) + 1, 1);
    size_t used = 0;
    for (const char *c = text; list != NULL && (c = strstr(c, "kernel")) != NULL; c++) {
        const char *name = is_keyword(text, c) ? strstr(c, "void") : c;
        if (name == c) {
            continue;
        }
        if (name == NULL) {
            break;
        }
        name += strlen("void");
        name += strspn(name, " \t\n");
        size_t length = 0;
        while (is_word(name[length])) {
            length++;
        }
        const char *bracket = name + length + strspn(name + length, " \t\n");
        if (*bracket == '(') {
            used += (size_t)sprintf(
                list + used, "%.*s %d\n", (int)length, name, count_arguments(bracket));
        }
    }
    return list;
}

/* ---- What recorder.c calls ---- */

/* Finds out what the program is and writes it down, where none of the same text is there. */
static char *write_new(const char *source, const char *options, const char *raw, char hash[32]) {
    char source_path[PATH_SIZE], options_path[PATH_SIZE], path[PATH_SIZE];
    char ending[48];
    make_ending(ending, ".source");
    path_of(source_path, raw, ending);
    make_ending(ending, ".arguments");
    path_of(options_path, raw, ending);
    char *text = NULL;
    if (write_file(source_path, source) && write_file(options_path, options)) {
        text = preprocess(source_path, options_path, options);
    }
    remove(source_path);
    remove(options_path);
    if (text == NULL) {
        return NULL;
    }
    hash_texts(hash, text, "");
    path_of(path, hash, ".options");
    bool good = write_file(path, options);
    path_of(path, hash, ".cl");
    good = good && write_file(path, source);
    char *kernels = list_kernels(text);
    free(text);
    if (!good) {
        free(kernels);
        return NULL;
    }
    return kernels;
}

bool recorder_write(cl_program program, const char *options) {
    char raw[40] = "seen-", path[PATH_SIZE];
    hash_texts(raw + strlen(raw), program->source, options);
    path_of(path, raw, "");
    char *known = read_file(path); /* the hash, then the kernels */
    if (known != NULL && strlen(known) > 24) {
        memcpy(program->hash, known, 24);
        memmove(known, known + 25, strlen(known + 25) + 1);
        program->kernels = known;
        return true;
    }
    free(known);
    program->kernels = write_new(program->source, options, raw, program->hash);
    if (program->kernels == NULL) {
        return false;
    }
    const size_t size = strlen(program->kernels) + sizeof program->hash + 2;
    char *record = malloc(size);
    if (record == NULL) {
        return false;
    }
    snprintf(record, size, "%s\n%s", program->hash, program->kernels);
    const bool good = write_file(path, record);
    free(record);
    return good;
}

int recorder_arguments(cl_program program, const char *kernel) {
    const size_t length = strlen(kernel);
    for (const char *line = program->kernels; line != NULL && *line != '\0';) {
        if (strncmp(line, kernel, length) == 0 && line[length] == ' ') {
            return atoi(line + length);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return -1;
}

/* What a driver would say of groups of this size. */
static cl_int refusal(const size_t size[4]) {
    const card *limits = recorder_card();
    const size_t most[] = {limits->group, limits->group, RECORDER_DEPTH};
    for (int i = 0; i < 3; i++) {
        if (size[i] > most[i]) {
            return CL_INVALID_WORK_ITEM_SIZE;
        }
    }
    if (size[0] * size[1] * size[2] > limits->group) {
        return CL_INVALID_WORK_GROUP_SIZE;
    }
    return size[3] > limits->local_memory ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

/* A whole line at once: programs of several threads share the file. */
static void append_launch(const struct _cl_kernel *kernel, const size_t size[4]) {
    const char *name = getenv("CLEAT_RECORD_NAME");
    char path[PATH_SIZE], line[256];
    path_of(path, name != NULL ? name : "recorded", ".launches");
    const int length = snprintf(line, sizeof line, "%s %s %zu %zu %zu %zu\n", kernel->program->hash,
        kernel->name, size[0], size[1], size[2], size[3]);
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0 || write(file, line, (size_t)length) != length) {
        perror(path);
    }
    if (file >= 0) {
        close(file);
    }
}

cl_int recorder_launch(cl_kernel kernel, cl_uint dimensions, const size_t *local) {
    size_t size[4] = {0, 0, 0, 0};
    for (cl_uint i = 0; i < 3 && local != NULL; i++) {
        size[i] = i < dimensions ? local[i] : 1;
    }
    for (cl_uint i = 0; i < kernel->arguments && i < RECORDER_ARGUMENTS; i++) {
        size[3] += kernel->local[i];
    }
    const cl_int error = refusal(size);
    for (int i = 0; i < kernel->group_count; i++) {
        if (memcmp(kernel->groups[i], size, sizeof size) == 0) {
            return error;
        }
    }
    if (error == CL_SUCCESS && kernel->group_count < RECORDER_GROUPS) {
        memcpy(kernel->groups[kernel->group_count++], size, sizeof size);
        append_launch(kernel, size);
    }
    return error;
}
