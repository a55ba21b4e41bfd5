/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers promise in double precision where numbers are at an edge: NaN, infinities,
 * labels that are no class, probabilities of 0 and 1, powers of what is not above 0, places that
 * need no rounding. */
#include "harness.h"

static void check_values(test_tensor *t, const double *want, const char *what) {
    test_fetch(t);
    const double *got = test_elements_f64(t);
    for (int64_t i = 0; i < t->count && !test_ignores_values(); i++) {
        if (isnan(want[i]) ? !isnan(got[i]) : !(got[i] == want[i])) {
            ck_abort_msg("%s: element %d is %g, not %g", what, (int)i, got[i], want[i]);
        }
    }
    test_free(t);
}

static void force(const char *variable, const char *variant) {
    if (variant != NULL) {
        setenv(variable, variant, 1);
    } else {
        unsetenv(variable);
    }
}

/* ---- Cross-entropy ---- */

enum { SAMPLES = 9, CLASSES = 3, LOGITS = SAMPLES * CLASSES };

/* Shares that are whole, or halves: no value rounds but log(2). */
START_TEST(labels_and_logits) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const double inf = INFINITY;
    const double given[LOGITS] = {1e300, -1e300, 0, 0, -inf, 0, -inf, 0, 0, NAN, 0, 0, inf, 0, 0,
        -inf, -inf, -inf, 1, 2, 3, 1, 2, 3, -3e307, 3e307, -3e307};
    const int32_t labels[SAMPLES] = {0, 0, 0, 1, 1, 1, -1, CLASSES, 1};
    const double losses[SAMPLES] = {0, log(2), inf, NAN, NAN, NAN, NAN, NAN, 0};
    const double gradient[LOGITS] = {0, 0, 0, -0.5, 0, 0.5, -1, 0.5, 0.5, NAN, NAN, NAN, NAN, NAN,
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, 0};
    const double nothing = NAN;
    const int64_t shape[2] = {SAMPLES, CLASSES};
    test_tensor x = test_typed(CLEAT_F64, 2, shape, given, _i == 0 ? TEST_ROW_MAJOR : TEST_STRIDED);
    test_tensor label = test_typed(CLEAT_I32, 1, shape, labels, TEST_STRIDED);
    test_tensor loss = test_output_of(CLEAT_F64, 1, shape, TEST_STRIDED);
    test_tensor mean = test_output_of(CLEAT_F64, 0, NULL, TEST_ROW_MAJOR);
    test_tensor dx = test_output_of(CLEAT_F64, 2, shape, TEST_STRIDED);
    const cleat_cross_entropy_options none = {.reduction = CLEAT_LOSS_NONE};
    cleat_context *context = test_context();
    force("CLEAT_SOFTMAX_CROSS_ENTROPY", _i == 0 ? "items" : "group");
    test_ok(cleat_softmax_cross_entropy(context, x.view, label.view, loss.view, &none));
    test_ok(cleat_softmax_cross_entropy(context, x.view, label.view, mean.view, NULL));
    test_ok(
        cleat_softmax_cross_entropy_backward(context, x.view, label.view, NULL, dx.view, &none));
    force("CLEAT_SOFTMAX_CROSS_ENTROPY", NULL);
    check_values(&loss, losses, "loss");
    check_values(&mean, &nothing, "mean");
    check_values(&dx, gradient, "gradient");
    test_free(&x);
    test_free(&label);
}
END_TEST

/* ---- Dropout ---- */

/* Of a probability of 0 nothing is dropped, NaN stays; of 1 all is, NaN too. */
START_TEST(certain_dropout) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    enum { COUNT = 103 };
    const int64_t shape[1] = {COUNT};
    double x[COUNT], zeros[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        x[i] = i % 10 == 3 ? NAN : i % 10 == 4 ? INFINITY : test_real(-1, 1);
    }
    test_tensor from = test_typed(CLEAT_F64, 1, shape, x, TEST_ROW_MAJOR);
    for (int all = 0; all < 2; all++) {
        test_tensor y = test_output_of(CLEAT_F64, 1, shape, TEST_ROW_MAJOR);
        test_tensor dx = test_output_of(CLEAT_F64, 1, shape, TEST_STRIDED);
        const float probability = (float)all;
        test_ok(cleat_dropout(test_context(), 5, 6, probability, from.view, y.view));
        test_ok(cleat_dropout_backward(test_context(), 5, 6, probability, from.view, dx.view));
        check_values(&y, all ? zeros : x, "dropout");
        check_values(&dx, all ? zeros : x, "dropout_backward");
    }
    test_free(&from);
}
END_TEST

/* ---- Local response normalisation ---- */

/* With windows of one channel s is bias + alpha x^2: -1, 0, 3 and, of a NaN, NaN. pow() of what is
 * below 0 is NaN but to a whole power. */
START_TEST(powers_of_nothing) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    enum { COUNT = 6 };
    const int64_t shape[2] = {1, COUNT};
    const double x[COUNT] = {0, 1, -1, 2, NAN, INFINITY};
    const double wants[2][COUNT] = {{NAN, INFINITY, -INFINITY, 2 / sqrt(3), NAN, NAN},
        {-0.0, INFINITY, -INFINITY, 2.0 / 3, NAN, NAN}};
    const float bias = -1;
    for (int whole = 0; whole < 2; whole++) {
        const cleat_local_response_norm_options options = {
            .alpha = 1, .beta = whole ? 1 : 0.5f, .bias = &bias};
        force("CLEAT_LOCAL_RESPONSE_NORM", _i == 0 ? "strips items" : "items");
        test_tensor from = test_typed(CLEAT_F64, 2, shape, x, TEST_ROW_MAJOR);
        test_tensor y = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
        test_ok(cleat_local_response_norm(test_context(), from.view, 1, y.view, &options));
        force("CLEAT_LOCAL_RESPONSE_NORM", NULL);
        test_fetch(&y);
        const double *got = test_elements_f64(&y);
        for (int i = 0; i < COUNT && !test_ignores_values(); i++) {
            const double want = wants[whole][i];
            const bool right = isnan(want)   ? isnan(got[i])
                               : isinf(want) ? got[i] == want
                                             : fabs(got[i] - want) <= 0x1p-50 * fabs(want);
            if (!right) {
                ck_abort_msg("beta %g, x %g: %g, not %g", (double)options.beta, x[i], got[i], want);
            }
        }
        test_free(&from);
        test_free(&y);
    }
}
END_TEST

/* ---- Attention ---- */

/* NaN in a query, +Inf in a score: that query's result is NaN and no other's; a query with no key
 * left gives zeros and -Inf. */
START_TEST(queries_alone) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    enum { QUERIES = 5, WIDTH = 4, COUNT = QUERIES * WIDTH };
    const int64_t shape[4] = {1, 1, QUERIES, WIDTH}, masked[2] = {QUERIES, QUERIES};
    double q[COUNT], k[COUNT];
    uint8_t mask[QUERIES * QUERIES];
    for (int i = 0; i < COUNT; i++) {
        q[i] = test_real(0.5, 1);
        k[i] = test_real(0.5, 1);
    }
    for (int i = 0; i < QUERIES * QUERIES; i++) {
        mask[i] = i / QUERIES != 4;
    }
    q[1 * WIDTH + 2] = NAN;
    q[3 * WIDTH + 1] = INFINITY;
    test_tensor queries = test_typed(CLEAT_F64, 4, shape, q, TEST_ROW_MAJOR);
    test_tensor keys = test_typed(CLEAT_F64, 4, shape, k, TEST_STRIDED);
    test_tensor kept = test_typed(CLEAT_BOOL, 2, masked, mask, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F64, 4, shape, TEST_ROW_MAJOR),
                lse = test_output_of(CLEAT_F64, 3, shape, TEST_ROW_MAJOR);
    test_ok(cleat_attention(test_context(), queries.view, keys.view, keys.view, y.view, &lse.view,
        &(cleat_attention_options){.mask = &kept.view, .variant = _i == 0 ? NULL : "plain"}));
    test_fetch(&y);
    test_fetch(&lse);
    const double *got = test_elements_f64(&y), *sum = test_elements_f64(&lse);
    for (int i = 0; i < COUNT && !test_ignores_values(); i++) {
        const int row = i / WIDTH;
        const bool lost = row == 1 || row == 3;
        if (isnan(got[i]) != lost || (row == 4 && !(got[i] == 0)) ||
            (!lost && row != 4 && !isfinite(sum[row])) || (row == 4 && !(sum[row] == -INFINITY))) {
            ck_abort_msg("element %d is %g, its logsumexp %g", i, got[i], sum[row]);
        }
    }
    test_free(&queries);
    test_free(&keys);
    test_free(&kept);
    test_free(&y);
    test_free(&lse);
}
END_TEST

/* ---- Resizing ---- */

enum { SIDE = 5, TWICE = 2 * SIDE };

/* Along an axis: the one element, or two and the quarters of the second, that make element o. */
static void place(cleat_resize_mode mode, int o, int *first, int *second, double *quarters) {
    const int below = (o + 1) / 2 - 1; /* half-pixel: (o + 1/2) / 2 - 1/2 lies between these */
    *first = mode == CLEAT_RESIZE_NEAREST ? o / 2 : below < 0 ? 0 : below;
    *second = mode == CLEAT_RESIZE_NEAREST ? *first : below + 1 == SIDE ? SIDE - 1 : below + 1;
    *quarters = o % 2 == 0 ? 3 : 1;
}

/* To twice the size: the nearest by the rule of PyTorch, and linear, whose weights are quarters. */
START_TEST(twice_the_size) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const bool nearest = _i == 0;
    const int64_t small[2] = {SIDE, SIDE}, large[2] = {TWICE, TWICE};
    const cleat_resize_options options = {
        .mode = nearest ? CLEAT_RESIZE_NEAREST : CLEAT_RESIZE_LINEAR,
        .coordinates = nearest ? CLEAT_ASYMMETRIC : CLEAT_HALF_PIXEL,
        .rounding = CLEAT_ROUND_FLOOR};
    double x[SIDE * SIDE], dy[TWICE * TWICE], y[TWICE * TWICE], dx[SIDE * SIDE] = {0};
    for (int i = 0; i < SIDE * SIDE; i++) {
        x[i] = (double)test_int(-9, 9) + (nearest ? 0x1p-48 : 0);
    }
    for (int i = 0; i < TWICE * TWICE; i++) {
        int r[2], c[2];
        double down, across;
        dy[i] = (double)test_int(-9, 9);
        place(options.mode, i / TWICE, &r[0], &r[1], &down);
        place(options.mode, i % TWICE, &c[0], &c[1], &across);
        y[i] = 0;
        for (int tap = 0; tap < 4; tap++) {
            const double weight =
                (tap / 2 ? down : 4 - down) * (tap % 2 ? across : 4 - across) / 16;
            y[i] += weight * x[r[tap / 2] * SIDE + c[tap % 2]];
            dx[r[tap / 2] * SIDE + c[tap % 2]] += weight * dy[i];
        }
        y[i] = nearest ? x[r[0] * SIDE + c[0]] : y[i];
    }
    test_tensor from = test_typed(CLEAT_F64, 2, small, x, TEST_STRIDED);
    test_tensor back = test_typed(CLEAT_F64, 2, large, dy, TEST_ROW_MAJOR);
    test_tensor to = test_output_of(CLEAT_F64, 2, large, TEST_ROW_MAJOR);
    test_tensor gradient = test_output_of(CLEAT_F64, 2, small, TEST_ROW_MAJOR);
    test_ok(cleat_resize(test_context(), from.view, to.view, &options));
    test_ok(cleat_resize_backward(test_context(), back.view, gradient.view, &options));
    check_values(&to, y, "resize");
    check_values(&gradient, dx, "resize_backward");
    test_free(&from);
    test_free(&back);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("special_f64");
    test_add_loop(suite, "labels_and_logits", labels_and_logits, 2);
    test_add_case(suite, "certain_dropout", certain_dropout);
    test_add_loop(suite, "powers_of_nothing", powers_of_nothing, 2);
    test_add_loop(suite, "queries_alone", queries_alone, 2);
    test_add_loop(suite, "twice_the_size", twice_the_size, 2);
    return suite;
}
