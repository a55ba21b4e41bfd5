/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_TENSOR_H
#define CLEAT_TENSOR_H

#include <cleat/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_MAX_RANK 8

/* f16 and bf16 are for storage: operations that take them compute in f32 and round a result once,
 * to nearest even; the headers tell which do. They need nothing of the device. */
typedef enum cleat_type {
    CLEAT_F32 = 1, /* IEEE 754 binary32 */
    CLEAT_F64,     /* IEEE 754 binary64 */
    CLEAT_I32,
    CLEAT_I64,
    CLEAT_U8,
    CLEAT_BOOL, /* one byte, 0 or 1 */
    CLEAT_F16,  /* IEEE 754 binary16: 11 bits, 2^-24 .. 65504 */
    CLEAT_BF16, /* the upper half of a binary32: 8 bits, its range */
    CLEAT_I8,   /* these five: what moves elements takes them (copies, layout.h, gathers), */
    CLEAT_I16,  /* cleat_fill(), cleat_cast(), cleat_compare() and cleat_where() */
    CLEAT_U16,
    CLEAT_U32,
    CLEAT_U64,
    CLEAT_TEXT /* no type of tensors on a device: of values of graphs (graph.h), on the host alone
                */
} cleat_type;

/* Bytes of one element; 0 for CLEAT_TEXT and for a value that is no type. */
CLEAT_API size_t cleat_type_size(cleat_type type);

/* "f32", "i64", "text", ...; "unknown" for a value that is no type. Static storage. */
CLEAT_API const char *cleat_type_name(cleat_type type);

/* Reference-counted device memory. Holds a reference on its context. */
typedef struct cleat_buffer cleat_buffer;

/*
 * A view of a buffer: element (i0, i1, ...) lies at element index
 *     offset + i0 * stride[0] + i1 * stride[1] + ...
 * of the buffer, counted in elements of `type`. A tensor is a plain value that owns nothing: copy
 * it freely, and keep its buffer alive while it is in use. Rank 0 is a scalar with one element.
 * Strides may be zero (broadcast) or negative (reversed); every element must lie within the buffer,
 * which every operation checks. The fields may be filled in by hand.
 */
typedef struct cleat_tensor {
    cleat_buffer *buffer;
    cleat_type type;
    int32_t rank;                   /* 0 .. CLEAT_MAX_RANK */
    int64_t offset;                 /* elements */
    int64_t shape[CLEAT_MAX_RANK];  /* elements, each >= 0 */
    int64_t stride[CLEAT_MAX_RANK]; /* elements */
} cleat_tensor;

/* ---- Buffers ---- */

/* Allocates `size` bytes on the device (0 is legal), contents undefined; the caller owns one
 * reference. CLEAT_OUT_OF_DEVICE_MEMORY when the device cannot hold it. */
CLEAT_API cleat_status cleat_buffer_create(
    cleat_context *context, size_t size, cleat_buffer **buffer);
CLEAT_API void cleat_buffer_retain(cleat_buffer *buffer);       /* NULL is accepted */
CLEAT_API void cleat_buffer_release(cleat_buffer *buffer);      /* NULL is accepted; work already
                                                                   enqueued on the buffer still runs */
CLEAT_API size_t cleat_buffer_size(const cleat_buffer *buffer); /* bytes; 0 for NULL */

/* ---- Tensors ---- */

/*
 * Allocates a buffer for a row-major tensor and writes the view to *tensor. The view's buffer
 * carries the one reference: release it with cleat_tensor_release() on any one view of it.
 * Errors: CLEAT_INVALID_ARGUMENT (rank, negative extent, unknown type), CLEAT_SIZE_OVERFLOW,
 * CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_tensor_create(cleat_context *context, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor);

/* Releases the view's buffer and sets the view's buffer to NULL. NULL is accepted. */
CLEAT_API void cleat_tensor_release(cleat_tensor *tensor);

/* A row-major view of `buffer` starting at `offset` elements; takes no reference. */
CLEAT_API cleat_status cleat_tensor_view(cleat_buffer *buffer, cleat_type type, int32_t rank,
    const int64_t *shape, int64_t offset, cleat_tensor *tensor);

/* Number of elements; -1 if the shape is not valid or the product overflows. */
CLEAT_API int64_t cleat_tensor_count(const cleat_tensor *tensor);

/* True when the elements lie row-major without gaps. */
CLEAT_API bool cleat_tensor_is_contiguous(const cleat_tensor *tensor);

/* ---- Views. They move no data; the result views the same buffer. `out` may be `&x`. ---- */

/* The last two axes swapped. A tensor of rank below 2 comes back as it is. */
CLEAT_API cleat_tensor cleat_transpose(cleat_tensor x);

/* Axis i of the result is axis axes[i] of x; axes holds x.rank different axes. */
CLEAT_API cleat_status cleat_permute(cleat_tensor x, const int32_t *axes, cleat_tensor *out);

/*
 * Elements start, start + step, ... of one axis, `count` of them. step may be negative, not 0.
 * Negative axes count from the end.
 */
CLEAT_API cleat_status cleat_slice(
    cleat_tensor x, int32_t axis, int64_t start, int64_t count, int64_t step, cleat_tensor *out);

/*
 * Another shape of the same number of elements, in row-major order. One extent may be -1: it is
 * worked out from the rest. CLEAT_UNSUPPORTED when the strides of x allow no such view (copy
 * first).
 */
CLEAT_API cleat_status cleat_reshape(
    cleat_tensor x, int32_t rank, const int64_t *shape, cleat_tensor *out);

/*
 * x stretched to `shape` by the rule of NumPy and ONNX: shapes are aligned at the last axis,
 * extents of 1 are repeated (stride 0), missing leading axes added.
 */
CLEAT_API cleat_status cleat_broadcast(
    cleat_tensor x, int32_t rank, const int64_t *shape, cleat_tensor *out);

/* ---- Data ---- */

/*
 * Copies the elements of a tensor, row-major and without gaps, to or from host memory of exactly
 * `size` bytes (CLEAT_INVALID_ARGUMENT otherwise). Both wait: the host memory is free for use when
 * the call returns. Any strides; a tensor that is not contiguous passes through scratch memory.
 */
CLEAT_API cleat_status cleat_write(
    cleat_context *context, cleat_tensor x, const void *data, size_t size);
CLEAT_API cleat_status cleat_read(cleat_context *context, cleat_tensor x, void *data, size_t size);

/* y = x, same type, x broadcast to y's shape. */
CLEAT_API cleat_status cleat_copy(cleat_context *context, cleat_tensor x, cleat_tensor y);

/* Every element of y = value, converted to y's type: rounded to nearest even
 * (CLEAT_INVALID_ARGUMENT if it does not fit an integer type). */
CLEAT_API cleat_status cleat_fill(cleat_context *context, double value, cleat_tensor y);

/* ---- 16-bit numbers on the host, for compilers without such types ---- */

/*
 * `count` values as the elements of a tensor of CLEAT_F16 or CLEAT_BF16, rounded to nearest even:
 * past the largest number to infinity, below the least normal one to subnormal ones. NaN stays NaN.
 */
CLEAT_API void cleat_f16_from_f32(const float *values, size_t count, uint16_t *elements);
CLEAT_API void cleat_bf16_from_f32(const float *values, size_t count, uint16_t *elements);

/* And back, which is exact. */
CLEAT_API void cleat_f16_to_f32(const uint16_t *elements, size_t count, float *values);
CLEAT_API void cleat_bf16_to_f32(const uint16_t *elements, size_t count, float *values);

#ifdef __cplusplus
}
#endif

#endif
