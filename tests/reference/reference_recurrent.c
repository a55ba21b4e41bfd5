/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_recurrent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values of one cell (a direction, a step, a row of the batch, an element of h), kept for the way
 * back: i o f g of LSTM, z r g and the sum of the states in g of GRU; c; and h. */
typedef struct cell {
    long double gate[4], c, h;
    long double error, c_error; /* of h and c */
} cell;

static long double sigmoid(long double x) {
    return 1 / (1 + expl(-x));
}

static int64_t directions(const reference_recurrent *a) {
    return a->bidirectional ? 2 : 1;
}

static int64_t step_of(const reference_recurrent *a, int64_t d, int64_t i) {
    return a->reverse || d == 1 ? a->steps - 1 - i : i;
}

static int64_t gates_of(const reference_recurrent *a) {
    return a->is_lstm ? 4 : 3;
}

static cell *cell_at(const reference_recurrent *a, cell *cells, int64_t d, int64_t i, int64_t b) {
    return cells + ((d * (a->steps + 1) + i) * a->batch + b) * a->hidden;
}

static const long double *w_row(const reference_recurrent *a, int64_t d, int64_t gate, int64_t j) {
    return a->w + ((d * gates_of(a) + gate) * a->hidden + j) * a->inputs;
}

static const long double *r_row(const reference_recurrent *a, int64_t d, int64_t gate, int64_t j) {
    return a->r + ((d * gates_of(a) + gate) * a->hidden + j) * a->hidden;
}

static long double bias_at(
    const reference_recurrent *a, int64_t d, bool of_r, int64_t gate, int64_t j) {
    const int64_t gates = gates_of(a);
    return a->bias[((2 * d + of_r) * gates + gate) * a->hidden + j];
}

/* The two sums of a gate, and their errors: of the inputs, and of the states, each times its
 * factor. */
static void sums_of(const reference_recurrent *a, int64_t d, int64_t step, int64_t b, int64_t gate,
    int64_t j, const cell *before, bool reset, long double sums[2], long double errors[2]) {
    const long double *x = a->x + (step * a->batch + b) * a->inputs;
    sums[0] = bias_at(a, d, false, gate, j);
    sums[1] = bias_at(a, d, true, gate, j);
    errors[0] = fabsl(sums[0]);
    errors[1] = fabsl(sums[1]);
    for (int64_t e = 0; e < a->inputs; e++) {
        sums[0] += x[e] * w_row(a, d, gate, j)[e];
        errors[0] += fabsl(x[e] * w_row(a, d, gate, j)[e]);
    }
    for (int64_t e = 0; e < a->hidden; e++) {
        /* r is of the cell under way, whose gates of all elements come first */
        const long double factor = reset ? before[e].gate[1] : 1;
        const long double weight = r_row(a, d, gate, j)[e];
        sums[1] += factor * before[e].h * weight;
        errors[1] += fabsl(weight) * (8 * fabsl(before[e].h) + before[e].error);
    }
}

static void lstm_cell(const reference_recurrent *a, int64_t d, int64_t step, int64_t b, int64_t j,
    const cell *before, cell *now) {
    long double error[4];
    for (int64_t gate = 0; gate < 4; gate++) {
        long double sums[2], errors[2];
        sums_of(a, d, step, b, gate, j, before, false, sums, errors);
        const long double sum = sums[0] + sums[1];
        now->gate[gate] = gate < 3 ? sigmoid(sum) : tanhl(sum);
        error[gate] = 4 * fabsl(now->gate[gate]) + errors[0] + errors[1];
    }
    const long double i = now->gate[0], o = now->gate[1], f = now->gate[2], g = now->gate[3];
    now->c = f * before[j].c + i * g;
    now->c_error = fabsl(now->c) + fabsl(i * g) + error[0] * fabsl(g) + error[3] * i +
                   error[2] * fabsl(before[j].c) + f * before[j].c_error;
    now->h = o * tanhl(now->c);
    now->error = 5 * fabsl(now->h) + error[1] + now->c_error;
}

static void gru_gate(const reference_recurrent *a, int64_t d, int64_t step, int64_t b, int64_t j,
    int64_t gate, const cell *before, cell *now, long double *error) {
    long double sums[2], errors[2];
    sums_of(a, d, step, b, gate, j, before, false, sums, errors);
    now->gate[gate] = sigmoid(sums[0] + sums[1]);
    *error = 4 * now->gate[gate] + errors[0] + errors[1];
}

/* z and r are there, and with reset r of all elements in before[].gate[1]. */
static void gru_cell(const reference_recurrent *a, int64_t d, int64_t step, int64_t b, int64_t j,
    const cell *before, cell *now, long double errors_so_far) {
    long double sums[2], errors[2];
    sums_of(a, d, step, b, 2, j, before, !a->linear_before_reset, sums, errors);
    const long double z = now->gate[0], r = a->linear_before_reset ? now->gate[1] : 1;
    now->gate[3] = sums[1];
    now->gate[2] = tanhl(sums[0] + r * sums[1]);
    const long double error =
        4 + errors[0] + errors[1] + errors_so_far * (1 + fabsl(sums[1]) + errors[1]);
    now->h = (1 - z) * now->gate[2] + z * before[j].h;
    now->error = 4 + error + errors_so_far * 2 + before[j].error;
}

static void run_step(const reference_recurrent *a, int64_t d, int64_t i, int64_t b, cell *cells) {
    const cell *before = cell_at(a, cells, d, i, b);
    cell *now = cell_at(a, cells, d, i + 1, b);
    const int64_t step = step_of(a, d, i);
    if (a->is_lstm) {
        for (int64_t j = 0; j < a->hidden; j++) {
            lstm_cell(a, d, step, b, j, before, &now[j]);
        }
        return;
    }
    cell *given = malloc(((size_t)a->hidden + 1) * sizeof *given);
    memcpy(given, before, (size_t)a->hidden * sizeof *given);
    long double most = 0;
    for (int64_t j = 0; j < 2 * a->hidden; j++) {
        long double error;
        gru_gate(a, d, step, b, j / 2, j % 2, before, &now[j / 2], &error);
        given[j / 2].gate[1] = now[j / 2].gate[1];
        most = fmaxl(most, error);
    }
    for (int64_t j = 0; j < a->hidden; j++) {
        gru_cell(a, d, step, b, j, given, &now[j], most);
    }
    free(given);
}

/* All cells; those of step -1, the initial states, come first. */
static cell *run_all(const reference_recurrent *a) {
    const int64_t count = directions(a) * (a->steps + 1) * a->batch * a->hidden;
    cell *cells = calloc((size_t)count + 1, sizeof *cells);
    if (cells == NULL) {
        abort();
    }
    for (int64_t d = 0; d < directions(a); d++) {
        for (int64_t b = 0; b < a->batch; b++) {
            for (int64_t j = 0; j < a->hidden; j++) {
                cell *first = cell_at(a, cells, d, 0, b) + j;
                first->h = a->h[(d * a->batch + b) * a->hidden + j];
                first->c = a->c[(d * a->batch + b) * a->hidden + j];
            }
            for (int64_t i = 0; i < a->steps; i++) {
                run_step(a, d, i, b, cells);
            }
        }
    }
    return cells;
}

void reference_recur(const reference_recurrent *a, long double *y, long double *final_h,
    long double *final_c, long double *y_error) {
    cell *cells = run_all(a);
    const int64_t all = directions(a);
    for (int64_t d = 0; d < all; d++) {
        for (int64_t b = 0; b < a->batch; b++) {
            for (int64_t j = 0; j < a->hidden; j++) {
                const int64_t state = (d * a->batch + b) * a->hidden + j;
                for (int64_t i = 0; i < a->steps; i++) {
                    const cell *now = cell_at(a, cells, d, i + 1, b) + j;
                    const int64_t place = step_of(a, d, i) * all * a->batch * a->hidden + state;
                    y[place] = now->h;
                    y_error[place] = now->error;
                }
                final_h[state] = (cell_at(a, cells, d, a->steps, b) + j)->h;
                final_c[state] = (cell_at(a, cells, d, a->steps, b) + j)->c;
            }
        }
    }
    free(cells);
}

/* ---- The way back ---- */

typedef struct way_back {
    const reference_recurrent *a;
    const reference_recurrent_gradients *g;
    bool absolute;
} way_back;

/* *to += a b */
static void add(const way_back *k, long double *to, long double x, long double y) {
    *to += k->absolute ? fabsl(x * y) : x * y;
}

/* What a gradient ds of the sum of the inputs (or the states, of_r) of a gate gives to everything.
 * Of the states each is multiplied by factor[e], and its gradient goes to dstate. */
static void give(const way_back *k, int64_t d, int64_t step, int64_t b, int64_t gate, int64_t j,
    bool of_r, long double ds, const cell *before, const long double *factor, long double *dstate) {
    const reference_recurrent *a = k->a;
    const int64_t row = (d * gates_of(a) + gate) * a->hidden + j;
    add(k, &k->g->bias[((2 * d + of_r) * gates_of(a) + gate) * a->hidden + j], ds, 1);
    if (!of_r) {
        const int64_t place = (step * a->batch + b) * a->inputs;
        for (int64_t e = 0; e < a->inputs; e++) {
            add(k, &k->g->x[place + e], ds, w_row(a, d, gate, j)[e]);
            add(k, &k->g->w[row * a->inputs + e], ds, a->x[place + e]);
        }
        return;
    }
    for (int64_t e = 0; e < a->hidden; e++) {
        add(k, &dstate[e], ds, r_row(a, d, gate, j)[e]);
        add(k, &k->g->r[row * a->hidden + e], ds, before[e].h * (factor != NULL ? factor[e] : 1));
    }
}

static void give_both(const way_back *k, int64_t d, int64_t step, int64_t b, int64_t gate,
    int64_t j, long double ds, const cell *before, long double *dstate) {
    give(k, d, step, b, gate, j, false, ds, before, NULL, dstate);
    give(k, d, step, b, gate, j, true, ds, before, NULL, dstate);
}

static long double difference(const way_back *k, long double x, long double y) {
    return k->absolute ? fabsl(x) + fabsl(y) : x - y;
}

/* dh and dc are those of this step's h and c, and become those of the step before. */
static void lstm_back(const way_back *k, int64_t d, int64_t i, int64_t b, cell *cells,
    long double *dh, long double *dc) {
    const reference_recurrent *a = k->a;
    const cell *before = cell_at(a, cells, d, i, b), *now = cell_at(a, cells, d, i + 1, b);
    const int64_t step = step_of(a, d, i);
    long double *dstate = calloc((size_t)a->hidden + 1, sizeof *dstate);
    for (int64_t j = 0; j < a->hidden; j++) {
        const long double in = now[j].gate[0], o = now[j].gate[1], f = now[j].gate[2];
        const long double g = now[j].gate[3], t = tanhl(now[j].c);
        long double sum = dc[j];
        add(k, &sum, dh[j] * o, difference(k, 1, t * t));
        give_both(k, d, step, b, 0, j, sum * g * in * difference(k, 1, in), before, dstate);
        give_both(k, d, step, b, 1, j, dh[j] * t * o * difference(k, 1, o), before, dstate);
        give_both(k, d, step, b, 2, j, sum * before[j].c * f * difference(k, 1, f), before, dstate);
        give_both(k, d, step, b, 3, j, sum * in * difference(k, 1, g * g), before, dstate);
        dc[j] = sum * f;
    }
    memcpy(dh, dstate, (size_t)a->hidden * sizeof *dh);
    free(dstate);
}

static void gru_back(
    const way_back *k, int64_t d, int64_t i, int64_t b, cell *cells, long double *dh) {
    const reference_recurrent *a = k->a;
    const cell *before = cell_at(a, cells, d, i, b), *now = cell_at(a, cells, d, i + 1, b);
    const int64_t step = step_of(a, d, i), n = a->hidden;
    long double *dstate = calloc((size_t)(3 * n + 1), sizeof *dstate);
    long double *dreset = dstate + n, *r = dstate + 2 * n;
    for (int64_t j = 0; j < n; j++) {
        r[j] = now[j].gate[1];
    }
    for (int64_t j = 0; j < n; j++) {
        const long double z = now[j].gate[0], g = now[j].gate[2];
        const long double dz = dh[j] * difference(k, before[j].h, g) * z * difference(k, 1, z);
        const long double dg = dh[j] * difference(k, 1, z) * difference(k, 1, g * g);
        give_both(k, d, step, b, 0, j, dz, before, dstate);
        give(k, d, step, b, 2, j, false, dg, before, NULL, dstate);
        if (a->linear_before_reset) {
            const long double dr = dg * now[j].gate[3] * r[j] * difference(k, 1, r[j]);
            give_both(k, d, step, b, 1, j, dr, before, dstate);
            give(k, d, step, b, 2, j, true, dg * r[j], before, NULL, dstate);
        } else {
            give(k, d, step, b, 2, j, true, dg, before, r, dreset);
        }
        add(k, &dstate[j], dh[j], z);
    }
    for (int64_t j = 0; j < n && !a->linear_before_reset; j++) {
        give_both(k, d, step, b, 1, j, dreset[j] * before[j].h * r[j] * difference(k, 1, r[j]),
            before, dstate);
        add(k, &dstate[j], dreset[j], r[j]);
    }
    memcpy(dh, dstate, (size_t)n * sizeof *dh);
    free(dstate);
}

static void clear(const reference_recurrent *a, const reference_recurrent_gradients *g) {
    const int64_t d = directions(a), rows = d * gates_of(a) * a->hidden;
    memset(g->x, 0, (size_t)(a->steps * a->batch * a->inputs) * sizeof(long double));
    memset(g->w, 0, (size_t)(rows * a->inputs) * sizeof(long double));
    memset(g->r, 0, (size_t)(rows * a->hidden) * sizeof(long double));
    memset(g->bias, 0, (size_t)(2 * rows) * sizeof(long double));
}

void reference_recur_backward(const reference_recurrent *a, const long double *dy,
    const long double *dfinal_h, const long double *dfinal_c, bool absolute,
    const reference_recurrent_gradients *gradients) {
    const way_back k = {a, gradients, absolute};
    const int64_t n = a->hidden, all = directions(a);
    cell *cells = run_all(a);
    clear(a, gradients);
    for (int64_t d = 0; d < all; d++) {
        for (int64_t b = 0; b < a->batch; b++) {
            const int64_t state = (d * a->batch + b) * n;
            long double *dh = gradients->h + state, *dc = gradients->c + state;
            for (int64_t j = 0; j < n; j++) {
                dh[j] = absolute ? fabsl(dfinal_h[state + j]) : dfinal_h[state + j];
                dc[j] = absolute ? fabsl(dfinal_c[state + j]) : dfinal_c[state + j];
            }
            for (int64_t i = a->steps - 1; i >= 0; i--) {
                for (int64_t j = 0; j < n; j++) {
                    add(&k, &dh[j], dy[step_of(a, d, i) * all * a->batch * n + state + j], 1);
                }
                if (a->is_lstm) {
                    lstm_back(&k, d, i, b, cells, dh, dc);
                } else {
                    gru_back(&k, d, i, b, cells, dh);
                }
            }
        }
    }
    free(cells);
}
