/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention: many queries, against the peak of arithmetic; one query for each head (a step of a
 * decoder), in bytes of keys and values, against a copy. The peer "composed" does the same with
 * Cleat's matmul, softmax, matmul, and a matrix of scores in memory.
 */
#include "peer_copy.h"
#include "peer_peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct attention_case {
    const char *name;
    int64_t heads, key_heads, queries, keys, width;
    bool causal, backward;
} attention_case;

static const attention_case cases[] = {
    {"16 heads 256x256x64", 16, 16, 256, 256, 64, false, false},
    {"16 heads 1024x1024x64", 16, 16, 1024, 1024, 64, false, false},
    {"16 heads 1024x1024x64 causal", 16, 16, 1024, 1024, 64, true, false},
    {"16/4 heads 1024x1024x128", 16, 4, 1024, 1024, 128, false, false},
    {"16 heads 1024x1024x64 gradient", 16, 16, 1024, 1024, 64, false, true},
    {"16 heads 1x4096x64", 16, 16, 1, 4096, 64, false, false},
    {"32/8 heads 1x8192x128", 32, 8, 1, 8192, 128, false, false},
};
enum { Q, K, V, Y, LSE, DY, DQ, DK, DV, SCORES, TENSORS };

typedef struct attention_run {
    const attention_case *of;
    cleat_context *context;
    cleat_tensor t[TENSORS];
    float *host[3];
    float scale;
} attention_run;

static bool cleat_attend(void *state, int64_t calls) {
    const attention_run *a = state;
    const cleat_tensor *t = a->t;
    const cleat_attention_options options = {
        .causal = a->of->causal ? CLEAT_CAUSAL_TOP_LEFT : CLEAT_CAUSAL_NONE};
    for (int64_t call = 0; call < calls; call++) {
        const cleat_status status =
            a->of->backward
                ? cleat_attention_backward(a->context, t[Q], t[K], t[V], t[Y], t[LSE], t[DY], t[DQ],
                      t[DK], t[DV], &options)
                : cleat_attention(a->context, t[Q], t[K], t[V], t[Y], &t[LSE], &options);
        if (status != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(a->context) == CLEAT_OK;
}

static bool composed_attend(void *state, int64_t calls) {
    const attention_run *a = state;
    const cleat_tensor *t = a->t;
    for (int64_t call = 0; call < calls; call++) {
        if (cleat_matmul(a->context, t[Q], cleat_transpose(t[K]), t[SCORES],
                &(cleat_matmul_options){.alpha = &a->scale}) != CLEAT_OK ||
            cleat_softmax(a->context, t[SCORES], 3, t[SCORES]) != CLEAT_OK ||
            cleat_matmul(a->context, t[SCORES], t[V], t[Y], NULL) != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(a->context) == CLEAT_OK;
}

static bool make_tensors(bench_run *run, attention_run *a) {
    const attention_case *c = a->of;
    const int64_t q[] = {1, c->heads, c->queries, c->width};
    const int64_t k[] = {1, c->key_heads, c->keys, c->width};
    const int64_t scores[] = {1, c->heads, c->queries, c->keys};
    bool good = true;
    for (int i = 0; i < TENSORS && good; i++) {
        const bool of_keys = i == K || i == V || i == DK || i == DV;
        const bool composes = c->heads == c->key_heads && !c->causal && !c->backward;
        if ((i == SCORES && !composes) || (i >= DY && i <= DV && !c->backward)) {
            continue;
        }
        const int64_t *shape = of_keys ? k : i == SCORES ? scores : q;
        float *host = bench_floats((size_t)(shape[1] * shape[2] * shape[3]));
        good = host != NULL &&
               bench_tensor(run, i == LSE ? 3 : 4, shape, i == LSE ? NULL : host, &a->t[i]);
        if (i <= V) {
            a->host[i] = host;
        } else {
            free(host);
        }
    }
    return good;
}

/* Some elements of y in float64; the error of a score is one of its exponential. */
static bool check_result(bench_run *run, const char *who, const attention_run *a) {
    const attention_case *c = a->of;
    const int64_t count = c->heads * c->queries * c->width;
    float *y = malloc((size_t)count * sizeof *y);
    bool good = y != NULL &&
                bench_call(run, cleat_read(run->context, a->t[Y], y, (size_t)count * sizeof *y),
                    "cleat_read");
    for (int64_t probe = 0; probe < 16 && good; probe++) {
        const int64_t place = bench_probe(probe, count), e = place % c->width;
        const int64_t row = place / c->width, l = row % c->queries, h = row / c->queries;
        const int64_t keys = h / (c->heads / c->key_heads) * c->keys;
        double total = 0, sum = 0, magnitude = 0;
        for (int64_t s = 0; s < c->keys && (!c->causal || s <= l); s++) {
            double score = 0;
            for (int64_t i = 0; i < c->width; i++) {
                score += (double)a->host[Q][row * c->width + i] *
                         (double)a->host[K][(keys + s) * c->width + i];
            }
            const double p = exp(score * (double)a->scale);
            const double v = (double)a->host[V][(keys + s) * c->width + e];
            total += p;
            sum += p * v;
            magnitude += p * fabs(v);
        }
        good = bench_near(run, who, (double)y[place], sum / total, 8 * magnitude / total,
            (double)(c->keys + c->width));
    }
    free(y);
    return good;
}

/* Of one call: both products, once for each; backward does five of the same size. */
static double flop_of(const attention_case *c) {
    return (c->causal ? 0.5 : 1.0) * (c->backward ? 2.5 : 1.0) * 4.0 * (double)c->heads *
           (double)c->queries * (double)c->keys * (double)c->width;
}

static bool compare(bench_run *run, attention_run *a) {
    const attention_case *c = a->of;
    const bool decodes = c->queries == 1;
    const double bytes = 8.0 * (double)c->key_heads * (double)c->keys * (double)c->width;
    contender contenders[3] = {{"cleat", cleat_attend, a}};
    size_t count = 1;
    copy_peer *copy = NULL;
    peak_peer *peak = NULL;
    bool good = true;
    if (run->options.peers && a->t[SCORES].buffer != NULL) {
        good = composed_attend(a, 1) && check_result(run, "composed", a);
        contenders[count++] = (contender){"composed", composed_attend, a};
    }
    if (good && decodes && bench_has_peer(run, "copy")) {
        copy = copy_peer_create(run, bytes, 0);
        contenders[count++] = (contender){"copy", copy_peer_run, copy};
        good = copy != NULL && copy_peer_run(copy, 1) && copy_peer_check(run, copy);
    } else if (good && bench_has_peer(run, "peak")) {
        peak = peak_peer_create(run, flop_of(c));
        contenders[count++] = (contender){"peak", peak_peer_run, peak};
        good = peak != NULL && peak_peer_run(peak, 1) && peak_peer_check(run, peak);
    }
    good = good && (decodes ? bench_compare(run, &unit_gbytes, bytes, contenders, count)
                            : bench_compare(run, &unit_gflops, flop_of(c), contenders, count));
    copy_peer_destroy(copy);
    peak_peer_destroy(peak);
    return good;
}

static void attention_name(size_t index, char *text, size_t size) {
    snprintf(text, size, "%s", cases[index].name);
}

static bool attention_measure(bench_run *run, size_t index) {
    attention_run a = {.of = &cases[index],
        .context = run->context,
        .scale = (float)(1 / sqrt((double)cases[index].width))};
    bool good = make_tensors(run, &a);
    if (good && a.of->backward) { /* y and the logarithms that it starts from */
        attention_case forward = *a.of;
        attention_run first = a;
        forward.backward = false;
        first.of = &forward;
        good = cleat_attend(&first, 1) && cleat_attend(&a, 1);
    } else {
        good = good && cleat_attend(&a, 1);
    }
    good = good && check_result(run, "cleat", &a) && compare(run, &a);
    for (int i = 0; i < TENSORS; i++) {
        cleat_tensor_release(&a.t[i]);
    }
    for (int i = 0; i < 3; i++) {
        free(a.host[i]);
    }
    return good;
}

const bench bench_attention = {"attention",
    "attention: many queries, their gradient, and single ones (bytes of keys and values)",
    sizeof cases / sizeof cases[0], attention_name, attention_measure};
