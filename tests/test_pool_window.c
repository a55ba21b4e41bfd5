/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over one to three axes: dilation, rounding up, adaptive and global windows, places of the
 * largest elements; unpooling. */
#include "harness.h"
#include "reference/reference_window.h"

typedef struct pool_case {
    int rank;
    int64_t x[5];
    int64_t out[3]; /* adaptive */
    cleat_pool_options options;
} pool_case;

enum { MAX, AVERAGE, MAX_BACKWARD, AVERAGE_BACKWARD, OPERATIONS };

static const char *const operation_names[] = {"max", "average", "max backward", "average backward"};
static const char *const variables[] = {"CLEAT_MAX_POOL", "CLEAT_AVERAGE_POOL",
    "CLEAT_MAX_POOL_BACKWARD", "CLEAT_AVERAGE_POOL_BACKWARD"};
static const char *const variants[] = {NULL, "cpu_adaptive", "cpu_rows", "direct"};

static const pool_case table[] = {
    {3, {2, 3, 20}, {0}, {.window = {3}, .stride = {2}, .padding = {1, 1}}},
    {3, {1, 2, 41}, {0}, {.window = {4}, .stride = {1}, .padding = {2, 3}, .dilation = {3}}},
    {4, {2, 2, 9, 40}, {0}, {.window = {3, 2}, .stride = {2, 1}, .dilation = {1, 2}}},
    {4, {1, 3, 10, 11}, {0},
        {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .ceil_mode = true}},
    {4, {1, 3, 9, 36}, {0},
        {.window = {2, 2}, .stride = {2, 3}, .ceil_mode = true, .count_padding = true}},
    {4, {2, 2, 8, 33}, {0},
        {.window = {3, 4},
            .stride = {3, 2},
            .padding = {0, 1, 1, 3},
            .ceil_mode = true,
            .count_padding = true}},
    {4, {1, 4, 13, 37}, {5, 7}, {.adaptive = true}},
    {4, {1, 4, 12, 35}, {4, 7}, {.adaptive = true}},
    {4, {1, 2, 3, 4}, {5, 9}, {.adaptive = true}},
    {4, {2, 3, 7, 5}, {0}, {.global = true}},
    {5, {1, 3, 4, 6, 34}, {0}, {.window = {2, 2, 2}}},
    {5, {2, 2, 5, 5, 18}, {0},
        {.window = {3, 3, 3}, .stride = {2, 2, 2}, .padding = {1, 1, 1, 1, 1, 1}}},
    {5, {1, 2, 6, 5, 20}, {0},
        {.window = {2, 3, 2},
            .stride = {2, 1, 1},
            .padding = {0, 1, 1, 1, 0, 2},
            .dilation = {2, 1, 3},
            .count_padding = true}},
    {5, {1, 2, 5, 7, 19}, {2, 3, 4}, {.adaptive = true}},
    {5, {2, 3, 3, 4, 17}, {0}, {.global = true}},
    {5, {2, 2, 3, 8, 8}, {0}, {.window = {1, 2, 2}}},
    {4, {1, 3, 7, 40}, {0}, {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}},
    {5, {1, 2, 5, 5, 41}, {0},
        {.window = {3, 3, 3}, .stride = {2, 2, 2}, .padding = {1, 1, 1, 1, 1, 1}}},
    {4, {1, 2, 50, 43}, {3, 5}, {.adaptive = true}},
    /* windows without elements */
    {4, {1, 2, 1, 2}, {0},
        {.window = {2, 2}, .stride = {1, 1}, .padding = {2, 3, 2, 3}, .dilation = {3, 4}}},
    {3, {1, 1, 1}, {0}, {.window = {1}}},
    {4, {0, 2, 4, 4}, {0}, {.window = {2, 2}, .dilation = {2, 2}}},
    {3, {2, 3, 300}, {0}, {.window = {9}, .stride = {7}, .dilation = {2}}},
};

static pool_case random_case(void) {
    pool_case c = {.rank = (int)test_int(3, 5), .x = {test_int(1, 2), test_int(1, 3)}};
    const bool adaptive = test_int(0, 3) == 0;
    c.options.adaptive = adaptive;
    c.options.ceil_mode = test_coin();
    c.options.count_padding = test_coin();
    c.options.plane_indices = test_coin();
    for (int i = 0; i < c.rank - 2; i++) {
        c.options.window[i] = test_int(1, 4);
        c.options.stride[i] = test_int(0, 4);
        c.options.dilation[i] = test_int(0, 3);
        const int64_t d = c.options.dilation[i] ? c.options.dilation[i] : 1;
        const int64_t span = (c.options.window[i] - 1) * d + 1;
        c.options.padding[i] = test_int(0, span - 1);
        c.options.padding[c.rank - 2 + i] = test_int(0, span - 1);
        c.x[i + 2] = span + test_int(0, i == c.rank - 3 ? 30 : 5);
        c.out[i] = test_int(1, 9);
    }
    return c;
}

static void shape_of_result(const pool_case *c, int64_t y[5]) {
    if (!c->options.adaptive) {
        test_ok(cleat_pool_shape(c->rank, c->x, &c->options, y));
        return;
    }
    for (int i = 0; i < c->rank; i++) {
        y[i] = i < 2 ? c->x[i] : c->out[i - 2];
    }
}

static reference_window reference_of(const pool_case *c, const int64_t *y) {
    const cleat_pool_options *o = &c->options;
    reference_window p = {.adaptive = o->adaptive,
        .count_padding = o->count_padding,
        .plane_indices = o->plane_indices};
    const int axes = c->rank - 2;
    for (int i = 0; i < 5; i++) {
        const int from = i < 2 ? i : i - 3 + axes;
        p.x[i] = i >= 2 && from < 2 ? 1 : c->x[from];
        p.y[i] = i >= 2 && from < 2 ? 1 : y[from];
    }
    for (int i = 0; i < 3; i++) {
        const int from = i - 3 + axes;
        const bool there = from >= 0 && !o->adaptive;
        p.window[i] = !there ? 1 : o->global ? c->x[from + 2] : o->window[from];
        p.stride[i] = !there || o->global ? 1 : o->stride[from] ? o->stride[from] : p.window[i];
        p.dilation[i] = !there || o->global || o->dilation[from] == 0 ? 1 : o->dilation[from];
        p.before[i] = !there || o->global ? 0 : o->padding[from];
        p.after[i] = !there || o->global ? 0 : o->padding[axes + from];
    }
    return p;
}

static double *to_double(const test_tensor *t) {
    double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = (double)t->data[i];
    }
    return values;
}

static cleat_status call(int operation, const cleat_pool_options *options, cleat_tensor x,
    cleat_tensor dy, cleat_tensor result) {
    cleat_context *context = test_context();
    switch (operation) {
    case MAX:
        return cleat_max_pool(context, x, result, options);
    case AVERAGE:
        return cleat_average_pool(context, x, result, options);
    case MAX_BACKWARD:
        return cleat_max_pool_backward(context, x, dy, result, options);
    default:
        return cleat_average_pool_backward(context, dy, result, options);
    }
}

static void want(int operation, const reference_window *p, const double *x, const double *dy,
    int64_t *places, double *result, double *magnitude) {
    switch (operation) {
    case MAX:
        reference_window_max(p, x, result, places);
        break;
    case AVERAGE:
        reference_window_average(p, x, result, magnitude);
        break;
    case MAX_BACKWARD:
        reference_window_max_backward(p, x, dy, places, result, magnitude);
        break;
    default:
        reference_window_average_backward(p, dy, result, magnitude);
    }
}

/* Places in a tensor of gaps: each second column of a larger one. */
typedef struct place_tensor {
    cleat_tensor view;
    int64_t count, *data;
} place_tensor;

static place_tensor make_places(int rank, const int64_t *shape, bool gaps, const int64_t *data) {
    place_tensor t = {.count = 1};
    int64_t large[5];
    for (int i = 0; i < rank; i++) {
        large[i] = i == rank - 1 && gaps ? 2 * shape[i] : shape[i];
        t.count *= shape[i];
    }
    cleat_tensor whole;
    test_ok(cleat_tensor_create(test_context(), CLEAT_I64, rank, large, &whole));
    test_ok(cleat_fill(test_context(), -77, whole));
    t.view = whole;
    if (gaps) {
        test_ok(cleat_slice(whole, rank - 1, 1, shape[rank - 1], 2, &t.view));
    }
    t.data = test_alloc(t.count, sizeof *t.data);
    if (data != NULL) {
        memcpy(t.data, data, (size_t)t.count * sizeof *t.data);
        test_ok(cleat_write(test_context(), t.view, t.data, (size_t)t.count * sizeof *t.data));
    }
    return t;
}

static void check_places(place_tensor *t, const int64_t *places, const char *what) {
    test_ok(cleat_read(test_context(), t->view, t->data, (size_t)t->count * sizeof *t->data));
    for (int64_t i = 0; i < t->count; i++) {
        if (t->data[i] != places[i]) {
            ck_abort_msg("%s: place %d is %lld, want %lld", what, (int)i, (long long)t->data[i],
                (long long)places[i]);
        }
    }
}

static void free_places(place_tensor *t) {
    cleat_tensor_release(&t->view);
    free(t->data);
}

/* One operation by one variant, against the reference, twice. Exact, but for means. */
static void run_variant(int operation, const char *variant, const pool_case *c,
    const reference_window *p, const test_tensor *x, const test_tensor *dy, const double *result,
    const double *magnitude, const int64_t *places, bool exact, test_layout layout) {
    char what[120];
    snprintf(what, sizeof what, "%s by %s, rank %d, x %d %d %d", operation_names[operation],
        variant ? variant : "default", c->rank, (int)c->x[2], (int)c->x[3], (int)c->x[4]);
    cleat_pool_options options = c->options;
    int64_t y[5];
    shape_of_result(c, y);
    place_tensor found = {.data = NULL};
    if (operation == MAX && places != NULL) {
        found = make_places(c->rank, y, layout == TEST_STRIDED, NULL);
        options.indices = &found.view;
    }
    test_tensor first = test_output(c->rank, operation < 2 ? y : c->x, layout);
    if (variant != NULL) {
        setenv(variables[operation], variant, 1);
    }
    const cleat_status status = call(operation, &options, x->view, dy->view, first.view);
    if (status == CLEAT_UNSUPPORTED && variant != NULL) {
        test_unchanged(&first);
    } else {
        ck_assert_msg(status == CLEAT_OK, "%s: %s", what, cleat_error_message());
        test_fetch(&first);
        if (exact) {
            test_equal(&first, result, what);
        } else {
            const int64_t window = p->window[0] * p->window[1] * p->window[2];
            test_bound(&first, result, magnitude,
                (p->adaptive ? p->x[2] * p->x[3] * p->x[4] : window) + 2, what);
        }
        if (found.data != NULL) {
            check_places(&found, places, what);
        }
        test_tensor second = first;
        second.data = test_alloc(first.count, sizeof *second.data);
        test_ok(call(operation, &options, x->view, dy->view, second.view));
        test_fetch(&second);
        test_same_bits(&first, &second, what);
        free(second.data);
    }
    unsetenv(variables[operation]);
    if (found.data != NULL) {
        free_places(&found);
    }
    test_free(&first);
}

/* All operations by all variants; `x_data`: special values. */
static void run_case(
    const pool_case *c, test_values values, test_layout layout, const float *x_data) {
    int64_t y[5] = {0};
    shape_of_result(c, y);
    const reference_window p = reference_of(c, y);
    test_tensor x = x_data ? test_input_from(c->rank, c->x, x_data, layout)
                           : test_input(c->rank, c->x, values, layout);
    test_tensor dy = test_input(c->rank, y, values, layout);
    const int64_t most = x.count + dy.count;
    double *dx = to_double(&x), *ddy = to_double(&dy);
    double *result = test_alloc(most, sizeof *result), *magnitude = test_alloc(most, sizeof *dx);
    int64_t *places = test_alloc(dy.count, sizeof *places);
    for (int operation = 0; operation < OPERATIONS; operation++) {
        const bool average = operation % 2 == AVERAGE;
        if (average && x_data) {
            continue;
        }
        want(operation, &p, dx, ddy, places, result, magnitude);
        const bool exact = operation == MAX || (operation == MAX_BACKWARD && values == TEST_EXACT);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
            run_variant(
                operation, variants[v], c, &p, &x, &dy, result, magnitude, NULL, exact, layout);
            if (operation == MAX) {
                run_variant(operation, variants[v], c, &p, &x, &dy, result, magnitude, places,
                    exact, layout);
            }
        }
    }
    free(dx);
    free(ddy);
    free(result);
    free(magnitude);
    free(places);
    test_free(&x);
    test_free(&dy);
}

START_TEST(test_table) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        run_case(&table[i], TEST_EXACT, i % 2 ? TEST_ROWS : TEST_ROW_MAJOR, NULL);
        run_case(&table[i], TEST_REAL, i % 2 ? TEST_ROW_MAJOR : TEST_STRIDED, NULL);
    }
}
END_TEST

START_TEST(test_random) {
    static const test_layout layouts[] = {TEST_ROW_MAJOR, TEST_ROWS, TEST_STRIDED};
    for (int round = 0; round < test_rounds(40); round++) {
        const pool_case c = random_case();
        run_case(&c, test_coin() ? TEST_EXACT : TEST_REAL, layouts[round % 3], NULL);
    }
}
END_TEST

/* Many equal elements, NaN and infinities. */
START_TEST(test_special_values) {
    static const float values[] = {-NAN, NAN, INFINITY, -INFINITY, -0.0f, 0.0f, 1.0f, 1.0f, -1.0f};
    for (int round = 0; round < test_rounds(24); round++) {
        const pool_case c = random_case();
        int64_t count = 1;
        for (int i = 0; i < c.rank; i++) {
            count *= c.x[i];
        }
        float *data = test_alloc(count, sizeof *data);
        for (int64_t i = 0; i < count; i++) {
            data[i] = values[test_int(round % 3, round % 2 ? 3 : 8)];
        }
        run_case(&c, TEST_EXACT, round % 2 ? TEST_ROW_MAJOR : TEST_ROWS, data);
        free(data);
    }
}
END_TEST

static double weighted(int operation, const reference_window *p, const double *x, const double *dy,
    int64_t *places, double *y, double *magnitude) {
    want(operation, p, x, NULL, places, y, magnitude);
    double sum = 0;
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        sum += dy[i] == 0 ? 0 : y[i] * dy[i];
    }
    return sum;
}

/* The reference's gradients against central differences; elements far more apart than the step. */
START_TEST(test_reference_gradient) {
    for (int round = 0; round < 6; round++) {
        pool_case c = table[(int[]){3, 5, 6, 11, 12, 13}[round]];
        c.x[0] = c.x[1] = 1;
        c.x[c.rank - 1] = 7;
        int64_t y_shape[5];
        shape_of_result(&c, y_shape);
        const reference_window p = reference_of(&c, y_shape);
        const int64_t count = reference_window_count(p.x), outs = reference_window_count(p.y);
        double *x = test_alloc(count, sizeof *x), *dx = test_alloc(count, sizeof *x);
        double *dy = test_alloc(outs, sizeof *x), *y = test_alloc(outs, sizeof *x);
        double *magnitude = test_alloc(count + outs, sizeof *x);
        int64_t *places = test_alloc(outs, sizeof *places);
        for (int64_t i = 0; i < count; i++) {
            x[i] = (double)(i * 373 % 677) * 0.01 + test_real(0, 0.001);
        }
        for (int64_t i = 0; i < outs; i++) {
            dy[i] = test_real(-1, 1);
        }
        for (int operation = MAX_BACKWARD; operation < OPERATIONS; operation++) {
            want(operation, &p, x, dy, places, dx, magnitude);
            for (int64_t i = 0; i < count; i++) {
                const double old = x[i];
                x[i] = old + 1e-6;
                const double above = weighted(operation - 2, &p, x, dy, places, y, magnitude);
                x[i] = old - 1e-6;
                const double below = weighted(operation - 2, &p, x, dy, places, y, magnitude);
                x[i] = old;
                ck_assert_msg(fabs((above - below) / 2e-6 - dx[i]) < 1e-7, "%s %d: element %d",
                    operation_names[operation], round, (int)i);
            }
        }
        free(x);
        free(dx);
        free(dy);
        free(y);
        free(magnitude);
        free(places);
    }
}
END_TEST

/* Unpooling and its gradient, with places that repeat and some outside. */
static void check_unpool(
    int rank, const int64_t *small, const int64_t *large, bool in_plane, test_layout layout) {
    test_tensor x = test_input(rank, small, TEST_EXACT, layout);
    test_tensor dy = test_input(rank, large, TEST_EXACT, layout);
    const int64_t planes = small[0] * small[1];
    const int64_t count = x.count / planes, volume = dy.count / planes;
    int64_t *places = test_alloc(x.count, sizeof *places);
    double *y = test_alloc(dy.count, sizeof *y), *dx = test_alloc(x.count, sizeof *dx);
    for (int64_t i = 0; i < x.count; i++) {
        const int64_t plane = i / count, base = in_plane ? 0 : plane * volume;
        int64_t place = test_int(0, volume - 1);
        place = test_int(0, 9) == 0 ? (test_coin() ? -1 : volume) : place;
        places[i] = base + place;
        if (place >= 0 && place < volume) {
            y[plane * volume + place] = (double)x.data[i];
            dx[i] = (double)dy.data[plane * volume + place];
        }
    }
    place_tensor indices = make_places(rank, small, layout == TEST_STRIDED, places);
    const cleat_pool_options options = {.plane_indices = in_plane};
    test_tensor got = test_output(rank, large, layout), gradient = test_output(rank, small, layout);
    test_ok(cleat_max_unpool(test_context(), x.view, indices.view, got.view, &options));
    test_fetch(&got);
    test_equal(&got, y, "unpool");
    test_ok(cleat_max_unpool_backward(
        test_context(), dy.view, indices.view, gradient.view, in_plane ? &options : NULL));
    test_fetch(&gradient);
    test_equal(&gradient, dx, "unpool backward");
    free(places);
    free(y);
    free(dx);
    free_places(&indices);
    test_free(&x);
    test_free(&dy);
    test_free(&got);
    test_free(&gradient);
}

START_TEST(test_unpool) {
    check_unpool(4, (int64_t[]){2, 3, 4, 5}, (int64_t[]){2, 3, 8, 11}, false, TEST_ROW_MAJOR);
    check_unpool(4, (int64_t[]){2, 3, 4, 5}, (int64_t[]){2, 3, 8, 11}, true, TEST_STRIDED);
    check_unpool(3, (int64_t[]){1, 2, 40}, (int64_t[]){1, 2, 80}, true, TEST_STRIDED);
    check_unpool(5, (int64_t[]){1, 5, 2, 3, 4}, (int64_t[]){1, 5, 4, 6, 9}, false, TEST_STRIDED);
}
END_TEST

START_TEST(test_shapes) {
    int64_t y[6] = {-1, -1, -1, -1, -1, -1};
    const int64_t x[] = {2, 3, 10, 11, 12};
    cleat_pool_options o = {.window = {3, 3, 3},
        .stride = {2, 2, 3},
        .padding = {1, 0, 1, 1, 0, 1},
        .dilation = {1, 2, 0},
        .ceil_mode = true};
    test_ok(cleat_pool_shape(5, x, &o, y));
    ck_assert(y[0] == 2 && y[1] == 3 && y[2] == 6 && y[3] == 4 && y[4] == 5 && y[5] == -1);
    /* The last window would begin in the padding behind x. */
    o = (cleat_pool_options){.window = {2}, .stride = {3}, .padding = {0, 1}, .ceil_mode = true};
    test_ok(cleat_pool_shape(3, (int64_t[]){1, 1, 6}, &o, y));
    ck_assert(y[2] == 2);
    o.global = true;
    test_ok(cleat_pool_shape(4, x, &o, y));
    ck_assert(y[2] == 1 && y[3] == 1);
    o.adaptive = true;
    test_refused(cleat_pool_shape(4, x, &o, y), CLEAT_INVALID_ARGUMENT, "adaptive");
    test_refused(cleat_pool_shape(6, x, &o, y), CLEAT_INVALID_ARGUMENT, "rank is 6");
    o = (cleat_pool_options){.window = {2, INT64_MAX, 2}, .dilation = {1, 2, 1}};
    test_refused(cleat_pool_shape(5, x, &o, y), CLEAT_SIZE_OVERFLOW,
        "a window of 9223372036854775807 rows, 2 apart, does not fit 64 bits");
    o = (cleat_pool_options){.window = {2, 2, 2}, .dilation = {1, -2, 1}};
    test_refused(cleat_pool_shape(5, x, &o, y), CLEAT_INVALID_ARGUMENT, "dilation[1] is -2");
    o = (cleat_pool_options){.window = {2, 2, 2}, .padding = {0, 0, 0, 2}};
    test_refused(cleat_pool_shape(5, x, &o, y), CLEAT_INVALID_ARGUMENT,
        "padding[3] is 2, must be from 0 to less than the window's 2");
    o = (cleat_pool_options){.window = {11, 2, 2}};
    test_refused(cleat_pool_shape(5, x, &o, y), CLEAT_SHAPE_MISMATCH,
        "a window of 11 slices does not fit 10 slices");
}
END_TEST

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor x = test_input(4, (int64_t[]){2, 3, 8, 8}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, (int64_t[]){2, 3, 4, 4}, TEST_ROW_MAJOR);
    test_tensor dx = test_output(4, (int64_t[]){2, 3, 8, 8}, TEST_ROW_MAJOR);
    place_tensor indices = make_places(4, (int64_t[]){2, 3, 4, 4}, false, NULL);
    cleat_pool_options o = {.window = {2, 2}};
    test_refused(cleat_max_pool(NULL, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "max_pool: ");
    test_refused(cleat_max_pool(context, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "window");
    cleat_tensor flat;
    test_ok(cleat_reshape(x.view, 2, (int64_t[]){6, 64}, &flat));
    test_refused(cleat_average_pool(context, flat, y.view, &o), CLEAT_SHAPE_MISMATCH,
        "average_pool: x has rank 2, a rank from 3 to 5 is wanted");
    test_refused(cleat_max_pool(context, x.view, dx.view, &o), CLEAT_SHAPE_MISMATCH,
        "y is [2, 3, 8, 8], wanted [2, 3, 4, 4]");
    o.indices = &y.view;
    test_refused(cleat_max_pool(context, x.view, y.view, &o), CLEAT_TYPE_MISMATCH,
        "max_pool: indices has type f32, not i64");
    cleat_tensor part;
    test_ok(cleat_slice(indices.view, 3, 0, 2, 1, &part));
    o.indices = &part;
    test_refused(cleat_max_pool(context, x.view, y.view, &o), CLEAT_SHAPE_MISMATCH, "indices");
    o = (cleat_pool_options){.adaptive = true, .global = true};
    test_refused(cleat_max_pool(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT,
        "both global and adaptive");
    o.global = false;
    test_ok(cleat_slice(x.view, 2, 0, 0, 1, &part));
    test_refused(cleat_average_pool(context, part, y.view, &o), CLEAT_SHAPE_MISMATCH,
        "average_pool: 0 rows can't make 4");
    test_refused(cleat_max_pool_backward(context, x.view, y.view, x.view, &o), CLEAT_OVERLAP,
        "max_pool_backward: ");
    o = (cleat_pool_options){.window = {2, 2}, .dilation = {2, 2}};
    setenv("CLEAT_AVERAGE_POOL", "nonsense", 1);
    test_refused(cleat_average_pool(context, x.view,
                     (cleat_tensor){.buffer = y.view.buffer,
                         .type = CLEAT_F32,
                         .rank = 4,
                         .offset = y.view.offset,
                         .shape = {2, 3, 3, 3},
                         .stride = {27, 9, 3, 1}},
                     &o),
        CLEAT_INVALID_ARGUMENT, "nonsense");
    unsetenv("CLEAT_AVERAGE_POOL");
    test_refused(cleat_max_unpool(context, y.view, x.view, dx.view, NULL), CLEAT_TYPE_MISMATCH,
        "max_unpool: indices");
    test_refused(cleat_max_unpool(context, x.view, indices.view, dx.view, NULL),
        CLEAT_SHAPE_MISMATCH, "max_unpool: x has the shape");
    test_ok(cleat_slice(dx.view, 1, 0, 2, 1, &part));
    test_refused(cleat_max_unpool(context, y.view, indices.view, part, NULL), CLEAT_SHAPE_MISMATCH,
        "other images or channels");
    test_refused(cleat_max_unpool_backward(context, y.view, indices.view, y.view, NULL),
        CLEAT_OVERLAP, "max_unpool_backward: ");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dx);
    free_places(&indices);
    test_free(&x);
    test_free(&y);
    test_free(&dx);
}
END_TEST

/* One case each, so that one can be run alone. */
Suite *test_suite(void) {
    Suite *suite = suite_create("pool_window");
    test_add_case(suite, "table", test_table);
    test_add_case(suite, "random", test_random);
    test_add_case(suite, "special", test_special_values);
    test_add_case(suite, "gradient", test_reference_gradient);
    test_add_case(suite, "unpool", test_unpool);
    test_add_case(suite, "shapes", test_shapes);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
