/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of built kernels: where it is. What is in it: disk_cache.h. */
#ifndef CLEAT_CORE_CACHE_FOLDER_H
#define CLEAT_CORE_CACHE_FOLDER_H

#include "core/source.h"
#include <stdint.h>

enum { CACHE_NAME_LENGTH = 32 }; /* of an entry's name, in hexadecimal digits */

/* The folder by option (may be NULL) or environment; an empty text when there is none to be had, or
 * when it is too long. */
cleat_status cache_folder_find(const char *cache_dir, text_builder *folder);

/* Removes those entries of a folder that were used least recently (file_touch()), until the rest
 * are no more than `limit` bytes. */
void cache_folder_trim(const char *path, uint64_t limit);

#endif
