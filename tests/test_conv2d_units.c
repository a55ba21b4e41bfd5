/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution by matrix units (variant gpu_units), emulated: exact integers, and the bounds of
 * compute.h on operands that are rounded here as the mode says. What is the units' own is tested by
 * test_matmul_units.c; here it is what convolution adds: windows and edges, groups, layouts,
 * depths, parts of sums, epilogues. Each mode of a unit in each direction, over two axes or three,
 * is a program to compile: long runs have all of them, others some of each kind.
 */
#include "harness.h"
#include "reference/reference_compute.h"
#include "reference/reference_conv.h"

enum { FORWARD = CLEAT_CONV2D_FORWARD, DATA = CLEAT_CONV2D_BACKWARD_DATA };
enum { WEIGHTS = CLEAT_CONV2D_BACKWARD_WEIGHTS };

typedef struct unit_program {
    const char *profile;
    cleat_compute compute;
    int direction;
    bool deep;  /* three axes; forward it ends in an activation */
    bool large; /* the larger tile, where it fits */
} unit_program;

static const unit_program usual[] = {
    {"gpu:nvidia", CLEAT_COMPUTE_TF32, FORWARD, false, false},
    {"gpu:amd_wmma", CLEAT_COMPUTE_F16, WEIGHTS, false, false},
    {"gpu:amd_mfma", CLEAT_COMPUTE_STRICT, DATA, false, false},
    {"gpu:intel_16", CLEAT_COMPUTE_BF16, FORWARD, true, true},
};
enum { SHORT_PROGRAMS = 2, FLAT_PROGRAMS = 3, USUAL_PROGRAMS = sizeof usual / sizeof usual[0] };

/* Of long runs: each in three directions, over two and three axes. */
static const struct {
    const char *profile;
    cleat_compute compute;
} modes[] = {{"gpu:nvidia", CLEAT_COMPUTE_TF32}, {"gpu:nvidia", CLEAT_COMPUTE_TF32X3},
    {"gpu:nvidia", CLEAT_COMPUTE_F16}, {"gpu:nvidia", CLEAT_COMPUTE_BF16},
    {"gpu:amd_mfma", CLEAT_COMPUTE_STRICT}, {"gpu:amd_mfma", CLEAT_COMPUTE_F16},
    {"gpu:amd_mfma", CLEAT_COMPUTE_BF16}, {"gpu:amd_wmma", CLEAT_COMPUTE_F16},
    {"gpu:amd_wmma", CLEAT_COMPUTE_BF16}, {"gpu:intel", CLEAT_COMPUTE_F16},
    {"gpu:intel", CLEAT_COMPUTE_BF16}, {"gpu:intel_16", CLEAT_COMPUTE_TF32},
    {"gpu:intel_16", CLEAT_COMPUTE_TF32X3}, {"gpu:intel_16", CLEAT_COMPUTE_F16},
    {"gpu:intel_16", CLEAT_COMPUTE_BF16}};
enum { ALL_PROGRAMS = 6 * sizeof modes / sizeof modes[0] };

static unit_program program_number(int i, bool all) {
    if (!all) {
        return usual[i];
    }
    const bool deep = i / 3 % 2 == 1, large = i % 2 == 1;
    return (unit_program){modes[i / 6].profile, modes[i / 6].compute, i % 3, deep, large};
}

static bool is_long(void) {
    return test_rounds(1) > 1;
}

/* Of the usual ones those over two axes, in short runs fewer. */
static int flat_count(void) {
    return test_is_short() ? SHORT_PROGRAMS : FLAT_PROGRAMS;
}

static void begin(const unit_program *p) {
    const char *last = getenv("CLEAT_PROFILE");
    if (last == NULL || strcmp(last, p->profile) != 0) {
        test_profile(p->profile);
    }
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", p->large ? "128" : "64"));
}

/* ---- One convolution ---- */

/* [n, c, d, h, w] and [m, c of a group, kd, kh, kw]; over two axes depths are 1. */
typedef struct conv_case {
    int64_t x[5], w[5], stride[3], padding[6], dilation[3], groups;
} conv_case;

/* What surrounds the sum. */
typedef struct epilogue {
    bool transposed; /* to the data: as a transposed convolution, with a bias */
    bool accumulate; /* backward */
    const char *variant;
} epilogue;

static const float slope[] = {0.25f, 0};

static cleat_conv3d_options deep_options(const conv_case *c) {
    cleat_conv3d_options o = {.groups = c->groups};
    memcpy(o.stride, c->stride, sizeof o.stride);
    memcpy(o.padding, c->padding, sizeof o.padding);
    memcpy(o.dilation, c->dilation, sizeof o.dilation);
    return o;
}

static cleat_status call_deep(int direction, bool transposed, const cleat_tensor *a,
    const cleat_tensor *b, cleat_tensor y, const cleat_conv3d_options *o) {
    cleat_context *context = test_context();
    return direction == FORWARD   ? cleat_conv3d(context, *a, *b, y, o)
           : direction == WEIGHTS ? cleat_conv3d_backward_weights(context, *a, *b, y, o)
           : transposed           ? cleat_conv_transpose3d(context, *a, *b, y, o)
                                  : cleat_conv3d_backward_data(context, *a, *b, y, o);
}

static cleat_status call_flat(int direction, bool transposed, const cleat_tensor *a,
    const cleat_tensor *b, cleat_tensor y, const cleat_conv3d_options *deep) {
    cleat_context *context = test_context();
    cleat_conv2d_options o = {.groups = deep->groups,
        .bias = deep->bias,
        .residual = deep->residual,
        .accumulate = deep->accumulate,
        .variant = deep->variant,
        .compute = deep->compute};
    for (int i = 0; i < 2; i++) {
        o.stride[i] = deep->stride[i + 1];
        o.padding[i] = deep->padding[i + 1];
        o.padding[i + 2] = deep->padding[i + 4];
        o.dilation[i] = deep->dilation[i + 1];
        o.output_padding[i] = deep->output_padding[i + 1];
    }
    return direction == FORWARD   ? cleat_conv2d(context, *a, *b, y, &o)
           : direction == WEIGHTS ? cleat_conv2d_backward_weights(context, *a, *b, y, &o)
           : transposed           ? cleat_conv_transpose2d(context, *a, *b, y, &o)
                                  : cleat_conv2d_backward_data(context, *a, *b, y, &o);
}

typedef struct operands {
    const conv_case *c;
    unit_program program;
    epilogue end;
    test_values values;
    test_layout layout;
    reference_conv r;
    test_tensor a, b, bias, residual; /* the last as large as the result */
    int32_t rank;
    int64_t shape[5], count, terms; /* of the result */
    float *before;
    double *want, *magnitude;
    char text[200];
} operands;

/* A shape as tensors have it. */
static void as_given(bool deep, const int64_t from[5], int64_t to[5]) {
    to[0] = from[0];
    to[1] = from[1];
    for (int i = 2; i < (deep ? 5 : 4); i++) {
        to[i] = from[deep ? i : i + 1];
    }
}

static test_tensor make_operand(const operands *o, const int64_t shape[5]) {
    int64_t given[5];
    as_given(o->program.deep, shape, given);
    return test_input(o->rank, given, o->values, o->layout);
}

static double *taken(const test_tensor *t, cleat_compute compute) {
    double *values = test_doubles(t);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = reference_compute_taken(values[i], compute);
    }
    return values;
}

static void want_sums(operands *o) {
    const cleat_compute compute = o->program.compute;
    double *a = taken(&o->a, compute), *b = taken(&o->b, compute);
    if (o->program.direction == FORWARD) {
        reference_conv_small(&o->r, a, b, o->want, o->magnitude);
    } else if (o->program.direction == DATA) {
        reference_conv_large(&o->r, a, b, o->want, o->magnitude);
    } else {
        reference_conv_weights(&o->r, a, b, o->want, o->magnitude);
    }
    free(a);
    free(b);
}

/* Bias, residual and activation, or earlier contents. */
static void want_epilogue(operands *o) {
    const int64_t pixels = o->count / (o->shape[0] * o->shape[1]);
    for (int64_t i = 0; i < o->count; i++) {
        const double more = o->before != NULL      ? (double)o->before[i]
                            : o->bias.data != NULL ? (double)o->bias.data[i / pixels % o->shape[1]]
                                                   : 0;
        const double residual = o->residual.data != NULL ? (double)o->residual.data[i] : 0;
        o->want[i] += more + residual;
        o->magnitude[i] += fabs(more) + fabs(residual);
        if (o->program.direction == FORWARD && o->program.deep && o->want[i] < 0) {
            o->want[i] *= (double)slope[0];
        }
    }
}

static void describe(operands *o) {
    const int64_t *x = o->r.large, *w = o->r.w;
    snprintf(o->text, sizeof o->text,
        "%s, mode %d, direction %d: x %d %d %d %d %d, w %d %d %d %d %d, %d groups, layout %d",
        o->program.profile, (int)o->program.compute, o->program.direction, (int)x[0], (int)x[1],
        (int)x[2], (int)x[3], (int)x[4], (int)w[0], (int)w[1], (int)w[2], (int)w[3], (int)w[4],
        (int)o->r.groups, (int)o->layout);
}

static void make(operands *o) {
    const conv_case *c = o->c;
    const cleat_conv3d_options options = deep_options(c);
    reference_conv *r = &o->r;
    *r = (reference_conv){.groups = c->groups};
    memcpy(r->large, c->x, sizeof r->large);
    memcpy(r->w, c->w, sizeof r->w);
    test_ok(cleat_conv3d_shape(c->x, c->w, &options, r->small));
    memcpy(r->stride, c->stride, sizeof r->stride);
    memcpy(r->before, c->padding, sizeof r->before);
    memcpy(r->dilation, c->dilation, sizeof r->dilation);
    const int64_t window = c->w[2] * c->w[3] * c->w[4];
    const int64_t all[3] = {c->w[1] * window, c->w[0] / c->groups * window,
        r->small[0] * r->small[2] * r->small[3] * r->small[4]};
    const int64_t *shapes[3][3] = {
        {r->large, r->w, r->small}, {r->small, r->w, r->large}, {r->large, r->small, r->w}};
    const int d = o->program.direction;
    o->rank = o->program.deep ? 5 : 4;
    o->terms = all[d];
    as_given(o->program.deep, shapes[d][2], o->shape);
    o->count = reference_conv_count(shapes[d][2]);
    o->a = make_operand(o, shapes[d][0]);
    o->b = make_operand(o, shapes[d][1]);
    if (d == FORWARD || o->end.transposed) {
        o->bias = test_input(1, &o->shape[1], o->values, o->layout);
    }
    if (d == FORWARD && !o->program.deep) {
        o->residual = test_input(o->rank, o->shape, o->values, o->layout);
    }
    if (o->end.accumulate) {
        o->before = test_alloc(o->count, sizeof *o->before);
        for (int64_t i = 0; i < o->count; i++) {
            o->before[i] = (float)test_int(-4, 4);
        }
    }
    o->want = test_alloc(o->count, sizeof *o->want);
    o->magnitude = test_alloc(o->count, sizeof *o->magnitude);
    want_sums(o);
    want_epilogue(o);
    describe(o);
}

static void drop(operands *o) {
    test_unchanged(&o->a);
    test_unchanged(&o->b);
    test_free(&o->a);
    test_free(&o->b);
    test_free(&o->bias);
    test_free(&o->residual);
    free(o->before);
    free(o->want);
    free(o->magnitude);
}

/* Rows, columns and depths of x that no window reaches, where they are fewer than a step. */
static int64_t left_over(const reference_conv *r, const int64_t padding[6], int axis) {
    const int64_t span = (r->w[axis + 2] - 1) * r->dilation[axis] + 1;
    return (r->large[axis + 2] + padding[axis] + padding[axis + 3] - span) % r->stride[axis];
}

static cleat_status call(const operands *o, cleat_tensor result) {
    cleat_conv3d_options options = deep_options(o->c);
    options.variant = o->end.variant;
    options.compute = o->program.compute;
    options.accumulate = o->end.accumulate;
    options.bias = o->bias.data != NULL ? &o->bias.view : NULL;
    options.residual = o->residual.data != NULL ? &o->residual.view : NULL;
    if (o->program.direction == FORWARD && o->program.deep) {
        options.activation = CLEAT_LEAKY_RELU;
        options.activation_parameters = slope;
    }
    for (int axis = 0; axis < 3 && o->end.transposed; axis++) {
        options.output_padding[axis] = left_over(&o->r, o->c->padding, axis);
    }
    return (o->program.deep ? call_deep : call_flat)(
        o->program.direction, o->end.transposed, &o->a.view, &o->b.view, result, &options);
}

static test_tensor run(const operands *o) {
    test_tensor result = o->before != NULL
                             ? test_input_from(o->rank, o->shape, o->before, o->layout)
                             : test_output(o->rank, o->shape, o->layout);
    const cleat_status status = call(o, result.view);
    ck_assert_msg(status == CLEAT_OK, "%s: %.500s", o->text, cleat_error_message());
    test_fetch(&result);
    return result;
}

static void compare(const operands *o, const test_tensor *got) {
    if (o->values == TEST_EXACT) {
        test_equal(got, o->want, o->text);
    } else {
        const cleat_compute compute = o->program.compute;
        const int64_t each = compute == CLEAT_COMPUTE_TF32X3 ? 3 : 1;
        test_bound_beside(got, o->want, o->magnitude, each * o->terms + 4,
            reference_compute_left_out(compute), o->text);
    }
}

/* Whether it was run: a simulator takes too long over large ones. */
static bool check_case(const unit_program *p, const conv_case *c, epilogue end, test_values values,
    test_layout layout) {
    operands o = {.c = c, .program = *p, .end = end, .values = values, .layout = layout};
    make(&o);
    const bool wanted = test_wants_work(o.count * o.terms);
    if (wanted) {
        test_tensor first = run(&o), second = run(&o);
        compare(&o, &first);
        test_same_bits(&first, &second, o.text);
        test_free(&first);
        test_free(&second);
    }
    drop(&o);
    return wanted;
}

/* ---- Tests ---- */

/* More rows and pixels than tiles have, and far fewer; groups; a window of one element, whose steps
 * or padding keep it from being a plain product; padding wider than the window, dilation than the
 * input; terms in many pieces; pixels in several parts. */
static const conv_case flat_cases[] = {
    {{2, 5, 1, 11, 13}, {70, 5, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, 1},
    {{1, 12, 1, 9, 10}, {21, 4, 1, 3, 2}, {1, 2, 1}, {0, 1, 0, 0, 2, 1}, {1, 1, 2}, 3},
    {{3, 7, 1, 6, 5}, {9, 7, 1, 1, 1}, {1, 2, 2}, {0, 0, 0, 0, 0, 0}, {1, 1, 1}, 1},
    {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 1}, {0, 1, 0, 0, 0, 0}, {1, 1, 1}, 1},
    {{1, 2, 1, 3, 4}, {3, 2, 1, 2, 2}, {1, 1, 1}, {0, 4, 3, 0, 5, 6}, {1, 1, 1}, 1},
    {{1, 2, 1, 5, 5}, {2, 2, 1, 2, 2}, {1, 1, 2}, {0, 1, 3, 0, 0, 4}, {1, 5, 7}, 1},
    {{1, 3, 1, 1, 50}, {5, 3, 1, 1, 4}, {1, 3, 3}, {0, 0, 2, 0, 0, 1}, {1, 1, 2}, 1},
    {{1, 40, 1, 6, 6}, {8, 40, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, 1},
    {{2, 3, 1, 20, 20}, {4, 3, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, 1},
    {{2, 4, 1, 7, 7}, {8, 1, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, 4},
};
static const conv_case deep_cases[] = {
    {{1, 3, 2, 6, 6}, {130, 3, 2, 2, 2}, {1, 1, 1}, {1, 1, 1, 1, 0, 0}, {1, 1, 1}, 1},
    {{2, 3, 5, 6, 7}, {10, 3, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, 1},
    {{1, 4, 7, 5, 4}, {6, 2, 2, 3, 1}, {2, 1, 2}, {1, 0, 0, 0, 2, 1}, {2, 1, 1}, 2},
    {{1, 1, 1, 1, 1}, {1, 1, 2, 1, 1}, {1, 1, 1}, {1, 0, 0, 0, 0, 0}, {1, 1, 1}, 1},
    {{1, 2, 9, 8, 9}, {3, 2, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, 1},
    {{1, 6, 4, 3, 3}, {12, 1, 2, 2, 2}, {1, 1, 1}, {0, 1, 0, 1, 0, 1}, {1, 1, 1}, 6},
};

static epilogue epilogue_number(const unit_program *p, int i) {
    return (epilogue){.transposed = p->direction == DATA && i % 3 == 0,
        .accumulate = p->direction != FORWARD && i % 3 == 1,
        .variant = "gpu_units"};
}

static void check_table(const unit_program *p) {
    static const test_layout layouts[] = {TEST_ROW_MAJOR, TEST_STRIDED, TEST_CHANNELS_LAST};
    const conv_case *cases = p->deep ? deep_cases : flat_cases;
    const size_t size = p->deep ? sizeof deep_cases : sizeof flat_cases;
    begin(p);
    for (int i = 0; i < (int)(size / sizeof *cases); i++) {
        check_case(p, &cases[i], epilogue_number(p, i), i % 2 == 0 ? TEST_EXACT : TEST_REAL,
            layouts[i % 3]);
        if (is_long()) {
            check_case(p, &cases[i], epilogue_number(p, i + 1), i % 2 == 0 ? TEST_REAL : TEST_EXACT,
                layouts[(i + 1) % 3]);
        }
    }
}

START_TEST(table) {
    const unit_program p = program_number(_i, is_long());
    if (test_wants(p.profile)) {
        check_table(&p);
    }
}
END_TEST

/* A window that fits, and is not one element seen plainly. */
static conv_case random_case(bool deep) {
    conv_case c = {.groups = test_int(1, 3)};
    c.w[1] = test_int(1, 9);
    c.w[0] = c.groups * test_int(1, 30);
    c.x[0] = test_int(1, 3);
    c.x[1] = c.groups * c.w[1];
    for (int axis = 0; axis < 3; axis++) {
        const bool there = deep || axis > 0;
        c.w[axis + 2] = there ? test_int(1, 4) : 1;
        c.stride[axis] = there ? test_int(1, 3) : 1;
        c.dilation[axis] = there ? test_int(1, 2) : 1;
        c.padding[axis] = there ? test_int(0, 2) : 0;
        c.padding[axis + 3] = there ? test_int(0, 2) : 0;
        const int64_t span = (c.w[axis + 2] - 1) * c.dilation[axis] + 1;
        const int64_t padding = c.padding[axis] + c.padding[axis + 3];
        const int64_t least = span > padding ? span - padding : 1;
        c.x[axis + 2] = there ? least + test_int(0, deep ? 5 : 12) : 1;
    }
    c.padding[4] += c.w[3] * c.w[4] == 1;
    return c;
}

START_TEST(random_cases) {
    const int rounds = test_rounds(18), programs = flat_count();
    for (int i = 0; i < rounds; i++) {
        const unit_program *p = &usual[i * programs / rounds];
        const conv_case c = random_case(p->deep);
        begin(p);
        check_case(p, &c, epilogue_number(p, (int)test_int(0, 2)),
            test_coin() ? TEST_EXACT : TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

/* Forward on NVIDIA's units weights are copied as they lie, where each output's begin at a multiple
 * of 16 bytes: terms in several steps, the last not whole; more outputs than a tile has; groups. */
START_TEST(copied_weights) {
    static const struct {
        conv_case c;
        test_layout layout;
        bool copied;
    } all[] = {
        {{{2, 4, 1, 7, 6}, {70, 4, 1, 3, 3}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1}, 1},
            TEST_ROW_MAJOR, true},
        {{{1, 16, 1, 5, 5}, {6, 8, 1, 3, 2}, {1, 2, 1}, {0, 1, 0, 0, 2, 1}, {1, 1, 1}, 2},
            TEST_ROW_MAJOR, true},
        {{{1, 44, 1, 1, 9}, {5, 44, 1, 1, 3}, {1, 1, 1}, {0, 0, 1, 0, 0, 1}, {1, 1, 1}, 1},
            TEST_ROW_MAJOR, true},
        {{{1, 3, 1, 6, 6}, {1, 3, 1, 3, 3}, {1, 1, 1}, {0}, {1, 1, 1}, 1}, TEST_ROW_MAJOR, true},
        {{{1, 3, 1, 6, 6}, {2, 3, 1, 3, 3}, {1, 1, 1}, {0}, {1, 1, 1}, 1}, TEST_ROW_MAJOR, false},
        {{{1, 4, 1, 6, 6}, {8, 4, 1, 2, 2}, {1, 1, 1}, {0}, {1, 1, 1}, 1}, TEST_CHANNELS_LAST,
            false},
    };
    const unit_program p = {.profile = "gpu:nvidia",
        .compute = _i == 0 ? CLEAT_COMPUTE_TF32 : CLEAT_COMPUTE_TF32X3,
        .direction = FORWARD};
    begin(&p);
    test_ok(cleat_tuning_set(test_context(), "matmul", "units_stages", "3"));
    for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) {
        const uint64_t before = test_tuning_uses(test_context(), "units_stages");
        const bool ran = check_case(&p, &all[i].c, epilogue_number(&p, i),
            i % 2 == 0 ? TEST_EXACT : TEST_REAL, all[i].layout);
        const uint64_t uses = test_tuning_uses(test_context(), "units_stages") - before;
        ck_assert_msg((uses > 0) == (ran && all[i].copied), "case %d: %d uses", i, (int)uses);
    }
    test_ok(cleat_tuning_set(test_context(), "matmul", "units_stages", "0"));
    check_case(&p, &all[0].c, epilogue_number(&p, 0), TEST_EXACT, TEST_ROW_MAJOR);
    test_ok(cleat_tuning_set(test_context(), "matmul", "units_stages", NULL));
}
END_TEST

/* Windows of one element: the products of matmul's variant of that name. */
START_TEST(pointwise) {
    static const conv_case cases[] = {
        {{1, 33, 1, 5, 7}, {17, 33, 1, 1, 1}, {1, 1, 1}, {0}, {1, 1, 1}, 1},
        {{1, 12, 1, 5, 5}, {10, 6, 1, 1, 1}, {1, 1, 1}, {0}, {1, 1, 1}, 2},
    };
    const unit_program *p = &usual[_i];
    begin(p);
    for (int i = 0; i < 2; i++) {
        check_case(p, &cases[i], epilogue_number(p, i), TEST_EXACT, TEST_ROW_MAJOR);
    }
}
END_TEST

/* A value that is not finite reaches the results whose sums hold it, and no others. */
START_TEST(special_values) {
    const float values[] = {NAN, INFINITY, -INFINITY};
    const unit_program *p = &usual[_i];
    begin(p);
    for (int i = 0; i < 3; i++) {
        operands o = {.c = &flat_cases[i],
            .program = *p,
            .end = {.variant = "gpu_units"},
            .values = TEST_EXACT,
            .layout = TEST_ROW_MAJOR};
        make(&o);
        o.a.data[test_int(0, o.a.count - 1)] = values[i];
        test_tensor poisoned = test_input_from(o.rank, o.a.view.shape, o.a.data, o.layout);
        test_free(&o.a);
        o.a = poisoned;
        want_sums(&o);
        want_epilogue(&o);
        test_tensor got = run(&o);
        compare(&o, &got);
        test_free(&got);
        drop(&o);
    }
}
END_TEST

/* Where it is permitted it is what is chosen: results are rounded as it rounds. */
START_TEST(chosen) {
    operands o = {.c = &flat_cases[0], .program = usual[0], .values = TEST_REAL};
    begin(&usual[0]);
    make(&o);
    test_tensor got = run(&o);
    compare(&o, &got);
    test_free(&got);
    drop(&o);
}
END_TEST

/* With CLEAT_TEST_VARIANT the usual programs of that profile, however short. */
static int program_count(void) {
    return is_long()                              ? ALL_PROGRAMS
           : getenv("CLEAT_TEST_VARIANT") != NULL ? USUAL_PROGRAMS
           : test_is_short()                      ? SHORT_PROGRAMS
                                                  : USUAL_PROGRAMS;
}

Suite *test_suite(void) {
    static const char *const names[] = {"forward", "backward_data", "backward_weights"};
    Suite *suite = suite_create("conv2d_units");
    for (int direction = 0; direction < 3; direction++) {
        TCase *programs = test_case(suite, names[direction]);
        for (int i = 0; i < program_count(); i++) {
            if (program_number(i, is_long()).direction == direction) {
                tcase_add_loop_test(programs, table, i, i + 1);
            }
        }
    }
    test_add_case(suite, "random", random_cases);
    test_add_loop(suite, "copied", copied_weights, test_is_short() ? 1 : 2);
    test_add_loop(suite, "pointwise", pointwise, flat_count());
    test_add_loop(suite, "special", special_values, flat_count());
    test_add_case(suite, "chosen", chosen);
    return suite;
}
