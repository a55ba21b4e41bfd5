/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_network.h"

#include "reference/reference_activation.h"
#include "reference/reference_loss.h"
#include <math.h>
#include <stdlib.h>

static const reference_weighing plain; /* no weights */

reference_network reference_network_make(
    int64_t samples, int64_t channels, int64_t size, int64_t filters, int64_t classes) {
    const int64_t half = size / 2, positions = filters * size * size;
    reference_network n = {.samples = samples,
        .channels = channels,
        .size = size,
        .filters = filters,
        .classes = classes,
        .features = filters * half * half,
        .conv = {.x = {samples, channels, size, size},
            .w = {filters, channels, 3, 3},
            .y = {samples, filters, size, size},
            .stride = {1, 1},
            .padding = {1, 1, 1, 1},
            .dilation = {1, 1},
            .groups = 1}};
    const cleat_pool2d_options window = {.window = {2, 2}};
    n.pool = reference_pool_make(n.conv.y, &window);
    n.count[NETWORK_W] = filters * channels * 9;
    n.count[NETWORK_B] = filters;
    n.count[NETWORK_V] = classes * n.features;
    n.count[NETWORK_C] = classes;
    n.h = calloc((size_t)(samples * positions), sizeof *n.h);
    n.p = calloc((size_t)(samples * n.features), sizeof *n.p);
    n.z = calloc((size_t)(samples * classes), sizeof *n.z);
    n.z_magnitude = calloc((size_t)(samples * classes), sizeof *n.z_magnitude);
    return n;
}

void reference_network_free(reference_network *n) {
    free(n->h);
    free(n->p);
    free(n->z);
    free(n->z_magnitude);
}

double reference_network_loss(reference_network *n, const double *x, const int32_t *labels,
    double *const parameter[NETWORK_PARAMETERS]) {
    const int64_t positions = n->samples * n->filters * n->size * n->size;
    reference_conv2d_forward(&n->conv, x, parameter[NETWORK_W], parameter[NETWORK_B], n->h, NULL);
    for (int64_t i = 0; i < positions; i++) {
        n->h[i] = reference_activation(CLEAT_RELU, n->h[i], NULL);
    }
    reference_max_pool2d(&n->pool, n->h, n->p);
    for (int64_t i = 0; i < n->samples * n->classes; i++) {
        const double *row = n->p + i / n->classes * n->features;
        const double *weights = parameter[NETWORK_V] + i % n->classes * n->features;
        n->z[i] = parameter[NETWORK_C][i % n->classes];
        n->z_magnitude[i] = fabs(n->z[i]);
        for (int64_t k = 0; k < n->features; k++) {
            n->z[i] += row[k] * weights[k];
            n->z_magnitude[i] += fabs(row[k] * weights[k]);
        }
    }
    double *losses = calloc((size_t)n->samples, sizeof *losses);
    reference_cross_entropy(n->samples, n->classes, n->z, labels, &plain, losses, NULL);
    double sum = 0;
    for (int64_t i = 0; i < n->samples; i++) {
        sum += losses[i];
    }
    free(losses);
    return sum / (double)n->samples;
}

/* From dz back to the parameters. Fed with absolute values, it gives the magnitudes. */
static void backward(const reference_network *n, const double *x, const double *v, const double *dz,
    double *const gradient[NETWORK_PARAMETERS]) {
    const int64_t positions = n->samples * n->filters * n->size * n->size;
    double *dp = calloc((size_t)(n->samples * n->features), sizeof *dp);
    double *dh = calloc((size_t)positions, sizeof *dh);
    double *unused = calloc((size_t)positions, sizeof *unused);
    for (int64_t k = 0; k < n->classes; k++) {
        gradient[NETWORK_C][k] = 0;
        for (int64_t j = 0; j < n->features; j++) {
            gradient[NETWORK_V][k * n->features + j] = 0;
        }
    }
    for (int64_t i = 0; i < n->samples * n->classes; i++) {
        int64_t sample = i / n->classes, k = i % n->classes;
        gradient[NETWORK_C][k] += dz[i];
        for (int64_t j = 0; j < n->features; j++) {
            gradient[NETWORK_V][k * n->features + j] += dz[i] * n->p[sample * n->features + j];
            dp[sample * n->features + j] += dz[i] * v[k * n->features + j];
        }
    }
    reference_max_pool2d_backward(&n->pool, n->h, dp, dh, unused);
    for (int64_t i = 0; i < positions; i++) {
        dh[i] *= reference_activation_derivative_output(CLEAT_RELU, n->h[i], NULL);
    }
    reference_conv2d_weights(&n->conv, x, dh, gradient[NETWORK_W], NULL);
    reference_conv2d_bias(&n->conv, dh, gradient[NETWORK_B], NULL);
    free(dp);
    free(dh);
    free(unused);
}

static double *absolute(const double *values, int64_t count) {
    double *result = calloc((size_t)count, sizeof *result);
    for (int64_t i = 0; i < count; i++) {
        result[i] = fabs(values[i]);
    }
    return result;
}

void reference_network_gradients(const reference_network *n, const double *x, const int32_t *labels,
    double *const parameter[NETWORK_PARAMETERS], double *const gradient[NETWORK_PARAMETERS],
    double *const magnitude[NETWORK_PARAMETERS]) {
    const int64_t count = n->samples * n->classes;
    double *g = calloc((size_t)n->samples, sizeof *g);
    double *dz = calloc((size_t)count, sizeof *dz), *size = calloc((size_t)count, sizeof *size);
    for (int64_t i = 0; i < n->samples; i++) {
        g[i] = 1 / (double)n->samples;
    }
    reference_cross_entropy_backward(n->samples, n->classes, n->z, labels, &plain, g, dz, size);
    for (int64_t i = 0; i < count; i++) {
        double target = i % n->classes == labels[i / n->classes] ? 1 : 0;
        double probability = dz[i] * (double)n->samples + target;
        size[i] += probability * n->z_magnitude[i] / (double)n->samples;
    }
    double *x_size = absolute(x, n->samples * n->channels * n->size * n->size);
    double *v_size = absolute(parameter[NETWORK_V], n->count[NETWORK_V]);
    backward(n, x, parameter[NETWORK_V], dz, gradient);
    backward(n, x_size, v_size, size, magnitude);
    free(g);
    free(dz);
    free(size);
    free(x_size);
    free(v_size);
}
