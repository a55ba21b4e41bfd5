/* SPDX-License-Identifier: Apache-2.0 */
/* What the cross-entropy refuses, and that it then has changed nothing. */
#include "harness.h"

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    int32_t values[6];
    test_tensor logits = test_input(2, (int64_t[]){6, 5}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor classes = test_labels(6, 5, values);
    cleat_tensor x = logits.view, labels = classes.view;
    test_tensor one = test_output(0, NULL, TEST_ROW_MAJOR);
    test_tensor each = test_output(1, (int64_t[]){6}, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, (int64_t[]){6, 5}, TEST_ROW_MAJOR);
    const cleat_cross_entropy_options none = {.reduction = CLEAT_LOSS_NONE};
    const cleat_cross_entropy_options bad = {.reduction = (cleat_loss_reduction)7};
    test_refused(cleat_softmax_cross_entropy(NULL, x, labels, one.view, NULL),
        CLEAT_INVALID_ARGUMENT, "softmax_cross_entropy: ");
    test_refused(cleat_softmax_cross_entropy(context, (cleat_tensor){0}, labels, one.view, NULL),
        CLEAT_INVALID_ARGUMENT, "softmax_cross_entropy: logits");
    test_refused(cleat_softmax_cross_entropy(context, x, each.view, one.view, NULL),
        CLEAT_TYPE_MISMATCH, "labels");
    test_refused(
        cleat_softmax_cross_entropy(context, x, labels, labels, NULL), CLEAT_TYPE_MISMATCH, "loss");
    test_refused(cleat_softmax_cross_entropy(context, each.view, labels, one.view, NULL),
        CLEAT_SHAPE_MISMATCH, "logits");
    test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, &bad),
        CLEAT_INVALID_ARGUMENT, "7 is no reduction");
    test_refused(cleat_softmax_cross_entropy(context, x, labels, each.view, NULL),
        CLEAT_SHAPE_MISMATCH, "loss is [6], wanted one element of rank 0 or 1");
    test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, &none),
        CLEAT_SHAPE_MISMATCH, "wanted [6]: one number a sample");
    cleat_tensor fewer = labels;
    fewer.shape[0] = 5;
    test_refused(cleat_softmax_cross_entropy(context, x, fewer, one.view, NULL),
        CLEAT_SHAPE_MISMATCH, "5 labels for 6 samples");
    cleat_tensor inside = x;
    inside.rank = 0;
    test_refused(cleat_softmax_cross_entropy(context, x, labels, inside, NULL), CLEAT_OVERLAP,
        "softmax_cross_entropy: ");
    test_refused(
        cleat_softmax_cross_entropy_backward(context, x, labels, &each.view, dx.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dloss is [6]");
    test_refused(cleat_softmax_cross_entropy_backward(context, x, labels, NULL, each.view, NULL),
        CLEAT_SHAPE_MISMATCH, "softmax_cross_entropy_backward: ");
    cleat_tensor reversed = x;
    reversed.offset += 4;
    reversed.stride[1] = -1;
    test_refused(cleat_softmax_cross_entropy_backward(context, x, labels, NULL, reversed, NULL),
        CLEAT_OVERLAP, "softmax_cross_entropy_backward: ");
    setenv("CLEAT_SOFTMAX_CROSS_ENTROPY", "columns", 1);
    test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, NULL),
        CLEAT_INVALID_ARGUMENT, "columns");
    unsetenv("CLEAT_SOFTMAX_CROSS_ENTROPY");
    test_unchanged(&logits);
    test_unchanged(&classes);
    test_unchanged(&one);
    test_unchanged(&each);
    test_unchanged(&dx);
    test_free(&one);
    test_free(&each);
    test_free(&dx);
    test_free(&logits);
    test_free(&classes);
}
END_TEST

START_TEST(test_refused_options) {
    cleat_context *context = test_context();
    int32_t values[6];
    test_tensor logits = test_input(2, (int64_t[]){6, 5}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor classes = test_labels(6, 5, values);
    test_tensor one = test_output(0, NULL, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, (int64_t[]){6, 5}, TEST_ROW_MAJOR);
    cleat_tensor x = logits.view, labels = classes.view;
    cleat_tensor five = labels, row = x, column = x;
    row.rank = column.rank = 1;
    row.shape[0] = 5;
    row.stride[0] = 1;
    column.shape[0] = 6;
    five.shape[0] = 5;
    const float wrong[] = {-0.5F, 1.5F, NAN};
    for (int i = 0; i < 3; i++) {
        const cleat_cross_entropy_options smoothed = {.label_smoothing = wrong[i]};
        test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, &smoothed),
            CLEAT_INVALID_ARGUMENT, "label_smoothing is ");
    }
    const cleat_cross_entropy_options six = {.weight = &column}, ints = {.weight = &five},
                                      square = {.weight = &x}, same = {.weight = &row};
    test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, &six),
        CLEAT_SHAPE_MISMATCH, "6 weights for 5 classes");
    test_refused(cleat_softmax_cross_entropy_backward(context, x, labels, NULL, dx.view, &ints),
        CLEAT_TYPE_MISMATCH, "softmax_cross_entropy_backward: weight");
    test_refused(cleat_softmax_cross_entropy(context, x, labels, one.view, &square),
        CLEAT_SHAPE_MISMATCH, "weight");
    test_refused(cleat_softmax_cross_entropy_backward(context, x, labels, NULL, x, &same),
        CLEAT_OVERLAP, "weight");
    test_unchanged(&logits);
    test_unchanged(&classes);
    test_unchanged(&one);
    test_unchanged(&dx);
    test_free(&logits);
    test_free(&classes);
    test_free(&one);
    test_free(&dx);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("loss_refusals");
    TCase *all = test_case(suite, "loss_refusals");
    tcase_add_test(all, test_refusals);
    tcase_add_test(all, test_refused_options);
    return suite;
}
