/* SPDX-License-Identifier: Apache-2.0 */
/* Every variant and direction against the reference: exact, within the bound, twice the same. */
#include "conv2d_case.h"
#include "harness.h"
#include "reference/reference_activation.h"

/* One convolution: shapes and geometry, the shape of y worked out. */
typedef struct conv_case {
    reference_conv2d c;
    test_layout layout;
} conv_case;

static void set_result_shape(reference_conv2d *c) {
    const cleat_conv2d_options options = conv2d_case_options(c);
    test_ok(cleat_conv2d_shape(c->x, c->w, &options, c->y));
}

static const char *case_text(const conv_case *k, const char *direction, const char *variant) {
    static char text[400];
    const reference_conv2d *c = &k->c;
    snprintf(text, sizeof text,
        "%s %s: x [%d, %d, %d, %d], w [%d, %d, %d, %d], stride %d %d, padding %d %d %d %d, "
        "dilation %d %d, %d groups, layout %d",
        variant, direction, (int)c->x[0], (int)c->x[1], (int)c->x[2], (int)c->x[3], (int)c->w[0],
        (int)c->w[1], (int)c->w[2], (int)c->w[3], (int)c->stride[0], (int)c->stride[1],
        (int)c->padding[0], (int)c->padding[1], (int)c->padding[2], (int)c->padding[3],
        (int)c->dilation[0], (int)c->dilation[1], (int)c->groups, (int)k->layout);
    return text;
}

/* What one direction needs: two inputs, a result, their shapes, and how to run it. */
typedef struct operands {
    test_tensor a, b, bias;
    double *want, *magnitude;
    const int64_t *result_shape;
    int64_t terms;
} operands;

static int64_t terms_of(const reference_conv2d *c, cleat_conv2d_direction direction) {
    const int64_t window = c->w[2] * c->w[3];
    switch (direction) {
    case CLEAT_CONV2D_FORWARD:
        return c->w[1] * window + 1;
    case CLEAT_CONV2D_BACKWARD_DATA:
        return c->w[0] / c->groups * window + 1;
    case CLEAT_CONV2D_BACKWARD_WEIGHTS:
        return c->y[0] * c->y[2] * c->y[3] + 1;
    }
    return 0;
}

static operands make_operands(
    const conv_case *k, cleat_conv2d_direction direction, test_values values) {
    const reference_conv2d *c = &k->c;
    const int64_t *shapes[3][3] = {{c->x, c->w, c->y}, {c->y, c->w, c->x}, {c->x, c->y, c->w}};
    operands o = {.a = test_input(4, shapes[direction][0], values, k->layout),
        .b = test_input(4, shapes[direction][1], values, k->layout),
        .bias = test_input(1, c->w, values, k->layout),
        .result_shape = shapes[direction][2],
        .terms = terms_of(c, direction)};
    test_settle_tile();
    const int64_t *s = o.result_shape;
    o.want = test_alloc(s[0] * s[1] * s[2] * s[3], sizeof(double));
    o.magnitude = test_alloc(s[0] * s[1] * s[2] * s[3], sizeof(double));
    double *a = test_doubles(&o.a), *b = test_doubles(&o.b), *bias = test_doubles(&o.bias);
    if (direction == CLEAT_CONV2D_FORWARD) {
        reference_conv2d_forward(c, a, b, bias, o.want, o.magnitude);
    } else if (direction == CLEAT_CONV2D_BACKWARD_DATA) {
        reference_conv2d_data(c, a, b, o.want, o.magnitude);
    } else {
        reference_conv2d_weights(c, a, b, o.want, o.magnitude);
    }
    free(a);
    free(b);
    free(bias);
    return o;
}

static void free_operands(operands *o) {
    test_free(&o->a);
    test_free(&o->b);
    test_free(&o->bias);
    free(o->want);
    free(o->magnitude);
}

static cleat_status run(const conv_case *k, cleat_conv2d_direction direction, const operands *o,
    cleat_tensor result, const char *variant, bool accumulate) {
    cleat_conv2d_options options = conv2d_case_options(&k->c);
    options.variant = variant;
    options.accumulate = accumulate;
    options.bias = &o->bias.view;
    switch (direction) {
    case CLEAT_CONV2D_FORWARD:
        return cleat_conv2d(test_context(), o->a.view, o->b.view, result, &options);
    case CLEAT_CONV2D_BACKWARD_DATA:
        return cleat_conv2d_backward_data(test_context(), o->a.view, o->b.view, result, &options);
    case CLEAT_CONV2D_BACKWARD_WEIGHTS:
        return cleat_conv2d_backward_weights(
            test_context(), o->a.view, o->b.view, result, &options);
    }
    return CLEAT_INVALID_ARGUMENT;
}

static void check(const operands *o, test_tensor *got, test_values values, const char *what) {
    test_fetch(got);
    if (values == TEST_EXACT) {
        test_equal(got, o->want, what);
    } else {
        test_bound(got, o->want, o->magnitude, o->terms, what);
    }
}

/* The strides of every result are drawn anew: one variant may take some and not others. */
static bool layout_refused(const conv_case *k, cleat_status status) {
    return k->layout != TEST_ROW_MAJOR && k->layout != TEST_CHANNELS_LAST &&
           status == CLEAT_UNSUPPORTED;
}

/* Adds the result to earlier contents; the reference's results move along. */
static void check_accumulate(const conv_case *k, cleat_conv2d_direction direction, operands *o,
    test_values values, const char *variant, const char *what) {
    test_tensor got = test_input(4, o->result_shape, values, k->layout);
    double *before = test_doubles(&got);
    for (int64_t i = 0; i < got.count; i++) {
        o->want[i] += before[i];
        o->magnitude[i] += fabs(before[i]);
    }
    const cleat_status status = run(k, direction, o, got.view, variant, true);
    ck_assert(status == CLEAT_OK || layout_refused(k, status));
    if (status == CLEAT_OK) {
        check(o, &got, values, what);
    }
    for (int64_t i = 0; i < got.count; i++) {
        o->want[i] -= before[i];
    }
    free(before);
    test_free(&got);
}

/* Weights packed beforehand give the same bits. */
static void check_packed_weights(
    const conv_case *k, const operands *o, test_tensor *want, const char *variant) {
    cleat_packed *packed = NULL;
    test_ok(cleat_conv2d_pack(test_context(), o->b.view, k->c.groups, &packed));
    cleat_conv2d_options options = conv2d_case_options(&k->c);
    options.variant = variant;
    options.bias = &o->bias.view;
    options.packed_w = packed;
    test_tensor got = test_output(4, o->result_shape, TEST_CHANNELS_LAST);
    const cleat_status status =
        cleat_conv2d(test_context(), o->a.view, o->b.view, got.view, &options);
    cleat_packed_release(packed);
    ck_assert(status == CLEAT_OK || layout_refused(k, status));
    test_fetch(&got);
    if (status == CLEAT_OK) {
        test_same_bits(want, &got, case_text(k, "forward with packed weights", variant));
    }
    test_free(&got);
}

static const char *const direction_name[] = {"forward", "backward data", "backward weights"};

/* One case in one direction through all variants. */
static void check_direction(
    const conv_case *k, cleat_conv2d_direction direction, test_values values) {
    const int64_t *y = k->c.y, *w = k->c.w;
    if (!test_wants_work(y[0] * y[1] * y[2] * y[3] * w[1] * w[2] * w[3])) {
        return;
    }
    operands o = make_operands(k, direction, values);
    const char *const *variant = cleat_conv2d_variants(direction);
    for (; *variant != NULL; variant++) {
        if (!test_wants(*variant)) {
            continue;
        }
        const char *what = case_text(k, direction_name[direction], *variant);
        test_tensor first = test_output(4, o.result_shape, k->layout);
        const cleat_status status = run(k, direction, &o, first.view, *variant, false);
        if (status == CLEAT_UNSUPPORTED) {
            test_free(&first);
            continue;
        }
        ck_assert_msg(status == CLEAT_OK, "%s: %s", what, cleat_error_message());
        check(&o, &first, values, what);
        test_tensor second = test_output(4, o.result_shape, k->layout);
        const cleat_status again = run(k, direction, &o, second.view, *variant, false);
        ck_assert(again == CLEAT_OK || layout_refused(k, again));
        test_fetch(&second);
        if (again == CLEAT_OK) {
            test_same_bits(&first, &second, what);
        }
        if (k->layout >= TEST_CHANNELS && direction == CLEAT_CONV2D_FORWARD) {
            check_packed_weights(k, &o, &first, *variant);
        }
        if (direction != CLEAT_CONV2D_FORWARD) {
            check_accumulate(k, direction, &o, values, *variant, what);
        }
        test_free(&first);
        test_free(&second);
    }
    free_operands(&o);
}

/* {x, w, y, stride, padding, dilation, groups}; y is worked out. */
static const reference_conv2d table[] = {
    /* the three layers of a small image classifier */
    {{3, 1, 28, 28}, {32, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{2, 32, 28, 28}, {32, 32, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{3, 32, 14, 14}, {64, 32, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    /* shapes of residual networks, made small */
    {{1, 3, 45, 45}, {16, 3, 7, 7}, {0}, {2, 2}, {3, 3, 3, 3}, {1, 1}, 1},
    {{1, 20, 14, 14}, {40, 20, 1, 1}, {0}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1},
    {{2, 40, 7, 7}, {33, 40, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    /* windows of one element: tiles within and across images, channels in several panels,
     * few pixels beyond whole vectors (so has the 10 x 13 below) */
    {{2, 40, 9, 8}, {33, 40, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 70, 5, 31}, {20, 70, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 2400, 7, 7}, {17, 2400, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 24, 15, 15}, {24, 24, 3, 3}, {0}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 10, 10, 13}, {9, 10, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 32, 9, 9}, {32, 4, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 8},
    /* depthwise, with one and with two outputs a channel */
    {{2, 24, 19, 19}, {24, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 24},
    {{2, 12, 19, 19}, {24, 1, 5, 5}, {0}, {2, 2}, {2, 2, 2, 2}, {1, 1}, 12},
    {{1, 6, 5, 41}, {6, 1, 3, 3}, {0}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 6},
    /* more channels than fit in one patch */
    {{1, 1030, 3, 90}, {9, 1030, 2, 3}, {0}, {1, 1}, {0, 1, 1, 1}, {1, 1}, 1},
    /* padding wider than the window, dilation wider than the input, one element, thin ones */
    {{1, 2, 3, 4}, {3, 2, 2, 2}, {0}, {1, 1}, {4, 3, 5, 6}, {1, 1}, 1},
    {{1, 2, 5, 5}, {2, 2, 2, 2}, {0}, {1, 2}, {1, 3, 0, 4}, {5, 7}, 1},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 3, 1, 50}, {5, 3, 1, 4}, {0}, {3, 3}, {0, 2, 0, 1}, {1, 2}, 1},
    {{1, 3, 50, 1}, {5, 3, 4, 1}, {0}, {3, 1}, {2, 0, 1, 0}, {2, 1}, 1},
    {{1, 4, 9, 9}, {4, 4, 2, 2}, {0}, {4, 4}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 4, 11, 11}, {4, 4, 3, 3}, {0}, {5, 6}, {1, 1, 1, 1}, {3, 2}, 1},
    /* no images, no outputs, no channels, no rows but padding */
    {{0, 2, 5, 5}, {3, 2, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{2, 2, 5, 5}, {0, 2, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{2, 0, 5, 5}, {3, 0, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{2, 2, 0, 5}, {3, 2, 3, 3}, {0}, {1, 1}, {2, 1, 2, 1}, {1, 1}, 1},
};

/* A short run of all variants; of one alone (CLEAT_TEST_VARIANT) everything is looked at. */
static bool is_halved(void) {
    return test_is_short() && getenv("CLEAT_TEST_VARIANT") == NULL;
}

static void check_table(cleat_conv2d_direction direction, test_values values) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (is_halved() && (i % 4 == 1 || i % 4 == 2) == (values == TEST_REAL)) {
            continue; /* one layer for each, both of either layout */
        }
        conv_case k = {table[i], i % 2 == 0 ? TEST_ROW_MAJOR : TEST_STRIDED};
        set_result_shape(&k.c);
        check_direction(&k, direction, values);
    }
}

/* Tests loop over the directions: _i is one of cleat_conv2d_direction. */
START_TEST(test_table_exact) {
    check_table((cleat_conv2d_direction)_i, TEST_EXACT);
}
END_TEST

START_TEST(test_table_bound) {
    check_table((cleat_conv2d_direction)_i, TEST_REAL);
}
END_TEST

/* Narrow groups, whose kernels take rows whole: widths around those of vectors, rows with and
 * without gaps, tiles that hang over, edges of every kind. */
static const reference_conv2d narrow[] = {
    {{2, 5, 19, 19}, {5, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 5},
    {{1, 6, 7, 7}, {6, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 6},
    {{1, 3, 30, 34}, {3, 1, 3, 3}, {0}, {1, 1}, {0, 2, 1, 0}, {1, 1}, 3},
    {{2, 3, 29, 53}, {3, 1, 3, 3}, {0}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 3},
    {{1, 3, 16, 70}, {3, 1, 3, 3}, {0}, {2, 2}, {0, 0, 1, 1}, {1, 1}, 3},
    {{1, 2, 9, 3}, {4, 1, 5, 5}, {0}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 2},
    {{1, 4, 12, 40}, {4, 2, 3, 3}, {0}, {2, 1}, {2, 2, 2, 2}, {2, 2}, 2},
    {{1, 2, 25, 35}, {2, 1, 2, 3}, {0}, {1, 2}, {3, 4, 0, 3}, {1, 2}, 2},
};

static void check_narrow(cleat_conv2d_direction direction, test_values values) {
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++) {
        for (int rows = 0; rows < (values == TEST_EXACT ? 3 : 1); rows++) {
            conv_case k = {narrow[i], rows == 0 ? TEST_ROW_MAJOR : TEST_ROWS};
            set_result_shape(&k.c);
            check_direction(&k, direction, values);
        }
    }
}

START_TEST(test_narrow) {
    check_narrow((cleat_conv2d_direction)_i, TEST_EXACT);
    check_narrow((cleat_conv2d_direction)_i, TEST_REAL);
}
END_TEST

/* Step 1, for cpu_rows: borders of either side wider, several taps apart, rows shorter than a
 * vector, more channels than leave room for many rows. */
static const reference_conv2d step_1[] = {
    {{2, 9, 20, 21}, {12, 9, 3, 2}, {0}, {1, 1}, {1, 2, 3, 0}, {2, 1}, 1},
    {{2, 6, 17, 16}, {20, 3, 2, 3}, {0}, {1, 1}, {0, 1, 1, 4}, {1, 3}, 2},
    {{1, 5, 40, 6}, {3, 5, 5, 5}, {0}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 1},
    {{1, 300, 12, 34}, {10, 300, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
};

START_TEST(test_step_1) {
    for (size_t i = 0; i < sizeof step_1 / sizeof step_1[0]; i++) {
        conv_case k = {step_1[i], TEST_ROW_MAJOR};
        set_result_shape(&k.c);
        check_direction(&k, CLEAT_CONV2D_FORWARD, TEST_EXACT);
        check_direction(&k, CLEAT_CONV2D_FORWARD, TEST_REAL);
    }
}
END_TEST

/* Channels end to end, groups of at least a vector of outputs: odd and even numbers of vectors, the
 * last one overlapping or not, pixels of all images in one row or not, tiles that hang over, whole,
 * short and long ones, edges of every kind, many panels; and depthwise ones. */
static const reference_conv2d channels_last[] = {
    {{2, 5, 9, 31}, {40, 5, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{3, 70, 7, 7}, {48, 70, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 9, 15, 17}, {23, 9, 1, 1}, {0}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1},
    {{2, 6, 10, 14}, {32, 6, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 6, 7, 7}, {80, 6, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 3, 31, 61}, {17, 3, 7, 7}, {0}, {2, 2}, {3, 3, 3, 3}, {1, 1}, 1},
    {{1, 4, 20, 45}, {48, 2, 3, 5}, {0}, {1, 3}, {2, 4, 0, 5}, {2, 3}, 2},
    {{1, 2, 3, 4}, {16, 2, 2, 2}, {0}, {1, 1}, {4, 3, 5, 6}, {1, 1}, 1},
    {{1, 1030, 4, 5}, {70, 1030, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 3, 3, 200}, {16, 3, 3, 3}, {0}, {1, 1}, {0, 1, 0, 0}, {1, 1}, 1},
    /* pixels a page apart, a second and a third panel */
    {{1, 1024, 4, 7}, {33, 1024, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{2, 512, 3, 29}, {16, 512, 1, 1}, {0}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1},
    {{2, 24, 19, 19}, {24, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 24},
    {{1, 16, 5, 28}, {16, 1, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 16},
    {{1, 80, 9, 23}, {80, 1, 3, 3}, {0}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 80},
    {{1, 17, 12, 7}, {17, 1, 5, 4}, {0}, {1, 2}, {2, 5, 4, 2}, {3, 2}, 17},
};

static void check_channels_last(cleat_conv2d_direction direction, test_values values) {
    for (size_t i = 0; i < sizeof channels_last / sizeof channels_last[0]; i++) {
        for (int layout = TEST_CHANNELS; layout <= TEST_CHANNELS_LAST; layout++) {
            if (is_halved() && layout != TEST_CHANNELS + (int)i % 2) {
                continue; /* the other one at the next shape */
            }
            conv_case k = {channels_last[i], (test_layout)layout};
            set_result_shape(&k.c);
            check_direction(&k, direction, values);
        }
    }
}

START_TEST(test_channels_last) {
    check_channels_last((cleat_conv2d_direction)_i, TEST_EXACT);
    if (_i == CLEAT_CONV2D_FORWARD) {
        check_channels_last(CLEAT_CONV2D_FORWARD, TEST_REAL);
    }
}
END_TEST

/* A convolution with a window that fits. */
static conv_case random_case(void) {
    conv_case k = {.layout = (test_layout)test_int(TEST_ROW_MAJOR, TEST_CHANNELS_LAST)};
    reference_conv2d *c = &k.c;
    const bool depthwise = test_int(0, 4) == 0;
    c->groups = depthwise ? test_int(1, 20) : test_int(1, 3);
    c->w[1] = depthwise ? 1 : test_int(1, 9);
    c->w[0] = c->groups * (depthwise ? test_int(1, 2) : test_int(1, 20));
    c->x[0] = test_int(1, 3);
    c->x[1] = c->groups * c->w[1];
    for (int axis = 0; axis < 2; axis++) {
        c->w[axis + 2] = test_int(1, 5);
        c->stride[axis] = test_int(0, 2) ? test_int(1, 2) : test_int(1, 5);
        c->dilation[axis] = test_int(0, 2) ? 1 : test_int(1, 3);
        c->padding[axis] = test_int(0, 3);
        c->padding[axis + 2] = test_int(0, 3);
        const int64_t span = (c->w[axis + 2] - 1) * c->dilation[axis] + 1;
        const int64_t padding = c->padding[axis] + c->padding[axis + 2];
        const int64_t least = span > padding ? span - padding : 1;
        c->x[axis + 2] = least + test_int(0, test_coin() ? 5 : 30);
    }
    set_result_shape(c);
    return k;
}

START_TEST(test_random_exact) {
    for (int i = 0; i < test_rounds(36); i++) {
        const conv_case k = random_case();
        check_direction(&k, (cleat_conv2d_direction)_i, TEST_EXACT);
    }
}
END_TEST

START_TEST(test_random_bound) {
    for (int i = 0; i < test_rounds(12); i++) {
        const conv_case k = random_case();
        check_direction(&k, (cleat_conv2d_direction)_i, TEST_REAL);
    }
}
END_TEST

/* One value that is not finite reaches the results whose sums hold it, and no others. */
static void check_special(const conv_case *k, cleat_conv2d_direction direction, float value) {
    operands o = make_operands(k, direction, TEST_EXACT);
    const int64_t last = o.a.count - 1;
    o.a.data[test_int(0, 3) ? test_int(0, last) : (test_coin() ? 0 : last)] = value;
    test_tensor poisoned = test_input_from(4, o.a.view.shape, o.a.data, k->layout);
    double *first = test_doubles(&poisoned), *second = test_doubles(&o.b),
           *bias = test_doubles(&o.bias);
    if (direction == CLEAT_CONV2D_FORWARD) {
        reference_conv2d_forward(&k->c, first, second, bias, o.want, NULL);
    } else if (direction == CLEAT_CONV2D_BACKWARD_DATA) {
        reference_conv2d_data(&k->c, first, second, o.want, NULL);
    } else {
        reference_conv2d_weights(&k->c, first, second, o.want, NULL);
    }
    test_free(&o.a);
    o.a = poisoned;
    for (const char *const *v = cleat_conv2d_variants(direction); *v != NULL; v++) {
        test_tensor got = test_output(4, o.result_shape, k->layout);
        const bool skips = direction == CLEAT_CONV2D_BACKWARD_WEIGHTS && !strcmp(*v, "cpu_sparse");
        if (test_wants(*v) && !skips && run(k, direction, &o, got.view, *v, false) == CLEAT_OK) {
            check(&o, &got, TEST_EXACT, case_text(k, direction_name[direction], *v));
        }
        test_free(&got);
    }
    free(first);
    free(second);
    free(bias);
    free_operands(&o);
}

START_TEST(test_special_values) {
    const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < test_rounds(24); i++) {
        const conv_case k = random_case();
        check_special(&k, (cleat_conv2d_direction)_i, values[i % 3]);
    }
}
END_TEST

static void check_activated(const test_tensor *x, const test_tensor *w, const int64_t *y_shape,
    test_layout y_layout, const cleat_conv2d_options *options, const double *want, double ulp) {
    test_tensor y = test_output(4, y_shape, y_layout);
    test_ok(cleat_conv2d(test_context(), x->view, w->view, y.view, options));
    test_fetch(&y);
    test_ulp(&y, want, ulp, cleat_activation_name(options->activation));
    test_free(&y);
}

/* One without parameters, one with one, one long, and one with two. */
static const cleat_activation kinds[] = {CLEAT_RELU, CLEAT_LEAKY_RELU, CLEAT_GELU, CLEAT_CLIP};
enum { KINDS = sizeof kinds / sizeof kinds[0] };
static const float parameters[KINDS][2] = {{0}, {0.25f}, {0}, {-0.75f, 0.5f}};
static const double activation_ulp[KINDS] = {0, 1, 8, 0};

/* Each by one variant, clip by all. A 1x1 window and one channel: the sum is one exact product, so
 * only the activation rounds. */
START_TEST(test_activations) {
    const int64_t x_shape[] = {1, 1, 9, 7}, w_shape[] = {2, 1, 1, 1}, y_shape[] = {1, 2, 9, 7};
    float x_values[63];
    const float w_values[] = {1, 0.5f};
    double want[126];
    for (int i = 0; i < 63; i++) {
        x_values[i] = (float)(i - 31) / 16;
    }
    const char *variants[16];
    int count = 0;
    for (const char *const *v = cleat_conv2d_variants(CLEAT_CONV2D_FORWARD); *v != NULL; v++) {
        if (strstr(*v, "channels_last") == NULL && strstr(*v, "sparse") == NULL &&
            strstr(*v, "winograd") == NULL && strstr(*v, "units") == NULL) {
            variants[count++] = *v;
        }
    }
    test_tensor x = test_input_from(4, x_shape, x_values, TEST_ROWS);
    test_tensor flat = test_input_from(4, x_shape, x_values, TEST_ROW_MAJOR);
    test_tensor w = test_input_from(4, w_shape, w_values, TEST_ROW_MAJOR);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < 126; i++) {
            want[i] = reference_activation(
                kinds[kind], (double)x_values[i % 63] * (double)w_values[i / 63], parameters[kind]);
        }
        for (int i = 0; i < count; i++) {
            if (kinds[kind] != CLEAT_CLIP && kind % count != i) {
                continue;
            }
            const cleat_conv2d_options options = {.activation = kinds[kind],
                .activation_parameters = parameters[kind],
                .variant = variants[i]};
            check_activated(strcmp(variants[i], "gpu_pointwise") == 0 ? &flat : &x, &w, y_shape,
                TEST_ROW_MAJOR, &options, want, activation_ulp[kind]);
        }
    }
    test_free(&x);
    test_free(&flat);
    test_free(&w);
}
END_TEST

/* The same by the variants that take whole vectors of channels: 16 of one channel, or of 16. */
START_TEST(test_activations_channels_last) {
    const bool depthwise = _i == 1;
    const int64_t x_shape[] = {1, depthwise ? 16 : 1, 3, 5};
    const int64_t w_shape[] = {16, 1, 1, 1}, y_shape[] = {1, 16, 3, 5};
    float x_values[240], w_values[16];
    double want[240];
    for (int i = 0; i < 240; i++) {
        x_values[i] = (float)(i % 15 - 7) / 4;
        w_values[i / 15] = i < 120 ? 1 : 0.5f;
    }
    test_tensor x = test_input_from(4, x_shape, x_values, TEST_CHANNELS_LAST);
    test_tensor w = test_input_from(4, w_shape, w_values, TEST_ROW_MAJOR);
    for (int kind = 0; kind < KINDS; kind++) {
        if (kinds[kind] != CLEAT_CLIP && kind % 2 != _i) {
            continue;
        }
        for (int i = 0; i < 240; i++) {
            want[i] = reference_activation(
                kinds[kind], (double)x_values[i] * (double)w_values[i / 15], parameters[kind]);
        }
        const cleat_conv2d_options options = {.activation = kinds[kind],
            .activation_parameters = parameters[kind],
            .groups = depthwise ? 16 : 1,
            .variant = depthwise ? "cpu_channels_last_depthwise" : "cpu_channels_last"};
        check_activated(&x, &w, y_shape, TEST_CHANNELS_LAST, &options, want, activation_ulp[kind]);
    }
    test_free(&x);
    test_free(&w);
}
END_TEST

/* A result that on most processors is so large that it is stored past the caches. */
START_TEST(test_large_channels_last) {
    enum { PIXELS = 261 * 263, OUTPUTS = 32 };
    if (!test_wants_work((int64_t)PIXELS * OUTPUTS)) {
        return;
    }
    const int64_t x_shape[] = {1, 1, 261, 263}, w_shape[] = {OUTPUTS, 1, 1, 1};
    const int64_t pixels[] = {1, 261, 263, OUTPUTS};
    const int32_t axes[] = {0, 3, 1, 2};
    float *x_values = malloc(PIXELS * sizeof *x_values), w_values[OUTPUTS];
    float *y_values = malloc((size_t)PIXELS * OUTPUTS * sizeof *y_values);
    for (int i = 0; i < PIXELS; i++) {
        x_values[i] = (float)(i % 1021);
    }
    for (int m = 0; m < OUTPUTS; m++) {
        w_values[m] = (float)(m - 5);
    }
    test_tensor x = test_input_from(4, x_shape, x_values, TEST_CHANNELS_LAST);
    test_tensor w = test_input_from(4, w_shape, w_values, TEST_ROW_MAJOR);
    cleat_tensor y, view;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 4, pixels, &y));
    test_ok(cleat_permute(y, axes, &view));
    test_ok(cleat_conv2d(test_context(), x.view, w.view, view, NULL));
    test_ok(cleat_read(test_context(), y, y_values, (size_t)PIXELS * OUTPUTS * sizeof *y_values));
    int64_t wrong = 0;
    for (int i = 0; i < PIXELS * OUTPUTS; i++) {
        wrong += y_values[i] != x_values[i / OUTPUTS] * w_values[i % OUTPUTS];
    }
    ck_assert_int_eq(wrong, 0);
    cleat_tensor_release(&y);
    test_free(&x);
    test_free(&w);
    free(x_values);
    free(y_values);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv2d");
    static const char *const names[] = {"forward", "backward_data", "backward_weights"};
    for (int i = 0; i < 3; i++) {
        TCase *direction = test_case(suite, names[i]);
        tcase_add_loop_test(direction, test_table_exact, i, i + 1);
        tcase_add_loop_test(direction, test_table_bound, i, i + 1);
        tcase_add_loop_test(direction, test_narrow, i, i + 1);
        tcase_add_loop_test(direction, test_channels_last, i, i + 1);
        tcase_add_loop_test(direction, test_random_exact, i, i + 1);
        tcase_add_loop_test(direction, test_random_bound, i, i + 1);
        tcase_add_loop_test(direction, test_special_values, i, i + 1);
        if (i == CLEAT_CONV2D_FORWARD) {
            tcase_add_test(direction, test_step_1);
            tcase_add_test(direction, test_large_channels_last);
        }
    }
    TCase *activations = test_case(suite, "activations");
    tcase_add_test(activations, test_activations);
    tcase_add_loop_test(activations, test_activations_channels_last, 0, 2);
    return suite;
}
