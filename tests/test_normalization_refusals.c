/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {4, 6, 5}, channels = 6;
    const cleat_status wrong = CLEAT_INVALID_ARGUMENT;
    test_tensor x = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, shape, TEST_ROW_MAJOR);
    test_tensor scale = test_input(1, &channels, TEST_REAL, TEST_ROW_MAJOR);
    const cleat_normalization_options biased = {.bias = &scale.view},
                                      scaled = {.scale = &scale.view}, bad = {.epsilon = -1},
                                      with_mean = {.mean = &scale.view},
                                      over = {.inverse = &y.view};
    const cleat_batch_norm_options half = {.running_mean = &scale.view};
    test_refused(cleat_layer_norm(NULL, x.view, 1, y.view, NULL), wrong, "context");
    test_refused(cleat_layer_norm(context, x.view, 3, y.view, NULL), wrong, "axis");
    test_refused(cleat_layer_norm(context, x.view, 1, y.view, &bad), wrong, "epsilon is -1");
    test_refused(cleat_layer_norm(context, x.view, 1, y.view, &biased), wrong, "scale is NULL");
    test_refused(cleat_layer_norm(context, x.view, 1, y.view, &scaled), CLEAT_SHAPE_MISMATCH,
        "layer_norm: ");
    test_refused(cleat_rms_norm(context, x.view, 1, y.view, &with_mean), wrong, "there is none");
    test_refused(cleat_group_norm(context, x.view, 0, y.view, NULL), wrong, "groups is 0");
    test_refused(cleat_group_norm(context, x.view, 4, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "6 channels cannot be cut into 4 groups");
    test_refused(cleat_instance_norm(context, scale.view, scale.view, NULL), CLEAT_SHAPE_MISMATCH,
        "x has 1 axes");
    test_refused(cleat_instance_norm(context, x.view, y.view, &over), CLEAT_SHAPE_MISMATCH,
        "inverse is [4, 6, 5]");
    test_refused(
        cleat_batch_norm_training(context, x.view, y.view, &half), wrong, "running_variance");
    cleat_tensor inside = y.view;
    inside.rank = 1;
    inside.shape[0] = 6;
    inside.stride[0] = 1;
    const cleat_batch_norm_options overlapping = {.mean = &inside};
    test_refused(
        cleat_batch_norm_training(context, x.view, y.view, &overlapping), CLEAT_OVERLAP, "mean");
    test_refused(cleat_batch_norm_backward(
                     context, x.view, NULL, scale.view, scale.view, x.view, &y.view, &inside, NULL),
        CLEAT_OVERLAP, "dscale");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&y);
    test_free(&scale);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("normalization_refusals");
    TCase *all = test_case(suite, "normalization_refusals");
    tcase_add_test(all, refuses_bad_calls);
    return suite;
}
