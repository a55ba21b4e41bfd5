/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the cache in memory and in one file: a header, then for each entry its name, its size
 * and its bytes. The header's hash is over everything behind it.
 */
#include "core/cache_folder.h"
#include "core/files.h"
#include "core/hash128.h"
#include "core/memory.h"
#include <cleat/cache.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { FORMAT = 1 };

typedef struct archive_header {
    char magic[8];
    uint32_t format, byte_order;
    uint64_t entries, hash_low, hash_high;
} archive_header;

typedef struct record_header {
    char name[CACHE_NAME_LENGTH];
    uint64_t size;
} record_header;

typedef struct archive_entry {
    struct archive_entry *next;
    record_header header;
    unsigned char bytes[];
} archive_entry;

struct cleat_cache_archive {
    pthread_mutex_t mutex;
    archive_entry *entries;
};

static const char magic[8] = {'C', 'L', 'E', 'A', 'T', 'P', 'A', 'K'};
static const uint32_t byte_order = 0x01020304;
static const uint64_t max_archive = (uint64_t)1 << 32;

/* The place where the entry called so hangs, or would. Call with the mutex held. */
static archive_entry **find(cleat_cache_archive *archive, const char *name) {
    archive_entry **place = &archive->entries;
    while (*place != NULL && memcmp((*place)->header.name, name, CACHE_NAME_LENGTH) != 0) {
        place = &(*place)->next;
    }
    return place;
}

/* Adds a copy, in place of an older one; `name` has CACHE_NAME_LENGTH characters. */
static bool add(cleat_cache_archive *archive, const char *name, const void *bytes, size_t size) {
    archive_entry *entry = memory_allocate(sizeof *entry + size);
    if (entry == NULL) {
        return false;
    }
    memcpy(entry->header.name, name, CACHE_NAME_LENGTH);
    entry->header.size = size;
    memcpy(entry->bytes, bytes, size);
    pthread_mutex_lock(&archive->mutex);
    archive_entry **place = find(archive, name);
    archive_entry *old = *place;
    entry->next = old != NULL ? old->next : NULL;
    *place = entry;
    pthread_mutex_unlock(&archive->mutex);
    memory_free(old);
    return true;
}

static bool is_name(const char *name) {
    return strspn(name, "0123456789abcdef") == CACHE_NAME_LENGTH && name[CACHE_NAME_LENGTH] == '\0';
}

static size_t archive_load(void *data, const char *name, void *entry, size_t capacity) {
    cleat_cache_archive *archive = data;
    size_t size = 0;
    pthread_mutex_lock(&archive->mutex);
    const archive_entry *found = is_name(name) ? *find(archive, name) : NULL;
    if (found != NULL) {
        size = (size_t)found->header.size;
        if (size <= capacity) {
            memcpy(entry, found->bytes, size);
        }
    }
    pthread_mutex_unlock(&archive->mutex);
    return size;
}

static bool archive_keep(void *data, const char *name, const void *entry, size_t size) {
    return is_name(name) && size > 0 && add(data, name, entry, size);
}

cleat_cache_store cleat_cache_archive_store(cleat_cache_archive *archive) {
    return (cleat_cache_store){.load = archive_load, .store = archive_keep, .data = archive};
}

void cleat_cache_archive_close(cleat_cache_archive *archive) {
    if (archive == NULL) {
        return;
    }
    while (archive->entries != NULL) {
        archive_entry *next = archive->entries->next;
        memory_free(archive->entries);
        archive->entries = next;
    }
    pthread_mutex_destroy(&archive->mutex);
    memory_free(archive);
}

/* Takes the file's content apart; false when it is no whole archive, or memory is out (*full). */
static bool unpack(
    cleat_cache_archive *archive, const unsigned char *content, size_t size, bool *full) {
    archive_header header;
    if (size < sizeof header) {
        return false;
    }
    memcpy(&header, content, sizeof header);
    hash128 hash = hash128_of(content + sizeof header, size - sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.format != FORMAT ||
        header.byte_order != byte_order || header.hash_low != hash.low ||
        header.hash_high != hash.high) {
        return false;
    }
    size_t at = sizeof header;
    for (uint64_t i = 0; i < header.entries; i++) {
        record_header record;
        char name[CACHE_NAME_LENGTH + 1] = {0};
        if (size - at < sizeof record) {
            return false;
        }
        memcpy(&record, content + at, sizeof record);
        memcpy(name, record.name, CACHE_NAME_LENGTH);
        at += sizeof record;
        if (!is_name(name) || record.size == 0 || record.size > size - at) {
            return false;
        }
        *full = !add(archive, name, content + at, (size_t)record.size);
        if (*full) {
            return false;
        }
        at += (size_t)record.size;
    }
    return at == size;
}

cleat_status cleat_cache_archive_open(const char *path, cleat_cache_archive **out) {
    REFUSE_IF(out == NULL, CLEAT_INVALID_ARGUMENT, "cache_archive_open: archive is NULL");
    cleat_cache_archive *archive = memory_allocate_zeroed(1, sizeof *archive);
    if (archive == NULL || pthread_mutex_init(&archive->mutex, NULL) != 0) {
        memory_free(archive);
        return status_set(CLEAT_OUT_OF_HOST_MEMORY, "cache_archive_open: no host memory");
    }
    size_t size = 0;
    unsigned char *content =
        path != NULL ? (unsigned char *)file_read(path, max_archive, FILE_OF_ANYBODY, &size) : NULL;
    int reason = errno;
    bool full = false;
    cleat_status status = CLEAT_OK;
    if (path != NULL && content == NULL && reason == ENOMEM) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "cache_archive_open: no host memory");
    } else if (path != NULL && content == NULL) {
        status = status_set(CLEAT_INVALID_ARGUMENT, "cache_archive_open: %s cannot be read: %s",
            path, reason != 0 ? strerror(reason) : "it is no regular file, or too large");
    } else if (path != NULL && !unpack(archive, content, size, &full)) {
        status = full
                     ? status_set(CLEAT_OUT_OF_HOST_MEMORY, "cache_archive_open: no host memory")
                     : status_set(CLEAT_INVALID_ARGUMENT,
                           "cache_archive_open: %s is no whole archive of kernels for this kind of "
                           "machine",
                           path);
    }
    memory_free(content);
    if (status != CLEAT_OK) {
        cleat_cache_archive_close(archive);
        return status;
    }
    *out = archive;
    return CLEAT_OK;
}

/* The whole file, to be freed. Call with the mutex held. */
static unsigned char *pack(const cleat_cache_archive *archive, size_t *size) {
    archive_header header = {.format = FORMAT, .byte_order = byte_order};
    memcpy(header.magic, magic, sizeof magic);
    *size = sizeof header;
    for (const archive_entry *e = archive->entries; e != NULL; e = e->next) {
        *size += sizeof e->header + (size_t)e->header.size;
        header.entries++;
    }
    unsigned char *content = memory_allocate(*size);
    if (content == NULL) {
        return NULL;
    }
    unsigned char *at = content + sizeof header;
    for (const archive_entry *e = archive->entries; e != NULL; e = e->next) {
        memcpy(at, &e->header, sizeof e->header);
        memcpy(at + sizeof e->header, e->bytes, (size_t)e->header.size);
        at += sizeof e->header + (size_t)e->header.size;
    }
    hash128 hash = hash128_of(content + sizeof header, *size - sizeof header);
    header.hash_low = hash.low;
    header.hash_high = hash.high;
    memcpy(content, &header, sizeof header);
    return content;
}

cleat_status cleat_cache_archive_save(cleat_cache_archive *archive, const char *path) {
    REFUSE_IF(archive == NULL || path == NULL, CLEAT_INVALID_ARGUMENT,
        "cache_archive_save: %s is NULL", archive == NULL ? "archive" : "path");
    size_t size = 0;
    pthread_mutex_lock(&archive->mutex);
    unsigned char *content = pack(archive, &size);
    pthread_mutex_unlock(&archive->mutex);
    REFUSE_IF(content == NULL, CLEAT_OUT_OF_HOST_MEMORY,
        "cache_archive_save: no host memory for %zu bytes", size);
    errno = 0;
    bool good = file_replace(path, content, size);
    int reason = errno;
    memory_free(content);
    REFUSE_IF(!good, CLEAT_INVALID_ARGUMENT, "cache_archive_save: %s cannot be written: %s", path,
        reason != 0 ? strerror(reason) : "it is in no folder");
    return CLEAT_OK;
}
