/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_loss.h"

#include <math.h>
#include <stddef.h>

static double largest(int64_t classes, const double *row) {
    double max = -INFINITY;
    for (int64_t c = 0; c < classes; c++) {
        max = row[c] > max ? row[c] : max;
    }
    return max;
}

static double sum_of_exponentials(int64_t classes, const double *row, double max) {
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) {
        sum += exp(row[c] - max);
    }
    return sum;
}

void reference_cross_entropy(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, double *losses, double *magnitude) {
    for (int64_t n = 0; n < samples; n++) {
        const double *row = logits + n * classes;
        losses[n] = NAN;
        if (labels[n] >= 0 && labels[n] < classes) {
            double max = largest(classes, row);
            double sum = sum_of_exponentials(classes, row, max);
            losses[n] = log(sum) + (max - row[labels[n]]);
        }
        if (magnitude != NULL) {
            magnitude[n] = 1 + fabs(losses[n]);
        }
    }
}

void reference_cross_entropy_backward(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const double *g, double *dlogits, double *magnitude) {
    for (int64_t n = 0; n < samples; n++) {
        const double *row = logits + n * classes;
        double max = largest(classes, row);
        double sum = sum_of_exponentials(classes, row, max);
        bool known = labels[n] >= 0 && labels[n] < classes;
        for (int64_t c = 0; c < classes; c++) {
            double probability = known ? exp(row[c] - max) / sum : NAN;
            double target = c == labels[n] ? 1 : 0;
            dlogits[n * classes + c] = g[n] * (probability - target);
            if (magnitude != NULL) {
                double slope = 1 + fabs(row[c] - max);
                magnitude[n * classes + c] = fabs(g[n]) * (probability * slope + target);
            }
        }
    }
}
