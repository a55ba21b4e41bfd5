/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where bytes come from, a file or memory, and the fields of a message in them. In protobuf's wire
 * format a message is a row of fields; each begins with its number and form, one number of variable
 * length; what is not a number has its length first (protobuf.dev/programming-guides/encoding).
 */
#ifndef CLEAT_ONNX_ONNX_SOURCE_H
#define CLEAT_ONNX_ONNX_SOURCE_H

#include "onnx/onnx_support.h"
#include <stdint.h>

enum { SOURCE_WINDOW = 4096 };

typedef struct source {
    const uint8_t *bytes; /* NULL: of a file */
    int file;
    uint64_t size;
    uint64_t window_begin; /* bytes of the file that were read on the way */
    size_t window_size;
    uint8_t window[SOURCE_WINDOW];
} source;

/* `begin` up to, not including, `end`. */
typedef struct range {
    uint64_t begin, end;
} range;

void source_of_memory(source *s, const void *bytes, size_t size);
/* Takes over an open file, which source_close() closes, also after a failure. */
cleat_status source_of_file(source *s, int file);
cleat_status source_open(source *s, const char *path);
void source_close(source *s);
cleat_status source_read(source *s, uint64_t at, size_t size, void *into);
/* The bytes in memory of their own, for cleat_host_release(). */
cleat_status source_copy(source *s, range r, void **bytes);

typedef enum field_form {
    FIELD_NUMBER = 0, /* of variable length */
    FIELD_FIXED64 = 1,
    FIELD_BYTES = 2,
    FIELD_FIXED32 = 5
} field_form;

typedef struct field {
    uint32_t number;
    field_form form;
    uint64_t value; /* of FIELD_NUMBER */
    range whole;    /* all of the field */
    range bytes;    /* of FIELD_BYTES */
} field;

/* The field at r->begin, which then is behind it; false in *found at the end. */
cleat_status field_next(source *s, range *r, field *f, bool *found);

#endif
