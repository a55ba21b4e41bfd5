/* SPDX-License-Identifier: Apache-2.0 */
/* Operations whose operands lie past 2^31 elements of a buffer: the same results as at its
 * beginning, by kernels that count in 64 bits. Memory that is not touched is only promised by the
 * system, so the buffer of 8 GiB and a little costs nothing; where it is not to be had, that is
 * told and counts for nothing. And tensors without elements, whose extents may be as large. */
#include "faults/fault_operations.h"
#include "harness.h"

enum { OF_FLOATS = 33, OF_BYTES = 31, OF_ROWS = 29, SPARE = 1 << 20 };

/* Of 2^shift bytes and some more. */
static cleat_buffer *far_buffer(int shift) {
    cleat_buffer *buffer = NULL;
    const size_t size = ((size_t)1 << shift) + SPARE;
    const cleat_status status =
        sizeof size < 8 ? CLEAT_UNSUPPORTED : cleat_buffer_create(test_context(), size, &buffer);
    if (status != CLEAT_OK) {
        ck_assert_int_eq(status, CLEAT_OUT_OF_DEVICE_MEMORY);
        printf("past 2^31 elements is left out: %s\n", cleat_error_message());
    }
    return buffer;
}

/* The same operands at the end of the large buffer. */
static operation_run moved(const operation_run *near, cleat_buffer *buffer) {
    const int64_t far = (int64_t)cleat_buffer_size(buffer) - SPARE, size = (int64_t)near->size;
    operation_run run = *near;
    test_ok(cleat_tensor_view(buffer, CLEAT_U8, 1, &size, far, &run.whole));
    for (int k = 0; k < run.count; k++) {
        run.tensors[k].buffer = buffer;
        run.tensors[k].offset += far / (int64_t)cleat_type_size(run.tensors[k].type);
    }
    run.got = test_alloc(size, 1);
    return run;
}

static void check_operation(const operation *what, cleat_buffer *buffer) {
    operation_run near = operation_open(test_context(), what);
    operation_reset(&near);
    test_ok(operation_call(&near));
    operation_fetch(&near);
    operation_run run = moved(&near, buffer);
    operation_reset(&run);
    const cleat_status status = operation_call(&run);
    if (status != CLEAT_OK) {
        ck_abort_msg("%s past 2^31 elements: %s", what->name, cleat_error_message());
    }
    operation_fetch(&run);
    if (memcmp(run.got, near.got, near.size) != 0 && !test_ignores_values()) {
        ck_abort_msg("%s gives other results past 2^31 elements", what->name);
    }
    free(run.got);
    operation_close(&near);
}

/* One operation of each kind of kernel, in long runs all. */
START_TEST(operands_far_away) {
    static const char *const some[] = {"add", "copy", "reduce", "softmax", "matmul", "conv2d",
        "conv2d_backward_data", "conv2d_backward_weights", "max_pool2d", "layer_norm", "gather",
        "attention", NULL};
    cleat_buffer *buffer = far_buffer(OF_FLOATS);
    const bool all = test_rounds(1) > 1;
    for (int i = 0; !all && some[i] != NULL && buffer != NULL; i++) {
        check_operation(operation_named(some[i]), buffer);
    }
    for (int list = 0; all && operation_lists[list] != NULL && buffer != NULL; list++) {
        for (const operation *o = operation_lists[list]; o->name != NULL; o++) {
            check_operation(o, buffer);
        }
    }
    cleat_buffer_release(buffer);
}
END_TEST

START_TEST(bytes_far_away) {
    static const char *const some[] = {"logical", "logical_not", "where", "compare", NULL};
    cleat_buffer *buffer = far_buffer(OF_BYTES);
    for (int i = 0; some[i] != NULL && buffer != NULL; i++) {
        check_operation(operation_named(some[i]), buffer);
    }
    cleat_buffer_release(buffer);
}
END_TEST

/* Rows that lie 2^31 elements apart. */
START_TEST(rows_far_apart) {
    enum { ROWS = 2, COLUMNS = 5 };
    const float data[ROWS * COLUMNS] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10};
    const float want[ROWS * COLUMNS] = {1, 0, 3, 0, 5, 0, 7, 0, 9, 0};
    float got[ROWS * COLUMNS];
    cleat_buffer *buffer = far_buffer(OF_FLOATS);
    if (buffer == NULL) {
        return;
    }
    const cleat_tensor x = {buffer, CLEAT_F32, 2, 3, {ROWS, COLUMNS}, {(int64_t)1 << 31, 1}};
    test_ok(cleat_write(test_context(), x, data, sizeof data));
    test_ok(cleat_activate(test_context(), CLEAT_RELU, x, x, NULL));
    test_ok(cleat_read(test_context(), x, got, sizeof got));
    if (memcmp(got, want, sizeof got) != 0 && !test_ignores_values()) {
        ck_abort_msg("relu of rows 2^31 elements apart");
    }
    cleat_buffer_release(buffer);
}
END_TEST

/* Other extents of an empty tensor may be anything: their products are not formed, nor walked
 * through. Without queries the gradients of keys and values are 0. */
START_TEST(attention_beside_nothing) {
    const int64_t many = (int64_t)1 << 40;
    const int64_t narrow[] = {many, many, 1, 0}, unasked[] = {1, many, 0, 4}, keys[] = {1, 1, 3, 4};
    cleat_tensor q, s;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 4, narrow, &q));
    test_ok(cleat_attention(test_context(), q, q, q, q, NULL, NULL));
    cleat_tensor_release(&q);
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 4, unasked, &q));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 3, unasked, &s));
    test_tensor k = test_input(4, keys, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dk = test_output(4, keys, TEST_ROW_MAJOR);
    test_tensor dv = test_output(4, keys, TEST_ROW_MAJOR);
    test_ok(cleat_attention_backward(
        test_context(), q, k.view, k.view, q, s, q, q, dk.view, dv.view, NULL));
    test_fetch(&dk);
    test_fetch(&dv);
    for (int64_t i = 0; i < dk.count; i++) {
        ck_assert(dk.data[i] == 0 && dv.data[i] == 0);
    }
    test_free(&k);
    test_free(&dk);
    test_free(&dv);
    cleat_tensor_release(&q);
    cleat_tensor_release(&s);
}
END_TEST

/* Four taps for each of more than 2^27 rows are more than a table holds. */
START_TEST(tables_too_large) {
    const int64_t rows[] = {((int64_t)1 << 27) + 1, 1}, one[] = {1, 1};
    const cleat_resize_options cubic = {.mode = CLEAT_RESIZE_CUBIC};
    cleat_buffer *buffer = far_buffer(OF_ROWS);
    cleat_tensor x, y;
    if (buffer == NULL) {
        return;
    }
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, one, &x));
    test_ok(cleat_tensor_view(buffer, CLEAT_F32, 2, rows, 0, &y));
    test_refused(cleat_resize(test_context(), x, y, &cubic), CLEAT_UNSUPPORTED,
        "the tables for y, shape [134217729, 1], would be too large");
    cleat_tensor_release(&x);
    cleat_buffer_release(buffer);
}
END_TEST

/* All of it, in long runs: more than 8 GiB read and written. */
START_TEST(every_element) {
    cleat_buffer *buffer = test_rounds(1) > 1 ? far_buffer(OF_FLOATS) : NULL;
    if (buffer == NULL) {
        return;
    }
    const int64_t count = ((int64_t)1 << 31) + 1000, one = 1;
    const float last = 7;
    float sum = 0;
    cleat_tensor x, y, end;
    test_ok(cleat_tensor_view(buffer, CLEAT_F32, 1, &count, 0, &x));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &y));
    test_ok(cleat_fill(test_context(), -1, x));
    test_ok(cleat_slice(x, 0, count - 1, one, 1, &end));
    test_ok(cleat_write(test_context(), end, &last, sizeof last));
    test_ok(cleat_activate(test_context(), CLEAT_RELU, x, x, NULL));
    test_ok(cleat_reduce(test_context(), CLEAT_REDUCE_SUM, x, 1, (const int32_t[]){0}, y, NULL));
    test_ok(cleat_read(test_context(), y, &sum, sizeof sum));
    ck_assert_msg(sum == last || test_ignores_values(), "the sum is %g", (double)sum);
    cleat_tensor_release(&y);
    cleat_buffer_release(buffer);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("large");
    test_add_case(suite, "operands_far_away", operands_far_away);
    test_add_case(suite, "bytes_far_away", bytes_far_away);
    test_add_case(suite, "rows_far_apart", rows_far_apart);
    test_add_case(suite, "tables", tables_too_large);
    test_add_case(suite, "beside_nothing", attention_beside_nothing);
    test_add_case(suite, "every_element", every_element);
    return suite;
}
