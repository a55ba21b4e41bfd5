/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table of fault_operations.h that multiplies: products, convolutions, attention,
 * recurrent cells. */
#include "fault_operations.h"

/* ---- Products ---- */

OPERATION_CALL(matmul, t[0], t[1], t[2],
    &(const cleat_matmul_options){.bias = &t[3], .activation = CLEAT_RELU})

/* Packed, and packed again; a product is there so that something is written. */
static cleat_status call_matmul_pack(cleat_context *context, const cleat_tensor *t) {
    cleat_packed *packed = NULL;
    cleat_status status = cleat_matmul_pack(context, t[1], &packed);
    if (status == CLEAT_OK) {
        status = cleat_packed_update(context, packed);
    }
    if (status == CLEAT_OK) {
        const cleat_matmul_options options = {.packed_b = packed};
        status = cleat_matmul(context, t[0], t[1], t[2], &options);
    }
    cleat_packed_release(packed);
    return status;
}

/* Likewise; its result is a copy, since kernels that read these panels take long to build. */
static cleat_status call_conv2d_pack(cleat_context *context, const cleat_tensor *t) {
    cleat_packed *packed = NULL;
    cleat_status status = cleat_conv2d_pack(context, t[0], 1, &packed);
    if (status == CLEAT_OK) {
        status = cleat_packed_update(context, packed);
    }
    if (status == CLEAT_OK) {
        status = cleat_copy(context, cleat_packed_operand(packed), t[1]);
    }
    cleat_packed_release(packed);
    return status;
}

static cleat_status call_conv2d_pack_winograd(cleat_context *context, const cleat_tensor *t) {
    const cleat_conv2d_options options = {
        .padding = {1, 1, 1, 1}, .winograd = true, .variant = "gpu_winograd"};
    cleat_packed *packed = NULL;
    cleat_status status = cleat_conv2d_pack_winograd(context, t[1], 1, &packed);
    if (status == CLEAT_OK) {
        cleat_conv2d_options with = options;
        with.packed_w = packed;
        status = cleat_conv2d(context, t[0], t[1], t[2], &with);
    }
    cleat_packed_release(packed);
    return status;
}

/* ---- Convolutions ---- */

OPERATION_CALL(
    conv2d, t[0], t[1], t[2], &(const cleat_conv2d_options){.padding = {1, 1, 1, 1}, .bias = &t[3]})
/* Twice, the first result being the second's residual: in a pass of its own, from scratch memory.
 */
static cleat_status call_conv2d_residual(cleat_context *context, const cleat_tensor *t) {
    cleat_conv2d_options options = {.activation = CLEAT_RELU, .variant = "plain"};
    const cleat_status status = cleat_conv2d(context, t[0], t[1], t[2], &options);
    options.residual = &t[2];
    return status == CLEAT_OK ? cleat_conv2d(context, t[0], t[1], t[2], &options) : status;
}

OPERATION_CALL(
    conv2d_backward_data, t[0], t[1], t[2], &(const cleat_conv2d_options){.padding = {1, 1, 1, 1}})
OPERATION_CALL(conv2d_backward_weights, t[0], t[1], t[2],
    &(const cleat_conv2d_options){.padding = {1, 1, 1, 1}})
OPERATION_CALL(conv2d_backward_bias, t[0], t[1], NULL)
OPERATION_CALL(conv_transpose2d, t[0], t[1], t[2], &(const cleat_conv2d_options){.bias = &t[3]})
OPERATION_CALL(conv_transpose2d_backward_data, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv_transpose2d_backward_weights, t[0], t[1], t[2], NULL)

OPERATION_CALL(conv1d, t[0], t[1], t[2], &(const cleat_conv1d_options){.padding = {1, 1}})
OPERATION_CALL(
    conv1d_backward_data, t[0], t[1], t[2], &(const cleat_conv1d_options){.padding = {1, 1}})
OPERATION_CALL(
    conv1d_backward_weights, t[0], t[1], t[2], &(const cleat_conv1d_options){.padding = {1, 1}})
OPERATION_CALL(conv1d_backward_bias, t[0], t[1], NULL)
OPERATION_CALL(conv_transpose1d, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv_transpose1d_backward_data, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv_transpose1d_backward_weights, t[0], t[1], t[2], NULL)

OPERATION_CALL(conv3d, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv3d_backward_data, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv3d_backward_weights, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv3d_backward_bias, t[0], t[1], NULL)
OPERATION_CALL(conv_transpose3d, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv_transpose3d_backward_data, t[0], t[1], t[2], NULL)
OPERATION_CALL(conv_transpose3d_backward_weights, t[0], t[1], t[2], NULL)

/* By way of f32 in scratch memory. */
static cleat_status call_matmul_half(cleat_context *context, const cleat_tensor *t) {
    return cleat_matmul(context, t[0], t[1], t[3], &(const cleat_matmul_options){.bias = &t[2]});
}

/* ---- Attention, recurrent cells ---- */

OPERATION_CALL(attention, t[0], t[1], t[2], t[3], &t[4], NULL)
OPERATION_CALL(attention_backward, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], NULL)
OPERATION_CALL(rotary, t[0], t[1], NULL)
OPERATION_CALL(lstm, t[0], t[1], t[2], t[3], &(const cleat_recurrent_options){.reserve = &t[4]})
OPERATION_CALL(lstm_backward, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7],
    &(const cleat_recurrent_options){.reserve = &t[8]}, NULL)
OPERATION_CALL(gru, t[0], t[1], t[2], t[3],
    &(const cleat_recurrent_options){.linear_before_reset = true, .reserve = &t[4]})
OPERATION_CALL(gru_backward, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7],
    &(const cleat_recurrent_options){.linear_before_reset = true, .reserve = &t[8]}, NULL)

const operation layer_operations[] = {
    {"matmul of f16", call_matmul_half, {HALF(3, 4), HALF(4, 5), HALF(5), RESULT_OF(F16, 3, 5)}},
    OPERATION(matmul, REAL(5, 7), REAL(7, 6), RESULT(5, 6), REAL(6)),
    OPERATION(matmul_pack, REAL(5, 7), REAL(7, 6), RESULT(5, 6)),
    OPERATION(conv2d, REAL(2, 3, 6, 6), REAL(4, 3, 3, 3), RESULT(2, 4, 6, 6), REAL(4)),
    {"conv2d with a residual", call_conv2d_residual,
        {REAL(1, 3, 5, 5), REAL(4, 3, 3, 3), RESULT(1, 4, 3, 3)}},
    OPERATION(conv2d_pack, REAL(16, 3, 3, 3), RESULT(16, 3, 3, 3)),
    OPERATION(conv2d_pack_winograd, REAL(1, 3, 4, 4), REAL(4, 3, 3, 3), RESULT(1, 4, 4, 4)),
    OPERATION(conv2d_backward_data, REAL(2, 4, 6, 6), REAL(4, 3, 3, 3), RESULT(2, 3, 6, 6)),
    OPERATION(conv2d_backward_weights, REAL(2, 3, 6, 6), REAL(2, 4, 6, 6), RESULT(4, 3, 3, 3)),
    OPERATION(conv2d_backward_bias, REAL(2, 4, 6, 6), RESULT(4)),
    OPERATION(conv_transpose2d, REAL(1, 3, 4, 4), REAL(3, 2, 3, 3), RESULT(1, 2, 6, 6), REAL(2)),
    OPERATION(
        conv_transpose2d_backward_data, REAL(1, 2, 6, 6), REAL(3, 2, 3, 3), RESULT(1, 3, 4, 4)),
    OPERATION(
        conv_transpose2d_backward_weights, REAL(1, 3, 4, 4), REAL(1, 2, 6, 6), RESULT(3, 2, 3, 3)),
    OPERATION(conv1d, REAL(2, 3, 12), REAL(4, 3, 3), RESULT(2, 4, 12)),
    OPERATION(conv1d_backward_data, REAL(2, 4, 12), REAL(4, 3, 3), RESULT(2, 3, 12)),
    OPERATION(conv1d_backward_weights, REAL(2, 3, 12), REAL(2, 4, 12), RESULT(4, 3, 3)),
    OPERATION(conv1d_backward_bias, REAL(2, 4, 12), RESULT(4)),
    OPERATION(conv_transpose1d, REAL(1, 3, 8), REAL(3, 2, 3), RESULT(1, 2, 10)),
    OPERATION(conv_transpose1d_backward_data, REAL(1, 2, 10), REAL(3, 2, 3), RESULT(1, 3, 8)),
    OPERATION(conv_transpose1d_backward_weights, REAL(1, 3, 8), REAL(1, 2, 10), RESULT(3, 2, 3)),
    OPERATION(conv3d, REAL(1, 2, 4, 6, 6), REAL(3, 2, 2, 3, 3), RESULT(1, 3, 3, 4, 4)),
    OPERATION(
        conv3d_backward_data, REAL(1, 3, 3, 4, 4), REAL(3, 2, 2, 3, 3), RESULT(1, 2, 4, 6, 6)),
    OPERATION(
        conv3d_backward_weights, REAL(1, 2, 4, 6, 6), REAL(1, 3, 3, 4, 4), RESULT(3, 2, 2, 3, 3)),
    OPERATION(conv3d_backward_bias, REAL(1, 3, 3, 4, 4), RESULT(3)),
    OPERATION(conv_transpose3d, REAL(1, 2, 3, 4, 4), REAL(2, 2, 2, 3, 3), RESULT(1, 2, 4, 6, 6)),
    OPERATION(conv_transpose3d_backward_data, REAL(1, 2, 4, 6, 6), REAL(2, 2, 2, 3, 3),
        RESULT(1, 2, 3, 4, 4)),
    OPERATION(conv_transpose3d_backward_weights, REAL(1, 2, 3, 4, 4), REAL(1, 2, 4, 6, 6),
        RESULT(2, 2, 2, 3, 3)),
    OPERATION(attention, REAL(1, 2, 5, 8), REAL(1, 2, 7, 8), REAL(1, 2, 7, 8), RESULT(1, 2, 5, 8),
        RESULT(1, 2, 5)),
    OPERATION(attention_backward, REAL(1, 2, 5, 8), REAL(1, 2, 7, 8), REAL(1, 2, 7, 8),
        REAL(1, 2, 5, 8), POSITIVE(1, 2, 5), REAL(1, 2, 5, 8), RESULT(1, 2, 5, 8),
        RESULT(1, 2, 7, 8), RESULT(1, 2, 7, 8)),
    OPERATION(rotary, REAL(2, 5, 8), RESULT(2, 5, 8)),
    OPERATION(lstm, REAL(3, 2, 4), REAL(1, 16, 4), REAL(1, 16, 4), RESULT(3, 1, 2, 4),
        RESULT(1, 3, 2, 20)),
    OPERATION(lstm_backward, REAL(3, 2, 4), REAL(1, 16, 4), REAL(1, 16, 4), REAL(3, 1, 2, 4),
        REAL(3, 1, 2, 4), RESULT(3, 2, 4), RESULT(1, 16, 4), RESULT(1, 16, 4), REAL(1, 3, 2, 20)),
    OPERATION(gru, REAL(3, 2, 4), REAL(1, 12, 4), REAL(1, 12, 4), RESULT(3, 1, 2, 4),
        RESULT(1, 3, 2, 16)),
    OPERATION(gru_backward, REAL(3, 2, 4), REAL(1, 12, 4), REAL(1, 12, 4), REAL(3, 1, 2, 4),
        REAL(3, 1, 2, 4), RESULT(3, 2, 4), RESULT(1, 12, 4), RESULT(1, 12, 4), REAL(1, 3, 2, 16)),
    {.name = NULL},
};
