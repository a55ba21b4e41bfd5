/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDX, the file format of MNIST (http://yann.lecun.com/exdb/mnist/): two zero bytes, a type (8 =
 * unsigned bytes), the rank, then each extent as a big-endian 32-bit integer, then the elements.
 */
#ifndef FASHION_MNIST_IDX_H
#define FASHION_MNIST_IDX_H

#include "problem.h"

#include <stdint.h>

enum { IDX_MAX_RANK = 4 };

typedef struct idx_array {
    int32_t rank;
    int64_t shape[IDX_MAX_RANK];
    unsigned char *data; /* row-major; freed by idx_free() */
} idx_array;

/*
 * Reads a file of unsigned bytes with this rank (1 .. IDX_MAX_RANK), plain or gzip. A file that is
 * truncated, damaged, of another type or rank, larger than 1 GiB, or longer than its header says
 * is refused; *array is then left alone.
 */
bool idx_read(const char *path, int32_t rank, idx_array *array, problem *why);

void idx_free(idx_array *array);

#endif
