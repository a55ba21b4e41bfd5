/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 6, MOST_HEADER = 4096 };
static const unsigned char magic[MAGIC] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const struct {
    const char *name;
    cleat_type type;
} types[] = {{"<f4", CLEAT_F32}, {"<f8", CLEAT_F64}, {"<f2", CLEAT_F16}, {"<i4", CLEAT_I32},
    {"<i8", CLEAT_I64}, {"<i2", CLEAT_I16}, {"|i1", CLEAT_I8}, {"|u1", CLEAT_U8},
    {"<u2", CLEAT_U16}, {"<u4", CLEAT_U32}, {"<u8", CLEAT_U64}, {"|b1", CLEAT_BOOL}};
enum { TYPES = sizeof types / sizeof types[0] };

static bool is_little_endian(void) {
    const uint16_t one = 1;
    unsigned char low;
    memcpy(&low, &one, 1);
    return low == 1;
}

/* What follows 'key': in the header's dictionary; NULL where there is no such key. */
static const char *value_of(const char *header, const char *key) {
    const char *found = strstr(header, key);
    if (found == NULL) {
        return NULL;
    }
    found += strlen(key);
    while (*found == ' ' || *found == ':') {
        found++;
    }
    return found;
}

static bool parse_type(const char *header, npy_array *array) {
    const char *text = value_of(header, "'descr'");
    for (int i = 0; text != NULL && i < TYPES; i++) {
        if (text[0] == '\'' && strncmp(text + 1, types[i].name, 3) == 0 && text[4] == '\'') {
            array->type = types[i].type;
            return true;
        }
    }
    return false;
}

/* "(2, 3)", "(4,)", "()"; array->size becomes the bytes of all elements. */
static bool parse_shape(const char *header, npy_array *array) {
    const char *text = value_of(header, "'shape'");
    uint64_t size = cleat_type_size(array->type);
    if (text == NULL || *text++ != '(') {
        return false;
    }
    for (array->rank = 0;; array->rank++) {
        while (*text == ' ' || *text == ',') {
            text++;
        }
        if (*text == ')') {
            break;
        }
        char *end = NULL;
        const long long extent = strtoll(text, &end, 10);
        if (end == text || extent < 0 || array->rank == CLEAT_MAX_RANK ||
            (extent > 0 && size > (uint64_t)(SIZE_MAX / 2) / (uint64_t)extent)) {
            return false;
        }
        array->shape[array->rank] = extent;
        size *= (uint64_t)extent;
        text = end;
    }
    array->size = (size_t)size;
    return true;
}

static const char *read_header(FILE *file, npy_array *array) {
    unsigned char start[MAGIC + 2], length[4] = {0};
    char header[MOST_HEADER + 1];
    if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, magic, MAGIC) != 0) {
        return "it is no .npy file";
    }
    const size_t digits = start[MAGIC] == 1 ? 2 : 4;
    if (start[MAGIC] < 1 || start[MAGIC] > 3 || fread(length, 1, digits, file) != digits) {
        return "its version is not known";
    }
    const size_t size = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                        (size_t)length[3] << 24;
    if (size > MOST_HEADER || fread(header, 1, size, file) != size) {
        return "its header is cut short or too long";
    }
    header[size] = '\0';
    if (!parse_type(header, array)) {
        return "its elements are of no type that is known here";
    }
    const char *order = value_of(header, "'fortran_order'");
    if (order == NULL || strncmp(order, "False", 5) != 0) {
        return "its elements are not in C's order";
    }
    return parse_shape(header, array) ? NULL : "its shape is not understood";
}

/* Reads in pieces, so that a header alone does not have memory taken. */
static const char *read_elements(FILE *file, npy_array *array) {
    enum { PIECE = 16 << 20 };
    size_t done = 0;
    array->elements = malloc(1);
    while (array->elements != NULL && done < array->size) {
        const size_t left = array->size - done;
        const size_t piece = left < PIECE ? left : PIECE;
        char *grown = realloc(array->elements, done + piece);
        if (grown == NULL) {
            return "there is no memory for it";
        }
        array->elements = grown;
        if (fread(grown + done, 1, piece, file) != piece) {
            return "it is cut short";
        }
        done += piece;
    }
    return array->elements != NULL ? NULL : "there is no memory for it";
}

bool npy_load(const char *path, npy_array *array, const char **why) {
    *array = (npy_array){.elements = NULL};
    *why = NULL;
    FILE *file = is_little_endian() ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        *why = "it cannot be opened";
        return false;
    }
    *why = read_header(file, array);
    if (*why == NULL) {
        *why = read_elements(file, array);
    }
    fclose(file);
    if (*why != NULL) {
        free(array->elements);
        array->elements = NULL;
    }
    return *why == NULL;
}

bool npy_save(const char *path, const npy_array *array, const char **why) {
    char header[256];
    const char *name = NULL;
    for (int i = 0; i < TYPES; i++) {
        name = types[i].type == array->type ? types[i].name : name;
    }
    *why = name == NULL ? "NumPy has no such type" : "it cannot be written";
    FILE *file = name != NULL && is_little_endian() ? fopen(path, "wb") : NULL;
    if (file == NULL) {
        return false;
    }
    int length =
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", name);
    for (int32_t i = 0; i < array->rank; i++) {
        length += snprintf(header + length, sizeof header - (size_t)length, "%lld%s",
            (long long)array->shape[i],
            i + 1 < array->rank ? ", "
            : array->rank == 1  ? ","
                                : "");
    }
    length += snprintf(header + length, sizeof header - (size_t)length, "), }");
    const int before = MAGIC + 4, padded = (before + length + 1 + 63) / 64 * 64 - before;
    const unsigned char start[4] = {
        1, 0, (unsigned char)(padded & 255), (unsigned char)(padded >> 8)};
    bool good = fwrite(magic, 1, MAGIC, file) == MAGIC && fwrite(start, 1, 4, file) == 4 &&
                fprintf(file, "%-*s\n", padded - 1, header) == padded &&
                fwrite(array->elements, 1, array->size, file) == array->size;
    good = fclose(file) == 0 && good;
    return good;
}
