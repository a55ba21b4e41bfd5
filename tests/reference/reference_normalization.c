/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_normalization.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void reference_statistics(
    const reference_normalization *n, const double *x, double *mean, double *inverse) {
    double size = (double)n->count / (double)n->groups;
    memset(mean, 0, (size_t)n->groups * sizeof *mean);
    memset(inverse, 0, (size_t)n->groups * sizeof *inverse);
    for (int64_t i = 0; i < n->count && n->centered; i++) {
        mean[n->group[i]] += x[i] / size;
    }
    for (int64_t i = 0; i < n->count; i++) {
        double distance = x[i] - mean[n->group[i]];
        inverse[n->group[i]] += distance * distance / size;
    }
    for (int64_t g = 0; g < n->groups; g++) {
        inverse[g] = 1 / sqrt(inverse[g] + n->epsilon);
    }
}

void reference_normalize(const reference_normalization *n, const double *x, const double *mean,
    const double *inverse, double *y) {
    for (int64_t i = 0; i < n->count; i++) {
        double h = (x[i] - mean[n->group[i]]) * inverse[n->group[i]];
        y[i] = h * (n->scale != NULL ? n->scale[n->of_scale[i]] : 1) +
               (n->bias != NULL ? n->bias[n->of_scale[i]] : 0);
    }
}

void reference_normalize_backward(const reference_normalization *n, const double *x,
    const double *mean, const double *inverse, const double *dy, reference_gradients *to) {
    double size = (double)n->count / (double)n->groups;
    double *sums = calloc((size_t)(4 * n->groups) + 1, sizeof *sums);
    size_t scale_bytes = (size_t)n->scales * sizeof(double);
    memset(to->dscale, 0, scale_bytes);
    memset(to->dbias, 0, scale_bytes);
    memset(to->dscale_magnitude, 0, scale_bytes);
    memset(to->dbias_magnitude, 0, scale_bytes);
    for (int64_t i = 0; i < n->count; i++) {
        int64_t g = n->group[i], s = n->of_scale[i];
        double h = (x[i] - mean[g]) * inverse[g];
        double h_size = (fabs(x[i]) + fabs(mean[g])) * inverse[g];
        double scaled = dy[i] * (n->scale != NULL ? n->scale[s] : 1);
        to->dscale[s] += dy[i] * h;
        to->dscale_magnitude[s] += fabs(dy[i]) * h_size;
        to->dbias[s] += dy[i];
        to->dbias_magnitude[s] += fabs(dy[i]);
        sums[4 * g] += n->centered ? scaled / size : 0;
        sums[4 * g + 1] += scaled * h / size;
        sums[4 * g + 2] += fabs(scaled) / size;
        sums[4 * g + 3] += fabs(scaled) * h_size / size;
    }
    for (int64_t i = 0; i < n->count; i++) {
        const double *sum = &sums[4 * n->group[i]];
        double from = inverse[n->group[i]], h = (x[i] - mean[n->group[i]]) * from;
        double h_size = (fabs(x[i]) + fabs(mean[n->group[i]])) * from;
        double scaled = dy[i] * (n->scale != NULL ? n->scale[n->of_scale[i]] : 1);
        to->dx[i] = from * (scaled - sum[0] - h * sum[1]);
        to->dx_magnitude[i] =
            from * (fabs(scaled) + sum[2] + fabs(h) * sum[3] + h_size * fabs(sum[1]));
    }
    free(sums);
}
