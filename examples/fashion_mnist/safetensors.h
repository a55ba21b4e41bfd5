/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safetensors (https://github.com/huggingface/safetensors): eight bytes with the header's length
 * (little-endian), a JSON header {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin,
 * end]}, ...}, then the data, little-endian and row-major, offsets counted from its start.
 */
#ifndef FASHION_MNIST_SAFETENSORS_H
#define FASHION_MNIST_SAFETENSORS_H

#include "problem.h"

#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_MAX_RANK = 8 };

/* One tensor of 32-bit floats. */
typedef struct safetensors_entry {
    const char *name;
    int32_t rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
    float *data;
} safetensors_entry;

/* Writes the tensors to a file, which appears whole or not at all. */
bool safetensors_write(
    const char *path, size_t count, const safetensors_entry *entries, problem *why);

/*
 * Reads exactly these tensors, of dtype F32, F16 or BF16: names, ranks and shapes are what is
 * expected, data (room for all elements) receives the values. A file with others, or of another
 * type or shape, or one that is truncated or breaks the format's rules is refused, and data is then
 * left alone.
 */
bool safetensors_read(
    const char *path, size_t count, const safetensors_entry *entries, problem *why);

#endif
