/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for what training needs beside products: normalisation, optimisers,
 * dropout. */
#include "selftest.h"

#include <math.h>

enum { ROWS = 21, COLUMNS = 70, COUNT = 333 };

/* ---- Normalisation of rows, and of columns: [ROWS, COLUMNS] ---- */

typedef struct norm_operands {
    operand *x, *scale, *bias, *y, *mean, *inverse, *dy, *dx, *dscale, *dbias;
} norm_operands;

static norm_operands make_norm(check *c, int64_t scales, int64_t groups) {
    const int64_t shape[] = {ROWS, COLUMNS};
    return (norm_operands){
        .x = check_range(c, 2, shape, 99, 101),
        .scale = check_operand(c, 1, &scales),
        .bias = check_operand(c, 1, &scales),
        .y = check_operand(c, 2, shape),
        .mean = check_operand(c, 1, &groups),
        .inverse = check_operand(c, 1, &groups),
        .dy = check_operand(c, 2, shape),
        .dx = check_operand(c, 2, shape),
        .dscale = check_operand(c, 1, &scales),
        .dbias = check_operand(c, 1, &scales),
    };
}

/* One group: its `count` elements lie `step` apart from `at` on; scale k belongs to element i with
 * k = i * scale_step + scale_at. Adds to dscale and dbias. A mean of 0 where it is not taken. */
static void compare_group(check *c, const norm_operands *o, int at, int step, int count,
    int scale_at, int scale_step, bool centred, double *dscale, double *dbias) {
    double mean = 0, variance = 0, g_mean = 0, gh_mean = 0;
    for (int i = 0; i < count; i++) {
        mean += centred ? (double)o->x->data[at + i * step] / count : 0;
    }
    for (int i = 0; i < count; i++) {
        double off = (double)o->x->data[at + i * step] - mean;
        variance += off * off / count;
    }
    double inverse = 1 / sqrt(variance + (double)1e-5F);
    for (int i = 0; i < count; i++) {
        int k = scale_at + i * scale_step, place = at + i * step;
        double h = ((double)o->x->data[place] - mean) * inverse, dy = (double)o->dy->data[place];
        double scale = (double)o->scale->data[k];
        /* x is rounded at 100: an ulp of it moves h by so much. */
        double moved = 100 * inverse;
        check_value(c, o->y->data[place], h * scale + (double)o->bias->data[k], moved, 4);
        g_mean += centred ? dy * scale / count : 0;
        gh_mean += dy * scale * h / count;
        dscale[k] += dy * h;
        dbias[k] += dy;
    }
    for (int i = 0; i < count; i++) {
        int k = scale_at + i * scale_step, place = at + i * step;
        double h = ((double)o->x->data[place] - mean) * inverse;
        double g = (double)o->dy->data[place] * (double)o->scale->data[k];
        check_value(c, o->dx->data[place], inverse * (g - g_mean - h * gh_mean),
            100 * inverse * inverse * 4, count);
    }
}

static void compare_scales(
    check *c, const norm_operands *o, const double *dscale, const double *dbias) {
    for (int64_t k = 0; k < o->dscale->count; k++) {
        check_value(c, o->dscale->data[k], dscale[k], 400 * ROWS, 16);
        check_value(c, o->dbias->data[k], dbias[k], COLUMNS, 16);
    }
}

static bool fetch_norm(check *c, const norm_operands *o) {
    return check_fetch(c, o->y) && check_fetch(c, o->dx) && check_fetch(c, o->dscale) &&
           check_fetch(c, o->dbias);
}

static void check_rows_norm(check *c, bool centred) {
    norm_operands o = make_norm(c, COLUMNS, ROWS);
    const cleat_normalization_options options = {.scale = &o.scale->tensor,
        .bias = &o.bias->tensor,
        .mean = centred ? &o.mean->tensor : NULL,
        .inverse = &o.inverse->tensor};
    double dscale[COLUMNS] = {0}, dbias[COLUMNS] = {0};
    if (c->status == CLEAT_OK && centred) {
        check_call(c, cleat_layer_norm(c->context, o.x->tensor, 1, o.y->tensor, &options));
        check_call(c, cleat_layer_norm_backward(c->context, o.x->tensor, &o.scale->tensor,
                          o.mean->tensor, o.inverse->tensor, o.dy->tensor, 1, &o.dx->tensor,
                          &o.dscale->tensor, &o.dbias->tensor));
    } else if (c->status == CLEAT_OK) {
        check_call(c, cleat_rms_norm(c->context, o.x->tensor, 1, o.y->tensor, &options));
        check_call(
            c, cleat_rms_norm_backward(c->context, o.x->tensor, &o.scale->tensor, o.inverse->tensor,
                   o.dy->tensor, 1, &o.dx->tensor, &o.dscale->tensor, &o.dbias->tensor));
    }
    if (fetch_norm(c, &o)) {
        for (int row = 0; row < ROWS; row++) {
            compare_group(c, &o, row * COLUMNS, 1, COLUMNS, 0, 1, centred, dscale, dbias);
        }
        compare_scales(c, &o, dscale, dbias);
    }
}

void check_layer_norm(check *c) {
    check_part(c, "layer norm");
    check_rows_norm(c, true);
    check_part(c, "RMS norm");
    check_rows_norm(c, false);
}

void check_batch_norm(check *c) {
    norm_operands o = make_norm(c, COLUMNS, COLUMNS);
    const cleat_batch_norm_options options = {.scale = &o.scale->tensor,
        .bias = &o.bias->tensor,
        .mean = &o.mean->tensor,
        .inverse = &o.inverse->tensor};
    double dscale[COLUMNS] = {0}, dbias[COLUMNS] = {0};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_batch_norm_training(c->context, o.x->tensor, o.y->tensor, &options)) ||
        !check_call(c, cleat_batch_norm_backward(c->context, o.x->tensor, &o.scale->tensor,
                           o.mean->tensor, o.inverse->tensor, o.dy->tensor, &o.dx->tensor,
                           &o.dscale->tensor, &o.dbias->tensor)) ||
        !fetch_norm(c, &o)) {
        return;
    }
    for (int column = 0; column < COLUMNS; column++) {
        compare_group(c, &o, column, COLUMNS, ROWS, column, 0, true, dscale, dbias);
    }
    compare_scales(c, &o, dscale, dbias);
}

/* Over the rows of [1, ROWS, COLUMNS], in windows of three. */
void check_local_response_norm(check *c) {
    const int64_t shape[] = {1, ROWS, COLUMNS};
    operand *x = check_operand(c, 3, shape), *dy = check_operand(c, 3, shape);
    operand *y = check_operand(c, 3, shape), *dx = check_operand(c, 3, shape);
    const cleat_local_response_norm_options options = {.alpha = 3};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_local_response_norm(c->context, x->tensor, 3, y->tensor, &options)) ||
        !check_call(c, cleat_local_response_norm_backward(
                           c->context, x->tensor, 3, dy->tensor, dx->tensor, &options)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    for (int column = 0; column < COLUMNS; column++) {
        /* Of each row: the sum of squares' power and that times dy x / sum; beyond the edges 0. */
        double power[ROWS], product[ROWS + 2] = {0};
        for (int row = 0; row < ROWS; row++) {
            double sum = 1;
            for (int i = row - 1; i <= row + 1; i++) {
                double near = i < 0 || i == ROWS ? 0 : (double)x->data[i * COLUMNS + column];
                sum += near * near;
            }
            double value = (double)x->data[row * COLUMNS + column];
            power[row] = pow(sum, -0.75);
            product[row + 1] = (double)dy->data[row * COLUMNS + column] * value * power[row] / sum;
            check_value(c, y->data[row * COLUMNS + column], value * power[row], 1, 16);
        }
        for (int row = 0; row < ROWS; row++) {
            double sum = product[row] + product[row + 1] + product[row + 2];
            double value = (double)x->data[row * COLUMNS + column];
            double want = (double)dy->data[row * COLUMNS + column] * power[row] - 1.5 * value * sum;
            check_value(c, dx->data[row * COLUMNS + column], want, 4, 16);
        }
    }
}

/* ---- Optimisers: the first step, from zeros ---- */

typedef struct step_operands {
    operand *parameter, *before, *gradient, *first, *second;
} step_operands;

static step_operands make_step(check *c, const char *name) {
    const int64_t count = COUNT;
    check_part(c, name);
    step_operands o = {
        .parameter = check_operand(c, 1, &count),
        .before = check_operand(c, 1, &count),
        .gradient = check_operand(c, 1, &count),
        .first = check_range(c, 1, &count, 0, 0),
        .second = check_range(c, 1, &count, 0, 0),
    };
    if (c->status == CLEAT_OK) {
        check_call(c, cleat_copy(c->context, o.parameter->tensor, o.before->tensor));
    }
    return o;
}

/* The parameter is keep * before - move(gradient). */
static void compare_step(
    check *c, const step_operands *o, double keep, double (*move)(double gradient)) {
    if (!check_fetch(c, o->parameter) || !check_fetch(c, o->before)) {
        return;
    }
    for (int i = 0; i < COUNT; i++) {
        double before = (double)o->before->data[i], moved = move((double)o->gradient->data[i]);
        check_value(
            c, o->parameter->data[i], keep * before - moved, fabs(before) + fabs(moved), 16);
    }
}

static const float rate = 0.01F;

static double move_sgd(double g) {
    return (double)rate * g;
}

/* m / (1 - beta1) = g and v / (1 - beta2) = g^2 after one step. */
static double move_adam(double g) {
    return (double)rate * g / (fabs(g) + 1e-8);
}

static double move_rmsprop(double g) {
    return (double)rate * g / (sqrt((1 - (double)0.99F) * g * g) + 1e-8);
}

static double move_adagrad(double g) {
    return (double)rate * g / (fabs(g) + 1e-10);
}

static double move_lion(double g) {
    return (double)rate * (g > 0 ? 1 : g < 0 ? -1 : 0);
}

void check_optimizers(check *c) {
    const cleat_adam_options decayed = {.weight_decay = 0.1F};
    step_operands o = make_step(c, "SGD");
    if (c->status == CLEAT_OK && check_call(c, cleat_sgd_step(c->context, o.parameter->tensor,
                                                   o.gradient->tensor, NULL, rate, NULL))) {
        compare_step(c, &o, 1, move_sgd);
    }
    o = make_step(c, "Adam");
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_adam_step(c->context, o.parameter->tensor, o.gradient->tensor,
                          o.first->tensor, o.second->tensor, 1, rate, NULL))) {
        compare_step(c, &o, 1, move_adam);
    }
    o = make_step(c, "AdamW");
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_adamw_step(c->context, o.parameter->tensor, o.gradient->tensor,
                          o.first->tensor, o.second->tensor, 1, rate, &decayed))) {
        compare_step(c, &o, 1 - (double)rate * (double)0.1F, move_adam);
    }
    o = make_step(c, "RMSprop");
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_rmsprop_step(c->context, o.parameter->tensor, o.gradient->tensor,
                          o.first->tensor, NULL, NULL, rate, NULL))) {
        compare_step(c, &o, 1, move_rmsprop);
    }
    o = make_step(c, "Adagrad");
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_adagrad_step(c->context, o.parameter->tensor, o.gradient->tensor,
                          o.first->tensor, 1, rate, NULL))) {
        compare_step(c, &o, 1, move_adagrad);
    }
    o = make_step(c, "Lion");
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_lion_step(c->context, o.parameter->tensor, o.gradient->tensor,
                          o.first->tensor, rate, NULL))) {
        compare_step(c, &o, 1, move_lion);
    }
}

/* Two gradients to a common norm of 1. */
void check_clipping(check *c) {
    operand *a = check_operand(c, 1, (int64_t[]){COUNT});
    operand *b = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *before_a = check_typed(c, CLEAT_F32, 1, (int64_t[]){COUNT}, a->data);
    operand *before_b = check_typed(c, CLEAT_F32, 2, (int64_t[]){ROWS, COLUMNS}, b->data);
    operand *norm = check_operand(c, 0, NULL);
    const cleat_tensor gradients[] = {a->tensor, b->tensor};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_clip_gradient_norm(c->context, 2, gradients, 1, &norm->tensor)) ||
        !check_fetch(c, a) || !check_fetch(c, b) || !check_fetch(c, norm)) {
        return;
    }
    double squares = 0;
    for (int i = 0; i < COUNT; i++) {
        squares += (double)before_a->data[i] * (double)before_a->data[i];
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        squares += (double)before_b->data[i] * (double)before_b->data[i];
    }
    double factor = 1 / (sqrt(squares) + 1e-6);
    check_value(c, norm->data[0], sqrt(squares), sqrt(squares), 16);
    for (int i = 0; i < COUNT; i++) {
        double want = (double)before_a->data[i] * factor;
        check_value(c, a->data[i], want, fabs(want), 16);
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        double want = (double)before_b->data[i] * factor;
        check_value(c, b->data[i], want, fabs(want), 16);
    }
}

/* Dropout drops where the same stream's uniform numbers are below the probability. */
void check_dropout(check *c) {
    const double probability = 0.375; /* exact in binary */
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *uniform = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_random_uniform(c->context, 5, 6, 0, 1, uniform->tensor)) ||
        !check_call(c, cleat_dropout(c->context, 5, 6, (float)probability, x->tensor, y->tensor)) ||
        !check_fetch(c, uniform) || !check_fetch(c, y)) {
        return;
    }
    double mean = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        double u = (double)uniform->data[i];
        double want = u < probability ? 0 : (double)x->data[i] / (1 - probability);
        check_value(c, y->data[i], want, fabs(want), 1);
        mean += u / (ROWS * COLUMNS);
    }
    check_value(c, mean > 0.45 && mean < 0.55 ? 1 : 0, 1, 0, 0);
}
