/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_normalization.h"

typedef enum norm_kind { LAYER, RMS, GROUP, INSTANCE, BATCH, KINDS } norm_kind;
static const char *const names[] = {"layer", "rms", "group", "instance", "batch"};

typedef struct norm_case {
    norm_kind kind;
    int32_t rank, axis; /* of layer and RMS */
    int64_t shape[5], groups;
} norm_case;

static const norm_case table[] = {
    {LAYER, 2, 1, {37, 300}, 0},
    {LAYER, 3, -2, {5, 6, 70}, 0},
    {LAYER, 1, 0, {4097}, 0},
    {LAYER, 2, -1, {3, 1}, 0},
    {RMS, 2, 1, {70, 129}, 0},
    {RMS, 4, 1, {3, 2, 5, 33}, 0},
    {GROUP, 4, 0, {2, 12, 7, 9}, 3},
    {GROUP, 3, 0, {3, 6, 50}, 1},
    {GROUP, 2, 0, {4, 32}, 8},
    {INSTANCE, 4, 0, {2, 5, 17, 16}, 0},
    {INSTANCE, 3, 0, {3, 4, 1000}, 0},
    {BATCH, 4, 0, {3, 20, 9, 11}, 0},
    {BATCH, 2, 0, {300, 37}, 0},
    {BATCH, 5, 0, {2, 3, 4, 5, 6}, 0},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* Rows whose elements lie end to end while the other axes may not, and rows too long for the
 * caches. */
static const norm_case rows_table[] = {
    {LAYER, 3, 2, {5, 6, 203}, 0},
    {RMS, 3, -1, {4, 9, 1030}, 0},
    {LAYER, 2, 1, {24, 64}, 0},
    {INSTANCE, 3, 0, {3, 4, 515}, 0},
    {LAYER, 2, 1, {4, 33000}, 0},
};
enum { ROWS_TABLE = sizeof rows_table / sizeof rows_table[0] };

/* A case with its operands; the numbers that the reference takes are in `of`. */
typedef struct problem {
    const norm_case *c;
    int64_t count, groups, scales;
    int32_t group_rank, scale_rank;
    int64_t group_shape[5], scale_shape[5];
    int64_t *group, *of_scale;
    double *x_values, *scale_values, *bias_values;
    test_tensor x, scale, bias;
    test_layout layout;
    reference_normalization of;
} problem;

static int32_t first_axis(const norm_case *c) {
    return c->axis < 0 ? c->axis + c->rank : c->axis;
}

static void place_shapes(problem *p) {
    const norm_case *c = p->c;
    p->count = p->groups = p->scales = 1;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        bool trailing = c->kind <= RMS && axis >= first_axis(c);
        p->count *= c->shape[axis];
        if (c->kind <= RMS && !trailing) {
            p->group_shape[p->group_rank++] = c->shape[axis];
        } else if (trailing) {
            p->scale_shape[p->scale_rank++] = c->shape[axis];
        }
    }
    if (c->kind > RMS) {
        p->scale_shape[p->scale_rank++] = c->shape[1];
        if (c->kind != BATCH) {
            p->group_shape[p->group_rank++] = c->shape[0];
        }
        p->group_shape[p->group_rank++] = c->kind == GROUP ? c->groups : c->shape[1];
    }
    for (int32_t axis = 0; axis < p->group_rank; axis++) {
        p->groups *= p->group_shape[axis];
    }
    for (int32_t axis = 0; axis < p->scale_rank; axis++) {
        p->scales *= p->scale_shape[axis];
    }
}

static void place_elements(problem *p) {
    const norm_case *c = p->c;
    int64_t inner = 1;
    for (int32_t axis = 2; axis < c->rank; axis++) {
        inner *= c->shape[axis];
    }
    p->group = test_alloc(p->count, sizeof *p->group);
    p->of_scale = test_alloc(p->count, sizeof *p->of_scale);
    for (int64_t i = 0; i < p->count; i++) {
        if (c->kind <= RMS) {
            p->group[i] = i / p->scales;
            p->of_scale[i] = i % p->scales;
        } else {
            int64_t channel = i / inner % c->shape[1], sample = i / inner / c->shape[1];
            p->of_scale[i] = channel;
            p->group[i] = c->kind == BATCH ? channel
                          : c->kind == INSTANCE
                              ? sample * c->shape[1] + channel
                              : sample * c->groups + channel / (c->shape[1] / c->groups);
        }
    }
}

static problem make(const norm_case *c, test_values values, test_layout layout, bool far) {
    problem p = {.c = c, .layout = layout};
    place_shapes(&p);
    place_elements(&p);
    test_tensor near = test_input(c->rank, c->shape, values, TEST_ROW_MAJOR);
    for (int64_t i = 0; far && i < p.count; i++) {
        near.data[i] = near.data[i] * 1.7f + 1000;
    }
    p.x = test_input_from(c->rank, c->shape, near.data, layout);
    test_free(&near);
    p.scale = test_input(p.scale_rank, p.scale_shape, values, layout);
    p.bias = test_input(p.scale_rank, p.scale_shape, values, layout);
    p.x_values = test_doubles(&p.x);
    p.scale_values = test_doubles(&p.scale);
    p.bias_values = test_doubles(&p.bias);
    p.of = (reference_normalization){.count = p.count,
        .groups = p.groups,
        .scales = p.scales,
        .group = p.group,
        .of_scale = p.of_scale,
        .centered = c->kind != RMS,
        .epsilon = (double)1e-5f};
    return p;
}

static void free_problem(problem *p) {
    test_free(&p->x);
    test_free(&p->scale);
    test_free(&p->bias);
    free(p->group);
    free(p->of_scale);
    free(p->x_values);
    free(p->scale_values);
    free(p->bias_values);
}

static cleat_status forward(
    const problem *p, cleat_tensor y, const cleat_normalization_options *options) {
    cleat_context *context = test_context();
    cleat_tensor x = p->x.view;
    switch (p->c->kind) {
    case LAYER:
        return cleat_layer_norm(context, x, p->c->axis, y, options);
    case RMS:
        return cleat_rms_norm(context, x, p->c->axis, y, options);
    case GROUP:
        return cleat_group_norm(context, x, p->c->groups, y, options);
    case INSTANCE:
        return cleat_instance_norm(context, x, y, options);
    default: {
        const cleat_batch_norm_options o = {options->epsilon, options->scale, options->bias,
            options->mean, options->inverse, NULL, NULL, 0, false, {0}};
        return cleat_batch_norm_training(context, x, y, &o);
    }
    }
}

static cleat_status backward(const problem *p, const cleat_tensor *scale, cleat_tensor mean,
    cleat_tensor inverse, cleat_tensor dy, const cleat_tensor *dx, const cleat_tensor *dscale,
    const cleat_tensor *dbias) {
    cleat_context *context = test_context();
    cleat_tensor x = p->x.view;
    switch (p->c->kind) {
    case LAYER:
        return cleat_layer_norm_backward(
            context, x, scale, mean, inverse, dy, p->c->axis, dx, dscale, dbias);
    case RMS:
        return cleat_rms_norm_backward(
            context, x, scale, inverse, dy, p->c->axis, dx, dscale, dbias);
    case GROUP:
        return cleat_group_norm_backward(
            context, x, scale, mean, inverse, dy, p->c->groups, dx, dscale, dbias);
    case INSTANCE:
        return cleat_instance_norm_backward(
            context, x, scale, mean, inverse, dy, dx, dscale, dbias);
    default:
        return cleat_batch_norm_backward(context, x, scale, mean, inverse, dy, dx, dscale, dbias);
    }
}

/* What an error of the groups' means is measured by: the mean of |x|; 0 where there is no mean. */
static double *mean_magnitudes(const problem *p) {
    double *size = test_alloc(p->groups, sizeof *size);
    for (int64_t i = 0; i < p->count && p->of.centered; i++) {
        size[p->group[i]] += fabs(p->x_values[i]) * (double)p->groups / (double)p->count;
    }
    return size;
}

static void compare_statistics(problem *p, test_tensor *mean, test_tensor *inverse,
    const double *want_mean, const double *want_inverse) {
    double *size = test_alloc(p->groups, sizeof *size);
    for (int64_t g = 0; g < p->groups; g++) {
        size[g] = want_inverse[g] * (1 + fabs(want_mean[g]) * want_inverse[g]);
    }
    test_bound(inverse, want_inverse, size, p->count / p->groups + 8, "inverse");
    if (p->of.centered) {
        double *mean_size = mean_magnitudes(p);
        test_bound(mean, want_mean, mean_size, p->count / p->groups + 4, "mean");
        free(mean_size);
    }
    free(size);
}

/* scaling: 0 none, 1 a scale, 2 a bias too. */
static void check_forward(const norm_case *c, test_layout layout, bool far, int scaling) {
    problem p = make(c, TEST_REAL, layout, far);
    test_tensor y = test_output(c->rank, c->shape, layout);
    test_tensor mean = test_output(p.group_rank, p.group_shape, layout);
    test_tensor inverse = test_output(p.group_rank, p.group_shape, layout);
    double *m = test_alloc(p.groups, sizeof *m), *r = test_alloc(p.groups, sizeof *r);
    double *want = test_alloc(p.count, sizeof *want), *size = test_alloc(p.count, sizeof *size);
    p.of.scale = scaling > 0 ? p.scale_values : NULL;
    p.of.bias = scaling > 1 ? p.bias_values : NULL;
    const cleat_normalization_options options = {.scale = scaling > 0 ? &p.scale.view : NULL,
        .bias = scaling > 1 ? &p.bias.view : NULL,
        .mean = p.of.centered ? &mean.view : NULL,
        .inverse = &inverse.view};
    reference_statistics(&p.of, p.x_values, m, r);
    reference_normalize(&p.of, p.x_values, m, r, want);
    double *mean_size = mean_magnitudes(&p);
    for (int64_t i = 0; i < p.count; i++) {
        int64_t g = p.group[i], s = p.of_scale[i];
        size[i] = (fabs(p.x_values[i]) + mean_size[g]) * r[g] *
                      (p.of.scale != NULL ? fabs(p.scale_values[s]) : 1) +
                  (p.of.bias != NULL ? fabs(p.bias_values[s]) : 0);
    }
    test_ok(forward(&p, y.view, &options));
    test_fetch(&y);
    test_fetch(&mean);
    test_fetch(&inverse);
    compare_statistics(&p, &mean, &inverse, m, r);
    test_bound(&y, want, size, p.count / p.groups + 12, names[c->kind]);
    test_unchanged(&p.x);
    /* In place, without keeping what the statistics were: the same bits. */
    cleat_normalization_options in_place = options;
    in_place.mean = in_place.inverse = NULL;
    test_ok(forward(&p, p.x.view, &in_place));
    test_fetch(&p.x);
    ck_assert_msg(memcmp(p.x.data, y.data, (size_t)p.count * sizeof(float)) == 0,
        "%s: not the same bits in place", names[c->kind]);
    test_free(&y);
    test_free(&mean);
    test_free(&inverse);
    free(m);
    free(r);
    free(want);
    free(size);
    free(mean_size);
    free_problem(&p);
}

START_TEST(forward_table) {
    for (int i = 0; i < TABLE; i++) {
        test_layout layout = i % 3 == 1 ? TEST_STRIDED : TEST_ROW_MAJOR;
        check_forward(&table[i], table[i].rank == 4 && i % 2 ? TEST_CHANNELS_LAST : layout, i % 2,
            i % 4 == 3 ? i / 4 % 2 : 2);
    }
}
END_TEST

START_TEST(forward_rows) {
    for (int i = 0; i < ROWS_TABLE; i++) {
        check_forward(&rows_table[i], i % 4 < 2 ? TEST_ROWS : TEST_ROW_MAJOR, i % 2, 2 - i / 2 % 2);
    }
}
END_TEST

/* More than most devices' caches, so that stores go past them, in rows that begin at a line of
 * memory and such that don't; against the same in place, which does not. */
START_TEST(rows_past_the_caches) {
    static const int64_t extents[][2] = {{4700, 1024}, {4700, 1001}};
    for (int i = 0; i < (test_rounds(4) < 4 ? 0 : 2); i++) {
        test_tensor x = test_input(2, extents[i], TEST_REAL, TEST_ROW_MAJOR);
        const size_t bytes = (size_t)x.count * sizeof(float);
        float *got = test_alloc(x.count, sizeof *got);
        cleat_tensor y;
        test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, extents[i], &y));
        test_ok(cleat_fill(test_context(), NAN, y));
        test_ok(cleat_layer_norm(test_context(), x.view, 1, y, NULL));
        test_ok(cleat_read(test_context(), y, got, bytes));
        test_ok(cleat_layer_norm(test_context(), x.view, 1, x.view, NULL));
        test_fetch(&x);
        ck_assert_msg(memcmp(x.data, got, bytes) == 0, "case %d: other bits past the caches", i);
        cleat_tensor_release(&y);
        test_free(&x);
        free(got);
    }
}
END_TEST

static norm_case random_case(int round) {
    norm_case c = {.kind = (norm_kind)(round % KINDS), .rank = (int32_t)test_int(2, 5)};
    c.axis = (int32_t)test_int(0, c.rank - 1);
    c.groups = test_int(1, 3);
    for (int32_t axis = 0; axis < c.rank; axis++) {
        c.shape[axis] = test_int(1, c.rank < 4 ? 30 : 7);
    }
    c.shape[1] = c.kind == GROUP ? c.groups * test_int(1, 4) : c.shape[1];
    return c;
}

START_TEST(forward_random) {
    for (int round = 0; round < test_rounds(4); round++) {
        norm_case c = random_case(round);
        check_forward(&c, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR, test_coin(), 2);
    }
}
END_TEST

/* ---- Backward ---- */

static reference_gradients make_gradients(const problem *p) {
    return (reference_gradients){test_alloc(p->count, sizeof(double)),
        test_alloc(p->scales, sizeof(double)), test_alloc(p->scales, sizeof(double)),
        test_alloc(p->count, sizeof(double)), test_alloc(p->scales, sizeof(double)),
        test_alloc(p->scales, sizeof(double))};
}

static void free_gradients(reference_gradients *g) {
    free(g->dx);
    free(g->dscale);
    free(g->dbias);
    free(g->dx_magnitude);
    free(g->dscale_magnitude);
    free(g->dbias_magnitude);
}

START_TEST(reference_gradients_are_slopes) {
    const norm_case cases[] = {{LAYER, 2, 1, {3, 5}, 0}, {RMS, 2, 1, {3, 5}, 0},
        {GROUP, 3, 0, {2, 4, 3}, 2}, {BATCH, 3, 0, {3, 2, 2}, 0}};
    const double step = 1e-6;
    for (int k = 0; k < 4; k++) {
        problem p = make(&cases[k], TEST_REAL, TEST_ROW_MAJOR, false);
        reference_gradients g = make_gradients(&p);
        double m[24], r[24], y[24], dy[24];
        p.of.scale = p.scale_values;
        reference_statistics(&p.of, p.x_values, m, r);
        for (int64_t i = 0; i < p.count; i++) {
            dy[i] = test_real(-1, 1);
        }
        reference_normalize_backward(&p.of, p.x_values, m, r, dy, &g);
        for (int64_t i = 0; i < p.count + p.scales; i++) {
            double *at = i < p.count ? &p.x_values[i] : &p.scale_values[i - p.count];
            double loss[2] = {0, 0}, kept = *at;
            for (int way = 0; way < 2; way++) {
                *at = kept + (way == 0 ? step : -step);
                reference_statistics(&p.of, p.x_values, m, r);
                reference_normalize(&p.of, p.x_values, m, r, y);
                for (int64_t j = 0; j < p.count; j++) {
                    loss[way] += y[j] * dy[j];
                }
            }
            *at = kept;
            ck_assert_double_eq_tol(i < p.count ? g.dx[i] : g.dscale[i - p.count],
                (loss[0] - loss[1]) / (2 * step), 1e-7);
        }
        free_gradients(&g);
        free_problem(&p);
    }
}
END_TEST

static void compare_gradients(const problem *p, const reference_gradients *want, test_tensor *dx,
    test_tensor *dscale, test_tensor *dbias, bool exact) {
    test_fetch(dx);
    test_fetch(dscale);
    test_fetch(dbias);
    test_bound(dx, want->dx, want->dx_magnitude, p->count / p->groups + 16, names[p->c->kind]);
    if (exact) {
        test_equal(dscale, want->dscale, "dscale");
        test_equal(dbias, want->dbias, "dbias");
    } else {
        int64_t terms = p->count / p->scales;
        test_bound(dscale, want->dscale, want->dscale_magnitude, terms + 4, "dscale");
        test_bound(dbias, want->dbias, want->dbias_magnitude, terms, "dbias");
    }
}

/* Of any mean and inverse: the formulas do not ask where they come from. */
static void check_backward(
    const norm_case *c, test_values values, test_layout layout, bool scaled) {
    problem p = make(c, values, layout, false);
    test_tensor dy = test_input(c->rank, c->shape, values, layout);
    test_tensor mean = test_input(p.group_rank, p.group_shape, values, layout);
    float *inverses = test_alloc(p.groups, sizeof *inverses);
    for (int64_t g = 0; g < p.groups; g++) {
        inverses[g] = values == TEST_EXACT ? 0.5f : (float)test_real(0.1, 2);
    }
    test_tensor inverse = test_input_from(p.group_rank, p.group_shape, inverses, layout);
    test_tensor dx = test_output(c->rank, c->shape, layout);
    test_tensor dscale = test_output(p.scale_rank, p.scale_shape, layout);
    test_tensor dbias = test_output(p.scale_rank, p.scale_shape, layout);
    double *m = test_doubles(&mean), *r = test_doubles(&inverse), *g = test_doubles(&dy);
    if (c->kind == RMS) {
        memset(m, 0, (size_t)p.groups * sizeof *m);
    }
    reference_gradients want = make_gradients(&p);
    const cleat_tensor *scale = scaled ? &p.scale.view : NULL;
    p.of.scale = scaled ? p.scale_values : NULL;
    reference_normalize_backward(&p.of, p.x_values, m, r, g, &want);
    test_ok(
        backward(&p, scale, mean.view, inverse.view, dy.view, &dx.view, &dscale.view, &dbias.view));
    compare_gradients(&p, &want, &dx, &dscale, &dbias, values == TEST_EXACT);
    /* One at a time, and in place: the same bits. */
    test_tensor bias_again = test_output(p.scale_rank, p.scale_shape, layout);
    test_ok(backward(&p, scale, mean.view, inverse.view, dy.view, NULL, NULL, &bias_again.view));
    test_ok(backward(&p, scale, mean.view, inverse.view, dy.view, &dy.view, NULL, NULL));
    test_fetch(&bias_again);
    test_fetch(&dy);
    ck_assert(memcmp(bias_again.data, dbias.data, (size_t)p.scales * sizeof(float)) == 0);
    ck_assert(memcmp(dy.data, dx.data, (size_t)p.count * sizeof(float)) == 0);
    test_unchanged(&p.x);
    test_free(&dy);
    test_free(&mean);
    test_free(&inverse);
    test_free(&dx);
    test_free(&dscale);
    test_free(&dbias);
    test_free(&bias_again);
    free(inverses);
    free(m);
    free(r);
    free(g);
    free_gradients(&want);
    free_problem(&p);
}

/* Not each kind in each form: compiling takes the time. */
START_TEST(backward_table) {
    for (int i = 0; i < TABLE; i++) {
        if (i % 5 == 3 || i % 7 == 5) {
            continue;
        }
        test_layout layout = i % 3 == 1 ? TEST_STRIDED : TEST_ROW_MAJOR;
        layout = table[i].rank == 4 && i % 2 ? TEST_CHANNELS_LAST : layout;
        check_backward(&table[i], i % 2 ? TEST_REAL : TEST_EXACT, layout, i % 5 != 4);
    }
}
END_TEST

START_TEST(backward_rows) {
    for (int i = 0; i < ROWS_TABLE - 1; i++) {
        check_backward(&rows_table[i], i % 2 ? TEST_REAL : TEST_EXACT,
            i % 4 < 2 ? TEST_ROWS : TEST_ROW_MAJOR, true);
    }
}
END_TEST

START_TEST(backward_random) {
    for (int round = 0; round < test_rounds(2); round++) {
        norm_case c = random_case(round);
        check_backward(&c, TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR, true);
    }
}
END_TEST

/* ---- Batch normalisation's running statistics, and inference with them ---- */

START_TEST(running_statistics) {
    const norm_case c = {BATCH, 3, 0, {4, 5, 6}, 0};
    for (int round = 0; round < 2; round++) {
        problem p = make(&c, TEST_REAL, TEST_STRIDED, false);
        test_tensor y = test_output(3, c.shape, TEST_STRIDED);
        test_tensor mean = test_input(1, p.scale_shape, TEST_REAL, TEST_STRIDED);
        float positive[5];
        double want[2][5], size[5], m[5], r[5];
        for (int i = 0; i < 5; i++) {
            positive[i] = (float)test_real(0.5, 2);
            size[i] = 4;
        }
        test_tensor variance = test_input_from(1, p.scale_shape, positive, TEST_STRIDED);
        p.of.epsilon = 0;
        reference_statistics(&p.of, p.x_values, m, r);
        const double share = round == 0 ? (double)0.1f : 0.25;
        for (int i = 0; i < 5; i++) {
            double of_batch = 1 / (r[i] * r[i]) * (round == 0 ? 24.0 / 23 : 1);
            want[0][i] = (1 - share) * (double)mean.data[i] + share * m[i];
            want[1][i] = (1 - share) * (double)positive[i] + share * of_batch;
        }
        const cleat_batch_norm_options options = {.running_mean = &mean.view,
            .running_variance = &variance.view,
            .momentum = round == 0 ? 0 : 0.25f,
            .population_variance = round == 1};
        test_ok(cleat_batch_norm_training(test_context(), p.x.view, y.view, &options));
        test_fetch(&mean);
        test_fetch(&variance);
        test_bound(&mean, want[0], size, 8, "running mean");
        test_bound(&variance, want[1], size, 8, "running variance");
        test_free(&y);
        test_free(&mean);
        test_free(&variance);
        free_problem(&p);
    }
}
END_TEST

START_TEST(inference) {
    const norm_case c = {BATCH, 4, 0, {2, 7, 5, 9}, 0};
    problem p = make(&c, TEST_REAL, TEST_CHANNELS_LAST, false);
    test_tensor y = test_output(4, c.shape, TEST_CHANNELS_LAST);
    test_tensor mean = test_input(1, p.scale_shape, TEST_REAL, TEST_ROW_MAJOR);
    float positive[7];
    double *want = test_alloc(p.count, sizeof *want), *size = test_alloc(p.count, sizeof *size);
    double *m = test_doubles(&mean), r[7];
    for (int i = 0; i < 7; i++) {
        positive[i] = (float)test_real(0.5, 2);
        r[i] = 1 / sqrt((double)positive[i] + 0.25);
    }
    test_tensor variance = test_input_from(1, p.scale_shape, positive, TEST_ROW_MAJOR);
    p.of.scale = p.scale_values;
    p.of.bias = p.bias_values;
    reference_normalize(&p.of, p.x_values, m, r, want);
    for (int64_t i = 0; i < p.count; i++) {
        size[i] = 4;
    }
    const cleat_batch_norm_options options = {
        .epsilon = 0.25f, .scale = &p.scale.view, .bias = &p.bias.view};
    test_ok(cleat_batch_norm(test_context(), p.x.view, mean.view, variance.view, y.view, &options));
    test_fetch(&y);
    test_bound(&y, want, size, 8, "inference");
    test_free(&y);
    test_free(&mean);
    test_free(&variance);
    free(want);
    free(size);
    free(m);
    free_problem(&p);
}
END_TEST

START_TEST(of_nothing) {
    const int64_t shape[] = {0, 3}, three = 3;
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor none = test_input(1, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    test_tensor dscale = test_output(1, &three, TEST_ROW_MAJOR);
    test_ok(cleat_layer_norm(test_context(), x.view, 1, y.view, NULL));
    test_ok(cleat_layer_norm_backward(test_context(), x.view, NULL, none.view, none.view, x.view, 1,
        &y.view, &dscale.view, NULL));
    test_fetch(&dscale);
    test_equal(&dscale, (double[]){0, 0, 0}, "of nothing");
    test_free(&x);
    test_free(&none);
    test_free(&y);
    test_free(&dscale);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("normalization");
    TCase *forward_case = test_case(suite, "forward");
    tcase_add_test(forward_case, forward_table);
    tcase_add_test(forward_case, forward_rows);
    tcase_add_test(forward_case, rows_past_the_caches);
    tcase_add_test(forward_case, forward_random);
    tcase_add_test(forward_case, running_statistics);
    tcase_add_test(forward_case, inference);
    TCase *backward_case = test_case(suite, "backward");
    tcase_add_test(backward_case, reference_gradients_are_slopes);
    tcase_add_test(backward_case, backward_table);
    tcase_add_test(backward_case, backward_rows);
    tcase_add_test(backward_case, backward_random);
    tcase_add_test(backward_case, of_nothing);
    return suite;
}
