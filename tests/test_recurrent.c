/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_recurrent.h"

typedef enum kind { LSTM, GRU, GRU_LINEAR } kind;
enum { KINDS = 3 };

typedef struct recurrent_case {
    int64_t steps, batch, inputs, hidden;
    cleat_recurrent_direction direction;
    test_layout layout;
    bool bare; /* none of the operands that may be NULL */
} recurrent_case;

static const recurrent_case table[] = {
    {5, 3, 7, 21, CLEAT_RECURRENT_BIDIRECTIONAL, TEST_ROW_MAJOR, false},
    {4, 2, 3, 5, CLEAT_RECURRENT_REVERSE, TEST_STRIDED, false},
    {3, 4, 18, 34, CLEAT_RECURRENT_FORWARD, TEST_ROWS, true},
    {1, 1, 1, 1, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, false},
    {0, 2, 3, 4, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, false},
    {2, 0, 3, 4, CLEAT_RECURRENT_BIDIRECTIONAL, TEST_ROW_MAJOR, false},
    {2, 2, 0, 4, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, true},
    {2, 2, 3, 0, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, false},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* Operands in the order of names; values as doubles. */
enum { X, W, R, BIAS, H0, C0, DY, DH, DC, INPUTS };
enum { DX, DW, DR, DBIAS, DH0, DC0, GRADIENTS };

typedef struct data {
    recurrent_case c;
    kind which;
    cleat_type type;
    int64_t gates, directions, parts;
    test_tensor in[INPUTS];
    long double *values[INPUTS];
    reference_recurrent reference;
    cleat_recurrent_options options;
} data;

/* A number for each element. */
static long double *zeros(const test_tensor *t) {
    return test_alloc(t->count, sizeof(long double));
}

static void make_data(data *k, const recurrent_case *c, kind which, cleat_type type) {
    *k = (data){.c = *c, .which = which, .type = type, .gates = which == LSTM ? 4 : 3};
    k->directions = c->direction == CLEAT_RECURRENT_BIDIRECTIONAL ? 2 : 1;
    k->parts = which == LSTM ? 5 : 4;
    const int64_t d = k->directions, rows = k->gates * c->hidden;
    const int64_t shapes[INPUTS][4] = {{c->steps, c->batch, c->inputs}, {d, rows, c->inputs},
        {d, rows, c->hidden}, {d, 2 * rows}, {d, c->batch, c->hidden}, {d, c->batch, c->hidden},
        {c->steps, d, c->batch, c->hidden}, {d, c->batch, c->hidden}, {d, c->batch, c->hidden}};
    static const int32_t ranks[INPUTS] = {3, 3, 3, 2, 3, 3, 4, 3, 3};
    for (int i = 0; i < INPUTS; i++) {
        const bool absent = (c->bare && i != X && i != W && i != R && i != DY) ||
                            (which != LSTM && (i == C0 || i == DC));
        k->in[i] = test_input_of(type, ranks[i], shapes[i], TEST_REAL, c->layout);
        k->values[i] = absent ? zeros(&k->in[i]) : test_long_doubles(&k->in[i]);
    }
    k->reference = (reference_recurrent){.is_lstm = which == LSTM,
        .linear_before_reset = which == GRU_LINEAR,
        .reverse = c->direction == CLEAT_RECURRENT_REVERSE,
        .bidirectional = d == 2,
        .steps = c->steps,
        .batch = c->batch,
        .inputs = c->inputs,
        .hidden = c->hidden,
        .x = k->values[X],
        .w = k->values[W],
        .r = k->values[R],
        .bias = k->values[BIAS],
        .h = k->values[H0],
        .c = k->values[C0]};
    k->options = (cleat_recurrent_options){
        .direction = c->direction, .linear_before_reset = which == GRU_LINEAR};
    if (!c->bare) {
        k->options.bias = &k->in[BIAS].view;
        k->options.initial_h = &k->in[H0].view;
        k->options.initial_c = which == LSTM ? &k->in[C0].view : NULL;
    }
}

static void free_data(data *k) {
    for (int i = 0; i < INPUTS; i++) {
        test_free(&k->in[i]);
        free(k->values[i]);
    }
}

static cleat_status forward(const data *k, cleat_tensor y, const cleat_recurrent_options *options) {
    return (k->which == LSTM ? cleat_lstm : cleat_gru)(
        test_context(), k->in[X].view, k->in[W].view, k->in[R].view, y, options);
}

/* Outputs of one backward call. */
static void run_backward(const data *k, const test_tensor *y, const cleat_tensor *reserve,
    test_layout layout, test_tensor out[GRADIENTS]) {
    static const int of[GRADIENTS] = {X, W, R, BIAS, H0, C0};
    for (int i = 0; i < GRADIENTS; i++) {
        const cleat_tensor *like = &k->in[of[i]].view;
        out[i] = test_output_of(k->type, like->rank, like->shape, layout);
    }
    cleat_recurrent_options options = k->options;
    options.reserve = reserve;
    const bool lstm = k->which == LSTM;
    const cleat_recurrent_gradients gradients = {.final_h = &k->in[DH].view,
        .final_c = lstm ? &k->in[DC].view : NULL,
        .bias = &out[DBIAS].view,
        .initial_h = &out[DH0].view,
        .initial_c = lstm ? &out[DC0].view : NULL};
    test_ok((lstm ? cleat_lstm_backward : cleat_gru_backward)(test_context(), k->in[X].view,
        k->in[W].view, k->in[R].view, y->view, k->in[DY].view, out[DX].view, out[DW].view,
        out[DR].view, &options, k->c.bare ? NULL : &gradients));
    for (int i = 0; i < GRADIENTS; i++) {
        test_fetch(&out[i]);
    }
}

static void check_gradients(
    const data *k, const test_tensor *y, const cleat_tensor *reserve, long double most_error) {
    static const char *const names[GRADIENTS] = {"dx", "dw", "dr", "dbias", "dh0", "dc0"};
    test_tensor out[GRADIENTS], again[GRADIENTS];
    long double *want[GRADIENTS], *magnitude[GRADIENTS];
    run_backward(k, y, reserve, k->c.layout, out);
    run_backward(k, y, reserve, k->c.layout, again);
    for (int i = 0; i < GRADIENTS; i++) {
        want[i] = zeros(&out[i]);
        magnitude[i] = zeros(&out[i]);
    }
    reference_recur_backward(&k->reference, k->values[DY], k->values[DH], k->values[DC], false,
        &(reference_recurrent_gradients){want[0], want[1], want[2], want[3], want[4], want[5]});
    reference_recur_backward(&k->reference, k->values[DY], k->values[DH], k->values[DC], true,
        &(reference_recurrent_gradients){
            magnitude[0], magnitude[1], magnitude[2], magnitude[3], magnitude[4], magnitude[5]});
    for (int i = 0; i < GRADIENTS; i++) {
        const bool absent = (k->c.bare && i > DR) || (k->which != LSTM && i == DC0);
        /* Each factor of a step has the error of a gate. */
        for (int64_t e = 0; e < out[i].count; e++) {
            magnitude[i][e] *= (long double)(k->c.steps + 1) * (8 + 2 * most_error);
        }
        if (!absent) {
            test_bound_of(&out[i], want[i], magnitude[i],
                k->c.steps * k->c.batch + k->gates * k->c.hidden, names[i]);
            test_same_bits(&out[i], &again[i], names[i]);
        }
        test_free(&out[i]);
        test_free(&again[i]);
        free(want[i]);
        free(magnitude[i]);
    }
}

static void check_case(const recurrent_case *c, kind which, cleat_type type) {
    data k;
    make_data(&k, c, which, type);
    const int64_t states[] = {k.directions, c->batch, c->hidden};
    const int64_t reserve_shape[] = {k.directions, c->steps, c->batch, k.parts * c->hidden};
    test_tensor y = test_output_of(type, 4, k.in[DY].view.shape, c->layout);
    test_tensor again = test_output_of(type, 4, k.in[DY].view.shape, c->layout);
    test_tensor h = test_output_of(type, 3, states, c->layout);
    test_tensor cell = test_output_of(type, 3, states, c->layout);
    test_tensor reserve = test_output_of(type, 4, reserve_shape, c->layout);
    long double *want = zeros(&y), *error = zeros(&y), *errors = zeros(&h);
    long double *want_h = zeros(&h), *want_c = zeros(&h);
    reference_recur(&k.reference, want, want_h, want_c, error);
    cleat_recurrent_options options = k.options;
    test_ok(forward(&k, again.view, &options));
    options.reserve = &reserve.view;
    options.final_h = &h.view;
    options.final_c = which == LSTM ? &cell.view : NULL;
    test_ok(forward(&k, y.view, &options));
    test_fetch(&y);
    test_fetch(&again);
    test_fetch(&h);
    test_fetch(&cell);
    long double most = 1;
    for (int64_t i = 0; i < y.count; i++) {
        most = fmaxl(most, error[i]);
    }
    for (int64_t i = 0; i < h.count; i++) {
        errors[i] = most;
    }
    test_bound_of(&y, want, error, c->inputs + c->hidden + 8, "y");
    test_bound_of(&h, want_h, errors, c->inputs + c->hidden + 8, "final h");
    if (which == LSTM) {
        test_bound_of(&cell, want_c, errors, 4 * (c->inputs + c->hidden + 8), "final c");
    }
    if (k.c.layout == TEST_ROW_MAJOR) {
        test_same_bits(&y, &again, "y");
    }
    for (int i = 0; i < INPUTS; i++) {
        test_unchanged(&k.in[i]);
    }
    check_gradients(&k, &y, &reserve.view, most);
    test_tensor *all[] = {&y, &again, &h, &cell, &reserve};
    for (int i = 0; i < 5; i++) {
        test_free(all[i]);
    }
    free(want);
    free(error);
    free(want_h);
    free(want_c);
    free(errors);
    free_data(&k);
}

START_TEST(forward_and_backward_table) {
    for (int i = 0; i < TABLE; i++) {
        check_case(&table[i], (kind)_i, CLEAT_F32);
    }
}
END_TEST

/* Both variants of the LSTM's cells, one of the others', and no steps. */
START_TEST(doubles) {
    static const int chosen[] = {0, 4, 1};
    const int count = !test_has_f64() || test_skips() ? 0 : _i == LSTM && !test_is_short() ? 3 : 2;
    for (int i = 0; i < count; i++) {
        check_case(&table[chosen[i]], (kind)_i, CLEAT_F64);
    }
}
END_TEST

START_TEST(types_must_agree) {
    const recurrent_case c = {2, 2, 4, 5, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, true};
    data k;
    make_data(&k, &c, (kind)_i, CLEAT_F64);
    const cleat_tensor x = k.in[X].view, w = k.in[W].view, r = k.in[R].view;
    test_tensor y = test_output(4, k.in[DY].view.shape, TEST_ROW_MAJOR);
    const bool there = test_has_f64();
    const cleat_status status = there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = there ? "y has type f32, not f64" : "no double precision";
    test_refused(forward(&k, y.view, NULL), status, part);
    cleat_recurrent_options options = {.reserve = &y.view};
    test_refused((_i == LSTM ? cleat_lstm_backward : cleat_gru_backward)(test_context(), x, w, r,
                     k.in[DY].view, k.in[DY].view, x, w, r, &options, NULL),
        status, there ? "reserve has type f32, not f64" : part);
    test_unchanged(&y);
    test_free(&y);
    free_data(&k);
}
END_TEST

static long double loss_of(const reference_recurrent *a, long double *const values[INPUTS]) {
    long double y[64], h[32], c[32], error[64];
    long double loss = 0;
    reference_recur(a, y, h, c, error);
    const int64_t states = (a->bidirectional ? 2 : 1) * a->batch * a->hidden;
    for (int64_t i = 0; i < a->steps * states; i++) {
        loss += y[i] * values[DY][i];
    }
    for (int64_t i = 0; i < states; i++) {
        loss += h[i] * values[DH][i] + (a->is_lstm ? c[i] * values[DC][i] : 0);
    }
    return loss;
}

START_TEST(reference_gradients_are_slopes) {
    const recurrent_case c = {3, 2, 2, 2, CLEAT_RECURRENT_BIDIRECTIONAL, TEST_ROW_MAJOR, false};
    const long double step = 1e-6L;
    data k;
    make_data(&k, &c, (kind)_i, CLEAT_F32);
    long double *got[GRADIENTS];
    for (int i = 0; i < GRADIENTS; i++) {
        got[i] = zeros(&k.in[i]);
    }
    reference_recur_backward(&k.reference, k.values[DY], k.values[DH], k.values[DC], false,
        &(reference_recurrent_gradients){got[0], got[1], got[2], got[3], got[4], got[5]});
    for (int i = 0; i < (_i == LSTM ? GRADIENTS : DC0); i++) {
        for (int64_t e = 0; e < k.in[i].count; e++) {
            long double *x = &k.values[i][e];
            const long double kept = *x;
            *x = kept + step;
            const long double above = loss_of(&k.reference, k.values);
            *x = kept - step;
            const long double below = loss_of(&k.reference, k.values);
            *x = kept;
            if (!(fabsl(got[i][e] - (above - below) / (2 * step)) <= 1e-8L)) {
                ck_abort_msg("operand %d, element %lld", i, (long long)e);
            }
        }
        free(got[i]);
    }
    if (_i != LSTM) {
        free(got[DC0]);
    }
    free_data(&k);
}
END_TEST

START_TEST(refuses_bad_calls) {
    const recurrent_case c = {3, 2, 4, 5, CLEAT_RECURRENT_FORWARD, TEST_ROW_MAJOR, true};
    data k;
    make_data(&k, &c, (kind)_i, CLEAT_F32);
    test_tensor y = test_output(4, k.in[DY].view.shape, TEST_ROW_MAJOR);
    const cleat_tensor x = k.in[X].view, w = k.in[W].view, r = k.in[R].view;
    cleat_tensor typed = x;
    typed.type = CLEAT_I32;
    cleat_recurrent_options options = {0};
    cleat_status (*call)(cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor, cleat_tensor,
        const cleat_recurrent_options *) = _i == LSTM ? cleat_lstm : cleat_gru;
    const char *name = _i == LSTM ? "lstm" : "gru";
    cleat_context *context = test_context();
    test_refused(call(NULL, x, w, r, y.view, NULL), CLEAT_INVALID_ARGUMENT, name);
    test_refused(call(context, typed, w, r, y.view, NULL), CLEAT_TYPE_MISMATCH, "x");
    test_refused(call(context, x, r, r, y.view, NULL), CLEAT_SHAPE_MISMATCH, "w is");
    test_refused(call(context, x, w, w, y.view, NULL), CLEAT_SHAPE_MISMATCH, "wanted");
    test_refused(call(context, x, w, r, x, NULL), CLEAT_SHAPE_MISMATCH, "y is [3, 2, 4]");
    options.direction = (cleat_recurrent_direction)3;
    test_refused(call(context, x, w, r, y.view, &options), CLEAT_INVALID_ARGUMENT, "direction");
    options.direction = CLEAT_RECURRENT_BIDIRECTIONAL;
    test_refused(call(context, x, w, r, y.view, &options), CLEAT_SHAPE_MISMATCH, "[2, ");
    options.direction = CLEAT_RECURRENT_FORWARD;
    options.final_h = &y.view;
    test_refused(call(context, x, w, r, y.view, &options), CLEAT_SHAPE_MISMATCH, "final_h");
    cleat_tensor inside = y.view;
    test_ok(cleat_slice(inside, 0, 0, 1, 1, &inside));
    inside.rank = 3;
    for (int i = 0; i < 3; i++) {
        inside.shape[i] = y.view.shape[i + 1];
        inside.stride[i] = y.view.stride[i + 1];
    }
    options.final_h = &inside;
    test_refused(call(context, x, w, r, y.view, &options), CLEAT_OVERLAP, "final_h");
    options.final_h = NULL;
    options.initial_c = &typed;
    test_refused(call(context, x, w, r, y.view, &options),
        _i == LSTM ? CLEAT_TYPE_MISMATCH : CLEAT_INVALID_ARGUMENT,
        _i == LSTM ? "initial_c" : "no c");
    test_refused((_i == LSTM ? cleat_lstm_backward : cleat_gru_backward)(context, x, w, r,
                     k.in[DY].view, k.in[DY].view, y.view, y.view, y.view, NULL, NULL),
        CLEAT_INVALID_ARGUMENT, "reserve is NULL");
    test_unchanged(&y);
    test_free(&y);
    free_data(&k);
}
END_TEST

static cleat_tensor empty_tensor(int32_t rank, const int64_t *shape) {
    cleat_tensor x;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, rank, shape, &x));
    ck_assert_int_eq(cleat_tensor_count(&x), 0);
    return x;
}

/* Without samples there is nothing to do in any number of steps, but that the gradients of weights
 * are 0; extents whose products leave 64 bits are refused. */
START_TEST(many_steps_of_nothing) {
    enum { PARTS = 5, MANY_INPUTS = 3, SOME = 4 };
    const bool is_lstm = _i == LSTM;
    const int64_t gates = is_lstm ? 4 : 3, many = (int64_t)1 << 62;
    cleat_tensor x = empty_tensor(3, (int64_t[]){many, 0, MANY_INPUTS});
    cleat_tensor y = empty_tensor(4, (int64_t[]){many, 1, 0, SOME});
    cleat_tensor reserve = empty_tensor(4, (int64_t[]){1, many, 0, (is_lstm ? PARTS : 4) * SOME});
    const int64_t w_shape[] = {1, gates * SOME, MANY_INPUTS}, r_shape[] = {1, gates * SOME, SOME};
    test_tensor w = test_input(3, w_shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor r = test_input(3, r_shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dw = test_output(3, w_shape, TEST_ROW_MAJOR);
    test_tensor dr = test_output(3, r_shape, TEST_ROW_MAJOR);
    const cleat_recurrent_options options = {
        .reserve = &reserve, .linear_before_reset = _i == GRU_LINEAR};
    cleat_context *context = test_context();
    test_ok((is_lstm ? cleat_lstm : cleat_gru)(context, x, w.view, r.view, y, &options));
    test_ok((is_lstm ? cleat_lstm_backward : cleat_gru_backward)(
        context, x, w.view, r.view, y, y, x, dw.view, dr.view, &options, NULL));
    test_fetch(&dw);
    test_fetch(&dr);
    for (int64_t i = 0; i < dw.count || i < dr.count; i++) {
        ck_assert(dw.data[i % dw.count] == 0 && dr.data[i % dr.count] == 0);
    }
    cleat_tensor wide = empty_tensor(3, (int64_t[]){1, 0, many});
    cleat_tensor none = empty_tensor(3, (int64_t[]){1, 0, 0});
    test_refused((is_lstm ? cleat_lstm : cleat_gru)(context, none, wide, wide, none, NULL),
        CLEAT_SIZE_OVERFLOW, "leave 64 bits");
    wide.shape[0] = many;
    wide.shape[1] = many;
    wide.shape[2] = 0;
    test_refused((is_lstm ? cleat_lstm : cleat_gru)(context, wide, w.view, r.view, none, NULL),
        CLEAT_SIZE_OVERFLOW, "leave 64 bits");
    cleat_tensor *all[] = {&x, &y, &reserve, &wide, &none};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cleat_tensor_release(all[i]);
    }
    test_free(&w);
    test_free(&r);
    test_free(&dw);
    test_free(&dr);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("recurrent");
    TCase *cases = test_case(suite, "table");
    tcase_add_loop_test(cases, forward_and_backward_table, 0, KINDS);
    cases = test_case(suite, "doubles");
    tcase_add_loop_test(cases, doubles, 0, KINDS);
    tcase_add_loop_test(cases, types_must_agree, 0, KINDS);
    cases = test_case(suite, "rest");
    tcase_add_loop_test(cases, reference_gradients_are_slopes, 0, KINDS);
    tcase_add_loop_test(cases, refuses_bad_calls, 0, KINDS);
    tcase_add_loop_test(cases, many_steps_of_nothing, 0, KINDS);
    return suite;
}
