/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_loss_pair.h"

enum { KINDS = CLEAT_LOSS_KL_DIVERGENCE + 1 };

/* What an element's loss or gradient may be wrong by, in 2^-24 of its magnitude. */
static const double errors[KINDS] = {4, 2, 6, 14, 12};

/* One call: its tensors, and the same numbers for the reference. */
typedef struct pair_case {
    cleat_loss_kind kind;
    cleat_loss_reduction reduction;
    bool weighted, positive, log_target, given;
    float delta;
    test_layout layout;
    int32_t rank;
    int64_t shape[4];
} pair_case;

typedef struct operands {
    test_tensor x, target, weight, pos_weight, dloss;
    cleat_loss_options options;
} operands;

static float target_of(const pair_case *c, bool exact) {
    if (exact) {
        return (float)test_int(-4, 4);
    }
    if (c->kind == CLEAT_LOSS_KL_DIVERGENCE) {
        return c->log_target ? (float)test_real(-9, 0) : (float)fmax(test_real(-0.2, 1), 0);
    }
    return c->kind == CLEAT_LOSS_BINARY_CROSS_ENTROPY ? (float)test_int(0, 4) / 4
                                                      : (float)test_real(-3, 3);
}

static void make(const pair_case *c, bool exact, operands *o) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        count *= c->shape[axis];
    }
    float *x = test_alloc(count, sizeof *x), *t = test_alloc(count, sizeof *t);
    for (int64_t i = 0; i < count; i++) {
        x[i] = exact ? (float)test_int(-4, 4) : (float)test_real(-6, 6);
        x[i] = !exact && i % 16 == 5 ? 15 * x[i] : x[i]; /* far into both tails */
        t[i] = i % 16 == 7 ? x[i] : target_of(c, exact);
        t[i] = c->kind >= CLEAT_LOSS_BINARY_CROSS_ENTROPY && i % 16 == 7 ? 0 : t[i];
        if (c->kind == CLEAT_LOSS_KL_DIVERGENCE && !c->log_target && i % 32 == 7) {
            x[i] = -INFINITY; /* the logarithm of a probability that is 0 too */
        }
    }
    *o = (operands){.x = test_input_from(c->rank, c->shape, x, c->layout),
        .target = test_input_from(c->rank, c->shape, t, c->layout)};
    o->options = (cleat_loss_options){
        .reduction = c->reduction, .delta = c->delta, .log_target = c->log_target};
    const int64_t *last = &c->shape[c->rank > 0 ? c->rank - 1 : 0];
    if (c->weighted) {
        o->weight = test_input(c->rank, c->shape, TEST_REAL, c->layout);
        o->options.weight = &o->weight.view;
    }
    if (c->positive) {
        o->pos_weight = test_input(1, last, TEST_REAL, TEST_ROW_MAJOR);
        o->options.pos_weight = &o->pos_weight.view;
    }
    const bool each = c->reduction == CLEAT_LOSS_NONE;
    o->dloss = test_input(
        each ? c->rank : 0, c->shape, exact ? TEST_EXACT : TEST_REAL, each ? c->layout : 0);
    free(x);
    free(t);
}

static void drop(operands *o) {
    test_free(&o->x);
    test_free(&o->target);
    test_free(&o->weight);
    test_free(&o->pos_weight);
    test_free(&o->dloss);
}

static reference_pair element(const pair_case *c, const operands *o, int64_t i) {
    const int64_t last = c->rank > 0 ? c->shape[c->rank - 1] : 1;
    return (reference_pair){(double)o->x.data[i], (double)o->target.data[i],
        c->weighted ? (double)o->weight.data[i] : 1,
        c->positive ? (double)o->pos_weight.data[i % last] : 1,
        c->delta != 0 ? (double)c->delta : 1, c->log_target};
}

static void check_forward(const pair_case *c, const operands *o, bool exact) {
    const bool each = c->reduction == CLEAT_LOSS_NONE;
    test_tensor loss = test_output(each ? c->rank : 0, c->shape, TEST_ROW_MAJOR);
    test_tensor again = test_output(each ? c->rank : 0, c->shape, TEST_ROW_MAJOR);
    double *want = test_alloc(loss.count, sizeof *want);
    double *size = test_alloc(loss.count, sizeof *size);
    const double divisor = c->reduction == CLEAT_LOSS_MEAN ? (double)o->x.count : 1;
    for (int64_t i = 0; i < o->x.count; i++) {
        const reference_pair p = element(c, o, i);
        double magnitude;
        const double value = reference_loss_pair(c->kind, &p, &magnitude);
        want[each ? i : 0] += value / divisor;
        size[each ? i : 0] += (1 + errors[c->kind]) * magnitude / divisor;
    }
    want[0] = o->x.count == 0 && c->reduction == CLEAT_LOSS_MEAN ? NAN : want[0];
    test_ok(cleat_loss(test_context(), c->kind, o->x.view, o->target.view, loss.view, &o->options));
    test_ok(
        cleat_loss(test_context(), c->kind, o->x.view, o->target.view, again.view, &o->options));
    test_fetch(&loss);
    test_fetch(&again);
    if (exact && c->reduction != CLEAT_LOSS_MEAN) {
        test_equal(&loss, want, cleat_loss_name(c->kind));
    } else {
        test_bound(&loss, want, size, each ? 1 : o->x.count + 1, cleat_loss_name(c->kind));
    }
    test_same_bits(&loss, &again, "loss, twice");
    free(want);
    free(size);
    test_free(&loss);
    test_free(&again);
}

static void check_backward(const pair_case *c, operands *o, bool exact) {
    const bool each = c->reduction == CLEAT_LOSS_NONE;
    test_tensor dx = test_output(c->rank, c->shape, c->layout);
    test_tensor again = test_output(c->rank, c->shape, TEST_ROW_MAJOR);
    double *want = test_alloc(dx.count, sizeof *want);
    double *size = test_alloc(dx.count, sizeof *size);
    const double divisor = c->reduction == CLEAT_LOSS_MEAN ? (double)o->x.count : 1;
    for (int64_t i = 0; i < dx.count; i++) {
        const reference_pair p = element(c, o, i);
        const double g = c->given ? (double)o->dloss.data[each ? i : 0] / divisor : 1 / divisor;
        want[i] = g * reference_loss_pair_gradient(c->kind, &p, &size[i]);
        size[i] *= fabs(g) * (4 + errors[c->kind]);
    }
    const cleat_tensor *dloss = c->given ? &o->dloss.view : NULL;
    test_ok(cleat_loss_backward(
        test_context(), c->kind, o->x.view, o->target.view, dloss, dx.view, &o->options));
    test_fetch(&dx);
    if (exact && c->reduction != CLEAT_LOSS_MEAN) {
        test_equal(&dx, want, cleat_loss_name(c->kind));
    } else {
        test_bound(&dx, want, size, 1, cleat_loss_name(c->kind));
    }
    test_unchanged(&o->x);
    test_unchanged(&o->target);
    test_ok(cleat_loss_backward(
        test_context(), c->kind, o->x.view, o->target.view, dloss, o->x.view, &o->options));
    test_ok(cleat_copy(test_context(), o->x.view, again.view));
    test_fetch(&again);
    test_same_bits(&dx, &again, "loss_backward, in place");
    free(want);
    free(size);
    test_free(&dx);
    test_free(&again);
}

static const pair_case cases[] = {
    {.kind = CLEAT_LOSS_SQUARED, .rank = 2, .shape = {37, 129}},
    {.kind = CLEAT_LOSS_SQUARED,
        .reduction = CLEAT_LOSS_SUM,
        .given = true,
        .rank = 1,
        .shape = {5001}},
    {.kind = CLEAT_LOSS_SQUARED, .rank = 0},
    {.kind = CLEAT_LOSS_SQUARED, .rank = 2, .shape = {3, 0}},
    {.kind = CLEAT_LOSS_SQUARED, .reduction = CLEAT_LOSS_SUM, .rank = 1, .shape = {0}},
    {.kind = CLEAT_LOSS_ABSOLUTE,
        .reduction = CLEAT_LOSS_NONE,
        .given = true,
        .rank = 2,
        .shape = {7, 33}},
    {.kind = CLEAT_LOSS_ABSOLUTE,
        .reduction = CLEAT_LOSS_SUM,
        .rank = 3,
        .shape = {4, 5, 6},
        .layout = TEST_STRIDED},
    {.kind = CLEAT_LOSS_HUBER,
        .reduction = CLEAT_LOSS_SUM,
        .given = true,
        .delta = 2,
        .rank = 2,
        .shape = {37, 129}},
    {.kind = CLEAT_LOSS_HUBER, .reduction = CLEAT_LOSS_NONE, .rank = 1, .shape = {1001}},
    {.kind = CLEAT_LOSS_BINARY_CROSS_ENTROPY, .given = true, .rank = 2, .shape = {37, 129}},
    {.kind = CLEAT_LOSS_BINARY_CROSS_ENTROPY,
        .reduction = CLEAT_LOSS_NONE,
        .positive = true,
        .weighted = true,
        .given = true,
        .rank = 2,
        .shape = {64, 33}},
    {.kind = CLEAT_LOSS_BINARY_CROSS_ENTROPY,
        .reduction = CLEAT_LOSS_SUM,
        .positive = true,
        .weighted = true,
        .rank = 2,
        .shape = {64, 33}},
    {.kind = CLEAT_LOSS_KL_DIVERGENCE, .rank = 2, .shape = {37, 129}, .given = true},
    {.kind = CLEAT_LOSS_KL_DIVERGENCE,
        .reduction = CLEAT_LOSS_NONE,
        .log_target = true,
        .rank = 2,
        .shape = {37, 129}},
};

START_TEST(all_cases) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pair_case *c = &cases[i];
        for (int exact = c->kind <= CLEAT_LOSS_HUBER; exact >= 0; exact--) {
            operands o;
            make(c, exact, &o);
            check_forward(c, &o, exact);
            check_backward(c, &o, exact);
            drop(&o);
        }
    }
}
END_TEST

/* A loss that vanishes keeps its last digits: nothing cancels. */
START_TEST(tails_of_cross_entropy) {
    const int64_t count = 4;
    const float x_values[] = {-30, 30, -80, 80}, t_values[] = {0, 1, 0, 1};
    const double want[] = {log1p(exp(-30)), log1p(exp(-30)), exp(-80), exp(-80)};
    const cleat_loss_options each = {.reduction = CLEAT_LOSS_NONE};
    test_tensor x = test_input_from(1, &count, x_values, TEST_ROW_MAJOR);
    test_tensor t = test_input_from(1, &count, t_values, TEST_ROW_MAJOR);
    test_tensor loss = test_output(1, &count, TEST_ROW_MAJOR);
    const cleat_loss_kind kind = CLEAT_LOSS_BINARY_CROSS_ENTROPY;
    test_ok(cleat_loss(test_context(), kind, x.view, t.view, loss.view, &each));
    test_fetch(&loss);
    test_ulp(&loss, want, 5, "binary_cross_entropy");
    test_free(&x);
    test_free(&t);
    test_free(&loss);
}
END_TEST

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    for (int i = 0; i < 2000; i++) {
        const cleat_loss_kind kind = (cleat_loss_kind)(i % KINDS);
        reference_pair p = {test_real(-3, 3), test_real(0.1, 1), test_real(0.5, 2),
            test_real(0.5, 2), 0.7, i % 2 == 0};
        reference_pair above = p, below = p;
        double unused;
        above.x += h;
        below.x -= h;
        const double slope = (reference_loss_pair(kind, &above, &unused) -
                                 reference_loss_pair(kind, &below, &unused)) /
                             (2 * h);
        const double got = reference_loss_pair_gradient(kind, &p, &unused);
        const bool kink = fabs(p.x - p.target) < 1e-5;
        if (!kink && fabs(slope - got) > 2e-6) {
            ck_abort_msg("%s: %g, slope %g", cleat_loss_name(kind), got, slope);
        }
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {3, 4}, row[] = {4};
    const cleat_loss_kind kind = CLEAT_LOSS_SQUARED;
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor t = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor r = test_input(1, row, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor loss = test_output(0, NULL, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view;
    typed.type = CLEAT_I32;
    cleat_loss_options bad = {.delta = -1};
    test_refused(
        cleat_loss(NULL, kind, x.view, t.view, loss.view, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_loss(context, (cleat_loss_kind)9, x.view, t.view, loss.view, NULL),
        CLEAT_INVALID_ARGUMENT, "kind is 9");
    test_refused(cleat_loss(context, kind, x.view, t.view, loss.view, &bad), CLEAT_INVALID_ARGUMENT,
        "delta is -1");
    bad = (cleat_loss_options){.reduction = (cleat_loss_reduction)7};
    test_refused(cleat_loss(context, kind, x.view, t.view, loss.view, &bad), CLEAT_INVALID_ARGUMENT,
        "7 is no reduction");
    bad = (cleat_loss_options){.weight = &r.view};
    test_refused(cleat_loss(context, kind, x.view, t.view, loss.view, &bad), CLEAT_INVALID_ARGUMENT,
        "squared has no weight");
    test_refused(
        cleat_loss(context, kind, x.view, r.view, loss.view, NULL), CLEAT_SHAPE_MISMATCH, "target");
    test_refused(cleat_loss(context, kind, x.view, t.view, dx.view, NULL), CLEAT_SHAPE_MISMATCH,
        "one element");
    test_refused(
        cleat_loss(context, kind, typed, t.view, loss.view, NULL), CLEAT_TYPE_MISMATCH, "i32");
    test_refused(cleat_loss_backward(context, kind, x.view, t.view, &r.view, dx.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dloss");
    test_refused(cleat_loss_backward(context, kind, x.view, t.view, NULL, t.view, NULL),
        CLEAT_OVERLAP, "target");
    test_unchanged(&x);
    test_unchanged(&t);
    test_unchanged(&loss);
    test_unchanged(&dx);
    ck_assert_str_eq(cleat_loss_name((cleat_loss_kind)-1), "unknown");
    test_free(&x);
    test_free(&t);
    test_free(&r);
    test_free(&loss);
    test_free(&dx);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("loss_pair");
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, all_cases);
    tcase_add_test(tests, tails_of_cross_entropy);
    tcase_add_test(tests, reference_gradients_are_slopes);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
