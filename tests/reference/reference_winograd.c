/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_winograd.h"
#include <math.h>

/* The absolute values of the transforms' elements. */
static const double b_size[4][4] = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
static const double g_size[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}};
static const double a_size[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};

/* Element (i, j) of |B^T| |d| |B|, d being the 4 x 4 elements from (h, v) on of a plane. */
static double tile_size(
    const double *plane, int64_t height, int64_t width, int64_t h, int64_t v, int i, int j) {
    double sum = 0;
    for (int k = 0; k < 16; k++) {
        const int64_t row = h + k / 4, column = v + k % 4;
        if (row >= 0 && row < height && column >= 0 && column < width) {
            sum += b_size[i][k / 4] * fabs(plane[row * width + column]) * b_size[j][k % 4];
        }
    }
    return sum;
}

/* Element (i, j) of |G| |g| |G^T|, g turned round or not. */
static double window_size(const double *g, bool turned, int i, int j) {
    double sum = 0;
    for (int k = 0; k < 9; k++) {
        sum += g_size[i][k / 3] * fabs(g[turned ? 8 - k : k]) * g_size[j][k % 3];
    }
    return sum;
}

/* S of result (row, column) of its channel. */
static double result_size(const reference_conv2d *c, bool to_data, const double *image,
    const double *w, int64_t channel, int64_t row, int64_t column) {
    const int64_t *shape = to_data ? c->y : c->x;
    const int64_t outputs = c->w[0] / c->groups, channels = c->w[1];
    const int64_t results = to_data ? channels : outputs, terms = to_data ? outputs : channels;
    const int64_t group = channel / results;
    const int64_t top = to_data ? 2 - c->padding[0] : c->padding[0];
    const int64_t left = to_data ? 2 - c->padding[1] : c->padding[1];
    double sum = 0;
    for (int64_t k = 0; k < terms; k++) {
        const int64_t m = to_data ? group * outputs + k : channel;
        const int64_t in_group = to_data ? channel % results : k;
        const double *plane = image + (group * terms + k) * shape[2] * shape[3];
        for (int e = 0; e < 16; e++) {
            const int i = e / 4, j = e % 4;
            const double weight = a_size[row % 2][i] * a_size[column % 2][j];
            if (weight > 0) {
                sum += weight * window_size(w + (m * channels + in_group) * 9, to_data, i, j) *
                       tile_size(plane, shape[2], shape[3], row / 2 * 2 - top,
                           column / 2 * 2 - left, i, j);
            }
        }
    }
    return sum;
}

void reference_winograd_magnitude(const reference_conv2d *c, bool to_data, const double *source,
    const double *w, double *magnitude) {
    const int64_t *result = to_data ? c->x : c->y, *shape = to_data ? c->y : c->x;
    for (int64_t i = 0; i < result[0] * result[1] * result[2] * result[3]; i++) {
        const int64_t column = i % result[3], row = i / result[3] % result[2];
        const int64_t channel = i / result[3] / result[2] % result[1];
        const int64_t n = i / result[3] / result[2] / result[1];
        magnitude[i] = result_size(
            c, to_data, source + n * shape[1] * shape[2] * shape[3], w, channel, row, column);
    }
}
