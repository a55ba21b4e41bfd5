/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

enum { TENSORS = 5 };

/* Gradients of several shapes, one of them empty. */
typedef struct gradients {
    test_tensor tensor[TENSORS];
    cleat_tensor views[TENSORS];
    double norm;
    int64_t count;
} gradients;

static gradients make(test_values values) {
    static const struct {
        int32_t rank;
        int64_t shape[3];
        test_layout layout;
    } kinds[TENSORS] = {{2, {37, 300}, TEST_ROW_MAJOR}, {1, {1}, TEST_ROW_MAJOR},
        {3, {3, 5, 7}, TEST_STRIDED}, {2, {0, 4}, TEST_ROW_MAJOR}, {1, {20011}, TEST_STRIDED}};
    gradients g = {.norm = 0};
    for (int i = 0; i < TENSORS; i++) {
        g.tensor[i] = test_input(kinds[i].rank, kinds[i].shape, values, kinds[i].layout);
        g.views[i] = g.tensor[i].view;
        g.count += g.tensor[i].count;
        for (int64_t k = 0; k < g.tensor[i].count; k++) {
            g.norm += (double)g.tensor[i].data[k] * (double)g.tensor[i].data[k];
        }
    }
    g.norm = sqrt(g.norm);
    return g;
}

static void compare(gradients *g, const gradients *before, double factor, const char *what) {
    for (int i = 0; i < TENSORS; i++) {
        test_tensor *t = &g->tensor[i];
        double *want = test_alloc(t->count, sizeof *want);
        double *size = test_alloc(t->count, sizeof *size);
        for (int64_t k = 0; k < t->count; k++) {
            want[k] = (double)before->tensor[i].data[k] * factor;
            size[k] = fabs(want[k]);
        }
        test_fetch(t);
        if (factor == 1) {
            test_equal(t, want, what);
        } else {
            test_bound(t, want, size, g->count + 6, what);
        }
        free(want);
        free(size);
    }
}

static void free_all(gradients *g) {
    for (int i = 0; i < TENSORS; i++) {
        test_free(&g->tensor[i]);
    }
}

/* The same values elsewhere. */
static gradients copy(const gradients *g) {
    gradients c = *g;
    for (int i = 0; i < TENSORS; i++) {
        c.tensor[i] = test_input_from(g->views[i].rank, g->views[i].shape, g->tensor[i].data,
            i % 2 ? TEST_ROW_MAJOR : TEST_STRIDED);
        c.views[i] = c.tensor[i].view;
    }
    return c;
}

START_TEST(scales_to_the_norm) {
    gradients start = make(TEST_REAL);
    const double limits[] = {0, 0.5, start.norm * 0.5, start.norm * 1.01, (double)INFINITY};
    for (int i = 0; i < 5; i++) {
        gradients g = copy(&start);
        float *first[TENSORS];
        test_tensor total = test_output(2, (int64_t[]){1, 1}, TEST_STRIDED);
        float limit = (float)limits[i];
        double factor = fmin(1, (double)limit / (start.norm + 1e-6));
        test_ok(cleat_clip_gradient_norm(test_context(), TENSORS, g.views, limit, &total.view));
        test_fetch(&total);
        test_bound(&total, &start.norm, &start.norm, start.count, "norm");
        compare(&g, &start, factor, "clipped");
        for (int t = 0; t < TENSORS; t++) {
            size_t bytes = (size_t)g.tensor[t].count * sizeof(float);
            first[t] = test_alloc(g.tensor[t].count, sizeof(float));
            memcpy(first[t], g.tensor[t].data, bytes);
            test_ok(cleat_write(test_context(), g.views[t], start.tensor[t].data, bytes));
        }
        test_ok(cleat_clip_gradient_norm(test_context(), TENSORS, g.views, limit, NULL));
        for (int t = 0; t < TENSORS; t++) {
            size_t bytes = (size_t)g.tensor[t].count * sizeof(float);
            test_fetch(&g.tensor[t]);
            ck_assert(memcmp(first[t], g.tensor[t].data, bytes) == 0);
            free(first[t]);
        }
        free_all(&g);
        test_free(&total);
    }
    free_all(&start);
}
END_TEST

START_TEST(exact) {
    const int64_t two = 2, one = 1;
    test_tensor a = test_input_from(1, &two, (float[]){3, -4}, TEST_ROW_MAJOR);
    test_tensor b = test_input_from(1, &one, (float[]){12}, TEST_ROW_MAJOR);
    test_tensor total = test_output(0, NULL, TEST_ROW_MAJOR);
    cleat_tensor both[] = {a.view, b.view};
    test_ok(cleat_clip_gradient_norm(test_context(), 2, both, 14, &total.view));
    test_fetch(&total);
    test_equal(&total, (double[]){13}, "norm");
    test_fetch(&a);
    test_equal(&a, (double[]){3, -4}, "not clipped");
    test_ok(cleat_clip_gradient_norm(test_context(), 0, NULL, 1, &total.view));
    test_fetch(&total);
    test_equal(&total, (double[]){0}, "no gradients");
    test_free(&a);
    test_free(&b);
    test_free(&total);
}
END_TEST

START_TEST(not_finite) {
    const int64_t three = 3;
    const float values[2][3] = {{1, INFINITY, -2}, {1, NAN, 2}};
    const double want[2][3] = {{0, (double)NAN, 0}, {(double)NAN, (double)NAN, (double)NAN}};
    for (int i = 0; i < 2; i++) {
        test_tensor g = test_input_from(1, &three, values[i], TEST_ROW_MAJOR);
        test_ok(cleat_clip_gradient_norm(test_context(), 1, &g.view, 1, NULL));
        test_fetch(&g);
        test_equal(&g, want[i], "not finite");
        test_free(&g);
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {2, 3};
    test_tensor g = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    cleat_tensor twice[] = {g.view, g.view}, typed = g.view, inside = g.view;
    typed.type = CLEAT_I32;
    inside.rank = 0;
    test_refused(
        cleat_clip_gradient_norm(NULL, 1, &g.view, 1, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_clip_gradient_norm(context, -1, &g.view, 1, NULL), CLEAT_INVALID_ARGUMENT,
        "count is -1");
    test_refused(
        cleat_clip_gradient_norm(context, 1, NULL, 1, NULL), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_clip_gradient_norm(context, 1, &g.view, NAN, NULL), CLEAT_INVALID_ARGUMENT,
        "max_norm is nan");
    test_refused(
        cleat_clip_gradient_norm(context, 1, &typed, 1, NULL), CLEAT_TYPE_MISMATCH, "gradient 0");
    test_refused(cleat_clip_gradient_norm(context, 2, twice, 1, NULL), CLEAT_OVERLAP, "gradient 1");
    test_refused(cleat_clip_gradient_norm(context, 1, &g.view, 1, &g.view), CLEAT_SHAPE_MISMATCH,
        "total_norm has 6 elements");
    test_refused(
        cleat_clip_gradient_norm(context, 1, &g.view, 1, &inside), CLEAT_OVERLAP, "total_norm");
    test_unchanged(&g);
    test_free(&g);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("clip_gradient");
    TCase *all = test_case(suite, "clip_gradient");
    tcase_add_test(all, scales_to_the_norm);
    tcase_add_test(all, exact);
    tcase_add_test(all, not_finite);
    tcase_add_test(all, refuses_bad_calls);
    return suite;
}
