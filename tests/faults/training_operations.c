/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table of fault_operations.h that is no operation but a network's life: two steps
 * of training with convolution, relu, pooling, a dense layer, cross-entropy and Adam. */
#include "fault_operations.h"

/* Goes on only while all is well. */
#define STEP(call) (status = status == CLEAT_OK ? (call) : status)

enum { SAMPLES = 4, CHANNELS = 4, SIDE = 8, FEATURES = CHANNELS * SIDE * SIDE / 4, CLASSES = 3 };

/* The operands' places. */
enum {
    IMAGES,
    LABELS,
    KERNEL,
    KERNEL_BIAS,
    DENSE,
    DENSE_BIAS,
    FELT, /* behind convolution and relu */
    POOLED,
    LOGITS,
    LOSS,
    D_LOGITS,
    D_POOLED,
    D_FELT,
    D_KERNEL,
    D_KERNEL_BIAS,
    D_DENSE,
    D_DENSE_BIAS,
    KERNEL_MEAN,
    KERNEL_SQUARES,
    DENSE_MEAN,
    DENSE_SQUARES
};

static const cleat_conv2d_options same_size = {.padding = {1, 1, 1, 1}};
static const cleat_pool2d_options quarters = {.window = {2, 2}};
static const int64_t flat_shape[] = {SAMPLES, FEATURES};

static cleat_status forward(cleat_context *context, const cleat_tensor *t) {
    cleat_status status = CLEAT_OK;
    cleat_tensor flat;
    const cleat_conv2d_options felt = {
        .padding = {1, 1, 1, 1}, .bias = &t[KERNEL_BIAS], .activation = CLEAT_RELU};
    const cleat_matmul_options dense = {.bias = &t[DENSE_BIAS]};
    STEP(cleat_conv2d(context, t[IMAGES], t[KERNEL], t[FELT], &felt));
    STEP(cleat_max_pool2d(context, t[FELT], t[POOLED], &quarters));
    STEP(cleat_reshape(t[POOLED], 2, flat_shape, &flat));
    STEP(cleat_matmul(context, flat, cleat_transpose(t[DENSE]), t[LOGITS], &dense));
    STEP(cleat_softmax_cross_entropy(context, t[LOGITS], t[LABELS], t[LOSS], NULL));
    return status;
}

static cleat_status backward(cleat_context *context, const cleat_tensor *t) {
    cleat_status status = CLEAT_OK;
    cleat_tensor flat, d_flat;
    const cleat_activation_options from_output = {.from_output = true};
    STEP(cleat_reshape(t[POOLED], 2, flat_shape, &flat));
    STEP(cleat_reshape(t[D_POOLED], 2, flat_shape, &d_flat));
    STEP(cleat_softmax_cross_entropy_backward(
        context, t[LOGITS], t[LABELS], NULL, t[D_LOGITS], NULL));
    STEP(cleat_matmul(context, cleat_transpose(t[D_LOGITS]), flat, t[D_DENSE], NULL));
    STEP(cleat_reduce(
        context, CLEAT_REDUCE_SUM, t[D_LOGITS], 1, (const int32_t[]){0}, t[D_DENSE_BIAS], NULL));
    STEP(cleat_matmul(context, t[D_LOGITS], t[DENSE], d_flat, NULL));
    STEP(cleat_max_pool2d_backward(context, t[FELT], t[D_POOLED], t[D_FELT], &quarters));
    STEP(cleat_activate_backward(context, CLEAT_RELU, t[FELT], t[D_FELT], t[D_FELT], &from_output));
    STEP(cleat_conv2d_backward_weights(context, t[IMAGES], t[D_FELT], t[D_KERNEL], &same_size));
    STEP(cleat_conv2d_backward_bias(context, t[D_FELT], t[D_KERNEL_BIAS], NULL));
    return status;
}

static cleat_status call_training(cleat_context *context, const cleat_tensor *t) {
    const float rate = 0.01F;
    cleat_status status = CLEAT_OK;
    for (int64_t step = 1; step <= 2; step++) {
        STEP(forward(context, t));
        STEP(backward(context, t));
        STEP(cleat_adam_step(
            context, t[KERNEL], t[D_KERNEL], t[KERNEL_MEAN], t[KERNEL_SQUARES], step, rate, NULL));
        STEP(cleat_adam_step(
            context, t[DENSE], t[D_DENSE], t[DENSE_MEAN], t[DENSE_SQUARES], step, rate, NULL));
        STEP(cleat_sgd_step(context, t[KERNEL_BIAS], t[D_KERNEL_BIAS], NULL, rate, NULL));
        STEP(cleat_sgd_step(context, t[DENSE_BIAS], t[D_DENSE_BIAS], NULL, rate, NULL));
    }
    return status;
}

const operation training_operations[] = {
    OPERATION(training, REAL(SAMPLES, 1, SIDE, SIDE), INDEX(SAMPLES), REAL(CHANNELS, 1, 3, 3),
        REAL(CHANNELS), REAL(CLASSES, FEATURES), REAL(CLASSES),
        RESULT(SAMPLES, CHANNELS, SIDE, SIDE), RESULT(SAMPLES, CHANNELS, SIDE / 2, SIDE / 2),
        RESULT(SAMPLES, CLASSES), RESULT(1), RESULT(SAMPLES, CLASSES),
        RESULT(SAMPLES, CHANNELS, SIDE / 2, SIDE / 2), RESULT(SAMPLES, CHANNELS, SIDE, SIDE),
        RESULT(CHANNELS, 1, 3, 3), RESULT(CHANNELS), RESULT(CLASSES, FEATURES), RESULT(CLASSES),
        REAL(CHANNELS, 1, 3, 3), POSITIVE(CHANNELS, 1, 3, 3), REAL(CLASSES, FEATURES),
        POSITIVE(CLASSES, FEATURES)),
    {.name = NULL},
};
