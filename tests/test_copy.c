/* SPDX-License-Identifier: Apache-2.0 */
/* read, write, copy and fill of every type and layout, and what they refuse. */
#include "harness.h"
#include "reference/reference_types.h"

#include <inttypes.h>

static const cleat_type types[] = {CLEAT_F32, CLEAT_F64, CLEAT_I32, CLEAT_I64, CLEAT_U8, CLEAT_BOOL,
    CLEAT_F16, CLEAT_BF16, CLEAT_I8, CLEAT_I16, CLEAT_U16, CLEAT_U32, CLEAT_U64};
enum { TYPES = sizeof types / sizeof types[0] };

/* A view with axes in random order, gaps, an offset and some axes reversed, in a buffer of its own
 * whose bytes are `guard`; image is what the host believes the buffer to hold. */
typedef struct guarded {
    cleat_tensor view;
    cleat_tensor whole; /* the buffer as bytes */
    unsigned char *image;
    int64_t count;
} guarded;

static guarded make_guarded(cleat_type type, int32_t rank, const int64_t *shape) {
    guarded g = {.view = {.type = type, .rank = rank, .offset = test_int(0, 9)}};
    int64_t span = test_int(1, 2);
    int32_t order[CLEAT_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int32_t i = rank - 1; i > 0; i--) {
        int32_t k = (int32_t)test_int(0, i);
        int32_t swapped = order[i];
        order[i] = order[k];
        order[k] = swapped;
    }
    g.count = 1;
    for (int32_t i = 0; i < rank; i++) {
        int32_t axis = order[i];
        g.view.shape[axis] = shape[axis];
        g.view.stride[axis] = span;
        g.count *= shape[axis];
        if (test_coin()) {
            g.view.stride[axis] = -span;
            g.view.offset += (shape[axis] - 1) * span;
        }
        span = span * shape[axis] + test_int(0, 2);
    }
    int64_t bytes = (span + 20) * (int64_t)cleat_type_size(type);
    test_ok(cleat_tensor_create(test_context(), CLEAT_U8, 1, &bytes, &g.whole));
    test_ok(cleat_fill(test_context(), 0xA5, g.whole));
    g.view.buffer = g.whole.buffer;
    g.image = test_alloc(bytes, 1);
    memset(g.image, 0xA5, (size_t)bytes);
    return g;
}

static unsigned char *image_element(guarded *g, int64_t n) {
    int64_t element = g->view.offset;
    for (int32_t i = g->view.rank - 1; i >= 0; i--) {
        element += n % g->view.shape[i] * g->view.stride[i];
        n /= g->view.shape[i];
    }
    return g->image + element * (int64_t)cleat_type_size(g->view.type);
}

static void check_image(guarded *g, const char *what) {
    size_t bytes = (size_t)g->whole.shape[0];
    unsigned char *held = test_alloc((int64_t)bytes, 1);
    test_ok(cleat_read(test_context(), g->whole, held, bytes));
    for (size_t i = 0; i < bytes; i++) {
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (held[i] != g->image[i]) {
            ck_abort_msg("%s: byte %zu of %zu is %d, not %d", what, i, bytes, held[i], g->image[i]);
        }
    }
    free(held);
}

static void free_guarded(guarded *g) {
    cleat_tensor_release(&g->whole);
    free(g->image);
}

static void random_bytes(unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)test_int(0, 255);
    }
}

static int32_t random_shape(int64_t *shape, int64_t most) {
    int32_t rank = (int32_t)test_int(0, CLEAT_MAX_RANK);
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        shape[i] = test_int(0, 3) == 0 ? test_int(1, 40) : test_int(1, 4);
        if (count * shape[i] > most) {
            shape[i] = 1;
        }
        count *= shape[i];
    }
    return rank;
}

START_TEST(write_and_read_any_layout) {
    for (int round = test_rounds(150); round > 0; round--) {
        int64_t shape[CLEAT_MAX_RANK];
        cleat_type type = types[test_int(0, TYPES - 1)];
        size_t size = cleat_type_size(type);
        guarded g = make_guarded(type, random_shape(shape, 20000), shape);
        size_t bytes = (size_t)g.count * size;
        unsigned char *data = test_alloc((int64_t)bytes, 1);
        unsigned char *back = test_alloc((int64_t)bytes, 1);
        random_bytes(data, bytes);
        test_ok(cleat_write(test_context(), g.view, data, bytes));
        for (int64_t n = 0; n < g.count; n++) {
            memcpy(image_element(&g, n), data + (size_t)n * size, size);
        }
        check_image(&g, "write");
        test_ok(cleat_read(test_context(), g.view, back, bytes));
        ck_assert_msg(memcmp(data, back, bytes) == 0, "read gives other bytes than written");
        free(data);
        free(back);
        free_guarded(&g);
    }
}
END_TEST

/* x of a shape that stretches to y's: some axes 1, leading ones dropped. */
static int32_t narrower_shape(int32_t rank, const int64_t *shape, int64_t *narrow) {
    int32_t dropped = test_coin() ? 0 : (int32_t)test_int(0, rank);
    for (int32_t i = dropped; i < rank; i++) {
        narrow[i - dropped] = test_int(0, 3) == 0 ? 1 : shape[i];
    }
    return rank - dropped;
}

static int64_t stretched_element(const guarded *x, const guarded *y, int64_t n) {
    int64_t element = 0;
    int64_t scale = 1;
    for (int32_t i = y->view.rank - 1; i >= 0; i--) {
        int32_t from = i - (y->view.rank - x->view.rank);
        int64_t index = n % y->view.shape[i];
        n /= y->view.shape[i];
        if (from >= 0) {
            element += (x->view.shape[from] == 1 ? 0 : index) * scale;
            scale *= x->view.shape[from];
        }
    }
    return element;
}

START_TEST(copy_any_layout) {
    for (int round = test_rounds(150); round > 0; round--) {
        int64_t shape[CLEAT_MAX_RANK];
        int64_t narrow[CLEAT_MAX_RANK];
        cleat_type type = types[test_int(0, TYPES - 1)];
        size_t size = cleat_type_size(type);
        int32_t rank = random_shape(shape, 20000);
        int32_t narrow_rank = narrower_shape(rank, shape, narrow);
        guarded x = make_guarded(type, narrow_rank, narrow);
        guarded y = make_guarded(type, rank, shape);
        random_bytes(x.image, (size_t)x.whole.shape[0]);
        test_ok(cleat_write(test_context(), x.whole, x.image, (size_t)x.whole.shape[0]));
        test_ok(cleat_copy(test_context(), x.view, y.view));
        for (int64_t n = 0; n < y.count; n++) {
            memcpy(image_element(&y, n), image_element(&x, stretched_element(&x, &y, n)), size);
        }
        check_image(&y, "copy to y");
        check_image(&x, "copy leaves x");
        free_guarded(&x);
        free_guarded(&y);
    }
}
END_TEST

/* y = x with its last two axes turned, x being [k0, k1, k2], perhaps every second column of more.
 */
static void turn_large(cleat_type type, const int64_t *k, int64_t step) {
    int64_t wide[3] = {k[0], k[1], k[2] * step};
    int64_t turned[3] = {k[0], k[2], k[1]};
    int64_t count = k[0] * k[1] * k[2];
    size_t size = cleat_type_size(type);
    size_t bytes = (size_t)count * size;
    cleat_tensor x;
    cleat_tensor y;
    unsigned char *data = test_alloc(count, size);
    unsigned char *got = test_alloc(count, size);
    random_bytes(data, bytes);
    test_ok(cleat_tensor_create(test_context(), type, 3, wide, &x));
    test_ok(cleat_tensor_create(test_context(), type, 3, turned, &y));
    cleat_tensor part;
    test_ok(cleat_slice(x, 2, 0, k[2], step, &part));
    test_ok(cleat_write(test_context(), part, data, bytes));
    test_ok(cleat_copy(test_context(), cleat_transpose(part), y));
    test_ok(cleat_read(test_context(), y, got, bytes));
    for (int64_t n = 0; n < count; n++) {
        int64_t row = n / k[1] % k[2];
        int64_t from = n / (k[1] * k[2]) * k[1] * k[2] + n % k[1] * k[2] + row;
        if (memcmp(got + (size_t)n * size, data + (size_t)from * size, size) != 0) {
            ck_abort_msg("%s [%" PRId64 ", %" PRId64 ", %" PRId64 "]: element %" PRId64 " differs",
                cleat_type_name(type), k[0], k[1], k[2], n);
        }
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    free(data);
    free(got);
}

START_TEST(copy_large_transposes) {
    static const int64_t shapes[][3] = {{1, 300, 517}, {3, 64, 129}, {70, 1, 90}, {5, 1030, 7},
        {2, 256, 128}, {9, 33, 31}, {1, 8, 8}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        turn_large(CLEAT_I32, shapes[s], 1);
        turn_large(CLEAT_F32, shapes[s], 2);
        turn_large(CLEAT_U8, shapes[s], 1);
        turn_large(CLEAT_F64, shapes[s], 1 + (int64_t)(s % 2));
    }
}
END_TEST

/* y[n][row][f] = x[n][f][row], f < few, both with gaps between what they have for an n. */
static void bring_few_together(int64_t n, int64_t few, int64_t rows) {
    const int64_t x_count = n * few * (rows + 2), y_count = n * (rows + 3) * few;
    float *from = test_alloc(x_count, sizeof *from), *to = test_alloc(y_count, sizeof *to);
    for (int64_t i = 0; i < x_count; i++) {
        from[i] = (float)i;
    }
    cleat_tensor x_all, y_all, x, y;
    test_ok(
        cleat_tensor_create(test_context(), CLEAT_F32, 3, (int64_t[]){n, few, rows + 2}, &x_all));
    test_ok(
        cleat_tensor_create(test_context(), CLEAT_F32, 3, (int64_t[]){n, rows + 3, few}, &y_all));
    test_ok(cleat_write(test_context(), x_all, from, (size_t)x_count * sizeof *from));
    test_ok(cleat_fill(test_context(), -1, y_all));
    test_ok(cleat_slice(x_all, 2, 1, rows, 1, &x));
    test_ok(cleat_slice(y_all, 1, 2, rows, 1, &y));
    test_ok(cleat_copy(test_context(), cleat_transpose(x), y));
    test_ok(cleat_read(test_context(), y_all, to, (size_t)y_count * sizeof *to));
    for (int64_t i = 0; i < y_count; i++) {
        const int64_t f = i % few, row = i / few % (rows + 3) - 2, image = i / few / (rows + 3);
        const bool written = row >= 0 && row < rows;
        const float want = written ? from[(image * few + f) * (rows + 2) + row + 1] : -1.0f;
        if (to[i] != want) {
            ck_abort_msg("%" PRId64 " x %" PRId64 " rows of %" PRId64 ": element %" PRId64
                         " is %g, not %g",
                n, rows, few, i, (double)to[i], (double)want);
        }
    }
    cleat_tensor_release(&x_all);
    cleat_tensor_release(&y_all);
    free(from);
    free(to);
}

START_TEST(copy_few_together) {
    for (int64_t few = 2; few <= 5; few++) {
        bring_few_together(1, few, 8);
        bring_few_together(2, few, 1024 * test_int(1, 2) + test_int(0, 9));
        for (int round = test_rounds(4); round > 0; round--) {
            bring_few_together(test_int(1, 300), few, test_int(1, 40));
        }
    }
}
END_TEST

/* More than 32 MiB, which most devices' caches do not hold: stores past them, with lines that begin
 * at a store and such that don't. Left out of short runs, which are for other drivers. */
START_TEST(copy_past_the_caches) {
    static const int64_t shapes[][3] = {{1, 2304, 2050}, {1, 2050, 2304}};
    for (size_t s = 0; s < 2 && test_rounds(4) >= 4; s++) {
        turn_large(s == 0 ? CLEAT_F32 : CLEAT_F64, shapes[s], 1);
    }
}
END_TEST

START_TEST(copy_large_permutations) {
    static const int64_t shape[4] = {6, 20, 18, 21};
    enum { COUNT = 6 * 20 * 18 * 21 };
    int32_t *data = test_alloc(COUNT, sizeof *data);
    int32_t *got = test_alloc(COUNT, sizeof *got);
    cleat_tensor x;
    test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 4, shape, &x));
    for (int32_t i = 0; i < COUNT; i++) {
        data[i] = i;
    }
    test_ok(cleat_write(test_context(), x, data, COUNT * sizeof *data));
    for (int round = test_rounds(24); round > 0; round--) {
        int32_t a[4] = {0, 1, 2, 3};
        for (int32_t i = 3; i > 0; i--) {
            int32_t k = (int32_t)test_int(0, i);
            int32_t swapped = a[i];
            a[i] = a[k];
            a[k] = swapped;
        }
        cleat_tensor turned;
        cleat_tensor y;
        test_ok(cleat_permute(x, a, &turned));
        test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 4, turned.shape, &y));
        test_ok(cleat_copy(test_context(), turned, y));
        test_ok(cleat_read(test_context(), y, got, COUNT * sizeof *got));
        for (int64_t n = 0; n < COUNT; n++) {
            int64_t rest = n;
            int64_t want = 0;
            for (int i = 3; i >= 0; i--) {
                want += rest % turned.shape[i] * turned.stride[i];
                rest /= turned.shape[i];
            }
            if (got[n] != want) {
                ck_abort_msg("element %" PRId64 " is %d, not %" PRId64, n, got[n], want);
            }
        }
        cleat_tensor_release(&y);
    }
    cleat_tensor_release(&x);
    free(data);
    free(got);
}
END_TEST

/* ---- fill ---- */

static void value_bytes(double value, cleat_type type, unsigned char *bytes) {
    const reference_value number = {.is_float = true, .number = value};
    reference_put(type, bytes, 0, reference_cast(number, type));
}

START_TEST(fill_any_layout) {
    for (int round = test_rounds(100); round > 0; round--) {
        int64_t shape[CLEAT_MAX_RANK];
        unsigned char bytes[8];
        cleat_type type = types[test_int(0, TYPES - 1)];
        double value = test_real(-9, 9);
        if (!reference_is_float(type)) {
            const bool is_signed =
                type == CLEAT_I8 || type == CLEAT_I16 || type == CLEAT_I32 || type == CLEAT_I64;
            value = (double)(type == CLEAT_BOOL ? test_int(0, 1)
                             : is_signed        ? test_int(-128, 127)
                                                : test_int(0, 255));
        }
        guarded g = make_guarded(type, random_shape(shape, 5000), shape);
        test_ok(cleat_fill(test_context(), value, g.view));
        value_bytes(value, type, bytes);
        for (int64_t n = 0; n < g.count; n++) {
            memcpy(image_element(&g, n), bytes, cleat_type_size(type));
        }
        check_image(&g, "fill");
        free_guarded(&g);
    }
}
END_TEST

/* More than a megabyte in one piece, at any offset. _i is a number of types[]. */
START_TEST(fill_large) {
    unsigned char bytes[8];
    const int64_t shape[] = {(1 << 20) + test_int(1, 999)};
    guarded g = make_guarded(types[_i], 1, shape);
    g.view.stride[0] = 1;
    g.view.offset = test_int(0, 9);
    test_ok(cleat_fill(test_context(), 1, g.view));
    value_bytes(1, types[_i], bytes);
    for (int64_t n = 0; n < g.count; n++) {
        memcpy(image_element(&g, n), bytes, cleat_type_size(types[_i]));
    }
    check_image(&g, "fill");
    free_guarded(&g);
}
END_TEST

START_TEST(fill_values_fit_their_type) {
    static const struct {
        cleat_type type;
        double value;
        bool fits;
    } rows[] = {{CLEAT_I32, 2147483647.0, true}, {CLEAT_I32, 2147483648.0, false},
        {CLEAT_I32, -2147483648.0, true}, {CLEAT_I32, -2147483649.0, false},
        {CLEAT_I32, 0.5, false}, {CLEAT_I32, NAN, false}, {CLEAT_I64, 0x1p62, true},
        {CLEAT_I64, 0x1p63, false}, {CLEAT_I64, -0x1p63, true}, {CLEAT_I64, INFINITY, false},
        {CLEAT_U8, 255, true}, {CLEAT_U8, 256, false}, {CLEAT_U8, -1, false}, {CLEAT_BOOL, 1, true},
        {CLEAT_BOOL, 2, false}, {CLEAT_F32, NAN, true}, {CLEAT_F32, 1e300, true},
        {CLEAT_F64, -INFINITY, true}, {CLEAT_I8, -128, true}, {CLEAT_I8, -129, false},
        {CLEAT_I8, 128, false}, {CLEAT_I16, -32768, true}, {CLEAT_I16, 32768, false},
        {CLEAT_U16, 65535, true}, {CLEAT_U16, 65536, false}, {CLEAT_U16, -1, false},
        {CLEAT_U32, 4294967295.0, true}, {CLEAT_U32, 4294967296.0, false},
        {CLEAT_U64, 0x1.fffffffffffffp63, true}, {CLEAT_U64, 0x1p64, false}, {CLEAT_U64, -1, false},
        {CLEAT_U64, NAN, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        guarded g = make_guarded(rows[i].type, 1, (int64_t[]){3});
        if (rows[i].fits) {
            unsigned char bytes[8];
            test_ok(cleat_fill(test_context(), rows[i].value, g.view));
            value_bytes(rows[i].value, rows[i].type, bytes);
            for (int64_t n = 0; n < g.count; n++) {
                memcpy(image_element(&g, n), bytes, cleat_type_size(rows[i].type));
            }
        } else {
            test_refused(cleat_fill(test_context(), rows[i].value, g.view), CLEAT_INVALID_ARGUMENT,
                "does not fit");
        }
        check_image(&g, "fill");
        free_guarded(&g);
    }
}
END_TEST

/* ---- Refusals ---- */

START_TEST(host_sizes_must_match) {
    guarded g = make_guarded(CLEAT_I64, 2, (int64_t[]){2, 3});
    unsigned char data[64] = {0};
    test_refused(cleat_write(test_context(), g.view, data, 47), CLEAT_INVALID_ARGUMENT,
        "47 bytes of host memory, but x, i64 [2, 3], has 48");
    test_refused(cleat_read(test_context(), g.view, data, 49), CLEAT_INVALID_ARGUMENT, "49 bytes");
    test_refused(cleat_read(test_context(), g.view, NULL, 48), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_write(test_context(), g.view, NULL, 48), CLEAT_INVALID_ARGUMENT, "NULL");
    check_image(&g, "refused");
    free_guarded(&g);
}
END_TEST

START_TEST(bad_tensors_are_refused) {
    cleat_context *c = test_context();
    guarded g = make_guarded(CLEAT_F32, 2, (int64_t[]){2, 3});
    guarded h = make_guarded(CLEAT_F32, 2, (int64_t[]){2, 3});
    cleat_tensor bad = h.view;
    test_refused(cleat_copy(NULL, g.view, h.view), CLEAT_INVALID_ARGUMENT, "copy: the context");
    bad.buffer = NULL;
    test_refused(cleat_copy(c, g.view, bad), CLEAT_INVALID_ARGUMENT, "y has no buffer");
    test_refused(cleat_copy(c, bad, g.view), CLEAT_INVALID_ARGUMENT, "x has no buffer");
    bad = h.view;
    bad.type = (cleat_type)42;
    test_refused(cleat_copy(c, bad, g.view), CLEAT_TYPE_MISMATCH, "x has the unknown type 42");
    bad.type = CLEAT_I32;
    test_refused(cleat_copy(c, g.view, bad), CLEAT_TYPE_MISMATCH, "y has type i32, not f32");
    bad = h.view;
    bad.rank = 9;
    test_refused(cleat_fill(c, 0, bad), CLEAT_INVALID_ARGUMENT, "rank 9");
    bad.rank = 1;
    bad.shape[0] = -4;
    test_refused(cleat_fill(c, 0, bad), CLEAT_INVALID_ARGUMENT, "[-4]");
    bad = h.view;
    bad.shape[0] = INT64_MAX;
    test_refused(cleat_fill(c, 0, bad), CLEAT_SIZE_OVERFLOW, "too many elements");
    bad = h.view;
    bad.stride[0] = INT64_MAX;
    test_refused(cleat_fill(c, 0, bad), CLEAT_SIZE_OVERFLOW, "overflow");
    bad = h.view;
    bad.offset = 1000;
    test_refused(cleat_read(c, bad, g.image, 24), CLEAT_INVALID_ARGUMENT, "reaches elements");
    bad = h.view;
    bad.stride[1] = -1000;
    test_refused(cleat_fill(c, 0, bad), CLEAT_INVALID_ARGUMENT, "reaches elements");
    test_refused(cleat_copy(c, g.view, cleat_transpose(h.view)), CLEAT_SHAPE_MISMATCH,
        "x, shape [2, 3], cannot be broadcast to the shape [3, 2] of y");
    check_image(&g, "refused");
    check_image(&h, "refused");
    free_guarded(&g);
    free_guarded(&h);
}
END_TEST

START_TEST(foreign_buffers_are_refused) {
    cleat_context *other = NULL;
    cleat_tensor x;
    guarded g = make_guarded(CLEAT_F32, 1, (int64_t[]){3});
    test_ok(cleat_context_create(NULL, &other));
    test_ok(cleat_tensor_create(other, CLEAT_F32, 1, (int64_t[]){3}, &x));
    test_refused(cleat_copy(test_context(), x, g.view), CLEAT_INVALID_ARGUMENT,
        "x belongs to another context");
    check_image(&g, "refused");
    cleat_tensor_release(&x);
    cleat_context_release(other);
    free_guarded(&g);
}
END_TEST

/* Rows with gaps that are cut between work-items somewhere inside. */
START_TEST(copy_rows_that_are_cut) {
    enum { ROWS = 41, COLUMNS = 3001, WIDE = 3100 };
    cleat_tensor wide, x, y;
    float *from = test_alloc(ROWS * WIDE, sizeof *from);
    float *to = test_alloc(ROWS * COLUMNS, sizeof *to);
    for (int i = 0; i < ROWS * WIDE; i++) {
        from[i] = (float)i;
    }
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, (int64_t[]){ROWS, WIDE}, &wide));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, (int64_t[]){ROWS, COLUMNS}, &y));
    test_ok(cleat_write(test_context(), wide, from, ROWS * WIDE * sizeof *from));
    test_ok(cleat_slice(wide, 1, 7, COLUMNS, 1, &x));
    test_ok(cleat_copy(test_context(), x, y));
    test_ok(cleat_read(test_context(), y, to, ROWS * COLUMNS * sizeof *to));
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        float want = from[i / COLUMNS * WIDE + i % COLUMNS + 7];
        if (to[i] != want) {
            ck_abort_msg("row %d, column %d: %g, not %g", i / COLUMNS, i % COLUMNS, (double)to[i],
                (double)want);
        }
    }
    cleat_tensor_release(&wide);
    cleat_tensor_release(&y);
    free(from);
    free(to);
}
END_TEST

/* ---- Overlap: against marking every element in a map ---- */

static bool elements_meet(const cleat_tensor *x, const cleat_tensor *y, int64_t elements) {
    unsigned char *map = test_alloc(elements, 1);
    bool meet = false;
    for (int pass = 0; pass < 2; pass++) {
        const cleat_tensor *t = pass == 0 ? x : y;
        for (int64_t n = 0; n < cleat_tensor_count(t); n++) {
            int64_t element = t->offset;
            int64_t rest = n;
            for (int32_t i = t->rank - 1; i >= 0; i--) {
                element += rest % t->shape[i] * t->stride[i];
                rest /= t->shape[i];
            }
            meet = meet || (pass == 1 && map[element]);
            map[element] = 1;
        }
    }
    free(map);
    return meet;
}

/* A random part of the buffer: sliced, turned, of the given number of elements an axis. */
static cleat_tensor random_part(cleat_tensor base, const int64_t *shape) {
    for (int32_t i = 0; i < base.rank; i++) {
        int64_t most = (base.shape[i] - 1) / (shape[i] > 1 ? shape[i] - 1 : 1);
        int64_t step = test_int(1, most < 3 ? most : 3);
        int64_t start = test_int(0, base.shape[i] - 1 - (shape[i] - 1) * step);
        if (test_coin()) {
            start += (shape[i] - 1) * step;
            step = -step;
        }
        test_ok(cleat_slice(base, i, start, shape[i], step, &base));
    }
    return base;
}

START_TEST(overlap_is_told_exactly) {
    cleat_tensor base;
    enum { SIDE = 9, ELEMENTS = SIDE * SIDE * SIDE };
    int seen[2] = {0, 0};
    test_ok(cleat_tensor_create(test_context(), CLEAT_U8, 3, (int64_t[]){SIDE, SIDE, SIDE}, &base));
    test_ok(cleat_fill(test_context(), 0, base));
    for (int round = test_rounds(1000); round > 0; round--) {
        int64_t shape[3] = {test_int(1, 4), test_int(1, 4), test_int(1, 4)};
        cleat_tensor x = random_part(base, shape);
        cleat_tensor y = random_part(base, shape);
        if (test_coin() && shape[1] == shape[2]) {
            y = cleat_transpose(y);
        }
        bool meet = elements_meet(&x, &y, ELEMENTS);
        cleat_status status = cleat_copy(test_context(), x, y);
        ck_assert_msg(status == (meet ? CLEAT_OVERLAP : CLEAT_OK), "%s where elements %s",
            cleat_status_name(status), meet ? "meet" : "are apart");
        seen[meet]++;
    }
    ck_assert_int_gt(seen[0], 0);
    ck_assert_int_gt(seen[1], 0);
    cleat_tensor_release(&base);
}
END_TEST

START_TEST(overlap_is_refused_in_words) {
    guarded g = make_guarded(CLEAT_F32, 2, (int64_t[]){3, 3});
    cleat_tensor y = g.view;
    test_refused(
        cleat_copy(test_context(), g.view, g.view), CLEAT_OVERLAP, "copy: the output y overlaps x");
    y.type = CLEAT_I32;
    test_refused(cleat_copy(test_context(), cleat_transpose(y), y), CLEAT_OVERLAP, "overlaps");
    y = g.view;
    y.stride[0] = 0;
    test_refused(cleat_fill(test_context(), 1, y), CLEAT_OVERLAP,
        "elements of the output y, shape [3, 3], share memory");
    test_refused(cleat_write(test_context(), y, (float[9]){0}, 36), CLEAT_OVERLAP, "share memory");
    check_image(&g, "refused");
    free_guarded(&g);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("copy");
    TCase *layouts = test_case(suite, "layouts");
    tcase_add_test(layouts, write_and_read_any_layout);
    tcase_add_test(layouts, copy_any_layout);
    tcase_add_test(layouts, copy_rows_that_are_cut);
    tcase_add_test(layouts, copy_large_transposes);
    tcase_add_test(layouts, copy_few_together);
    tcase_add_test(layouts, copy_past_the_caches);
    tcase_add_test(layouts, copy_large_permutations);
    tcase_add_test(layouts, fill_any_layout);
    tcase_add_loop_test(layouts, fill_large, 0, TYPES);
    tcase_add_test(layouts, fill_values_fit_their_type);
    TCase *refusals = test_case(suite, "refusals");
    tcase_add_test(refusals, host_sizes_must_match);
    tcase_add_test(refusals, bad_tensors_are_refused);
    tcase_add_test(refusals, foreign_buffers_are_refused);
    tcase_add_test(refusals, overlap_is_told_exactly);
    tcase_add_test(refusals, overlap_is_refused_in_words);
    return suite;
}
