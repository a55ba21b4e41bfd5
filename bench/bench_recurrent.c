/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM and GRU, forward and backward, of as many features as outputs. */
#include "peer_peak.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct recurrent_case {
    const char *name;
    int64_t steps, batch, hidden;
    int gates; /* 4: LSTM, 3: GRU */
    bool gradient;
} recurrent_case;

static const recurrent_case cases[] = {
    {"lstm 64 steps batch 32 hidden 256", 64, 32, 256, 4, false},
    {"lstm 32 steps batch 64 hidden 512", 32, 64, 512, 4, false},
    {"lstm gradient 64 steps batch 32 hidden 256", 64, 32, 256, 4, true},
    {"gru 64 steps batch 32 hidden 256", 64, 32, 256, 3, false},
    {"gru gradient 64 steps batch 32 hidden 256", 64, 32, 256, 3, true},
};

typedef struct recurrent_run {
    cleat_context *context;
    const recurrent_case *c;
    cleat_tensor x, w, r, y, reserve, dy, dx, dw, dr;
} recurrent_run;

static cleat_status forward(const recurrent_run *a) {
    const cleat_recurrent_options options = {
        .reserve = a->c->gradient ? &a->reserve : NULL, .linear_before_reset = true};
    return a->c->gates == 4 ? cleat_lstm(a->context, a->x, a->w, a->r, a->y, &options)
                            : cleat_gru(a->context, a->x, a->w, a->r, a->y, &options);
}

static cleat_status backward(const recurrent_run *a) {
    const cleat_recurrent_options options = {.reserve = &a->reserve, .linear_before_reset = true};
    return a->c->gates == 4 ? cleat_lstm_backward(a->context, a->x, a->w, a->r, a->y, a->dy, a->dx,
                                  a->dw, a->dr, &options, NULL)
                            : cleat_gru_backward(a->context, a->x, a->w, a->r, a->y, a->dy, a->dx,
                                  a->dw, a->dr, &options, NULL);
}

static bool run_recurrent(void *state, int64_t calls) {
    const recurrent_run *a = state;
    for (int64_t call = 0; call < calls; call++) {
        if ((a->c->gradient ? backward(a) : forward(a)) != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(a->context) == CLEAT_OK;
}

/* Numbers within `most` of 0, not all alike. */
static bool check_result(bench_run *run, const cleat_tensor *result, float most) {
    const size_t count = (size_t)cleat_tensor_count(result);
    float *values = malloc(count * sizeof *values);
    bool good = values != NULL &&
                bench_call(run, cleat_read(run->context, *result, values, count * sizeof *values),
                    "cleat_read");
    bool differs = false;
    for (size_t i = 0; i < count && good; i++) {
        good = fabsf(values[i]) <= most || bench_fail(run, "a result is %g", (double)values[i]);
        differs = differs || values[i] != values[0];
    }
    free(values);
    return good && (differs || bench_fail(run, "every result is the same"));
}

static bool make(bench_run *run, recurrent_run *a) {
    const recurrent_case *c = a->c;
    const int64_t x[] = {c->steps, c->batch, c->hidden};
    const int64_t w[] = {1, c->gates * c->hidden, c->hidden};
    const int64_t y[] = {c->steps, 1, c->batch, c->hidden};
    const int64_t reserve[] = {1, c->steps, c->batch, (c->gates + 1) * c->hidden};
    float *xs = bench_floats((size_t)(x[0] * x[1] * x[2]));
    float *ws = bench_floats((size_t)(w[1] * w[2]));
    bool good = xs != NULL && ws != NULL && bench_tensor(run, 3, x, xs, &a->x) &&
                bench_tensor(run, 3, w, ws, &a->w) && bench_tensor(run, 3, w, ws, &a->r) &&
                bench_tensor(run, 4, y, NULL, &a->y);
    if (good && c->gradient) {
        good = bench_tensor(run, 4, reserve, NULL, &a->reserve) &&
               bench_tensor(run, 4, y, xs, &a->dy) && bench_tensor(run, 3, x, NULL, &a->dx) &&
               bench_tensor(run, 3, w, NULL, &a->dw) && bench_tensor(run, 3, w, NULL, &a->dr);
    }
    free(xs);
    free(ws);
    return good;
}

static void release(recurrent_run *a) {
    cleat_tensor *const tensors[] = {
        &a->x, &a->w, &a->r, &a->y, &a->reserve, &a->dy, &a->dx, &a->dw, &a->dr};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        cleat_tensor_release(tensors[i]);
    }
}

static bool recurrent_measure(bench_run *run, size_t index) {
    const recurrent_case *c = &cases[index];
    /* Of x and of h; for the gradient, two products for each of them. */
    const double flop = (c->gradient ? 8.0 : 4.0) * (double)(c->gates * c->steps * c->batch) *
                        (double)(c->hidden * c->hidden);
    recurrent_run a = {.context = run->context, .c = c};
    bool good = make(run, &a) && bench_call(run, forward(&a), "forward") &&
                check_result(run, &a.y, 1.0f) && run_recurrent(&a, 1) &&
                (!c->gradient || check_result(run, &a.dx, FLT_MAX));
    contender contenders[2] = {{"cleat", run_recurrent, &a}};
    size_t count = 1;
    peak_peer *peak = NULL;
    if (good && bench_has_peer(run, "peak")) {
        peak = peak_peer_create(run, flop);
        contenders[count++] = (contender){"peak", peak_peer_run, peak};
        good = peak != NULL && peak_peer_run(peak, 1) && peak_peer_check(run, peak);
    }
    good = good && bench_compare(run, &unit_gflops, flop, contenders, count);
    peak_peer_destroy(peak);
    release(&a);
    return good;
}

static void recurrent_name(size_t index, char *text, size_t size) {
    snprintf(text, size, "%s", cases[index].name);
}

const bench bench_recurrent = {"recurrent", "LSTM and GRU and their gradients, products counted",
    sizeof cases / sizeof cases[0], recurrent_name, recurrent_measure};
