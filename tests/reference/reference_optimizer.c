/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_optimizer.h"

#include <math.h>
#include <stddef.h>

void reference_sgd_step(const reference_sgd *o, int64_t count, double *parameter,
    const double *gradient, double *velocity) {
    for (int64_t i = 0; i < count; i++) {
        double g = gradient[i] + o->weight_decay * parameter[i];
        double direction = g;
        if (velocity != NULL) {
            velocity[i] = o->momentum * velocity[i] + g;
            direction = o->nesterov ? g + o->momentum * velocity[i] : velocity[i];
        }
        parameter[i] -= o->learning_rate * direction;
    }
}

void reference_adam_step(const reference_adam *o, int64_t count, double *parameter,
    const double *gradient, double *m, double *v) {
    for (int64_t i = 0; i < count; i++) {
        double g = gradient[i] + (o->decoupled ? 0 : o->weight_decay * parameter[i]);
        parameter[i] *= o->decoupled ? 1 - o->learning_rate * o->weight_decay : 1;
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        double m_hat = m[i] / (1 - pow(o->beta1, (double)o->step));
        double v_hat = v[i] / (1 - pow(o->beta2, (double)o->step));
        parameter[i] -= o->learning_rate * m_hat / (sqrt(v_hat) + o->epsilon);
    }
}

void reference_rmsprop_step(const reference_rmsprop *o, int64_t count, double *parameter,
    const double *gradient, double *v, double *velocity, double *mean) {
    for (int64_t i = 0; i < count; i++) {
        double g = gradient[i] + o->weight_decay * parameter[i];
        v[i] = o->alpha * v[i] + (1 - o->alpha) * g * g;
        double square = v[i];
        if (mean != NULL) {
            mean[i] = o->alpha * mean[i] + (1 - o->alpha) * g;
            square = fmax(v[i] - mean[i] * mean[i], 0);
        }
        double direction = g / (sqrt(square) + o->epsilon);
        if (velocity != NULL) {
            velocity[i] = o->momentum * velocity[i] + direction;
            direction = velocity[i];
        }
        parameter[i] -= o->learning_rate * direction;
    }
}

void reference_adagrad_step(const reference_adagrad *o, int64_t count, double *parameter,
    const double *gradient, double *sum) {
    double rate = o->learning_rate / (1 + (double)(o->step - 1) * o->learning_rate_decay);
    for (int64_t i = 0; i < count; i++) {
        double g = gradient[i] + o->weight_decay * parameter[i];
        sum[i] += g * g;
        parameter[i] -= rate * g / (sqrt(sum[i]) + o->epsilon);
    }
}

void reference_lion_step(
    const reference_lion *o, int64_t count, double *parameter, const double *gradient, double *m) {
    for (int64_t i = 0; i < count; i++) {
        double c = o->beta1 * m[i] + (1 - o->beta1) * gradient[i];
        double sign = (c > 0) - (c < 0);
        parameter[i] -= o->learning_rate * (sign + o->weight_decay * parameter[i]);
        m[i] = o->beta2 * m[i] + (1 - o->beta2) * gradient[i];
    }
}
