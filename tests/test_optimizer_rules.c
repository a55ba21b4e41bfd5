/* SPDX-License-Identifier: Apache-2.0 */
/* RMSprop, Adagrad and Lion; test_optimizer.c has SGD and Adam. */
#include "optimizer_steps.h"
#include "reference/reference_optimizer.h"

static const int64_t counts[] = {0, 1, 3, 15, 16, 17, 33, 1000, 4097};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static double squared(double x) {
    return x * x;
}

/* More than the square of any mean that goes with it. */
static double above_one(double x) {
    return 1 + x * x;
}

/* ---- RMSprop; the states are v, velocity and mean, of the last two those that are used ---- */

typedef struct rmsprop_case {
    float learning_rate;
    cleat_rmsprop_options options;
} rmsprop_case;

static cleat_status call_rmsprop(const step *s, const void *options) {
    const rmsprop_case *c = options;
    bool speeds = c->options.momentum > 0;
    return cleat_rmsprop_step(test_context(), s->tensor[PARAMETER].view, s->tensor[GRADIENT].view,
        s->tensor[FIRST].view, speeds ? &s->tensor[SECOND].view : NULL,
        c->options.centered ? &s->tensor[SECOND + speeds].view : NULL, c->learning_rate,
        &c->options);
}

/* As adam_magnitudes() of test_optimizer.c: before the reference's step, from its start and its v
 * afterwards. */
static void rmsprop_magnitudes(
    step *s, const reference_rmsprop *o, const double *mean, const double *velocity) {
    for (int64_t i = 0; i < s->count; i++) {
        double p = fabs(s->want[PARAMETER][i]);
        double g = fabs(s->want[GRADIENT][i]) + o->weight_decay * p;
        double v_sum = o->alpha * s->want[FIRST][i] + (1 - o->alpha) * g * g;
        double square = v_sum, off = v_sum;
        if (mean != NULL) {
            double m = o->alpha * fabs(mean[i]) + (1 - o->alpha) * g;
            square = fmax(v_sum - 1, 1e-3);
            off = v_sum + m * m;
            s->magnitude[SECOND + (velocity != NULL)][i] = m;
        }
        double direction = g / sqrt(square) * (1 + off / square);
        s->magnitude[FIRST][i] = v_sum;
        if (velocity != NULL) {
            direction += o->momentum * fabs(velocity[i]);
            s->magnitude[SECOND][i] = direction;
        }
        s->magnitude[PARAMETER][i] = p + o->learning_rate * direction;
    }
}

static void run_rmsprop(int32_t rank, const int64_t *shape, const rmsprop_case *c) {
    const cleat_rmsprop_options *given = &c->options;
    bool speeds = given->momentum > 0;
    step s = step_make(rank, shape, 3 + speeds + given->centered, TEST_REAL);
    const reference_rmsprop o = {.learning_rate = (double)c->learning_rate,
        .alpha = (double)(given->alpha != 0 ? given->alpha : 0.99f),
        .epsilon = (double)(given->epsilon != 0 ? given->epsilon : 1e-8f),
        .momentum = (double)given->momentum,
        .weight_decay = (double)given->weight_decay};
    char what[120];
    snprintf(what, sizeof what, "rmsprop, %d elements, momentum %g, decay %g%s", (int)s.count,
        o.momentum, o.weight_decay, given->centered ? ", centered" : "");
    step_change(&s, FIRST, above_one);
    double *velocity = speeds ? s.want[SECOND] : NULL;
    double *mean = given->centered ? s.want[SECOND + speeds] : NULL;
    rmsprop_magnitudes(&s, &o, mean, velocity);
    reference_rmsprop_step(
        &o, s.count, s.want[PARAMETER], s.want[GRADIENT], s.want[FIRST], velocity, mean);
    step_run_twice(&s, call_rmsprop, c, what);
    step_compare(&s, false, 12, what);
    step_free(&s);
}

START_TEST(rmsprop) {
    static const rmsprop_case cases[] = {
        {.learning_rate = 0.01f},
        {0.1f, {.alpha = 0.9f, .momentum = 0.5f, .weight_decay = 0.1f}},
        {0.1f, {.centered = true, .epsilon = 1e-3f}},
        {0.1f, {.alpha = 0.875f, .centered = true, .momentum = 0.9f}},
    };
    for (int i = 0; i < COUNTS; i++) {
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            run_rmsprop(1, &counts[i], &cases[k]);
        }
    }
    for (int round = 0; round < test_rounds(8); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = step_random_shape(shape);
        run_rmsprop(rank, shape, &cases[round % 4]);
    }
}
END_TEST

/* Where v is less than the square of the mean the difference counts as 0. */
START_TEST(rmsprop_does_not_take_roots_of_less_than_nothing) {
    const int64_t one = 1;
    test_tensor p = test_input_from(1, &one, (float[]){1}, TEST_ROW_MAJOR);
    test_tensor g = test_input_from(1, &one, (float[]){1}, TEST_ROW_MAJOR);
    test_tensor v = test_input_from(1, &one, (float[]){0}, TEST_ROW_MAJOR);
    test_tensor mean = test_input_from(1, &one, (float[]){4}, TEST_ROW_MAJOR);
    const cleat_rmsprop_options options = {.alpha = 0.5f, .epsilon = 0.5f, .centered = true};
    test_ok(cleat_rmsprop_step(
        test_context(), p.view, g.view, v.view, NULL, &mean.view, 0.25f, &options));
    test_fetch(&p);
    test_equal(&p, (double[]){0.5}, "rmsprop");
    test_free(&p);
    test_free(&g);
    test_free(&v);
    test_free(&mean);
}
END_TEST

/* ---- Adagrad ---- */

typedef struct adagrad_case {
    int64_t step;
    float learning_rate;
    cleat_adagrad_options options;
} adagrad_case;

static cleat_status call_adagrad(const step *s, const void *options) {
    const adagrad_case *c = options;
    return cleat_adagrad_step(test_context(), s->tensor[PARAMETER].view, s->tensor[GRADIENT].view,
        s->tensor[FIRST].view, c->step, c->learning_rate, &c->options);
}

static void run_adagrad(int32_t rank, const int64_t *shape, const adagrad_case *c) {
    step s = step_make(rank, shape, 3, TEST_REAL);
    const reference_adagrad o = {.learning_rate = (double)c->learning_rate,
        .learning_rate_decay = (double)c->options.learning_rate_decay,
        .weight_decay = (double)c->options.weight_decay,
        .epsilon = (double)(c->options.epsilon != 0 ? c->options.epsilon : 1e-10f),
        .step = c->step};
    step_change(&s, FIRST, squared);
    double *before = test_alloc(s.count, sizeof *before);
    memcpy(before, s.want[PARAMETER], (size_t)s.count * sizeof *before);
    reference_adagrad_step(&o, s.count, s.want[PARAMETER], s.want[GRADIENT], s.want[FIRST]);
    for (int64_t i = 0; i < s.count; i++) {
        double g = fabs(s.want[GRADIENT][i]) + o.weight_decay * fabs(before[i]);
        double rate = o.learning_rate / (1 + (double)(o.step - 1) * o.learning_rate_decay);
        s.magnitude[FIRST][i] = s.want[FIRST][i] + 2 * g * g;
        s.magnitude[PARAMETER][i] =
            fabs(before[i]) + 3 * rate * g / (sqrt(s.want[FIRST][i]) + o.epsilon);
    }
    step_run_twice(&s, call_adagrad, c, "adagrad");
    step_compare(&s, false, 8, "adagrad");
    free(before);
    step_free(&s);
}

START_TEST(adagrad) {
    static const adagrad_case cases[] = {
        {.step = 1, .learning_rate = 0.01f},
        {11, 0.5f, {.learning_rate_decay = 0.25f, .weight_decay = 0.1f, .epsilon = 1e-3f}},
    };
    for (int i = 0; i < COUNTS; i++) {
        run_adagrad(1, &counts[i], &cases[0]);
        run_adagrad(1, &counts[i], &cases[1]);
    }
    for (int round = 0; round < test_rounds(4); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = step_random_shape(shape);
        run_adagrad(rank, shape, &cases[round % 2]);
    }
}
END_TEST

/* ---- Lion: factors that keep small integers exact, so that no sign is in doubt ---- */

typedef struct lion_case {
    float learning_rate;
    cleat_lion_options options;
} lion_case;

static cleat_status call_lion(const step *s, const void *options) {
    const lion_case *c = options;
    return cleat_lion_step(test_context(), s->tensor[PARAMETER].view, s->tensor[GRADIENT].view,
        s->tensor[FIRST].view, c->learning_rate, &c->options);
}

static void run_lion(int32_t rank, const int64_t *shape, const lion_case *c) {
    step s = step_make(rank, shape, 3, TEST_EXACT);
    const reference_lion o = {(double)c->learning_rate, (double)c->options.beta1,
        (double)c->options.beta2, (double)c->options.weight_decay};
    reference_lion_step(&o, s.count, s.want[PARAMETER], s.want[GRADIENT], s.want[FIRST]);
    step_run_twice(&s, call_lion, c, "lion");
    step_compare(&s, true, 0, "lion");
    step_free(&s);
}

START_TEST(lion) {
    static const lion_case cases[] = {
        {0.5f, {.beta1 = 0.5f, .beta2 = 0.75f}},
        {0.25f, {.beta1 = 0.75f, .beta2 = 0.875f, .weight_decay = 0.5f}},
    };
    for (int i = 0; i < COUNTS; i++) {
        run_lion(1, &counts[i], &cases[0]);
        run_lion(1, &counts[i], &cases[1]);
    }
    for (int round = 0; round < test_rounds(4); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = step_random_shape(shape);
        run_lion(rank, shape, &cases[round % 2]);
    }
}
END_TEST

/* Its defaults, and NaN. */
START_TEST(lion_defaults) {
    const int64_t count = 4;
    test_tensor p = test_input_from(1, &count, (float[]){1, 1, 1, 1}, TEST_ROW_MAJOR);
    test_tensor g = test_input_from(1, &count, (float[]){8, -10, 0, NAN}, TEST_ROW_MAJOR);
    test_tensor m = test_input_from(1, &count, (float[]){-1, 1, 0, 1}, TEST_ROW_MAJOR);
    test_ok(cleat_lion_step(test_context(), p.view, g.view, m.view, 0.5f, NULL));
    test_fetch(&p);
    test_fetch(&m);
    test_ulp(&p, (double[]){1.5, 1.5, 1, (double)NAN}, 0, "lion");
    test_ulp(&m, (double[]){-0.91, 0.89, 0, (double)NAN}, 4, "lion");
    test_free(&p);
    test_free(&g);
    test_free(&m);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    step s = step_make(1, (int64_t[]){9}, 4, TEST_REAL);
    cleat_tensor p = s.tensor[PARAMETER].view, g = s.tensor[GRADIENT].view;
    cleat_tensor v = s.tensor[FIRST].view, w = s.tensor[SECOND].view;
    const cleat_status wrong = CLEAT_INVALID_ARGUMENT;
    test_refused(cleat_rmsprop_step(NULL, p, g, v, NULL, NULL, 1, NULL), wrong, "rmsprop_step: ");
    test_refused(cleat_rmsprop_step(context, p, g, v, NULL, NULL, NAN, NULL), wrong, "rate is nan");
    test_refused(cleat_rmsprop_step(
                     context, p, g, v, NULL, NULL, 1, &(cleat_rmsprop_options){.momentum = 0.5f}),
        wrong, "momentum is 0.5, but velocity is NULL");
    test_refused(cleat_rmsprop_step(
                     context, p, g, v, &w, NULL, 1, &(cleat_rmsprop_options){.centered = true}),
        wrong, "centered, but mean is NULL");
    test_refused(
        cleat_rmsprop_step(context, p, g, v, &w, NULL, 1, &(cleat_rmsprop_options){.alpha = 1}),
        wrong, "alpha is 1,");
    test_refused(cleat_rmsprop_step(
                     context, p, g, v, &v, NULL, 1, &(cleat_rmsprop_options){.momentum = 0.5f}),
        CLEAT_OVERLAP, "velocity");
    test_refused(cleat_adagrad_step(context, p, g, v, 0, 1, NULL), wrong, "step is 0");
    test_refused(cleat_adagrad_step(
                     context, p, g, v, 1, 1, &(cleat_adagrad_options){.learning_rate_decay = -1}),
        wrong, "learning_rate_decay is -1");
    test_refused(cleat_adagrad_step(context, p, g, g, 1, 1, NULL), CLEAT_OVERLAP, "adagrad_step: ");
    test_refused(cleat_lion_step(context, p, g, v, 1, &(cleat_lion_options){.beta2 = 1.5f}), wrong,
        "beta2 is 1.5,");
    test_refused(cleat_lion_step(context, p, g, v, 1, &(cleat_lion_options){.weight_decay = -1}),
        wrong, "weight_decay is -1");
    v.shape[0] = 8;
    test_refused(cleat_lion_step(context, p, g, v, 1, NULL), CLEAT_SHAPE_MISMATCH, "m");
    for (int i = 0; i < s.tensors; i++) {
        test_unchanged(&s.tensor[i]);
    }
    step_free(&s);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("optimizer_rules");
    TCase *rules = test_case(suite, "rules");
    tcase_add_test(rules, rmsprop);
    tcase_add_test(rules, rmsprop_does_not_take_roots_of_less_than_nothing);
    tcase_add_test(rules, adagrad);
    tcase_add_test(rules, lion);
    tcase_add_test(rules, lion_defaults);
    tcase_add_test(rules, refuses_bad_calls);
    return suite;
}
