/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where built kernels are kept from one process to the next. A context uses a folder on its own
 * (cleat_context_options.cache, .cache_dir); a program that would rather own them gives it
 * functions (.cache_store), such as those of an archive, one file that can be shipped.
 * An entry is one built program for one device, driver and version of a kernel's text: it says so
 * itself and carries a hash, so that one that is damaged or of another machine is never used.
 */
#ifndef CLEAT_CACHE_H
#define CLEAT_CACHE_H

#include <cleat/export.h>
#include <cleat/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cleat_cache_mode {
    /* On disk, unless the driver keeps compiled kernels itself and takes them up as quickly
     * (NVIDIA's does). On PoCL, where a program's binary costs another compilation, they are stored
     * by cleat_context_release() of the last reference, a few each time, for up to about 1 s; not
     * when $CLEAT_KERNEL_DIR is set. */
    CLEAT_CACHE_AUTO = 0,
    CLEAT_CACHE_ON, /* as soon as they are built */
    CLEAT_CACHE_OFF,
    /* Nothing is ever compiled or stored: what is not in the cache is CLEAT_UNSUPPORTED, and the
     * message names it. For programs that ship what they need: a context with CLEAT_CACHE_ON, or
     * with a cache_store, fills the place. */
    CLEAT_CACHE_ONLY
} cleat_cache_mode;

/* A place for entries that the caller provides. The functions are called by threads that call
 * Cleat, one at a time for each context, and must not call back into it. */
typedef struct cleat_cache_store {
    /* Returns the size of the entry called `name` (32 hexadecimal digits), 0 when there is none;
     * copies it to `entry` where it is no larger than `capacity`. */
    size_t (*load)(void *data, const char *name, void *entry, size_t capacity);
    /* Keeps a copy under that name, in place of an older one; false when it cannot. NULL: this
     * place is only read. */
    bool (*store)(void *data, const char *name, const void *entry, size_t size);
    void *data; /* the functions' own; must outlive the context */
    uint64_t reserved[4];
} cleat_cache_store;

/* ---- Archives: a place in memory that is read from and written to one file ---- */

typedef struct cleat_cache_archive cleat_cache_archive;

/*
 * Reads the archive in the file `path`; NULL: an empty one. Several contexts and threads may share
 * it. Errors: CLEAT_INVALID_ARGUMENT when the file is not there or is no whole archive,
 * CLEAT_OUT_OF_HOST_MEMORY.
 */
CLEAT_API cleat_status cleat_cache_archive_open(const char *path, cleat_cache_archive **archive);

/* NULL is accepted. After the contexts that use it. */
CLEAT_API void cleat_cache_archive_close(cleat_cache_archive *archive);

/* The functions for cleat_context_options.cache_store. */
CLEAT_API cleat_cache_store cleat_cache_archive_store(cleat_cache_archive *archive);

/* Writes all entries to a file, beside and renamed, so that readers never see half of it.
 * CLEAT_INVALID_ARGUMENT when that cannot be done. */
CLEAT_API cleat_status cleat_cache_archive_save(cleat_cache_archive *archive, const char *path);

/* ---- The folder ---- */

/* What the folder may hold unless cleat_context_options.cache_limit says otherwise: 512 MiB. */
#define CLEAT_CACHE_DEFAULT_LIMIT ((uint64_t)512 << 20)

typedef struct cleat_cache_folder {
    char path[1024]; /* "" when there is none to be had; cut where it is longer */
    uint64_t entries, bytes;
    bool exists, writable; /* writable: or can be made */
    uint64_t reserved[4];
} cleat_cache_folder;

/* Describes the folder that a context with this cache_dir (NULL: by the environment) would use. */
CLEAT_API cleat_status cleat_cache_folder_info(const char *cache_dir, cleat_cache_folder *folder);

/* Removes the entries there, and nothing else; *removed (may be NULL) says how many.
 * CLEAT_INVALID_ARGUMENT when one could not be removed. */
CLEAT_API cleat_status cleat_cache_folder_clear(const char *cache_dir, uint64_t *removed);

#ifdef __cplusplus
}
#endif

#endif
