/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/channels_last.h"
#include "core/tensor_check.h"
#include <cleat/layout.h>

/* [N, C, H, W] as [N, H, W, C]. */
static cleat_tensor turned(const cleat_tensor *x) {
    cleat_tensor y = *x;
    for (int32_t i = 1; i < x->rank; i++) {
        const int32_t from = i + 1 < x->rank ? i + 1 : 1;
        y.shape[i] = x->shape[from];
        y.stride[i] = x->stride[from];
    }
    return y;
}

bool channels_last_is(const cleat_tensor *x) {
    return x->rank >= 3 && x->shape[1] > 1 && x->stride[1] == 1 && !cleat_tensor_is_contiguous(x);
}

bool channels_last_is_dense(const cleat_tensor *x) {
    const cleat_tensor y = turned(x);
    return cleat_tensor_is_contiguous(x) || cleat_tensor_is_contiguous(&y);
}

void channels_last_arrange(cleat_tensor *x) {
    int64_t step = x->shape[1];
    for (int32_t i = x->rank - 1; i > 1; i--) {
        x->stride[i] = step;
        step *= x->shape[i];
    }
    x->stride[0] = step;
    x->stride[1] = 1;
}

cleat_status call_output_like(call *c, size_t output, const cleat_tensor *like, cleat_type type,
    int32_t rank, const int64_t *shape, cleat_tensor *tensor) {
    TRY(call_output(c, output, type, rank, shape, tensor));
    if (channels_last_is(like) && rank == like->rank) {
        channels_last_arrange(tensor);
        c->outputs[output].tensor = *tensor;
    }
    return CLEAT_OK;
}

cleat_status call_tensor_ordered(
    call *c, size_t input, bool has_channels_last, cleat_tensor *tensor) {
    cleat_tensor x;
    TRY(call_tensor(c, input, &x));
    *tensor = x;
    if (has_channels_last ? x.stride[1] == 1 : !channels_last_is(&x)) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, x.type, x.rank, x.shape, tensor));
    if (has_channels_last) {
        channels_last_arrange(tensor);
    }
    return cleat_copy(c->context, x, *tensor);
}
