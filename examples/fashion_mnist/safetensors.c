/* SPDX-License-Identifier: Apache-2.0 */
#include "safetensors.h"

#include "output.h"

#include <cleat/tensor.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_SIZE = 8, ALIGNMENT = 8, ELEMENT_SIZE = 4 };

static const uint64_t largest_header = 100000000; /* the reference implementation's limit */

static uint64_t element_count(const safetensors_entry *entry) {
    uint64_t count = 1;
    for (int32_t axis = 0; axis < entry->rank; axis++)
        count *= (uint64_t)entry->shape[axis];
    return count;
}

/* ---- Writing ---- */

static json_t *describe(const safetensors_entry *entry, uint64_t begin) {
    json_t *shape = json_array();
    for (int32_t axis = 0; axis < entry->rank; axis++)
        json_array_append_new(shape, json_integer(entry->shape[axis]));
    uint64_t end = begin + element_count(entry) * ELEMENT_SIZE;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
        (json_int_t)begin, (json_int_t)end);
}

/* The JSON header, freed by the caller; NULL without memory. */
static char *make_header(size_t count, const safetensors_entry *entries) {
    json_t *root = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(root, entries[i].name, describe(&entries[i], offset));
        offset += element_count(&entries[i]) * ELEMENT_SIZE;
    }
    bool complete = json_object_size(root) == count + 1;
    char *text = complete ? json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(root);
    return text;
}

static void write_floats(FILE *file, const float *data, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &data[i], sizeof bits);
        unsigned char bytes[ELEMENT_SIZE] = {(unsigned char)bits, (unsigned char)(bits >> 8),
            (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        fwrite(bytes, 1, sizeof bytes, file);
    }
}

bool safetensors_write(
    const char *path, size_t count, const safetensors_entry *entries, problem *why) {
    char *header = make_header(count, entries);
    if (header == NULL)
        return problem_set(why, "%s: no memory for the header", path);
    output out;
    if (!output_open(&out, path, why)) {
        free(header);
        return false;
    }
    size_t length = strlen(header);
    size_t padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; /* spaces, so data aligns */
    for (unsigned shift = 0; shift < 64; shift += 8)
        putc((int)(((uint64_t)padded >> shift) & 0xff), out.file);
    fwrite(header, 1, length, out.file);
    for (size_t i = length; i < padded; i++)
        putc(' ', out.file);
    for (size_t i = 0; i < count; i++)
        write_floats(out.file, entries[i].data, element_count(&entries[i]));
    free(header);
    return output_commit(&out, why);
}

/* ---- Reading ---- */

/* Types whose elements are read as floats, and the bytes of one. */
typedef struct element_type {
    const char *name;
    uint64_t size;
} element_type;

static const element_type element_types[] = {{"F32", ELEMENT_SIZE}, {"F16", 2}, {"BF16", 2}};
enum { TYPE_F32, TYPE_F16, TYPE_BF16, TYPES };

/* Where a tensor's bytes are within the data. */
typedef struct location {
    int type; /* TYPE_ */
    uint64_t begin, size;
} location;

/* A file in memory: header and data. */
typedef struct image {
    const char *path;
    unsigned char *bytes;
    uint64_t size, header_size, data_size;
    const unsigned char *data;
} image;

static bool read_whole(image *file, problem *why) {
    FILE *stream = fopen(file->path, "rb");
    if (stream == NULL)
        return problem_set(why, "%s: cannot be opened: %s", file->path, strerror(errno));
    long size = -1;
    if (fseek(stream, 0, SEEK_END) == 0)
        size = ftell(stream);
    if (size < 0 || fseek(stream, 0, SEEK_SET) != 0) {
        fclose(stream);
        return problem_set(why, "%s: cannot be read: %s", file->path, strerror(errno));
    }
    file->size = (uint64_t)size;
    file->bytes = malloc(file->size + 1);
    size_t got = file->bytes != NULL ? fread(file->bytes, 1, file->size, stream) : 0;
    fclose(stream);
    if (file->bytes == NULL)
        return problem_set(why, "%s: no memory for its %ld bytes", file->path, size);
    if (got != file->size)
        return problem_set(why, "%s: cannot be read to its end", file->path);
    return true;
}

/* Finds header and data; checks only that they lie in the file. */
static bool split(image *file, problem *why) {
    if (file->size < LENGTH_SIZE)
        return problem_set(why, "%s: no safetensors file: only %llu bytes long", file->path,
            (unsigned long long)file->size);
    uint64_t length = 0;
    for (int i = LENGTH_SIZE - 1; i >= 0; i--)
        length = (length << 8) | file->bytes[i];
    if (length > largest_header)
        return problem_set(why, "%s: no safetensors file: claims a header of %llu bytes",
            file->path, (unsigned long long)length);
    if (length > file->size - LENGTH_SIZE)
        return problem_set(why, "%s: truncated: a header of %llu bytes, %llu are there", file->path,
            (unsigned long long)length, (unsigned long long)(file->size - LENGTH_SIZE));
    file->header_size = length;
    file->data = file->bytes + LENGTH_SIZE + length;
    file->data_size = file->size - LENGTH_SIZE - length;
    return true;
}

static bool check_shape(
    const image *file, const json_t *shape, const safetensors_entry *entry, problem *why) {
    bool same = json_is_array(shape) && json_array_size(shape) == (size_t)entry->rank;
    for (int32_t axis = 0; same && axis < entry->rank; axis++) {
        const json_t *extent = json_array_get(shape, (size_t)axis);
        same = json_is_integer(extent) && json_integer_value(extent) == entry->shape[axis];
    }
    if (same)
        return true;
    char *found = shape != NULL ? json_dumps(shape, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char wanted[160] = "";
    for (int32_t axis = 0; axis < entry->rank; axis++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%lld", axis > 0 ? "," : "",
            (long long)entry->shape[axis]);
    }
    problem_set(why, "%s: tensor \"%s\" has shape %.120s, expected [%s]", file->path, entry->name,
        found != NULL ? found : "unknown", wanted);
    free(found);
    return false;
}

/* Where the tensor's bytes are; the type is set and the shape right already. */
static bool find_data(const image *file, const json_t *offsets, const safetensors_entry *entry,
    location *place, problem *why) {
    json_int_t first = -1, end = -1;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return problem_set(
            why, "%s: tensor \"%s\": data_offsets must be two integers", file->path, entry->name);
    first = json_integer_value(json_array_get(offsets, 0));
    end = json_integer_value(json_array_get(offsets, 1));
    if (first < 0 || end < first || (uint64_t)end > file->data_size)
        return problem_set(why,
            "%s: truncated or damaged: tensor \"%s\" lies at bytes %lld to %lld of %llu",
            file->path, entry->name, (long long)first, (long long)end,
            (unsigned long long)file->data_size);
    uint64_t wanted = element_count(entry) * element_types[place->type].size;
    if ((uint64_t)(end - first) != wanted)
        return problem_set(why, "%s: tensor \"%s\" has %lld bytes, its shape needs %llu",
            file->path, entry->name, (long long)(end - first), (unsigned long long)wanted);
    place->begin = (uint64_t)first;
    place->size = wanted;
    return true;
}

static bool check_entry(const image *file, const json_t *root, const safetensors_entry *entry,
    location *place, problem *why) {
    const json_t *found = json_object_get(root, entry->name);
    if (found == NULL)
        return problem_set(why, "%s: has no tensor \"%s\"", file->path, entry->name);
    const char *type = json_string_value(json_object_get(found, "dtype"));
    place->type = 0;
    while (
        place->type < TYPES && (type == NULL || strcmp(type, element_types[place->type].name) != 0))
        place->type++;
    if (place->type == TYPES)
        return problem_set(why, "%s: tensor \"%s\" has type %.16s, expected F32, F16 or BF16",
            file->path, entry->name, type != NULL ? type : "unknown");
    return check_shape(file, json_object_get(found, "shape"), entry, why) &&
           find_data(file, json_object_get(found, "data_offsets"), entry, place, why);
}

/* Each byte of the data must belong to exactly one tensor: no two overlap, none is left over. */
static bool check_cover(const image *file, size_t count, const safetensors_entry *entries,
    const location *places, problem *why) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const location *a = &places[i];
        total += a->size;
        for (size_t j = 0; j < i; j++) {
            const location *b = &places[j];
            if (a->begin < b->begin + b->size && b->begin < a->begin + a->size)
                return problem_set(why, "%s: damaged: tensors \"%s\" and \"%s\" overlap",
                    file->path, entries[j].name, entries[i].name);
        }
    }
    if (total != file->data_size)
        return problem_set(why, "%s: damaged: %llu bytes of data, its tensors have %llu",
            file->path, (unsigned long long)file->data_size, (unsigned long long)total);
    return true;
}

static bool check_names(const image *file, const json_t *root, size_t count, problem *why) {
    size_t found = json_object_size(root) - (json_object_get(root, "__metadata__") != NULL);
    if (found > count)
        return problem_set(
            why, "%s: holds %zu tensors, the network has %zu", file->path, found, count);
    return true;
}

static void read_halves(const unsigned char *bytes, bool is_f16, float *data, uint64_t count) {
    for (uint64_t i = 0; i < count; i++, bytes += 2) {
        const uint16_t element = (uint16_t)(bytes[0] | bytes[1] << 8);
        (is_f16 ? cleat_f16_to_f32 : cleat_bf16_to_f32)(&element, 1, &data[i]);
    }
}

static void read_floats(const unsigned char *bytes, float *data, uint64_t count) {
    for (uint64_t i = 0; i < count; i++, bytes += ELEMENT_SIZE) {
        uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                        (uint32_t)bytes[3] << 24;
        memcpy(&data[i], &bits, sizeof bits);
    }
}

/* Checks all, then copies all. */
static bool read_entries(const image *file, const json_t *root, size_t count,
    const safetensors_entry *entries, problem *why) {
    location *places = calloc(count + 1, sizeof *places);
    if (places == NULL)
        return problem_set(why, "%s: no memory", file->path);
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = check_entry(file, root, &entries[i], &places[i], why);
    fine = fine && check_names(file, root, count, why) &&
           check_cover(file, count, entries, places, why);
    for (size_t i = 0; fine && i < count; i++) {
        const unsigned char *bytes = file->data + places[i].begin;
        const uint64_t elements = element_count(&entries[i]);
        if (places[i].type == TYPE_F32)
            read_floats(bytes, entries[i].data, elements);
        else
            read_halves(bytes, places[i].type == TYPE_F16, entries[i].data, elements);
    }
    free(places);
    return fine;
}

static bool read_image(image *file, size_t count, const safetensors_entry *entries, problem *why) {
    if (!read_whole(file, why) || !split(file, why))
        return false;
    json_error_t error;
    json_t *root = json_loadb((const char *)file->bytes + LENGTH_SIZE, (size_t)file->header_size,
        JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return problem_set(
            why, "%s: no safetensors file: its header is not JSON: %s", file->path, error.text);
    bool fine = json_is_object(root)
                    ? read_entries(file, root, count, entries, why)
                    : problem_set(why, "%s: its header is not a JSON object", file->path);
    json_decref(root);
    return fine;
}

bool safetensors_read(
    const char *path, size_t count, const safetensors_entry *entries, problem *why) {
    image file = {.path = path};
    bool fine = read_image(&file, count, entries, why);
    free(file.bytes);
    return fine;
}
