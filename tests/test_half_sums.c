/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, softmax and normalisations of f16 and bf16: summed in f32, rounded once. */
#include "harness.h"
#include "reference/reference_half.h"
#include "reference/reference_normalization.h"
#include "reference/reference_reduce.h"
#include "reference/reference_softmax.h"

static const cleat_type halves[] = {CLEAT_F16, CLEAT_BF16};

/* ---- Reductions ---- */

static void force_reduce(const char *form) {
    if (form != NULL) {
        ck_assert_int_eq(setenv("CLEAT_REDUCE", form, 1), 0);
    } else {
        unsetenv("CLEAT_REDUCE");
    }
}

/* Long items are not for every device. */
static bool is_refused(const char *form) {
    return !test_device_is_cpu() && strcmp(form, "groups") != 0 && strcmp(form, "items") != 0;
}

typedef struct reduction {
    cleat_reduction_kind kind;
    const char *form;
    int64_t shape[3];
    bool reduced[3];
    cleat_type type;
    test_layout layout;
} reduction;

static reference_array array_of(const test_tensor *t, double **values) {
    reference_array array = {.rank = t->view.rank};
    memcpy(array.shape, t->view.shape, sizeof array.shape);
    *values = test_doubles(t);
    array.data = *values;
    return array;
}

static void check_reduction(const reduction *r) {
    int32_t axes[3], count = 0;
    int64_t small[3];
    for (int32_t axis = 0; axis < 3; axis++) {
        small[axis] = r->reduced[axis] ? 1 : r->shape[axis];
        axes[count] = axis;
        count += r->reduced[axis];
    }
    double *values;
    test_tensor x = test_input_of(r->type, 3, r->shape, TEST_REAL, r->layout);
    test_tensor y = test_output_of(r->type, 3, small, TEST_STRIDED);
    test_tensor again = test_output_of(r->type, 3, small, TEST_ROW_MAJOR);
    const reference_array array = array_of(&x, &values);
    double *want = test_alloc(y.count, sizeof *want), *size = test_alloc(y.count, sizeof *size);
    const int64_t terms = reference_reduce(r->kind, &array, r->reduced, 0, want, size);
    force_reduce(is_refused(r->form) ? NULL : r->form);
    test_ok(cleat_reduce(test_context(), r->kind, x.view, count, axes, y.view, NULL));
    test_ok(cleat_reduce(test_context(), r->kind, x.view, count, axes, again.view, NULL));
    force_reduce(NULL);
    test_fetch(&y);
    test_fetch(&again);
    test_same_bits(&y, &again, "twice");
    test_bound(&y, want, size, terms + 4, r->form);
    test_unchanged(&x);
    test_free(&x);
    test_free(&y);
    test_free(&again);
    free(values);
    free(want);
    free(size);
}

START_TEST(reductions) {
    static const reduction table[] = {
        {CLEAT_REDUCE_MEAN, "rows", {3, 5, 333}, {false, false, true}, CLEAT_F16, TEST_ROW_MAJOR},
        {CLEAT_REDUCE_LOG_SUM_EXP, "rows", {2, 3, 700}, {false, false, true}, CLEAT_BF16,
            TEST_ROW_MAJOR},
        {CLEAT_REDUCE_MAX, "columns", {70, 3, 61}, {true, false, false}, CLEAT_BF16, TEST_ROWS},
        {CLEAT_REDUCE_VARIANCE, "columns", {40, 1, 37}, {true, false, false}, CLEAT_F16,
            TEST_ROW_MAJOR},
        {CLEAT_REDUCE_L2, "groups", {4, 300, 3}, {false, true, true}, CLEAT_F16, TEST_STRIDED},
        {CLEAT_REDUCE_SUM, "items", {9, 30, 7}, {true, false, true}, CLEAT_BF16, TEST_STRIDED},
        {CLEAT_REDUCE_MIN, "rows", {1, 1, 9000}, {true, true, true}, CLEAT_F16, TEST_ROW_MAJOR},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_reduction(&table[i]);
    }
}
END_TEST

/* 6,000 ones: a sum in f16 would stay at 2,048, in bf16 at 256; and accumulation, in slices. */
START_TEST(sums_are_f32) {
    const cleat_type type = halves[_i];
    const int64_t shape[] = {2, 6000}, two = 2;
    float ones[12000], before[] = {3, -2000};
    for (int i = 0; i < 12000; i++) {
        ones[i] = i < 6000 ? 1 : -1;
    }
    test_tensor x = test_input_from_of(type, 2, shape, ones, TEST_ROW_MAJOR);
    test_tensor y = test_input_from_of(type, 1, &two, before, TEST_STRIDED);
    const double want[] = {reference_half_rounded(type, 6003),
        reference_half_rounded(type, (long double)y.data[1] - 6000)};
    const cleat_reduce_options options = {.accumulate = true};
    test_ok(cleat_reduce(
        test_context(), CLEAT_REDUCE_SUM, x.view, 1, (int32_t[]){1}, y.view, &options));
    test_fetch(&y);
    test_equal(&y, want, "accumulated");
    test_free(&x);
    test_free(&y);
}
END_TEST

/* The gradients' own reductions stay f32 in between. */
static void check_reduce_gradient(cleat_reduction_kind kind, cleat_type type) {
    const int64_t shape[] = {5, 90}, small[] = {5, 1};
    const bool reduced[] = {false, true};
    double *values, *of_y = test_alloc(5, sizeof *of_y), unused[5];
    test_tensor x = test_input_of(type, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input_of(type, 2, small, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 2, small, TEST_ROW_MAJOR);
    test_tensor dx = test_output_of(type, 2, shape, TEST_STRIDED);
    const reference_array array = array_of(&x, &values);
    double *of_dy = test_doubles(&dy);
    double *want = test_alloc(x.count, sizeof *want), *size = test_alloc(x.count, sizeof *size);
    reference_reduce(kind, &array, reduced, 0, of_y, unused);
    test_ok(cleat_reduce(test_context(), kind, x.view, 1, (int32_t[]){1}, y.view, NULL));
    test_fetch(&y);
    for (int i = 0; i < 5 && kind == CLEAT_REDUCE_MAX; i++) {
        of_y[i] = (double)y.data[i];
    }
    reference_reduce_backward(kind, &array, reduced, 0, of_y, of_dy, want, size);
    test_ok(cleat_reduce_backward(
        test_context(), kind, x.view, y.view, dy.view, 1, (int32_t[]){1}, dx.view, NULL));
    test_fetch(&dx);
    test_bound(&dx, want, size, 100, "reduce_backward");
    test_free(&x);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
    free(values);
    free(of_y);
    free(of_dy);
    free(want);
    free(size);
}

START_TEST(reduction_gradients) {
    check_reduce_gradient(CLEAT_REDUCE_MAX, CLEAT_BF16);
    check_reduce_gradient(CLEAT_REDUCE_VARIANCE, CLEAT_F16);
}
END_TEST

START_TEST(places) {
    const int64_t shape[] = {6, 50}, six = 6;
    const bool reduced[] = {false, true};
    double *values;
    int64_t want[6];
    test_tensor x = test_input_of(CLEAT_F16, 2, shape, TEST_EXACT, TEST_ROWS);
    test_tensor y = test_typed(CLEAT_I32, 1, &six, NULL, TEST_ROW_MAJOR);
    const reference_array array = array_of(&x, &values);
    reference_arg(&array, reduced, true, false, want);
    test_ok(cleat_argmin(test_context(), x.view, 1, (int32_t[]){1}, y.view, NULL));
    test_fetch(&y);
    for (int i = 0; i < 6 && !test_ignores_values(); i++) {
        int32_t got;
        memcpy(&got, y.elements + 4 * i, sizeof got);
        ck_assert_int_eq(got, want[i]);
    }
    test_free(&x);
    test_free(&y);
    free(values);
}
END_TEST

/* ---- Softmax ---- */

static void check_softmax(bool logarithm, cleat_type type, int32_t axis, test_layout layout) {
    const int64_t shape[] = {7, 45};
    double *values, *of_y, *of_dy;
    test_tensor x = test_input_of(type, 2, shape, TEST_REAL, layout);
    test_tensor dy = test_input_of(type, 2, shape, TEST_REAL, layout);
    test_tensor y = test_output_of(type, 2, shape, layout),
                dx = test_output_of(type, 2, shape, TEST_STRIDED);
    const reference_array array = array_of(&x, &values);
    double *want = test_alloc(x.count, sizeof *want), *size = test_alloc(x.count, sizeof *size);
    reference_softmax(logarithm, &array, axis, want, size);
    test_ok(
        (logarithm ? cleat_log_softmax : cleat_softmax)(test_context(), x.view, axis - 2, y.view));
    test_fetch(&y);
    test_bound(&y, want, size, shape[axis] + 20, "softmax");
    const reference_array output = array_of(&y, &of_y);
    of_dy = test_doubles(&dy);
    reference_softmax_backward(logarithm, &output, of_dy, axis, want, size);
    test_ok((logarithm ? cleat_log_softmax_backward : cleat_softmax_backward)(
        test_context(), y.view, dy.view, axis, dx.view));
    test_fetch(&dx);
    test_bound(&dx, want, size, shape[axis] + 20, "softmax_backward");
    test_unchanged(&x);
    test_ok((logarithm ? cleat_log_softmax : cleat_softmax)(test_context(), x.view, axis, x.view));
    test_fetch(&x);
    test_same_bits(&x, &y, "in place");
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
    free(values);
    free(of_y);
    free(of_dy);
    free(want);
    free(size);
}

START_TEST(softmax) {
    check_softmax(false, CLEAT_F16, 1, TEST_ROW_MAJOR);
    check_softmax(true, CLEAT_BF16, 0, TEST_ROWS);
    /* No elements; repeated ones. */
    cleat_tensor wide;
    test_tensor none = test_input_of(CLEAT_F16, 2, (int64_t[]){0, 9}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor x = test_input_of(CLEAT_F16, 2, (int64_t[]){1, 45}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F16, 2, (int64_t[]){7, 45}, TEST_ROW_MAJOR);
    test_ok(cleat_softmax(test_context(), none.view, 1, none.view));
    test_ok(cleat_broadcast(x.view, 2, (int64_t[]){7, 45}, &wide));
    test_ok(cleat_softmax(test_context(), wide, 1, y.view));
    test_fetch(&y);
    double *values, *want = test_alloc(45, sizeof *want), *size = test_alloc(45, sizeof *size);
    const reference_array array = array_of(&x, &values);
    reference_softmax(false, &array, 1, want, size);
    for (int row = 0; row < 7; row++) {
        test_tensor one = y;
        one.count = 45;
        one.data = y.data + row * 45;
        test_bound(&one, want, size, 65, "repeated rows");
    }
    free(values);
    free(want);
    free(size);
    test_free(&none);
    test_free(&x);
    test_free(&y);
}
END_TEST

/* ---- Normalisation ---- */

enum { SAMPLES = 6, CHANNELS = 5, SPACE = 70, ALL = SAMPLES * CHANNELS * SPACE };

typedef struct norm {
    cleat_type type, scale_type;
    bool batch; /* of each channel over all samples; else layers of rows */
    int64_t group[ALL], of_scale[ALL], groups, scales;
    reference_normalization of;
    test_tensor x, scale, bias, dy;
    double *x_values, *scale_values, *bias_values, *dy_values, *mean, *inverse;
} norm;

static norm *make_norm(bool batch, cleat_type type, cleat_type scale_type, test_layout layout) {
    const int64_t shape[] = {SAMPLES, CHANNELS, SPACE};
    norm *n = test_alloc(1, sizeof *n);
    n->type = type;
    n->scale_type = scale_type;
    n->batch = batch;
    n->groups = batch ? CHANNELS : SAMPLES * CHANNELS;
    n->scales = batch ? CHANNELS : SPACE;
    for (int64_t i = 0; i < ALL; i++) {
        const int64_t channel = i / SPACE % CHANNELS;
        n->group[i] = batch ? channel : i / SPACE;
        n->of_scale[i] = batch ? channel : i % SPACE;
    }
    n->x = test_input_of(type, 3, shape, TEST_REAL, layout);
    n->dy = test_input_of(type, 3, shape, TEST_REAL, layout);
    n->scale = test_input_of(scale_type, 1, &n->scales, TEST_REAL, TEST_ROW_MAJOR);
    n->bias = test_input_of(scale_type, 1, &n->scales, TEST_REAL, TEST_ROW_MAJOR);
    n->x_values = test_doubles(&n->x);
    n->dy_values = test_doubles(&n->dy);
    n->scale_values = test_doubles(&n->scale);
    n->bias_values = test_doubles(&n->bias);
    n->mean = test_alloc(n->groups, sizeof *n->mean);
    n->inverse = test_alloc(n->groups, sizeof *n->inverse);
    n->of = (reference_normalization){.count = ALL,
        .groups = n->groups,
        .scales = n->scales,
        .group = n->group,
        .of_scale = n->of_scale,
        .centered = true,
        .epsilon = (double)1e-5f,
        .scale = n->scale_values,
        .bias = n->bias_values};
    reference_statistics(&n->of, n->x_values, n->mean, n->inverse);
    return n;
}

static void free_norm(norm *n) {
    test_free(&n->x);
    test_free(&n->dy);
    test_free(&n->scale);
    test_free(&n->bias);
    free(n->x_values);
    free(n->dy_values);
    free(n->scale_values);
    free(n->bias_values);
    free(n->mean);
    free(n->inverse);
    free(n);
}

/* Statistics in f32, from which the gradients go on. */
static void check_forward(norm *n, test_tensor *mean, test_tensor *inverse) {
    test_tensor y = test_output_of(n->type, 3, n->x.view.shape, TEST_ROW_MAJOR);
    double *want = test_alloc(ALL, sizeof *want), *size = test_alloc(ALL, sizeof *size);
    reference_normalize(&n->of, n->x_values, n->mean, n->inverse, want);
    for (int64_t i = 0; i < ALL; i++) {
        size[i] = 4 + fabs(want[i]);
    }
    if (n->batch) {
        const cleat_batch_norm_options options = {.scale = &n->scale.view,
            .bias = &n->bias.view,
            .mean = &mean->view,
            .inverse = &inverse->view};
        test_ok(cleat_batch_norm_training(test_context(), n->x.view, y.view, &options));
    } else {
        const cleat_normalization_options options = {.scale = &n->scale.view,
            .bias = &n->bias.view,
            .mean = &mean->view,
            .inverse = &inverse->view};
        test_ok(cleat_layer_norm(test_context(), n->x.view, -1, y.view, &options));
    }
    test_fetch(&y);
    test_fetch(mean);
    test_fetch(inverse);
    test_bound(&y, want, size, 60, "y");
    test_bound(mean, n->mean, size, 60, "mean");
    test_bound(inverse, n->inverse, size, 60, "inverse");
    test_free(&y);
    free(want);
    free(size);
}

static void check_norm(norm *n, cleat_type gradient_type) {
    test_tensor mean = test_output(1, &n->groups, TEST_ROW_MAJOR),
                inverse = test_output(1, &n->groups, TEST_ROW_MAJOR);
    if (!n->batch) {
        const int64_t shape[] = {SAMPLES, CHANNELS};
        test_free(&mean);
        test_free(&inverse);
        mean = test_output(2, shape, TEST_ROW_MAJOR);
        inverse = test_output(2, shape, TEST_ROW_MAJOR);
    }
    check_forward(n, &mean, &inverse);
    test_tensor dx = test_output_of(n->type, 3, n->x.view.shape, TEST_ROW_MAJOR);
    test_tensor dscale = test_output_of(gradient_type, 1, &n->scales, TEST_STRIDED),
                dbias = test_output_of(gradient_type, 1, &n->scales, TEST_ROW_MAJOR);
    double *room = test_alloc(2 * ALL + 4 * n->scales, sizeof *room);
    reference_gradients want = {.dx = room,
        .dx_magnitude = room + ALL,
        .dscale = room + 2 * ALL,
        .dbias = room + 2 * ALL + n->scales,
        .dscale_magnitude = room + 2 * ALL + 2 * n->scales,
        .dbias_magnitude = room + 2 * ALL + 3 * n->scales};
    double *mean_values = test_doubles(&mean), *inverse_values = test_doubles(&inverse);
    reference_normalize_backward(
        &n->of, n->x_values, mean_values, inverse_values, n->dy_values, &want);
    if (n->batch) {
        test_ok(cleat_batch_norm_backward(test_context(), n->x.view, &n->scale.view, mean.view,
            inverse.view, n->dy.view, &dx.view, &dscale.view, &dbias.view));
    } else {
        test_ok(cleat_layer_norm_backward(test_context(), n->x.view, &n->scale.view, mean.view,
            inverse.view, n->dy.view, -1, &dx.view, &dscale.view, &dbias.view));
    }
    test_fetch(&dx);
    test_fetch(&dscale);
    test_fetch(&dbias);
    test_bound(&dx, want.dx, want.dx_magnitude, 500, "dx");
    test_bound(&dscale, want.dscale, want.dscale_magnitude, 500, "dscale");
    test_bound(&dbias, want.dbias, want.dbias_magnitude, 500, "dbias");
    test_unchanged(&n->x);
    test_unchanged(&n->dy);
    test_free(&mean);
    test_free(&inverse);
    test_free(&dx);
    test_free(&dscale);
    test_free(&dbias);
    free(room);
    free(mean_values);
    free(inverse_values);
    free_norm(n);
}

START_TEST(normalization) {
    check_norm(make_norm(false, CLEAT_F16, CLEAT_F32, TEST_ROW_MAJOR), CLEAT_F32);
    check_norm(make_norm(false, CLEAT_BF16, CLEAT_BF16, TEST_STRIDED), CLEAT_F32);
    check_norm(make_norm(true, CLEAT_BF16, CLEAT_F32, TEST_ROW_MAJOR), CLEAT_BF16);
}
END_TEST

START_TEST(running_statistics) {
    norm *n = make_norm(true, CLEAT_F16, CLEAT_F32, TEST_ROW_MAJOR);
    const float zeros[CHANNELS] = {0}, ones[CHANNELS] = {1, 1, 1, 1, 1};
    const int64_t channels = CHANNELS;
    test_tensor mean = test_input_from(1, &channels, zeros, TEST_ROW_MAJOR);
    test_tensor variance = test_input_from(1, &channels, ones, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F16, 3, n->x.view.shape, TEST_ROW_MAJOR);
    const cleat_batch_norm_options options = {.running_mean = &mean.view,
        .running_variance = &variance.view,
        .momentum = 0.25f,
        .population_variance = true};
    double want[CHANNELS], of_variance[CHANNELS], size[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
        want[c] = n->mean[c] / 4;
        of_variance[c] = 0.75 + (1 / n->inverse[c] / n->inverse[c] - (double)1e-5f) / 4;
        size[c] = 2;
    }
    test_ok(cleat_batch_norm_training(test_context(), n->x.view, y.view, &options));
    test_fetch(&mean);
    test_fetch(&variance);
    test_bound(&mean, want, size, 60, "running mean");
    test_bound(&variance, of_variance, size, 60, "running variance");
    test_ok(cleat_batch_norm(test_context(), n->x.view, mean.view, variance.view, y.view, NULL));
    test_fetch(&y);
    double *all = test_alloc(2 * ALL, sizeof *all);
    for (int64_t i = 0; i < ALL; i++) {
        const int64_t c = n->group[i];
        all[i] = (n->x_values[i] - (double)mean.data[c]) /
                 sqrt((double)variance.data[c] + (double)1e-5f);
        all[ALL + i] = 2 + fabs(all[i]);
    }
    test_bound(&y, all, all + ALL, 8, "batch_norm");
    free(all);
    test_free(&mean);
    test_free(&variance);
    test_free(&y);
    free_norm(n);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half_sums");
    TCase *reduce = test_case(suite, "reduce");
    tcase_add_test(reduce, reductions);
    tcase_add_loop_test(reduce, sums_are_f32, 0, 2);
    tcase_add_test(reduce, reduction_gradients);
    tcase_add_test(reduce, places);
    TCase *rows = test_case(suite, "rows");
    tcase_add_test(rows, softmax);
    tcase_add_test(rows, normalization);
    tcase_add_test(rows, running_statistics);
    return suite;
}
