/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "optimizer_steps.h"
#include "reference/reference_optimizer.h"

/* ---- SGD ---- */

typedef struct sgd_case {
    float learning_rate;
    cleat_sgd_options options;
} sgd_case;

static cleat_status call_sgd(const step *s, const void *options) {
    const sgd_case *c = options;
    return cleat_sgd_step(test_context(), s->tensor[PARAMETER].view, s->tensor[GRADIENT].view,
        s->tensors > FIRST ? &s->tensor[FIRST].view : NULL, c->learning_rate, &c->options);
}

/* Everything that is added up on the way to each result, in absolute values. */
static void sgd_magnitudes(step *s, const reference_sgd *o) {
    for (int64_t i = 0; i < s->count; i++) {
        double p = fabs(s->want[PARAMETER][i]);
        double g = fabs(s->want[GRADIENT][i]) + o->weight_decay * p;
        double direction = g;
        if (s->tensors > FIRST) {
            double velocity = o->momentum * fabs(s->want[FIRST][i]) + g;
            s->magnitude[FIRST][i] = velocity;
            direction = o->nesterov ? g + o->momentum * velocity : velocity;
        }
        s->magnitude[PARAMETER][i] = p + o->learning_rate * direction;
    }
}

static void run_sgd(int32_t rank, const int64_t *shape, const sgd_case *c, test_values values) {
    bool has_velocity = c->options.momentum > 0;
    step s = step_make(rank, shape, has_velocity ? 3 : 2, values);
    const reference_sgd o = {(double)c->learning_rate, (double)c->options.momentum,
        (double)c->options.weight_decay, c->options.nesterov};
    char what[120];
    snprintf(what, sizeof what, "sgd, %d elements, momentum %g%s, decay %g", (int)s.count,
        o.momentum, o.nesterov ? " nesterov" : "", o.weight_decay);
    sgd_magnitudes(&s, &o);
    reference_sgd_step(
        &o, s.count, s.want[PARAMETER], s.want[GRADIENT], has_velocity ? s.want[FIRST] : NULL);
    step_run_twice(&s, call_sgd, c, what);
    step_compare(&s, values == TEST_EXACT, 8, what);
    step_free(&s);
}

static const int64_t counts[] = {0, 1, 3, 15, 16, 17, 31, 33, 255, 1000, 4097};

/* Powers of two as factors keep small integers exact. */
static const sgd_case exact_sgd[] = {
    {.learning_rate = 0.5f},
    {0.25f, {.weight_decay = 0.5f}},
    {0.5f, {.momentum = 0.5f}},
    {0.5f, {.momentum = 0.25f, .nesterov = true, .weight_decay = 0.5f}},
    {2.0f, {.nesterov = true}},
};

START_TEST(test_sgd_exact) {
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t k = 0; k < sizeof exact_sgd / sizeof *exact_sgd; k++) {
            run_sgd(1, &counts[i], &exact_sgd[k], TEST_EXACT);
        }
    }
    run_sgd(0, NULL, &exact_sgd[3], TEST_EXACT);
}
END_TEST

START_TEST(test_sgd_random) {
    for (int round = 0; round < test_rounds(40); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = step_random_shape(shape);
        sgd_case c = {(float)test_real(0, 1), {.nesterov = test_coin()}};
        c.options.momentum = test_coin() ? (float)test_real(0.1, 1) : 0;
        c.options.weight_decay = test_coin() ? (float)test_real(0, 0.1) : 0;
        run_sgd(rank, shape, &c, TEST_REAL);
    }
}
END_TEST

/* Without momentum the velocity is neither read nor written. */
START_TEST(test_sgd_leaves_velocity) {
    step s = step_make(1, (int64_t[]){37}, 2, TEST_EXACT);
    test_tensor velocity = test_output(1, (int64_t[]){37}, TEST_ROW_MAJOR);
    const reference_sgd o = {.learning_rate = 0.5};
    reference_sgd_step(&o, s.count, s.want[PARAMETER], s.want[GRADIENT], NULL);
    test_ok(cleat_sgd_step(test_context(), s.tensor[PARAMETER].view, s.tensor[GRADIENT].view,
        &velocity.view, 0.5f, NULL));
    test_fetch(&s.tensor[PARAMETER]);
    test_equal(&s.tensor[PARAMETER], s.want[PARAMETER], "sgd with an idle velocity");
    test_unchanged(&velocity);
    test_free(&velocity);
    step_free(&s);
}
END_TEST

/* ---- Adam ---- */

typedef struct adam_case {
    int64_t step;
    float learning_rate;
    cleat_adam_options options;
    bool decoupled;
} adam_case;

static cleat_status call_adam(const step *s, const void *options) {
    const adam_case *c = options;
    return (c->decoupled ? cleat_adamw_step : cleat_adam_step)(test_context(),
        s->tensor[PARAMETER].view, s->tensor[GRADIENT].view, s->tensor[FIRST].view,
        s->tensor[SECOND].view, c->step, c->learning_rate, &c->options);
}

/*
 * Errors to first order: those of m and v are some roundings of the absolute sums M and V behind
 * them; the quotient inherits M / root from m, and half of V / v of itself from v. Call with the
 * reference's m and v already stepped and the parameter and its gradient as before.
 */
static void adam_magnitudes(step *s, const reference_adam *o, const double *m, const double *v) {
    double rate = o->learning_rate / (1 - pow(o->beta1, (double)o->step));
    double scale = 1 / sqrt(1 - pow(o->beta2, (double)o->step));
    for (int64_t i = 0; i < s->count; i++) {
        double p = fabs(s->want[PARAMETER][i]);
        double g = fabs(s->want[GRADIENT][i]) + (o->decoupled ? 0 : o->weight_decay * p);
        double m_sum = o->beta1 * fabs(m[i]) + (1 - o->beta1) * g;
        double v_sum = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        double root = sqrt(s->want[SECOND][i]) * scale + o->epsilon;
        double spread = s->want[SECOND][i] > 0 ? v_sum / s->want[SECOND][i] : 1;
        s->magnitude[FIRST][i] = m_sum;
        s->magnitude[SECOND][i] = v_sum;
        s->magnitude[PARAMETER][i] = p + rate * (m_sum + fabs(s->want[FIRST][i]) * spread) / root;
    }
}

static void run_adam(int32_t rank, const int64_t *shape, const adam_case *c) {
    step s = step_make(rank, shape, ADAM_TENSORS, TEST_REAL);
    const cleat_adam_options *given = &c->options;
    const reference_adam o = {.learning_rate = (double)c->learning_rate,
        .beta1 = (double)(given->beta1 != 0 ? given->beta1 : 0.9f),
        .beta2 = (double)(given->beta2 != 0 ? given->beta2 : 0.999f),
        .epsilon = (double)(given->epsilon != 0 ? given->epsilon : 1e-8f),
        .weight_decay = (double)given->weight_decay,
        .step = c->step,
        .decoupled = c->decoupled};
    char what[120];
    snprintf(what, sizeof what, "adam%s, %d elements, step %d, decay %g", c->decoupled ? "w" : "",
        (int)s.count, (int)o.step, o.weight_decay);
    double *before[ADAM_TENSORS];
    for (int i = 0; i < ADAM_TENSORS; i++) {
        before[i] = test_alloc(s.count, sizeof **before);
        memcpy(before[i], s.want[i], (size_t)s.count * sizeof **before);
    }
    reference_adam_step(
        &o, s.count, before[PARAMETER], s.want[GRADIENT], s.want[FIRST], s.want[SECOND]);
    adam_magnitudes(&s, &o, before[FIRST], before[SECOND]);
    memcpy(s.want[PARAMETER], before[PARAMETER], (size_t)s.count * sizeof **before);
    step_run_twice(&s, call_adam, c, what);
    step_compare(&s, false, 10, what);
    for (int i = 0; i < ADAM_TENSORS; i++) {
        free(before[i]);
    }
    step_free(&s);
}

START_TEST(test_adam_table) {
    static const adam_case cases[] = {
        {.step = 1, .learning_rate = 0.001f},
        {2, 0.1f, {.beta1 = 0.5f, .beta2 = 0.75f, .epsilon = 1e-3f}, false},
        {1000000, 0.001f, {.weight_decay = 0.01f}, false},
        {3, 0.25f, {.weight_decay = 0.5f}, true},
        {INT64_MAX, 1.0f, {.beta1 = 0.99999994f, .beta2 = 0.99999994f}, false},
        {.step = 7},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            run_adam(1, &counts[i], &cases[k]);
        }
    }
    run_adam(0, NULL, &cases[0]);
}
END_TEST

START_TEST(test_adam_random) {
    for (int round = 0; round < test_rounds(40); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = step_random_shape(shape);
        adam_case c = {.step = test_int(1, 50),
            .learning_rate = (float)test_real(0, 0.1),
            .decoupled = test_coin()};
        if (test_coin()) {
            c.options =
                (cleat_adam_options){(float)test_real(0.1, 0.99), (float)test_real(0.1, 0.9999),
                    (float)test_real(1e-9, 1e-3), (float)test_real(0, 0.1), {0}};
        }
        run_adam(rank, shape, &c);
    }
}
END_TEST

/* The first step from m = v = 0 is the learning rate against the gradient's sign, however large or
 * small the gradient, and a gradient of 0 changes nothing. */
START_TEST(test_adam_first_step) {
    const float gradient[] = {0.0f, 1e-3f, -1e-3f, 1.0f, -1.0f, 1e15f, -1e15f};
    const float zeros[7] = {0};
    const double want[] = {0, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5};
    const int64_t shape[] = {7};
    test_tensor p = test_input_from(1, shape, zeros, TEST_ROW_MAJOR);
    test_tensor g = test_input_from(1, shape, gradient, TEST_ROW_MAJOR);
    test_tensor m = test_input_from(1, shape, zeros, TEST_ROW_MAJOR);
    test_tensor v = test_input_from(1, shape, zeros, TEST_ROW_MAJOR);
    const cleat_adam_options options = {.epsilon = 1e-12f};
    test_ok(cleat_adam_step(test_context(), p.view, g.view, m.view, v.view, 1, 0.5f, &options));
    test_fetch(&p);
    test_ulp(&p, want, 16, "first step of adam");
    test_free(&p);
    test_free(&g);
    test_free(&m);
    test_free(&v);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_sgd_refusals) {
    cleat_context *context = test_context();
    step s = step_make(2, (int64_t[]){3, 5}, 3, TEST_REAL);
    cleat_tensor p = s.tensor[PARAMETER].view, g = s.tensor[GRADIENT].view;
    cleat_tensor velocity = s.tensor[FIRST].view;
    const cleat_sgd_options with_momentum = {.momentum = 0.9f};
    test_refused(cleat_sgd_step(NULL, p, g, NULL, 1, NULL), CLEAT_INVALID_ARGUMENT, "sgd_step: ");
    test_refused(cleat_sgd_step(context, (cleat_tensor){0}, g, NULL, 1, NULL),
        CLEAT_INVALID_ARGUMENT, "sgd_step: parameter");
    test_refused(cleat_sgd_step(context, p, g, NULL, -1, NULL), CLEAT_INVALID_ARGUMENT,
        "learning_rate is -1");
    test_refused(cleat_sgd_step(context, p, g, NULL, NAN, NULL), CLEAT_INVALID_ARGUMENT,
        "learning_rate is nan");
    test_refused(cleat_sgd_step(context, p, g, NULL, INFINITY, NULL), CLEAT_INVALID_ARGUMENT,
        "learning_rate is inf");
    test_refused(cleat_sgd_step(context, p, g, NULL, 1, &with_momentum), CLEAT_INVALID_ARGUMENT,
        "momentum is 0.9, but velocity is NULL");
    test_refused(
        cleat_sgd_step(context, p, g, &velocity, 1, &(cleat_sgd_options){.momentum = -0.5f}),
        CLEAT_INVALID_ARGUMENT, "momentum is -0.5");
    test_refused(
        cleat_sgd_step(context, p, g, &velocity, 1, &(cleat_sgd_options){.weight_decay = NAN}),
        CLEAT_INVALID_ARGUMENT, "weight_decay is nan");
    test_refused(cleat_sgd_step(context, p, p, NULL, 1, NULL), CLEAT_OVERLAP, "sgd_step: ");
    test_refused(cleat_sgd_step(context, p, g, &g, 1, &with_momentum), CLEAT_OVERLAP, "sgd_step: ");
    cleat_tensor other = g;
    other.shape[0] = 2;
    test_refused(
        cleat_sgd_step(context, p, other, NULL, 1, NULL), CLEAT_SHAPE_MISMATCH, "gradient");
    other = g;
    other.type = CLEAT_I32;
    test_refused(cleat_sgd_step(context, p, other, NULL, 1, NULL), CLEAT_TYPE_MISMATCH, "gradient");
    other = p;
    other.stride[0] = 0;
    test_refused(
        cleat_sgd_step(context, other, g, NULL, 1, NULL), CLEAT_OVERLAP, "output parameter");
    for (int i = 0; i < s.tensors; i++) {
        test_unchanged(&s.tensor[i]);
    }
    step_free(&s);
}
END_TEST

START_TEST(test_adam_refusals) {
    cleat_context *context = test_context();
    step s = step_make(1, (int64_t[]){9}, ADAM_TENSORS, TEST_REAL);
    cleat_tensor p = s.tensor[PARAMETER].view, g = s.tensor[GRADIENT].view;
    cleat_tensor m = s.tensor[FIRST].view, v = s.tensor[SECOND].view;
    test_refused(
        cleat_adam_step(NULL, p, g, m, v, 1, 1, NULL), CLEAT_INVALID_ARGUMENT, "adam_step: ");
    test_refused(cleat_adam_step(context, p, g, m, v, 0, 1, NULL), CLEAT_INVALID_ARGUMENT,
        "step is 0, the first one is 1");
    test_refused(cleat_adam_step(context, p, g, m, v, 1, -0.1f, NULL), CLEAT_INVALID_ARGUMENT,
        "learning_rate is -0.1");
    static const struct {
        cleat_adam_options options;
        const char *part;
    } bad[] = {
        {{.beta1 = 1}, "beta1 is 1,"},
        {{.beta1 = -0.5f}, "beta1 is -0.5,"},
        {{.beta2 = 1.5f}, "beta2 is 1.5,"},
        {{.beta2 = NAN}, "beta2 is nan,"},
        {{.epsilon = -1}, "epsilon is -1,"},
        {{.epsilon = INFINITY}, "epsilon is inf,"},
        {{.weight_decay = -1}, "weight_decay is -1,"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_refused(cleat_adam_step(context, p, g, m, v, 1, 1, &bad[i].options),
            CLEAT_INVALID_ARGUMENT, bad[i].part);
    }
    test_refused(cleat_adam_step(context, p, g, m, m, 1, 1, NULL), CLEAT_OVERLAP, "adam_step: ");
    test_refused(cleat_adamw_step(context, p, g, m, v, 0, 1, NULL), CLEAT_INVALID_ARGUMENT,
        "adamw_step: step is 0");
    test_refused(cleat_adam_step(context, p, g, p, v, 1, 1, NULL), CLEAT_OVERLAP, "adam_step: ");
    test_refused(cleat_adam_step(context, p, g, m, (cleat_tensor){0}, 1, 1, NULL),
        CLEAT_INVALID_ARGUMENT, "adam_step: v");
    cleat_tensor shorter = v;
    shorter.shape[0] = 8;
    test_refused(cleat_adam_step(context, p, g, m, shorter, 1, 1, NULL), CLEAT_SHAPE_MISMATCH, "v");
    for (int i = 0; i < s.tensors; i++) {
        test_unchanged(&s.tensor[i]);
    }
    step_free(&s);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("optimizer");
    TCase *sgd = test_case(suite, "sgd");
    tcase_add_test(sgd, test_sgd_exact);
    tcase_add_test(sgd, test_sgd_random);
    tcase_add_test(sgd, test_sgd_leaves_velocity);
    tcase_add_test(sgd, test_sgd_refusals);
    TCase *adam = test_case(suite, "adam");
    tcase_add_test(adam, test_adam_table);
    tcase_add_test(adam, test_adam_random);
    tcase_add_test(adam, test_adam_first_step);
    tcase_add_test(adam, test_adam_refusals);
    return suite;
}
