/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small network in double precision, put together from the references of its layers:
 *   h = relu(conv2d(x, w) + b), windows of 3x3, padding 1
 *   p = max_pool2d(h), windows of 2x2
 *   z = p v^T + c, p as [samples, features]
 *   loss = mean softmax cross-entropy of z
 */
#ifndef CLEAT_TESTS_REFERENCE_NETWORK_H
#define CLEAT_TESTS_REFERENCE_NETWORK_H

#include "reference/reference_conv2d.h"
#include "reference/reference_pool.h"

enum { NETWORK_W, NETWORK_B, NETWORK_V, NETWORK_C, NETWORK_PARAMETERS };

typedef struct reference_network {
    int64_t samples, channels, size, filters, classes, features;
    reference_conv2d conv;
    reference_pool pool;
    int64_t count[NETWORK_PARAMETERS]; /* elements of each parameter */
    /* What the forward pass leaves for the backward one. */
    double *h, *p, *z, *z_magnitude;
} reference_network;

/* Images of channels x size x size, size even. Release with reference_network_free(). */
reference_network reference_network_make(
    int64_t samples, int64_t channels, int64_t size, int64_t filters, int64_t classes);
void reference_network_free(reference_network *n);

/* The mean loss; fills h, p, z. */
double reference_network_loss(reference_network *n, const double *x, const int32_t *labels,
    double *const parameter[NETWORK_PARAMETERS]);

/*
 * Gradients of the loss after reference_network_loss() with the same arguments, and the magnitudes
 * that their rounding errors are relative to: the same sums over absolute values, in which that of
 * dz also counts the error of z itself.
 */
void reference_network_gradients(const reference_network *n, const double *x, const int32_t *labels,
    double *const parameter[NETWORK_PARAMETERS], double *const gradient[NETWORK_PARAMETERS],
    double *const magnitude[NETWORK_PARAMETERS]);

#endif
