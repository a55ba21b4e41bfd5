/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/resize.h>
#include <stdio.h>

enum {
    MOST_EXTENT = 1 << 30,
    PLANE_AXES = CLEAT_MAX_RANK - 2,
    ROWS_WIDTH = 512, /* WIDTH of cl/resize.cl */
    ROWS_HEIGHT = 64, /* of a unit at most */
    ROWS_LEAST = 4,
    ROWS_TASKS = 8 /* a thread */
};

typedef struct resize_problem {
    const char *operation;
    cleat_resize_options options;
    bool transposed;
    cleat_tensor x, y; /* what is read and what is written */
    int64_t row_taps, column_taps;
    int64_t x_rows, x_columns, y_rows, y_columns;
} resize_problem;

static int64_t taps_of(cleat_resize_mode mode) {
    return mode == CLEAT_RESIZE_NEAREST ? 1 : mode == CLEAT_RESIZE_LINEAR ? 2 : 4;
}

/* first_tap() of cl/resize.cl */
static int64_t first_tap(const cleat_resize_options *options, int64_t o, int64_t n, int64_t m) {
    int64_t num = (2 * o + 1) * n - m;
    int64_t den = 2 * m;
    if (options->coordinates == CLEAT_ALIGN_CORNERS) {
        num = m == 1 ? 0 : o * (n - 1);
        den = m == 1 ? 1 : m - 1;
    } else if (options->coordinates == CLEAT_ASYMMETRIC) {
        num = o * n;
        den = m;
    } else if (options->coordinates == CLEAT_PYTORCH_HALF_PIXEL && m == 1) {
        num = 0;
    }
    const int64_t whole = num / den - (num % den < 0);
    const int64_t rest = num - whole * den;
    if (options->mode != CLEAT_RESIZE_NEAREST) {
        return whole - (options->mode == CLEAT_RESIZE_CUBIC);
    }
    switch (options->rounding) {
    case CLEAT_ROUND_PREFER_FLOOR:
        return whole + (2 * rest > den);
    case CLEAT_ROUND_PREFER_CEIL:
        return whole + (2 * rest >= den);
    case CLEAT_ROUND_FLOOR:
        return whole;
    default:
        return whole + (rest > 0);
    }
}

/* The most of m elements that one of n gives something to: a walk along both, since neither end of
 * what an element gives to ever moves back. */
static int64_t most_uses(const cleat_resize_options *options, int64_t n, int64_t m) {
    const int64_t taps = taps_of(options->mode);
    int64_t most = 1;
    int64_t low = 0;
    int64_t high = 0;
    for (int64_t i = 0; i < n; i++) {
        while (i > 0 && low < m && first_tap(options, low, n, m) + taps - 1 < i) {
            low++;
        }
        while (high < m && (i == n - 1 || first_tap(options, high, n, m) <= i)) {
            high++;
        }
        most = high - low > most ? high - low : most;
    }
    return most;
}

static launch tables_launch(const device_profile *profile, const resize_problem *p, void *tables) {
    launch l = launch_begin(p->operation, "resize", "resize_tables");
    launch_use_real64(&l, p->x.type);
    launch_macro(&l, "MODE", (int64_t)p->options.mode);
    launch_macro(&l, "COORDINATES", (int64_t)p->options.coordinates);
    launch_macro(&l, "ROUNDING", (int64_t)p->options.rounding);
    launch_macro(&l, "TAPS", taps_of(p->options.mode));
    launch_macro(&l, "TRANSPOSED", p->transposed);
    launch_use_index64(&l, false);
    launch_memory(&l, tables);
    launch_numbers_begin(&l);
    const int64_t sizes[] = {
        p->x_rows, p->x_columns, p->y_rows, p->y_columns, p->row_taps, p->column_taps};
    launch_ints(&l, sizes, sizeof sizes / sizeof sizes[0]);
    const float a = p->options.cubic_coefficient;
    launch_real(&l, a < 0 || a > 0 ? (double)a : -0.75);
    launch_numbers_end(&l);
    work_each(profile, p->y_rows + p->y_columns, &l);
    return l;
}

static launch begin(const resize_problem *p, const char *kernel, int64_t items) {
    launch l = launch_begin(p->operation, "resize", kernel);
    launch_use_real64(&l, p->x.type);
    launch_macro(&l, "MODE", (int64_t)p->options.mode);
    launch_macro(&l, "COORDINATES", (int64_t)p->options.coordinates);
    launch_macro(&l, "ROUNDING", (int64_t)p->options.rounding);
    launch_macro(&l, "TAPS", taps_of(p->options.mode));
    launch_macro(&l, "TRANSPOSED", p->transposed);
    launch_use_index64(
        &l, tensor_needs_index64(&p->x) || tensor_needs_index64(&p->y) || items >= INT32_MAX / 2);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->y);
    const double count = (double)cleat_tensor_count(&p->y);
    l.bytes = (double)cleat_type_size(p->x.type) * (count + (double)cleat_tensor_count(&p->x));
    l.flop = 2 * count * (double)p->row_taps * (double)p->column_taps;
    return l;
}

/* Twice as many columns, at distances that are the same for every second one. */
static bool is_doubled(const resize_problem *p) {
    return !p->transposed && p->y_columns == 2 * p->x_columns && p->x_columns > 2 &&
           p->x.stride[p->x.rank - 1] == 1 && p->options.mode == CLEAT_RESIZE_LINEAR &&
           p->options.coordinates != CLEAT_ALIGN_CORNERS;
}

static void add_numbers(const device_profile *profile, const resize_problem *p, int64_t items,
    int64_t height, launch *l) {
    const int32_t rows = p->y.rank - 2;
    launch_numbers_begin(l);
    launch_index(l, items);
    launch_index(l, p->x.offset);
    launch_index(l, p->y.offset);
    launch_index(l, p->x.stride[rows]);
    launch_index(l, p->x.stride[rows + 1]);
    launch_index(l, p->y.stride[rows]);
    launch_index(l, p->y.stride[rows + 1]);
    for (int32_t i = rows - PLANE_AXES; i < rows; i++) {
        launch_index(l, i < 0 ? 1 : p->y.shape[i]);
        launch_index(l, i < 0 ? 0 : p->x.stride[i]);
        launch_index(l, i < 0 ? 0 : p->y.stride[i]);
    }
    const int64_t sizes[] = {p->y_rows, p->y_columns, p->row_taps, p->column_taps, height,
        profile_is_past_caches(profile, l->bytes), is_doubled(p)};
    launch_ints(l, sizes, sizeof sizes / sizeof sizes[0]);
    launch_numbers_end(l);
}

static cleat_status run(cleat_context *context, const resize_problem *p, bool rows) {
    const device_profile *profile = context_profile(context);
    const int64_t count = cleat_tensor_count(&p->y);
    const int64_t planes = count / p->y_rows / p->y_columns;
    int64_t items = count;
    int64_t height = 1;
    if (rows) {
        const int64_t pieces = planes * ceil_div(p->y_columns, ROWS_WIDTH);
        const int64_t wanted = (int64_t)profile->compute_units * ROWS_TASKS;
        height = ROWS_HEIGHT;
        while (height > ROWS_LEAST && pieces * ceil_div(p->y_rows, height) < wanted) {
            height /= 2;
        }
        items = pieces * ceil_div(p->y_rows, height);
    }
    void *tables = NULL;
    const size_t entries =
        (size_t)(p->row_taps * p->y_rows) + (size_t)(p->column_taps * p->y_columns);
    TRY(scratch_acquire(context, 2 * entries * cleat_type_size(p->x.type), &tables));
    launch launches[2] = {
        tables_launch(profile, p, tables), begin(p, rows ? "resize_rows" : "resize_pixels", items)};
    launch_memory(&launches[1], tables);
    add_numbers(profile, p, items, height, &launches[1]);
    if (rows) {
        launch_size_1d(&launches[1], (size_t)items, 1);
    } else {
        work_each(profile, items, &launches[1]);
    }
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, tables);
    return status;
}

static bool suits_rows(const device_profile *profile, const void *problem) {
    const resize_problem *p = problem;
    return profile->is_cpu && p->x.type == CLEAT_F32 &&
           (p->y.stride[p->y.rank - 1] == 1 || p->y_columns == 1);
}

static cleat_status enqueue_rows(cleat_context *context, const void *problem) {
    return run(context, problem, true);
}

static cleat_status enqueue_pixels(cleat_context *context, const void *problem) {
    return run(context, problem, false);
}

static const variant variants[] = {
    {"rows", suits_rows, enqueue_rows},
    {"pixels", variant_always, enqueue_pixels},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const resize_problem *p = problem;
    snprintf(text, size, "%lld x %lld to %lld x %lld, %s,", (long long)p->x_rows,
        (long long)p->x_columns, (long long)p->y_rows, (long long)p->y_columns,
        cleat_type_name(p->x.type));
}

static cleat_status check_options(resize_problem *p, const cleat_resize_options *options) {
    if (options != NULL) {
        p->options = *options;
    }
    const cleat_resize_options *o = &p->options;
    REFUSE_IF((int)o->mode < CLEAT_RESIZE_NEAREST || o->mode > CLEAT_RESIZE_CUBIC,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no mode", p->operation, (int)o->mode);
    REFUSE_IF((int)o->coordinates < CLEAT_HALF_PIXEL || o->coordinates > CLEAT_ASYMMETRIC,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no kind of coordinates", p->operation,
        (int)o->coordinates);
    REFUSE_IF((int)o->rounding < CLEAT_ROUND_PREFER_FLOOR || o->rounding > CLEAT_ROUND_CEIL,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no rounding", p->operation, (int)o->rounding);
    if (o->mode != CLEAT_RESIZE_NEAREST) { /* fewer kernels */
        p->options.rounding = CLEAT_ROUND_PREFER_FLOOR;
    }
    return CLEAT_OK;
}

static cleat_status resize(cleat_context *context, resize_problem *p, const char *name_x,
    const cleat_tensor *x, const char *name_y, const cleat_tensor *y,
    const cleat_resize_options *options);

/* Of 16 bits, checked, by way of f32. */
static cleat_status resize_widened(cleat_context *context, resize_problem *p, const cleat_tensor *x,
    const cleat_tensor *y, const cleat_resize_options *options) {
    widening w;
    widen_begin(&w, context, p->operation);
    const cleat_tensor wide_x = widen_input(&w, x), wide_y = widen_output(&w, y, false);
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = resize(context, p, "x", &wide_x, "y", &wide_y, options);
    }
    return widen_end(&w, status);
}

/* p holds operation and direction; x is what is read. */
static cleat_status resize(cleat_context *context, resize_problem *p, const char *name_x,
    const cleat_tensor *x, const char *name_y, const cleat_tensor *y,
    const cleat_resize_options *options) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    TRY(check_context(p->operation, context));
    cleat_type type;
    TRY(check_float_tensor(p->operation, name_x, context, x, &type));
    TRY(check_output(p->operation, name_y, context, y, type));
    TRY(check_options(p, options));
    bool fits = x->rank >= 2 && x->rank == y->rank;
    for (int32_t i = 0; fits && i < x->rank; i++) {
        fits = i >= x->rank - 2 ? x->shape[i] < MOST_EXTENT && y->shape[i] < MOST_EXTENT
                                : x->shape[i] == y->shape[i];
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "%s: %s, shape %s, cannot become %s, shape %s: only the last two axes may differ, below "
        "2^30",
        p->operation, name_x, shape_text(x->rank, x->shape, text_x), name_y,
        shape_text(y->rank, y->shape, text_y));
    TRY(check_no_overlap(p->operation, name_x, x, name_y, y, false));
    p->x = *x;
    p->y = *y;
    p->x_rows = x->shape[x->rank - 2];
    p->x_columns = x->shape[x->rank - 1];
    p->y_rows = y->shape[y->rank - 2];
    p->y_columns = y->shape[y->rank - 1];
    if (cleat_tensor_count(y) == 0) {
        return CLEAT_OK;
    }
    REFUSE_IF(p->x_rows == 0 || p->x_columns == 0, CLEAT_SHAPE_MISMATCH,
        "%s: %s, shape %s, has no elements for %s, shape %s", p->operation, name_x,
        shape_text(x->rank, x->shape, text_x), name_y, shape_text(y->rank, y->shape, text_y));
    p->row_taps = taps_of(p->options.mode);
    p->column_taps = p->row_taps;
    if (p->transposed) {
        p->row_taps = most_uses(&p->options, p->y_rows, p->x_rows);
        p->column_taps = most_uses(&p->options, p->y_columns, p->x_columns);
    }
    REFUSE_IF(p->row_taps * p->y_rows + p->column_taps * p->y_columns > INT32_MAX / 4,
        CLEAT_UNSUPPORTED, "%s: the tables for %s, shape %s, would be too large", p->operation,
        name_y, shape_text(y->rank, y->shape, text_y));
    if (type_is_half(type)) {
        return resize_widened(context, p, x, y, options);
    }
    const variant *chosen = NULL;
    TRY(variant_choose(context, p->operation, NULL, NULL, variants, p, write_problem,
        p->transposed ? verify_resize_backward : verify_resize, &chosen));
    return chosen->enqueue(context, p);
}

cleat_status cleat_resize(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_resize_options *options) {
    resize_problem p = {.operation = "resize"};
    return resize(context, &p, "x", &x, "y", &y, options);
}

cleat_status cleat_resize_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_resize_options *options) {
    resize_problem p = {.operation = "resize_backward", .transposed = true};
    return resize(context, &p, "dy", &dy, "dx", &dx, options);
}
