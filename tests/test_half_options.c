/* SPDX-License-Identifier: Apache-2.0 */
/* Operands that options give, in f16 and bf16: a mask of attention, weights of a loss, and the
 * loss's gradient. Numbers are such that the results are exact in either type. */
#include "harness.h"

static const cleat_type halves[] = {CLEAT_F16, CLEAT_BF16};

static test_tensor given(cleat_type type, int32_t rank, const int64_t *shape, const float *values) {
    return test_input_from_of(type, rank, shape, values, TEST_ROW_MAJOR);
}

static void expect_values(test_tensor *t, const float *want) {
    test_fetch(t);
    double *got = test_doubles(t);
    for (int64_t i = 0; i < t->count; i++) {
        ck_assert_msg(got[i] == (double)want[i] || test_ignores_values(),
            "element %d is %g, not %g", (int)i, got[i], (double)want[i]);
    }
    free(got);
}

/* Queries of zero take all keys alike, but for those that the mask takes away. */
START_TEST(masked_attention) {
    const int64_t one[] = {1, 1, 1, 2}, keys[] = {1, 1, 4, 2}, weights[] = {1, 1, 1, 4};
    const float zeros[8] = {0}, mask_values[] = {0, -INFINITY, 0, -INFINITY};
    const float values[] = {1, 2, 50, 50, 3, 8, 50, 50}, want[] = {2, 5};
    const cleat_type type = halves[_i];
    test_tensor q = given(type, 4, one, zeros), k = given(type, 4, keys, zeros);
    test_tensor v = given(type, 4, keys, values), mask = given(type, 4, weights, mask_values);
    test_tensor y = test_output_of(type, 4, one, TEST_ROW_MAJOR);
    test_ok(cleat_attention(test_context(), q.view, k.view, v.view, y.view, NULL,
        &(cleat_attention_options){.mask = &mask.view}));
    expect_values(&y, want);
    test_tensor *tensors[] = {&q, &k, &v, &mask, &y};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
}
END_TEST

/* Of four classes alike: dlogits = dloss weight (1 / 4 - [the class is the label]). */
START_TEST(weighed_loss) {
    enum { SAMPLES = 2, CLASSES = 4 };
    const int64_t shape[] = {SAMPLES, CLASSES}, samples[] = {SAMPLES}, classes[] = {CLASSES};
    const float zeros[SAMPLES * CLASSES] = {0}, weight_values[] = {1, 2, 4, 8};
    const float upper[] = {1, 2}, want[] = {0.5F, -1.5F, 0.5F, 0.5F, 4, 4, 4, -12};
    const int32_t numbers[] = {1, 3};
    const cleat_type type = halves[_i];
    test_tensor logits = given(type, 2, shape, zeros);
    test_tensor weight = given(type, 1, classes, weight_values);
    test_tensor dloss = given(type, 1, samples, upper);
    test_tensor labels = test_typed(CLEAT_I32, 1, samples, numbers, TEST_ROW_MAJOR);
    test_tensor dlogits = test_output_of(type, 2, shape, TEST_ROW_MAJOR);
    const cleat_cross_entropy_options options = {
        .reduction = CLEAT_LOSS_NONE, .weight = &weight.view};
    test_ok(cleat_softmax_cross_entropy_backward(
        test_context(), logits.view, labels.view, &dloss.view, dlogits.view, &options));
    expect_values(&dlogits, want);
    test_tensor *tensors[] = {&logits, &weight, &dloss, &labels, &dlogits};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half_options");
    test_add_loop(suite, "attention", masked_attention, 2);
    test_add_loop(suite, "loss", weighed_loss, 2);
    return suite;
}
