/* SPDX-License-Identifier: Apache-2.0 */
/* What a convolution adds before its activation: every variant, with residuals that lie as y does,
 * in other ways, that are stretched, and that are y itself; in every type; and what is refused. */
#include "conv2d_case.h"
#include "harness.h"
#include "reference/reference_activation.h"
#include <cleat/opencl.h>

typedef enum residual_kind {
    LIKE_Y,    /* in y's layout */
    ITSELF,    /* y */
    SCATTERED, /* other strides */
    CHANNELS,  /* [m, 1, 1] */
    PIXELS,    /* [n, 1, oh, ow] */
    KINDS
} residual_kind;

static const char *const kind_names[] = {"like y", "y", "scattered", "channels", "pixels"};

/* {x, w, y, stride, padding, dilation, groups}; y is worked out. Windows of one element and of
 * more, vectors of channels that overlap, an odd number of them and one alone, groups, depthwise,
 * nothing at all. */
static const reference_conv2d table[] = {
    {{2, 5, 9, 31}, {40, 5, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{2, 6, 10, 14}, {33, 6, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 70, 7, 7}, {16, 70, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 4, 20, 45}, {48, 2, 3, 5}, {0}, {1, 3}, {2, 4, 0, 5}, {2, 3}, 2},
    {{1, 16, 5, 28}, {16, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 16},
    {{0, 4, 5, 5}, {16, 4, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
};
enum { CASES = sizeof table / sizeof table[0] };

static const cleat_activation activations[] = {CLEAT_ACTIVATION_NONE, CLEAT_RELU, CLEAT_CLIP};
static const float bounds[] = {-3, 50};

typedef struct residual_case {
    reference_conv2d c;
    cleat_type type;
    test_values values;
    test_layout layout; /* of y */
    residual_kind kind;
    cleat_activation activation;
    test_tensor x, w, bias, residual, y;
    long double *want, *magnitude;
} residual_case;

static const float *parameters_of(const residual_case *k) {
    return k->activation == CLEAT_CLIP ? bounds : NULL;
}

static cleat_conv2d_options options_of(const residual_case *k) {
    cleat_conv2d_options options = conv2d_case_options(&k->c);
    options.activation = k->activation;
    options.activation_parameters = parameters_of(k);
    return options;
}

static test_tensor make_residual(residual_case *k) {
    const int64_t *y = k->c.y;
    const int64_t channels[] = {y[1], 1, 1}, pixels[] = {y[0], 1, y[2], y[3]};
    switch (k->kind) {
    case CHANNELS:
        return test_input_of(k->type, 3, channels, k->values, TEST_STRIDED);
    case PIXELS:
        return test_input_of(k->type, 4, pixels, k->values, TEST_ROW_MAJOR);
    case SCATTERED:
        return test_input_of(k->type, 4, y, k->values, TEST_STRIDED);
    default:
        return test_input_of(k->type, 4, y, k->values, k->layout);
    }
}

/* Element i of y, row-major: which of the residual's it meets. */
static int64_t residual_place(const residual_case *k, int64_t i) {
    const int64_t area = k->c.y[2] * k->c.y[3], m = k->c.y[1];
    return k->kind == CHANNELS ? i / area % m
           : k->kind == PIXELS ? i / area / m * area + i % area
                               : i;
}

static void want_results(residual_case *k) {
    const int64_t count = k->c.y[0] * k->c.y[1] * k->c.y[2] * k->c.y[3];
    double *x = test_doubles(&k->x), *w = test_doubles(&k->w), *bias = test_doubles(&k->bias),
           *residual = test_doubles(&k->residual);
    double *sums = test_alloc(count, sizeof *sums), *sizes = test_alloc(count, sizeof *sizes);
    k->want = test_alloc(count, sizeof *k->want);
    k->magnitude = test_alloc(count, sizeof *k->magnitude);
    reference_conv2d_forward(&k->c, x, w, bias, sums, sizes);
    for (int64_t i = 0; i < count; i++) {
        const double added = residual[residual_place(k, i)], sum = sums[i] + added;
        const double y = reference_activation(k->activation, sum, parameters_of(k));
        k->want[i] = (long double)y;
        k->magnitude[i] = (long double)(sizes[i] + fabs(added));
    }
    free(x);
    free(w);
    free(bias);
    free(residual);
    free(sums);
    free(sizes);
}

static void make_case(residual_case *k) {
    const cleat_conv2d_options options = options_of(k);
    test_ok(cleat_conv2d_shape(k->c.x, k->c.w, &options, k->c.y));
    k->x = test_input_of(k->type, 4, k->c.x, k->values, k->layout);
    k->w = test_input_of(k->type, 4, k->c.w, k->values, TEST_ROW_MAJOR);
    k->bias = test_input_of(k->type, 1, k->c.w, k->values, TEST_STRIDED);
    k->residual = make_residual(k);
    test_settle_tile();
    want_results(k);
}

static void free_case(residual_case *k) {
    test_free(&k->x);
    test_free(&k->w);
    test_free(&k->bias);
    test_free(&k->residual);
    free(k->want);
    free(k->magnitude);
}

/* A residual in y's buffer takes y's place; otherwise y starts as NaN. */
static test_tensor make_result(const residual_case *k) {
    if (k->kind != ITSELF) {
        return test_output_of(k->type, 4, k->c.y, k->layout);
    }
    return k->type == CLEAT_F64
               ? test_typed(k->type, 4, k->c.y, k->residual.elements, k->layout)
               : test_input_from_of(k->type, 4, k->c.y, k->residual.data, k->layout);
}

static cleat_status run(const residual_case *k, const char *variant, cleat_tensor y) {
    cleat_conv2d_options options = options_of(k);
    cleat_tensor residual = k->kind == ITSELF ? y : k->residual.view;
    if (k->kind == ITSELF && k->activation == CLEAT_RELU) { /* the same memory by another name */
        test_ok(cleat_buffer_wrap(test_context(), cleat_buffer_cl_mem(y.buffer), &residual.buffer));
    }
    options.variant = variant;
    options.bias = &k->bias.view;
    options.residual = &residual;
    const cleat_status status = cleat_conv2d(test_context(), k->x.view, k->w.view, y, &options);
    if (k->kind == ITSELF && residual.buffer != y.buffer) {
        cleat_tensor_release(&residual);
    }
    return status;
}

static void check_result(const residual_case *k, test_tensor *y, const char *what) {
    test_fetch(y);
    if (k->values == TEST_REAL || k->type == CLEAT_F64) {
        test_bound_of(y, k->want, k->magnitude, k->c.w[1] * k->c.w[2] * k->c.w[3] + 2, what);
        return;
    }
    double *want = test_alloc(y->count, sizeof *want);
    for (int64_t i = 0; i < y->count; i++) {
        want[i] = (double)k->want[i];
    }
    test_equal(y, want, what);
    free(want);
}

static uint64_t launched(void) {
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(test_context(), &statistics));
    return statistics.kernels_launched;
}

/* Twice, the same; the second time with the launches counted. False where the variant refuses. */
static bool check_variant(const residual_case *k, const char *variant, uint64_t *launches) {
    char what[200];
    snprintf(what, sizeof what,
        "%s: x [%d, %d, %d, %d], w [%d, %d, %d, %d], layout %d, residual %s",
        variant != NULL ? variant : "default", (int)k->c.x[0], (int)k->c.x[1], (int)k->c.x[2],
        (int)k->c.x[3], (int)k->c.w[0], (int)k->c.w[1], (int)k->c.w[2], (int)k->c.w[3],
        (int)k->layout, kind_names[k->kind]);
    test_tensor first = make_result(k);
    const cleat_status status = run(k, variant, first.view);
    if (status == CLEAT_UNSUPPORTED && variant != NULL) {
        test_unchanged(&first);
        test_free(&first);
        return false;
    }
    ck_assert_msg(status == CLEAT_OK, "%s: %s", what, cleat_error_message());
    check_result(k, &first, what);
    test_tensor second = first;
    if (k->layout != TEST_STRIDED) { /* which is drawn anew */
        second = make_result(k);
        const uint64_t before = launched();
        test_ok(run(k, variant, second.view));
        *launches = launched() - before;
        test_fetch(&second);
        test_same_bits(&first, &second, what);
        test_free(&second);
    }
    test_free(&first);
    return true;
}

/* Variants that add in their own pass: convolution, and for one weights' panels. */
static void check_launches(const residual_case *k, const char *variant, uint64_t launches) {
    const bool like_y = k->kind == LIKE_Y || k->kind == ITSELF;
    if (strcmp(variant, "gpu_gemm") == 0) {
        ck_assert_uint_le(launches, 1);
    } else if (strcmp(variant, "cpu_channels_last") == 0 && k->layout == TEST_CHANNELS_LAST &&
               like_y) {
        ck_assert_uint_le(launches, 2);
    }
}

START_TEST(every_variant) {
    static int turn;
    for (int i = 0; i < CASES; i++) {
        for (int layout = 0; layout < 3; layout++) {
            static const test_layout layouts[] = {TEST_CHANNELS_LAST, TEST_ROW_MAJOR, TEST_STRIDED};
            residual_case k = {.c = table[i],
                .type = CLEAT_F32,
                .values = turn % 2 == 0 ? TEST_EXACT : TEST_REAL,
                .layout = layouts[layout],
                .kind = (residual_kind)_i,
                .activation = activations[turn % 3]};
            turn++;
            if (test_is_short() && layout != (i + _i) % 3 && layout != 0) {
                continue;
            }
            make_case(&k);
            const char *const *variant = cleat_conv2d_variants(CLEAT_CONV2D_FORWARD);
            for (; *variant != NULL; variant++) {
                uint64_t launches = 0;
                if (test_wants(*variant) && check_variant(&k, *variant, &launches)) {
                    check_launches(&k, *variant, launches);
                }
            }
            free_case(&k);
        }
    }
}
END_TEST

/* By the library's choice: 16 bits, which are rounded once, and f64 where there is such, of sums
 * that the reference has exactly. */
START_TEST(every_type) {
    static const cleat_type types[] = {CLEAT_F16, CLEAT_BF16, CLEAT_F64};
    for (int i = 0; i < 3; i++) {
        if (types[i] == CLEAT_F64 && !test_has_f64()) {
            continue;
        }
        residual_case k = {.c = table[i],
            .type = types[i],
            .values = types[i] == CLEAT_F64 ? TEST_EXACT : TEST_REAL,
            .layout = i % 2 == 0 ? TEST_CHANNELS_LAST : TEST_ROW_MAJOR,
            .kind = (residual_kind)_i,
            .activation = activations[(i + _i) % 3]};
        uint64_t launches;
        make_case(&k);
        check_variant(&k, NULL, &launches);
        free_case(&k);
    }
}
END_TEST

/* A sum halfway between two numbers of 16 bits, which only what is added decides. */
START_TEST(rounds_once) {
    const cleat_type type = _i == 0 ? CLEAT_F16 : CLEAT_BF16;
    const float unit = type == CLEAT_F16 ? 0x1p-11f : 0x1p-8f;
    const int64_t shape_x[] = {1, 2, 1, 1}, shape_w[] = {1, 2, 1, 1}, shape_y[] = {1, 1, 1, 1};
    const float x[] = {1, unit}, w[] = {1, 1}, added[] = {unit / 64};
    const double want[] = {1 + 2 * (double)unit};
    test_tensor of_x = test_input_from_of(type, 4, shape_x, x, TEST_ROW_MAJOR);
    test_tensor of_w = test_input_from_of(type, 4, shape_w, w, TEST_ROW_MAJOR);
    test_tensor residual = test_input_from_of(type, 4, shape_y, added, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 4, shape_y, TEST_ROW_MAJOR);
    test_ok(cleat_conv2d(test_context(), of_x.view, of_w.view, y.view,
        &(cleat_conv2d_options){.residual = &residual.view}));
    test_fetch(&y);
    test_equal(&y, want, "a tie that the residual breaks");
    test_free(&of_x);
    test_free(&of_w);
    test_free(&residual);
    test_free(&y);
}
END_TEST

START_TEST(refusals) {
    const int64_t shape_x[] = {2, 3, 6, 6}, shape_w[] = {4, 3, 3, 3}, shape_y[] = {2, 4, 4, 4};
    cleat_context *context = test_context();
    test_tensor x = test_input(4, shape_x, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor w = test_input(4, shape_w, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor half = test_input_of(CLEAT_F16, 4, shape_y, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, shape_y, TEST_ROW_MAJOR);
    const cleat_tensor turned = cleat_transpose(y.view);
    cleat_tensor none = y.view;
    none.buffer = NULL;
    cleat_conv2d_options options = {.residual = &x.view};
    test_refused(cleat_conv2d(context, x.view, w.view, y.view, &options), CLEAT_SHAPE_MISMATCH,
        "conv2d: residual");
    options.residual = &half.view;
    test_refused(cleat_conv2d(context, x.view, w.view, y.view, &options), CLEAT_TYPE_MISMATCH,
        "conv2d: residual has type f16");
    options.residual = &turned; /* y's elements in other places */
    test_refused(
        cleat_conv2d(context, x.view, w.view, y.view, &options), CLEAT_OVERLAP, "residual");
    options.residual = &none;
    test_refused(cleat_conv2d(context, x.view, w.view, y.view, &options), CLEAT_INVALID_ARGUMENT,
        "residual has no buffer");
    test_unchanged(&x);
    test_unchanged(&w);
    test_unchanged(&y);
    test_free(&x);
    test_free(&w);
    test_free(&half);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv_residual");
    test_add_loop(suite, "variants", every_variant, KINDS);
    test_add_loop(suite, "types", every_type, KINDS);
    test_add_loop(suite, "rounds_once", rounds_once, 2);
    test_add_case(suite, "refusals", refusals);
    return suite;
}
