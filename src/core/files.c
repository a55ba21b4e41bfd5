/* SPDX-License-Identifier: Apache-2.0 */
#include "core/files.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_is_missing(void) {
    return errno == ENOENT || errno == ENOTDIR;
}

const char *environment_text(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

cleat_status environment_place(
    const char *variable, const char *below_home, const char *name, text_builder *place) {
    const char *shared = environment_text(variable);
    if (shared != NULL && shared[0] == '/') {
        return text_format(place, "%s/%s", shared, name);
    }
    const char *home = environment_text("HOME");
    return home != NULL ? text_format(place, "%s/%s/%s", home, below_home, name)
                        : text_format(place, "%s", "");
}

/* Nobody but the user and the superuser can have written it. */
static bool is_ours(const struct stat *about) {
    return (about->st_uid == geteuid() || about->st_uid == 0) &&
           (about->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

char *file_read(const char *path, uint64_t most, file_trust trust, size_t *size) {
    struct stat about;
    char *content = NULL;
    errno = 0;
    /* Not to wait for a pipe's other end. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return NULL;
    }
    if (fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) &&
        (uint64_t)about.st_size <= most && (trust == FILE_OF_ANYBODY || is_ours(&about))) {
        content = memory_allocate((size_t)about.st_size + 1);
        errno = content == NULL ? ENOMEM : errno;
    }
    FILE *file = content != NULL ? fdopen(descriptor, "rb") : NULL;
    if (file != NULL) {
        /* Growing or shrinking meanwhile: what was read will not be what it should be. */
        *size = fread(content, 1, (size_t)about.st_size, file);
        content[*size] = '\0';
        fclose(file);
        return content;
    }
    memory_free(content);
    close(descriptor);
    return NULL;
}

void file_touch(const char *path) {
    int reason = errno;
    utimensat(AT_FDCWD, path, NULL, 0);
    errno = reason;
}

/* Makes the folders that lead to `path`; true when they are there at the end. */
static bool make_folders(const char *path) {
    char part[FILE_MAX_PATH];
    size_t length = strlen(path);
    if (length >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, length + 1);
    char *name = strrchr(part, '/');
    if (name == NULL || name == part) {
        return true;
    }
    *name = '\0';
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(part, 0700);
            *at = '/';
        }
    }
    struct stat about;
    if ((mkdir(part, 0700) != 0 && errno != EEXIST) || stat(part, &about) != 0) {
        return false;
    }
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode);
}

bool file_is_replaceable(const char *path) {
    char folder[FILE_MAX_PATH];
    if (!make_folders(path)) {
        return false;
    }
    snprintf(folder, sizeof folder, "%s", path);
    char *name = strrchr(folder, '/');
    if (name != NULL) {
        name[1] = '\0';
    }
    return access(name != NULL ? folder : ".", W_OK) == 0;
}

static bool write_all(int descriptor, const char *data, size_t size) {
    while (size > 0) {
        ssize_t step = write(descriptor, data, size);
        if (step < 0 && errno == EINTR) {
            continue;
        }
        if (step <= 0) {
            return false;
        }
        data += step;
        size -= (size_t)step;
    }
    return true;
}

bool file_replace(const char *path, const void *data, size_t size) {
    char beside[FILE_MAX_PATH];
    if (!make_folders(path)) {
        return false;
    }
    int length = snprintf(beside, sizeof beside, "%s.new-XXXXXX", path);
    errno = ENAMETOOLONG;
    int descriptor = length > 0 && (size_t)length < sizeof beside ? mkstemp(beside) : -1;
    if (descriptor < 0) {
        return false;
    }
    bool good = write_all(descriptor, data, size);
    good = close(descriptor) == 0 && good;
    good = good && rename(beside, path) == 0;
    if (!good) {
        int reason = errno;
        unlink(beside);
        errno = reason;
    }
    return good;
}
