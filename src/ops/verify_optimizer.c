/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the optimisers, and random numbers. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/optimizer.h>
#include <cleat/random.h>
#include <math.h>
#include <string.h>

enum { COUNT = 203 }; /* whole vectors and a rest */

/* ---- Optimisers: with what most use ---- */

static const float rate = 0.125F;

/* The trial's operands, in this order: what is remembered comes last. */
enum { PARAMETER, GRADIENT, FIRST, SECOND, OPERANDS };

static cleat_status call_step(const trial *t, const char *operation) {
    const cleat_tensor *x = t->tensors;
    cleat_context *context = t->context;
    const cleat_tensor p = x[PARAMETER], g = x[GRADIENT], m = x[FIRST], v = x[SECOND];
    if (strcmp(operation, "sgd_step") == 0) {
        return cleat_sgd_step(context, p, g, &m, rate, &(cleat_sgd_options){.momentum = 0.5F});
    }
    if (strcmp(operation, "adam_step") == 0) {
        return cleat_adam_step(context, p, g, m, v, 2, rate, NULL);
    }
    if (strcmp(operation, "adamw_step") == 0) {
        return cleat_adamw_step(
            context, p, g, m, v, 2, rate, &(cleat_adam_options){.weight_decay = 0.25F});
    }
    if (strcmp(operation, "rmsprop_step") == 0) {
        return cleat_rmsprop_step(context, p, g, v, NULL, NULL, rate, NULL);
    }
    if (strcmp(operation, "adagrad_step") == 0) {
        return cleat_adagrad_step(context, p, g, v, 2, rate, NULL);
    }
    return cleat_lion_step(context, p, g, m, rate, NULL);
}

/* One element's numbers: the parameter, the gradient, and what is remembered, by the formulas of
 * <cleat/optimizer.h>. */
static void take_step(const char *operation, double *x) {
    const double g = x[GRADIENT], r = (double)rate;
    const double beta1 = (double)0.9F;
    const bool is_adam = strncmp(operation, "adam", 4) == 0;
    if (strcmp(operation, "sgd_step") == 0) {
        x[FIRST] = 0.5 * x[FIRST] + g;
        x[PARAMETER] -= r * x[FIRST];
    } else if (is_adam) {
        const double beta2 = (double)0.999F;
        x[FIRST] = beta1 * x[FIRST] + (1 - beta1) * g;
        x[SECOND] = beta2 * x[SECOND] + (1 - beta2) * g * g;
        x[PARAMETER] *= strcmp(operation, "adamw_step") == 0 ? 1 - r * 0.25 : 1;
        x[PARAMETER] -=
            r * (x[FIRST] / (1 - beta1 * beta1)) / (sqrt(x[SECOND] / (1 - beta2 * beta2)) + 1e-8);
    } else if (strcmp(operation, "lion_step") == 0) {
        const double beta2 = (double)0.99F, c = beta1 * x[FIRST] + (1 - beta1) * g;
        x[PARAMETER] -= r * ((c > 0) - (c < 0));
        x[FIRST] = beta2 * x[FIRST] + (1 - beta2) * g;
    } else {
        const bool sums = strcmp(operation, "adagrad_step") == 0;
        const double alpha = (double)0.99F;
        x[SECOND] = sums ? x[SECOND] + g * g : alpha * x[SECOND] + (1 - alpha) * g * g;
        x[PARAMETER] -= r * g / (sqrt(x[SECOND]) + 1e-8);
    }
}

/* Second moments are positive; first ones never weigh as much as a gradient, so that no sign hangs
 * by a rounding. */
static void set_memory(trial *t) {
    for (int i = 0; trial_going(t, t->status) && i < COUNT; i++) {
        t->data[FIRST][i] = t->data[FIRST][i] + 0.5F;
        t->data[SECOND][i] = fabsf(t->data[SECOND][i]) + 1;
    }
    trial_write(t, FIRST);
    trial_write(t, SECOND);
}

cleat_status verify_optimizer(cleat_context *context, bool *right) {
    const char *operation = trust_subject(context);
    trial t = trial_begin(context);
    double *want[OPERANDS] = {NULL};
    for (int i = 0; i < OPERANDS; i++) {
        trial_add(&t, 1, &(int64_t){COUNT});
        want[i] = trial_zeros(COUNT);
        trial_has_memory(&t, want[i]);
    }
    set_memory(&t);
    for (int k = 0; trial_going(&t, t.status) && k < COUNT; k++) {
        double x[OPERANDS];
        for (int i = 0; i < OPERANDS; i++) {
            x[i] = (double)t.data[i][k];
        }
        take_step(operation, x);
        for (int i = 0; i < OPERANDS; i++) {
            want[i][k] = x[i];
        }
    }
    if (trial_going(&t, t.status) && trial_going(&t, call_step(&t, operation))) {
        for (int i = 0; i < OPERANDS; i++) {
            trial_compare_scaled(&t, i, want[i], 0x1p-18);
            want[i] = NULL;
        }
    }
    for (int i = 0; i < OPERANDS; i++) {
        memory_free(want[i]);
    }
    return trial_end(&t, right);
}

/* ---- Random numbers: Philox4x32-10, as <cleat/random.h> has it ---- */

static const uint64_t seed = UINT64_C(0x123456789abcdef), stream = UINT64_C(0xfedcba9876543210);

static uint32_t word_of(uint64_t i) {
    uint32_t x[4] = {(uint32_t)(i / 4), 0, (uint32_t)stream, (uint32_t)(stream >> 32)};
    for (uint32_t round = 0; round < 10; round++) {
        const uint64_t first = UINT64_C(0xD2511F53) * x[0], second = UINT64_C(0xCD9E8D57) * x[2];
        x[0] = (uint32_t)(second >> 32) ^ x[1] ^ ((uint32_t)seed + round * UINT32_C(0x9E3779B9));
        x[1] = (uint32_t)second;
        x[2] = (uint32_t)(first >> 32) ^ x[3] ^
               ((uint32_t)(seed >> 32) + round * UINT32_C(0xBB67AE85));
        x[3] = (uint32_t)first;
    }
    return x[i % 4];
}

static double uniform(uint64_t i) {
    return (word_of(i) >> 8) * 0x1p-24;
}

static double normal(uint64_t i) {
    const double full_turn = 6.283185307179586;
    const double u1 = (double)((float)word_of(i / 2 * 2) * 0x1p-32F + 0x1p-33F);
    const double radius = sqrt(-2 * log(u1)), angle = full_turn * uniform(i / 2 * 2 + 1);
    return i % 2 == 0 ? radius * cos(angle) : radius * sin(angle);
}

static cleat_status call_random(const trial *t, const char *operation) {
    const cleat_tensor x = t->tensors[0], y = t->tensors[1];
    cleat_context *context = t->context;
    return strcmp(operation, "random_uniform") == 0
               ? cleat_random_uniform(context, seed, stream, 0, 1, y)
           : strcmp(operation, "random_normal") == 0
               ? cleat_random_normal(context, seed, stream, 0, 1, y)
           : strcmp(operation, "dropout") == 0
               ? cleat_dropout(context, seed, stream, 0.25F, x, y)
               : cleat_dropout_backward(context, seed, stream, 0.25F, x, y);
}

cleat_status verify_random(cleat_context *context, bool *right) {
    const char *operation = trust_subject(context);
    const bool is_uniform = strcmp(operation, "random_uniform") == 0;
    const bool is_normal = strcmp(operation, "random_normal") == 0;
    trial t = trial_begin(context);
    trial_add(&t, 1, &(int64_t){COUNT});
    trial_add(&t, 1, &(int64_t){COUNT});
    if (trial_going(&t, t.status) && trial_going(&t, call_random(&t, operation))) {
        double *want = trial_zeros(COUNT);
        for (uint64_t i = 0; want != NULL && i < COUNT; i++) {
            const double kept = uniform(i) < 0.25 ? 0 : (double)t.data[0][i] / 0.75;
            want[i] = is_uniform ? uniform(i) : is_normal ? normal(i) : kept;
        }
        trial_compare(&t, 1, want, is_uniform ? 0 : 0x1p-17);
    }
    return trial_end(&t, right);
}
