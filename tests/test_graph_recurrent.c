/* SPDX-License-Identifier: Apache-2.0 */
/* RNN, LSTM and GRU as nodes of graphs: in their usual form, and in all others. */
#include "graph_case.h"

enum { RNN, LSTM, GRU };
static const char *const kinds[] = {"RNN", "LSTM", "GRU"};
static const char *const directions[] = {"forward", "reverse", "bidirectional"};
static const int64_t gate_counts[] = {1, 4, 3};

/* What of a node's many forms is drawn. */
typedef struct cell_case {
    int kind, direction;
    int64_t d, steps, batch, inputs, hidden, batch_first, linear, couples;
    bool has_bias, has_lengths, has_states, has_peepholes, has_functions;
    float clip;
    int32_t lengths[4];
    double *x, *w, *r, *bias, *h, *c, *peepholes;
} cell_case;

static double *draw_reals(int64_t count, double size) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = (double)(float)test_real(-size, size);
    }
    return numbers;
}

static cell_case draw_cells(int kind, bool is_usual) {
    cell_case s = {.kind = kind,
        .direction = (int)test_int(0, 2),
        .steps = test_int(1, 5),
        .batch = test_int(1, 4),
        .inputs = test_int(1, 4),
        .hidden = test_int(1, 5),
        .batch_first = test_int(0, 1),
        .linear = test_int(0, 1),
        .has_bias = test_coin(),
        .has_states = test_coin()};
    s.d = s.direction == 2 ? 2 : 1;
    if (!is_usual) {
        s.has_lengths = test_coin();
        s.has_peepholes = kind == LSTM && test_coin();
        s.has_functions = test_coin();
        s.couples = kind == LSTM && test_coin();
        s.clip = test_coin() ? 0.5F : 0;
    }
    for (int64_t i = 0; i < s.batch; i++) {
        s.lengths[i] = (int32_t)(s.has_lengths ? test_int(0, s.steps) : s.steps);
    }
    const int64_t rows = gate_counts[kind] * s.hidden, states = s.d * s.batch * s.hidden;
    s.x = draw_reals(s.steps * s.batch * s.inputs, 1);
    s.w = draw_reals(s.d * rows * s.inputs, 1);
    s.r = draw_reals(s.d * rows * s.hidden, 0.7);
    s.bias = draw_reals(s.d * 2 * rows, 0.5);
    s.h = draw_reals(states, 1);
    s.c = draw_reals(states, 1);
    s.peepholes = draw_reals(s.d * 3 * s.hidden, 1);
    return s;
}

static void free_cells(cell_case *s) {
    free(s->x), free(s->w), free(s->r), free(s->bias), free(s->h), free(s->c);
    free(s->peepholes);
}

/* ---- The formulas of ONNX, one number after the other ---- */

/* The gate's function, or the candidate's; with has_functions others than the usual ones. */
static double squash(const cell_case *s, bool is_gate, double x) {
    x = s->clip > 0 ? fmin(fmax(x, -(double)s->clip), (double)s->clip) : x;
    if (s->has_functions) {
        return is_gate ? fmin(fmax(0.3 * x + 0.4, 0), 1) : x < 0 ? 0.1 * x : x;
    }
    return is_gate ? 1 / (1 + exp(-x)) : tanh(x);
}

/* bias of x's part and of h's, of row `row` of direction d */
static double bias_of(const cell_case *s, int64_t d, int64_t row, bool of_h) {
    const int64_t rows = gate_counts[s->kind] * s->hidden;
    return s->has_bias ? s->bias[(d * 2 + of_h) * rows + row] : 0;
}

static double from_x(const cell_case *s, int64_t d, int64_t gate, int64_t k, const double *x) {
    const int64_t row = gate * s->hidden + k, rows = gate_counts[s->kind] * s->hidden;
    double sum = bias_of(s, d, row, false);
    for (int64_t i = 0; i < s->inputs; i++) {
        sum += s->w[(d * rows + row) * s->inputs + i] * x[i];
    }
    return sum;
}

static double from_h(const cell_case *s, int64_t d, int64_t gate, int64_t k, const double *h) {
    const int64_t row = gate * s->hidden + k, rows = gate_counts[s->kind] * s->hidden;
    double sum = bias_of(s, d, row, true);
    for (int64_t i = 0; i < s->hidden; i++) {
        sum += s->r[(d * rows + row) * s->hidden + i] * h[i];
    }
    return sum;
}

static void step_lstm(const cell_case *s, int64_t d, const double *x, double *h, double *c) {
    double before[8];
    memcpy(before, h, (size_t)s->hidden * sizeof *h);
    for (int64_t k = 0; k < s->hidden; k++) {
        const double *p = s->peepholes + d * 3 * s->hidden + k;
        const double of = s->has_peepholes ? 1 : 0;
        double sum[4];
        for (int64_t gate = 0; gate < 4; gate++) {
            sum[gate] = from_x(s, d, gate, k, x) + from_h(s, d, gate, k, before);
        }
        const double i = squash(s, true, sum[0] + of * p[0] * c[k]);
        const double f =
            s->couples ? 1 - i : squash(s, true, sum[2] + of * p[2 * s->hidden] * c[k]);
        c[k] = f * c[k] + i * squash(s, false, sum[3]);
        const double o = squash(s, true, sum[1] + of * p[s->hidden] * c[k]);
        h[k] = o * (s->has_functions ? fabs(c[k]) / (1 + fabs(c[k])) * (c[k] < 0 ? -1 : 1)
                                     : tanh(c[k]));
    }
}

static void step_gru(const cell_case *s, int64_t d, const double *x, double *h) {
    double before[8], reset[8];
    memcpy(before, h, (size_t)s->hidden * sizeof *h);
    for (int64_t k = 0; k < s->hidden; k++) {
        reset[k] = squash(s, true, from_x(s, d, 1, k, x) + from_h(s, d, 1, k, before));
    }
    double scaled[8];
    for (int64_t k = 0; k < s->hidden; k++) {
        scaled[k] = reset[k] * before[k];
    }
    for (int64_t k = 0; k < s->hidden; k++) {
        const double z = squash(s, true, from_x(s, d, 0, k, x) + from_h(s, d, 0, k, before));
        const double past =
            s->linear ? reset[k] * from_h(s, d, 2, k, before) : from_h(s, d, 2, k, scaled);
        h[k] = (1 - z) * squash(s, false, from_x(s, d, 2, k, x) + past) + z * before[k];
    }
}

static void step_rnn(const cell_case *s, int64_t d, const double *x, double *h) {
    double before[8];
    memcpy(before, h, (size_t)s->hidden * sizeof *h);
    for (int64_t k = 0; k < s->hidden; k++) {
        h[k] = squash(s, false, from_x(s, d, 0, k, x) + from_h(s, d, 0, k, before));
    }
}

/* Where h of a sequence's step lies in y, and a sequence's state in Y_h. */
static int64_t y_place(const cell_case *s, int64_t t, int64_t d, int64_t b) {
    return (s->batch_first ? (b * s->steps + t) * s->d + d : (t * s->d + d) * s->batch + b) *
           s->hidden;
}

static int64_t state_place(const cell_case *s, int64_t d, int64_t b) {
    return (s->batch_first ? b * s->d + d : d * s->batch + b) * s->hidden;
}

/* results: Y, Y_h, Y_c */
static void reference(const cell_case *s, double *const results[3]) {
    const size_t size = (size_t)s->hidden * sizeof(double);
    for (int64_t d = 0; d < s->d; d++) {
        for (int64_t b = 0; b < s->batch; b++) {
            const int64_t state = state_place(s, d, b);
            double h[8] = {0}, c[8] = {0};
            if (s->has_states) {
                memcpy(h, s->h + state, size);
                memcpy(c, s->c + state, size);
            }
            for (int64_t i = 0; i < s->lengths[b]; i++) {
                const int64_t t = d == 1 || s->direction == 1 ? s->lengths[b] - 1 - i : i;
                const int64_t place = s->batch_first ? b * s->steps + t : t * s->batch + b;
                const double *x = s->x + place * s->inputs;
                if (s->kind == LSTM) {
                    step_lstm(s, d, x, h, c);
                } else if (s->kind == GRU) {
                    step_gru(s, d, x, h);
                } else {
                    step_rnn(s, d, x, h);
                }
                memcpy(results[0] + y_place(s, t, d, b), h, size);
            }
            memcpy(results[1] + state, h, size);
            memcpy(results[2] + state, c, size);
        }
    }
}

/* ---- The node ---- */

static case_value value(
    cleat_type type, int32_t rank, const int64_t *shape, const double *numbers, void **elements) {
    case_value v = {.type = type, .rank = rank, .is_constant = test_coin()};
    memcpy(v.shape, shape, (size_t)rank * sizeof *shape);
    v.elements = *elements = case_elements(type, numbers, case_count(rank, shape));
    return v;
}

/* Inputs; made: what they are made of, 8 to free. */
static void set_inputs(const cell_case *s, cleat_type type, graph_case *g, void **made) {
    const int64_t rows = gate_counts[s->kind] * s->hidden;
    const int64_t x[2][3] = {{s->steps, s->batch, s->inputs}, {s->batch, s->steps, s->inputs}};
    const int64_t state[2][3] = {{s->d, s->batch, s->hidden}, {s->batch, s->d, s->hidden}};
    double lengths[4];
    for (int i = 0; i < 4; i++) {
        lengths[i] = s->lengths[i];
    }
    g->inputs[0] = value(type, 3, x[s->batch_first], s->x, &made[0]);
    g->inputs[0].is_constant = false;
    g->inputs[1] = value(type, 3, (int64_t[]){s->d, rows, s->inputs}, s->w, &made[1]);
    g->inputs[2] = value(type, 3, (int64_t[]){s->d, rows, s->hidden}, s->r, &made[2]);
    g->input_count = s->kind == LSTM ? 8 : 6;
    if (s->has_bias) {
        g->inputs[3] = value(type, 2, (int64_t[]){s->d, 2 * rows}, s->bias, &made[3]);
    }
    if (s->has_lengths || test_coin()) {
        g->inputs[4] = value(CLEAT_I32, 1, &s->batch, lengths, &made[4]);
    }
    if (s->has_states) {
        g->inputs[5] = value(type, 3, state[s->batch_first], s->h, &made[5]);
    }
    if (s->has_states && s->kind == LSTM) {
        g->inputs[6] = value(type, 3, state[s->batch_first], s->c, &made[6]);
    }
    if (s->has_peepholes) {
        g->inputs[7] = value(type, 2, (int64_t[]){s->d, 3 * s->hidden}, s->peepholes, &made[7]);
    }
}

static void set_attributes(const cell_case *s, graph_case *g) {
    static const char *const others[3][6] = {{"LeakyRelu", "LeakyRelu"},
        {"HardSigmoid", "LeakyRelu", "Softsign", "HardSigmoid", "LeakyRelu", "Softsign"},
        {"HardSigmoid", "LeakyRelu", "HardSigmoid", "LeakyRelu"}};
    static const float alphas[3][4] = {
        {0.1F, 0.1F}, {0.3F, 0.1F, 0.3F, 0.1F}, {0.3F, 0.1F, 0.3F, 0.1F}};
    static const float betas[2] = {0.4F, 0.4F};
    static const size_t counts[3] = {1, 3, 2}, alpha_counts[3] = {1, 2, 2};
    const size_t d = (size_t)s->d;
    g->attributes[g->attribute_count++] = case_text("direction", &directions[s->direction]);
    g->attributes[g->attribute_count++] = case_int("layout", &s->batch_first);
    if (s->kind == GRU) {
        g->attributes[g->attribute_count++] = case_int("linear_before_reset", &s->linear);
    }
    if (s->kind == LSTM) {
        g->attributes[g->attribute_count++] = case_int("input_forget", &s->couples);
    }
    if (s->clip > 0) {
        g->attributes[g->attribute_count++] = case_float("clip", &s->clip);
    }
    if (s->has_functions) {
        g->attributes[g->attribute_count++] = (cleat_attribute){.name = "activations",
            .kind = CLEAT_ATTRIBUTE_TEXTS,
            .count = counts[s->kind] * d,
            .texts = others[s->kind]};
        g->attributes[g->attribute_count++] = (cleat_attribute){.name = "activation_alpha",
            .kind = CLEAT_ATTRIBUTE_FLOATS,
            .count = alpha_counts[s->kind] * d,
            .floats = alphas[s->kind]};
        g->attributes[g->attribute_count++] = (cleat_attribute){
            .name = "activation_beta", .kind = CLEAT_ATTRIBUTE_FLOATS, .count = d, .floats = betas};
    }
}

static void compare(const cell_case *s, const graph_case *g, case_place place,
    double *const wanted[3], cleat_type type) {
    case_result results[3] = {{0}};
    const double near = type == CLEAT_F16 ? 1e-2 : 1e-5;
    test_ok(case_run(g, place, results));
    for (size_t i = 0; i < g->output_count; i++) {
        ck_assert_int_eq(results[i].rank, i == 0 ? 4 : 3);
        double *got = case_doubles(results[i].type, results[i].elements, results[i].count);
        for (int64_t k = 0; k < results[i].count && !test_ignores_values(); k++) {
            ck_assert_msg(fabs(got[k] - wanted[i][k]) <= near,
                "%s, output %zu in place %d: element %lld is %.9g, not %.9g", kinds[s->kind], i,
                place, (long long)k, got[k], wanted[i][k]);
        }
        free(got);
    }
    case_free(results, g->output_count);
}

START_TEST(test_cells) {
    const bool is_usual = _i / 3 == 0;
    for (int round = 0; round < test_rounds(16); round++) {
        const cleat_type type = round % 4 == 1 ? CLEAT_F64 : round % 4 == 3 ? CLEAT_F16 : CLEAT_F32;
        cell_case s = draw_cells(_i % 3, is_usual);
        void *made[8] = {NULL};
        double *wanted[3];
        for (int i = 0; i < 3; i++) {
            wanted[i] = test_alloc(s.d * s.batch * s.hidden * (i == 0 ? s.steps : 1), 8);
        }
        reference(&s, wanted);
        graph_case g = {.type = kinds[s.kind],
            .is_strided = test_coin(),
            .output_count = s.kind == LSTM ? 3 : 2};
        set_inputs(&s, type, &g, made);
        set_attributes(&s, &g);
        for (size_t place = 0; place < 2; place++) {
            compare(&s, &g, case_places[place], wanted, type);
        }
        for (int i = 0; i < 8; i++) {
            free(made[i]);
        }
        for (int i = 0; i < 3; i++) {
            free(wanted[i]);
        }
        free_cells(&s);
    }
}
END_TEST

START_TEST(test_refusals) {
    const float numbers[64] = {0};
    graph_case g = {.type = "LSTM",
        .input_count = 4,
        .output_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {2, 1, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 3, .shape = {1, 8, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 3, .shape = {1, 8, 2}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 2, .shape = {1, 8}, .elements = numbers}}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "input 3 is [1, 8], expected [1, 16]");
    g.inputs[3] = (case_value){0};
    g.inputs[4] =
        (case_value){.type = CLEAT_I32, .rank = 1, .shape = {1}, .elements = (int32_t[]){3}};
    g.input_count = 5;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "3 steps out of 2");
    g.attribute_count = 1;
    g.attributes[0] = case_text("direction", (const char *[]){"sideways"});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "direction sideways");
    g.attributes[0] = (cleat_attribute){.name = "activations",
        .kind = CLEAT_ATTRIBUTE_TEXTS,
        .count = 3,
        .texts = (const char *[]){"Sigmoid", "Sine", "Tanh"}};
    case_refused(&g, CLEAT_UNSUPPORTED, "no activation Sine");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_recurrent");
    test_add_loop(suite, "cells", test_cells, 6);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
