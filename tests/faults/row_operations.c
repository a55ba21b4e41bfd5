/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table of fault_operations.h that goes along rows, windows and indices. */
#include "fault_operations.h"

/* ---- Rows ---- */

OPERATION_CALL(softmax, t[0], 1, t[1])
OPERATION_CALL(log_softmax, t[0], 1, t[1])
OPERATION_CALL(softmax_backward, t[0], t[1], 1, t[2])
OPERATION_CALL(log_softmax_backward, t[0], t[1], 1, t[2])
OPERATION_CALL(softmax_cross_entropy, t[0], t[1], t[2], NULL)
OPERATION_CALL(softmax_cross_entropy_backward, t[0], t[1], NULL, t[2], NULL)
OPERATION_CALL(loss, CLEAT_LOSS_SQUARED, t[0], t[1], t[2], NULL)
OPERATION_CALL(loss_backward, CLEAT_LOSS_SQUARED, t[0], t[1], NULL, t[2], NULL)
OPERATION_CALL(reduce, CLEAT_REDUCE_VARIANCE, t[0], 1, (const int32_t[]){1}, t[1], NULL)
OPERATION_CALL(
    reduce_backward, CLEAT_REDUCE_MAX, t[0], t[1], t[2], 1, (const int32_t[]){1}, t[3], NULL)
OPERATION_CALL(argmax, t[0], 1, (const int32_t[]){1}, t[1], NULL)
OPERATION_CALL(argmin, t[0], 1, (const int32_t[]){1}, t[1], NULL)
OPERATION_CALL(cumulative_sum, t[0], 1, t[1], NULL)
OPERATION_CALL(cumulative_sum_backward, t[0], 1, t[1], NULL)

/* ---- Normalisation: gradients of scale and bias, which take kernels of their own, where groups
 * are rows and where they are columns ---- */

OPERATION_CALL(layer_norm, t[0], 1, t[1],
    &(const cleat_normalization_options){
        .scale = &t[2], .bias = &t[3], .mean = &t[4], .inverse = &t[5]})
OPERATION_CALL(layer_norm_backward, t[0], &t[1], t[2], t[3], t[4], 1, &t[5], &t[6], &t[7])
OPERATION_CALL(rms_norm, t[0], 1, t[1],
    &(const cleat_normalization_options){.scale = &t[2], .bias = &t[3], .inverse = &t[4]})
OPERATION_CALL(rms_norm_backward, t[0], &t[1], t[2], t[3], 1, &t[4], NULL, NULL)
OPERATION_CALL(group_norm, t[0], 2, t[1],
    &(const cleat_normalization_options){
        .scale = &t[2], .bias = &t[3], .mean = &t[4], .inverse = &t[5]})
OPERATION_CALL(group_norm_backward, t[0], NULL, t[2], t[3], t[4], 2, &t[5], NULL, NULL)
OPERATION_CALL(instance_norm, t[0], t[1],
    &(const cleat_normalization_options){
        .scale = &t[2], .bias = &t[3], .mean = &t[4], .inverse = &t[5]})
OPERATION_CALL(instance_norm_backward, t[0], &t[1], t[2], t[3], t[4], &t[5], NULL, NULL)
OPERATION_CALL(batch_norm_training, t[0], t[1],
    &(const cleat_batch_norm_options){.scale = &t[2],
        .bias = &t[3],
        .mean = &t[4],
        .inverse = &t[5],
        .running_mean = &t[6],
        .running_variance = &t[7]})
OPERATION_CALL(batch_norm, t[0], t[1], t[2], t[3],
    &(const cleat_batch_norm_options){.scale = &t[4], .bias = &t[5]})
OPERATION_CALL(batch_norm_backward, t[0], &t[1], t[2], t[3], t[4], &t[5], &t[6], &t[7])
OPERATION_CALL(local_response_norm, t[0], 3, t[1], NULL)
OPERATION_CALL(local_response_norm_backward, t[0], 3, t[1], t[2], NULL)

/* ---- Windows: plain ones, whose kernels serve several functions, and one that asks for places
 * ---- */

OPERATION_CALL(max_pool2d, t[0], t[1], &(const cleat_pool2d_options){.window = {2, 2}})
OPERATION_CALL(
    max_pool2d_backward, t[0], t[1], t[2], &(const cleat_pool2d_options){.window = {2, 2}})
OPERATION_CALL(average_pool2d, t[0], t[1], &(const cleat_pool2d_options){.window = {2, 2}})
OPERATION_CALL(average_pool2d_backward, t[0], t[1], &(const cleat_pool2d_options){.window = {2, 2}})
OPERATION_CALL(max_pool, t[0], t[1], &(const cleat_pool_options){.window = {3}, .indices = &t[2]})
OPERATION_CALL(max_pool_backward, t[0], t[1], t[2], &(const cleat_pool_options){.window = {2, 2}})
OPERATION_CALL(average_pool, t[0], t[1], &(const cleat_pool_options){.window = {2, 2}})
OPERATION_CALL(average_pool_backward, t[0], t[1], &(const cleat_pool_options){.window = {2, 2}})
OPERATION_CALL(lp_pool, t[0], t[1], &(const cleat_pool_options){.window = {3}})
OPERATION_CALL(lp_pool_backward, t[0], t[1], t[2], t[3], &(const cleat_pool_options){.window = {3}})
OPERATION_CALL(max_unpool, t[0], t[1], t[2], NULL)
OPERATION_CALL(max_unpool_backward, t[0], t[1], t[2], NULL)

const operation row_operations[] = {
    OPERATION(softmax, REAL(4, 6), RESULT(4, 6)),
    OPERATION(log_softmax, REAL(4, 6), RESULT(4, 6)),
    OPERATION(softmax_backward, POSITIVE(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(log_softmax_backward, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(softmax_cross_entropy, REAL(4, 6), INDEX(4), RESULT(1)),
    OPERATION(softmax_cross_entropy_backward, REAL(4, 6), INDEX(4), RESULT(4, 6)),
    OPERATION(loss, REAL(4, 6), REAL(4, 6), RESULT(1)),
    OPERATION(loss_backward, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(reduce, REAL(4, 6), RESULT(4)),
    OPERATION(reduce_backward, REAL(4, 6), REAL(4), REAL(4), RESULT(4, 6)),
    OPERATION(argmax, REAL(4, 6), RESULT_OF(I64, 4)),
    OPERATION(argmin, REAL(4, 6), RESULT_OF(I32, 4)),
    OPERATION(cumulative_sum, REAL(4, 6), RESULT(4, 6)),
    OPERATION(cumulative_sum_backward, REAL(4, 6), RESULT(4, 6)),
    OPERATION(layer_norm, REAL(4, 6), RESULT(4, 6), REAL(6), REAL(6), RESULT(4), RESULT(4)),
    OPERATION(layer_norm_backward, REAL(4, 6), REAL(6), REAL(4), POSITIVE(4), REAL(4, 6),
        RESULT(4, 6), RESULT(6), RESULT(6)),
    OPERATION(rms_norm, REAL(4, 6), RESULT(4, 6), REAL(6), REAL(6), RESULT(4)),
    OPERATION(rms_norm_backward, REAL(4, 6), REAL(6), POSITIVE(4), REAL(4, 6), RESULT(4, 6)),
    OPERATION(
        group_norm, REAL(2, 4, 6), RESULT(2, 4, 6), REAL(4), REAL(4), RESULT(2, 2), RESULT(2, 2)),
    OPERATION(group_norm_backward, REAL(2, 4, 6), REAL(4), REAL(2, 2), POSITIVE(2, 2),
        REAL(2, 4, 6), RESULT(2, 4, 6)),
    OPERATION(instance_norm, REAL(2, 4, 6), RESULT(2, 4, 6), REAL(4), REAL(4), RESULT(2, 4),
        RESULT(2, 4)),
    OPERATION(instance_norm_backward, REAL(2, 4, 6), REAL(4), REAL(2, 4), POSITIVE(2, 4),
        REAL(2, 4, 6), RESULT(2, 4, 6)),
    OPERATION(batch_norm_training, REAL(2, 4, 6), RESULT(2, 4, 6), REAL(4), REAL(4), RESULT(4),
        RESULT(4), REAL(4), POSITIVE(4)),
    OPERATION(batch_norm, REAL(2, 4, 6), REAL(4), POSITIVE(4), RESULT(2, 4, 6), REAL(4), REAL(4)),
    OPERATION(batch_norm_backward, REAL(2, 4, 6), REAL(4), REAL(4), POSITIVE(4), REAL(2, 4, 6),
        RESULT(2, 4, 6), RESULT(4), RESULT(4)),
    OPERATION(local_response_norm, REAL(2, 4, 6), RESULT(2, 4, 6)),
    OPERATION(local_response_norm_backward, REAL(2, 4, 6), REAL(2, 4, 6), RESULT(2, 4, 6)),
    OPERATION(max_pool2d, REAL(2, 3, 6, 6), RESULT(2, 3, 3, 3)),
    OPERATION(max_pool2d_backward, REAL(2, 3, 6, 6), REAL(2, 3, 3, 3), RESULT(2, 3, 6, 6)),
    OPERATION(average_pool2d, REAL(2, 3, 6, 6), RESULT(2, 3, 3, 3)),
    OPERATION(average_pool2d_backward, REAL(2, 3, 3, 3), RESULT(2, 3, 6, 6)),
    OPERATION(max_pool, REAL(2, 3, 12), RESULT(2, 3, 4), RESULT_OF(I64, 2, 3, 4)),
    OPERATION(max_pool_backward, REAL(2, 3, 6, 6), REAL(2, 3, 3, 3), RESULT(2, 3, 6, 6)),
    OPERATION(average_pool, REAL(2, 3, 6, 6), RESULT(2, 3, 3, 3)),
    OPERATION(average_pool_backward, REAL(2, 3, 3, 3), RESULT(2, 3, 6, 6)),
    OPERATION(lp_pool, REAL(2, 3, 12), RESULT(2, 3, 4)),
    OPERATION(lp_pool_backward, REAL(2, 3, 12), POSITIVE(2, 3, 4), REAL(2, 3, 4), RESULT(2, 3, 12)),
    OPERATION(max_unpool, REAL(1, 2, 4), PLACE(1, 2, 4), RESULT(1, 2, 12)),
    OPERATION(max_unpool_backward, REAL(1, 2, 12), PLACE(1, 2, 4), RESULT(1, 2, 4)),
    {.name = NULL},
};
