/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cache_folder.h"
#include "core/files.h"
#include "core/memory.h"
#include <cleat/cache.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* Counts the entries of a folder, and removes them if so wished. False: one could not be. */
static bool each_entry(
    const char *path, bool removing, uint64_t *entries, uint64_t *bytes, bool *exists) {
    DIR *folder = opendir(path);
    bool good = true;
    *exists = folder != NULL;
    for (struct dirent *found = folder != NULL ? readdir(folder) : NULL; found != NULL;
         found = readdir(folder)) {
        char file[FILE_MAX_PATH];
        struct stat about;
        int length = snprintf(file, sizeof file, "%s/%s", path, found->d_name);
        if (!is_entry(found->d_name) || length >= (int)sizeof file || lstat(file, &about) != 0 ||
            !S_ISREG(about.st_mode)) {
            continue;
        }
        if (removing && unlink(file) != 0 && errno != ENOENT) {
            good = false;
            continue;
        }
        *entries += 1;
        *bytes += (uint64_t)about.st_size;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
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
        each_entry(path.text, false, &found.entries, &found.bytes, &found.exists);
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
    uint64_t bytes = 0;
    bool exists = false;
    cleat_status status = cache_folder_find(cache_dir, &path);
    if (status == CLEAT_OK && path.length > 0 &&
        !each_entry(path.text, true, &entries, &bytes, &exists)) {
        status = status_set(CLEAT_INVALID_ARGUMENT,
            "cache_folder_clear: not every entry of %s could be removed", path.text);
    }
    memory_free(path.text);
    if (removed != NULL) {
        *removed = entries;
    }
    return status;
}
