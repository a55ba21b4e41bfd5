/* SPDX-License-Identifier: Apache-2.0 */
/* Moving elements about on the device: the way below copy, fill, read and write. */
#ifndef CLEAT_CORE_TRANSFER_H
#define CLEAT_CORE_TRANSFER_H

#include "core/launch.h"

/*
 * Enqueues y = x element by element. Both have the same shape, the same element size and passed
 * their checks; `x_memory` and `y_memory` stand in for their buffers where not NULL (scratch).
 */
cleat_status transfer_elements(cleat_context *context, const char *operation, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, void *y_memory);

/* Fills *l with such a copy, of at least one element, for a launch_all() of several. */
void transfer_plan(cleat_context *context, const char *operation, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, void *y_memory, launch *l);

/* The bytes of `value` in the type; CLEAT_INVALID_ARGUMENT if it does not fit. */
cleat_status transfer_value(
    const char *operation, double value, cleat_type type, unsigned char bytes[8]);

/* "uchar", "ushort", "uint" or "ulong": what a kernel moves elements of that many bytes as. */
const char *transfer_element(size_t size);

/* The `size` (1, 2, 4 or 8) bytes at `value` as the low ones of a number. */
uint64_t transfer_bits(const void *value, size_t size);

/* Enqueues `size` (1, 2, 4 or 8) bytes at `value` repeated over all of y. */
cleat_status transfer_fill(cleat_context *context, const char *operation, const void *value,
    size_t size, const cleat_tensor *y);

#endif
