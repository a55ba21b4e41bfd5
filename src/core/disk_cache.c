/* SPDX-License-Identifier: Apache-2.0 */
#include "core/disk_cache.h"
#include "core/cache_folder.h"
#include "core/context_state.h"
#include "core/files.h"
#include "core/hash128.h"
#include "core/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

bool disk_cache_is_open(const cleat_context *context) {
    return context->cache_dir != NULL || context->cache_store.load != NULL;
}

const char *disk_cache_place(const cleat_context *context) {
    return context->cache_store.load != NULL ? "the program's cache"
           : context->cache_dir != NULL      ? context->cache_dir
                                             : "no folder";
}

static cleat_status open_folder(cleat_context *context, const char *cache_dir) {
    text_builder folder = {NULL, 0, 0};
    cleat_status status = cache_folder_find(cache_dir, &folder);
    if (status != CLEAT_OK || folder.length == 0) {
        memory_free(folder.text);
        context_log(context, "kernels are not cached on disk: no folder for them "
                             "(CLEAT_CACHE_DIR, XDG_CACHE_HOME and HOME are not set, or too long)");
        return status;
    }
    context->cache_dir = folder.text;
    return CLEAT_OK;
}

cleat_status disk_cache_open(cleat_context *context, const cleat_context_options *options) {
    REFUSE_IF(options->cache < CLEAT_CACHE_AUTO || options->cache > CLEAT_CACHE_ONLY,
        CLEAT_INVALID_ARGUMENT, "context_create: cache is %d, which is no cleat_cache_mode",
        (int)options->cache);
    context->never_compiles = options->cache == CLEAT_CACHE_ONLY;
    context->cache_limit =
        options->cache_limit > 0 ? options->cache_limit : CLEAT_CACHE_DEFAULT_LIMIT;
    if (options->cache == CLEAT_CACHE_OFF) {
        return CLEAT_OK;
    }
    if (options->cache_store != NULL) {
        REFUSE_IF(options->cache_store->load == NULL, CLEAT_INVALID_ARGUMENT,
            "context_create: cache_store has no function load");
        context->cache_store = *options->cache_store;
        return CLEAT_OK;
    }
    bool automatic = options->cache == CLEAT_CACHE_AUTO;
    bool costly = context->profile.binaries_cost_a_build;
    /* A developer's kernels change too often to be worth it. */
    bool driver_will_do =
        context->profile.driver_caches_kernels || (costly && context->kernel_dir != NULL);
    if (automatic && driver_will_do) {
        return CLEAT_OK;
    }
    context->stores_late = automatic && costly;
    return open_folder(context, options->cache_dir);
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

/* The name of an entry, without the folder. */
static void entry_name(const text_builder *key, char name[CACHE_NAME_LENGTH + 1]) {
    hash128 hash = hash128_of(key->text, key->length);
    snprintf(name, CACHE_NAME_LENGTH + 1, "%016llx%016llx", (unsigned long long)hash.high,
        (unsigned long long)hash.low);
}

static void entry_path(const cleat_context *context, const char *name, char *path) {
    snprintf(path, FILE_MAX_PATH, "%s/%s.bin", context->cache_dir, name);
}

/* The whole entry, to be freed; NULL with *missing when there is none, NULL without it when it
 * cannot be read. */
static unsigned char *read_entry(
    cleat_context *context, const char *name, size_t *size, bool *missing) {
    const cleat_cache_store *store = &context->cache_store;
    unsigned char *entry = NULL;
    if (store->load == NULL) {
        char path[FILE_MAX_PATH];
        entry_path(context, name, path);
        entry = (unsigned char *)file_read(path, max_entry, FILE_OF_OURS, size);
        *missing = entry == NULL && file_is_missing();
        if (entry != NULL) {
            file_touch(path);
        }
        return entry;
    }
    pthread_mutex_lock(&context->store_mutex);
    *size = store->load(store->data, name, NULL, 0);
    *missing = *size == 0;
    entry = *missing || *size > max_entry ? NULL : memory_allocate(*size);
    /* Replaced meanwhile by one of another size: what was read is not whole. */
    if (entry != NULL && store->load(store->data, name, entry, *size) != *size) {
        memory_free(entry);
        entry = NULL;
    }
    pthread_mutex_unlock(&context->store_mutex);
    return entry;
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
    char name[CACHE_NAME_LENGTH + 1];
    size_t size = 0;
    bool missing = false;
    cl_program program = NULL;
    entry_name(key, name);
    unsigned char *entry = read_entry(context, name, &size, &missing);
    if (missing) {
        return NULL;
    }
    if (entry != NULL && size >= sizeof(entry_header) && entry_is_good(entry, size, key)) {
        program = program_from_binary(context, entry + sizeof(entry_header) + key->length,
            size - sizeof(entry_header) - key->length, options);
    }
    memory_free(entry);
    pthread_mutex_lock(&context->mutex);
    context->statistics.kernels_loaded += program != NULL;
    context->statistics.cache_rejected += program == NULL;
    pthread_mutex_unlock(&context->mutex);
    if (program == NULL) {
        context_log(context,
            "the cached kernel %s in %s is damaged, foreign, or not the user's alone; it is "
            "rebuilt",
            name, disk_cache_place(context));
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
    unsigned char *entry = memory_allocate_zeroed(1, room + sizes[own]);
    if (entry == NULL) {
        return NULL;
    }
    /* Devices whose pointer is NULL are passed over. */
    binaries[own] = entry + room;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL) !=
        CL_SUCCESS) {
        memory_free(entry);
        return NULL;
    }
    *size = sizes[own];
    return entry;
}

static void log_unwritable(cleat_context *context) {
    context_log(context, "a kernel cannot be cached in %s: %s", disk_cache_place(context),
        context->cache_store.load != NULL ? "its store said so"
        : errno != 0                      ? strerror(errno)
                                          : "it is no folder");
}

/* Fills in an entry's head and key: behind room for both it has its content already. */
static void seal_entry(const text_builder *key, unsigned char *entry, size_t content_size) {
    entry_header header = {.format = FORMAT, .byte_order = byte_order};
    header.key_size = key->length;
    header.binary_size = content_size;
    memcpy(header.magic, magic, sizeof magic);
    memcpy(entry, &header, sizeof header);
    memcpy(entry + sizeof header, key->text, key->length);
    hash128 hash = entry_hash(entry, sizeof header + key->length + content_size);
    header.hash_low = hash.low;
    header.hash_high = hash.high;
    memcpy(entry, &header, sizeof header);
}

/* Whether there is a place for an entry of that name; logs where there should be one and is not. */
static bool is_storable(cleat_context *context, const char *name) {
    char path[FILE_MAX_PATH];
    const cleat_cache_store *store = &context->cache_store;
    if (store->load != NULL) {
        return store->store != NULL;
    }
    errno = 0;
    entry_path(context, name, path);
    bool replaceable = file_is_replaceable(path);
    if (!replaceable) {
        log_unwritable(context);
    }
    return replaceable;
}

static void write_entry(
    cleat_context *context, const char *name, const unsigned char *entry, size_t size) {
    char path[FILE_MAX_PATH];
    const cleat_cache_store *store = &context->cache_store;
    bool kept = false;
    errno = 0;
    if (store->load != NULL) {
        pthread_mutex_lock(&context->store_mutex);
        kept = store->store(store->data, name, entry, size);
        pthread_mutex_unlock(&context->store_mutex);
    } else {
        entry_path(context, name, path);
        if (size > context->cache_limit) { /* it would push out all others, and then itself */
            context_log(context, "a kernel of %zu bytes is not cached: the limit is %" PRIu64, size,
                context->cache_limit);
            return;
        }
        kept = file_replace(path, entry, size);
        if (kept) {
            cache_folder_trim(context->cache_dir, context->cache_limit);
        }
    }
    if (!kept) {
        log_unwritable(context);
    }
}

void disk_cache_store(cleat_context *context, const text_builder *key, cl_program program) {
    char name[CACHE_NAME_LENGTH + 1];
    size_t binary_size = 0;
    size_t room = sizeof(entry_header) + key->length;
    entry_name(key, name);
    if (!is_storable(context, name)) {
        return;
    }
    unsigned char *entry = fetch_binary(context, program, room, &binary_size);
    if (entry == NULL) {
        context_log(context, "a kernel is not cached: the driver gives no binary");
        return;
    }
    seal_entry(key, entry, binary_size);
    write_entry(context, name, entry, room + binary_size);
    memory_free(entry);
}

bool disk_cache_load_note(cleat_context *context, const text_builder *key, unsigned char *note) {
    char name[CACHE_NAME_LENGTH + 1];
    size_t size = 0;
    bool missing = false;
    entry_name(key, name);
    unsigned char *entry = read_entry(context, name, &size, &missing);
    bool good = entry != NULL && size == sizeof(entry_header) + key->length + 1 &&
                entry_is_good(entry, size, key);
    if (good) {
        *note = entry[size - 1];
    }
    memory_free(entry);
    return good;
}

void disk_cache_store_note(cleat_context *context, const text_builder *key, unsigned char note) {
    char name[CACHE_NAME_LENGTH + 1];
    size_t room = sizeof(entry_header) + key->length;
    entry_name(key, name);
    unsigned char *entry = is_storable(context, name) ? memory_allocate_zeroed(1, room + 1) : NULL;
    if (entry != NULL) {
        entry[room] = note;
        seal_entry(key, entry, 1);
        write_entry(context, name, entry, room + 1);
        memory_free(entry);
    }
}
