/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's files of one array, .npy (numpy.lib.format, versions 1 to 3). */
#ifndef CLEAT_CLI_NPY_H
#define CLEAT_CLI_NPY_H

#include <cleat/tensor.h>

typedef struct npy_array {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    size_t size; /* bytes */
    void *elements;
} npy_array;

/* Reads a file; on failure *why says what is wrong with it, in static storage. free() the elements.
 */
bool npy_load(const char *path, npy_array *array, const char **why);
/* Writes one; bf16, which NumPy has no name for, is refused. */
bool npy_save(const char *path, const npy_array *array, const char **why);

#endif
