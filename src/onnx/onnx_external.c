/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold the elements of tensors: found without leaving the model's folder. */
#include "onnx/onnx_tensor.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Opens one part of the way, which must not be a link. */
static cleat_status open_part(
    int folder, const char *part, bool is_last, const char *location, int *opened) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    *opened = openat(folder, part, is_last ? flags : flags | O_DIRECTORY);
    REFUSE_IF(*opened < 0 && (errno == ELOOP || errno == ENOTDIR), CLEAT_INVALID_ARGUMENT,
        "external data %s: %s is a symbolic link or no folder, which is not followed", location,
        part);
    REFUSE_IF(
        *opened < 0, CLEAT_INVALID_ARGUMENT, "external data %s: %s", location, strerror(errno));
    return CLEAT_OK;
}

/* `way` is a copy of `location`, cut at its slashes on the way. */
static cleat_status walk(int folder, char *way, const char *location, int *opened) {
    int at = folder;
    for (char *part = way; part != NULL;) {
        char *slash = strchr(part, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (strcmp(part, "..") == 0) {
            if (at != folder) {
                close(at);
            }
            return refuse(CLEAT_INVALID_ARGUMENT,
                "external data %s: .. could leave the model's folder", location);
        }
        int next = at;
        cleat_status status = CLEAT_OK;
        if ((part[0] != '\0' && strcmp(part, ".") != 0) || slash == NULL) {
            status = open_part(at, part, slash == NULL, location, &next);
            if (at != folder) {
                close(at);
            }
        }
        TRY(status);
        at = next;
        part = slash != NULL ? slash + 1 : NULL;
    }
    *opened = at;
    return CLEAT_OK;
}

cleat_status external_open(const char *folder, const char *location, source *s) {
    s->file = -1;
    REFUSE_IF(folder == NULL, CLEAT_INVALID_ARGUMENT,
        "external data %s: no folder for it was given", location);
    REFUSE_IF(location[0] == '\0' || location[0] == '/', CLEAT_INVALID_ARGUMENT,
        "external data '%s': not a path relative to the model", location);
    const int top = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    REFUSE_IF(top < 0, CLEAT_INVALID_ARGUMENT, "%s: %s", folder, strerror(errno));
    int opened = -1;
    void *way;
    const size_t length = strlen(location);
    cleat_status status = allocate(length + 1, 1, &way);
    if (status == CLEAT_OK) {
        memcpy(way, location, length);
        status = walk(top, way, location, &opened);
        cleat_host_release(way);
    }
    close(top);
    TRY(status);
    status = source_of_file(s, opened);
    return status == CLEAT_OK ? status : refuse_in(status, "external data %s", location);
}
