/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations as nodes of graphs. */
#include "graph_case.h"
#include "reference/reference_local_response_norm.h"
#include "reference/reference_normalization.h"

/* x [samples, channels, ...] of real numbers as the type rounds them. */
typedef struct norm_case {
    cleat_type type;
    int32_t rank;
    int64_t shape[5], count, channels, plane;
    double *x, *y;
    void *elements;
    double *parameters[4]; /* of each channel: scale, bias, mean, variance */
    void *of_type[4];
} norm_case;

static double *draw_reals(
    cleat_type type, int64_t count, double low, double high, void **elements) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = test_real(low, high);
    }
    *elements = case_elements(type, numbers, count);
    free(numbers);
    return case_doubles(type, *elements, count);
}

static norm_case draw_norm(cleat_type type, int32_t rank, int64_t groups) {
    norm_case n = {.type = type, .rank = rank};
    case_shape(rank, 4, false, n.shape);
    n.shape[1] *= groups;
    if (rank > 2) {
        n.shape[2]++; /* more than one number in a group */
    }
    n.count = case_count(rank, n.shape);
    n.channels = n.shape[1];
    n.plane = case_count(rank - 2, n.shape + 2);
    n.x = draw_reals(type, n.count, -2, 2, &n.elements);
    n.y = test_alloc(n.count, sizeof *n.y);
    for (int i = 0; i < 4; i++) {
        n.parameters[i] =
            draw_reals(type, n.channels, i == 3 ? 0.5 : -1, i == 3 ? 2 : 1, &n.of_type[i]);
    }
    return n;
}

static void free_norm(norm_case *n) {
    free(n->x), free(n->y), free(n->elements);
    for (int i = 0; i < 4; i++) {
        free(n->parameters[i]), free(n->of_type[i]);
    }
}

static graph_case node_of(const norm_case *n, const char *type, size_t parameters) {
    graph_case g = {.type = type,
        .is_strided = test_coin(),
        .input_count = 1 + parameters,
        .inputs = {{.type = n->type, .rank = n->rank, .elements = n->elements}}};
    memcpy(g.inputs[0].shape, n->shape, sizeof n->shape);
    for (size_t i = 0; i < parameters; i++) {
        g.inputs[i + 1] = (case_value){.type = n->type,
            .rank = 1,
            .shape = {n->channels},
            .elements = n->of_type[i],
            .is_constant = test_coin()};
    }
    return g;
}

/* Sums of both signs have an absolute bound alone: the results, of about 1, are compared by what is
 * some units of 1 in the type. */
static void expect_near(
    const graph_case *g, const norm_case *n, size_t output, int64_t count, const double *wanted) {
    const double near = n->type == CLEAT_F16 ? 8e-3 : n->type == CLEAT_BF16 ? 6e-2 : 4e-5;
    for (size_t place = 0; place < 2; place++) {
        case_result results[CASE_MOST] = {{0}};
        const size_t outputs = g->output_count > 0 ? g->output_count : 1;
        test_ok(case_run(g, case_places[place], results));
        ck_assert_int_eq(results[output].count, count);
        double *got = case_doubles(results[output].type, results[output].elements, count);
        for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
            ck_assert_msg(fabs(got[i] - wanted[i]) <= near * (1 + fabs(wanted[i])),
                "%s of %s, output %zu in place %zu: element %lld is %.9g, not %.9g", g->type,
                cleat_type_name(n->type), output, place, (long long)i, got[i], wanted[i]);
        }
        free(got);
        case_free(results, outputs);
    }
}

static const cleat_type norm_types[] = {CLEAT_F32, CLEAT_F32, CLEAT_F64, CLEAT_F16};

START_TEST(test_batch_norm) {
    for (int round = 0; round < test_rounds(12); round++) {
        norm_case n = draw_norm(norm_types[round % 4], (int32_t)test_int(2, 5), 1);
        const float epsilon = 0.01F;
        for (int64_t i = 0; i < n.count; i++) {
            const int64_t c = i / n.plane % n.channels;
            n.y[i] = (n.x[i] - n.parameters[2][c]) / sqrt(n.parameters[3][c] + (double)epsilon) *
                         n.parameters[0][c] +
                     n.parameters[1][c];
        }
        graph_case g = node_of(&n, "BatchNormalization", 4);
        g.opset = test_coin() ? 9 : 15;
        g.attribute_count = 1;
        g.attributes[0] = case_float("epsilon", &epsilon);
        expect_near(&g, &n, 0, n.count, n.y);
        free_norm(&n);
    }
}
END_TEST

/* Statistics of the batch, and what becomes of the running ones. */
START_TEST(test_batch_norm_training) {
    for (int round = 0; round < test_rounds(8); round++) {
        norm_case n = draw_norm(round % 2 == 0 ? CLEAT_F32 : CLEAT_F64, 4, 1);
        const float momentum = 0.75F, epsilon = 1e-3F;
        double *mean = test_alloc(n.channels, sizeof *mean);
        double *variance = test_alloc(n.channels, sizeof *variance);
        const double terms = (double)(n.count / n.channels);
        for (int64_t i = 0; i < n.count; i++) {
            mean[i / n.plane % n.channels] += n.x[i] / terms;
        }
        for (int64_t i = 0; i < n.count; i++) {
            const int64_t c = i / n.plane % n.channels;
            variance[c] += (n.x[i] - mean[c]) * (n.x[i] - mean[c]) / terms;
        }
        for (int64_t i = 0; i < n.count; i++) {
            const int64_t c = i / n.plane % n.channels;
            n.y[i] = (n.x[i] - mean[c]) / sqrt(variance[c] + (double)epsilon) * n.parameters[0][c] +
                     n.parameters[1][c];
        }
        graph_case g = node_of(&n, "BatchNormalization", 4);
        g.output_count = 3;
        g.attribute_count = 3;
        g.attributes[0] = case_float("epsilon", &epsilon);
        g.attributes[1] = case_float("momentum", &momentum);
        g.attributes[2] = case_int("training_mode", (int64_t[]){1});
        expect_near(&g, &n, 0, n.count, n.y);
        for (int64_t c = 0; c < n.channels; c++) {
            mean[c] = 0.75 * n.parameters[2][c] + 0.25 * mean[c];
            variance[c] = 0.75 * n.parameters[3][c] + 0.25 * variance[c];
        }
        expect_near(&g, &n, 1, n.channels, mean);
        expect_near(&g, &n, 2, n.channels, variance);
        free(mean), free(variance);
        free_norm(&n);
    }
}
END_TEST

/* groups 0: of each channel. */
static void reference_groups(const norm_case *n, int64_t groups, bool by_group, double epsilon) {
    const int64_t count = groups == 0 ? n->channels : groups;
    int64_t *group = test_alloc(n->count, sizeof *group);
    int64_t *scale = test_alloc(n->count, sizeof *scale);
    double *mean = test_alloc(n->shape[0] * count, sizeof *mean);
    double *inverse = test_alloc(n->shape[0] * count, sizeof *inverse);
    for (int64_t i = 0; i < n->count; i++) {
        const int64_t c = i / n->plane % n->channels;
        group[i] = i / n->plane / n->channels * count + c / (n->channels / count);
        scale[i] = by_group ? c / (n->channels / count) : c;
    }
    const reference_normalization r = {.count = n->count,
        .groups = n->shape[0] * count,
        .scales = n->channels,
        .group = group,
        .of_scale = scale,
        .centered = true,
        .epsilon = epsilon,
        .scale = n->parameters[0],
        .bias = n->parameters[1]};
    reference_statistics(&r, n->x, mean, inverse);
    reference_normalize(&r, n->x, mean, inverse, n->y);
    free(group), free(scale), free(mean), free(inverse);
}

/* Of an instance; of groups with a scale each, and with one of each channel. */
START_TEST(test_group_norm) {
    for (int round = 0; round < test_rounds(10); round++) {
        const int64_t groups = _i == 0 ? 0 : test_int(1, 3);
        const float epsilon = 0.01F;
        norm_case n =
            draw_norm(norm_types[round % 4], (int32_t)test_int(3, 5), groups == 0 ? 1 : groups);
        reference_groups(&n, groups, _i == 1, (double)epsilon);
        graph_case g = node_of(&n, _i == 0 ? "InstanceNormalization" : "GroupNormalization", 2);
        g.opset = _i == 0 ? 6 : _i == 1 ? 18 : 21;
        g.attribute_count = _i == 0 ? 1 : 2;
        g.attributes[0] = case_float("epsilon", &epsilon);
        g.attributes[1] = case_int("num_groups", &groups);
        if (_i == 1) {
            g.inputs[1].shape[0] = g.inputs[2].shape[0] = groups;
        }
        expect_near(&g, &n, 0, n.count, n.y);
        free_norm(&n);
    }
}
END_TEST

START_TEST(test_layer_norm) {
    for (int round = 0; round < test_rounds(16); round++) {
        const cleat_type type = norm_types[round % 4];
        norm_case n = draw_norm(type, (int32_t)test_int(2, 4), 2);
        const float epsilon = 0.01F;
        const int64_t axis = test_int(0, n.rank - 1), signed_axis = axis - n.rank * test_coin();
        const int64_t outer = case_count((int32_t)axis, n.shape), inner = n.count / outer;
        void *of_scale, *of_bias;
        double *scale = draw_reals(type, inner, -1, 1, &of_scale);
        double *bias = draw_reals(type, inner, -1, 1, &of_bias);
        double *mean = test_alloc(outer, sizeof *mean), *inverse = test_alloc(outer, sizeof *mean);
        const bool has_bias = test_coin();
        for (int64_t i = 0; i < outer; i++) {
            double variance = 0;
            for (int64_t k = 0; k < inner; k++) {
                mean[i] += n.x[i * inner + k] / (double)inner;
            }
            for (int64_t k = 0; k < inner; k++) {
                variance += pow(n.x[i * inner + k] - mean[i], 2) / (double)inner;
            }
            inverse[i] = 1 / sqrt(variance + (double)epsilon);
            for (int64_t k = 0; k < inner; k++) {
                n.y[i * inner + k] = (n.x[i * inner + k] - mean[i]) * inverse[i] * scale[k] +
                                     (has_bias ? bias[k] : 0);
            }
        }
        graph_case g = node_of(&n, "LayerNormalization", 0);
        g.input_count = has_bias ? 3 : 2;
        g.output_count = 3;
        for (int i = 1; i < 3; i++) {
            g.inputs[i] = (case_value){.type = type,
                .rank = n.rank - (int32_t)axis,
                .elements = i == 1 ? of_scale : of_bias};
            memcpy(g.inputs[i].shape, n.shape + axis, (size_t)(n.rank - axis) * sizeof(int64_t));
        }
        g.attribute_count = 2;
        g.attributes[0] = case_float("epsilon", &epsilon);
        g.attributes[1] = case_int("axis", &signed_axis);
        expect_near(&g, &n, 0, n.count, n.y);
        expect_near(&g, &n, 1, outer, mean);
        expect_near(&g, &n, 2, outer, inverse);
        free(scale), free(bias), free(of_scale), free(of_bias), free(mean), free(inverse);
        free_norm(&n);
    }
}
END_TEST

START_TEST(test_local_norm) {
    for (int round = 0; round < test_rounds(8); round++) {
        norm_case n = draw_norm(norm_types[round % 4], (int32_t)test_int(3, 5), 2);
        const float alpha = 0.5F, beta = test_coin() ? 0.75F : 0.6F, bias = 1.5F;
        const int64_t size = test_int(1, 5);
        const reference_local_norm r = {
            n.shape[0], n.channels, n.plane, size, (double)alpha, (double)beta, (double)bias};
        reference_local_response_norm(&r, n.x, n.y);
        graph_case g = node_of(&n, "LRN", 0);
        g.attribute_count = 4;
        g.attributes[0] = case_float("alpha", &alpha);
        g.attributes[1] = case_float("beta", &beta);
        g.attributes[2] = case_float("bias", &bias);
        g.attributes[3] = case_int("size", &size);
        expect_near(&g, &n, 0, n.count, n.y);
        free_norm(&n);
    }
}
END_TEST

/* Lines of length 1 by a norm, one of zeros among them. */
START_TEST(test_lp_norm) {
    for (int round = 0; round < test_rounds(8); round++) {
        const cleat_type type = norm_types[round % 4];
        const int64_t shape[3] = {3, 4, 2}, p = test_int(1, 2), axis = 1 - 3 * test_coin();
        void *drawn;
        norm_case n = {.type = type, .rank = 3, .shape = {3, 4, 2}, .count = 24};
        n.x = draw_reals(type, 24, -2, 2, &drawn);
        n.y = test_alloc(24, sizeof *n.y);
        free(drawn);
        for (int64_t line = 0; line < 6; line++) {
            double norm = 0;
            double *x = n.x + line / 2 * 8 + line % 2, *y = n.y + line / 2 * 8 + line % 2;
            for (int k = 0; k < 4; k++) {
                x[2 * k] = line == 3 ? 0 : x[2 * k];
                norm += p == 1 ? fabs(x[2 * k]) : x[2 * k] * x[2 * k];
            }
            for (int k = 0; k < 4; k++) {
                y[2 * k] = line == 3 ? 0 : x[2 * k] / (p == 1 ? norm : sqrt(norm));
            }
        }
        n.elements = case_elements(type, n.x, 24);
        graph_case g = node_of(&n, "LpNormalization", 0);
        memcpy(g.inputs[0].shape, shape, sizeof shape);
        g.attribute_count = 2;
        g.attributes[0] = case_int("p", &p);
        g.attributes[1] = case_int("axis", &axis);
        expect_near(&g, &n, 0, 24, n.y);
        free(n.x), free(n.y), free(n.elements);
    }
}
END_TEST

START_TEST(test_mean_variance) {
    for (int round = 0; round < test_rounds(8); round++) {
        norm_case n = draw_norm(norm_types[round % 3], 4, 1);
        const int64_t axes[2] = {-1, 0};
        const bool is_given = test_coin();
        int64_t *group = test_alloc(n.count, sizeof *group);
        const int64_t groups = n.channels * (is_given ? n.shape[2] : 1);
        double *mean = test_alloc(groups, sizeof *mean);
        double *variance = test_alloc(groups, sizeof *variance);
        const double terms = (double)(n.count / groups);
        for (int64_t i = 0; i < n.count; i++) {
            int64_t at[4];
            case_index_of(4, n.shape, i, at);
            group[i] = is_given ? at[1] * n.shape[2] + at[2] : at[1];
            mean[group[i]] += n.x[i] / terms;
        }
        for (int64_t i = 0; i < n.count; i++) {
            variance[group[i]] += pow(n.x[i] - mean[group[i]], 2) / terms;
        }
        for (int64_t i = 0; i < n.count; i++) {
            n.y[i] = (n.x[i] - mean[group[i]]) / (sqrt(variance[group[i]]) + 1e-9);
        }
        bool has_single = terms < 2;
        graph_case g = node_of(&n, "MeanVarianceNormalization", 0);
        g.attribute_count = is_given ? 1 : 0;
        g.attributes[0] = case_ints("axes", 2, axes);
        if (!has_single) {
            expect_near(&g, &n, 0, n.count, n.y);
        }
        free(group), free(mean), free(variance);
        free_norm(&n);
    }
}
END_TEST

START_TEST(test_refusals) {
    const float x[12] = {0};
    graph_case g = {.type = "BatchNormalization",
        .input_count = 5,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {1, 3, 2}, .elements = x}}};
    for (int i = 1; i < 5; i++) {
        g.inputs[i] =
            (case_value){.type = CLEAT_F32, .rank = 1, .shape = {i == 3 ? 2 : 3}, .elements = x};
    }
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "input 3 is [2] of f32, expected 3 numbers");
    g.type = "GroupNormalization";
    g.input_count = 3;
    g.attribute_count = 1;
    g.attributes[0] = case_int("num_groups", (int64_t[]){2});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[1, 3, 2] in 2 groups");
    g.type = "LayerNormalization";
    g.attributes[0] = case_int("axis", (int64_t[]){3});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 3 of a tensor of rank 3");
    g.type = "LRN";
    g.input_count = 1;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "size 0");
    g.type = "LpNormalization";
    g.attributes[0] = case_int("p", (int64_t[]){3});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "p is 3");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_norms");
    test_add_case(suite, "batch_norm", test_batch_norm);
    test_add_case(suite, "batch_norm_training", test_batch_norm_training);
    test_add_loop(suite, "group_norm", test_group_norm, 3);
    test_add_case(suite, "layer_norm", test_layer_norm);
    test_add_case(suite, "local_norm", test_local_norm);
    test_add_case(suite, "lp_norm", test_lp_norm);
    test_add_case(suite, "mean_variance", test_mean_variance);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
