/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_INDEX_H
#define CLEAT_INDEX_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Elements chosen by tensors of indices. Indices are i32 or i64; one of -extent .. -1 counts from
 * the end. What an index is, only the device sees: one outside -extent .. extent - 1 is no error,
 * reads nothing and writes nothing; an element chosen by it is NaN in floating-point types, 0
 * (false) in others. Any strides; outputs overlap nothing. A negative axis counts from the end.
 *
 * Sums of f16 and bf16 are formed in f32 in scratch memory, and rounded once.
 * Sums take the addends in the order of the indices (row-major), one after the other, without
 * atomics: the same bits each time.
 */

/* y[i.., k.., j..] = x[i.., indices[k..], j..], the index standing at `axis` of x: y's shape is x's
 * with indices' shape in place of that axis. Any type. ONNX Gather. */
CLEAT_API cleat_status cleat_gather(
    cleat_context *context, cleat_tensor x, cleat_tensor indices, int32_t axis, cleat_tensor y);

/* The gradient: dx[i.., v, j..] = sum of dy[i.., k.., j..] over all k with indices[k] = v; f32,
 * f64, f16 or bf16. */
CLEAT_API cleat_status cleat_gather_backward(
    cleat_context *context, cleat_tensor indices, cleat_tensor dy, int32_t axis, cleat_tensor dx);

/* y[i.., indices[k..], j..] += updates[i.., k.., j..], f32, f64, f16 or bf16; updates has the shape
 * that cleat_gather() would give. The gradient for updates is cleat_gather() of dy, that for the
 * old y is dy. */
CLEAT_API cleat_status cleat_scatter_add(cleat_context *context, cleat_tensor indices,
    cleat_tensor updates, int32_t axis, cleat_tensor y);

/* y[i, k, j] = x[i, indices[i, k, j], j], the index standing at `axis`: indices and y have one
 * shape, which differs from x's in that axis alone. Any type. ONNX GatherElements. */
CLEAT_API cleat_status cleat_gather_elements(
    cleat_context *context, cleat_tensor x, cleat_tensor indices, int32_t axis, cleat_tensor y);

/* The gradient: dx[i, v, j] = sum of dy[i, k, j] over all k with indices[i, k, j] = v; f32, f64,
 * f16 or bf16. */
CLEAT_API cleat_status cleat_gather_elements_backward(
    cleat_context *context, cleat_tensor indices, cleat_tensor dy, int32_t axis, cleat_tensor dx);

/* y[i, indices[i, k, j], j] += updates[i, k, j], f32, f64, f16 or bf16; ONNX ScatterElements with
 * reduction "add". */
CLEAT_API cleat_status cleat_scatter_add_elements(cleat_context *context, cleat_tensor indices,
    cleat_tensor updates, int32_t axis, cleat_tensor y);

typedef struct cleat_embedding_options {
    /* Backward: indices equal to this one (0 .. n - 1) give no gradient; NULL: none are left out.
     */
    const int64_t *padding_index;
    uint64_t reserved[4];
} cleat_embedding_options;

/* y[k.., :] = table[indices[k..], :]: table [n, d], y of indices' shape and d. Any type. PyTorch's
 * embedding: a padding index is read as any other. */
CLEAT_API cleat_status cleat_embedding(cleat_context *context, cleat_tensor table,
    cleat_tensor indices, cleat_tensor y, const cleat_embedding_options *options);

/* dtable[v, :] = sum of dy[k.., :] over all k with indices[k..] = v, 0 where there is none; f32,
 * f64, f16 or bf16. */
CLEAT_API cleat_status cleat_embedding_backward(cleat_context *context, cleat_tensor indices,
    cleat_tensor dy, cleat_tensor dtable, const cleat_embedding_options *options);

typedef struct cleat_one_hot_options {
    double off;       /* 0 */
    const double *on; /* NULL: 1 */
    uint64_t reserved[4];
} cleat_one_hot_options;

/*
 * y[i.., c, j..] = c == indices[i.., j..] ? on : off, c standing at `axis` of y: y's shape is that
 * of indices with one axis more, whose extent is the number of classes. Any type of y; both values
 * must fit it. An index outside -classes .. classes - 1 gives off alone. ONNX OneHot.
 */
CLEAT_API cleat_status cleat_one_hot(cleat_context *context, cleat_tensor indices, int32_t axis,
    cleat_tensor y, const cleat_one_hot_options *options);

typedef struct cleat_top_k_options {
    bool smallest; /* instead of the largest */
    uint64_t reserved[4];
} cleat_top_k_options;

/*
 * The k largest elements along `axis` and where they stand there, largest first; k is the extent of
 * values and indices on that axis, at most x's. x and values f32, f16 or bf16, or f64 on a device
 * that has it (else CLEAT_UNSUPPORTED), indices i32 or i64. Of equal ones that with the lower index
 * comes first (ONNX TopK), -0 equals 0, and NaN is larger than all else (PyTorch). Either of
 * values, indices may be NULL when not wanted. The gradient for x is cleat_scatter_add_elements()
 * of dvalues into zeros.
 */
CLEAT_API cleat_status cleat_top_k(cleat_context *context, cleat_tensor x, int32_t axis,
    const cleat_tensor *values, const cleat_tensor *indices, const cleat_top_k_options *options);

#ifdef __cplusplus
}
#endif

#endif
