/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of a tensor's description in the bytes of its buffer, found without the library. */
#ifndef CLEAT_TESTS_FUZZ_VIEW_H
#define CLEAT_TESTS_FUZZ_VIEW_H

#include <cleat/cleat.h>

typedef struct fuzz_view {
    const cleat_tensor *tensor;
    int64_t count;
    size_t element; /* bytes */
} fuzz_view;

/* Whether a call may take it: every element, of which there may be 2^63 - 1, lies in the buffer. */
bool fuzz_view_is_valid(const cleat_tensor *tensor, size_t size);
/* False where it is not valid, or has more than 2^20 elements. */
bool fuzz_view_of(const cleat_tensor *tensor, size_t size, fuzz_view *view);
/* Where element i, in row-major order, begins. */
size_t fuzz_view_at(const fuzz_view *view, int64_t i);
double fuzz_view_get(const fuzz_view *view, int64_t i, const unsigned char *bytes);
void fuzz_view_put(const fuzz_view *view, int64_t i, unsigned char *bytes, double value);

#endif
