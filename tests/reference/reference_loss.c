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

static double weight_of(const reference_weighing *weighing, int64_t c) {
    return weighing->weight != NULL ? weighing->weight[c] : 1;
}

static bool is_ignored(const reference_weighing *weighing, int32_t label) {
    return weighing->ignored != NULL && label == *weighing->ignored;
}

/* How much class c is wanted of a sample. */
static double target_of(
    const reference_weighing *weighing, int64_t c, int32_t label, int64_t classes) {
    double own = c == label ? 1 - weighing->smoothing : 0;
    return (own + weighing->smoothing / (double)classes) * weight_of(weighing, c);
}

/* - sum_c t[c] log p[c], log p[c] = -(log(sum) + max - x[c]), without classes that are not wanted.
 */
static double loss_of(const reference_weighing *weighing, int64_t classes, const double *row,
    int32_t label, double *magnitude) {
    double max = largest(classes, row);
    double log_sum = log(sum_of_exponentials(classes, row, max));
    double loss = 0, targets = 0;
    for (int64_t c = 0; c < classes; c++) {
        if (c == label || weighing->smoothing > 0) {
            double target = target_of(weighing, c, label, classes);
            loss += target * (log_sum + (max - row[c]));
            targets += target;
        }
    }
    *magnitude = targets + fabs(loss);
    return loss;
}

void reference_cross_entropy(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const reference_weighing *weighing, double *losses, double *magnitude) {
    for (int64_t n = 0; n < samples; n++) {
        double size = 0;
        losses[n] = NAN;
        if (is_ignored(weighing, labels[n])) {
            losses[n] = 0;
        } else if (labels[n] >= 0 && labels[n] < classes) {
            losses[n] = loss_of(weighing, classes, logits + n * classes, labels[n], &size);
        }
        if (magnitude != NULL) {
            magnitude[n] = size;
        }
    }
}

double reference_cross_entropy_divisor(
    int64_t samples, int64_t classes, const int32_t *labels, const reference_weighing *weighing) {
    double sum = 0;
    for (int64_t n = 0; n < samples; n++) {
        bool known = labels[n] >= 0 && labels[n] < classes;
        double weight = known ? weight_of(weighing, labels[n]) : 1;
        sum += is_ignored(weighing, labels[n]) ? 0 : weight;
    }
    return sum;
}

void reference_cross_entropy_backward(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const reference_weighing *weighing, const double *g, double *dlogits,
    double *magnitude) {
    for (int64_t n = 0; n < samples; n++) {
        const double *row = logits + n * classes;
        double max = largest(classes, row);
        double sum = sum_of_exponentials(classes, row, max), targets = 0;
        bool known = labels[n] >= 0 && labels[n] < classes,
             ignored = is_ignored(weighing, labels[n]);
        for (int64_t c = 0; c < classes; c++) {
            targets += target_of(weighing, c, labels[n], classes);
        }
        for (int64_t c = 0; c < classes; c++) {
            double wanted = targets * (known ? exp(row[c] - max) / sum : NAN);
            double target = target_of(weighing, c, labels[n], classes);
            dlogits[n * classes + c] = ignored ? 0 : g[n] * (wanted - target);
            if (magnitude != NULL) {
                double slope = 1 + fabs(row[c] - max);
                magnitude[n * classes + c] =
                    ignored ? 0 : fabs(g[n]) * (fabs(wanted) * slope + fabs(target));
            }
        }
    }
}
