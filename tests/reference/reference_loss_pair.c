/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_loss_pair.h"
#include <math.h>

static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double reference_loss_pair(cleat_loss_kind kind, const reference_pair *p, double *magnitude) {
    const double d = fabs(p->x - p->target), t = p->target;
    double a, b;
    switch (kind) {
    case CLEAT_LOSS_SQUARED:
        a = d * d;
        b = 0;
        break;
    case CLEAT_LOSS_ABSOLUTE:
        a = d;
        b = 0;
        break;
    case CLEAT_LOSS_HUBER:
        a = d <= p->delta ? d * d / 2 : p->delta * d;
        b = d <= p->delta ? 0 : -p->delta * p->delta / 2;
        break;
    case CLEAT_LOSS_BINARY_CROSS_ENTROPY:
        a = p->weight * (1 - t) * softplus(p->x);
        b = p->weight * p->pos_weight * t * softplus(-p->x);
        break;
    default:
        a = p->log_target ? exp(t) * t : t > 0 ? t * log(t) : 0;
        b = p->log_target ? -exp(t) * p->x : t > 0 ? -t * p->x : 0;
        break;
    }
    *magnitude = fabs(a) + fabs(b);
    return a + b;
}

double reference_loss_pair_gradient(
    cleat_loss_kind kind, const reference_pair *p, double *magnitude) {
    const double d = p->x - p->target, t = p->target;
    double a, b = 0;
    switch (kind) {
    case CLEAT_LOSS_SQUARED:
        a = 2 * d;
        break;
    case CLEAT_LOSS_ABSOLUTE:
        a = d > 0 ? 1 : d < 0 ? -1 : 0;
        break;
    case CLEAT_LOSS_HUBER:
        a = fmax(fmin(d, p->delta), -p->delta);
        break;
    case CLEAT_LOSS_BINARY_CROSS_ENTROPY:
        a = p->weight * (1 - t) * sigmoid(p->x);
        b = -p->weight * p->pos_weight * t * sigmoid(-p->x);
        break;
    default:
        a = p->log_target ? -exp(t) : -t;
        break;
    }
    *magnitude = fabs(a) + fabs(b);
    return a + b;
}
