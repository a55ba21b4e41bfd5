/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network as a graph of Cleat's, and how to train it:
 *   x [N,1,28,28] - conv 3x3x32, relu - conv 3x3x32, relu - max pool 2 - conv 3x3x64, relu
 *   - max pool 2 - dense 128, relu - dense 10; all convolutions padded by 1.
 * Softmax cross-entropy and Adam, which are nodes of the graph too: a run of it is a training step.
 */
#ifndef FASHION_MNIST_NETWORK_H
#define FASHION_MNIST_NETWORK_H

#include <cleat/cleat.h>

enum { PARAMETER_COUNT = 10 };

typedef struct network network;

cleat_status network_create(cleat_context *context, network **result);
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

/* A weight or bias by index, named as PyTorch would ("conv1.weight"); borrowed. */
const char *network_parameter_name(int index);
cleat_tensor network_parameter(const network *net, int index);

/* How many numbers the network learns. */
int64_t network_size(void);

#endif
