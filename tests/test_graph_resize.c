/* SPDX-License-Identifier: Apache-2.0 */
/* Resize, Upsample, GridSample and RoiAlign as nodes of graphs. */
#include "graph_case.h"

static const char *const modes[] = {"nearest", "linear", "cubic"};
static const char *const places[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "half_pixel_symmetric", "tf_crop_and_resize"};
static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
enum { PLACES = sizeof places / sizeof *places };

typedef struct resize_case {
    int mode, place, rounding;
    bool excludes;
    float coefficient, value, scales[4], region[8];
    int32_t rank;
    int64_t x[4], y[4], sizes[4];
    bool by_sizes;
} resize_case;

/* Where element o along an axis lies; m: as many as the scale makes, whole or not. */
static double place_of(const resize_case *r, int axis, int64_t o) {
    const double n = (double)r->x[axis], at = (double)o;
    const double m = r->by_sizes ? (double)r->y[axis] : n * (double)r->scales[axis];
    const double start = (double)r->region[axis], end = (double)r->region[axis + r->rank];
    switch (r->place) {
    case 1:
        return r->y[axis] > 1 ? (at + 0.5) * n / m - 0.5 : 0;
    case 2:
        return r->y[axis] > 1 ? at * (n - 1) / (m - 1) : 0;
    case 3:
        return at * n / m;
    case 4: /* an axis that stays is left alone, as ONNX Runtime does */
        return m >= n && m <= n ? at : (at + 0.5) * n / m;
    case 5:
        return n / 2 * (1 - (double)r->y[axis] / m) + (at + 0.5) * n / m - 0.5;
    case 6:
        return r->y[axis] > 1 ? start * (n - 1) + at * (end - start) * (n - 1) / (m - 1)
                              : (start + end) / 2 * (n - 1);
    default:
        return (at + 0.5) * n / m - 0.5;
    }
}

static double nearest(int rounding, double x) {
    const double slack = 1e-9; /* 0.7F is not 0.7: what it makes a half of is none */
    return rounding == 0   ? ceil(x - 0.5 - slack)
           : rounding == 1 ? floor(x + 0.5 + slack)
           : rounding == 2 ? floor(x + slack)
                           : ceil(x - slack);
}

static double keys(double a, double d) {
    return d <= 1  ? (a + 2) * d * d * d - (a + 3) * d * d + 1
           : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
                   : 0;
}

/* What each element of an axis gives to element o; false: it lies outside. */
static bool weights_of(const resize_case *r, int axis, int64_t o, double *weights) {
    const double x = place_of(r, axis, o), n = (double)r->x[axis];
    double sum = 0;
    for (int64_t i = 0; i < r->x[axis]; i++) {
        weights[i] = 0;
    }
    for (double at = floor(x) - 2; at <= floor(x) + 3; at++) {
        const double weight = r->mode == 0   ? at == nearest(r->rounding, x)
                              : r->mode == 1 ? fmax(0, 1 - fabs(x - at))
                                             : keys((double)r->coefficient, fabs(x - at));
        const bool is_outside = at < 0 || at > n - 1;
        if (!is_outside || !r->excludes || r->mode == 0) {
            weights[(int64_t)fmin(fmax(at, 0), n - 1)] += weight;
            sum += weight;
        }
    }
    for (int64_t i = 0; i < r->x[axis] && r->excludes && r->mode != 0; i++) {
        weights[i] /= sum;
    }
    return r->place != 6 || (x >= 0 && x <= n - 1);
}

static double resized(const resize_case *r, const double *x, const int64_t *o) {
    double weights[4][16], sum = 0;
    for (int axis = 0; axis < r->rank; axis++) {
        if (!weights_of(r, axis, o[axis], weights[axis])) {
            return (double)r->value;
        }
    }
    for (int64_t i = 0; i < case_count(r->rank, r->x); i++) {
        int64_t at[4];
        double weight = 1;
        case_index_of(r->rank, r->x, i, at);
        for (int axis = 0; axis < r->rank; axis++) {
            weight *= weights[axis][at[axis]];
        }
        sum += weight * x[i];
    }
    return sum;
}

static resize_case draw_resize(int mode, int place) {
    static const float scales[] = {0.5F, 2, 1.5F, 0.7F, 3, 1, 1};
    resize_case r = {.mode = mode,
        .place = place,
        .rounding = (int)test_int(0, 3),
        .excludes = mode == 2 && test_int(0, 3) == 0,
        .coefficient = test_coin() ? -0.75F : -0.5F,
        .value = 7,
        .rank = (int32_t)test_int(2, 4),
        .by_sizes = test_coin()};
    for (int32_t i = 0; i < r.rank; i++) {
        r.x[i] = test_int(2, 6);
        r.y[i] = r.sizes[i] = i < 2 && r.rank > 2 ? r.x[i] : test_int(1, 9);
        if (!r.by_sizes) {
            r.scales[i] = scales[test_int(0, 6)];
            r.y[i] = (int64_t)floor((double)r.scales[i] * (double)r.x[i]);
        }
        r.region[i] = place == 6 ? (float)test_real(-0.2, 0.5) : 0;
        r.region[i + r.rank] = place == 6 ? (float)test_real(0.6, 1.2) : 1;
    }
    return r;
}

static void expect_near(const graph_case *g, int64_t count, const double *wanted, double near) {
    for (size_t place = 0; place < 2; place++) {
        case_result result = {0};
        test_ok(case_run(g, case_places[place], &result));
        ck_assert_int_eq(result.count, count);
        double *got = case_doubles(result.type, result.elements, count);
        for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
            ck_assert_msg(fabs(got[i] - wanted[i]) <= near,
                "%s in place %zu: element %lld is %.9g, not %.9g", g->type, place, (long long)i,
                got[i], wanted[i]);
        }
        free(got);
        case_free(&result, 1);
    }
}

static void run_resize(const resize_case *r) {
    const int64_t count = case_count(r->rank, r->y), x_count = case_count(r->rank, r->x);
    double *x = case_draw(CLEAT_F32, x_count, 9), *wanted = test_alloc(count, sizeof *wanted);
    void *elements = case_elements(CLEAT_F32, x, x_count);
    for (int64_t i = 0; i < count; i++) {
        int64_t at[4];
        case_index_of(r->rank, r->y, i, at);
        wanted[i] = resized(r, x, at);
    }
    graph_case g = {.type = "Resize",
        .opset = r->place == 4 ? 11 : 13,
        .is_strided = test_coin(),
        .input_count = r->by_sizes ? 4 : 3,
        .inputs = {{.type = CLEAT_F32, .rank = r->rank, .elements = elements}},
        .attribute_count = 6,
        .attributes = {case_text("mode", &modes[r->mode]),
            case_text("coordinate_transformation_mode", &places[r->place]),
            case_text("nearest_mode", &roundings[r->rounding]),
            case_float("cubic_coeff_a", &r->coefficient),
            case_int("exclude_outside", r->excludes ? (int64_t[]){1} : (int64_t[]){0}),
            case_float("extrapolation_value", &r->value)}};
    memcpy(g.inputs[0].shape, r->x, sizeof r->x);
    if (r->place == 6) {
        g.inputs[1] = (case_value){.type = CLEAT_F32,
            .rank = 1,
            .shape = {2 * r->rank},
            .elements = r->region,
            .is_constant = true};
    }
    g.inputs[r->by_sizes ? 3 : 2] = (case_value){.type = r->by_sizes ? CLEAT_I64 : CLEAT_F32,
        .rank = 1,
        .shape = {r->rank},
        .elements = r->by_sizes ? (const void *)r->sizes : (const void *)r->scales,
        .is_constant = true};
    expect_near(&g, count, wanted, 2e-4);
    free(x), free(wanted), free(elements);
}

START_TEST(test_resize) {
    for (int round = 0; round < test_rounds(10); round++) {
        const resize_case r = draw_resize(_i / PLACES, _i % PLACES);
        if (r.place != 6 || r.mode != 0) { /* the nearest one of drawn places may be a tie */
            run_resize(&r);
        }
    }
}
END_TEST

/* Numbers of its own: opset 9, scales as an attribute and as an input. */
START_TEST(test_upsample) {
    const float x[4] = {1, 2, 3, 4}, scales[4] = {1, 1, 2, 3};
    const double wanted[24] = {
        1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4};
    graph_case g = {.type = "Upsample",
        .opset = 9,
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 4, .shape = {1, 1, 2, 2}, .elements = x},
            {.type = CLEAT_F32, .rank = 1, .shape = {4}, .elements = scales}}};
    case_expect(&g, CLEAT_F32, 4, (int64_t[]){1, 1, 4, 6}, wanted, 0);
    g.opset = 7;
    g.input_count = 1;
    g.attribute_count = 1;
    g.attributes[0] = (cleat_attribute){
        .name = "scales", .kind = CLEAT_ATTRIBUTE_FLOATS, .count = 4, .floats = scales};
    case_expect(&g, CLEAT_F32, 4, (int64_t[]){1, 1, 4, 6}, wanted, 0);
    g.type = "Resize";
    g.opset = 10;
    g.input_count = 2;
    g.attribute_count = 0;
    case_expect(&g, CLEAT_F32, 4, (int64_t[]){1, 1, 4, 6}, wanted, 0);
}
END_TEST

START_TEST(test_resize_refusals) {
    const float x[4] = {0}, scales[2] = {1, -2};
    graph_case g = {.type = "Resize",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 2}, .elements = x}, {0},
            {.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = scales}}};
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "a scale of -2 for 2 elements");
    g.inputs[2].shape[0] = 1;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "input 2 has 1 numbers, expected 2");
    g.input_count = 1;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "neither scales nor sizes");
    g.attribute_count = 1;
    g.attributes[0] = case_text("mode", (const char *[]){"round"});
    case_refused(&g, CLEAT_UNSUPPORTED, "mode round");
}
END_TEST

/* ---- GridSample ---- */

static const char *const sample_modes[] = {"bilinear", "nearest", "bicubic"};
static const char *const sample_paddings[] = {"zeros", "border", "reflection"};

/* Mirrored about the ends until it lies between them, step by step. */
static double mirrored(double x, double low, double high) {
    while (high > low && (x < low || x > high)) {
        x = x < low ? 2 * low - x : 2 * high - x;
    }
    return high > low ? x : low;
}

/* An element of a row of n, which padding goes on with. */
static double padded(int padding, bool aligned, const double *row, int64_t n, double at) {
    at =
        padding == 2 ? rint(mirrored(at, aligned ? 0 : -0.5, (double)n - (aligned ? 1 : 0.5))) : at;
    const int64_t i = (int64_t)at;
    return padding == 0 && (i < 0 || i >= n) ? 0 : row[i < 0 ? 0 : i >= n ? n - 1 : i];
}

/* The value of a row at a place. */
static double sampled(
    int mode, int padding, bool aligned, const double *row, int64_t n, double grid) {
    double x = aligned ? (grid + 1) / 2 * (double)(n - 1) : ((grid + 1) * (double)n - 1) / 2;
    x = mode == 1 ? rint(x) : x;
    x = padding == 1   ? fmin(fmax(x, 0), (double)(n - 1))
        : padding == 2 ? mirrored(x, aligned ? 0 : -0.5, (double)n - (aligned ? 1 : 0.5))
                       : x;
    double sum = 0;
    for (double at = floor(x) - 2; at <= floor(x) + 3; at++) {
        const double weight = mode == 1   ? at == floor(x + 0.5)
                              : mode == 0 ? fmax(0, 1 - fabs(x - at))
                                          : keys(-0.75, fabs(x - at));
        sum += weight * padded(padding, aligned, row, n, at);
    }
    return sum;
}

START_TEST(test_grid_sample) {
    const int mode = _i / 3, padding = _i % 3;
    for (int round = 0; round < test_rounds(8); round++) {
        const int64_t shape[4] = {2, 2, test_int(2, 5), test_int(2, 5)}, aligned = test_int(0, 1);
        const int64_t h = shape[2], w = shape[3], rows = 3, columns = 4;
        double *x = case_draw(CLEAT_F32, case_count(4, shape), 9), wanted[48];
        void *elements = case_elements(CLEAT_F32, x, case_count(4, shape));
        float grid[48];
        for (int i = 0; i < 48; i++) {
            grid[i] = (float)test_real(-2.5, 2.5);
        }
        for (int i = 0; i < 48; i++) {
            const int image = i / 24, channel = i / 12 % 2, place = i % 12;
            const float *at = grid + (image * 12 + place) * 2;
            const double *plane = x + (image * 2 + channel) * h * w;
            double column[5];
            for (int64_t k = 0; k < h; k++) {
                column[k] = sampled(mode, padding, aligned, plane + k * w, w, (double)at[0]);
            }
            wanted[i] = sampled(mode, padding, aligned, column, h, (double)at[1]);
        }
        graph_case g = {.type = "GridSample",
            .input_count = 2,
            .inputs = {{.type = CLEAT_F32, .rank = 4, .elements = elements},
                {.type = CLEAT_F32, .rank = 4, .shape = {2, rows, columns, 2}, .elements = grid}},
            .attribute_count = 3,
            .attributes = {case_text("mode", &sample_modes[mode]),
                case_text("padding_mode", &sample_paddings[padding]),
                case_int("align_corners", &aligned)}};
        memcpy(g.inputs[0].shape, shape, sizeof shape);
        expect_near(&g, 48, wanted, 1e-4);
        free(x), free(elements);
    }
}
END_TEST

/* ---- RoiAlign: a plane that rises evenly, whose means are its values at the middles ---- */

START_TEST(test_roi_align) {
    float x[2 * 8 * 8];
    for (int i = 0; i < 128; i++) {
        x[i] = (float)(i / 64 * 100 + i / 8 % 8 * 10 + i % 8);
    }
    const float regions[8] = {2, 2, 6, 4, 1, 3, 5, 7};
    const int64_t images[2] = {1, 0}, samples = 2, size = 2;
    double wanted[8];
    for (int i = 0; i < 8; i++) {
        const float *r = regions + i / 4 * 4;
        const double row = (double)r[1] + (i / 2 % 2 + 0.5) * (double)(r[3] - r[1]) / 2 - 0.5;
        const double column = (double)r[0] + (i % 2 + 0.5) * (double)(r[2] - r[0]) / 2 - 0.5;
        wanted[i] = (double)images[i / 4] * 100 + row * 10 + column;
    }
    graph_case g = {.type = "RoiAlign",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 4, .shape = {2, 1, 8, 8}, .elements = x},
            {.type = CLEAT_F32, .rank = 2, .shape = {2, 4}, .elements = regions},
            {.type = CLEAT_I64, .rank = 1, .shape = {2}, .elements = images}},
        .attribute_count = 3,
        .attributes = {case_int("sampling_ratio", &samples), case_int("output_height", &size),
            case_int("output_width", &size)}};
    expect_near(&g, 8, wanted, 1e-4);
    g.opset = 10; /* half a pixel further on */
    for (int i = 0; i < 8; i++) {
        wanted[i] += 5.5;
    }
    expect_near(&g, 8, wanted, 1e-4);
    const int64_t wrong[2] = {2, 0};
    g.inputs[2].elements = wrong;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "image 2 of 2");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_resize");
    test_add_loop(suite, "resize", test_resize, 3 * PLACES);
    test_add_case(suite, "upsample", test_upsample);
    test_add_case(suite, "resize_refusals", test_resize_refusals);
    test_add_loop(suite, "grid_sample", test_grid_sample, 9);
    test_add_case(suite, "roi_align", test_roi_align);
    return suite;
}
