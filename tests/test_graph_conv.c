/* SPDX-License-Identifier: Apache-2.0 */
/* Conv, ConvTranspose, ConvInteger and QLinearConv as nodes of graphs, against sums taken element
 * by element. */
#include "graph_case.h"
#include "reference/reference_conv.h"

typedef enum padding { EXPLICIT, VALID, SAME_UPPER, SAME_LOWER } padding;
static const char *const paddings[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};

/* A convolution drawn: `axes` of space, which are the last ones of the reference's three. */
typedef struct conv_case {
    int axes;
    padding padding;
    int64_t groups;
    int64_t x[5], w[5], y[5]; /* [n, c, axes...] as the node has them */
    int64_t kernel[3], stride[3], dilation[3], pads[6], before[3], output_padding[3];
    reference_conv reference;
} conv_case;

static void fill_reference(conv_case *c, const int64_t *large, const int64_t *small) {
    reference_conv *r = &c->reference;
    r->groups = c->groups;
    for (int i = 0; i < 5; i++) {
        r->large[i] = r->w[i] = r->small[i] = 1;
    }
    for (int i = 0; i < 3; i++) {
        r->stride[i] = r->dilation[i] = 1;
        r->before[i] = 0;
    }
    for (int i = 0; i < 2; i++) {
        r->large[i] = large[i];
        r->small[i] = small[i];
        r->w[i] = c->w[i];
    }
    for (int i = 0; i < c->axes; i++) {
        const int at = 3 - c->axes + i;
        r->large[at + 2] = large[i + 2];
        r->small[at + 2] = small[i + 2];
        r->w[at + 2] = c->kernel[i];
        r->stride[at] = c->stride[i];
        r->dilation[at] = c->dilation[i];
        r->before[at] = c->before[i];
    }
}

static int64_t span_of(const conv_case *c, int i) {
    return (c->kernel[i] - 1) * c->dilation[i] + 1;
}

static void draw_windows(conv_case *c) {
    for (int i = 0; i < c->axes; i++) {
        c->kernel[i] = test_int(1, 3);
        c->stride[i] = test_int(1, 3);
        c->dilation[i] = test_int(1, 2);
        c->pads[i] = test_int(0, 2);
        c->pads[i + c->axes] = test_int(0, 2);
        c->before[i] = c->padding == EXPLICIT ? c->pads[i] : 0;
    }
}

/* Windows laid one by one: how many fit. */
static int64_t count_windows(const conv_case *c, int i, int64_t extent, int64_t behind) {
    int64_t count = 0;
    while (count * c->stride[i] + span_of(c, i) <= extent + c->before[i] + behind) {
        count++;
    }
    return count;
}

static conv_case draw_conv(int axes) {
    conv_case c = {.axes = axes, .groups = test_int(1, 2), .padding = (padding)test_int(0, 3)};
    draw_windows(&c);
    c.x[0] = test_int(1, 2);
    c.w[1] = test_int(1, 3);
    c.x[1] = c.w[1] * c.groups;
    c.w[0] = c.groups * test_int(1, 3);
    c.y[0] = c.x[0];
    c.y[1] = c.w[0];
    for (int i = 0; i < axes; i++) {
        c.x[i + 2] = test_int(span_of(&c, i), 7);
        c.w[i + 2] = c.kernel[i];
        int64_t behind = c.padding == EXPLICIT ? c.pads[i + axes] : 0;
        if (c.padding >= SAME_UPPER) {
            /* one element more at a time, in turn at both ends, until there are enough windows */
            const int64_t wanted = (int64_t)ceil((double)c.x[i + 2] / (double)c.stride[i]);
            bool at_end = c.padding == SAME_UPPER;
            while (count_windows(&c, i, c.x[i + 2], behind) < wanted) {
                behind += at_end;
                c.before[i] += !at_end;
                at_end = !at_end;
            }
        }
        c.y[i + 2] = count_windows(&c, i, c.x[i + 2], behind);
    }
    fill_reference(&c, c.x, c.y);
    return c;
}

static size_t attributes_of(const conv_case *c, cleat_attribute *attributes) {
    const size_t axes = (size_t)c->axes;
    size_t count = 0;
    attributes[count++] = case_ints("strides", axes, c->stride);
    attributes[count++] = case_ints("dilations", axes, c->dilation);
    attributes[count++] = case_int("group", &c->groups);
    attributes[count++] = case_text("auto_pad", &paddings[c->padding]);
    if (c->padding == EXPLICIT) {
        attributes[count++] = case_ints("pads", 2 * axes, c->pads);
    }
    if (test_coin()) {
        attributes[count++] = case_ints("kernel_shape", axes, c->kernel);
    }
    return count;
}

static case_value value_of(
    cleat_type type, int axes, const int64_t *shape, const void *elements, bool is_constant) {
    case_value v = {
        .type = type, .rank = axes + 2, .elements = elements, .is_constant = is_constant};
    memcpy(v.shape, shape, (size_t)(axes + 2) * sizeof *shape);
    return v;
}

/* Adds the bias of each channel. */
static void add_bias(const conv_case *c, const double *bias, double *y) {
    const int64_t plane = case_count(c->axes, c->y + 2);
    for (int64_t i = 0; i < case_count(c->axes + 2, c->y); i++) {
        y[i] += bias[i / plane % c->y[1]];
    }
}

static void run_conv(const conv_case *c, const char *node, cleat_type type, bool transposed) {
    const int64_t count = case_count(c->axes + 2, c->y);
    const int64_t x_count = case_count(c->axes + 2, c->x), w_count = case_count(c->axes + 2, c->w);
    double *x = case_draw(type, x_count, 3), *w = case_draw(type, w_count, 3);
    double *bias = case_draw(type, c->y[1], 4), *wanted = test_alloc(count, sizeof *wanted);
    double *magnitude = test_alloc(count, sizeof *magnitude);
    void *of_x = case_elements(type, x, x_count), *of_w = case_elements(type, w, w_count);
    void *of_bias = case_elements(type, bias, c->y[1]);
    (transposed ? reference_conv_large : reference_conv_small)(
        &c->reference, x, w, wanted, magnitude);
    const bool has_bias = test_coin();
    graph_case g = {.type = node,
        .is_strided = test_coin(),
        .input_count = has_bias ? 3 : 2,
        .inputs = {value_of(type, c->axes, c->x, of_x, false),
            value_of(type, c->axes, c->w, of_w, test_coin()),
            {.type = type, .rank = 1, .shape = {c->y[1]}, .elements = of_bias}}};
    g.attribute_count = attributes_of(c, g.attributes);
    if (transposed) {
        g.attributes[g.attribute_count++] =
            case_ints("output_padding", (size_t)c->axes, c->output_padding);
    }
    if (has_bias) {
        add_bias(c, bias, wanted);
    }
    case_expect(&g, type, c->axes + 2, c->y, wanted, 0);
    free(x), free(w), free(bias), free(wanted), free(magnitude);
    free(of_x), free(of_w), free(of_bias);
}

static const cleat_type conv_types[] = {CLEAT_F32, CLEAT_F32, CLEAT_F32, CLEAT_F64, CLEAT_F16};

START_TEST(test_conv) {
    for (int round = 0; round < test_rounds(16); round++) {
        const conv_case c = draw_conv(_i + 1);
        run_conv(&c, "Conv", conv_types[round % 5], false);
    }
}
END_TEST

/* ---- ConvTranspose ---- */

static conv_case draw_transposed(int axes) {
    conv_case c = {.axes = axes, .groups = test_int(1, 2), .padding = (padding)test_int(0, 1)};
    draw_windows(&c);
    c.x[0] = test_int(1, 2);
    c.x[1] = c.w[0] = c.groups * test_int(1, 3);
    c.w[1] = test_int(1, 3);
    c.y[0] = c.x[0];
    c.y[1] = c.w[1] * c.groups;
    for (int i = 0; i < axes; i++) {
        c.x[i + 2] = test_int(3, 5);
        c.w[i + 2] = c.kernel[i];
        /* sometimes more than the library's operation takes */
        c.output_padding[i] = test_int(0, test_coin() ? c.stride[i] - 1 : 3);
        const int64_t behind = c.padding == EXPLICIT ? c.pads[i + axes] : 0;
        c.y[i + 2] = (c.x[i + 2] - 1) * c.stride[i] + span_of(&c, i) + c.output_padding[i] -
                     c.before[i] - behind;
        if (c.y[i + 2] < 1) {
            return draw_transposed(axes);
        }
    }
    fill_reference(&c, c.y, c.x);
    return c;
}

START_TEST(test_transposed) {
    for (int round = 0; round < test_rounds(12); round++) {
        const conv_case c = draw_transposed(_i + 1);
        run_conv(&c, "ConvTranspose", conv_types[round % 5], true);
    }
}
END_TEST

/* output_shape, which makes the padding: less at the start, with SAME_UPPER less at the end. */
START_TEST(test_transposed_output_shape) {
    for (int round = 0; round < test_rounds(12); round++) {
        conv_case c = draw_transposed(2);
        c.padding = test_coin() ? SAME_UPPER : EXPLICIT;
        int64_t wanted_shape[2];
        for (int i = 0; i < 2; i++) {
            c.output_padding[i] = 0;
            const int64_t whole = (c.x[i + 2] - 1) * c.stride[i] + span_of(&c, i);
            const int64_t cut = test_int(0, whole > 4 ? 3 : whole - 1);
            c.before[i] = c.padding == SAME_UPPER ? cut / 2 : (cut + 1) / 2;
            c.pads[i] = c.pads[i + 2] = 0;
            c.y[i + 2] = wanted_shape[i] = whole - cut;
        }
        fill_reference(&c, c.y, c.x);
        const int64_t x_count = case_count(4, c.x), w_count = case_count(4, c.w);
        double *x = case_draw(CLEAT_F32, x_count, 3), *w = case_draw(CLEAT_F32, w_count, 3);
        double *wanted = test_alloc(case_count(4, c.y), sizeof *wanted);
        double *magnitude = test_alloc(case_count(4, c.y), sizeof *magnitude);
        void *of_x = case_elements(CLEAT_F32, x, x_count);
        void *of_w = case_elements(CLEAT_F32, w, w_count);
        reference_conv_large(&c.reference, x, w, wanted, magnitude);
        graph_case g = {.type = "ConvTranspose",
            .input_count = 2,
            .inputs = {
                value_of(CLEAT_F32, 2, c.x, of_x, false), value_of(CLEAT_F32, 2, c.w, of_w, true)}};
        g.attribute_count = attributes_of(&c, g.attributes);
        g.attributes[g.attribute_count++] = case_ints("output_shape", 2, wanted_shape);
        case_expect(&g, CLEAT_F32, 4, c.y, wanted, 0);
        free(x), free(w), free(wanted), free(magnitude), free(of_x), free(of_w);
    }
}
END_TEST

/* ---- Integers ---- */

static double *draw_bytes(cleat_type type, int64_t count) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        const int64_t low = type == CLEAT_I8 ? -128 : 0;
        numbers[i] = (double)(test_coin() ? low + 255 * test_coin() : test_int(low, low + 255));
    }
    return numbers;
}

/* x and w less their zero points, and the sums of their products. */
static void integer_sums(const conv_case *c, double *x, double x_zero, double *w,
    const double *w_zero, int64_t w_zeros, double *sums) {
    const int64_t x_count = case_count(c->axes + 2, c->x), w_count = case_count(c->axes + 2, c->w);
    double *magnitude = test_alloc(case_count(c->axes + 2, c->y), sizeof *magnitude);
    for (int64_t i = 0; i < x_count; i++) {
        x[i] -= x_zero;
    }
    for (int64_t i = 0; i < w_count; i++) {
        w[i] -= w_zero[w_zeros > 1 ? i / (w_count / c->w[0]) : 0];
    }
    reference_conv_small(&c->reference, x, w, sums, magnitude);
    free(magnitude);
}

START_TEST(test_integer) {
    const bool is_scaled = _i % 2 == 1;
    for (int round = 0; round < test_rounds(8); round++) {
        const conv_case c = draw_conv(1 + _i / 2);
        const cleat_type x_type = test_coin() ? CLEAT_I8 : CLEAT_U8;
        const cleat_type w_type = test_coin() ? CLEAT_I8 : CLEAT_U8;
        const int rank = c.axes + 2;
        const int64_t m = c.w[0], count = case_count(rank, c.y), w_zeros = test_coin() ? m : 1;
        double *x = draw_bytes(x_type, case_count(rank, c.x));
        double *w = draw_bytes(w_type, case_count(rank, c.w)), *x_zero = draw_bytes(x_type, 1);
        double *w_zero = draw_bytes(w_type, m), *y_zero = draw_bytes(CLEAT_U8, 1);
        double *bias = case_draw(CLEAT_I32, m, 20000), *wanted = test_alloc(count, sizeof *wanted);
        void *made[] = {case_elements(x_type, x, case_count(rank, c.x)),
            case_elements(w_type, w, case_count(rank, c.w)), case_elements(x_type, x_zero, 1),
            case_elements(w_type, w_zero, m), case_elements(CLEAT_U8, y_zero, 1),
            case_elements(CLEAT_I32, bias, m)};
        const float x_scale = 0.5F, y_scale = 64, w_scale[6] = {1, 0.5F, 0.25F, 2, 1, 4};
        const case_value x_value = value_of(x_type, c.axes, c.x, made[0], false);
        const case_value w_value = value_of(w_type, c.axes, c.w, made[1], true);
        const case_value zero_x = {.type = x_type, .elements = made[2]};
        const case_value zero_w = {.type = w_type,
            .rank = w_zeros > 1,
            .shape = {w_zeros},
            .elements = made[3],
            .is_constant = true};
        integer_sums(&c, x, x_zero[0], w, w_zero, w_zeros, wanted);
        graph_case g = {
            .type = "ConvInteger", .input_count = 4, .inputs = {x_value, w_value, zero_x, zero_w}};
        if (is_scaled) {
            const int64_t plane = case_count(c.axes, c.y + 2);
            add_bias(&c, bias, wanted);
            for (int64_t i = 0; i < count; i++) {
                const float scale = x_scale * w_scale[w_zeros > 1 ? i / plane % m : 0] / y_scale;
                wanted[i] = fmin(fmax(rint(wanted[i] * (double)scale) + y_zero[0], 0), 255);
            }
            g = (graph_case){.type = "QLinearConv",
                .input_count = 9,
                .inputs = {x_value, {.type = CLEAT_F32, .elements = &x_scale}, zero_x, w_value,
                    {.type = CLEAT_F32,
                        .rank = w_zeros > 1,
                        .shape = {w_zeros},
                        .elements = w_scale},
                    zero_w, {.type = CLEAT_F32, .elements = &y_scale},
                    {.type = CLEAT_U8, .elements = made[4]},
                    {.type = CLEAT_I32, .rank = 1, .shape = {m}, .elements = made[5]}}};
        }
        g.attribute_count = attributes_of(&c, g.attributes);
        case_expect(&g, is_scaled ? CLEAT_U8 : CLEAT_I32, rank, c.y, wanted, 0);
        free(x), free(w), free(x_zero), free(w_zero), free(y_zero), free(bias), free(wanted);
        for (size_t i = 0; i < 6; i++) {
            free(made[i]);
        }
    }
}
END_TEST

/* Sums of numbers that are as large as they get: at once; in parts of channels; where groups or a
 * long window allow no parts, by halves of x's digits, and at last on the host. One window each. */
static const struct {
    int64_t groups, channels, side;
} long_sums[] = {{1, 28, 3}, {1, 29, 3}, {1, 520, 3}, {2, 80, 3}, {1, 2, 17}, {2, 1000, 3}};

/* Of each output channel, x and w less their zero points. */
static void sum_windows(int64_t groups, int64_t terms, int64_t outputs, const uint8_t *x,
    uint8_t x_zero, const int8_t *w, int8_t w_zero, double *sums) {
    for (int64_t m = 0; m < outputs; m++) {
        const uint8_t *of_group = x + m / (outputs / groups) * terms;
        sums[m] = 0;
        for (int64_t i = 0; i < terms; i++) {
            sums[m] += (double)(of_group[i] - x_zero) * (w[m * terms + i] - w_zero);
        }
    }
}

START_TEST(test_long_sums) {
    enum { OUTPUTS = 4 };
    const size_t row = (size_t)_i % (sizeof long_sums / sizeof *long_sums);
    const int64_t groups = long_sums[row].groups, side = long_sums[row].side;
    const int64_t each = long_sums[row].channels / groups, terms = each * side * side;
    const bool is_constant = test_coin();
    const uint8_t x_zero = test_coin() ? 255 : 0;
    const int8_t w_zero = test_coin() ? 127 : -128;
    uint8_t *x = test_alloc(groups * terms, 1);
    int8_t *w = test_alloc(OUTPUTS * terms, 1);
    double wanted[OUTPUTS];
    for (int64_t i = 0; i < groups * terms; i++) { /* mostly far from the zero point */
        x[i] = (uint8_t)(test_int(0, 9) == 0 ? test_int(0, 255) : 255 - x_zero);
    }
    for (int64_t i = 0; i < OUTPUTS * terms; i++) {
        w[i] = (int8_t)(test_int(0, 9) == 0 ? test_int(-128, 127) : -1 - w_zero);
    }
    sum_windows(groups, terms, OUTPUTS, x, x_zero, w, w_zero, wanted);
    const graph_case g = {.type = "ConvInteger",
        .input_count = 4,
        .inputs =
            {{.type = CLEAT_U8, .rank = 4, .shape = {1, groups * each, side, side}, .elements = x},
                {.type = CLEAT_I8,
                    .rank = 4,
                    .shape = {OUTPUTS, each, side, side},
                    .elements = w,
                    .is_constant = is_constant},
                {.type = CLEAT_U8, .elements = &x_zero, .is_constant = test_coin()},
                {.type = CLEAT_I8, .elements = &w_zero, .is_constant = is_constant}},
        .attribute_count = 1,
        .attributes = {case_int("group", &groups)}};
    case_expect(&g, CLEAT_I32, 4, (int64_t[]){1, OUTPUTS, 1, 1}, wanted, 0);
    free(x);
    free(w);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_refusals) {
    const float numbers[64] = {0};
    graph_case g = {.type = "Conv",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 4, .shape = {1, 2, 3, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 4, .shape = {4, 2, 2, 2}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 1, .shape = {3}, .elements = numbers}},
        .attribute_count = 1,
        .attributes = {case_int("group", (int64_t[]){1})}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "bias [3], expected [4]");
    g.inputs[2].shape[0] = 4;
    g.attributes[0] = case_int("group", (int64_t[]){2});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[1, 2, 3, 3] and weights [4, 2, 2, 2] in 2 groups");
    g.attributes[0] = case_ints("strides", 2, (int64_t[]){1, 0});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "strides has 0");
    g.attributes[0] = case_ints("pads", 3, (int64_t[]){0, 0, 0});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "pads has 3 numbers, expected 4");
    g.attributes[0] = case_ints("dilations", 2, (int64_t[]){1, 4});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "spans 5 elements of 3");
    g.attributes[0] = case_ints("kernel_shape", 2, (int64_t[]){3, 2});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "kernel_shape has 3 where the weights have 2");
    g.attributes[0] = case_text("auto_pad", (const char *[]){"SOME"});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "auto_pad SOME");
    g.inputs[2].type = CLEAT_F64;
    g.attribute_count = 0;
    const double wide[4] = {0};
    g.inputs[2].elements = wide;
    case_refused(&g, CLEAT_TYPE_MISMATCH, "f32 and f64");
    g.type = "ConvTranspose";
    g.input_count = 2;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[1, 2, 3, 3] and weights [4, 2, 2, 2]");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_conv");
    test_add_loop(suite, "conv", test_conv, 3);
    test_add_loop(suite, "transposed", test_transposed, 3);
    test_add_case(suite, "transposed_output_shape", test_transposed_output_shape);
    test_add_loop(suite, "integer", test_integer, 4);
    test_add_loop(
        suite, "long_sums", test_long_sums, 4 * (int)(sizeof long_sums / sizeof *long_sums));
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
