/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions over one axis and three, and transposed ones: the 2-D kernels under other names, so
 * what is tested is what is their own: shapes, bias and activation going back to the data, adding
 * going forward, and, by each variant, cases of all kinds. */
#include "harness.h"
#include "reference/reference_conv.h"

enum { FORWARD, DATA, WEIGHTS };

typedef struct conv_case {
    int axes;
    bool transposed;
    int64_t x[5], w[5]; /* axes + 2 extents each */
    int64_t stride[3], padding[6], dilation[3], output_padding[3], groups;
} conv_case;

/* The options of every call, in both forms. */
typedef struct choices {
    const cleat_tensor *bias, *residual;
    cleat_activation activation;
    bool accumulate;
    const char *variant;
} choices;

static const float quarter[] = {0.25f, 0};

static cleat_conv1d_options options_1d(const conv_case *c, const choices *o) {
    return (cleat_conv1d_options){.stride = c->stride[0],
        .padding = {c->padding[0], c->padding[1]},
        .dilation = c->dilation[0],
        .output_padding = c->output_padding[0],
        .groups = c->groups,
        .bias = o->bias,
        .residual = o->residual,
        .activation = o->activation,
        .activation_parameters = quarter,
        .accumulate = o->accumulate,
        .variant = o->variant};
}

static cleat_conv2d_options options_2d(const conv_case *c, const choices *o) {
    cleat_conv2d_options options = {.groups = c->groups,
        .bias = o->bias,
        .residual = o->residual,
        .activation = o->activation,
        .activation_parameters = quarter,
        .accumulate = o->accumulate,
        .variant = o->variant};
    memcpy(options.stride, c->stride, sizeof options.stride);
    memcpy(options.padding, c->padding, sizeof options.padding);
    memcpy(options.dilation, c->dilation, sizeof options.dilation);
    memcpy(options.output_padding, c->output_padding, sizeof options.output_padding);
    return options;
}

static cleat_conv3d_options options_3d(const conv_case *c, const choices *o) {
    cleat_conv3d_options options = {.groups = c->groups,
        .bias = o->bias,
        .residual = o->residual,
        .activation = o->activation,
        .activation_parameters = quarter,
        .accumulate = o->accumulate,
        .variant = o->variant};
    memcpy(options.stride, c->stride, sizeof options.stride);
    memcpy(options.padding, c->padding, sizeof options.padding);
    memcpy(options.dilation, c->dilation, sizeof options.dilation);
    memcpy(options.output_padding, c->output_padding, sizeof options.output_padding);
    return options;
}

typedef cleat_status call_1d(
    cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor, const cleat_conv1d_options *);
typedef cleat_status call_2d(
    cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor, const cleat_conv2d_options *);

typedef cleat_status call_3d(
    cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor, const cleat_conv3d_options *);

static call_1d *const calls_1d[2][3] = {
    {cleat_conv1d, cleat_conv1d_backward_data, cleat_conv1d_backward_weights},
    {cleat_conv_transpose1d, cleat_conv_transpose1d_backward_data,
        cleat_conv_transpose1d_backward_weights}};
static call_2d *const calls_2d[2][3] = {
    {cleat_conv2d, cleat_conv2d_backward_data, cleat_conv2d_backward_weights},
    {cleat_conv_transpose2d, cleat_conv_transpose2d_backward_data,
        cleat_conv_transpose2d_backward_weights}};

static call_3d *const calls_3d[2][3] = {
    {cleat_conv3d, cleat_conv3d_backward_data, cleat_conv3d_backward_weights},
    {cleat_conv_transpose3d, cleat_conv_transpose3d_backward_data,
        cleat_conv_transpose3d_backward_weights}};

static cleat_status call(const conv_case *c, int direction, cleat_tensor a, cleat_tensor b,
    cleat_tensor result, const choices *o) {
    if (c->axes == 1) {
        const cleat_conv1d_options options = options_1d(c, o);
        return calls_1d[c->transposed][direction](test_context(), a, b, result, &options);
    }
    if (c->axes == 3) {
        const cleat_conv3d_options options = options_3d(c, o);
        return calls_3d[c->transposed][direction](test_context(), a, b, result, &options);
    }
    const cleat_conv2d_options options = options_2d(c, o);
    return calls_2d[c->transposed][direction](test_context(), a, b, result, &options);
}

static void shape_of_result(const conv_case *c, int64_t y[5]) {
    const choices none = {.bias = NULL};
    if (c->axes == 1) {
        const cleat_conv1d_options options = options_1d(c, &none);
        test_ok((c->transposed ? cleat_conv_transpose1d_shape : cleat_conv1d_shape)(
            c->x, c->w, &options, y));
        return;
    }
    if (c->axes == 3) {
        const cleat_conv3d_options options = options_3d(c, &none);
        test_ok((c->transposed ? cleat_conv_transpose3d_shape : cleat_conv3d_shape)(
            c->x, c->w, &options, y));
        return;
    }
    const cleat_conv2d_options options = options_2d(c, &none);
    test_ok((c->transposed ? cleat_conv_transpose2d_shape : cleat_conv2d_shape)(
        c->x, c->w, &options, y));
}

/* The variants that a direction runs through. */
static const char *const *variants_of(const conv_case *c, int direction) {
    static const cleat_conv2d_direction swapped[] = {
        CLEAT_CONV2D_BACKWARD_DATA, CLEAT_CONV2D_FORWARD, CLEAT_CONV2D_BACKWARD_WEIGHTS};
    return (c->axes == 3 ? cleat_conv3d_variants : cleat_conv2d_variants)(
        c->transposed ? swapped[direction] : (cleat_conv2d_direction)direction);
}

/* Axes that are missing get extent 1, step 1. */
static void widen(int axes, const int64_t *shape, int64_t out[5]) {
    out[0] = shape[0];
    out[1] = shape[1];
    for (int i = 0; i < 3; i++) {
        out[i + 2] = i < 3 - axes ? 1 : shape[i + axes - 1];
    }
}

static reference_conv reference_of(const conv_case *c, const int64_t y[5]) {
    reference_conv r = {.groups = c->groups ? c->groups : 1};
    widen(c->axes, c->transposed ? y : c->x, r.large);
    widen(c->axes, c->transposed ? c->x : y, r.small);
    widen(c->axes, c->w, r.w);
    for (int i = 0; i < 3; i++) {
        const int from = i + c->axes - 3;
        r.stride[i] = from < 0 || c->stride[from] == 0 ? 1 : c->stride[from];
        r.dilation[i] = from < 0 || c->dilation[from] == 0 ? 1 : c->dilation[from];
        r.before[i] = from < 0 ? 0 : c->padding[from];
    }
    return r;
}

/* What one direction takes and gives. */
typedef struct operands {
    test_tensor a, b, bias, residual; /* the last as large as the result */
    int64_t shape[5];                 /* of the result */
    double *want, *magnitude;
    int64_t count, terms;
} operands;

static void want_sums(const conv_case *c, int direction, const reference_conv *r, operands *o) {
    double *a = test_doubles(&o->a), *b = test_doubles(&o->b);
    const int64_t window = r->w[2] * r->w[3] * r->w[4];
    if (direction == WEIGHTS && c->transposed) {
        reference_conv_weights(r, b, a, o->want, o->magnitude);
    } else if (direction == WEIGHTS) {
        reference_conv_weights(r, a, b, o->want, o->magnitude);
    } else if ((direction == FORWARD) != c->transposed) {
        reference_conv_small(r, a, b, o->want, o->magnitude);
    } else {
        reference_conv_large(r, a, b, o->want, o->magnitude);
    }
    o->terms = direction == WEIGHTS ? r->small[0] * r->small[2] * r->small[3] * r->small[4]
               : (direction == FORWARD) != c->transposed ? r->w[1] * window
                                                         : r->w[0] / r->groups * window;
    o->terms += 3;
    free(a);
    free(b);
}

static operands make_operands(
    const conv_case *c, int direction, test_values values, test_layout layout) {
    int64_t y[5] = {0};
    shape_of_result(c, y);
    const reference_conv r = reference_of(c, y);
    const int64_t *shapes[3][3] = {{c->x, c->w, y}, {y, c->w, c->x}, {c->x, y, c->w}};
    const int rank = c->axes + 2;
    operands o = {.a = test_input(rank, shapes[direction][0], values, layout),
        .b = test_input(rank, shapes[direction][1], values, layout),
        .bias = test_input(1, &y[1], values, layout),
        .count = 1};
    for (int i = 0; i < rank; i++) {
        o.shape[i] = shapes[direction][2][i];
        o.count *= o.shape[i];
    }
    o.residual = test_input(rank, o.shape, values, test_coin() ? layout : TEST_ROW_MAJOR);
    o.want = test_alloc(o.count, sizeof *o.want);
    o.magnitude = test_alloc(o.count, sizeof *o.magnitude);
    want_sums(c, direction, &r, &o);
    return o;
}

static void free_operands(operands *o) {
    test_free(&o->a);
    test_free(&o->b);
    test_free(&o->bias);
    test_free(&o->residual);
    free(o->want);
    free(o->magnitude);
}

static const char *case_text(const conv_case *c, int direction, const char *variant) {
    static const char *const names[] = {"forward", "data", "weights"};
    static char text[200];
    int used =
        snprintf(text, sizeof text, "%s%dd %s by %s: x", c->transposed ? "transpose" : "conv",
            c->axes, names[direction], variant ? variant : "default");
    for (int i = 0; i < c->axes + 2; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, " %d", (int)c->x[i]);
    }
    used += snprintf(text + used, sizeof text - (size_t)used, ", w");
    for (int i = 0; i < c->axes + 2; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, " %d", (int)c->w[i]);
    }
    return text;
}

/* Bias, residual and leaky relu (slope 0.25: exact), or earlier contents, are part of what is
 * wanted. */
static void finish_want(const conv_case *c, operands *o, const choices *chosen,
    const double *before, double *want, double *magnitude) {
    int64_t pixels = 1;
    for (int i = 2; i < c->axes + 2; i++) {
        pixels *= o->shape[i];
    }
    for (int64_t i = 0; i < o->count; i++) {
        want[i] = o->want[i];
        magnitude[i] = o->magnitude[i];
        if (before != NULL) {
            want[i] += before[i];
            magnitude[i] += fabs(before[i]);
        }
        if (chosen->bias != NULL) {
            const double bias = (double)o->bias.data[i / pixels % o->shape[1]];
            want[i] += bias;
            magnitude[i] += fabs(bias);
        }
        if (chosen->residual != NULL) {
            want[i] += (double)o->residual.data[i];
            magnitude[i] += fabs((double)o->residual.data[i]);
        }
        if (chosen->activation == CLEAT_LEAKY_RELU && want[i] < 0) {
            want[i] *= 0.25;
        }
    }
}

static void run_variant(const conv_case *c, int direction, operands *o, test_values values,
    test_layout layout, const choices *chosen) {
    const char *what = case_text(c, direction, chosen->variant);
    const int rank = c->axes + 2;
    test_tensor first = chosen->accumulate ? test_input(rank, o->shape, values, layout)
                                           : test_output(rank, o->shape, layout);
    double *before = chosen->accumulate ? test_doubles(&first) : NULL;
    const cleat_status status = call(c, direction, o->a.view, o->b.view, first.view, chosen);
    if (status == CLEAT_UNSUPPORTED && chosen->variant != NULL) {
        test_unchanged(&first);
    } else {
        ck_assert_msg(status == CLEAT_OK, "%s: %s", what, cleat_error_message());
        test_fetch(&first);
        double *want = test_alloc(o->count, sizeof *want);
        double *magnitude = test_alloc(o->count, sizeof *magnitude);
        finish_want(c, o, chosen, before, want, magnitude);
        if (values == TEST_EXACT) {
            test_equal(&first, want, what);
        } else {
            test_bound(&first, want, magnitude, o->terms, what);
        }
        if (!chosen->accumulate) {
            test_tensor second = first;
            second.data = test_alloc(first.count, sizeof *second.data);
            test_ok(call(c, direction, o->a.view, o->b.view, second.view, chosen));
            test_fetch(&second);
            test_same_bits(&first, &second, what);
            free(second.data);
        }
        free(want);
        free(magnitude);
    }
    free(before);
    test_free(&first);
}

/* One case in one direction, by the library's choice and by each variant; forward every second one
 * with bias and activation, every third with a residual, backward every second one onto earlier
 * contents. */
static void run_case(
    const conv_case *c, int direction, test_values values, test_layout layout, bool all) {
    operands o = make_operands(c, direction, values, layout);
    static int turn;
    const char *const *variants = variants_of(c, direction);
    for (int i = -1; i < 0 || (all && variants[i] != NULL); i++) {
        const bool more = turn % 2 == 0, adds = direction == FORWARD && turn % 3 == 0;
        const choices chosen = {.variant = i < 0 ? NULL : variants[i],
            .bias = direction == FORWARD && more ? &o.bias.view : NULL,
            .residual = adds ? &o.residual.view : NULL,
            .activation = direction == FORWARD && more ? CLEAT_LEAKY_RELU : CLEAT_ACTIVATION_NONE,
            .accumulate = direction != FORWARD && more};
        turn++;
        run_variant(c, direction, &o, values, layout, &chosen);
    }
    free_operands(&o);
}

static const conv_case table[] = {
    {1, false, {2, 12, 90}, {20, 12, 5}, {1}, {2, 2}, {1}, {0}, 1},
    {1, true, {2, 12, 31}, {12, 20, 4}, {2}, {1, 1}, {1}, {0}, 1},
    {1, false, {3, 8, 41}, {16, 2, 3}, {2}, {3, 0}, {2}, {0}, 4},
    {1, true, {1, 6, 17}, {6, 5, 3}, {3}, {0, 2}, {2}, {2}, 2},
    {1, false, {1, 9, 300}, {9, 1, 7}, {1}, {6, 0}, {1}, {0}, 9},
    {1, true, {2, 10, 64}, {10, 1, 5}, {1}, {2, 2}, {3}, {2}, 10},
    {1, false, {2, 40, 33}, {24, 40, 1}, {1}, {0, 0}, {1}, {0}, 1},
    {1, false, {1, 1, 1}, {1, 1, 1}, {0}, {0, 0}, {0}, {0}, 0},
    {2, true, {2, 12, 7, 9}, {12, 20, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {0, 0}, 1},
    {2, true, {1, 9, 6, 5}, {9, 17, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {1, 1}, 1},
    {2, true, {1, 8, 5, 6}, {8, 3, 3, 2}, {1, 3}, {0, 1, 2, 0}, {2, 1}, {1, 2}, 2},
    /* steps wider than the window: cells that no product reaches */
    {2, true, {2, 5, 4, 5}, {5, 6, 2, 2}, {3, 3}, {0, 0, 0, 0}, {1, 1}, {2, 1}, 1},
    {2, true, {1, 20, 9, 13}, {20, 12, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, {0, 0}, 1},
    {2, true, {1, 14, 8, 8}, {14, 1, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {1, 1}, 14},
    {2, true, {1, 1, 1, 1}, {1, 1, 1, 1}, {0}, {0}, {0}, {0}, 0},
    {2, true, {1, 24, 6, 6}, {24, 40, 1, 1}, {1, 1}, {0}, {1, 1}, {0, 0}, 1},
    /* a channel multiplier */
    {2, false, {2, 10, 12, 17}, {30, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, {0, 0}, 10},
    {2, true, {2, 30, 12, 9}, {30, 1, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {0, 1}, 10},
    {1, false, {0, 4, 9}, {6, 4, 3}, {1}, {1, 1}, {1}, {0}, 1},
    {3, false, {2, 5, 4, 7, 9}, {12, 5, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, {0}, 1},
    {3, false, {1, 6, 6, 9, 12}, {20, 3, 3, 2, 3}, {2, 2, 1}, {2, 0, 1, 0, 1, 2}, {1, 1, 2}, {0},
        2},
    {3, true, {2, 6, 3, 4, 5}, {6, 7, 3, 3, 3}, {2, 2, 2}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, {1, 1, 1},
        1},
    {3, false, {1, 40, 5, 6, 6}, {17, 40, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, {0},
        1},
    {3, false, {2, 9, 7, 5, 6}, {33, 9, 3, 1, 1}, {1, 1, 1}, {1, 0, 0, 1, 0, 0}, {1, 1, 1}, {0}, 1},
    {3, true, {1, 4, 3, 4, 4}, {4, 3, 2, 2, 2}, {3, 2, 2}, {0}, {1, 1, 1}, {0}, 2},
    {3, false, {2, 14, 3, 8, 8}, {14, 1, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, {0},
        14},
    /* depths that windows meet in padding alone; more terms than fit in one panel */
    {3, false, {1, 3, 2, 5, 6}, {9, 3, 2, 2, 2}, {1, 1, 1}, {4, 0, 0, 3, 0, 0}, {2, 1, 1}, {0}, 1},
    {3, false, {1, 300, 3, 4, 20}, {10, 300, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1},
        {0}, 1},
    {3, false, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {0}, {0}, {0}, {0}, 0},
    {3, false, {2, 0, 2, 3, 3}, {2, 0, 2, 2, 2}, {1, 1, 1}, {0}, {1, 1, 1}, {0}, 1},
    {2, true, {2, 0, 4, 4}, {0, 3, 2, 2}, {2, 2}, {0}, {1, 1}, {0, 0}, 1},
    {1, true, {2, 3, 9}, {3, 0, 2}, {2}, {0, 0}, {1}, {1}, 1},
};

START_TEST(test_table) {
    static const test_layout layouts[] = {
        TEST_ROW_MAJOR, TEST_STRIDED, TEST_ROWS, TEST_CHANNELS_LAST};
    for (int i = 0; i < (int)(sizeof table / sizeof *table); i++) {
        run_case(&table[i], _i, TEST_EXACT, layouts[i % 4], true);
        run_case(&table[i], _i, TEST_REAL, layouts[(i + 2) % 4], false);
    }
}
END_TEST

static conv_case random_case(void) {
    conv_case c = {.axes = (int)test_int(1, 3), .groups = test_int(1, 3)};
    c.transposed = c.axes == 2 || test_coin();
    c.w[1] = test_int(1, 9);
    c.w[0] = c.groups * test_int(1, 12);
    c.x[0] = test_int(1, 3);
    c.x[1] = c.transposed ? c.w[0] : c.groups * c.w[1];
    for (int i = 0; i < c.axes; i++) {
        c.w[i + 2] = test_int(1, c.axes == 3 ? 3 : 5);
        c.stride[i] = test_int(1, c.axes == 3 ? 2 : 4);
        c.dilation[i] = test_int(1, 3);
        const int64_t span = (c.w[i + 2] - 1) * c.dilation[i] + 1;
        const int64_t most = c.stride[i] > c.dilation[i] ? c.stride[i] : c.dilation[i];
        c.padding[i] = test_int(0, span / 2);
        c.padding[c.axes + i] = test_int(0, span / 2);
        c.x[i + 2] = test_int(1, c.axes == 3 && i < 2 ? 4 : 20) +
                     (c.transposed ? (span + c.stride[i]) / c.stride[i] : span);
        c.output_padding[i] = c.transposed ? test_int(0, most - 1) : 0;
    }
    return c;
}

START_TEST(test_random) {
    for (int round = 0; round < test_rounds(24); round++) {
        const conv_case c = random_case();
        run_case(&c, _i, test_coin() ? TEST_EXACT : TEST_REAL,
            (test_layout)test_int(TEST_ROW_MAJOR, TEST_CHANNELS_LAST), round % 3 == 0);
    }
}
END_TEST

/* The gradient of the bias over one axis and three, exact. */
START_TEST(test_bias) {
    const int64_t shapes[2][5] = {{3, 5, 41}, {3, 5, 2, 3, 7}};
    double want[5];
    for (int i = 0; i < 10; i++) {
        const int layout = TEST_ROW_MAJOR + i / 2;
        const int64_t *shape = shapes[i % 2];
        const int pixels = i % 2 ? 42 : 41;
        test_tensor dy = test_input(i % 2 ? 5 : 3, shape, TEST_EXACT, (test_layout)layout);
        test_tensor db = test_output(1, &shape[1], TEST_STRIDED);
        for (int m = 0; m < 5; m++) {
            want[m] = 0;
            for (int k = 0; k < 3 * pixels; k++) {
                want[m] += (double)dy.data[(k / pixels * 5 + m) * pixels + k % pixels];
            }
        }
        test_ok(i % 2 ? cleat_conv3d_backward_bias(test_context(), dy.view, db.view, NULL)
                      : cleat_conv1d_backward_bias(test_context(), dy.view, db.view, NULL));
        test_fetch(&db);
        test_equal(&db, want, "bias");
        test_free(&dy);
        test_free(&db);
    }
}
END_TEST

/* The reference's gradients against central differences of its own sums: exact but for rounding, as
 * the sums are linear in each operand. */
static void check_difference(const reference_conv *r, bool transposed, double *operand,
    int64_t count, const double *gradient, double *large, double *w, double *small,
    const double *dy) {
    const int64_t *shape = transposed ? r->large : r->small;
    const int64_t y_count = reference_conv_count(shape);
    double *y = test_alloc(y_count, sizeof *y), *magnitude = test_alloc(y_count, sizeof *y);
    for (int64_t i = 0; i < count; i++) {
        const double old = operand[i];
        double sums[2];
        for (int side = 0; side < 2; side++) {
            operand[i] = old + (side == 0 ? 1e-6 : -1e-6);
            if (transposed) {
                reference_conv_large(r, small, w, y, magnitude);
            } else {
                reference_conv_small(r, large, w, y, magnitude);
            }
            sums[side] = 0;
            for (int64_t j = 0; j < y_count; j++) {
                sums[side] += y[j] * dy[j];
            }
        }
        operand[i] = old;
        const double slope = (sums[0] - sums[1]) / 2e-6;
        ck_assert_msg(fabs(slope - gradient[i]) < 1e-7, "element %d: %g, slope %g", (int)i,
            gradient[i], slope);
    }
    free(y);
    free(magnitude);
}

static double *random_doubles(int64_t count) {
    double *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = test_real(-1, 1);
    }
    return values;
}

START_TEST(test_reference_gradient) {
    const reference_conv r = {
        {2, 4, 3, 5, 4}, {6, 2, 2, 3, 2}, {2, 6, 2, 3, 3}, {1, 2, 1}, {0, 1, 1}, {1, 1, 2}, 2};
    const int64_t l = reference_conv_count(r.large), k = reference_conv_count(r.w),
                  s = reference_conv_count(r.small), most = l > k ? l : k;
    double *large = random_doubles(l), *w = random_doubles(k), *small = random_doubles(s);
    double *gradient = test_alloc(most + s, sizeof *gradient);
    double *magnitude = test_alloc(most + s, sizeof *magnitude);
    /* y small, dy = small */
    reference_conv_large(&r, small, w, gradient, magnitude);
    check_difference(&r, false, large, l, gradient, large, w, NULL, small);
    reference_conv_weights(&r, large, small, gradient, magnitude);
    check_difference(&r, false, w, k, gradient, large, w, NULL, small);
    /* y large, dy = large */
    reference_conv_small(&r, large, w, gradient, magnitude);
    check_difference(&r, true, small, s, gradient, NULL, w, small, large);
    reference_conv_weights(&r, large, small, gradient, magnitude);
    check_difference(&r, true, w, k, gradient, NULL, w, small, large);
    free(large);
    free(w);
    free(small);
    free(gradient);
    free(magnitude);
}
END_TEST

START_TEST(test_shapes) {
    int64_t y[5] = {-1, -1, -1, -1, -1};
    cleat_conv1d_options o = {.stride = 3, .padding = {1, 4}, .dilation = 2, .groups = 2};
    test_ok(cleat_conv1d_shape((int64_t[]){5, 4, 20}, (int64_t[]){6, 2, 3}, &o, y));
    ck_assert(y[0] == 5 && y[1] == 6 && y[2] == 7 && y[3] == -1);
    o.output_padding = 2;
    test_ok(cleat_conv_transpose1d_shape((int64_t[]){5, 6, 7}, (int64_t[]){6, 2, 3}, &o, y));
    ck_assert(y[0] == 5 && y[1] == 4 && y[2] == 20 && y[3] == -1);
    test_refused(cleat_conv1d_shape((int64_t[]){5, 4, 20}, (int64_t[]){6, 2, 3}, &o, y),
        CLEAT_INVALID_ARGUMENT,
        "conv1d_shape: output_padding is [2], which only a transposed convolution has");
    test_refused(cleat_conv1d_shape(NULL, (int64_t[]){6, 2, 3}, &o, y), CLEAT_INVALID_ARGUMENT,
        "conv1d_shape: a shape is NULL");
    const cleat_conv2d_options p = {
        .stride = {2, 2}, .padding = {1, 0, 1, 0}, .output_padding = {1, 0}};
    test_ok(cleat_conv_transpose2d_shape((int64_t[]){1, 3, 4, 5}, (int64_t[]){3, 8, 3, 2}, &p, y));
    ck_assert(y[0] == 1 && y[1] == 8 && y[2] == 8 && y[3] == 10 && y[4] == -1);
    test_refused(
        cleat_conv_transpose2d_shape((int64_t[]){1, 3, 0, 5}, (int64_t[]){3, 8, 3, 2}, &p, y),
        CLEAT_SHAPE_MISMATCH, "conv_transpose2d_shape: input is 0 high");
    test_refused(cleat_conv_transpose2d_shape(
                     (int64_t[]){1, 3, 4, INT64_MAX}, (int64_t[]){3, 8, 3, 2}, &p, y),
        CLEAT_SIZE_OVERFLOW, "64 bits");
    test_refused(
        cleat_conv_transpose2d_shape((int64_t[]){1, 3, 1, 5}, (int64_t[]){3, 8, 1, 2}, &p, y),
        CLEAT_SHAPE_MISMATCH, "result would be 2 high, of which padding takes off 1 and 1");
}
END_TEST

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor x = test_input(3, (int64_t[]){2, 4, 9}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor w = test_input(3, (int64_t[]){4, 6, 3}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, (int64_t[]){2, 6, 11}, TEST_ROW_MAJOR);
    test_refused(
        cleat_conv1d(NULL, x.view, w.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "conv1d: ");
    test_refused(cleat_conv1d(context, x.view, w.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "conv1d: weight has 6 input channels per group, input has 4 channels in 1 groups");
    test_refused(cleat_conv2d(context, x.view, w.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "conv2d: x has the shape [2, 4, 9], rank 4 is wanted");
    cleat_conv1d_options o = {.stride = -2};
    test_refused(cleat_conv1d_backward_data(context, y.view, w.view, x.view, &o),
        CLEAT_INVALID_ARGUMENT, "conv1d_backward_data: stride is [-2]");
    o = (cleat_conv1d_options){.padding = {0, -1}};
    test_refused(cleat_conv_transpose1d(context, x.view, w.view, y.view, &o),
        CLEAT_INVALID_ARGUMENT, "conv_transpose1d: padding is [0, -1]: negative");
    o = (cleat_conv1d_options){.stride = 2, .output_padding = 2};
    test_refused(cleat_conv_transpose1d(context, x.view, w.view, y.view, &o),
        CLEAT_INVALID_ARGUMENT,
        "output_padding is [2], on axis 0 neither less than the stride 2 nor than the dilation 1");
    o = (cleat_conv1d_options){.stride = 2};
    test_refused(cleat_conv_transpose1d(context, x.view, w.view, y.view, &o), CLEAT_SHAPE_MISMATCH,
        "y is [2, 6, 11], but x and w make it [2, 6, 19]");
    o = (cleat_conv1d_options){.groups = 3};
    test_refused(cleat_conv_transpose1d(context, x.view, w.view, y.view, &o), CLEAT_SHAPE_MISMATCH,
        "input has 4 channels, not a multiple of 3 groups");
    cleat_tensor part;
    test_ok(cleat_slice(x.view, 1, 0, 3, 1, &part));
    test_refused(cleat_conv_transpose1d(context, part, w.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "weight has 4 input channels, input has 3");
    test_ok(cleat_slice(w.view, 2, 0, 0, 1, &part));
    test_refused(cleat_conv_transpose1d(context, x.view, part, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "weight has a window of 0");
    o = (cleat_conv1d_options){.bias = &x.view};
    test_refused(cleat_conv_transpose1d(context, x.view, w.view, y.view, &o), CLEAT_SHAPE_MISMATCH,
        "bias has the shape");
    o = (cleat_conv1d_options){.stride = 2};
    cleat_tensor dx = y.view;
    dx.shape[1] = 4;
    dx.shape[2] = 9;
    test_refused(cleat_conv_transpose1d_backward_data(context, w.view, w.view, dx, &o),
        CLEAT_SHAPE_MISMATCH,
        "conv_transpose1d_backward_data: dy is [4, 6, 3], but dx and w make it [2, 6, 19]");
    test_refused(cleat_conv_transpose1d_backward_weights(context, x.view, y.view, w.view,
                     &(cleat_conv1d_options){.variant = "winograd"}),
        CLEAT_INVALID_ARGUMENT,
        "conv_transpose1d_backward_weights: conv2d_backward_weights: there "
        "is no variant \"winograd\"");
    test_refused(cleat_conv1d_backward_bias(context, y.view, x.view, NULL), CLEAT_SHAPE_MISMATCH,
        "conv1d_backward_bias: db");
    test_unchanged(&x);
    test_unchanged(&w);
    test_unchanged(&y);
    test_free(&x);
    test_free(&w);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv_axes");
    static const char *const names[] = {"forward", "data", "weights"};
    for (int i = 0; i < 3; i++) {
        TCase *direction = test_case(suite, names[i]);
        tcase_add_loop_test(direction, test_table, i, i + 1);
        tcase_add_loop_test(direction, test_random, i, i + 1);
    }
    TCase *rest = test_case(suite, "rest");
    tcase_add_test(rest, test_bias);
    tcase_add_test(rest, test_reference_gradient);
    tcase_add_test(rest, test_shapes);
    tcase_add_test(rest, test_refusals);
    return suite;
}
