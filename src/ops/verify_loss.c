/* SPDX-License-Identifier: Apache-2.0 */
/* The losses and their gradients. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/loss.h>
#include <math.h>
#include <string.h>

/* ---- Softmax cross-entropy ---- */

typedef struct entropy_trial {
    int64_t samples, classes;
    bool turned; /* logits are a transpose */
    cleat_loss_reduction reduction;
} entropy_trial;

static const entropy_trial entropy_trials[] = {{41, 150, false, CLEAT_LOSS_NONE},
    {41, 150, true, CLEAT_LOSS_NONE}, {300, 10, false, CLEAT_LOSS_MEAN}};

/* The trial's operands, in this order. */
enum { LOGITS, LABELS, LOSS, DLOGITS };

static double logit(const trial *t, const entropy_trial *of, int64_t n, int64_t c) {
    return (double)t->data[LOGITS][of->turned ? c * of->samples + n : n * of->classes + c];
}

/* The losses of the samples, or their mean; or the gradient. */
static void find_entropy(const trial *t, const entropy_trial *of, bool backward, double *want) {
    const bool mean = of->reduction == CLEAT_LOSS_MEAN;
    const double share = mean ? 1 / (double)of->samples : 1;
    for (int64_t n = 0; n < of->samples; n++) {
        const int64_t label = (int64_t)t->data[LABELS][n];
        double sum = 0;
        for (int64_t c = 0; c < of->classes; c++) {
            sum += exp(logit(t, of, n, c));
        }
        for (int64_t c = 0; backward && c < of->classes; c++) {
            const double p = exp(logit(t, of, n, c)) / sum;
            want[of->turned ? c * of->samples + n : n * of->classes + c] =
                share * (p - (c == label));
        }
        if (!backward) {
            want[mean ? 0 : n] += share * (log(sum) - logit(t, of, n, label));
        }
    }
}

static cleat_status try_entropy(
    cleat_context *context, const entropy_trial *of, bool backward, bool *right) {
    const int64_t logits[] = {
        of->turned ? of->classes : of->samples, of->turned ? of->samples : of->classes};
    const int64_t loss[] = {of->reduction == CLEAT_LOSS_MEAN ? 1 : of->samples};
    const cleat_cross_entropy_options options = {.reduction = of->reduction};
    const int result = backward ? DLOGITS : LOSS;
    trial t = trial_begin(context);
    trial_add(&t, 2, logits);
    trial_add_whole(&t, 1, &of->samples, 0, (int32_t)of->classes - 1);
    trial_add(&t, 1, loss);
    trial_add(&t, 2, logits);
    cleat_tensor x = t.tensors[LOGITS], dx = t.tensors[DLOGITS];
    x = of->turned ? cleat_transpose(x) : x;
    dx = of->turned ? cleat_transpose(dx) : dx;
    const cleat_tensor labels = t.tensors[LABELS];
    if (trial_going(&t, t.status) &&
        trial_going(
            &t, backward
                    ? cleat_softmax_cross_entropy_backward(context, x, labels, NULL, dx, &options)
                    : cleat_softmax_cross_entropy(context, x, labels, t.tensors[LOSS], &options))) {
        double *want = trial_zeros(cleat_tensor_count(&t.tensors[result]));
        if (want != NULL) {
            find_entropy(&t, of, backward, want);
        }
        trial_compare_scaled(&t, result, want, 0x1p-18);
    }
    return trial_end(&t, right);
}

static cleat_status try_entropies(cleat_context *context, bool backward, bool *right) {
    for (size_t i = 0; i < sizeof entropy_trials / sizeof *entropy_trials; i++) {
        TRY(try_entropy(context, &entropy_trials[i], backward, right));
    }
    return CLEAT_OK;
}

cleat_status verify_cross_entropy(cleat_context *context, bool *right) {
    return try_entropies(context, false, right);
}

cleat_status verify_cross_entropy_backward(cleat_context *context, bool *right) {
    return try_entropies(context, true, right);
}

/* ---- Losses of numbers beside targets: the expression; the engines are checked by themselves ----
 */

enum { ROWS = 5, COLUMNS = 37 };

/* Huber's with delta 1; without weights. */
static double loss_of(cleat_loss_kind kind, double x, double t) {
    const double distance = fabs(x - t);
    switch (kind) {
    case CLEAT_LOSS_SQUARED:
        return distance * distance;
    case CLEAT_LOSS_ABSOLUTE:
        return distance;
    case CLEAT_LOSS_HUBER:
        return distance <= 1 ? distance * distance / 2 : distance - 0.5;
    case CLEAT_LOSS_BINARY_CROSS_ENTROPY:
        return (1 - t) * log1p(exp(x)) + t * log1p(exp(-x));
    default:
        return t > 0 ? t * (log(t) - x) : 0;
    }
}

static double slope_of(cleat_loss_kind kind, double x, double t) {
    const double distance = x - t, sign = (distance > 0) - (distance < 0);
    switch (kind) {
    case CLEAT_LOSS_SQUARED:
        return 2 * distance;
    case CLEAT_LOSS_ABSOLUTE:
        return sign;
    case CLEAT_LOSS_HUBER:
        return fabs(distance) <= 1 ? distance : sign;
    case CLEAT_LOSS_BINARY_CROSS_ENTROPY:
        return (1 - t) / (1 + exp(-x)) - t / (1 + exp(x));
    default:
        return -t;
    }
}

static void scale_operand(trial *t, int operand, float factor, float shift) {
    for (int i = 0; trial_going(t, t->status) && i < ROWS * COLUMNS; i++) {
        t->data[operand][i] = t->data[operand][i] * factor + shift;
    }
    trial_write(t, operand);
}

static cleat_status try_pairs(cleat_context *context, bool backward, bool *right) {
    const int64_t shape[] = {ROWS, COLUMNS};
    const char *name = trust_checked(context, trust_subject(context));
    const cleat_loss_options options = {.reduction = CLEAT_LOSS_NONE};
    cleat_loss_kind kind = CLEAT_LOSS_SQUARED;
    while (kind < CLEAT_LOSS_KL_DIVERGENCE && strcmp(cleat_loss_name(kind), name) != 0) {
        kind++;
    }
    trial t = trial_begin(context);
    for (int i = 0; i < 3; i++) {
        trial_add(&t, 2, shape);
    }
    scale_operand(&t, 0, 0.5F, 0);
    scale_operand(&t, 1, 0.125F, 0.5F);
    const cleat_tensor *x = t.tensors;
    if (trial_going(&t, t.status) &&
        trial_going(&t, backward
                            ? cleat_loss_backward(context, kind, x[0], x[1], NULL, x[2], &options)
                            : cleat_loss(context, kind, x[0], x[1], x[2], &options))) {
        double *want = trial_zeros(ROWS * COLUMNS);
        for (int i = 0; want != NULL && i < ROWS * COLUMNS; i++) {
            const double at = (double)t.data[0][i], target = (double)t.data[1][i];
            want[i] = backward ? slope_of(kind, at, target) : loss_of(kind, at, target);
        }
        trial_compare(&t, 2, want, 0x1p-18);
    }
    return trial_end(&t, right);
}

cleat_status verify_loss(cleat_context *context, bool *right) {
    return try_pairs(context, false, right);
}

cleat_status verify_loss_backward(cleat_context *context, bool *right) {
    return try_pairs(context, true, right);
}
