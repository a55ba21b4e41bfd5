/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers and views: what is made, what is refused, and random chains of views against a model. */
#include "harness.h"

#include <inttypes.h>
#include <limits.h>

/* ---- Types, buffers, making tensors ---- */

START_TEST(types_have_sizes_and_names) {
    static const struct {
        cleat_type type;
        size_t size;
        const char *name;
    } rows[] = {{CLEAT_F32, 4, "f32"}, {CLEAT_F64, 8, "f64"}, {CLEAT_I32, 4, "i32"},
        {CLEAT_I64, 8, "i64"}, {CLEAT_U8, 1, "u8"}, {CLEAT_BOOL, 1, "bool"}, {CLEAT_F16, 2, "f16"},
        {CLEAT_BF16, 2, "bf16"}, {CLEAT_I8, 1, "i8"}, {CLEAT_I16, 2, "i16"}, {CLEAT_U16, 2, "u16"},
        {CLEAT_U32, 4, "u32"}, {CLEAT_U64, 8, "u64"}, {(cleat_type)0, 0, "unknown"},
        {(cleat_type)99, 0, "unknown"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_uint_eq(cleat_type_size(rows[i].type), rows[i].size);
        ck_assert_str_eq(cleat_type_name(rows[i].type), rows[i].name);
    }
}
END_TEST

static uint64_t buffer_bytes(void) {
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(test_context(), &statistics));
    return statistics.buffer_bytes;
}

START_TEST(buffers_are_counted) {
    cleat_buffer *buffer = NULL;
    uint64_t before = buffer_bytes();
    test_ok(cleat_buffer_create(test_context(), 1000, &buffer));
    ck_assert_uint_eq(cleat_buffer_size(buffer), 1000);
    ck_assert_uint_eq(buffer_bytes(), before + 1000);
    cleat_buffer_retain(buffer);
    cleat_buffer_release(buffer);
    ck_assert_uint_eq(buffer_bytes(), before + 1000);
    cleat_buffer_release(buffer);
    ck_assert_uint_eq(buffer_bytes(), before);
    test_ok(cleat_buffer_create(test_context(), 0, &buffer));
    ck_assert_uint_eq(cleat_buffer_size(buffer), 0);
    cleat_buffer_release(buffer);
    cleat_buffer_retain(NULL);
    cleat_buffer_release(NULL);
    cleat_tensor_release(NULL);
    ck_assert_uint_eq(cleat_buffer_size(NULL), 0);
}
END_TEST

START_TEST(buffer_outlives_its_context_reference) {
    cleat_context *context = NULL;
    cleat_tensor x;
    float value = 0;
    test_ok(cleat_context_create(NULL, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &x));
    test_ok(cleat_fill(context, 3, x));
    cleat_context_release(context); /* the buffer holds the last reference now */
    test_ok(cleat_read(context, x, &value, sizeof value));
    ck_assert(value == 3.0F);
    cleat_tensor_release(&x);
    ck_assert_ptr_null(x.buffer);
}
END_TEST

START_TEST(tensor_create_refuses) {
    cleat_tensor x = {.rank = -7};
    const int64_t ok[] = {2, 3};
    const int64_t negative[] = {2, -3};
    const int64_t huge[] = {INT64_MAX, 3};
    const int64_t huge_bytes[] = {INT64_MAX / 2};
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    cleat_context *c = test_context();
    test_refused(cleat_tensor_create(NULL, CLEAT_F32, 2, ok, &x), CLEAT_INVALID_ARGUMENT,
        "tensor_create: the context is NULL");
    test_refused(
        cleat_tensor_create(c, (cleat_type)77, 2, ok, &x), CLEAT_INVALID_ARGUMENT, "77 is no type");
    test_refused(cleat_tensor_create(c, CLEAT_F32, 9, nine, &x), CLEAT_INVALID_ARGUMENT, "rank 9");
    test_refused(cleat_tensor_create(c, CLEAT_F32, -1, ok, &x), CLEAT_INVALID_ARGUMENT, "rank -1");
    test_refused(
        cleat_tensor_create(c, CLEAT_F32, 2, NULL, &x), CLEAT_INVALID_ARGUMENT, "shape is NULL");
    test_refused(
        cleat_tensor_create(c, CLEAT_F32, 2, negative, &x), CLEAT_INVALID_ARGUMENT, "[2, -3]");
    test_refused(cleat_tensor_create(c, CLEAT_F32, 2, huge, &x), CLEAT_SIZE_OVERFLOW, "elements");
    test_refused(
        cleat_tensor_create(c, CLEAT_F32, 1, huge_bytes, &x), CLEAT_SIZE_OVERFLOW, "bytes");
    test_refused(
        cleat_tensor_create(c, CLEAT_F32, 2, ok, NULL), CLEAT_INVALID_ARGUMENT, "tensor is NULL");
    ck_assert_int_eq(x.rank, -7);
}
END_TEST

START_TEST(zero_size_tensors_are_legal) {
    static const int64_t shapes[][3] = {{0, 2, 3}, {2, 0, 3}, {0, 0, 0}, {0, INT64_MAX, INT64_MAX}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        cleat_tensor x;
        test_ok(cleat_tensor_create(test_context(), CLEAT_F64, 3, shapes[i], &x));
        ck_assert_int_eq(cleat_tensor_count(&x), 0);
        ck_assert(cleat_tensor_is_contiguous(&x));
        test_ok(cleat_fill(test_context(), 1, x));
        test_ok(cleat_copy(test_context(), x, x));
        test_ok(cleat_write(test_context(), x, NULL, 0));
        test_ok(cleat_read(test_context(), x, NULL, 0));
        test_refused(
            cleat_read(test_context(), x, NULL, 8), CLEAT_INVALID_ARGUMENT, "8 bytes of host");
        cleat_tensor_release(&x);
    }
}
END_TEST

START_TEST(counts_of_odd_shapes) {
    cleat_tensor x = {.rank = 2, .shape = {3, -1}};
    ck_assert_int_eq(cleat_tensor_count(&x), -1);
    x.shape[1] = INT64_MAX;
    ck_assert_int_eq(cleat_tensor_count(&x), -1);
    x.shape[1] = 5;
    ck_assert_int_eq(cleat_tensor_count(&x), 15);
    x.rank = 9;
    ck_assert_int_eq(cleat_tensor_count(&x), -1);
    ck_assert(!cleat_tensor_is_contiguous(&x));
    ck_assert_int_eq(cleat_tensor_count(NULL), -1);
}
END_TEST

START_TEST(view_stays_within_its_buffer) {
    cleat_tensor x;
    cleat_tensor v;
    test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 1, (int64_t[]){100}, &x));
    test_ok(cleat_tensor_view(x.buffer, CLEAT_I32, 2, (int64_t[]){9, 10}, 10, &v));
    ck_assert_int_eq(v.offset, 10);
    ck_assert_int_eq(v.stride[0], 10);
    test_ok(cleat_tensor_view(x.buffer, CLEAT_U8, 1, (int64_t[]){400}, 0, &v));
    test_ok(cleat_tensor_view(x.buffer, CLEAT_I64, 1, (int64_t[]){50}, 0, &v));
    test_ok(cleat_tensor_view(x.buffer, CLEAT_I64, 1, (int64_t[]){0}, 5000, &v));
    test_refused(cleat_tensor_view(x.buffer, CLEAT_I32, 2, (int64_t[]){9, 10}, 11, &v),
        CLEAT_INVALID_ARGUMENT, "reaches elements 11 .. 100 of a buffer of 100");
    test_refused(cleat_tensor_view(x.buffer, CLEAT_I64, 1, (int64_t[]){51}, 0, &v),
        CLEAT_INVALID_ARGUMENT, "of a buffer of 50");
    test_refused(cleat_tensor_view(x.buffer, CLEAT_I32, 1, (int64_t[]){1}, -1, &v),
        CLEAT_INVALID_ARGUMENT, "negative offset -1");
    test_refused(cleat_tensor_view(x.buffer, CLEAT_I32, 1, (int64_t[]){2}, INT64_MAX, &v),
        CLEAT_SIZE_OVERFLOW, "overflow");
    test_refused(cleat_tensor_view(NULL, CLEAT_I32, 1, (int64_t[]){2}, 0, &v),
        CLEAT_INVALID_ARGUMENT, "buffer is NULL");
    cleat_tensor_release(&x);
}
END_TEST

/* ---- Views against a model ---- */

/* A view as the list of the buffer's elements that it shows, in row-major order. */
typedef struct model {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    int64_t count;
    int64_t *element;
} model;

static model model_of_shape(int32_t rank, const int64_t *shape) {
    model m = {.rank = rank, .count = 1};
    for (int32_t i = 0; i < rank; i++) {
        m.shape[i] = shape[i];
        m.count *= shape[i];
    }
    m.element = test_alloc(m.count, sizeof *m.element);
    return m;
}

/* The numbers along the axes of the n-th element. */
static void unravel(const model *m, int64_t n, int64_t *index) {
    for (int32_t i = m->rank - 1; i >= 0; i--) {
        index[i] = n % m->shape[i];
        n /= m->shape[i];
    }
}

static int64_t element_at(const model *m, const int64_t *index) {
    int64_t n = 0;
    for (int32_t i = 0; i < m->rank; i++) {
        n = n * m->shape[i] + index[i];
    }
    return m->element[n];
}

static void replace(model *m, model new_model) {
    free(m->element);
    *m = new_model;
}

static void model_permute(model *m, const int32_t *axes) {
    int64_t shape[CLEAT_MAX_RANK] = {0};
    for (int32_t i = 0; i < m->rank; i++) {
        shape[i] = m->shape[axes[i]];
    }
    model r = model_of_shape(m->rank, shape);
    for (int64_t n = 0; n < r.count; n++) {
        int64_t to[CLEAT_MAX_RANK];
        int64_t from[CLEAT_MAX_RANK];
        unravel(&r, n, to);
        for (int32_t i = 0; i < r.rank; i++) {
            from[axes[i]] = to[i];
        }
        r.element[n] = element_at(m, from);
    }
    replace(m, r);
}

static void model_slice(model *m, int32_t axis, int64_t start, int64_t count, int64_t step) {
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, m->shape, sizeof shape);
    shape[axis] = count;
    model r = model_of_shape(m->rank, shape);
    for (int64_t n = 0; n < r.count; n++) {
        int64_t index[CLEAT_MAX_RANK];
        unravel(&r, n, index);
        index[axis] = start + index[axis] * step;
        r.element[n] = element_at(m, index);
    }
    replace(m, r);
}

static void model_reshape(model *m, int32_t rank, const int64_t *shape) {
    model r = model_of_shape(rank, shape);
    ck_assert_int_eq(r.count, m->count);
    memcpy(r.element, m->element, (size_t)m->count * sizeof *m->element);
    replace(m, r);
}

static void model_broadcast(model *m, int32_t rank, const int64_t *shape) {
    model r = model_of_shape(rank, shape);
    for (int64_t n = 0; n < r.count; n++) {
        int64_t to[CLEAT_MAX_RANK];
        int64_t from[CLEAT_MAX_RANK];
        unravel(&r, n, to);
        for (int32_t i = 0; i < m->rank; i++) {
            from[i] = m->shape[i] == 1 ? 0 : to[i + rank - m->rank];
        }
        r.element[n] = element_at(m, from);
    }
    replace(m, r);
}

static void random_slice(model *m, cleat_tensor *x) {
    if (m->rank == 0) {
        return;
    }
    int32_t axis = (int32_t)test_int(0, m->rank - 1);
    int64_t extent = m->shape[axis];
    int64_t start = extent > 0 ? test_int(0, extent - 1) : 0;
    int64_t step = test_int(1, 3) * (test_coin() ? 1 : -1);
    int64_t most = extent == 0 ? 0 : step > 0 ? (extent - 1 - start) / step + 1 : start / -step + 1;
    int64_t count = test_int(0, 20) == 0 ? 0 : test_int(most > 0 ? 1 : 0, most);
    test_ok(cleat_slice(*x, test_coin() ? axis : axis - m->rank, start, count, step, x));
    model_slice(m, axis, start, count, step);
}

static void random_permute(model *m, cleat_tensor *x) {
    int32_t axes[CLEAT_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int32_t i = m->rank - 1; i > 0; i--) {
        int32_t k = (int32_t)test_int(0, i);
        int32_t swapped = axes[i];
        axes[i] = axes[k];
        axes[k] = swapped;
    }
    test_ok(cleat_permute(*x, axes, x));
    model_permute(m, axes);
}

static void random_transpose(model *m, cleat_tensor *x) {
    *x = cleat_transpose(*x);
    if (m->rank >= 2) {
        int32_t axes[CLEAT_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
        axes[m->rank - 1] = m->rank - 2;
        axes[m->rank - 2] = m->rank - 1;
        model_permute(m, axes);
    }
}

/* Splits the elements into random factors, one of them perhaps left to the library. */
static void random_reshape(model *m, cleat_tensor *x) {
    int64_t shape[CLEAT_MAX_RANK];
    int32_t rank = 0;
    int64_t left = m->count;
    while (rank < CLEAT_MAX_RANK - 1 && test_int(0, 3) > 0) {
        int64_t factor = test_int(1, 6);
        if (left > 0 && left % factor == 0) {
            shape[rank++] = factor;
            left /= factor;
        }
    }
    if (left != 1 || rank == 0) {
        shape[rank++] = left;
    }
    int64_t asked[CLEAT_MAX_RANK];
    memcpy(asked, shape, sizeof asked);
    if (m->count > 0 && test_coin()) {
        asked[test_int(0, rank - 1)] = -1;
    }
    cleat_tensor before = *x;
    cleat_status status = cleat_reshape(*x, rank, asked, x);
    if (status == CLEAT_UNSUPPORTED) {
        /* Only a tensor with gaps may need a copy first. */
        ck_assert(!cleat_tensor_is_contiguous(&before));
        ck_assert(memcmp(&before, x, sizeof before) == 0);
        return;
    }
    test_ok(status);
    model_reshape(m, rank, shape);
}

static void random_broadcast(model *m, cleat_tensor *x) {
    int32_t rank = (int32_t)test_int(m->rank, m->rank < CLEAT_MAX_RANK ? m->rank + 1 : m->rank);
    int64_t shape[CLEAT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        int32_t from = i - (rank - m->rank);
        int64_t extent = from < 0 ? 1 : m->shape[from];
        shape[i] =
            extent == 1 && m->count < 2000 ? test_int(0, 40) == 0 ? 0 : test_int(1, 3) : extent;
    }
    test_ok(cleat_broadcast(*x, rank, shape, x));
    model_broadcast(m, rank, shape);
}

/* The view's own arithmetic must name the model's elements. */
static void compare_view(const model *m, const cleat_tensor *x) {
    ck_assert_int_eq(x->rank, m->rank);
    ck_assert_int_eq(cleat_tensor_count(x), m->count);
    for (int32_t i = 0; i < m->rank; i++) {
        ck_assert_int_eq(x->shape[i], m->shape[i]);
    }
    bool contiguous = true;
    for (int64_t n = 0; n < m->count; n++) {
        int64_t index[CLEAT_MAX_RANK];
        int64_t element = x->offset;
        unravel(m, n, index);
        for (int32_t i = 0; i < m->rank; i++) {
            element += index[i] * x->stride[i];
        }
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (element != m->element[n]) {
            ck_abort_msg("element %" PRId64 " of the view is %" PRId64 ", not %" PRId64, n, element,
                m->element[n]);
        }
        contiguous = contiguous && element == m->element[0] + n;
    }
    ck_assert_int_eq(cleat_tensor_is_contiguous(x), contiguous);
}

/* And the device must read what the model says. */
static void compare_data(const model *m, cleat_tensor x) {
    int32_t *data = test_alloc(m->count, sizeof *data);
    test_ok(cleat_read(test_context(), x, data, (size_t)m->count * sizeof *data));
    for (int64_t n = 0; n < m->count; n++) {
        if (data[n] != m->element[n] * 7) {
            ck_abort_msg(
                "element %" PRId64 " reads %d, not %" PRId64, n, data[n], m->element[n] * 7);
        }
    }
    free(data);
}

START_TEST(random_chains_of_views) {
    static void (*const steps[])(model *, cleat_tensor *) = {
        random_slice, random_permute, random_transpose, random_reshape, random_broadcast};
    cleat_tensor base;
    enum { ELEMENTS = 720 };
    int32_t values[ELEMENTS];
    test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 1, (int64_t[]){ELEMENTS}, &base));
    for (int32_t i = 0; i < ELEMENTS; i++) {
        values[i] = i * 7;
    }
    test_ok(cleat_write(test_context(), base, values, sizeof values));
    for (int round = test_rounds(400); round > 0; round--) {
        cleat_tensor x = base;
        model m = model_of_shape(1, (int64_t[]){ELEMENTS});
        for (int64_t n = 0; n < ELEMENTS; n++) {
            m.element[n] = n;
        }
        for (int64_t step = test_int(1, 8); step > 0; step--) {
            steps[test_int(0, 4)](&m, &x);
            compare_view(&m, &x);
        }
        compare_data(&m, x);
        free(m.element);
    }
    cleat_tensor_release(&base);
}
END_TEST

/* ---- What views refuse ---- */

START_TEST(permute_refuses) {
    cleat_tensor x = {.rank = 3, .shape = {2, 3, 4}, .stride = {12, 4, 1}, .type = CLEAT_F32};
    test_refused(
        cleat_permute(x, (int32_t[]){0, 1, 3}, &x), CLEAT_INVALID_ARGUMENT, "axes[2] is 3");
    test_refused(
        cleat_permute(x, (int32_t[]){0, 1, -1}, &x), CLEAT_INVALID_ARGUMENT, "axes[2] is -1");
    test_refused(cleat_permute(x, (int32_t[]){0, 1, 1}, &x), CLEAT_INVALID_ARGUMENT, "twice");
    test_refused(cleat_permute(x, NULL, &x), CLEAT_INVALID_ARGUMENT, "axes is NULL");
    test_refused(cleat_permute(x, (int32_t[]){0, 1, 2}, NULL), CLEAT_INVALID_ARGUMENT, "out");
}
END_TEST

START_TEST(slice_refuses) {
    cleat_tensor x = {.rank = 2, .shape = {5, 6}, .stride = {6, 1}, .type = CLEAT_F32};
    test_refused(cleat_slice(x, 2, 0, 1, 1, &x), CLEAT_INVALID_ARGUMENT, "axis 2");
    test_refused(cleat_slice(x, -3, 0, 1, 1, &x), CLEAT_INVALID_ARGUMENT, "axis -3");
    test_refused(cleat_slice(x, 0, 0, 1, 0, &x), CLEAT_INVALID_ARGUMENT, "step is 0");
    test_refused(cleat_slice(x, 0, 0, 6, 1, &x), CLEAT_INVALID_ARGUMENT, "6 elements from 0");
    test_refused(cleat_slice(x, 0, 5, 1, 1, &x), CLEAT_INVALID_ARGUMENT, "leave axis 0");
    test_refused(cleat_slice(x, 0, -1, 1, 1, &x), CLEAT_INVALID_ARGUMENT, "from -1");
    test_refused(cleat_slice(x, 0, 1, 3, -1, &x), CLEAT_INVALID_ARGUMENT, "leave axis 0");
    test_refused(cleat_slice(x, 0, 0, -1, 1, &x), CLEAT_INVALID_ARGUMENT, "count is -1");
    test_refused(cleat_slice(x, 0, 6, 0, 1, &x), CLEAT_INVALID_ARGUMENT, "start 6");
    test_refused(
        cleat_slice(x, 0, 4, INT64_MAX, INT64_MAX, &x), CLEAT_INVALID_ARGUMENT, "leave axis 0");
    test_ok(cleat_slice(x, 0, 4, 1, INT64_MIN, &x));
    ck_assert_int_eq(x.offset, 24);
}
END_TEST

/* Although what is left of it would be in the buffer. */
START_TEST(views_of_what_is_not_there_are_refused) {
    cleat_tensor x, y;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){10}, &x));
    cleat_tensor wrong = x;
    wrong.shape[0] = (int64_t)1 << 60;
    test_refused(cleat_slice(wrong, 0, 2, 3, 1, &y), CLEAT_INVALID_ARGUMENT, "reaches elements");
    wrong = x;
    wrong.type = (cleat_type)77;
    test_refused(cleat_slice(wrong, 0, 2, 3, 1, &y), CLEAT_TYPE_MISMATCH, "unknown type 77");
    test_ok(cleat_slice(x, 0, 2, 3, 1, &y));
    cleat_tensor_release(&x);
}
END_TEST

START_TEST(reshape_refuses) {
    cleat_tensor x = {.rank = 2, .shape = {4, 6}, .stride = {6, 1}, .type = CLEAT_F32};
    cleat_tensor y = x;
    test_refused(cleat_reshape(x, 1, (int64_t[]){23}, &y), CLEAT_SHAPE_MISMATCH,
        "[4, 6] cannot become [23]");
    test_refused(cleat_reshape(x, 2, (int64_t[]){5, -1}, &y), CLEAT_SHAPE_MISMATCH, "[5, -1]");
    test_refused(
        cleat_reshape(x, 2, (int64_t[]){-1, -1}, &y), CLEAT_INVALID_ARGUMENT, "more than one -1");
    test_refused(cleat_reshape(x, 2, (int64_t[]){-2, -12}, &y), CLEAT_INVALID_ARGUMENT, "negative");
    test_refused(cleat_reshape(x, 9, x.shape, &y), CLEAT_INVALID_ARGUMENT, "rank 9");
    test_refused(cleat_reshape(x, 1, NULL, &y), CLEAT_INVALID_ARGUMENT, "shape is NULL");
    test_refused(cleat_reshape(cleat_transpose(x), 1, (int64_t[]){24}, &y), CLEAT_UNSUPPORTED,
        "copy it first");
    cleat_tensor empty = {.rank = 2, .shape = {0, 6}, .stride = {6, 1}, .type = CLEAT_F32};
    test_ok(cleat_reshape(empty, 3, (int64_t[]){7, 0, 2}, &y));
    test_refused(cleat_reshape(empty, 2, (int64_t[]){0, -1}, &y), CLEAT_SHAPE_MISMATCH, "[0, -1]");
    test_refused(cleat_reshape(empty, 1, (int64_t[]){1}, &y), CLEAT_SHAPE_MISMATCH, "[1]");
    test_ok(cleat_reshape(empty, 2, (int64_t[]){5, -1}, &y));
    ck_assert_int_eq(y.shape[1], 0);
}
END_TEST

START_TEST(broadcast_refuses) {
    cleat_tensor x = {.rank = 2, .shape = {3, 1}, .stride = {1, 1}, .type = CLEAT_F32};
    test_refused(cleat_broadcast(x, 2, (int64_t[]){4, 5}, &x), CLEAT_SHAPE_MISMATCH,
        "[3, 1] cannot be stretched to [4, 5]");
    test_refused(cleat_broadcast(x, 1, (int64_t[]){3}, &x), CLEAT_SHAPE_MISMATCH, "[3]");
    test_refused(cleat_broadcast(x, 2, (int64_t[]){3, -5}, &x), CLEAT_INVALID_ARGUMENT, "[3, -5]");
    test_ok(cleat_broadcast(x, 3, (int64_t[]){2, 3, 5}, &x));
    ck_assert_int_eq(x.stride[0], 0);
    ck_assert_int_eq(x.stride[2], 0);
}
END_TEST

START_TEST(scalars_are_tensors) {
    cleat_tensor x;
    cleat_tensor y;
    double value = 0;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F64, 0, NULL, &x));
    ck_assert_int_eq(cleat_tensor_count(&x), 1);
    test_ok(cleat_fill(test_context(), 0.1, x));
    test_ok(cleat_reshape(x, 2, (int64_t[]){1, -1}, &y));
    test_ok(cleat_read(test_context(), y, &value, sizeof value));
    ck_assert(value == 0.1);
    test_ok(cleat_permute(x, NULL, &y));
    test_refused(cleat_slice(x, 0, 0, 1, 1, &y), CLEAT_INVALID_ARGUMENT, "rank 0");
    cleat_tensor_release(&x);
}
END_TEST

/* Strides filled in by hand, of any size: refused or harmless, never an overflow. */
START_TEST(strides_may_be_anything) {
    cleat_tensor huge = {
        .rank = 2, .shape = {3, 3}, .stride = {INT64_MAX, INT64_MAX / 2}, .type = CLEAT_F32};
    cleat_tensor y;
    test_refused(cleat_reshape(huge, 1, (int64_t[]){9}, &y), CLEAT_UNSUPPORTED, "copy it first");
    huge.shape[0] = 1;
    test_ok(cleat_reshape(huge, 2, (int64_t[]){3, 1}, &y));
    cleat_tensor x;
    const float values[4] = {1, 2, 3, 4};
    float result[4];
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){4}, &x));
    test_ok(cleat_write(test_context(), x, values, sizeof values));
    cleat_tensor even = {.buffer = x.buffer,
        .type = CLEAT_F32,
        .rank = 2,
        .shape = {1, 2},
        .stride = {INT64_MIN, 2}};
    cleat_tensor odd = even;
    odd.offset = 1;
    test_ok(cleat_copy(test_context(), even, odd));
    test_ok(cleat_read(test_context(), x, result, sizeof result));
    ck_assert(result[0] == 1 && result[1] == 1 && result[2] == 3 && result[3] == 3);
    test_ok(cleat_add(test_context(), even, odd, odd));
    test_ok(cleat_read(test_context(), x, result, sizeof result));
    ck_assert(result[0] == 1 && result[1] == 2 && result[2] == 3 && result[3] == 6);
    cleat_tensor_release(&x);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("tensor");
    TCase *made = test_case(suite, "made");
    tcase_add_test(made, types_have_sizes_and_names);
    tcase_add_test(made, buffers_are_counted);
    tcase_add_test(made, buffer_outlives_its_context_reference);
    tcase_add_test(made, tensor_create_refuses);
    tcase_add_test(made, zero_size_tensors_are_legal);
    tcase_add_test(made, counts_of_odd_shapes);
    tcase_add_test(made, view_stays_within_its_buffer);
    TCase *views = test_case(suite, "views");
    tcase_add_test(views, random_chains_of_views);
    tcase_add_test(views, permute_refuses);
    tcase_add_test(views, slice_refuses);
    tcase_add_test(views, views_of_what_is_not_there_are_refused);
    tcase_add_test(views, reshape_refuses);
    tcase_add_test(views, broadcast_refuses);
    tcase_add_test(views, scalars_are_tensors);
    tcase_add_test(views, strides_may_be_anything);
    return suite;
}
