/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's source as one text: the files of cl/ with their includes put in. */
#ifndef CLEAT_CORE_SOURCE_H
#define CLEAT_CORE_SOURCE_H

#include "core/status.h"
#include <stddef.h>

/* A text that grows. */
typedef struct text_builder {
    char *text; /* always terminated once something was added */
    size_t length, capacity;
} text_builder;

/* Add text; CLEAT_OUT_OF_HOST_MEMORY leaves the builder as it was. memory_free() frees `text`. */
cleat_status text_add(text_builder *builder, const char *text, size_t length);
cleat_status text_format(text_builder *builder, const char *format, ...) CLEAT_PRINTF(2, 3);

/*
 * Adds the file `name` ("common.cl"), each line #include "other.cl" replaced by that file, again at
 * every occurrence. Files come from the folder `directory` where that is not NULL and has them,
 * else from the library. CLEAT_BUILD_FAILED when a file exists in neither, or includes nest too
 * deeply.
 */
cleat_status source_flatten(text_builder *builder, const char *directory, const char *name);

#endif
