/* SPDX-License-Identifier: Apache-2.0 */
/* Operands packed once for many products: the same bits as without, through every variant. */
#include "harness.h"
#include "reference/reference_matmul.h"

typedef struct fixture {
    test_tensor a, b, y;
    cleat_packed *packed;
    double *want, *magnitude;
} fixture;

static reference_operand reference_of(const test_tensor *t) {
    reference_operand o = {.rank = t->view.rank, .data = t->data};
    memcpy(o.shape, t->view.shape, sizeof o.shape);
    return o;
}

static void make(fixture *f, int32_t rank_a, const int64_t *a, int32_t rank_b, const int64_t *b,
    test_layout layout) {
    *f = (fixture){.a = test_input(rank_a, a, TEST_EXACT, TEST_ROW_MAJOR),
        .b = test_input(rank_b, b, TEST_EXACT, layout)};
    reference_matmul reference = {.a = reference_of(&f->a), .b = reference_of(&f->b), .alpha = 1};
    int64_t shape[CLEAT_MAX_RANK];
    const int32_t rank = reference_matmul_shape(&reference.a, &reference.b, shape);
    f->y = test_output(rank, shape, TEST_ROW_MAJOR);
    f->want = test_alloc(f->y.count, sizeof(double));
    f->magnitude = test_alloc(f->y.count, sizeof(double));
    reference_matmul_run(&reference, f->want, f->magnitude);
    test_ok(cleat_matmul_pack(test_context(), f->b.view, &f->packed));
}

static void drop(fixture *f) {
    cleat_packed_release(f->packed);
    test_free(&f->a);
    test_free(&f->b);
    test_free(&f->y);
    free(f->want);
    free(f->magnitude);
}

/* Every variant that takes the shapes. */
static int run_variants(fixture *f, const char *what) {
    int ran = 0;
    const char *const *names = cleat_matmul_variants();
    for (int i = -1; i < 0 || names[i] != NULL; ++i) {
        const char *name = i < 0 ? NULL : names[i];
        if (!test_wants(name != NULL ? name : "default") ||
            (name != NULL && strcmp(name, "clblast") == 0)) {
            continue;
        }
        test_ok(cleat_fill(test_context(), 1e30, f->y.view));
        const cleat_matmul_options options = {.variant = name, .packed_b = f->packed};
        const cleat_status status =
            cleat_matmul(test_context(), f->a.view, f->b.view, f->y.view, &options);
        if (status == CLEAT_UNSUPPORTED) {
            continue;
        }
        test_ok(status);
        test_fetch(&f->y);
        char text[128];
        snprintf(text, sizeof text, "%s, %s", what, name != NULL ? name : "default");
        test_equal(&f->y, f->want, text);
        ++ran;
    }
    return ran;
}

static void run_shape(int32_t rank_a, const int64_t *a, int32_t rank_b, const int64_t *b) {
    for (int layout = TEST_ROW_MAJOR; layout <= TEST_STRIDED; ++layout) {
        fixture f;
        make(&f, rank_a, a, rank_b, b, (test_layout)layout);
        char what[96];
        snprintf(what, sizeof what, "%d x %d axes, k %lld, n %lld%s", (int)rank_a, (int)rank_b,
            (long long)a[rank_a - 1], (long long)b[rank_b - 1],
            layout == TEST_STRIDED ? ", strided" : "");
        ck_assert_msg(run_variants(&f, what) > 0, "%s: no variant", what);
        drop(&f);
    }
}

START_TEST(matrices) {
    static const int64_t shapes[][3] = {{1, 1, 1}, {3, 5, 4}, {64, 64, 64}, {37, 129, 70},
        {130, 33, 530}, {9, 300, 17}, {1, 70, 40}, {70, 1, 40}, {128, 10, 128}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        const int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        run_shape(2, (int64_t[]){m, k}, 2, (int64_t[]){k, n});
    }
}
END_TEST

/* Batches of a by one b, whether they fold into rows or not, and operands that stay views. */
START_TEST(other_ranks) {
    run_shape(3, (int64_t[]){4, 9, 20}, 2, (int64_t[]){20, 40});
    run_shape(1, (int64_t[]){20}, 2, (int64_t[]){20, 40});
    run_shape(3, (int64_t[]){3, 9, 20}, 3, (int64_t[]){3, 20, 40});
    run_shape(2, (int64_t[]){9, 20}, 1, (int64_t[]){20});
    run_shape(2, (int64_t[]){9, 0}, 2, (int64_t[]){0, 7});
    run_shape(2, (int64_t[]){9, 5}, 2, (int64_t[]){5, 0});
}
END_TEST

/* Slices of a larger a cannot be folded: a batch axis remains beside the panels. */
START_TEST(batches_that_stay) {
    fixture f;
    make(&f, 3, (int64_t[]){5, 18, 20}, 2, (int64_t[]){20, 50}, TEST_ROW_MAJOR);
    test_tensor whole = f.y;
    cleat_tensor a, y;
    test_ok(cleat_slice(f.a.view, 1, 0, 9, 2, &a));
    test_ok(cleat_slice(f.y.view, 1, 0, 9, 1, &y));
    test_ok(cleat_fill(test_context(), 7, f.y.view));
    for (const char *const *name = cleat_matmul_variants(); *name != NULL; ++name) {
        if (strcmp(*name, "clblast") == 0 || !test_wants(*name)) {
            continue;
        }
        const cleat_matmul_options options = {.variant = *name, .packed_b = f.packed};
        const cleat_status status = cleat_matmul(test_context(), a, f.b.view, y, &options);
        if (status == CLEAT_UNSUPPORTED) {
            continue;
        }
        test_ok(status);
        test_fetch(&whole);
        for (int64_t i = 0; i < 5 * 18 * 50; ++i) {
            const int64_t batch = i / 900, row = i / 50 % 18;
            const double want = row < 9 ? f.want[batch * 900 + 2 * row * 50 + i % 50] : 7.0;
            ck_assert_msg((double)whole.data[i] == want, "%s: element %lld", *name, (long long)i);
        }
    }
    drop(&f);
}
END_TEST

/* y as a transpose takes b as a left operand, for which there are no panels. */
START_TEST(transposed_result) {
    fixture f;
    make(&f, 2, (int64_t[]){30, 20}, 2, (int64_t[]){20, 50}, TEST_ROW_MAJOR);
    test_tensor turned = test_output(2, (int64_t[]){50, 30}, TEST_ROW_MAJOR);
    test_ok(cleat_matmul(test_context(), f.a.view, f.b.view, cleat_transpose(turned.view),
        &(cleat_matmul_options){.packed_b = f.packed}));
    test_fetch(&turned);
    for (int64_t i = 0; i < turned.count; ++i) {
        ck_assert((double)turned.data[i] == f.want[i % 30 * 50 + i / 30]);
    }
    test_free(&turned);
    drop(&f);
}
END_TEST

/* The panels are a snapshot that an update renews. */
START_TEST(weights_that_change) {
    fixture f;
    make(&f, 2, (int64_t[]){33, 40}, 2, (int64_t[]){40, 70}, TEST_ROW_MAJOR);
    ck_assert_int_gt(run_variants(&f, "before"), 0);
    for (int64_t i = 0; i < f.b.count; ++i) {
        f.b.data[i] = -2.0f * f.b.data[i];
    }
    test_ok(
        cleat_write(test_context(), f.b.view, f.b.data, (size_t)f.b.count * sizeof f.b.data[0]));
    test_ok(cleat_packed_update(test_context(), f.packed));
    for (int64_t i = 0; i < f.y.count; ++i) {
        f.want[i] *= -2;
    }
    ck_assert_int_gt(run_variants(&f, "after"), 0);
    drop(&f);
}
END_TEST

/* The packed operand keeps the buffer alive, and lends the view. */
START_TEST(lifetime) {
    const int64_t shape[] = {40, 70};
    cleat_tensor b;
    cleat_packed *packed = NULL;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, shape, &b));
    test_ok(cleat_fill(test_context(), 2, b));
    test_ok(cleat_matmul_pack(test_context(), b, &packed));
    cleat_tensor_release(&b);
    cleat_packed_retain(packed);
    cleat_packed_release(packed);
    b = cleat_packed_operand(packed);
    if (test_device_is_cpu()) {
        ck_assert_uint_ge(cleat_packed_size(packed), sizeof(float[40][70]));
    }
    test_tensor a = test_input(2, (int64_t[]){20, 40}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, (int64_t[]){20, 70}, TEST_ROW_MAJOR);
    test_ok(cleat_matmul(
        test_context(), a.view, b, y.view, &(cleat_matmul_options){.packed_b = packed}));
    cleat_packed_release(packed);
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; ++i) {
        double want = 0;
        for (int64_t k = 0; k < 40; ++k) {
            want += 2 * (double)a.data[i / 70 * 40 + k];
        }
        ck_assert((double)y.data[i] == want);
    }
    test_free(&a);
    test_free(&y);
    cleat_packed_retain(NULL);
    cleat_packed_release(NULL);
    ck_assert_uint_eq(cleat_packed_size(NULL), 0);
}
END_TEST

START_TEST(refusals) {
    fixture f;
    make(&f, 2, (int64_t[]){3, 4}, 2, (int64_t[]){4, 4}, TEST_ROW_MAJOR);
    cleat_context *context = test_context();
    cleat_packed *none = NULL;
    cleat_tensor broken = f.b.view;
    broken.buffer = NULL;
    test_refused(cleat_matmul_pack(context, broken, &none), CLEAT_INVALID_ARGUMENT, "b");
    broken = f.b.view;
    broken.type = CLEAT_I32;
    test_refused(cleat_matmul_pack(context, broken, &none), CLEAT_TYPE_MISMATCH, "matmul_pack: b");
    test_refused(cleat_matmul_pack(NULL, f.b.view, &none), CLEAT_INVALID_ARGUMENT, "matmul_pack");
    test_refused(cleat_matmul_pack(context, f.b.view, NULL), CLEAT_INVALID_ARGUMENT,
        "matmul_pack: packed is NULL");
    ck_assert_ptr_null(none);
    test_refused(cleat_packed_update(context, NULL), CLEAT_INVALID_ARGUMENT, "packed is NULL");
    test_refused(cleat_packed_update(NULL, f.packed), CLEAT_INVALID_ARGUMENT, "packed_update");
    test_ok(cleat_fill(context, 3, f.y.view));
    test_refused(cleat_matmul(context, f.a.view, cleat_transpose(f.b.view), f.y.view,
                     &(cleat_matmul_options){.packed_b = f.packed}),
        CLEAT_INVALID_ARGUMENT, "made from another view");
    test_fetch(&f.y);
    for (int64_t i = 0; i < f.y.count; ++i) {
        ck_assert(f.y.data[i] == 3.0f);
    }
    drop(&f);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("packed");
    TCase *products = test_case(suite, "packed");
    tcase_add_test(products, matrices);
    tcase_add_test(products, other_ranks);
    tcase_add_test(products, batches_that_stay);
    tcase_add_test(products, transposed_result);
    tcase_add_test(products, weights_that_change);
    tcase_add_test(products, lifetime);
    tcase_add_test(products, refusals);
    return suite;
}
