/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/recurrent_shape.h"
#include "graph/operator_tools.h"
#include <math.h>
#include <string.h>

/* ---- Functions of cells ---- */

static double relu(double x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return x <= 0 ? 0 : x;
}

static double hyperbolic(double x, double alpha, double beta) {
    return alpha * tanh(beta * x);
}

static double sigmoid(double x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return 1 / (1 + exp(-x));
}

static double affine(double x, double alpha, double beta) {
    return alpha * x + beta;
}

static double leaky_relu(double x, double alpha, double beta) {
    (void)beta;
    return x < 0 ? alpha * x : x;
}

static double thresholded_relu(double x, double alpha, double beta) {
    (void)beta;
    return x > alpha ? x : 0;
}

static double hard_sigmoid(double x, double alpha, double beta) {
    const double y = alpha * x + beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double elu(double x, double alpha, double beta) {
    (void)beta;
    return x < 0 ? alpha * expm1(x) : x;
}

static double softsign(double x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return x / (1 + fabs(x));
}

static double softplus(double x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static const struct {
    const char *name;
    cell_function usual;
    bool has_alpha, has_beta;
} known[] = {
    {"Relu", {relu, 0, 0, CLEAT_RELU}, false, false},
    {"Tanh", {hyperbolic, 1, 1, CLEAT_TANH}, false, false},
    {"Sigmoid", {sigmoid, 0, 0, CLEAT_SIGMOID}, false, false},
    {"Affine", {affine, 1, 0, CLEAT_ACTIVATION_NONE}, true, true},
    {"LeakyRelu", {leaky_relu, 0.01, 0, CLEAT_ACTIVATION_NONE}, true, false},
    {"ThresholdedRelu", {thresholded_relu, 1, 0, CLEAT_ACTIVATION_NONE}, true, false},
    {"ScaledTanh", {hyperbolic, 1, 1, CLEAT_ACTIVATION_NONE}, true, true},
    {"HardSigmoid", {hard_sigmoid, 0.2, 0.5, CLEAT_ACTIVATION_NONE}, true, true},
    {"Elu", {elu, 1, 0, CLEAT_ACTIVATION_NONE}, true, false},
    {"Softsign", {softsign, 0, 0, CLEAT_SOFTSIGN}, false, false},
    {"Softplus", {softplus, 0, 0, CLEAT_SOFTPLUS}, false, false},
};
enum { KNOWN = sizeof known / sizeof *known };

static cleat_status find_function(const call *c, const char *name, size_t *found) {
    for (*found = 0; *found < KNOWN; ++*found) {
        if (strcmp(name, known[*found].name) == 0) {
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_UNSUPPORTED, "no activation %.40s", name);
}

/* Alphas and betas are listed for those functions that have them. */
static cleat_status read_functions(const call *c, recurrent_shape *s) {
    static const char *const usual[][3] = {
        {"Tanh", NULL, NULL}, {"Sigmoid", "Tanh", "Tanh"}, {"Sigmoid", "Tanh", NULL}};
    static const int counts[] = {1, 3, 2};
    const graph_attribute *given = attribute_find(c->node, "activations", CLEAT_ATTRIBUTE_TEXTS);
    size_t alphas, betas;
    const float *alpha = attribute_floats(c->node, "activation_alpha", &alphas);
    const float *beta = attribute_floats(c->node, "activation_beta", &betas);
    const size_t count = (size_t)counts[s->kind] * (size_t)s->directions;
    if (given != NULL && given->count != count) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "%zu activations, expected %zu", given->count, count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *otherwise = usual[s->kind][i % (size_t)counts[s->kind]];
        size_t found;
        TRY(find_function(c, given != NULL ? given->texts[i] : otherwise, &found));
        s->functions[i] = known[found].usual;
        s->is_usual = s->is_usual && strcmp(known[found].name, otherwise) == 0;
        if (known[found].has_alpha && alphas > 0) {
            s->functions[i].alpha = (double)*alpha++;
            alphas--;
        }
        if (known[found].has_beta && betas > 0) {
            s->functions[i].beta = (double)*beta++;
            betas--;
        }
    }
    return CLEAT_OK;
}

/* ---- Shapes ---- */

static cleat_status read_direction(const call *c, recurrent_shape *s) {
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    const char *text = attribute_text(c->node, "direction", "forward");
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            s->direction = (cleat_recurrent_direction)i;
            s->directions = i == 2 ? 2 : 1;
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_INVALID_ARGUMENT, "direction %.40s", text);
}

static cleat_status check_shape(const call *c, size_t input, int32_t rank, const int64_t *shape) {
    const run_value *v, *x;
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_input(c, input, &v));
    TRY(call_input(c, 0, &x));
    if (v->rank != rank || memcmp(v->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu is %s, expected %s", input,
            shape_text(v->rank, v->shape, text), shape_text(rank, shape, wanted));
    }
    if (input != 4 && v->type != x->type) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "input %zu is of type %s beside %s", input,
            cleat_type_name(v->type), cleat_type_name(x->type));
    }
    return CLEAT_OK;
}

static cleat_status check_inputs(const call *c, const recurrent_shape *s) {
    const int64_t d = s->directions, h = s->hidden, gates = s->gates * h;
    TRY(check_shape(c, 1, 3, (int64_t[]){d, gates, s->inputs}));
    TRY(check_shape(c, 2, 3, (int64_t[]){d, gates, h}));
    TRY(check_shape(c, 3, 2, (int64_t[]){d, 2 * gates}));
    TRY(check_shape(c, 4, 1, &s->batch));
    TRY(check_shape(c, 5, 3, s->state));
    TRY(check_shape(c, 6, 3, s->state));
    return check_shape(c, 7, 2, (int64_t[]){d, 3 * h});
}

cleat_status recurrent_read(const call *c, recurrent_shape *s) {
    const run_value *x, *r;
    char text[SHAPE_TEXT_SIZE], r_text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 2, &r));
    memset(s, 0, sizeof *s);
    s->kind = strcmp(c->node->type, "LSTM") == 0  ? KIND_LSTM
              : strcmp(c->node->type, "GRU") == 0 ? KIND_GRU
                                                  : KIND_RNN;
    s->gates = s->kind == KIND_LSTM ? 4 : s->kind == KIND_GRU ? 3 : 1;
    if (x->rank != 3 || r->rank != 3 || !type_is_floating(x->type)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s of %s, R %s",
            shape_text(x->rank, x->shape, text), cleat_type_name(x->type),
            shape_text(r->rank, r->shape, r_text));
    }
    TRY(read_direction(c, s));
    s->batch_first = attribute_int(c->node, "layout", 0) != 0;
    s->steps = x->shape[s->batch_first];
    s->batch = x->shape[!s->batch_first];
    s->inputs = x->shape[2];
    s->hidden = r->shape[2];
    s->clip = (double)attribute_float(c->node, "clip", 0);
    s->linear_before_reset = attribute_int(c->node, "linear_before_reset", 0) != 0;
    s->couples_gates = attribute_int(c->node, "input_forget", 0) != 0;
    s->is_usual = s->clip <= 0 && !s->couples_gates;
    TRY(read_functions(c, s));
    const int64_t d = s->directions, b = s->batch, h = s->hidden;
    const int64_t y[2][4] = {{s->steps, d, b, h}, {b, s->steps, d, h}};
    const int64_t state[2][3] = {{d, b, h}, {b, d, h}};
    memcpy(s->y, y[s->batch_first], sizeof s->y);
    memcpy(s->state, state[s->batch_first], sizeof s->state);
    return check_inputs(c, s);
}

cleat_status recurrent_lengths(call *c, const recurrent_shape *s, int64_t **lengths) {
    const array *given;
    void *memory;
    TRY(call_memory(c, s->batch, sizeof **lengths, &memory));
    *lengths = memory;
    for (int64_t i = 0; i < s->batch; i++) {
        (*lengths)[i] = s->steps;
    }
    if (!call_has(c, 4)) {
        return CLEAT_OK;
    }
    TRY(call_array(c, 4, &given));
    for (int64_t i = 0; i < s->batch; i++) {
        (*lengths)[i] = array_integer(given, i);
        if ((*lengths)[i] < 0 || (*lengths)[i] > s->steps) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "a sequence of %lld steps out of %lld",
                (long long)(*lengths)[i], (long long)s->steps);
        }
    }
    return CLEAT_OK;
}

/* ---- On the host, in float64 ---- */

/* What one direction of one sequence works with. */
typedef struct cell {
    const recurrent_shape *s;
    const cell_function *functions;
    const double *w, *r, *bias, *peephole; /* the last two may be NULL */
    double *h, *c, *from_x, *from_h;       /* [hidden], [hidden], [gates * hidden] twice */
    double *other;                         /* [hidden] */
} cell;

static double call_function(const cell *unit, int which, double x) {
    const cell_function *f = &unit->functions[which];
    const double clip = unit->s->clip;
    x = clip > 0 && x > clip ? clip : clip > 0 && x < -clip ? -clip : x;
    return f->function(x, f->alpha, f->beta);
}

/* to = matrix x + bias, `rows` rows of `columns`. */
static void multiply(const double *matrix, const double *x, const double *bias, int64_t rows,
    int64_t columns, double *to) {
    for (int64_t i = 0; i < rows; i++) {
        to[i] = bias != NULL ? bias[i] : 0;
        for (int64_t k = 0; k < columns; k++) {
            to[i] += matrix[i * columns + k] * x[k];
        }
    }
}

static void step_rnn(const cell *unit) {
    for (int64_t k = 0; k < unit->s->hidden; k++) {
        unit->h[k] = call_function(unit, 0, unit->from_x[k] + unit->from_h[k]);
    }
}

/* Gates in the order i, o, f, c. */
static void step_lstm(const cell *unit) {
    const int64_t n = unit->s->hidden;
    const double *p = unit->peephole;
    for (int64_t k = 0; k < n; k++) {
        const double before = unit->c[k];
        double sum[4];
        for (int gate = 0; gate < 4; gate++) {
            sum[gate] = unit->from_x[gate * n + k] + unit->from_h[gate * n + k];
        }
        const double i = call_function(unit, 0, sum[0] + (p != NULL ? p[k] * before : 0));
        const double forget =
            call_function(unit, 0, sum[2] + (p != NULL ? p[2 * n + k] * before : 0));
        const double f = unit->s->couples_gates ? 1 - i : forget;
        unit->c[k] = f * before + i * call_function(unit, 1, sum[3]);
        const double o = call_function(unit, 0, sum[1] + (p != NULL ? p[n + k] * unit->c[k] : 0));
        const cell_function *last = &unit->functions[2];
        unit->h[k] = o * last->function(unit->c[k], last->alpha, last->beta);
    }
}

/* Gates in the order z, r, h. */
static void step_gru(const cell *unit) {
    const int64_t n = unit->s->hidden;
    const double *last = unit->r + 2 * n * n;
    const double *last_bias = unit->bias != NULL ? unit->bias + 5 * n : NULL;
    for (int64_t k = 0; k < n; k++) {
        const double reset = call_function(unit, 0, unit->from_x[n + k] + unit->from_h[n + k]);
        unit->other[k] =
            unit->s->linear_before_reset ? reset * unit->from_h[2 * n + k] : reset * unit->h[k];
    }
    if (!unit->s->linear_before_reset) {
        multiply(last, unit->other, last_bias, n, n, unit->from_h + 2 * n);
    } else {
        memcpy(unit->from_h + 2 * n, unit->other, (size_t)n * sizeof *unit->other);
    }
    for (int64_t k = 0; k < n; k++) {
        const double z = call_function(unit, 0, unit->from_x[k] + unit->from_h[k]);
        const double g = call_function(unit, 1, unit->from_x[2 * n + k] + unit->from_h[2 * n + k]);
        unit->h[k] = (1 - z) * g + z * unit->h[k];
    }
}

static void step(const cell *unit, const double *x) {
    const recurrent_shape *s = unit->s;
    const int64_t rows = s->gates * s->hidden;
    multiply(unit->w, x, unit->bias, rows, s->inputs, unit->from_x);
    multiply(unit->r, unit->h, unit->bias != NULL ? unit->bias + rows : NULL, rows, s->hidden,
        unit->from_h);
    switch (s->kind) {
    case KIND_RNN:
        step_rnn(unit);
        break;
    case KIND_LSTM:
        step_lstm(unit);
        break;
    case KIND_GRU:
        step_gru(unit);
        break;
    }
}

typedef struct recurrent_operands {
    double *x, *w, *r, *bias, *h, *c, *peephole; /* the last four may be NULL */
    int64_t *lengths;
    array *y, *final_h, *final_c; /* may be NULL */
} recurrent_operands;

static void store_list(array *y, int64_t at, const double *numbers, int64_t count) {
    for (int64_t k = 0; y != NULL && k < count; k++) {
        array_set_real(y, at + k, numbers[k]);
    }
}

/* One direction of one sequence. */
static void run_sequence(
    const recurrent_operands *o, cell *unit, int64_t direction, int64_t sequence) {
    const recurrent_shape *s = unit->s;
    const int64_t n = s->hidden, rows = s->gates * n, d = s->directions, b = s->batch;
    const int64_t state =
        (s->batch_first ? sequence * d + direction : direction * b + sequence) * n;
    const bool is_backwards = direction == 1 || s->direction == CLEAT_RECURRENT_REVERSE;
    unit->functions = s->functions + direction * (s->kind == KIND_LSTM     ? 3
                                                     : s->kind == KIND_GRU ? 2
                                                                           : 1);
    unit->w = o->w + direction * rows * s->inputs;
    unit->r = o->r + direction * rows * n;
    unit->bias = o->bias != NULL ? o->bias + direction * 2 * rows : NULL;
    unit->peephole = o->peephole != NULL ? o->peephole + direction * 3 * n : NULL;
    for (int64_t k = 0; k < n; k++) {
        unit->h[k] = o->h != NULL ? o->h[state + k] : 0;
        unit->c[k] = o->c != NULL ? o->c[state + k] : 0;
    }
    for (int64_t i = 0; i < o->lengths[sequence]; i++) {
        const int64_t t = is_backwards ? o->lengths[sequence] - 1 - i : i;
        const int64_t at = s->batch_first ? sequence * s->steps + t : t * b + sequence;
        step(unit, o->x + at * s->inputs);
        store_list(o->y,
            (s->batch_first ? at * d + direction : (t * d + direction) * b + sequence) * n, unit->h,
            n);
    }
    store_list(o->final_h, state, unit->h, n);
    store_list(o->final_c, state, unit->c, n);
}

static cleat_status read_operands(call *c, const recurrent_shape *s, recurrent_operands *o) {
    const array *x, *other;
    const int peephole = s->kind == KIND_LSTM ? 7 : 8;
    double **const lists[] = {&o->x, &o->w, &o->r, &o->bias, NULL, &o->h, &o->c, &o->peephole};
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < 8; i++) {
        if (lists[i] != NULL && call_has(c, i) && (i < 6 || peephole == 7)) {
            TRY(call_numbers(c, i, lists[i], &other));
        }
    }
    TRY(recurrent_lengths(c, s, &o->lengths));
    TRY(call_array(c, 0, &x));
    if (call_wants(c, 0)) {
        TRY(call_output_array(c, 0, x->type, 4, s->y, &o->y));
        memset(o->y->elements, 0, array_size(o->y));
    }
    if (call_wants(c, 1)) {
        TRY(call_output_array(c, 1, x->type, 3, s->state, &o->final_h));
    }
    if (call_wants(c, 2)) {
        TRY(call_output_array(c, 2, x->type, 3, s->state, &o->final_c));
    }
    return CLEAT_OK;
}

cleat_status recurrent_host(call *c) {
    recurrent_shape s;
    recurrent_operands o;
    cell unit = {.s = &s};
    void *memory;
    TRY(recurrent_read(c, &s));
    TRY(read_operands(c, &s, &o));
    TRY(call_memory(c, 3 * s.hidden, sizeof(double), &memory));
    unit.h = memory;
    unit.c = unit.h + s.hidden;
    unit.other = unit.c + s.hidden;
    TRY(call_memory(c, 2 * s.gates * s.hidden, sizeof(double), &memory));
    unit.from_x = memory;
    unit.from_h = unit.from_x + s.gates * s.hidden;
    for (int64_t direction = 0; direction < s.directions; direction++) {
        for (int64_t sequence = 0; sequence < s.batch; sequence++) {
            run_sequence(&o, &unit, direction, sequence);
        }
    }
    return CLEAT_OK;
}
