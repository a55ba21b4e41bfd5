/* SPDX-License-Identifier: Apache-2.0 */
/* The operations whose first call is timed; each is a function of first_call.c. */
#ifndef CLEAT_BENCH_OPERATIONS_H
#define CLEAT_BENCH_OPERATIONS_H

#define OPERATIONS(X)                                                                              \
    X(matmul), X(matmul_transposed), X(matmul_bias_relu), X(matmul_small), X(matmul_vector),       \
        X(conv2d), X(conv2d_pointwise), X(conv2d_depthwise), X(conv2d_data),                       \
        X(conv2d_data_pointwise), X(conv2d_data_depthwise), X(conv2d_weights),                     \
        X(conv2d_weights_pointwise), X(conv2d_weights_depthwise), X(conv2d_bias), X(relu),         \
        X(gelu), X(gelu_backward), X(add), X(add_broadcast), X(bias_add), X(div_backward),         \
        X(copy_transposed), X(random_uniform), X(random_normal), X(sgd_step), X(adam_step),        \
        X(softmax), X(softmax_columns), X(softmax_backward), X(log_softmax), X(cross_entropy),     \
        X(cross_entropy_backward), X(reduce_all), X(reduce_rows), X(reduce_columns),               \
        X(reduce_backward), X(max_pool2d), X(max_pool2d_backward), X(average_pool2d),              \
        X(average_pool2d_backward)

#endif
