/* SPDX-License-Identifier: Apache-2.0 */
/* The normalisations and their gradients. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/normalization.h>
#include <math.h>
#include <string.h>

/* ---- Layer, RMS, group, instance and batch normalisation of x [samples, channels, length] ---- */

enum { CHANNELS = 4, LENGTH = 75, CHANNEL_GROUPS = 2 };

typedef enum norm_kind { LAYER, RMS, GROUP, INSTANCE, BATCH, KINDS } norm_kind;

static const double epsilon = 1e-5;

/* The trial's operands, in this order. Group normalisation goes without a scale, as its rows would
 * not lie together with one. */
enum { X, SCALE, BIAS, MEAN, INVERSE, Y, DY, DX, DSCALE, DBIAS, OPERANDS };

typedef struct norm_run {
    norm_kind kind;
    bool scaled;
    int64_t count, groups, group_size; /* elements of x; groups, and elements of each */
    const trial *t;
    double *want[OPERANDS];
} norm_run;

static norm_kind kind_of(cleat_context *context) {
    static const char *const names[] = {"layer", "rms", "group", "instance", "batch"};
    const char *operation = trust_subject(context);
    norm_kind kind = LAYER;
    while (kind < BATCH && strncmp(operation, names[kind], strlen(names[kind])) != 0) {
        kind++;
    }
    return kind;
}

static int64_t group_of(norm_kind kind, int64_t i) {
    const int64_t row = i / LENGTH;
    return kind == GROUP ? row / (CHANNELS / CHANNEL_GROUPS) : kind == BATCH ? row % CHANNELS : row;
}

static int64_t scale_of(norm_kind kind, int64_t i) {
    return kind == LAYER || kind == RMS ? i % LENGTH : i / LENGTH % CHANNELS;
}

static void find_statistics(const norm_run *r) {
    const float *x = r->t->data[X];
    double *mean = r->want[MEAN], *inverse = r->want[INVERSE];
    const double size = (double)r->group_size;
    for (int64_t i = 0; r->kind != RMS && i < r->count; i++) {
        mean[group_of(r->kind, i)] += (double)x[i] / size;
    }
    for (int64_t i = 0; i < r->count; i++) {
        const double distance = (double)x[i] - mean[group_of(r->kind, i)];
        inverse[group_of(r->kind, i)] += distance * distance / size;
    }
    for (int64_t g = 0; g < r->groups; g++) {
        inverse[g] = 1 / sqrt(inverse[g] + epsilon);
    }
}

static double normalized(const norm_run *r, int64_t i) {
    const int64_t group = group_of(r->kind, i);
    return ((double)r->t->data[X][i] - r->want[MEAN][group]) * r->want[INVERSE][group];
}

static double scale_at(const norm_run *r, int64_t i) {
    return r->scaled ? (double)r->t->data[SCALE][scale_of(r->kind, i)] : 1;
}

static void find_forward(const norm_run *r) {
    for (int64_t i = 0; i < r->count; i++) {
        const double bias = r->scaled ? (double)r->t->data[BIAS][scale_of(r->kind, i)] : 0;
        r->want[Y][i] = normalized(r, i) * scale_at(r, i) + bias;
    }
}

/* dx = inverse (g - mean of g - h mean of g h), g = dy scale; without the mean of g for RMS. The
 * means lie in the places of y for a while. */
static void find_gradients(const norm_run *r) {
    const float *dy = r->t->data[DY];
    const double size = (double)r->group_size;
    double *mean_g = r->want[Y], *mean_gh = r->want[Y] + r->groups;
    for (int64_t i = 0; i < r->count; i++) {
        const int64_t group = group_of(r->kind, i), scale = scale_of(r->kind, i);
        const double g = (double)dy[i] * scale_at(r, i), h = normalized(r, i);
        mean_g[group] += r->kind == RMS ? 0 : g / size;
        mean_gh[group] += g * h / size;
        r->want[DSCALE][scale] += (double)dy[i] * h;
        r->want[DBIAS][scale] += (double)dy[i];
    }
    for (int64_t i = 0; i < r->count; i++) {
        const int64_t group = group_of(r->kind, i);
        const double g = (double)dy[i] * scale_at(r, i);
        r->want[DX][i] =
            r->want[INVERSE][group] * (g - mean_g[group] - normalized(r, i) * mean_gh[group]);
    }
}

static cleat_status call_forward(const norm_run *r) {
    const cleat_tensor *x = r->t->tensors;
    cleat_context *context = r->t->context;
    const cleat_tensor *scale = r->scaled ? &x[SCALE] : NULL;
    const cleat_tensor *bias = r->scaled ? &x[BIAS] : NULL;
    const cleat_normalization_options o = {.scale = scale,
        .bias = bias,
        .mean = r->kind == RMS ? NULL : &x[MEAN],
        .inverse = &x[INVERSE]};
    const cleat_batch_norm_options batch = {
        .scale = scale, .bias = bias, .mean = &x[MEAN], .inverse = &x[INVERSE]};
    switch (r->kind) {
    case LAYER:
        return cleat_layer_norm(context, x[X], 2, x[Y], &o);
    case RMS:
        return cleat_rms_norm(context, x[X], 2, x[Y], &o);
    case GROUP:
        return cleat_group_norm(context, x[X], CHANNEL_GROUPS, x[Y], &o);
    case INSTANCE:
        return cleat_instance_norm(context, x[X], x[Y], &o);
    default:
        return cleat_batch_norm_training(context, x[X], x[Y], &batch);
    }
}

static cleat_status call_backward(const norm_run *r) {
    const cleat_tensor *x = r->t->tensors;
    cleat_context *context = r->t->context;
    const cleat_tensor *scale = r->scaled ? &x[SCALE] : NULL;
    const cleat_tensor *dx = &x[DX], *dscale = r->scaled ? &x[DSCALE] : NULL;
    const cleat_tensor *dbias = r->scaled ? &x[DBIAS] : NULL;
    const cleat_tensor mean = x[MEAN], inverse = x[INVERSE], dy = x[DY];
    switch (r->kind) {
    case LAYER:
        return cleat_layer_norm_backward(
            context, x[X], scale, mean, inverse, dy, 2, dx, dscale, dbias);
    case RMS:
        return cleat_rms_norm_backward(context, x[X], scale, inverse, dy, 2, dx, dscale, dbias);
    case GROUP:
        return cleat_group_norm_backward(
            context, x[X], scale, mean, inverse, dy, CHANNEL_GROUPS, dx, dscale, dbias);
    case INSTANCE:
        return cleat_instance_norm_backward(
            context, x[X], scale, mean, inverse, dy, dx, dscale, dbias);
    default:
        return cleat_batch_norm_backward(
            context, x[X], scale, mean, inverse, dy, dx, dscale, dbias);
    }
}

static void compare(trial *t, norm_run *r, int first, int last) {
    for (int i = first; i <= last; i++) {
        if (i != MEAN || r->kind != RMS) {
            trial_compare_scaled(t, i, r->want[i], 0x1p-16);
            r->want[i] = NULL;
        }
    }
}

static void give_statistics(trial *t, const norm_run *r) {
    for (int i = MEAN; i <= INVERSE; i++) {
        for (int64_t g = 0; g < r->groups; g++) {
            t->data[i][g] = (float)r->want[i][g];
        }
        trial_write(t, i);
    }
}

static void run_norm(trial *t, norm_run *r, bool backward) {
    find_statistics(r);
    if (!backward) {
        find_forward(r);
        if (trial_going(t, call_forward(r))) {
            compare(t, r, MEAN, Y);
        }
        return;
    }
    find_gradients(r);
    give_statistics(t, r);
    if (trial_going(t, t->status) && trial_going(t, call_backward(r))) {
        compare(t, r, DX, r->scaled ? DBIAS : DX);
    }
}

static cleat_status try_norm(cleat_context *context, bool backward, bool *right) {
    const norm_kind kind = kind_of(context);
    const int64_t samples = kind == BATCH ? 1 : 3; /* whose channels are rows only if it is one */
    const int64_t x[] = {samples, CHANNELS, LENGTH};
    const bool by_row = kind == LAYER || kind == RMS;
    /* [samples, groups] or [channels]; layer and RMS normalisation have one for each row */
    const int64_t group[] = {samples, kind == GROUP ? CHANNEL_GROUPS : CHANNELS};
    const int64_t scale[] = {by_row ? LENGTH : CHANNELS};
    const int64_t statistic_count = kind == BATCH ? CHANNELS : group[0] * group[1];
    trial t = trial_begin(context);
    norm_run r = {.kind = kind,
        .scaled = kind != GROUP,
        .count = samples * CHANNELS * LENGTH,
        .groups = statistic_count,
        .group_size = samples * CHANNELS * LENGTH / statistic_count,
        .t = &t};
    for (int i = 0; i < OPERANDS; i++) {
        const bool is_scale = i == SCALE || i == BIAS || i == DSCALE || i == DBIAS;
        const bool is_statistic = i == MEAN || i == INVERSE;
        const int64_t *shape = is_scale ? scale : !is_statistic ? x : kind == BATCH ? scale : group;
        trial_add(&t,
            is_scale || (is_statistic && kind == BATCH) ? 1
            : is_statistic                              ? 2
                                                        : 3,
            shape);
        r.want[i] =
            trial_going(&t, t.status) ? trial_zeros(cleat_tensor_count(&t.tensors[i])) : NULL;
        trial_has_memory(&t, r.want[i]);
    }
    if (trial_going(&t, t.status)) {
        run_norm(&t, &r, backward);
    }
    for (int i = 0; i < OPERANDS; i++) {
        memory_free(r.want[i]);
    }
    return trial_end(&t, right);
}

cleat_status verify_normalization(cleat_context *context, bool *right) {
    return try_norm(context, false, right);
}

cleat_status verify_normalization_backward(cleat_context *context, bool *right) {
    return try_norm(context, true, right);
}

/* ---- Local response normalisation of x [samples, channels, length], alpha = bias = 1 ---- */

enum { RESPONSE_SAMPLES = 2, RESPONSE_CHANNELS = 9, RESPONSE_LENGTH = 70, RESPONSE_SIZE = 4 };

static const double beta = 0.75;

/* s of element i; the sum over its window, or over those windows that it is in (turned), of
 * x^2, or with dy of dy x / s^(beta + 1). */
static double window_sum(const trial *t, int64_t i, bool turned, const double *s) {
    const int64_t channel = i / RESPONSE_LENGTH % RESPONSE_CHANNELS;
    const int64_t before = (RESPONSE_SIZE - 1) / 2, after = RESPONSE_SIZE / 2;
    double sum = 0;
    for (int64_t k = 0; k < RESPONSE_CHANNELS; k++) {
        const int64_t at = i + (k - channel) * RESPONSE_LENGTH;
        const int64_t distance = turned ? channel - k : k - channel;
        const double x = (double)t->data[0][at];
        if (distance >= -before && distance <= after) {
            sum += turned ? (double)t->data[1][at] * x / pow(s[at], beta + 1) : x * x;
        }
    }
    return sum;
}

static cleat_status try_response(cleat_context *context, bool backward, bool *right) {
    const int64_t shape[] = {RESPONSE_SAMPLES, RESPONSE_CHANNELS, RESPONSE_LENGTH};
    const cleat_local_response_norm_options options = {.alpha = 1};
    trial t = trial_begin(context);
    for (int i = 0; i < 3; i++) {
        trial_add(&t, 3, shape);
    }
    const cleat_tensor *x = t.tensors;
    if (trial_going(&t, t.status) &&
        trial_going(&t,
            backward ? cleat_local_response_norm_backward(
                           context, x[0], RESPONSE_SIZE, x[1], x[2], &options)
                     : cleat_local_response_norm(context, x[0], RESPONSE_SIZE, x[2], &options))) {
        const int64_t count = cleat_tensor_count(&x[0]);
        double *s = trial_zeros(count), *want = trial_zeros(count);
        for (int64_t i = 0; s != NULL && i < count; i++) {
            s[i] = 1 + window_sum(&t, i, false, NULL) / RESPONSE_SIZE;
        }
        for (int64_t i = 0; s != NULL && want != NULL && i < count; i++) {
            const double value = (double)t.data[backward ? 1 : 0][i] / pow(s[i], beta);
            const double share = 2 * beta / RESPONSE_SIZE * (double)t.data[0][i];
            want[i] = backward ? value - share * window_sum(&t, i, true, s) : value;
        }
        if (trial_has_memory(&t, s)) {
            trial_compare_scaled(&t, 2, want, 0x1p-16);
        } else {
            memory_free(want);
        }
        memory_free(s);
    }
    return trial_end(&t, right);
}

cleat_status verify_local_response_norm(cleat_context *context, bool *right) {
    return try_response(context, false, right);
}

cleat_status verify_local_response_norm_backward(cleat_context *context, bool *right) {
    return try_response(context, true, right);
}
