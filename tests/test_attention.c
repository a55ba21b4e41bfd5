/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_attention.h"

/* The first that supports a case; cpu_split has a gradient of others. */
static const char *const variants[] = {"cpu plain", "cpu_split plain", "gpu plain", "plain", NULL};
static const char *const names[] = {"cpu", "cpu_split", "gpu", "plain", "chosen"};
enum { VARIANTS = 5, ROUNDINGS = 16 };

typedef enum masking { NO_MASK, FLOAT_MASK, BOOL_MASK } masking;

typedef struct attention_case {
    int64_t batch, heads, key_heads, queries, keys, width, value_width;
    cleat_causal causal;
    masking mask;
    test_layout layout;
} attention_case;

static const attention_case table[] = {
    {2, 2, 2, 37, 51, 16, 20, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR},
    {1, 4, 2, 50, 61, 9, 33, CLEAT_CAUSAL_TOP_LEFT, FLOAT_MASK, TEST_STRIDED},
    {1, 2, 1, 33, 75, 32, 32, CLEAT_CAUSAL_BOTTOM_RIGHT, BOOL_MASK, TEST_ROWS},
    {1, 3, 3, 1, 130, 64, 64, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROWS},
    {2, 4, 1, 2, 70, 40, 72, CLEAT_CAUSAL_BOTTOM_RIGHT, FLOAT_MASK, TEST_ROW_MAJOR},
    {1, 1, 1, 40, 20, 5, 3, CLEAT_CAUSAL_BOTTOM_RIGHT, NO_MASK, TEST_STRIDED}, /* keys for some */
    {1, 1, 1, 20, 47, 6, 7, CLEAT_CAUSAL_NONE, FLOAT_MASK, TEST_ROWS}, /* one for all queries */
    {1, 1, 1, 1, 1, 1, 1, CLEAT_CAUSAL_TOP_LEFT, BOOL_MASK, TEST_ROW_MAJOR},
    {1, 2, 1, 3, 0, 4, 5, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR}, /* no keys */
    {1, 2, 1, 0, 3, 4, 5, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR}, /* no queries */
    {1, 2, 2, 3, 4, 0, 5, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR}, /* all alike */
    {1, 2, 2, 3, 4, 5, 0, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR},
    {2, 0, 0, 3, 4, 5, 6, CLEAT_CAUSAL_NONE, NO_MASK, TEST_ROW_MAJOR},
};
enum { TABLE = sizeof table / sizeof table[0] };

static attention_case random_case(void) {
    attention_case c = {.batch = test_int(1, 2),
        .key_heads = test_int(1, 2),
        .queries = test_int(1, test_coin() ? 4 : 70),
        .keys = test_int(1, 120),
        .width = test_int(1, 32),
        .value_width = test_int(1, 32),
        .causal = (cleat_causal)test_int(0, 2),
        .mask = (masking)test_int(0, 2),
        .layout = test_coin() ? TEST_STRIDED : TEST_ROWS};
    c.heads = c.key_heads * test_int(1, 3);
    return c;
}

/* What a case is made of: tensors, and their values for the reference. */
typedef struct attention_data {
    attention_case c;
    cleat_type type;
    test_tensor q, k, v, dy;
    cleat_tensor mask;
    cleat_attention_options options;
    reference_attention reference;
    long double *q_values, *k_values, *v_values, *dy_values, *mask_values;
} attention_data;

/* A mask for all scores, or the same for all heads, for all queries, or for all batches. */
static void make_mask(attention_data *d, int kind) {
    const attention_case *c = &d->c;
    const int64_t full[] = {c->batch, c->heads, c->queries, c->keys};
    int64_t shape[] = {c->batch, c->heads, c->queries, c->keys};
    if (kind > 0 && kind < 4) {
        shape[kind == 1 ? 1 : kind == 2 ? 2 : 0] = 1;
    }
    const cleat_type type = c->mask == FLOAT_MASK ? d->type : CLEAT_BOOL;
    test_ok(cleat_tensor_create(test_context(), type, 4, shape, &d->mask));
    const int64_t count = cleat_tensor_count(&d->mask);
    double *values = test_alloc(count, sizeof *values);
    float *floats = test_alloc(count, sizeof *floats);
    unsigned char *bits = test_alloc(count, 1);
    for (int64_t i = 0; i < count; i++) {
        const bool dead_row = i / shape[3] % 7 == 3;
        bits[i] = !dead_row && test_int(0, 2) > 0;
        values[i] = bits[i] ? test_real(-2, 2) : -(double)INFINITY;
        floats[i] = (float)values[i];
    }
    const void *elements = type == CLEAT_F64   ? (const void *)values
                           : type == CLEAT_F32 ? (const void *)floats
                                               : bits;
    test_ok(cleat_write(test_context(), d->mask, elements, (size_t)count * cleat_type_size(type)));
    d->mask_values = test_alloc(full[0] * full[1] * full[2] * full[3], sizeof(long double));
    for (int64_t i = 0; i < full[0] * full[1] * full[2] * full[3]; i++) {
        int64_t rest = i, place = 0, step = 1;
        for (int axis = 3; axis >= 0; axis--) {
            place += shape[axis] == 1 ? 0 : rest % full[axis] * step;
            rest /= full[axis];
            step *= shape[axis];
        }
        d->mask_values[i] = type == CLEAT_F64   ? (long double)values[place]
                            : type == CLEAT_F32 ? (long double)floats[place]
                            : bits[place]       ? 0
                                                : -(long double)INFINITY;
    }
    free(values);
    free(floats);
    free(bits);
    d->options.mask = &d->mask;
}

/* As a kernel computes with it, in f64 exactly. */
static long double scale_of(const attention_data *d, const float *given) {
    const int64_t width = d->c.width + !d->c.width;
    return given != NULL          ? (long double)*given
           : d->type == CLEAT_F64 ? 1 / sqrtl((long double)width)
                                  : (long double)(1 / sqrtf((float)width));
}

static void make_data(
    attention_data *d, const attention_case *c, cleat_type type, const float *scale) {
    memset(d, 0, sizeof *d);
    d->c = *c;
    d->type = type;
    const int64_t q[] = {c->batch, c->heads, c->queries, c->width};
    const int64_t k[] = {c->batch, c->key_heads, c->keys, c->width};
    const int64_t v[] = {c->batch, c->key_heads, c->keys, c->value_width};
    const int64_t y[] = {c->batch, c->heads, c->queries, c->value_width};
    d->q = test_input_of(type, 4, q, TEST_REAL, c->layout);
    d->k = test_input_of(type, 4, k, TEST_REAL, c->layout);
    d->v = test_input_of(type, 4, v, TEST_REAL, c->layout);
    d->dy = test_input_of(type, 4, y, TEST_REAL, c->layout);
    d->options = (cleat_attention_options){.causal = c->causal, .scale = scale};
    if (c->mask != NO_MASK) {
        make_mask(d, (int)(c->queries + c->keys) % 5);
    }
    d->q_values = test_long_doubles(&d->q);
    d->k_values = test_long_doubles(&d->k);
    d->v_values = test_long_doubles(&d->v);
    d->dy_values = test_long_doubles(&d->dy);
    d->reference = (reference_attention){.batch = c->batch,
        .heads = c->heads,
        .key_heads = c->key_heads,
        .queries = c->queries,
        .keys = c->keys,
        .width = c->width,
        .value_width = c->value_width,
        .diagonal = c->causal == CLEAT_CAUSAL_NONE       ? c->keys
                    : c->causal == CLEAT_CAUSAL_TOP_LEFT ? 0
                                                         : c->keys - c->queries,
        .scale = scale_of(d, scale),
        .q = d->q_values,
        .k = d->k_values,
        .v = d->v_values,
        .mask = d->mask_values};
}

static void free_data(attention_data *d) {
    test_free(&d->q);
    test_free(&d->k);
    test_free(&d->v);
    test_free(&d->dy);
    cleat_tensor_release(&d->mask);
    free(d->q_values);
    free(d->k_values);
    free(d->v_values);
    free(d->dy_values);
    free(d->mask_values);
}

static test_tensor rounded(cleat_type type, int32_t rank, const int64_t *shape,
    const long double *values, int64_t count, test_layout layout) {
    double *doubles = test_alloc(count, sizeof *doubles);
    float *floats = test_alloc(count, sizeof *floats);
    for (int64_t i = 0; i < count; i++) {
        doubles[i] = (double)values[i];
        floats[i] = (float)values[i];
    }
    test_tensor t = type == CLEAT_F64 ? test_typed(CLEAT_F64, rank, shape, doubles, layout)
                                      : test_input_from(rank, shape, floats, layout);
    free(doubles);
    free(floats);
    return t;
}

static void check_gradients(attention_data *d, const test_tensor *y, const test_tensor *lse) {
    const attention_case *c = &d->c;
    static const char *const gradients[] = {"dq", "dk", "dv"};
    const test_tensor *inputs[] = {&d->q, &d->k, &d->v};
    test_tensor out[3], again[3];
    long double *want[3], *magnitude[3];
    for (int i = 0; i < 3; i++) {
        out[i] = test_output_of(d->type, 4, inputs[i]->view.shape, c->layout);
        again[i] = test_output_of(d->type, 4, inputs[i]->view.shape, TEST_ROW_MAJOR);
        want[i] = test_alloc(inputs[i]->count, sizeof(long double));
        magnitude[i] = test_alloc(inputs[i]->count, sizeof(long double));
    }
    if (c->heads > 0) {
        reference_attend_backward(&d->reference, d->dy_values, want[0], want[1], want[2],
            magnitude[0], magnitude[1], magnitude[2]);
    }
    test_ok(cleat_attention_backward(test_context(), d->q.view, d->k.view, d->v.view, y->view,
        lse->view, d->dy.view, out[0].view, out[1].view, out[2].view, &d->options));
    test_ok(cleat_attention_backward(test_context(), d->q.view, d->k.view, d->v.view, y->view,
        lse->view, d->dy.view, again[0].view, again[1].view, again[2].view, &d->options));
    const int64_t rows = c->key_heads > 0 ? c->heads / c->key_heads * c->queries : 0;
    for (int i = 0; i < 3; i++) {
        test_fetch(&out[i]);
        test_fetch(&again[i]);
        test_bound_of(&out[i], want[i], magnitude[i],
            c->width + c->value_width + (i == 0 ? c->keys : rows) + ROUNDINGS, gradients[i]);
        test_same_bits(&out[i], &again[i], gradients[i]);
        test_free(&out[i]);
        test_free(&again[i]);
        free(want[i]);
        free(magnitude[i]);
    }
}

static void check_case(const attention_case *c, cleat_type type, const char *forward,
    const char *backward, const float *scale) {
    attention_data d;
    make_data(&d, c, type, scale);
    const int64_t shape[] = {c->batch, c->heads, c->queries, c->value_width};
    test_tensor y = test_output_of(type, 4, shape, c->layout);
    test_tensor lse = test_output_of(type, 3, shape, c->layout);
    test_tensor again = test_output_of(type, 4, shape, TEST_ROW_MAJOR);
    long double *want = test_alloc(y.count, sizeof *want);
    long double *magnitude = test_alloc(y.count, sizeof *want);
    long double *lse_want = test_alloc(lse.count, sizeof *want);
    long double *lse_magnitude = test_alloc(lse.count, sizeof *want);
    reference_attend(&d.reference, want, lse_want, magnitude, lse_magnitude);
    d.options.variant = forward;
    test_ok(cleat_attention(
        test_context(), d.q.view, d.k.view, d.v.view, y.view, &lse.view, &d.options));
    test_ok(cleat_attention(
        test_context(), d.q.view, d.k.view, d.v.view, again.view, NULL, &d.options));
    test_fetch(&y);
    test_fetch(&lse);
    test_fetch(&again);
    const int64_t terms = c->width + c->keys + ROUNDINGS;
    test_bound_of(&y, want, magnitude, terms, forward != NULL ? forward : "chosen");
    test_bound_of(&lse, lse_want, lse_magnitude, terms, "logsumexp");
    test_same_bits(&y, &again, "y");
    test_unchanged(&d.q);
    test_unchanged(&d.k);
    test_unchanged(&d.v);
    test_tensor y_given = rounded(type, 4, shape, want, y.count, c->layout);
    test_tensor lse_given = rounded(type, 3, shape, lse_want, lse.count, c->layout);
    d.options.variant = backward;
    check_gradients(&d, &y_given, &lse_given);
    test_free(&y_given);
    test_free(&lse_given);
    test_free(&y);
    test_free(&lse);
    test_free(&again);
    free(want);
    free(magnitude);
    free(lse_want);
    free(lse_magnitude);
    free_data(&d);
}

static const char *backward_of(int variant) {
    return variant == 1 ? NULL : variants[variant];
}

/* Multiply-adds of a case, both ways. */
static int64_t work_of(const attention_case *c) {
    return 4 * c->batch * c->heads * c->queries * c->keys * (c->width + c->value_width);
}

/* The whole table as it is chosen, some of it for each variant. */
START_TEST(forward_and_backward_table) {
    const float scale = 3.0f;
    for (int i = 0; i < TABLE && test_wants(names[_i]); i++) {
        const bool wanted = _i >= 3 ? i % 2 == _i % 2 || _i == 4 : i < (_i == 2 ? 3 : 9);
        if (wanted && test_wants_work(work_of(&table[i]))) {
            check_case(
                &table[i], CLEAT_F32, variants[_i], backward_of(_i), i % 3 == 1 ? &scale : NULL);
        }
    }
}
END_TEST

/* Columns that two groups share, as both gradients do not fit into the registers of one; at once
 * work-items with fewer rows, in larger groups, as on devices with few registers. */
START_TEST(wide_values) {
    const attention_case wide = {
        1, 2, 1, 35, 34, 40, 150, CLEAT_CAUSAL_TOP_LEFT, NO_MASK, TEST_ROW_MAJOR};
    const bool asked = getenv("CK_RUN_CASE") != NULL || !test_is_short(); /* long to compile */
    if (asked && test_wants("gpu")) {
        test_ok(cleat_tuning_set(test_context(), "attention", "gpu_rows", "2"));
        check_case(&wide, CLEAT_F32, "gpu", "gpu", NULL);
        test_ok(cleat_tuning_set(test_context(), "attention", "gpu_rows", NULL));
    }
}
END_TEST

START_TEST(doubles) {
    const float scale = 3.0f;
    for (int i = 0; i < TABLE && test_has_f64(); i++) {
        const attention_case *c = &table[i];
        const char *variant = i % 4 == 1 ? "plain" : NULL;
        if (test_wants_work(work_of(c))) {
            check_case(c, CLEAT_F64, variant, variant, i % 3 == 1 ? &scale : NULL);
        }
    }
}
END_TEST

START_TEST(forward_and_backward_random) {
    for (int round = 0; round < test_rounds(20); round++) {
        const attention_case c = random_case();
        const float scale = (float)test_real(-2, 4);
        const int variant = round % VARIANTS;
        if (!test_wants(names[variant]) || !test_wants_work(work_of(&c))) {
            continue;
        }
        check_case(
            &c, CLEAT_F32, variants[variant], backward_of(variant), test_coin() ? &scale : NULL);
    }
}
END_TEST

/*
 * Keys are codes, queries ask for one of them, and the scale is so large that nothing else counts:
 * y is the value asked for, dv the sum of dy of those that asked, dq and dk are 0.
 */
START_TEST(a_table_to_look_up) {
    enum { HEADS = 2, QUERIES = 45, KEYS = 100, BITS = 8, WIDTH = 21 };
    if (!test_wants(names[_i])) {
        return;
    }
    const int64_t q_shape[] = {1, HEADS, QUERIES, BITS}, k_shape[] = {1, 1, KEYS, BITS};
    const int64_t v_shape[] = {1, 1, KEYS, WIDTH}, y_shape[] = {1, HEADS, QUERIES, WIDTH};
    static float q[HEADS * QUERIES * BITS], k[KEYS * BITS];
    static double want[HEADS * QUERIES * WIDTH], dv_want[KEYS * WIDTH], zeros[KEYS * BITS];
    static double lse_want[HEADS * QUERIES];
    test_tensor v = test_input(4, v_shape, TEST_EXACT, TEST_STRIDED);
    test_tensor dy = test_input(4, y_shape, TEST_EXACT, TEST_STRIDED);
    const float scale = 256.0f;
    memset(dv_want, 0, sizeof dv_want);
    for (int i = 0; i < KEYS * BITS; i++) {
        k[i] = i / BITS >> i % BITS & 1 ? 1.0f : -1.0f;
    }
    for (int i = 0; i < HEADS * QUERIES; i++) {
        const int target = (int)test_int(0, KEYS - QUERIES + i % QUERIES); /* that it may see */
        memcpy(q + i * BITS, k + target * BITS, BITS * sizeof(float));
        lse_want[i] = (double)scale * BITS;
        for (int e = 0; e < WIDTH; e++) {
            want[i * WIDTH + e] = (double)v.data[target * WIDTH + e];
            dv_want[target * WIDTH + e] += (double)dy.data[i * WIDTH + e];
        }
    }
    test_tensor q_tensor = test_input_from(4, q_shape, q, TEST_STRIDED);
    test_tensor k_tensor = test_input_from(4, k_shape, k, TEST_STRIDED);
    test_tensor y = test_output(4, y_shape, TEST_STRIDED),
                lse = test_output(3, y_shape, TEST_STRIDED);
    test_tensor dq = test_output(4, q_shape, TEST_STRIDED),
                dk = test_output(4, k_shape, TEST_STRIDED);
    test_tensor dv = test_output(4, v_shape, TEST_STRIDED);
    cleat_attention_options options = {
        .scale = &scale, .causal = CLEAT_CAUSAL_BOTTOM_RIGHT, .variant = variants[_i]};
    test_ok(cleat_attention(
        test_context(), q_tensor.view, k_tensor.view, v.view, y.view, &lse.view, &options));
    options.variant = backward_of(_i);
    test_ok(cleat_attention_backward(test_context(), q_tensor.view, k_tensor.view, v.view, y.view,
        lse.view, dy.view, dq.view, dk.view, dv.view, &options));
    test_tensor *all[] = {&y, &lse, &dq, &dk, &dv};
    const double *wants[] = {want, lse_want, zeros, zeros, dv_want};
    static const char *const results[] = {"y", "logsumexp", "dq", "dk", "dv"};
    for (int i = 0; i < 5; i++) {
        test_fetch(all[i]);
        test_equal(all[i], wants[i], results[i]);
        test_free(all[i]);
    }
    test_free(&q_tensor);
    test_free(&k_tensor);
    test_free(&v);
    test_free(&dy);
}
END_TEST

/* NaN in a query, +Inf in a score: that query's result is NaN and no other's. */
START_TEST(nan_stays_in_its_row) {
    const int64_t shape[] = {1, 1, 5, 4};
    if (!test_wants(names[_i])) {
        return;
    }
    float q[20], k[20];
    for (int i = 0; i < 20; i++) {
        q[i] = (float)test_real(0.5, 1);
        k[i] = (float)test_real(0.5, 1);
    }
    q[1 * 4 + 2] = NAN;
    q[3 * 4 + 1] = INFINITY;
    test_tensor q_tensor = test_input_from(4, shape, q, TEST_ROW_MAJOR);
    test_tensor k_tensor = test_input_from(4, shape, k, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, shape, TEST_ROW_MAJOR),
                lse = test_output(3, shape, TEST_ROW_MAJOR);
    test_ok(cleat_attention(test_context(), q_tensor.view, k_tensor.view, k_tensor.view, y.view,
        &lse.view, &(cleat_attention_options){.variant = variants[_i]}));
    test_fetch(&y);
    test_fetch(&lse);
    for (int i = 0; i < 20; i++) {
        ck_assert_msg(isnan(y.data[i]) == (i / 4 == 1 || i / 4 == 3), "element %d is %g", i,
            (double)y.data[i]);
        ck_assert(!isnan(lse.data[i / 4]) || i / 4 == 1 || i / 4 == 3);
    }
    test_free(&q_tensor);
    test_free(&k_tensor);
    test_free(&y);
    test_free(&lse);
}
END_TEST

enum { SLOPE_COUNT = 2 * 3 * 4 };

static long double loss_of(const reference_attention *a, const long double *dy) {
    long double y[SLOPE_COUNT], lse[6], unused[SLOPE_COUNT], unused_too[6];
    long double sum = 0;
    reference_attend(a, y, lse, unused, unused_too);
    for (int i = 0; i < SLOPE_COUNT; i++) {
        sum += y[i] * dy[i];
    }
    return sum;
}

START_TEST(reference_gradients_are_slopes) {
    enum { KEYS = 5 };
    const long double h = 1e-6L;
    long double values[3][SLOPE_COUNT], dy[SLOPE_COUNT], mask[2 * 3 * KEYS];
    long double gradients[3][SLOPE_COUNT], unused[3][SLOPE_COUNT];
    for (int i = 0; i < 3 * SLOPE_COUNT; i++) {
        values[i / SLOPE_COUNT][i % SLOPE_COUNT] = (long double)test_real(-1, 1);
        dy[i % SLOPE_COUNT] = (long double)test_real(-1, 1);
    }
    for (int i = 0; i < 2 * 3 * KEYS; i++) {
        mask[i] = i % 4 == 1 ? -(long double)INFINITY : (long double)test_real(-1, 1);
    }
    const reference_attention a = {
        1, 2, 1, 3, KEYS, 4, 4, 2, 0.7L, values[0], values[1], values[2], mask};
    reference_attend_backward(
        &a, dy, gradients[0], gradients[1], gradients[2], unused[0], unused[1], unused[2]);
    for (int i = 0; i < 3 * SLOPE_COUNT; i++) {
        long double *x = &values[i / SLOPE_COUNT][i % SLOPE_COUNT];
        const long double kept = *x;
        if (i >= SLOPE_COUNT && i % SLOPE_COUNT >= KEYS * 4) {
            continue;
        }
        *x = kept + h;
        const long double above = loss_of(&a, dy);
        *x = kept - h;
        const long double below = loss_of(&a, dy);
        *x = kept;
        const long double slope = (above - below) / (2 * h);
        if (!(fabsl(gradients[i / SLOPE_COUNT][i % SLOPE_COUNT] - slope) <= 1e-8L)) {
            ck_abort_msg("operand %d, element %d", i / SLOPE_COUNT, i % SLOPE_COUNT);
        }
    }
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    const int64_t shape[] = {1, 2, 3, 3};
    test_tensor q = test_input_f64(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor k = test_input(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_typed(CLEAT_F64, 4, shape, NULL, TEST_ROW_MAJOR);
    test_tensor lse = test_input_f64(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    const bool there = test_has_f64();
    const cleat_status status = there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = there ? "type f32, not f64" : "no double precision";
    cleat_attention_options options = {.mask = &k.view};
    test_refused(
        cleat_attention(context, q.view, k.view, k.view, y.view, NULL, NULL), status, part);
    test_refused(cleat_attention(context, k.view, k.view, k.view, y.view, NULL, NULL),
        CLEAT_TYPE_MISMATCH, "type f64, not f32");
    test_refused(cleat_attention(context, q.view, q.view, q.view, y.view, NULL, &options), status,
        there ? "mask is f32, wanted f64 or bool" : part);
    test_refused(cleat_attention_backward(context, q.view, q.view, q.view, q.view, lse.view, k.view,
                     y.view, y.view, y.view, NULL),
        status, there ? "dy has type f32, not f64" : part);
    options = (cleat_attention_options){.variant = "gpu"};
    test_refused(cleat_attention(context, q.view, q.view, q.view, y.view, NULL, &options),
        CLEAT_UNSUPPORTED, there ? "variant gpu cannot do f64 forward" : part);
    test_unchanged(&y);
    test_tensor *all[] = {&q, &k, &y, &lse};
    for (int i = 0; i < 4; i++) {
        test_free(all[i]);
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {1, 2, 3, 4}, other[] = {1, 3, 3, 4}, wide[] = {1, 2, 3, 5};
    test_tensor q = test_input(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor k = test_input(4, other, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor w = test_input(4, wide, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, shape, TEST_ROW_MAJOR),
                z = test_output(4, shape, TEST_ROW_MAJOR);
    test_tensor lse = test_output(3, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = q.view, missing = q.view, row = q.view;
    typed.type = CLEAT_I32;
    missing.buffer = NULL;
    row.rank = 3;
    cleat_attention_options options = {0};
#define FORWARD(q, k, v, y, lse) cleat_attention(context, q, k, v, y, lse, &options)
    test_refused(cleat_attention(NULL, q.view, q.view, q.view, y.view, NULL, NULL),
        CLEAT_INVALID_ARGUMENT, "attention");
    test_refused(FORWARD(missing, q.view, q.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "q");
    test_refused(FORWARD(q.view, typed, q.view, y.view, NULL), CLEAT_TYPE_MISMATCH, "k");
    test_refused(FORWARD(q.view, q.view, row, y.view, NULL), CLEAT_SHAPE_MISMATCH, "v");
    test_refused(
        FORWARD(q.view, k.view, k.view, y.view, NULL), CLEAT_SHAPE_MISMATCH, "no multiple of 3");
    test_refused(
        FORWARD(q.view, w.view, q.view, y.view, NULL), CLEAT_SHAPE_MISMATCH, "k is [1, 2, 3, 5]");
    test_refused(
        FORWARD(q.view, q.view, w.view, y.view, NULL), CLEAT_SHAPE_MISMATCH, "y is [1, 2, 3, 4]");
    test_refused(FORWARD(q.view, q.view, q.view, q.view, NULL), CLEAT_OVERLAP, "q");
    test_refused(FORWARD(q.view, q.view, q.view, y.view, &y.view), CLEAT_OVERLAP, "logsumexp");
    test_refused(
        FORWARD(q.view, q.view, q.view, y.view, &z.view), CLEAT_SHAPE_MISMATCH, "logsumexp");
    options.mask = &typed;
    test_refused(FORWARD(q.view, q.view, q.view, y.view, NULL), CLEAT_TYPE_MISMATCH, "mask is i32");
    options.mask = &w.view;
    test_refused(FORWARD(q.view, q.view, q.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "broadcast to [1, 2, 3, 3]");
    options.mask = NULL;
    options.causal = (cleat_causal)3;
    test_refused(
        FORWARD(q.view, q.view, q.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "causal is 3");
    options.causal = CLEAT_CAUSAL_NONE;
    options.variant = "none";
    test_refused(FORWARD(q.view, q.view, q.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "none");
    test_unchanged(&y);
    test_unchanged(&lse);
    test_tensor *all[] = {&q, &k, &w, &y, &z, &lse};
    for (int i = 0; i < 6; i++) {
        test_free(all[i]);
    }
}
END_TEST

START_TEST(refuses_bad_gradients) {
    cleat_context *context = test_context();
    const int64_t shape[] = {1, 2, 3, 4}, wide[] = {1, 2, 3, 5};
    test_tensor q = test_input(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor w = test_input(4, wide, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, shape, TEST_ROW_MAJOR);
    test_tensor z = test_output(4, shape, TEST_ROW_MAJOR);
    test_tensor u = test_output(4, shape, TEST_ROW_MAJOR);
    test_tensor lse = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    cleat_attention_options options = {0};
    options.variant = "cpu_split";
#define BACKWARD(y, lse, dy, dq, dk, dv)                                                           \
    cleat_attention_backward(context, q.view, q.view, q.view, y, lse, dy, dq, dk, dv, &options)
    test_refused(
        BACKWARD(q.view, lse.view, q.view, y.view, z.view, u.view), CLEAT_UNSUPPORTED, "backward");
    options.variant = NULL;
    test_refused(
        BACKWARD(w.view, lse.view, q.view, y.view, z.view, u.view), CLEAT_SHAPE_MISMATCH, "y is");
    test_refused(BACKWARD(q.view, q.view, q.view, y.view, z.view, u.view), CLEAT_SHAPE_MISMATCH,
        "logsumexp");
    test_refused(
        BACKWARD(q.view, lse.view, w.view, y.view, z.view, u.view), CLEAT_SHAPE_MISMATCH, "dy is");
    test_refused(
        BACKWARD(q.view, lse.view, q.view, w.view, z.view, u.view), CLEAT_SHAPE_MISMATCH, "dq");
    test_refused(BACKWARD(q.view, lse.view, q.view, y.view, q.view, u.view), CLEAT_OVERLAP, "dk");
    test_refused(BACKWARD(q.view, lse.view, q.view, y.view, z.view, z.view), CLEAT_OVERLAP, "dv");
    test_unchanged(&y);
    test_unchanged(&z);
    test_unchanged(&u);
    test_tensor *all[] = {&q, &w, &y, &z, &u, &lse};
    for (int i = 0; i < 6; i++) {
        test_free(all[i]);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("attention");
    TCase *cases = test_case(suite, "table");
    tcase_add_loop_test(cases, forward_and_backward_table, 0, VARIANTS);
    test_add_case(suite, "wide", wide_values);
    test_add_case(suite, "doubles", doubles);
    cases = test_case(suite, "variants");
    tcase_add_loop_test(cases, a_table_to_look_up, 0, VARIANTS);
    tcase_add_loop_test(cases, nan_stays_in_its_row, 0, VARIANTS);
    tcase_add_test(cases, forward_and_backward_random);
    cases = test_case(suite, "rest");
    tcase_add_test(cases, reference_gradients_are_slopes);
    tcase_add_test(cases, types_must_agree);
    tcase_add_test(cases, refuses_bad_calls);
    tcase_add_test(cases, refuses_bad_gradients);
    return suite;
}
