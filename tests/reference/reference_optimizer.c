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
        double g = gradient[i] + o->weight_decay * parameter[i];
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        double m_hat = m[i] / (1 - pow(o->beta1, (double)o->step));
        double v_hat = v[i] / (1 - pow(o->beta2, (double)o->step));
        parameter[i] -= o->learning_rate * m_hat / (sqrt(v_hat) + o->epsilon);
    }
}
