/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: what they leave alone, what they tell, and that nothing is compiled after one. */
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

/* A context of its own, without a cache unless the options say so. */
static cleat_context *open_context(const cleat_context_options *options) {
    cleat_context *context = NULL;
    cleat_context_options own = {.cache = CLEAT_CACHE_OFF};
    test_ok(cleat_context_create(options != NULL ? options : &own, &context));
    return context;
}

static cleat_context_statistics statistics_of(cleat_context *context) {
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(context, &statistics));
    return statistics;
}

/* A product with an activation, a convolution and its gradient, a loss: kernels of several
 * families, several launches a call, scratch memory. */
typedef struct step {
    cleat_tensor a, b, y, image, weights, result, dx, most, spread;
} step;

enum { M = 70, K = 90, N = 50, SIDE = 9, CHANNELS = 5 };

static cleat_tensor filled(
    cleat_context *context, int32_t rank, const int64_t *shape, uint64_t seed) {
    cleat_tensor x;
    test_ok(cleat_tensor_create(context, CLEAT_F32, rank, shape, &x));
    float *values = test_alloc(cleat_tensor_count(&x), sizeof *values);
    for (int64_t i = 0; i < cleat_tensor_count(&x); i++) {
        values[i] = (float)((seed + (uint64_t)i * 7919) % 9) - 4.0f;
    }
    test_ok(cleat_write(context, x, values, (size_t)cleat_tensor_count(&x) * sizeof *values));
    free(values);
    return x;
}

static step make_step(cleat_context *context) {
    const int64_t image[] = {2, CHANNELS, SIDE, SIDE};
    const int64_t weights[] = {CHANNELS, CHANNELS, 3, 3};
    const int64_t result[] = {2, CHANNELS, SIDE - 2, SIDE - 2};
    return (step){
        .a = filled(context, 2, (int64_t[]){M, K}, 1),
        .b = filled(context, 2, (int64_t[]){K, N}, 2),
        .y = filled(context, 2, (int64_t[]){M, N}, 3),
        .image = filled(context, 4, image, 4),
        .weights = filled(context, 4, weights, 5),
        .result = filled(context, 4, result, 6),
        .dx = filled(context, 4, image, 7),
        .most = filled(context, 0, NULL, 8),
        .spread = filled(context, 4, image, 9),
    };
}

static void free_step(step *s) {
    cleat_tensor *all[] = {
        &s->a, &s->b, &s->y, &s->image, &s->weights, &s->result, &s->dx, &s->most, &s->spread};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cleat_tensor_release(all[i]);
    }
}

static cleat_status run_step(cleat_context *context, const step *s) {
    const cleat_matmul_options options = {.activation = CLEAT_RELU};
    cleat_status status = cleat_matmul(context, s->a, s->b, s->y, &options);
    if (status == CLEAT_OK) {
        status = cleat_conv2d(context, s->image, s->weights, s->result, NULL);
    }
    if (status == CLEAT_OK) {
        status = cleat_conv2d_backward_data(context, s->result, s->weights, s->dx, NULL);
    }
    if (status == CLEAT_OK) {
        status = cleat_reduce(context, CLEAT_REDUCE_MAX, s->dx, 0, NULL, s->most, NULL);
    }
    return status == CLEAT_OK ? cleat_reduce_backward(context, CLEAT_REDUCE_MAX, s->dx, s->most,
                                    s->most, 0, NULL, s->spread, NULL)
                              : status;
}

static float *values_of(cleat_context *context, cleat_tensor x) {
    float *values = test_alloc(cleat_tensor_count(&x), sizeof *values);
    test_ok(cleat_read(context, x, values, (size_t)cleat_tensor_count(&x) * sizeof *values));
    return values;
}

static void expect_product(cleat_context *context, const step *s) {
    float *a = values_of(context, s->a);
    float *b = values_of(context, s->b);
    float *y = values_of(context, s->y);
    for (int i = 0; i < M * N; i++) {
        float sum = 0;
        for (int k = 0; k < K; k++) {
            sum += a[i / N * K + k] * b[k * N + i % N];
        }
        ck_assert_msg(
            y[i] == (sum > 0 ? sum : 0), "y[%d] is %g, not %g", i, (double)y[i], (double)sum);
    }
    free(a);
    free(b);
    free(y);
}

START_TEST(planned_calls_touch_nothing) {
    cleat_context *context = open_context(NULL);
    step s = make_step(context);
    float before[M * N];
    float after[M * N];
    test_ok(cleat_read(context, s.y, before, sizeof before));
    cleat_context_statistics start = statistics_of(context);
    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    test_ok(cleat_fill(context, 7, s.y));
    test_ok(cleat_write(context, s.y, after, sizeof after));
    test_ok(cleat_copy(context, s.image, s.dx));
    memset(after, 0x55, sizeof after);
    float mark = after[0];
    test_ok(cleat_read(context, s.y, after, sizeof after));
    ck_assert_msg(memcmp(&after[M * N - 1], &mark, sizeof mark) == 0, "a planned read has read");
    test_ok(cleat_plan_end(context, NULL));
    ck_assert_uint_eq(statistics_of(context).kernels_launched, start.kernels_launched);
    test_ok(cleat_read(context, s.y, after, sizeof after));
    ck_assert_int_eq(memcmp(before, after, sizeof before), 0);
    free_step(&s);
    cleat_context_release(context);
}
END_TEST

START_TEST(nothing_is_compiled_after_a_plan) {
    cleat_context *context = open_context(NULL);
    step s = make_step(context);
    cleat_plan_summary first;
    cleat_plan_summary second;
    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    test_ok(cleat_plan_end(context, &first));
    cleat_context_statistics built = statistics_of(context);
    ck_assert_uint_ge(first.kernels, 4);
    ck_assert_uint_ge(first.launches, first.kernels);
    ck_assert_uint_eq(first.built, built.kernels_built);
    ck_assert_uint_ge(first.built, 3);
    ck_assert_uint_eq(first.loaded, 0);
    ck_assert(first.build_seconds > 0);
    ck_assert_msg(first.flop >= 2.0 * M * N * K && first.bytes >= 4.0 * (M * K + K * N + M * N),
        "%g FLOP, %g bytes", first.flop, first.bytes);
    ck_assert_uint_eq(built.scratch_bytes, 0);
    ck_assert_uint_gt(first.scratch_bytes, 0);

    uint64_t launched = built.kernels_launched;
    test_ok(run_step(context, &s));
    cleat_context_statistics run = statistics_of(context);
    ck_assert_uint_eq(run.kernels_built, built.kernels_built);
    ck_assert_uint_eq(run.kernels_launched - launched, first.launches);
    ck_assert_uint_eq(run.scratch_bytes, first.scratch_bytes);
    expect_product(context, &s);

    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    test_ok(cleat_plan_end(context, &second));
    ck_assert_uint_eq(second.built, 0);
    ck_assert_uint_eq(second.kernels, first.kernels);
    ck_assert_uint_eq(second.launches, first.launches);
    ck_assert_uint_eq(second.scratch_bytes, first.scratch_bytes);
    free_step(&s);
    cleat_context_release(context);
}
END_TEST

START_TEST(a_plan_fills_an_archive) {
    cleat_cache_archive *archive = NULL;
    test_ok(cleat_cache_archive_open(NULL, &archive));
    cleat_cache_store store = cleat_cache_archive_store(archive);
    cleat_context *context = open_context(&(cleat_context_options){.cache_store = &store});
    step s = make_step(context);
    cleat_plan_summary summary;
    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    test_ok(cleat_plan_end(context, &summary));
    uint64_t built = summary.built;
    free_step(&s);
    cleat_context_release(context);

    context =
        open_context(&(cleat_context_options){.cache_store = &store, .cache = CLEAT_CACHE_ONLY});
    s = make_step(context);
    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    test_ok(cleat_plan_end(context, &summary));
    ck_assert_uint_eq(summary.built, 0);
    ck_assert_uint_eq(summary.loaded, built);
    test_ok(run_step(context, &s));
    expect_product(context, &s);
    /* What the plan did not hold is not there: its end says so, and the context goes on. */
    test_ok(cleat_plan_begin(context));
    test_ok(cleat_softmax(context, s.y, 1, s.y));
    test_refused(cleat_plan_end(context, NULL), CLEAT_UNSUPPORTED, "not in the cache");
    test_ok(run_step(context, &s));
    free_step(&s);
    cleat_context_release(context);
    cleat_cache_archive_close(archive);
}
END_TEST

/* A folder with one kernel file that does not compile, and one that does. */
START_TEST(one_kernel_fails_to_build) {
    char folder[] = "/tmp/cleat-test-plan-XXXXXX";
    char path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/activate.cl", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("this is no kernel", file);
    fclose(file);
    ck_assert_int_eq(setenv("CLEAT_KERNEL_DIR", folder, 1), 0);
    cleat_context *context = open_context(NULL);
    unsetenv("CLEAT_KERNEL_DIR");
    step s = make_step(context);
    cleat_plan_summary summary = {.launches = 0};
    test_ok(cleat_plan_begin(context));
    test_ok(cleat_activate(context, CLEAT_TANH, s.y, s.y, NULL));
    test_ok(run_step(context, &s));
    test_refused(cleat_plan_end(context, &summary), CLEAT_BUILD_FAILED, "activate.cl");
    ck_assert_uint_ge(summary.built, 3);
    ck_assert_uint_ge(summary.launches, 5);
    uint64_t built = statistics_of(context).kernels_built;
    test_ok(run_step(context, &s));
    ck_assert_uint_eq(statistics_of(context).kernels_built, built);
    expect_product(context, &s);
    free_step(&s);
    cleat_context_release(context);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* What another thread sees of this one's plan. */
typedef struct visitor {
    cleat_context *context;
    cleat_tensor x;
    cleat_status begin, end, call;
    char message[256];
} visitor;

static void *visit(void *data) {
    visitor *v = data;
    v->begin = cleat_plan_begin(v->context);
    snprintf(v->message, sizeof v->message, "%s", cleat_error_message());
    v->end = cleat_plan_end(v->context, NULL);
    v->call = cleat_fill(v->context, 3, v->x);
    return NULL;
}

START_TEST(other_threads_go_on) {
    cleat_context *context = open_context(NULL);
    pthread_t thread;
    float got[4];
    visitor v = {.context = context, .x = filled(context, 1, (int64_t[]){4}, 1)};
    test_ok(cleat_plan_begin(context));
    ck_assert_int_eq(pthread_create(&thread, NULL, visit, &v), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(v.begin, CLEAT_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(v.message, "another thread"));
    ck_assert_int_eq(v.end, CLEAT_INVALID_ARGUMENT);
    ck_assert_int_eq(v.call, CLEAT_OK);
    test_refused(cleat_plan_begin(context), CLEAT_INVALID_ARGUMENT, "this thread");
    test_ok(cleat_plan_end(context, NULL));
    test_ok(cleat_read(context, v.x, got, sizeof got));
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(got[i] == 3.0f, "the other thread's fill was planned too");
    }
    cleat_tensor_release(&v.x);
    cleat_context_release(context);
}
END_TEST

/* A provider's kernels are its own: its work is counted as it is planned, and timed by the host. */
START_TEST(a_providers_work) {
    const cleat_matmul_options by_provider = {.variant = "clblast"};
    const char *const *variant = cleat_matmul_variants();
    cleat_plan_summary summary;
    cleat_profile_row row;
    size_t count = 0;
    while (*variant != NULL && strcmp(*variant, "clblast") != 0) {
        variant++;
    }
    if (*variant == NULL) {
        return;
    }
    cleat_context_options options = {.cache = CLEAT_CACHE_OFF, .profiling = true};
    cleat_context *context = open_context(&options);
    step s = make_step(context);
    test_ok(cleat_plan_begin(context));
    test_ok(cleat_matmul(context, s.a, s.b, s.y, &by_provider));
    test_ok(cleat_plan_end(context, &summary));
    ck_assert_uint_eq(summary.launches, 1);
    ck_assert_uint_eq(summary.kernels, 0);
    ck_assert_double_eq(summary.flop, 2.0 * M * N * K);
    test_ok(cleat_profile_reset(context));
    test_ok(cleat_matmul(context, s.a, s.b, s.y, &by_provider));
    test_ok(cleat_profile(context, 1, &row, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(row.operation, "matmul");
    ck_assert_str_eq(row.kernel, "clblast");
    ck_assert(row.calls == 1 && row.seconds > 0);
    free_step(&s);
    cleat_context_release(context);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = open_context(NULL);
    step s = make_step(context);
    cleat_packed *packed = NULL;
    cleat_packed *again = NULL;
    cleat_plan_summary summary;
    test_refused(cleat_plan_begin(NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_plan_end(NULL, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_plan_end(context, NULL), CLEAT_INVALID_ARGUMENT, "no plan open");
    test_ok(cleat_matmul_pack(context, s.b, &packed));
    test_ok(cleat_plan_begin(context));
    test_refused(cleat_matmul_pack(context, s.b, &again), CLEAT_INVALID_ARGUMENT, "plan");
    test_refused(cleat_conv2d_pack(context, s.weights, 1, &again), CLEAT_INVALID_ARGUMENT, "plan");
    test_refused(cleat_packed_update(context, packed), CLEAT_INVALID_ARGUMENT, "plan");
    ck_assert_ptr_null(again);
    test_refused(cleat_matmul(context, s.a, s.a, s.y, NULL), CLEAT_SHAPE_MISMATCH, "[70, 90]");
    test_ok(cleat_plan_end(context, &summary));
    ck_assert_uint_eq(summary.launches, 0);
    ck_assert_uint_eq(summary.kernels, 0);
    test_ok(cleat_packed_update(context, packed));
    cleat_packed_release(packed);
    /* A context that goes with its plan open takes the plan with it. */
    test_ok(cleat_plan_begin(context));
    test_ok(run_step(context, &s));
    free_step(&s);
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plan");
    TCase *tests = test_case(suite, "plan");
    tcase_add_test(tests, planned_calls_touch_nothing);
    tcase_add_test(tests, nothing_is_compiled_after_a_plan);
    tcase_add_test(tests, a_plan_fills_an_archive);
    tcase_add_test(tests, one_kernel_fails_to_build);
    tcase_add_test(tests, other_threads_go_on);
    tcase_add_test(tests, a_providers_work);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
