/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a value's elements on the device. Shapes are ONNX's, [N, C, H, W], in any case;
 * where kernels are faster with the channels of a pixel end to end, as in NHWC, Conv makes its
 * result so, and operators that hand elements on keep the order that they were given
 * (call_output_like()). Whoever needs row-major elements copies (call_tensor_as()), so the order
 * changes only where a region of such operators ends.
 */
#ifndef CLEAT_GRAPH_CHANNELS_LAST_H
#define CLEAT_GRAPH_CHANNELS_LAST_H

#include "graph/run.h"

/* Whether axis 1 lies end to end, and no other order has that too. */
bool channels_last_is(const cleat_tensor *x);

/* The same, or row-major; no gaps in either. */
bool channels_last_is_dense(const cleat_tensor *x);

/* A row-major tensor's strides with the channels last. */
void channels_last_arrange(cleat_tensor *x);

/* call_output() in the order of `like`. */
cleat_status call_output_like(call *c, size_t output, const cleat_tensor *like, cleat_type type,
    int32_t rank, const int64_t *shape, cleat_tensor *tensor);

/* The input with its channels last, or row-major; copied where it is not so. */
cleat_status call_tensor_ordered(
    call *c, size_t input, bool has_channels_last, cleat_tensor *tensor);

#endif
