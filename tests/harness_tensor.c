/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors of the tests. Every one lies in a larger buffer: a guard zone behind it, for strided ones
 * also before it, gaps between its elements. All of that is NaN with a payload of its own, so that
 * what is read by mistake shows in the results, and what is written by mistake in test_fetch().
 */
#include "harness.h"

#include <inttypes.h>

enum { GUARD = 64 };

static const uint32_t guard_bits = 0x7fc0a5a5;  /* outside the view */
static const uint32_t poison_bits = 0x7fc0dead; /* elements of an output before it is written */
/* NaN as f16 and as bf16. */
static const uint16_t half_guard_bits[] = {0x7fe5, 0x7fe5};
static const uint16_t half_poison_bits[] = {0x7fed, 0x7fed};

/* Strides of a row-major tensor without gaps; returns the elements spanned. */
static int64_t lay_row_major(cleat_tensor *view) {
    int64_t span = 1;
    for (int32_t axis = view->rank - 1; axis >= 0; axis--) {
        view->stride[axis] = span;
        span *= view->shape[axis] > 0 ? view->shape[axis] : 1;
    }
    return span;
}

/* Row-major with axis 1 moved to the end, behind a guard zone; returns the elements spanned. */
static int64_t lay_channels_last(cleat_tensor *view) {
    int64_t span = lay_row_major(view);
    view->offset = test_int(1, GUARD);
    if (view->rank > 2) {
        int64_t stride = view->shape[1] > 0 ? view->shape[1] : 1;
        view->stride[1] = 1;
        for (int32_t axis = view->rank - 1; axis >= 0; axis -= axis == 2 ? 2 : 1) {
            view->stride[axis] = stride;
            stride *= view->shape[axis] > 0 ? view->shape[axis] : 1;
        }
    }
    return view->offset + span;
}

/* Axes in random order with gaps, some of them reversed, behind a guard zone of odd length;
 * `inner`: the axis that comes first, without gaps, if there is one of this number. */
static int64_t lay_strided(cleat_tensor *view, int32_t inner) {
    const bool rows = inner >= 0 && inner < view->rank;
    int32_t order[CLEAT_MAX_RANK];
    for (int32_t i = 0; i < view->rank; i++) {
        int32_t j = (int32_t)test_int(0, i);
        order[i] = order[j];
        order[j] = i;
    }
    for (int32_t i = 0; i < view->rank && rows; i++) {
        if (order[i] == inner) {
            order[i] = order[0];
            order[0] = inner;
        }
    }
    int64_t start = test_int(1, GUARD);
    int64_t stride = rows || test_coin() ? 1 : test_int(2, 3);
    int64_t last = 0;
    view->offset = start;
    for (int32_t i = 0; i < view->rank; i++) {
        int32_t axis = order[i];
        int64_t steps = view->shape[axis] > 0 ? view->shape[axis] - 1 : 0;
        bool reversed = !(rows && i == 0) && test_int(0, 3) == 0;
        view->stride[axis] = reversed ? -stride : stride;
        view->offset += reversed ? steps * stride : 0;
        last += steps * stride;
        stride = stride * (steps + 1) + test_int(0, 3);
    }
    return start + last + 1;
}

/* Index into the buffer of each element in row-major order; the caller frees it. */
static int64_t *element_places(const cleat_tensor *view, int64_t count) {
    int64_t *places = test_alloc(count, sizeof *places);
    int64_t at[CLEAT_MAX_RANK] = {0};
    int64_t place = view->offset;
    for (int64_t i = 0; i < count; i++) {
        places[i] = place;
        for (int32_t axis = view->rank - 1; axis >= 0; axis--) {
            at[axis]++;
            place += view->stride[axis];
            if (at[axis] < view->shape[axis]) {
                break;
            }
            place -= at[axis] * view->stride[axis];
            at[axis] = 0;
        }
    }
    return places;
}

/* The whole buffer as one row of bytes. */
static cleat_tensor whole_buffer(const test_tensor *t) {
    cleat_tensor all;
    test_ok(cleat_tensor_view(
        t->view.buffer, CLEAT_U8, 1, (int64_t[]){(int64_t)t->image_size}, 0, &all));
    return all;
}

/* Makes the buffer with `elements` (row-major; NULL: poison) in the view. */
static test_tensor make_tensor(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements, test_layout layout) {
    test_tensor t = {.view = {.type = type, .rank = rank}, .count = 1};
    for (int32_t axis = 0; axis < rank; axis++) {
        t.view.shape[axis] = shape[axis];
        t.count *= shape[axis];
    }
    int64_t span = layout == TEST_ROW_MAJOR       ? lay_row_major(&t.view)
                   : layout == TEST_CHANNELS_LAST ? lay_channels_last(&t.view)
                   : layout == TEST_ROWS          ? lay_strided(&t.view, rank - 1)
                                         : lay_strided(&t.view, layout == TEST_CHANNELS ? 1 : -1);
    int64_t total = span + GUARD;
    const size_t size = cleat_type_size(type);
    t.image_size = (size_t)total * size;
    t.image = test_alloc(total, size);
    const void *guard = size == 2 ? (const void *)half_guard_bits : (const void *)&guard_bits;
    for (size_t i = 0; i < t.image_size; i++) {
        t.image[i] = ((const unsigned char *)guard)[i % sizeof guard_bits];
    }
    int64_t *places = element_places(&t.view, t.count);
    const unsigned char *from = elements;
    const uint32_t poison[] = {poison_bits, poison_bits};
    for (int64_t i = 0; i < t.count; i++) {
        const void *element = from != NULL ? from + (size_t)i * size
                              : size == 2  ? (const void *)half_poison_bits
                                           : (const void *)poison;
        memcpy(t.image + (size_t)places[i] * size, element, size);
    }
    free(places);
    test_ok(cleat_buffer_create(test_context(), t.image_size, &t.view.buffer));
    test_ok(cleat_write(test_context(), whole_buffer(&t), t.image, t.image_size));
    return t;
}

static int64_t shape_count(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    return count;
}

test_tensor test_input(int32_t rank, const int64_t *shape, test_values values, test_layout layout) {
    int64_t count = shape_count(rank, shape);
    float *data = test_alloc(count, sizeof *data);
    for (int64_t i = 0; i < count; i++) {
        data[i] = values == TEST_EXACT ? (float)test_int(-4, 4) : (float)test_real(-1, 1);
    }
    test_tensor t = make_tensor(CLEAT_F32, rank, shape, data, layout);
    t.data = data;
    return t;
}

test_tensor test_input_from(
    int32_t rank, const int64_t *shape, const float *data, test_layout layout) {
    test_tensor t = make_tensor(CLEAT_F32, rank, shape, data, layout);
    t.data = test_alloc(t.count, sizeof *t.data);
    if (t.count > 0) {
        memcpy(t.data, data, (size_t)t.count * sizeof *data);
    }
    return t;
}

test_tensor test_output(int32_t rank, const int64_t *shape, test_layout layout) {
    test_tensor t = make_tensor(CLEAT_F32, rank, shape, NULL, layout);
    t.data = test_alloc(t.count, sizeof *t.data);
    for (int64_t i = 0; i < t.count; i++) {
        memcpy(&t.data[i], &poison_bits, sizeof poison_bits);
    }
    return t;
}

test_tensor test_labels(int64_t count, int32_t classes, int32_t *labels) {
    for (int64_t i = 0; i < count; i++) {
        labels[i] = (int32_t)test_int(0, classes - 1);
    }
    test_layout layout = test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
    return make_tensor(CLEAT_I32, 1, (int64_t[]){count}, labels, layout);
}

test_tensor test_typed(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements, test_layout layout) {
    test_tensor t = make_tensor(type, rank, shape, elements, layout);
    t.elements = test_alloc(t.count, cleat_type_size(type));
    if (elements != NULL && t.count > 0) {
        memcpy(t.elements, elements, (size_t)t.count * cleat_type_size(type));
    }
    return t;
}

static unsigned char *read_buffer(const test_tensor *t) {
    unsigned char *bytes = test_alloc((int64_t)t->image_size, 1);
    test_ok(cleat_read(test_context(), whole_buffer(t), bytes, t->image_size));
    return bytes;
}

test_tensor test_input_f64(
    int32_t rank, const int64_t *shape, test_values values, test_layout layout) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    double *drawn = test_alloc(count, sizeof *drawn);
    for (int64_t i = 0; i < count; i++) {
        drawn[i] = values == TEST_EXACT ? (double)test_int(-4, 4) : test_real(-1, 1);
    }
    test_tensor t = test_typed(CLEAT_F64, rank, shape, drawn, layout);
    free(drawn);
    return t;
}

const double *test_elements_f64(const test_tensor *t) {
    return (const double *)(const void *)t->elements;
}

static bool is_half(const test_tensor *t) {
    return t->view.type == CLEAT_F16 || t->view.type == CLEAT_BF16;
}

/* From the elements. */
static void decode_halves(test_tensor *t) {
    const uint16_t *bits = (const uint16_t *)(const void *)t->elements;
    (t->view.type == CLEAT_F16 ? cleat_f16_to_f32 : cleat_bf16_to_f32)(
        bits, (size_t)t->count, t->data);
}

static test_tensor make_halves(
    cleat_type type, int32_t rank, const int64_t *shape, const void *bits, test_layout layout) {
    test_tensor t = test_typed(type, rank, shape, bits, layout);
    t.data = test_alloc(t.count, sizeof *t.data);
    decode_halves(&t);
    return t;
}

test_tensor test_input_from_of(
    cleat_type type, int32_t rank, const int64_t *shape, const float *data, test_layout layout) {
    const int64_t count = shape_count(rank, shape);
    if (type == CLEAT_F32) {
        return test_input_from(rank, shape, data, layout);
    }
    void *elements = test_alloc(count, cleat_type_size(type));
    if (type == CLEAT_F64) {
        for (int64_t i = 0; i < count; i++) {
            ((double *)elements)[i] = (double)data[i];
        }
    } else {
        (type == CLEAT_F16 ? cleat_f16_from_f32 : cleat_bf16_from_f32)(
            data, (size_t)count, elements);
    }
    test_tensor t = type == CLEAT_F64 ? test_typed(type, rank, shape, elements, layout)
                                      : make_halves(type, rank, shape, elements, layout);
    free(elements);
    return t;
}

test_tensor test_input_of(
    cleat_type type, int32_t rank, const int64_t *shape, test_values values, test_layout layout) {
    if (type == CLEAT_F64) {
        return test_input_f64(rank, shape, values, layout);
    }
    const int64_t count = shape_count(rank, shape);
    float *data = test_alloc(count, sizeof *data);
    for (int64_t i = 0; i < count; i++) {
        data[i] = values == TEST_EXACT ? (float)test_int(-4, 4) : (float)test_real(-1, 1);
    }
    test_tensor t = test_input_from_of(type, rank, shape, data, layout);
    free(data);
    return t;
}

test_tensor test_output_of(
    cleat_type type, int32_t rank, const int64_t *shape, test_layout layout) {
    return type == CLEAT_F64   ? test_typed(CLEAT_F64, rank, shape, NULL, layout)
           : type == CLEAT_F32 ? test_output(rank, shape, layout)
                               : make_halves(type, rank, shape, NULL, layout);
}

double *test_doubles(const test_tensor *t) {
    double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = t->data != NULL ? (double)t->data[i] : test_elements_f64(t)[i];
    }
    return values;
}

long double *test_long_doubles(const test_tensor *t) {
    long double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] =
            t->data != NULL ? (long double)t->data[i] : (long double)test_elements_f64(t)[i];
    }
    return values;
}

void test_fetch(test_tensor *t) {
    unsigned char *now = read_buffer(t);
    int64_t *places = element_places(&t->view, t->count);
    const size_t size = cleat_type_size(t->view.type);
    for (int64_t i = 0; i < t->count; i++) {
        unsigned char *element = now + (size_t)places[i] * size;
        if (t->elements != NULL) {
            memcpy(t->elements + (size_t)i * size, element, size);
        } else if (t->data != NULL) {
            memcpy(&t->data[i], element, size);
        }
        /* Only the rest is compared. */
        memcpy(element, t->image + (size_t)places[i] * size, size);
    }
    if (is_half(t) && t->data != NULL) {
        decode_halves(t);
    }
    int64_t first = -1;
    for (size_t i = 0; i < t->image_size && first < 0; i++) {
        first = now[i] != t->image[i] ? (int64_t)i : -1;
    }
    free(places);
    free(now);
    ck_assert_msg(first < 0,
        "element %" PRId64 " of the buffer was written outside the view (offset %" PRId64
        ", %" PRId64 " elements)",
        first / (int64_t)size, t->view.offset, t->count);
}

void test_unchanged(test_tensor *t) {
    unsigned char *now = read_buffer(t);
    int64_t first = -1;
    for (size_t i = 0; i < t->image_size && first < 0; i++) {
        first = now[i] != t->image[i] ? (int64_t)i : -1;
    }
    free(now);
    ck_assert_msg(first < 0, "element %" PRId64 " of the buffer has changed",
        first / (int64_t)cleat_type_size(t->view.type));
}

void test_free(test_tensor *t) {
    cleat_tensor_release(&t->view);
    free(t->data);
    free(t->elements);
    free(t->image);
    *t = (test_tensor){0};
}
