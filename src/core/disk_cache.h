/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled kernels on disk. A file per program, named by a hash of its key: device, driver,
 * platform, build options and the whole flattened source. The file holds the key itself, the
 * driver's binary, and a hash over all of it; whatever does not agree is rebuilt, never used.
 * Files are written beside and renamed, so several processes may share a folder. Nothing here fails
 * a call: what goes wrong is logged.
 */
#ifndef CLEAT_CORE_DISK_CACHE_H
#define CLEAT_CORE_DISK_CACHE_H

#include "core/opencl_calls.h"
#include "core/source.h"

/* Decides whether and where the context keeps what it built: in a folder or by the caller's
 * functions. */
cleat_status disk_cache_open(cleat_context *context, const cleat_context_options *options);

/* Whether it does. */
bool disk_cache_is_open(const cleat_context *context);

/* "no folder", or the folder's name, for messages. */
const char *disk_cache_place(const cleat_context *context);

/* Writes the key of a program; CLEAT_OUT_OF_HOST_MEMORY is the only failure. */
cleat_status disk_cache_key(cleat_context *context, const text_builder *options,
    const text_builder *source, text_builder *key);

/* The built program of an entry that is whole and ours; NULL otherwise. */
cl_program disk_cache_load(cleat_context *context, const text_builder *key, const char *options);

void disk_cache_store(cleat_context *context, const text_builder *key, cl_program program);

/* The same for one byte instead of a program; false when there is no good entry. */
bool disk_cache_load_note(cleat_context *context, const text_builder *key, unsigned char *note);
void disk_cache_store_note(cleat_context *context, const text_builder *key, unsigned char note);

#endif
