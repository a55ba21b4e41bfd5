/* SPDX-License-Identifier: Apache-2.0 */
/* Attention and its gradient, and rotary embedding. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/attention.h>
#include <cleat/rotary.h>
#include <math.h>

/* ---- Attention: one batch, and two heads of keys ---- */

enum { KEY_HEADS = 2, WIDTH = 20, VALUE_WIDTH = 24 };

typedef struct attention_trial {
    int64_t heads, queries, keys;
    bool causal, masked;
} attention_trial;

/* More rows than a tile has, and more keys than a block; and a single query. */
static const attention_trial attention_trials[] = {
    {4, 37, 70, true, false}, {4, 1, 150, false, true}};

static const float scale = 0.05F;

/* The trial's operands, in this order; those from DY on only of a gradient. */
enum { Q, K, V, Y, LSE, MASK, DY, DQ, DK, DV, ATTENTION_OPERANDS };

typedef struct attention_run {
    const attention_trial *of;
    const trial *t;
    double *p, *dp; /* of the keys of one query */
    double *want[ATTENTION_OPERANDS];
} attention_run;

static double dot(const float *x, const float *y, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)x[i] * (double)y[i];
    }
    return sum;
}

/* Fills r->p for one query of a head; returns the logarithm of the denominator. */
static double find_shares(const attention_run *r, int64_t head, int64_t query) {
    const attention_trial *of = r->of;
    const int64_t row = head * of->queries + query;
    const int64_t first = head / (of->heads / KEY_HEADS) * of->keys;
    const int64_t seen = of->causal ? query + of->keys - of->queries + 1 : of->keys;
    double most = -INFINITY, total = 0;
    for (int64_t s = 0; s < of->keys; s++) {
        const double product =
            dot(r->t->data[Q] + row * WIDTH, r->t->data[K] + (first + s) * WIDTH, WIDTH);
        r->p[s] = (double)scale * product + (of->masked ? (double)r->t->data[MASK][s] : 0);
        most = s < seen ? fmax(most, r->p[s]) : most;
    }
    for (int64_t s = 0; s < of->keys; s++) {
        r->p[s] = s < seen ? exp(r->p[s] - most) : 0;
        total += r->p[s];
    }
    for (int64_t s = 0; s < of->keys; s++) {
        r->p[s] /= total;
    }
    return most + log(total);
}

static void add_scaled(double factor, const float *from, int64_t count, double *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] += factor * (double)from[i];
    }
}

static void add_gradients(const attention_run *r, int64_t row, int64_t first) {
    float *const *data = r->t->data;
    double delta = 0;
    for (int64_t s = 0; s < r->of->keys; s++) {
        r->dp[s] =
            dot(data[DY] + row * VALUE_WIDTH, data[V] + (first + s) * VALUE_WIDTH, VALUE_WIDTH);
        delta += r->p[s] * r->dp[s];
    }
    for (int64_t s = 0; s < r->of->keys; s++) {
        const double ds = (double)scale * r->p[s] * (r->dp[s] - delta);
        const int64_t key = first + s;
        add_scaled(ds, data[K] + key * WIDTH, WIDTH, r->want[DQ] + row * WIDTH);
        add_scaled(ds, data[Q] + row * WIDTH, WIDTH, r->want[DK] + key * WIDTH);
        add_scaled(
            r->p[s], data[DY] + row * VALUE_WIDTH, VALUE_WIDTH, r->want[DV] + key * VALUE_WIDTH);
    }
}

/* Everything that the calls give; y and the logarithms also as the gradient's inputs. */
static void find_wanted(const attention_run *r, bool backward) {
    const attention_trial *of = r->of;
    for (int64_t row = 0; row < of->heads * of->queries; row++) {
        const int64_t head = row / of->queries;
        const int64_t first = head / (of->heads / KEY_HEADS) * of->keys;
        double *y = r->want[Y] + row * VALUE_WIDTH;
        r->want[LSE][row] = find_shares(r, head, row % of->queries);
        for (int64_t s = 0; s < of->keys; s++) {
            add_scaled(r->p[s], r->t->data[V] + (first + s) * VALUE_WIDTH, VALUE_WIDTH, y);
        }
        if (backward) {
            add_gradients(r, row, first);
        }
    }
}

static cleat_status call_attention(const trial *t, const attention_trial *of, bool backward) {
    const cleat_tensor *x = t->tensors;
    const cleat_attention_options options = {.scale = &scale,
        .causal = of->causal ? CLEAT_CAUSAL_BOTTOM_RIGHT : CLEAT_CAUSAL_NONE,
        .mask = of->masked ? &x[MASK] : NULL};
    return backward ? cleat_attention_backward(t->context, x[Q], x[K], x[V], x[Y], x[LSE], x[DY],
                          x[DQ], x[DK], x[DV], &options)
                    : cleat_attention(t->context, x[Q], x[K], x[V], x[Y], &x[LSE], &options);
}

static void give_forward(trial *t, int operand, const double *values) {
    const int64_t count = cleat_tensor_count(&t->tensors[operand]);
    for (int64_t i = 0; i < count; i++) {
        t->data[operand][i] = (float)values[i];
    }
    trial_write(t, operand);
}

/* With all operands there: calls, and compares what the call gives. */
static void run_attention(trial *t, const attention_trial *of, bool backward, attention_run *r) {
    trial_has_memory(t, r->p);
    trial_has_memory(t, r->dp);
    for (int i = 0; i < ATTENTION_OPERANDS; i++) {
        trial_has_memory(t, r->want[i]);
    }
    if (!trial_going(t, t->status)) {
        return;
    }
    find_wanted(r, backward);
    if (backward) {
        give_forward(t, Y, r->want[Y]);
        give_forward(t, LSE, r->want[LSE]);
    }
    if (trial_going(t, t->status) && trial_going(t, call_attention(t, of, backward))) {
        for (int i = backward ? DQ : Y; i <= (backward ? DV : LSE); i++) {
            trial_compare_scaled(t, i, r->want[i], 0x1p-13);
            r->want[i] = NULL;
        }
    }
}

static cleat_status try_attention(
    cleat_context *context, const attention_trial *of, bool backward, bool *right) {
    const int64_t q[] = {1, of->heads, of->queries, WIDTH}, k[] = {1, KEY_HEADS, of->keys, WIDTH};
    const int64_t v[] = {1, KEY_HEADS, of->keys, VALUE_WIDTH};
    const int64_t y[] = {1, of->heads, of->queries, VALUE_WIDTH}, mask[] = {of->keys};
    const int64_t *const shapes[ATTENTION_OPERANDS] = {q, k, v, y, q, mask, y, q, k, v};
    trial t = trial_begin(context);
    attention_run r = {.of = of, .t = &t, .p = trial_zeros(of->keys), .dp = trial_zeros(of->keys)};
    for (int i = 0; i < ATTENTION_OPERANDS; i++) {
        trial_add(&t, i == LSE ? 3 : i == MASK ? 1 : 4, shapes[i]);
        r.want[i] =
            trial_going(&t, t.status) ? trial_zeros(cleat_tensor_count(&t.tensors[i])) : NULL;
    }
    if (trial_going(&t, t.status)) {
        run_attention(&t, of, backward, &r);
    }
    for (int i = 0; i < ATTENTION_OPERANDS; i++) {
        memory_free(r.want[i]);
    }
    memory_free(r.p);
    memory_free(r.dp);
    return trial_end(&t, right);
}

cleat_status verify_attention(cleat_context *context, bool *right) {
    TRY(try_attention(context, &attention_trials[0], false, right));
    return try_attention(context, &attention_trials[1], false, right);
}

cleat_status verify_attention_backward(cleat_context *context, bool *right) {
    TRY(try_attention(context, &attention_trials[0], true, right));
    return try_attention(context, &attention_trials[1], true, right);
}

/* ---- Rotary embedding: heads that share their positions ---- */

enum { ROTARY_HEADS = 3, ROTARY_ROWS = 21, ROTARY_WIDTH = 24, FIRST_POSITION = 1000 };

static cleat_status try_rotary(
    cleat_context *context, cleat_rotary_pairs pairs, bool inverse, bool *right) {
    const int64_t shape[] = {ROTARY_HEADS, ROTARY_ROWS, ROTARY_WIDTH};
    const cleat_rotary_options options = {
        .pairs = pairs, .inverse = inverse, .first_position = FIRST_POSITION};
    trial t = trial_begin(context);
    trial_add(&t, 3, shape);
    trial_add(&t, 3, shape);
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_rotary(context, t.tensors[0], t.tensors[1], &options))) {
        double *want = trial_zeros(cleat_tensor_count(&t.tensors[1]));
        for (int i = 0; want != NULL && i < ROTARY_HEADS * ROTARY_ROWS * ROTARY_WIDTH / 2; i++) {
            const int row = i / (ROTARY_WIDTH / 2), pair = i % (ROTARY_WIDTH / 2);
            const bool halves = pairs == CLEAT_ROTARY_HALVES;
            const int first = row * ROTARY_WIDTH + (halves ? pair : 2 * pair);
            const int second = first + (halves ? ROTARY_WIDTH / 2 : 1);
            const double position = FIRST_POSITION + row % ROTARY_ROWS;
            const double angle = position * pow(10000, -2.0 * pair / ROTARY_WIDTH);
            const double a = (double)t.data[0][first], b = (double)t.data[0][second];
            const double sine = inverse ? -sin(angle) : sin(angle);
            want[first] = a * cos(angle) - b * sine;
            want[second] = b * cos(angle) + a * sine;
        }
        trial_compare(&t, 1, want, 0x1p-17);
    }
    return trial_end(&t, right);
}

cleat_status verify_rotary(cleat_context *context, bool *right) {
    TRY(try_rotary(context, CLEAT_ROTARY_HALVES, false, right));
    return try_rotary(context, CLEAT_ROTARY_NEIGHBOURS, true, right);
}
