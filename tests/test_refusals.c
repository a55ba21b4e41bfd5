/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are refused for what is seldom wrong: extents that no memory holds, of one element
 * repeated; views made by hand; what only some operations ask for. The usual mistakes are in the
 * operations' own tests.
 */
#include "harness.h"

static const cleat_status wrong = CLEAT_INVALID_ARGUMENT;

/* A single element as a tensor of any extents. */
static cleat_tensor repeated(const test_tensor *one, int32_t rank, const int64_t *shape) {
    cleat_tensor x;
    test_ok(cleat_broadcast(one->view, rank, shape, &x));
    return x;
}

static test_tensor one_element(cleat_type type) {
    const int64_t shape[] = {1};
    return type == CLEAT_F32 ? test_input(1, shape, TEST_REAL, TEST_ROW_MAJOR)
                             : test_typed(type, 1, shape, NULL, TEST_ROW_MAJOR);
}

START_TEST(views) {
    cleat_buffer *buffer = NULL;
    cleat_tensor x = {.rank = 9, .type = CLEAT_F32}, y;
    test_refused(cleat_buffer_create(test_context(), 4, NULL), wrong, "buffer is NULL");
    test_ok(cleat_buffer_create(test_context(), 4, &buffer));
    test_refused(
        cleat_tensor_view(buffer, CLEAT_F32, 0, NULL, 0, NULL), wrong, "view: tensor is NULL");
    cleat_buffer_release(buffer);
    test_refused(cleat_permute(x, (int32_t[]){0}, &y), wrong, "permute: x has rank 9");
    x = (cleat_tensor){.rank = 1, .shape = {-1}, .type = CLEAT_F32};
    test_refused(cleat_slice(x, 0, 0, 1, 1, &y), wrong, "slice: x has the shape [-1]");
    x = (cleat_tensor){.rank = 1, .shape = {INT64_MAX}, .stride = {4}, .type = CLEAT_F32};
    test_refused(
        cleat_slice(x, 0, INT64_MAX - 1, 1, 1, &y), CLEAT_SIZE_OVERFLOW, "the offset overflows");
    test_refused(
        cleat_slice(x, 0, 0, 2, INT64_MAX / 2, &y), CLEAT_SIZE_OVERFLOW, "the stride overflows");
}
END_TEST

START_TEST(layouts) {
    const int64_t huge[] = {(int64_t)1 << 62}, twos[] = {2, 2, 2, 2, 2, 2, 2, 2};
    const int64_t minus[] = {2, -1}, too_many[] = {INT64_MAX, 1},
                  thrice[] = {3, 1, 1, 1, 1, 1, 1, 1};
    test_tensor one = one_element(CLEAT_F32);
    test_tensor y = test_output(1, (int64_t[]){4}, TEST_ROW_MAJOR);
    test_tensor wide = test_output(8, (int64_t[]){6, 2, 2, 2, 2, 2, 2, 2}, TEST_ROW_MAJOR);
    const cleat_tensor long_one = repeated(&one, 1, huge), deep = repeated(&one, 8, twos);
    const cleat_tensor both[] = {long_one, long_one};
    cleat_tensor parts[2], broken = long_one;
    test_refused(cleat_concat(test_context(), 2, both, 0, y.view), CLEAT_SIZE_OVERFLOW,
        "concat: the extents along axis 0 overflow");
    test_refused(cleat_concat(test_context(), 2, NULL, 0, y.view), wrong, "inputs is NULL");
    broken.shape[0] = -2;
    test_refused(cleat_split(broken, 0, 2, NULL, parts), wrong, "no valid tensor");
    test_refused(cleat_split(long_one, 0, 2, minus, parts), wrong, "sizes[1] is -1");
    test_refused(cleat_split(long_one, 0, 2, too_many, parts), wrong, "sizes[1] is 1");
    test_refused(cleat_tile(test_context(), one.view, NULL, y.view), wrong, "repeats is NULL");
    test_refused(cleat_tile(test_context(), deep, thrice, wide.view), CLEAT_UNSUPPORTED,
        "and those repeated are more than 8");
    test_unchanged(&y);
    test_unchanged(&wide);
    test_free(&one);
    test_free(&y);
    test_free(&wide);
}
END_TEST

START_TEST(products) {
    const int64_t side = (int64_t)1 << 31, square[] = {side, side};
    const int64_t weights[] = {(int64_t)1 << 40, (int64_t)1 << 20, 1, 1};
    const int64_t x_shape[] = {1, 4, 5, 5}, w_shape[] = {4, (int64_t)1 << 62, 3, 3};
    const cleat_conv2d_options groups = {.groups = 4};
    int64_t y_shape[4];
    cleat_packed *packed = NULL;
    test_tensor one = one_element(CLEAT_F32);
    if (test_device_is_cpu()) {
        test_refused(cleat_matmul_pack(test_context(), repeated(&one, 2, square), &packed),
            CLEAT_SIZE_OVERFLOW, "are too many bytes");
    }
    test_refused(cleat_conv2d_pack(test_context(), repeated(&one, 4, weights), 1, &packed),
        CLEAT_SIZE_OVERFLOW, "panels are too many bytes");
    ck_assert_ptr_null(packed);
    test_refused(cleat_conv_transpose2d_shape(x_shape, w_shape, &groups, y_shape),
        CLEAT_SIZE_OVERFLOW, "in each of 4 groups leave the range of 64 bits");
    test_free(&one);
}
END_TEST

START_TEST(normalizations) {
    cleat_context *context = test_context();
    const int64_t shape[] = {1, 6, 1}, eight[] = {1, 2, 1, 1, 1, 1, 1, 1}, few = 4, six = 6,
                  single = 1;
    test_tensor x = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, shape, TEST_ROW_MAJOR);
    test_tensor deep = test_input(8, eight, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor deep_y = test_output(8, eight, TEST_ROW_MAJOR);
    test_tensor four = test_input(1, &few, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor all = test_input(1, &six, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor scalar = test_input(1, &single, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor mean = test_output(1, &six, TEST_ROW_MAJOR);
    test_tensor variance = test_output(1, &six, TEST_ROW_MAJOR);
    test_refused(cleat_batch_norm_training(
                     context, x.view, y.view, &(cleat_batch_norm_options){.momentum = 2}),
        wrong, "momentum is 2, must lie between 0 and 1");
    test_refused(cleat_batch_norm_training(context, x.view, y.view,
                     &(cleat_batch_norm_options){
                         .running_mean = &mean.view, .running_variance = &variance.view}),
        wrong, "one element a channel has no variance of a sample");
    test_refused(cleat_batch_norm_training(
                     context, x.view, y.view, &(cleat_batch_norm_options){.bias = &all.view}),
        wrong, "there is a bias, but scale is NULL");
    test_refused(cleat_instance_norm(
                     context, x.view, y.view, &(cleat_normalization_options){.scale = &four.view}),
        CLEAT_SHAPE_MISMATCH, "scale has 4 elements, x has 6 channels");
    test_tensor turned = test_input(2, (int64_t[]){6, 1}, TEST_REAL, TEST_ROW_MAJOR);
    test_refused(cleat_layer_norm(context, x.view, 1, y.view,
                     &(cleat_normalization_options){.scale = &turned.view, .bias = &scalar.view}),
        CLEAT_SHAPE_MISMATCH, "bias differs in shape from the scale");
    test_refused(cleat_group_norm(context, deep.view, 2, deep_y.view, NULL), CLEAT_UNSUPPORTED,
        "x has 8 axes, at most 7 can be cut into groups");
    test_unchanged(&y);
    test_unchanged(&deep_y);
    test_unchanged(&mean);
    test_unchanged(&variance);
    test_tensor *tensors[] = {
        &x, &y, &deep, &deep_y, &four, &all, &scalar, &mean, &variance, &turned};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
}
END_TEST

START_TEST(windows_and_choices) {
    cleat_context *context = test_context();
    const int64_t long_plane[] = {1, 1, (int64_t)1 << 62, 1}, small[] = {1, 1, 3, 1};
    const int64_t line[] = {(int64_t)1 << 32}, two[] = {1, 2}, one_row[] = {1, 1};
    const cleat_pool_options adaptive = {.adaptive = true};
    test_tensor one = one_element(CLEAT_F32), place = one_element(CLEAT_I64);
    test_tensor y = test_output(4, small, TEST_ROW_MAJOR);
    test_refused(cleat_average_pool(context, repeated(&one, 4, long_plane), y.view, &adaptive),
        CLEAT_SIZE_OVERFLOW, "3 times 4611686018427387904 rows do not fit 64 bits");
    test_refused(
        cleat_max_unpool(context, repeated(&one, 2, two), repeated(&place, 2, two), y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "x has rank 2, a rank from 3 to 5 is wanted");
    test_tensor found = test_output(1, (int64_t[]){1}, TEST_ROW_MAJOR);
    test_tensor places = test_typed(CLEAT_I64, 2, two, NULL, TEST_ROW_MAJOR);
    test_tensor value = test_output(2, one_row, TEST_ROW_MAJOR);
    test_refused(cleat_top_k(context, repeated(&one, 1, line), 0, &found.view, NULL, NULL),
        CLEAT_UNSUPPORTED, "4294967296 elements along axis 0 are more than 2^32 - 2");
    test_refused(cleat_top_k(context, repeated(&one, 2, two), 1, &value.view, &places.view, NULL),
        CLEAT_SHAPE_MISMATCH, "values has 1 elements along axis 1, indices 2");
    test_unchanged(&y);
    test_unchanged(&found);
    test_unchanged(&value);
    test_unchanged(&places);
    test_tensor *tensors[] = {&one, &place, &y, &found, &places, &value};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
}
END_TEST

/* A GRU's gradients have no cell state either. */
START_TEST(recurrent_gradients) {
    const int64_t shape[] = {1, 1, 1, 1}, gates[] = {1, 3, 1}, reserve_shape[] = {1, 1, 1, 4};
    test_tensor x = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor w = test_input(3, gates, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_input(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor reserve = test_input(4, reserve_shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dx = test_output(3, shape, TEST_ROW_MAJOR);
    test_tensor dw = test_output(3, gates, TEST_ROW_MAJOR);
    test_tensor dr = test_output(3, gates, TEST_ROW_MAJOR);
    const cleat_recurrent_options options = {.reserve = &reserve.view};
    const cleat_recurrent_gradients gradients = {.initial_c = &dx.view};
    test_refused(cleat_gru_backward(test_context(), x.view, w.view, w.view, y.view, y.view, dx.view,
                     dw.view, dr.view, &options, &gradients),
        wrong, "gru_backward: a GRU has no c");
    test_unchanged(&dx);
    test_unchanged(&dw);
    test_unchanged(&dr);
    test_tensor *tensors[] = {&x, &w, &y, &reserve, &dx, &dw, &dr};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("refusals");
    TCase *all = test_case(suite, "refusals");
    tcase_add_test(all, views);
    tcase_add_test(all, layouts);
    tcase_add_test(all, products);
    tcase_add_test(all, normalizations);
    tcase_add_test(all, windows_and_choices);
    tcase_add_test(all, recurrent_gradients);
    return suite;
}
