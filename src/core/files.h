/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, read and replaced as a whole. Failures leave their reason in errno, or 0. */
#ifndef CLEAT_CORE_FILES_H
#define CLEAT_CORE_FILES_H

#include "core/source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_MAX_PATH = 4096 };

typedef enum file_trust {
    FILE_OF_ANYBODY,
    FILE_OF_OURS /* the user's or the superuser's, and nobody else may write to it */
} file_trust;

/* The content of a regular file of at most `most` bytes, and a zero behind it that *size does not
 * count; memory_free() it. NULL when there is none or it is not like that. */
char *file_read(const char *path, uint64_t most, file_trust trust, size_t *size);

/* Writes beside and renames: readers see the old file or the whole new one. Makes the folders. */
bool file_replace(const char *path, const void *data, size_t size);

/* Makes the file the one that was used last, where that can be done. */
void file_touch(const char *path);

/* Whether the folder of `path`, which it makes, can be written to. */
bool file_is_replaceable(const char *path);

/* Whether errno says that there is no such file. */
bool file_is_missing(void);

/* A variable of the environment; NULL also when it is empty. */
const char *environment_text(const char *name);

/* Cleat's place of one kind by the XDG base directory specification: `name` in $variable, an
 * absolute path, else in $HOME/below_home; an empty text when neither is set. */
cleat_status environment_place(
    const char *variable, const char *below_home, const char *name, text_builder *place);

#endif
