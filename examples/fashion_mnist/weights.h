/* SPDX-License-Identifier: Apache-2.0 */
/* The network's weights in a safetensors file. */
#ifndef FASHION_MNIST_WEIGHTS_H
#define FASHION_MNIST_WEIGHTS_H

#include "network.h"
#include "problem.h"

/* Waits for the device and writes the file, whole or not at all. */
bool weights_save(cleat_context *context, const network *net, const char *path, problem *why);

/* On failure the network keeps the weights it has. */
bool weights_load(cleat_context *context, const network *net, const char *path, problem *why);

#endif
