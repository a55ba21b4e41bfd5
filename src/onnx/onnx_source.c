/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/onnx_source.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void source_of_memory(source *s, const void *bytes, size_t size) {
    static const uint8_t nothing[1];
    memset(s, 0, sizeof *s);
    s->bytes = bytes != NULL ? bytes : nothing;
    s->size = size;
    s->file = -1;
}

cleat_status source_of_file(source *s, int file) {
    struct stat about;
    memset(s, 0, sizeof *s);
    s->file = file;
    REFUSE_IF(
        fstat(file, &about) != 0 || !S_ISREG(about.st_mode), CLEAT_INVALID_ARGUMENT, "not a file");
    s->size = (uint64_t)about.st_size;
    return CLEAT_OK;
}

cleat_status source_open(source *s, const char *path) {
    memset(s, 0, sizeof *s);
    s->file = -1;
    REFUSE_IF(path == NULL, CLEAT_INVALID_ARGUMENT, "path is NULL");
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    REFUSE_IF(file < 0, CLEAT_INVALID_ARGUMENT, "%s", strerror(errno));
    return source_of_file(s, file);
}

void source_close(source *s) {
    if (s->file >= 0) {
        close(s->file);
        s->file = -1;
    }
}

static cleat_status read_file(const source *s, uint64_t at, size_t size, uint8_t *into) {
    while (size > 0) {
        const ssize_t got = pread(s->file, into, size < 1U << 30 ? size : 1U << 30, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        REFUSE_IF(got < 0, CLEAT_INVALID_ARGUMENT, "the file cannot be read: %s", strerror(errno));
        REFUSE_IF(got == 0, CLEAT_INVALID_ARGUMENT, "the file was cut while it was read");
        into += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return CLEAT_OK;
}

cleat_status source_read(source *s, uint64_t at, size_t size, void *into) {
    REFUSE_IF(at > s->size || size > s->size - at, CLEAT_INVALID_ARGUMENT,
        "bytes %llu to %llu of %llu", (unsigned long long)at, (unsigned long long)(at + size),
        (unsigned long long)s->size);
    if (size == 0) {
        return CLEAT_OK;
    }
    if (s->bytes != NULL) {
        memcpy(into, s->bytes + at, size);
        return CLEAT_OK;
    }
    if (size > SOURCE_WINDOW) {
        return read_file(s, at, size, into);
    }
    if (at < s->window_begin || at + size > s->window_begin + s->window_size) {
        const size_t wanted = s->size - at < SOURCE_WINDOW ? (size_t)(s->size - at) : SOURCE_WINDOW;
        s->window_size = 0;
        TRY(read_file(s, at, wanted, s->window));
        s->window_begin = at;
        s->window_size = wanted;
    }
    memcpy(into, s->window + (at - s->window_begin), size);
    return CLEAT_OK;
}

cleat_status source_copy(source *s, range r, void **bytes) {
    TRY(allocate(r.end - r.begin, 1, bytes));
    cleat_status status = source_read(s, r.begin, (size_t)(r.end - r.begin), *bytes);
    if (status != CLEAT_OK) {
        cleat_host_release(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* ---- Fields ---- */

/* A number of variable length: 7 bits a byte, the lowest first, the eighth set but in the last. */
static cleat_status read_number(source *s, range *r, uint64_t *number) {
    uint8_t bytes[10];
    const uint64_t left = r->end - r->begin;
    const size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
    TRY(source_read(s, r->begin, size, bytes));
    *number = 0;
    for (size_t i = 0; i < size; i++) {
        *number |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (bytes[i] < 0x80) {
            r->begin += i + 1;
            return CLEAT_OK;
        }
    }
    return refuse(
        CLEAT_INVALID_ARGUMENT, "no end of the number at byte %llu", (unsigned long long)r->begin);
}

cleat_status field_next(source *s, range *r, field *f, bool *found) {
    *found = r->begin < r->end;
    if (!*found) {
        return CLEAT_OK;
    }
    const uint64_t begin = r->begin;
    uint64_t tag, size = 0;
    TRY(read_number(s, r, &tag));
    *f = (field){.number = (uint32_t)(tag >> 3), .form = (field_form)(tag & 7)};
    REFUSE_IF(tag >> 3 == 0 || tag >> 3 >= 1U << 29, CLEAT_INVALID_ARGUMENT,
        "no field begins at byte %llu", (unsigned long long)begin);
    switch (f->form) {
    case FIELD_NUMBER:
        TRY(read_number(s, r, &f->value));
        break;
    case FIELD_BYTES:
        TRY(read_number(s, r, &size));
        break;
    case FIELD_FIXED64:
        size = 8;
        break;
    case FIELD_FIXED32:
        size = 4;
        break;
    default:
        return refuse(
            CLEAT_INVALID_ARGUMENT, "no field begins at byte %llu", (unsigned long long)begin);
    }
    REFUSE_IF(size > r->end - r->begin, CLEAT_INVALID_ARGUMENT,
        "the field at byte %llu has %llu bytes, where there are %llu", (unsigned long long)begin,
        (unsigned long long)size, (unsigned long long)(r->end - r->begin));
    f->bytes = (range){r->begin, r->begin + size};
    r->begin += size;
    f->whole = (range){begin, r->begin};
    return CLEAT_OK;
}
