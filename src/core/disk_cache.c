/* SPDX-License-Identifier: Apache-2.0 */
#include "core/disk_cache.h"
#include "core/context_state.h"
#include "core/files.h"
#include "core/hash128.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

/* A file's start. The hash is over the whole file with these two words zero; the mark of byte order
 * and the sizes make a file from another kind of machine a foreign one. */
typedef struct entry_header {
    char magic[8];
    uint32_t format, byte_order;
    uint64_t key_size, binary_size;
    uint64_t hash_low, hash_high;
} entry_header;

static const char magic[8] = {'C', 'L', 'E', 'A', 'T', 'K', 'R', 'N'};
static const uint32_t byte_order = 0x01020304;
static const uint64_t max_entry = (uint64_t)1 << 30;

/* The folder by option or environment; an empty text when there is none to be had. */
static cleat_status find_folder(const cleat_context_options *options, text_builder *folder) {
    if (options->cache_dir != NULL && options->cache_dir[0] != '\0') {
        return text_format(folder, "%s", options->cache_dir);
    }
    const char *own = environment_text("CLEAT_CACHE_DIR");
    if (own != NULL) {
        return text_format(folder, "%s", own);
    }
    return environment_place("XDG_CACHE_HOME", ".cache", "cleat", folder);
}

cleat_status disk_cache_open(cleat_context *context, const cleat_context_options *options) {
    REFUSE_IF(options->cache != CLEAT_CACHE_AUTO && options->cache != CLEAT_CACHE_ON &&
                  options->cache != CLEAT_CACHE_OFF,
        CLEAT_INVALID_ARGUMENT, "context_create: cache is %d, which is no cleat_cache_mode",
        (int)options->cache);
    bool automatic = options->cache == CLEAT_CACHE_AUTO;
    bool costly = context->profile.binaries_cost_a_build;
    /* A developer's kernels change too often to be worth it. */
    bool driver_will_do =
        context->profile.driver_caches_kernels || (costly && context->kernel_dir != NULL);
    if (options->cache == CLEAT_CACHE_OFF || (automatic && driver_will_do)) {
        return CLEAT_OK;
    }
    text_builder folder = {NULL, 0, 0};
    TRY(find_folder(options, &folder));
    if (folder.length == 0 || folder.length > FILE_MAX_PATH - 64) {
        context_log(context, "kernels are not cached on disk: no folder for them "
                             "(CLEAT_CACHE_DIR, XDG_CACHE_HOME and HOME are not set, or too long)");
        free(folder.text);
        return CLEAT_OK;
    }
    context->cache_dir = folder.text;
    context->stores_late = automatic && costly;
    return CLEAT_OK;
}

cleat_status disk_cache_key(cleat_context *context, const text_builder *options,
    const text_builder *source, text_builder *key) {
    const cleat_device_info *info = &context->profile.info;
    TRY(text_format(key,
        "platform %s\ndevice %s\nvendor %s\nversion %s\ndriver %s\naddress bits %d\noptions %s\n",
        info->platform, info->name, info->vendor, info->version, info->driver,
        context->profile.address_bits, options->text));
    return text_add(key, source->text, source->length);
}

static void entry_path(const cleat_context *context, const text_builder *key, char *path) {
    hash128 hash = hash128_of(key->text, key->length);
    snprintf(path, FILE_MAX_PATH, "%s/%016llx%016llx.bin", context->cache_dir,
        (unsigned long long)hash.high, (unsigned long long)hash.low);
}

static hash128 entry_hash(unsigned char *entry, size_t size) {
    entry_header header;
    memcpy(&header, entry, sizeof header);
    header.hash_low = 0;
    header.hash_high = 0;
    memcpy(entry, &header, sizeof header);
    return hash128_of(entry, size);
}

/* Whether the entry is whole and for this key. */
static bool entry_is_good(unsigned char *entry, size_t size, const text_builder *key) {
    entry_header header;
    memcpy(&header, entry, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.format != FORMAT ||
        header.byte_order != byte_order || header.key_size != key->length ||
        header.binary_size == 0 || header.binary_size > max_entry ||
        sizeof header + header.key_size + header.binary_size != size) {
        return false;
    }
    hash128 hash = entry_hash(entry, size);
    return hash.low == header.hash_low && hash.high == header.hash_high &&
           memcmp(entry + sizeof header, key->text, key->length) == 0;
}

static cl_program program_from_binary(
    cleat_context *context, const unsigned char *binary, size_t size, const char *options) {
    cl_int error = CL_SUCCESS;
    cl_int binary_status = CL_SUCCESS;
    cl_program program = clCreateProgramWithBinary(
        context->cl, 1, &context->device, &size, &binary, &binary_status, &error);
    if (error != CL_SUCCESS) {
        return NULL;
    }
    if (binary_status != CL_SUCCESS ||
        clBuildProgram(program, 1, &context->device, options, NULL, NULL) != CL_SUCCESS) {
        clReleaseProgram(program);
        return NULL;
    }
    return program;
}

cl_program disk_cache_load(cleat_context *context, const text_builder *key, const char *options) {
    char path[FILE_MAX_PATH];
    size_t size = 0;
    cl_program program = NULL;
    if (context->cache_dir == NULL) {
        return NULL;
    }
    entry_path(context, key, path);
    unsigned char *entry = (unsigned char *)file_read(path, max_entry, &size);
    if (entry == NULL && file_is_missing()) {
        return NULL;
    }
    if (entry != NULL && size >= sizeof(entry_header) && entry_is_good(entry, size, key)) {
        program = program_from_binary(context, entry + sizeof(entry_header) + key->length,
            size - sizeof(entry_header) - key->length, options);
    }
    free(entry);
    pthread_mutex_lock(&context->mutex);
    context->statistics.kernels_loaded += program != NULL;
    context->statistics.cache_rejected += program == NULL;
    pthread_mutex_unlock(&context->mutex);
    if (program == NULL) {
        context_log(context, "the cached kernel %s is damaged or foreign; it is rebuilt", path);
    }
    return program;
}

/* The binary for the context's device, after `room` bytes for what comes before it. */
static unsigned char *fetch_binary(
    cleat_context *context, cl_program program, size_t room, size_t *size) {
    enum { MAX_DEVICES = 64 };
    cl_device_id devices[MAX_DEVICES];
    size_t sizes[MAX_DEVICES];
    unsigned char *binaries[MAX_DEVICES] = {NULL};
    cl_uint count = 0;
    cl_uint own = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) !=
            CL_SUCCESS ||
        count > MAX_DEVICES ||
        clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof devices, devices, NULL) !=
            CL_SUCCESS ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof sizes, sizes, NULL) !=
            CL_SUCCESS) {
        return NULL;
    }
    while (own < count && devices[own] != context->device) {
        own++;
    }
    if (own == count || sizes[own] == 0 || sizes[own] > max_entry) {
        return NULL;
    }
    unsigned char *entry = calloc(1, room + sizes[own]);
    if (entry == NULL) {
        return NULL;
    }
    /* Devices whose pointer is NULL are passed over. */
    binaries[own] = entry + room;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL) !=
        CL_SUCCESS) {
        free(entry);
        return NULL;
    }
    *size = sizes[own];
    return entry;
}

static void log_unwritable(cleat_context *context) {
    context_log(context, "a kernel cannot be cached in %s: %s", context->cache_dir,
        errno != 0 ? strerror(errno) : "it is no folder");
}

void disk_cache_store(cleat_context *context, const text_builder *key, cl_program program) {
    char path[FILE_MAX_PATH];
    size_t binary_size = 0;
    if (context->cache_dir == NULL) {
        return;
    }
    entry_path(context, key, path);
    errno = 0;
    if (!file_is_replaceable(path)) {
        log_unwritable(context);
        return;
    }
    size_t room = sizeof(entry_header) + key->length;
    unsigned char *entry = fetch_binary(context, program, room, &binary_size);
    if (entry == NULL) {
        context_log(context, "a kernel is not cached on disk: the driver gives no binary");
        return;
    }
    entry_header header = {.format = FORMAT, .byte_order = byte_order};
    header.key_size = key->length;
    header.binary_size = binary_size;
    memcpy(header.magic, magic, sizeof magic);
    memcpy(entry, &header, sizeof header);
    memcpy(entry + sizeof header, key->text, key->length);
    hash128 hash = entry_hash(entry, room + binary_size);
    header.hash_low = hash.low;
    header.hash_high = hash.high;
    memcpy(entry, &header, sizeof header);
    errno = 0;
    if (!file_replace(path, entry, room + binary_size)) {
        log_unwritable(context);
    }
    free(entry);
}
