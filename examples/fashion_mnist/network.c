/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <math.h>
#include <stdlib.h>

/* Passes a failure on; nothing is held across it, network_destroy() frees what there is. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        cleat_status try_status = (call);                                                          \
        if (try_status != CLEAT_OK)                                                                \
            return try_status;                                                                     \
    } while (0)

enum {
    CONV1,
    CONV1_BIAS,
    CONV2,
    CONV2_BIAS,
    CONV3,
    CONV3_BIAS,
    DENSE1,
    DENSE1_BIAS,
    DENSE2,
    DENSE2_BIAS
};

static const struct {
    const char *name;
    int32_t rank;
    int64_t shape[4];
    float spread; /* initial values lie in +-sqrt(spread / inputs of a neuron); 0 for a bias */
} parameters[PARAMETER_COUNT] = {
    {"conv1.weight", 4, {32, 1, 3, 3}, 6},
    {"conv1.bias", 1, {32}, 0},
    {"conv2.weight", 4, {32, 32, 3, 3}, 6},
    {"conv2.bias", 1, {32}, 0},
    {"conv3.weight", 4, {64, 32, 3, 3}, 6},
    {"conv3.bias", 1, {64}, 0},
    {"dense1.weight", 2, {128, 3136}, 6},
    {"dense1.bias", 1, {128}, 0},
    {"dense2.weight", 2, {10, 128}, 1},
    {"dense2.bias", 1, {10}, 0},
};

/* What the layers compute, one row an image; and the gradients of the same. */
enum { A_CONV1, A_CONV2, A_POOL1, A_CONV3, A_POOL2, A_DENSE1, A_LOGITS, ACTIVATION_COUNT };

static const struct {
    int32_t rank;
    int64_t shape[4]; /* the first extent is the number of images */
} activations[ACTIVATION_COUNT] = {
    {4, {0, 32, 28, 28}},
    {4, {0, 32, 28, 28}},
    {4, {0, 32, 14, 14}},
    {4, {0, 64, 14, 14}},
    {4, {0, 64, 7, 7}},
    {2, {0, 128}},
    {2, {0, 10}},
};

struct network {
    cleat_context *context;
    /* All parameters lie in one tensor, so that one call of Adam does for all; so do the others. */
    cleat_tensor all_values, all_gradients, all_m, all_v;
    cleat_tensor value[PARAMETER_COUNT], gradient[PARAMETER_COUNT];
    cleat_tensor activation[ACTIVATION_COUNT]; /* room for all rows */
    cleat_tensor delta[ACTIVATION_COUNT];      /* gradient of the loss; room for train_rows */
    int64_t steps;
};

static const cleat_pool2d_options pool_options = {.window = {2, 2}};

/* ---- Making ---- */

static int64_t parameter_elements(int index) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < parameters[index].rank; axis++)
        count *= parameters[index].shape[axis];
    return count;
}

int64_t network_size(void) {
    int64_t count = 0;
    for (int i = 0; i < PARAMETER_COUNT; i++)
        count += parameter_elements(i);
    return count;
}

/* Each parameter starts at a multiple of 64 bytes, for the sake of vector loads. */
static int64_t padded(int64_t elements) {
    return (elements + 15) / 16 * 16;
}

static cleat_status make_parameters(network *net) {
    int64_t total = 0;
    for (int i = 0; i < PARAMETER_COUNT; i++)
        total += padded(parameter_elements(i));
    cleat_tensor *all[4] = {&net->all_values, &net->all_gradients, &net->all_m, &net->all_v};
    for (int i = 0; i < 4; i++)
        TRY(cleat_tensor_create(net->context, CLEAT_F32, 1, &total, all[i]));
    int64_t offset = 0;
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        TRY(cleat_tensor_view(net->all_values.buffer, CLEAT_F32, parameters[i].rank,
            parameters[i].shape, offset, &net->value[i]));
        TRY(cleat_tensor_view(net->all_gradients.buffer, CLEAT_F32, parameters[i].rank,
            parameters[i].shape, offset, &net->gradient[i]));
        offset += padded(parameter_elements(i));
    }
    return CLEAT_OK;
}

static cleat_status make_rows(network *net, int64_t rows, cleat_tensor *tensors) {
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        int64_t shape[4] = {0};
        for (int32_t axis = 0; axis < activations[i].rank; axis++)
            shape[axis] = axis == 0 ? rows : activations[i].shape[axis];
        TRY(cleat_tensor_create(net->context, CLEAT_F32, activations[i].rank, shape, &tensors[i]));
    }
    return CLEAT_OK;
}

static cleat_status make_all(network *net, int64_t train_rows, int64_t forward_rows) {
    TRY(make_parameters(net));
    TRY(make_rows(net, train_rows > forward_rows ? train_rows : forward_rows, net->activation));
    TRY(make_rows(net, train_rows, net->delta));
    return network_initialise(net, 0);
}

cleat_status network_create(
    cleat_context *context, int64_t train_rows, int64_t forward_rows, network **result) {
    network *net = calloc(1, sizeof *net);
    if (net == NULL)
        return CLEAT_OUT_OF_HOST_MEMORY;
    net->context = context;
    cleat_status status = make_all(net, train_rows, forward_rows);
    if (status == CLEAT_OK)
        *result = net;
    else
        network_destroy(net);
    return status;
}

void network_destroy(network *net) {
    if (net == NULL)
        return;
    cleat_tensor *all[4] = {&net->all_values, &net->all_gradients, &net->all_m, &net->all_v};
    for (int i = 0; i < 4; i++)
        cleat_tensor_release(all[i]);
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        cleat_tensor_release(&net->activation[i]);
        cleat_tensor_release(&net->delta[i]);
    }
    free(net);
}

cleat_status network_initialise(network *net, uint64_t seed) {
    cleat_tensor *all[4] = {&net->all_values, &net->all_gradients, &net->all_m, &net->all_v};
    for (int i = 0; i < 4; i++)
        TRY(cleat_fill(net->context, 0, *all[i]));
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        if (parameters[i].spread == 0)
            continue;
        float inputs = (float)(parameter_elements(i) / parameters[i].shape[0]);
        float bound = sqrtf(parameters[i].spread / inputs);
        TRY(cleat_random_uniform(net->context, seed, (uint64_t)i, -bound, bound, net->value[i]));
    }
    net->steps = 0;
    return CLEAT_OK;
}

const char *network_parameter_name(int index) {
    return parameters[index].name;
}

cleat_tensor network_parameter(const network *net, int index) {
    return net->value[index];
}

/* ---- Forward ---- */

/* The first `rows` rows of each tensor. */
static cleat_status take_rows(const cleat_tensor *tensors, int64_t rows, cleat_tensor *taken) {
    for (int i = 0; i < ACTIVATION_COUNT; i++)
        TRY(cleat_slice(tensors[i], 0, 0, rows, 1, &taken[i]));
    return CLEAT_OK;
}

/* [n, c, h, w] seen as [n, c * h * w]. */
static cleat_status flatten(cleat_tensor x, cleat_tensor *flat) {
    return cleat_reshape(x, 2, (int64_t[]){x.shape[0], x.shape[1] * x.shape[2] * x.shape[3]}, flat);
}

/* Behind a relu about half of x is 0. */
static cleat_status convolve(
    const network *net, cleat_tensor x, bool behind_relu, int weight, cleat_tensor y) {
    cleat_conv2d_options options = {.padding = {1, 1, 1, 1},
        .bias = &net->value[weight + 1],
        .activation = CLEAT_RELU,
        .sparse_x = behind_relu};
    return cleat_conv2d(net->context, x, net->value[weight], y, &options);
}

static cleat_status dense(
    const network *net, cleat_tensor x, int weight, cleat_activation activation, cleat_tensor y) {
    cleat_matmul_options options = {.bias = &net->value[weight + 1], .activation = activation};
    return cleat_matmul(net->context, x, cleat_transpose(net->value[weight]), y, &options);
}

/* `a` holds as many rows as there are images. */
static cleat_status forward(const network *net, cleat_tensor images, const cleat_tensor *a) {
    cleat_tensor flat;
    TRY(convolve(net, images, false, CONV1, a[A_CONV1]));
    TRY(convolve(net, a[A_CONV1], true, CONV2, a[A_CONV2]));
    TRY(cleat_max_pool2d(net->context, a[A_CONV2], a[A_POOL1], &pool_options));
    TRY(convolve(net, a[A_POOL1], true, CONV3, a[A_CONV3]));
    TRY(cleat_max_pool2d(net->context, a[A_CONV3], a[A_POOL2], &pool_options));
    TRY(flatten(a[A_POOL2], &flat));
    TRY(dense(net, flat, DENSE1, CLEAT_RELU, a[A_DENSE1]));
    return dense(net, a[A_DENSE1], DENSE2, CLEAT_ACTIVATION_NONE, a[A_LOGITS]);
}

cleat_status network_forward(network *net, cleat_tensor images, cleat_tensor logits) {
    cleat_tensor a[ACTIVATION_COUNT];
    TRY(take_rows(net->activation, images.shape[0], a));
    a[A_LOGITS] = logits;
    return forward(net, images, a);
}

/* ---- Backward ---- */

/* dy *= relu'(x), from y = relu(x). */
static cleat_status relu_backward(const network *net, cleat_tensor y, cleat_tensor dy) {
    cleat_activation_options options = {.from_output = true};
    return cleat_activate_backward(net->context, CLEAT_RELU, y, dy, dy, &options);
}

static cleat_status dense_backward(
    const network *net, cleat_tensor x, int weight, cleat_tensor dy, cleat_tensor dx) {
    TRY(cleat_matmul(net->context, cleat_transpose(dy), x, net->gradient[weight], NULL));
    TRY(cleat_reduce(
        net->context, CLEAT_REDUCE_SUM, dy, 1, (int32_t[]){0}, net->gradient[weight + 1], NULL));
    return cleat_matmul(net->context, dy, net->value[weight], dx, NULL);
}

/*
 * dy is the gradient of the layer's result; pooled, if not NULL, that of the pooling behind it.
 * Then three quarters of dy are 0, and what a channel's windows got is what dy adds up to.
 */
static cleat_status convolve_backward(const network *net, cleat_tensor x, int weight,
    cleat_tensor dy, const cleat_tensor *pooled, const cleat_tensor *dx) {
    cleat_conv2d_options options = {.padding = {1, 1, 1, 1}, .sparse_dy = pooled != NULL};
    TRY(cleat_conv2d_backward_weights(net->context, x, dy, net->gradient[weight], &options));
    TRY(cleat_conv2d_backward_bias(
        net->context, pooled != NULL ? *pooled : dy, net->gradient[weight + 1], NULL));
    if (dx == NULL)
        return CLEAT_OK;
    return cleat_conv2d_backward_data(net->context, dy, net->value[weight], *dx, &options);
}

/*
 * From d[A_LOGITS] back to all gradients. Behind a pooling, relu is undone before it, on a quarter
 * of the elements: the largest of a window is what relu let through, or nothing passed.
 */
static cleat_status backward(
    const network *net, cleat_tensor images, const cleat_tensor *a, const cleat_tensor *d) {
    cleat_tensor flat, flat_delta;
    TRY(flatten(a[A_POOL2], &flat));
    TRY(flatten(d[A_POOL2], &flat_delta));
    TRY(dense_backward(net, a[A_DENSE1], DENSE2, d[A_LOGITS], d[A_DENSE1]));
    TRY(relu_backward(net, a[A_DENSE1], d[A_DENSE1]));
    TRY(dense_backward(net, flat, DENSE1, d[A_DENSE1], flat_delta));
    TRY(relu_backward(net, a[A_POOL2], d[A_POOL2]));
    TRY(cleat_max_pool2d_backward(net->context, a[A_CONV3], d[A_POOL2], d[A_CONV3], &pool_options));
    TRY(convolve_backward(net, a[A_POOL1], CONV3, d[A_CONV3], &d[A_POOL2], &d[A_POOL1]));
    TRY(relu_backward(net, a[A_POOL1], d[A_POOL1]));
    TRY(cleat_max_pool2d_backward(net->context, a[A_CONV2], d[A_POOL1], d[A_CONV2], &pool_options));
    TRY(convolve_backward(net, a[A_CONV1], CONV2, d[A_CONV2], &d[A_POOL1], &d[A_CONV1]));
    TRY(relu_backward(net, a[A_CONV1], d[A_CONV1]));
    return convolve_backward(net, images, CONV1, d[A_CONV1], NULL, NULL);
}

cleat_status network_train(network *net, cleat_tensor images, cleat_tensor labels,
    cleat_tensor losses, float learning_rate) {
    cleat_tensor a[ACTIVATION_COUNT], d[ACTIVATION_COUNT];
    TRY(take_rows(net->activation, images.shape[0], a));
    TRY(take_rows(net->delta, images.shape[0], d));
    cleat_cross_entropy_options each = {.reduction = CLEAT_LOSS_NONE};
    TRY(forward(net, images, a));
    TRY(cleat_softmax_cross_entropy(net->context, a[A_LOGITS], labels, losses, &each));
    /* The gradient is that of the mean over the batch. */
    TRY(cleat_softmax_cross_entropy_backward(
        net->context, a[A_LOGITS], labels, NULL, d[A_LOGITS], NULL));
    TRY(backward(net, images, a, d));
    net->steps++;
    return cleat_adam_step(net->context, net->all_values, net->all_gradients, net->all_m,
        net->all_v, net->steps, learning_rate, NULL);
}
