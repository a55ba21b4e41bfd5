/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network, and how to train it, in calls of Cleat only:
 *   x [N,1,28,28] - conv 3x3x32, relu - conv 3x3x32, relu - max pool 2 - conv 3x3x64, relu
 *   - max pool 2 - dense 128, relu - dense 10; all convolutions padded by 1.
 * Softmax cross-entropy and Adam. Everything on the device is allocated by network_create().
 */
#ifndef FASHION_MNIST_NETWORK_H
#define FASHION_MNIST_NETWORK_H

#include <cleat/cleat.h>

enum { PARAMETER_COUNT = 10 };

typedef struct network network;

/* Takes at most `train_rows` images in a training step and `forward_rows` in a forward pass. */
cleat_status network_create(
    cleat_context *context, int64_t train_rows, int64_t forward_rows, network **result);
void network_destroy(network *net); /* NULL is accepted */

/*
 * Weights: uniform in +-sqrt(6 / inputs) before a relu (He et al. 2015), in +-sqrt(1 / inputs) in
 * the last layer, so that all classes start about equal; from the seed. Biases 0. Adam starts anew.
 */
cleat_status network_initialise(network *net, uint64_t seed);

/* Images f32 [n,1,28,28] to logits f32 [n,10]. */
cleat_status network_forward(network *net, cleat_tensor images, cleat_tensor logits);

/* One step: losses f32 [n] receives each image's loss (before the step). Labels i32 [n]. */
cleat_status network_train(network *net, cleat_tensor images, cleat_tensor labels,
    cleat_tensor losses, float learning_rate);

/* A weight or bias by index, named as PyTorch would ("conv1.weight"); a borrowed view. */
const char *network_parameter_name(int index);
cleat_tensor network_parameter(const network *net, int index);

/* How many numbers the network learns. */
int64_t network_size(void);

#endif
