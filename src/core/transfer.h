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

/* Enqueues `size` (1, 4 or 8) bytes at `value` repeated over all of y. */
cleat_status transfer_fill(cleat_context *context, const char *operation, const void *value,
    size_t size, const cleat_tensor *y);

#endif
