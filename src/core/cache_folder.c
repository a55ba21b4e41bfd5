/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cache_folder.h"
#include "core/files.h"
#include "core/memory.h"
#include <cleat/cache.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char suffix[] = ".bin";

cleat_status cache_folder_find(const char *cache_dir, text_builder *folder) {
    const char *own = environment_text("CLEAT_CACHE_DIR");
    cleat_status status = CLEAT_OK;
    if (cache_dir != NULL && cache_dir[0] != '\0') {
        status = text_format(folder, "%s", cache_dir);
    } else if (own != NULL) {
        status = text_format(folder, "%s", own);
    } else {
        status = environment_place("XDG_CACHE_HOME", ".cache", "cleat", folder);
    }
    if (status == CLEAT_OK && folder->length > FILE_MAX_PATH - 64) {
        folder->text[0] = '\0';
        folder->length = 0;
    }
    return status;
}

/* Whether a file's name is that of an entry, or of one that somebody did not finish. */
static bool is_entry(const char *name) {
    size_t digits = strspn(name, "0123456789abcdef");
    const char *rest = name + digits;
    size_t length = sizeof suffix - 1;
    return digits == CACHE_NAME_LENGTH && strncmp(rest, suffix, length) == 0 &&
           (rest[length] == '\0' || strncmp(rest + length, ".new-", 5) == 0);
}

/* Called for each entry of a folder; false: something could not be done. */
typedef bool (*entry_visitor)(void *data, const char *file, const struct stat *about);

/* Whether all visits did what they should; *exists: whether there is such a folder. */
static bool each_entry(const char *path, entry_visitor visit, void *data, bool *exists) {
    DIR *folder = opendir(path);
    bool good = true;
    *exists = folder != NULL;
    for (struct dirent *found = folder != NULL ? readdir(folder) : NULL; found != NULL;
         found = readdir(folder)) {
        char file[FILE_MAX_PATH];
        struct stat about;
        int length = snprintf(file, sizeof file, "%s/%s", path, found->d_name);
        if (is_entry(found->d_name) && length < (int)sizeof file && lstat(file, &about) == 0 &&
            S_ISREG(about.st_mode)) {
            good = visit(data, file, &about) && good;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

static bool count_entry(void *data, const char *file, const struct stat *about) {
    cleat_cache_folder *folder = data;
    (void)file;
    folder->entries += 1;
    folder->bytes += (uint64_t)about->st_size;
    return true;
}

static bool remove_entry(void *data, const char *file, const struct stat *about) {
    uint64_t *removed = data;
    (void)about;
    const bool gone = unlink(file) == 0 || errno == ENOENT;
    *removed += gone;
    return gone;
}

/* ---- What it may hold ---- */

typedef struct kept_entry {
    char name[CACHE_NAME_LENGTH + 32]; /* without the folder */
    uint64_t size;
    struct timespec used;
} kept_entry;

typedef struct entry_list {
    kept_entry *entries;
    size_t count, capacity;
    uint64_t bytes;
} entry_list;

/* But for what somebody may be writing at the moment. */
static bool list_entry(void *data, const char *file, const struct stat *about) {
    enum { LONG_AGO = 3600 };
    entry_list *list = data;
    if (strstr(strrchr(file, '/'), ".new-") != NULL && about->st_mtime > time(NULL) - LONG_AGO) {
        return true;
    }
    kept_entry *entries = memory_grow(list->entries, list->count, &list->capacity, sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    list->entries = entries;
    kept_entry *entry = &list->entries[list->count++];
    snprintf(entry->name, sizeof entry->name, "%s", strrchr(file, '/') + 1);
    entry->size = (uint64_t)about->st_size;
    entry->used = about->st_mtim;
    list->bytes += entry->size;
    return true;
}

/* The one used longest ago first; by name where that is the same. */
static int by_use(const void *left, const void *right) {
    const kept_entry *a = left, *b = right;
    if (a->used.tv_sec != b->used.tv_sec) {
        return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
    }
    if (a->used.tv_nsec != b->used.tv_nsec) {
        return a->used.tv_nsec < b->used.tv_nsec ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

void cache_folder_trim(const char *path, uint64_t limit) {
    cleat_cache_folder held = {.exists = false};
    each_entry(path, count_entry, &held, &held.exists);
    if (held.bytes <= limit) {
        return;
    }
    entry_list list = {NULL, 0, 0, 0};
    if (each_entry(path, list_entry, &list, &held.exists) && list.count > 0) {
        qsort(list.entries, list.count, sizeof *list.entries, by_use);
    } else {
        list.count = 0; /* no memory to tell which: the next time */
    }
    for (size_t i = 0; i < list.count && list.bytes > limit; i++) {
        char file[FILE_MAX_PATH];
        snprintf(file, sizeof file, "%s/%s", path, list.entries[i].name);
        list.bytes -= unlink(file) == 0 || errno == ENOENT ? list.entries[i].size : 0;
    }
    memory_free(list.entries);
}

/* Whether the folder, or else the nearest one above it that exists, can be written to. */
static bool is_writable(const char *path) {
    char part[FILE_MAX_PATH];
    snprintf(part, sizeof part, "%s", path);
    while (access(part, F_OK) != 0 && errno == ENOENT) {
        char *end = strrchr(part, '/');
        if (end == NULL) {
            return access(".", W_OK) == 0;
        }
        end[end == part] = '\0'; /* "/" stays */
    }
    struct stat about;
    return stat(part, &about) == 0 && S_ISDIR(about.st_mode) && access(part, W_OK) == 0;
}

cleat_status cleat_cache_folder_info(const char *cache_dir, cleat_cache_folder *folder) {
    text_builder path = {NULL, 0, 0};
    REFUSE_IF(folder == NULL, CLEAT_INVALID_ARGUMENT, "cache_folder_info: folder is NULL");
    cleat_cache_folder found = {.exists = false};
    cleat_status status = cache_folder_find(cache_dir, &path);
    if (status == CLEAT_OK && path.length > 0) {
        snprintf(found.path, sizeof found.path, "%s", path.text);
        each_entry(path.text, count_entry, &found, &found.exists);
        found.writable = is_writable(path.text);
    }
    memory_free(path.text);
    if (status == CLEAT_OK) {
        *folder = found;
    }
    return status;
}

cleat_status cleat_cache_folder_clear(const char *cache_dir, uint64_t *removed) {
    text_builder path = {NULL, 0, 0};
    uint64_t entries = 0;
    bool exists = false;
    cleat_status status = cache_folder_find(cache_dir, &path);
    if (status == CLEAT_OK && path.length > 0 &&
        !each_entry(path.text, remove_entry, &entries, &exists)) {
        status = status_set(CLEAT_INVALID_ARGUMENT,
            "cache_folder_clear: not every entry of %s could be removed", path.text);
    }
    memory_free(path.text);
    if (removed != NULL) {
        *removed = entries;
    }
    return status;
}
