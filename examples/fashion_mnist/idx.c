/* SPDX-License-Identifier: Apache-2.0 */
#include "idx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const int64_t largest_size = (int64_t)1 << 30; /* a lying header must not take all memory */
static const int64_t piece_size = (int64_t)1 << 24;   /* gzread takes an unsigned int */

/* Reads exactly `size` bytes. */
static bool read_bytes(
    gzFile file, const char *path, unsigned char *data, int64_t size, problem *why) {
    for (int64_t done = 0; done < size;) {
        int64_t rest = size - done;
        int got = gzread(file, data + done, (unsigned)(rest < piece_size ? rest : piece_size));
        int code = Z_OK;
        const char *reason = gzerror(file, &code);
        if (got < 0)
            return problem_set(
                why, "%s: damaged: %s", path, code == Z_ERRNO ? strerror(errno) : reason);
        if (got == 0)
            return problem_set(
                why, "%s: truncated: ends %lld bytes too early", path, (long long)rest);
        done += got;
    }
    return true;
}

/* Fills in the shape and *size, the bytes of data to come. */
static bool read_header(
    gzFile file, const char *path, idx_array *array, int64_t *size, problem *why) {
    unsigned char magic[4];
    if (!read_bytes(file, path, magic, 4, why))
        return false;
    if (magic[0] != 0 || magic[1] != 0)
        return problem_set(why, "%s: not an IDX file (starts with %02x %02x %02x %02x)", path,
            magic[0], magic[1], magic[2], magic[3]);
    if (magic[2] != 8)
        return problem_set(
            why, "%s: holds elements of type %02x, not unsigned bytes (08)", path, magic[2]);
    if (magic[3] != array->rank)
        return problem_set(
            why, "%s: has rank %d, expected rank %d", path, magic[3], (int)array->rank);
    int64_t total = 1;
    for (int32_t axis = 0; axis < array->rank; axis++) {
        unsigned char extent[4];
        if (!read_bytes(file, path, extent, 4, why))
            return false;
        array->shape[axis] = ((int64_t)extent[0] << 24) | ((int64_t)extent[1] << 16) |
                             ((int64_t)extent[2] << 8) | (int64_t)extent[3];
        if (array->shape[axis] > 0 && total > largest_size / array->shape[axis])
            return problem_set(
                why, "%s: its header asks for more than 1 GiB; surely damaged", path);
        total *= array->shape[axis];
    }
    *size = total;
    return true;
}

/* The stream must end here; reading past the last element also lets zlib check its checksum. */
static bool expect_end(gzFile file, const char *path, problem *why) {
    unsigned char byte;
    int got = gzread(file, &byte, 1);
    if (got > 0)
        return problem_set(why, "%s: longer than its header says", path);
    int code = Z_OK;
    const char *reason = gzerror(file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
        return problem_set(why, "%s: damaged: %s", path, reason);
    return true;
}

static bool read_array(gzFile file, const char *path, idx_array *array, problem *why) {
    int64_t size = 0;
    if (!read_header(file, path, array, &size, why))
        return false;
    array->data = malloc(size > 0 ? (size_t)size : 1);
    if (array->data == NULL)
        return problem_set(why, "%s: no memory for %lld bytes", path, (long long)size);
    return read_bytes(file, path, array->data, size, why) && expect_end(file, path, why);
}

bool idx_read(const char *path, int32_t rank, idx_array *array, problem *why) {
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return problem_set(why, "%s: %s", path, errno != 0 ? strerror(errno) : "cannot be opened");
    idx_array result = {.rank = rank};
    bool fine = read_array(file, path, &result, why);
    gzclose_r(file);
    if (!fine) {
        free(result.data);
        return false;
    }
    *array = result;
    return true;
}

void idx_free(idx_array *array) {
    free(array->data);
    array->data = NULL;
}
