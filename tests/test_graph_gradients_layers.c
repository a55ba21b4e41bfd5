/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of layers: products, convolutions, pools, normalisations, softmax, losses. */
#include "gradient_case.h"

/* ---- Products ---- */

static const struct {
    int32_t a_rank;
    int64_t a[4];
    int32_t b_rank;
    int64_t b[4];
} products[] = {
    {2, {3, 4}, 2, {4, 2}},
    {1, {4}, 1, {4}},
    {1, {4}, 2, {4, 3}},
    {2, {3, 4}, 1, {4}},
    {3, {2, 3, 4}, 2, {4, 3}},
    {3, {2, 3, 4}, 1, {4}},
    {2, {3, 4}, 3, {2, 4, 2}},
    {1, {4}, 3, {2, 4, 2}},
    {3, {1, 3, 4}, 3, {2, 4, 2}},
    {4, {2, 1, 2, 3}, 4, {1, 3, 3, 2}},
};

START_TEST(test_matmul) {
    gradient_begin("MatMul");
    const int wanted = (int)test_int(0, 2);
    (wanted == 1 ? gradient_fixed : gradient_input)(-1, 1, products[_i].a_rank, products[_i].a);
    (wanted == 2 ? gradient_fixed : gradient_input)(-1, 1, products[_i].b_rank, products[_i].b);
    gradient_check();
}
END_TEST

START_TEST(test_gemm) {
    const int64_t m = test_int(1, 4), n = test_int(1, 4), k = test_int(1, 4);
    const bool transposed_a = (_i & 1) != 0, transposed_b = (_i & 2) != 0;
    const int64_t a[] = {transposed_a ? k : m, transposed_a ? m : k};
    const int64_t b[] = {transposed_b ? n : k, transposed_b ? k : n};
    const int64_t biases[][2] = {{n, 0}, {1, n}, {m, 1}, {m, n}};
    const int which = (int)test_int(0, 4);
    gradient_begin("Gemm");
    gradient_input(-1, 1, 2, a);
    gradient_input(-1, 1, 2, b);
    if (which < 4) {
        gradient_input(-1, 1, which == 0 ? 1 : 2, biases[which]);
    }
    gradient_int("transA", transposed_a);
    gradient_int("transB", transposed_b);
    if (test_coin()) {
        gradient_float("alpha", 0.75F);
        gradient_float("beta", 1.5F);
    }
    gradient_check();
}
END_TEST

/* ---- Convolutions ---- */

START_TEST(test_conv) {
    const int axes = 1 + _i % 3;
    const bool transposed = _i >= 3;
    const int64_t groups = test_int(1, 2);
    int64_t x[5] = {2, 2 * groups}, w[5], stride[3], pads[6];
    w[0] = transposed ? x[1] : 3 * groups;
    w[1] = transposed ? 3 : 2;
    for (int i = 0; i < axes; i++) {
        x[i + 2] = axes == 3 ? 3 : test_int(3, 4);
        w[i + 2] = test_int(1, axes == 3 ? 2 : 3);
        stride[i] = test_int(1, 2);
        pads[i] = test_int(0, w[i + 2] - 1);
        pads[i + axes] = test_int(0, w[i + 2] - 1);
    }
    const int64_t channels = 3 * groups;
    gradient_begin(transposed ? "ConvTranspose" : "Conv");
    gradient_input(-1, 1, 2 + axes, x);
    gradient_input(-1, 1, 2 + axes, w);
    if (test_coin()) {
        gradient_input(-1, 1, 1, &channels);
    }
    gradient_int("group", groups);
    gradient_ints("strides", (size_t)axes, stride);
    gradient_ints("pads", 2 * (size_t)axes, pads);
    gradient_check();
}
END_TEST

/* ---- Pools ---- */

static const char *const pools[] = {
    "MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"};

START_TEST(test_pool) {
    const int64_t x[] = {1, 2, 5, 4};
    const int64_t window[] = {test_int(1, 3), test_int(2, 3)}, stride[] = {2, test_int(1, 2)};
    const int64_t pads[] = {0, 1, window[0] - 1, 0};
    gradient_begin(pools[_i]);
    gradient_input(0.25, 1.25, 4, x);
    if (_i < 3) {
        gradient_ints("kernel_shape", 2, window);
        gradient_ints("strides", 2, stride);
        gradient_ints("pads", 4, pads);
    }
    if (_i == 1) {
        gradient_int("count_include_pad", test_coin());
    }
    gradient_check();
}
END_TEST

START_TEST(test_resize) {
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    const int64_t x[] = {1, 2, 3, 4}, sizes[] = {1, 2, 5, 3};
    gradient_begin("Resize");
    gradient_input(-1, 1, 4, x);
    gradient_left_out();
    gradient_left_out();
    gradient_integers(4, sizes);
    gradient_text("mode", modes[_i]);
    gradient_check();
}
END_TEST

/* ---- Normalisations ---- */

START_TEST(test_batch_norm) {
    const bool trains = _i == 1;
    const int64_t x[] = {3, 2, 4}, channels = 2;
    gradient_begin("BatchNormalization");
    gradient_input(-1, 1, 3, x);
    gradient_input(0.5, 1.5, 1, &channels);
    gradient_input(-1, 1, 1, &channels);
    gradient_fixed(-0.5, 0.5, 1, &channels);
    gradient_fixed(0.5, 1.5, 1, &channels);
    if (trains) {
        gradient_int("training_mode", 1);
        gradient_outputs(3, 1);
    }
    if (!trains) {
        gradient_check();
    } else { /* of the running statistics there is no gradient */
        gradient_refused(true, CLEAT_UNSUPPORTED, "first result alone, one of result 2");
    }
}
END_TEST

START_TEST(test_batch_norm_trains) {
    const int64_t x[] = {3, 2, 4}, channels = 2;
    gradient_begin("BatchNormalization");
    (_i == 0 ? gradient_input : gradient_fixed)(-1, 1, 3, x);
    gradient_input(0.5, 1.5, 1, &channels);
    gradient_input(-1, 1, 1, &channels);
    gradient_fixed(-0.5, 0.5, 1, &channels);
    gradient_fixed(0.5, 1.5, 1, &channels);
    gradient_int("training_mode", 1);
    gradient_check();
}
END_TEST

START_TEST(test_norms) {
    const int64_t x[] = {2, 4, 3}, channels = 4, groups = 2, last[] = {4, 3};
    gradient_begin("InstanceNormalization");
    gradient_input(-1, 1, 3, x);
    gradient_input(0.5, 1.5, 1, &channels);
    gradient_input(-1, 1, 1, &channels);
    gradient_check();
    gradient_begin("GroupNormalization");
    gradient_opset(test_coin() ? 18 : 21);
    gradient_input(-1, 1, 3, x);
    gradient_input(0.5, 1.5, 1, &groups);
    gradient_input(-1, 1, 1, &groups);
    gradient_int("num_groups", 2);
    gradient_opset(18);
    gradient_check();
    gradient_begin("LayerNormalization");
    gradient_input(-1, 1, 3, x);
    gradient_input(0.5, 1.5, 2, last);
    if (test_coin()) {
        gradient_input(-1, 1, 2, last);
    }
    gradient_int("axis", 1);
    gradient_check();
    gradient_begin("LRN");
    gradient_input(-1, 1, 3, x);
    gradient_int("size", 3);
    gradient_float("alpha", 0.5F);
    gradient_check();
}
END_TEST

/* ---- Softmax and losses ---- */

START_TEST(test_softmax) {
    const int64_t x[] = {2, 3, 4};
    gradient_begin(_i % 2 == 0 ? "Softmax" : "LogSoftmax");
    gradient_opset(_i < 2 ? 17 : 11);
    gradient_input(-2, 2, 3, x);
    gradient_int("axis", test_int(0, 2));
    gradient_check();
}
END_TEST

START_TEST(test_losses) {
    static const char *const kinds[] = {"mean", "sum", "none"};
    const bool is_plain = _i % 2 == 0;
    const int64_t x[] = {3, 4, 2}, labels[] = {3, 2}, classes = 4;
    double places[6];
    for (int round = 0; round < 3; round++) {
        gradient_begin(_i < 2 ? "SoftmaxCrossEntropyLoss" : "NegativeLogLikelihoodLoss");
        for (int i = 0; i < 6; i++) {
            places[i] = (double)test_int(0, 3);
        }
        gradient_input(-2, 2, is_plain ? 2 : 3, x);
        gradient_constant(
            is_plain || test_coin() ? CLEAT_I32 : CLEAT_I64, is_plain ? 1 : 2, labels, places);
        if (!is_plain && test_coin()) {
            gradient_fixed(0.5, 1.5, 1, &classes);
        }
        gradient_text("reduction", kinds[round]);
        if (test_coin()) {
            places[0] = 0; /* not all are ignored */
            gradient_int("ignore_index", 3);
        }
        gradient_check();
    }
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_refusals) {
    const int64_t shape[] = {2, 3}, image[] = {1, 1, 3}, pads[] = {0, 0, 0, 4};
    gradient_begin("Tan");
    gradient_input(-1, 1, 2, shape);
    gradient_refused(true, CLEAT_UNSUPPORTED, "node Tan the node: there is no gradient of Tan");
    gradient_begin("Max");
    gradient_input(-1, 1, 2, shape);
    gradient_input(-1, 1, 2, shape);
    gradient_input(-1, 1, 2, shape);
    gradient_refused(false, CLEAT_UNSUPPORTED, "3 operands, there is a gradient of one or two");
    gradient_begin("Pad");
    gradient_input(-1, 1, 2, shape);
    gradient_integers(4, pads);
    gradient_text("mode", "reflect");
    gradient_refused(false, CLEAT_UNSUPPORTED, "mirrored more than once");
    gradient_begin("BatchNormalization");
    gradient_opset(8);
    gradient_input(-1, 1, 3, image);
    for (int i = 0; i < 4; i++) {
        gradient_fixed(0.5, 1, 1, image);
    }
    gradient_refused(false, CLEAT_UNSUPPORTED, "from opset 9 on");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph gradients of layers");
    test_add_loop(suite, "matmul", test_matmul, sizeof products / sizeof *products);
    test_add_loop(suite, "gemm", test_gemm, 4);
    test_add_loop(suite, "conv", test_conv, 6);
    test_add_loop(suite, "pool", test_pool, sizeof pools / sizeof *pools);
    test_add_loop(suite, "resize", test_resize, 3);
    test_add_loop(suite, "batch norm", test_batch_norm, 2);
    test_add_loop(suite, "batch norm trains", test_batch_norm_trains, 2);
    test_add_case(suite, "norms", test_norms);
    test_add_loop(suite, "softmax", test_softmax, 4);
    test_add_loop(suite, "losses", test_losses, 4);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
