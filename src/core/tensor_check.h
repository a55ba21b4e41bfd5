/* SPDX-License-Identifier: Apache-2.0 */
/* Argument checks shared by the operations. Every message starts with the operation's name. */
#ifndef CLEAT_CORE_TENSOR_CHECK_H
#define CLEAT_CORE_TENSOR_CHECK_H

#include "core/status.h"
#include <cleat/tensor.h>

enum { SHAPE_TEXT_SIZE = 192 };

/* "[64, 3, 224, 224]" into text[SHAPE_TEXT_SIZE]; returns text. */
const char *shape_text(int32_t rank, const int64_t *shape, char *text);

/* A context that is not NULL. */
cleat_status check_context(const char *operation, const cleat_context *context);

/*
 * A tensor that is valid in itself: buffer not NULL and of this context (its cl_context), known
 * type, rank and extents in range, count without overflow, every element inside the buffer.
 * `name` is the operand's name in messages. type 0 accepts every type.
 */
cleat_status check_tensor(const char *operation, const char *name, const cleat_context *context,
    const cleat_tensor *x, cleat_type type);

/* Only the last of these: a tensor that is valid otherwise has every element inside its buffer. */
cleat_status check_within(const char *operation, const char *name, const cleat_tensor *x);

/* As check_tensor, and no two elements share memory: fit to be written. Strides filled in by hand
 * that interleave two axes without a clash, such as 2 and 3, are refused too. */
cleat_status check_output(const char *operation, const char *name, const cleat_context *context,
    const cleat_tensor *y, cleat_type type);

cleat_status check_rank(
    const char *operation, const char *name, const cleat_tensor *x, int32_t rank);

/* Both have the same shape. */
cleat_status check_same_shape(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y);

/*
 * y shares no memory with x. With allow_same, the identical view is accepted. Views of one buffer
 * that interleave (slices of one tensor) are told apart exactly, whatever their strides, but for
 * contrived layouts, which count as overlapping. Both have passed check_tensor().
 */
cleat_status check_no_overlap(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y, bool allow_same);
/* Whether both have the same elements in the same places, whatever buffers they name. */
bool tensor_is_same_view(const cleat_tensor *x, const cleat_tensor *y);

/* x broadcast to y's shape, message naming both. */
cleat_status check_broadcast(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y, cleat_tensor *out);

/* An operand of y's shape once it is broadcast, as *out: valid, of this type (0: any), sharing no
 * memory with y, or, with allow_same, being y itself. */
cleat_status check_broadcast_input(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type type, const cleat_tensor *y,
    bool allow_same, cleat_tensor *out);

/* x stretched to target's shape; false, and out left alone, when the shapes do not allow it. */
bool broadcast_to(const cleat_tensor *x, const cleat_tensor *target, cleat_tensor *out);

/* A tensor without a buffer, row-major from offset 0, its type and shape checked. */
cleat_status tensor_row_major(const char *operation, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor);

/* Turns a possibly negative axis into 0 .. rank-1. */
cleat_status check_axis(const char *operation, int32_t axis, int32_t rank, int32_t *normalised);

/* The same elements with the fewest axes: axes of extent 1 dropped, neighbouring axes that are
 * adjacent in memory in all `count` tensors merged. All have the same shape. Zero-size tensors
 * become rank 1 of extent 0; a scalar becomes rank 1 of extent 1. */
void tensors_collapse(cleat_tensor *tensors, int count);

/* The stride of an axis of one element is never used and may be any number; those longer than the
 * buffer become 0, so that they can be calculated with. */
void tensor_settle(cleat_tensor *x);

/* Whether some element index (offset included, in elements of the buffer) reaches 2^31 - 1 or is
 * below 0 on the way: such tensors need 64-bit indices in kernels. */
bool tensor_needs_index64(const cleat_tensor *x);

/* f32, f64, f16, bf16; the others are whole numbers, or bool. */
bool type_is_floating(cleat_type type);
/* A type of whole numbers that has negative ones. */
bool type_is_signed(cleat_type type);
/* The least number of such a type or bool, and the greatest and 1, which is exact in a double. */
void type_whole_range(cleat_type type, double *low, double *high_plus_1);

/* Overflow-checked arithmetic: false when the result does not fit. */
bool checked_add(int64_t a, int64_t b, int64_t *result);
bool checked_mul(int64_t a, int64_t b, int64_t *result);

/* Extents are equal in all axes. */
bool same_shape(const cleat_tensor *x, const cleat_tensor *y);

#endif
