/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of operators of numbers: activations, arithmetic, reductions, shapes, choices. */
#include "gradient_case.h"

/* ---- One operand ---- */

static const struct {
    const char *type, *attribute;
    float number;
    double low, high;
} unaries[] = {
    {"Neg", NULL, 0, -2, 2},
    {"Abs", NULL, 0, 0.1, 2},
    {"Sqrt", NULL, 0, 0.5, 3},
    {"Exp", NULL, 0, -2, 2},
    {"Log", NULL, 0, 0.5, 3},
    {"Reciprocal", NULL, 0, 0.5, 3},
    {"Erf", NULL, 0, -2, 2},
    {"Sin", NULL, 0, -4, 4},
    {"Cos", NULL, 0, -4, 4},
    {"Tanh", NULL, 0, -2, 2},
    {"Relu", NULL, 0, 0.01, 2},
    {"Relu", NULL, 0, -2, -0.01},
    {"Sigmoid", NULL, 0, -3, 3},
    {"Softplus", NULL, 0, -3, 3},
    {"Softsign", NULL, 0, 0.01, 3},
    {"HardSwish", NULL, 0, -2.9, 2.9},
    {"Mish", NULL, 0, -3, 3},
    {"LeakyRelu", "alpha", 0.25F, -2, -0.01},
    {"LeakyRelu", NULL, 0, 0.01, 2},
    {"Elu", "alpha", 1.5F, -2, -0.01},
    {"Selu", NULL, 0, -2, -0.01},
    {"Celu", "alpha", 1.5F, -2, -0.01},
    {"HardSigmoid", NULL, 0, -2, 2},
    {"ThresholdedRelu", NULL, 0, 1.01, 3},
    {"Shrink", "bias", 0.25F, 0.51, 2},
    {"Gelu", NULL, 0, -3, 3},
    {"Identity", NULL, 0, -1, 1},
};

START_TEST(test_unary) {
    int64_t shape[3];
    const int32_t rank = (int32_t)test_int(0, 3);
    case_shape(rank, 4, false, shape);
    gradient_begin(unaries[_i].type);
    if (unaries[_i].attribute != NULL) {
        gradient_float(unaries[_i].attribute, unaries[_i].number);
    }
    gradient_input(unaries[_i].low, unaries[_i].high, rank, shape);
    gradient_check();
}
END_TEST

/* ---- Several operands ---- */

/* Two shapes that are broadcast to each other. */
static void two_shapes(int32_t *a_rank, int64_t *a, int32_t *b_rank, int64_t *b) {
    *a_rank = (int32_t)test_int(0, 3);
    *b_rank = (int32_t)test_int(0, 3);
    for (int32_t i = 1; i <= 3; i++) {
        const int64_t extent = test_int(1, 3);
        const bool a_is_one = test_int(0, 2) == 0, b_is_one = test_int(0, 2) == 0;
        if (i <= *a_rank) {
            a[*a_rank - i] = a_is_one ? 1 : extent;
        }
        if (i <= *b_rank) {
            b[*b_rank - i] = b_is_one ? 1 : extent;
        }
    }
}

static const struct {
    const char *type;
    double low, high, second_low, second_high;
} binaries[] = {
    {"Add", -1, 1, -1, 1},
    {"Sub", -1, 1, -1, 1},
    {"Mul", -1, 1, -1, 1},
    {"Div", -1, 1, 0.5, 2},
    {"Pow", 0.5, 2, -2, 2},
    {"Max", 0, 1, 1.1, 2},
    {"Min", 0, 1, 1.1, 2},
    {"Sum", -1, 1, -1, 1},
    {"Mean", -1, 1, -1, 1},
};

START_TEST(test_binary) {
    int32_t a_rank, b_rank;
    int64_t a[3], b[3];
    for (int round = test_rounds(4); round > 0; round--) {
        two_shapes(&a_rank, a, &b_rank, b);
        gradient_begin(binaries[_i].type);
        gradient_input(binaries[_i].low, binaries[_i].high, a_rank, a);
        (test_coin() ? gradient_input : gradient_fixed)(
            binaries[_i].second_low, binaries[_i].second_high, b_rank, b);
        gradient_check();
    }
}
END_TEST

START_TEST(test_sums_of_three) {
    const int64_t shape[] = {3, 1, 2}, other[] = {4, 1};
    gradient_begin(_i == 0 ? "Sum" : "Mean");
    gradient_input(-1, 1, 3, shape);
    gradient_input(-1, 1, 2, other);
    gradient_fixed(-1, 1, 0, NULL);
    gradient_check();
}
END_TEST

START_TEST(test_powers) {
    const int64_t shape[] = {2, 3};
    const double two = 2, three = 3;
    gradient_begin("Pow"); /* a square */
    gradient_input(-1, 1, 2, shape);
    gradient_constant(CLEAT_F64, 0, NULL, &two);
    gradient_check();
    gradient_begin("Pow"); /* an exponent of another type */
    gradient_input(-1, 1, 2, shape);
    gradient_constant(CLEAT_I64, 0, NULL, &three);
    gradient_check();
}
END_TEST

START_TEST(test_choices) {
    const int64_t shape[] = {3, 4}, row[] = {4};
    const double condition[] = {1, 0, 0, 1}, low = -0.5, high = 0.25;
    gradient_begin("Where");
    gradient_constant(CLEAT_BOOL, 1, row, condition);
    gradient_input(-1, 1, 2, shape);
    gradient_input(-1, 1, 1, row);
    gradient_check();
    gradient_begin("Clip");
    gradient_input(-0.49, 0.24, 2, shape);
    gradient_constant(CLEAT_F64, 0, NULL, &low);
    gradient_constant(CLEAT_F64, 0, NULL, &high);
    gradient_check();
    gradient_begin("Clip");
    gradient_input(0.26, 2, 2, shape);
    gradient_left_out();
    gradient_constant(CLEAT_F64, 0, NULL, &high);
    gradient_check();
    gradient_begin("PRelu");
    gradient_input(test_coin() ? -1 : 0.01, test_coin() ? -0.01 : 1.5, 2, shape);
    gradient_input(0.1, 0.5, 1, row);
    gradient_check();
}
END_TEST

/* ---- Reductions ---- */

static const char *const reductions[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
    "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"};

START_TEST(test_reductions) {
    int64_t shape[3], axes[3];
    for (int round = test_rounds(4); round > 0; round--) {
        const int32_t rank = (int32_t)test_int(1, 3);
        size_t count = 0;
        case_shape(rank, 4, false, shape);
        gradient_begin(reductions[_i]);
        gradient_input(0.25, 1.25, rank, shape);
        for (int32_t i = 0; i < rank; i++) {
            if (test_coin()) {
                axes[count++] = test_coin() ? i : i - rank;
            }
        }
        if (_i == 0 && count > 0) {
            gradient_integers((int64_t)count, axes);
        } else if (count > 0) {
            gradient_ints("axes", count, axes);
        }
        gradient_int("keepdims", test_coin());
        gradient_check();
    }
}
END_TEST

START_TEST(test_cumulative_sums) {
    const int64_t shape[] = {2, 5}, axis = test_int(-2, 1);
    const double number = (double)axis;
    gradient_begin("CumSum");
    gradient_input(-1, 1, 2, shape);
    gradient_constant(CLEAT_I64, 0, NULL, &number);
    gradient_int("exclusive", test_coin());
    gradient_int("reverse", test_coin());
    gradient_check();
}
END_TEST

/* ---- Shapes ---- */

START_TEST(test_reshapes) {
    const int64_t shape[] = {2, 1, 6}, wanted[] = {3, -1}, axis[] = {1};
    gradient_begin("Reshape");
    gradient_input(-1, 1, 3, shape);
    gradient_integers(2, wanted);
    gradient_check();
    gradient_begin("Flatten");
    gradient_input(-1, 1, 3, shape);
    gradient_check();
    gradient_begin("Squeeze");
    gradient_input(-1, 1, 3, shape);
    gradient_integers(1, axis);
    gradient_check();
    gradient_begin("Unsqueeze");
    gradient_input(-1, 1, 3, shape);
    gradient_integers(1, axis);
    gradient_check();
}
END_TEST

START_TEST(test_views) {
    const int64_t shape[] = {3, 1, 4}, order[] = {2, 0, 1}, wide[] = {2, 3, 5, 4};
    const int64_t starts[] = {2, -1}, ends[] = {-5, 0}, axes[] = {0, 2}, steps[] = {-2, -2};
    gradient_begin("Transpose");
    gradient_input(-1, 1, 3, shape);
    if (test_coin()) {
        gradient_ints("perm", 3, order);
    }
    gradient_check();
    gradient_begin("Expand");
    gradient_input(-1, 1, 3, shape);
    gradient_integers(4, wide);
    gradient_check();
    gradient_begin("Slice");
    gradient_input(-1, 1, 3, shape);
    gradient_integers(2, starts);
    gradient_integers(2, ends);
    gradient_integers(2, axes);
    gradient_integers(2, steps);
    gradient_check();
}
END_TEST

START_TEST(test_split) {
    const int64_t shape[] = {2, 7}, sizes[] = {3, 2, 2};
    for (int skipped = -1; skipped < 3; skipped++) {
        gradient_begin("Split");
        gradient_input(-1, 1, 2, shape);
        gradient_integers(3, sizes);
        gradient_int("axis", 1);
        gradient_outputs(3, skipped);
        gradient_check();
    }
}
END_TEST

START_TEST(test_layouts) {
    const int64_t first[] = {2, 3}, second[] = {2, 1}, repeats[] = {2, 3};
    const int64_t deep[] = {1, 8, 2, 1}, wide[] = {1, 2, 4, 2};
    gradient_begin("Concat");
    gradient_input(-1, 1, 2, first);
    gradient_fixed(-1, 1, 2, second);
    gradient_input(-1, 1, 2, second);
    gradient_int("axis", -1);
    gradient_check();
    gradient_begin("Tile");
    gradient_input(-1, 1, 2, first);
    gradient_integers(2, repeats);
    gradient_check();
    gradient_begin("DepthToSpace");
    gradient_input(-1, 1, 4, deep);
    gradient_int("blocksize", 2);
    gradient_text("mode", test_coin() ? "CRD" : "DCR");
    gradient_check();
    gradient_begin("SpaceToDepth");
    gradient_input(-1, 1, 4, wide);
    gradient_int("blocksize", 2);
    gradient_check();
}
END_TEST

START_TEST(test_pads) {
    static const char *const modes[] = {"constant", "edge", "reflect"};
    const int64_t shape[] = {3, 4}, pads[] = {1, 2, -1, 1};
    gradient_begin("Pad");
    gradient_input(-1, 1, 2, shape);
    gradient_integers(4, pads);
    gradient_text("mode", modes[_i]);
    gradient_check();
}
END_TEST

START_TEST(test_gathers) {
    const int64_t shape[] = {3, 5}, indices[] = {2, 2};
    const double places[] = {0, 2, 0, -1};
    gradient_begin("Gather");
    gradient_input(-1, 1, 2, shape);
    gradient_constant(test_coin() ? CLEAT_I64 : CLEAT_I32, 2, indices, places);
    gradient_int("axis", test_coin());
    gradient_check();
    gradient_begin("GatherElements");
    gradient_input(-1, 1, 2, shape);
    gradient_constant(CLEAT_I64, 2, indices, places);
    gradient_int("axis", test_coin());
    gradient_check();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph gradients");
    test_add_loop(suite, "unary", test_unary, sizeof unaries / sizeof *unaries);
    test_add_loop(suite, "binary", test_binary, sizeof binaries / sizeof *binaries);
    test_add_loop(suite, "sums of three", test_sums_of_three, 2);
    test_add_case(suite, "powers", test_powers);
    test_add_case(suite, "choices", test_choices);
    test_add_loop(suite, "reductions", test_reductions, sizeof reductions / sizeof *reductions);
    test_add_case(suite, "cumulative sums", test_cumulative_sums);
    test_add_case(suite, "reshapes", test_reshapes);
    test_add_case(suite, "views", test_views);
    test_add_case(suite, "split", test_split);
    test_add_case(suite, "layouts", test_layouts);
    test_add_loop(suite, "pads", test_pads, 3);
    test_add_case(suite, "gathers", test_gathers);
    return suite;
}
