/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for attention: causal, two heads of queries for each head of keys. */
#include "selftest.h"

#include <math.h>

enum { HEADS = 4, KEY_HEADS = 2, QUERIES = 19, KEYS = 23, WIDTH = 16 };

/* What the plain loops give: the probabilities, and the gradients. */
typedef struct attention_sums {
    double p[HEADS * QUERIES * KEYS];
    double y[HEADS * QUERIES * WIDTH], dq[HEADS * QUERIES * WIDTH];
    double dk[KEY_HEADS * KEYS * WIDTH], dv[KEY_HEADS * KEYS * WIDTH];
} attention_sums;

typedef struct attention_operands {
    operand *q, *k, *v, *y, *lse, *dy, *dq, *dk, *dv;
} attention_operands;

static const float *row_of(const operand *x, int head, int rows, int row) {
    return x->data + (head * rows + row) * WIDTH;
}

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (int e = 0; e < WIDTH; e++) {
        sum += (double)a[e] * (double)b[e];
    }
    return sum;
}

/* Softmax of the scaled products of one query with the keys that it sees. */
static void add_query(const attention_operands *o, int head, int query, attention_sums *sums) {
    int group = head / (HEADS / KEY_HEADS), seen = query + KEYS - QUERIES + 1;
    double *p = sums->p + (head * QUERIES + query) * KEYS, total = 0;
    for (int s = 0; s < seen; s++) {
        p[s] = exp(0.25 * dot(row_of(o->q, head, QUERIES, query), row_of(o->k, group, KEYS, s)));
        total += p[s];
    }
    for (int s = 0; s < seen; s++) {
        p[s] /= total;
        for (int e = 0; e < WIDTH; e++) {
            sums->y[(head * QUERIES + query) * WIDTH + e] +=
                p[s] * (double)row_of(o->v, group, KEYS, s)[e];
        }
    }
}

static void add_gradients(const attention_operands *o, int head, int query, attention_sums *sums) {
    int group = head / (HEADS / KEY_HEADS), at = head * QUERIES + query;
    const float *dy = row_of(o->dy, head, QUERIES, query);
    double d = 0;
    for (int e = 0; e < WIDTH; e++) {
        d += (double)dy[e] * sums->y[at * WIDTH + e];
    }
    for (int s = 0; s < query + KEYS - QUERIES + 1; s++) {
        double p = sums->p[at * KEYS + s];
        double ds = 0.25 * p * (dot(dy, row_of(o->v, group, KEYS, s)) - d);
        for (int e = 0; e < WIDTH; e++) {
            int key = (group * KEYS + s) * WIDTH + e;
            sums->dq[at * WIDTH + e] += ds * (double)o->k->data[key];
            sums->dk[key] += ds * (double)row_of(o->q, head, QUERIES, query)[e];
            sums->dv[key] += p * (double)dy[e];
        }
    }
}

static bool run_attention(check *c, const attention_operands *o) {
    const cleat_attention_options options = {.causal = CLEAT_CAUSAL_BOTTOM_RIGHT};
    return c->status == CLEAT_OK &&
           check_call(c, cleat_attention(c->context, o->q->tensor, o->k->tensor, o->v->tensor,
                             o->y->tensor, &o->lse->tensor, &options)) &&
           check_call(c, cleat_attention_backward(c->context, o->q->tensor, o->k->tensor,
                             o->v->tensor, o->y->tensor, o->lse->tensor, o->dy->tensor,
                             o->dq->tensor, o->dk->tensor, o->dv->tensor, &options)) &&
           check_fetch(c, o->y) && check_fetch(c, o->dq) && check_fetch(c, o->dk) &&
           check_fetch(c, o->dv);
}

static void compare(check *c, const operand *got, const double *want) {
    for (int64_t i = 0; i < got->count; i++) {
        check_value(c, got->data[i], want[i], 4, KEYS);
    }
}

void check_attention(check *c) {
    const int64_t queries[] = {1, HEADS, QUERIES, WIDTH}, keys[] = {1, KEY_HEADS, KEYS, WIDTH};
    const attention_operands o = {
        .q = check_operand(c, 4, queries),
        .k = check_operand(c, 4, keys),
        .v = check_operand(c, 4, keys),
        .y = check_operand(c, 4, queries),
        .lse = check_operand(c, 3, queries),
        .dy = check_operand(c, 4, queries),
        .dq = check_operand(c, 4, queries),
        .dk = check_operand(c, 4, keys),
        .dv = check_operand(c, 4, keys),
    };
    if (!run_attention(c, &o)) {
        return;
    }
    attention_sums sums = {.p = {0}};
    for (int i = 0; i < HEADS * QUERIES; i++) {
        add_query(&o, i / QUERIES, i % QUERIES, &sums);
        add_gradients(&o, i / QUERIES, i % QUERIES, &sums);
    }
    compare(c, o.y, sums.y);
    compare(c, o.dq, sums.dq);
    compare(c, o.dk, sums.dk);
    compare(c, o.dv, sums.dv);
}

/* Pair i of row l, elements i and i + WIDTH / 2, turned by (1000 + l) 10000^(-2 i / WIDTH). */
void check_rotary(check *c) {
    enum { LENGTH = 50, HALF = WIDTH / 2, FIRST = 1000 };
    operand *x = check_operand(c, 2, (int64_t[]){LENGTH, WIDTH});
    operand *y = check_operand(c, 2, (int64_t[]){LENGTH, WIDTH});
    const cleat_rotary_options options = {.first_position = FIRST};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_rotary(c->context, x->tensor, y->tensor, &options)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < LENGTH * HALF; i++) {
        const int at = i / HALF * WIDTH + i % HALF;
        const double angle = (FIRST + i / HALF) * pow(10000, -2.0 * (i % HALF) / WIDTH);
        const double x0 = (double)x->data[at], x1 = (double)x->data[at + HALF];
        check_value(c, y->data[at], x0 * cos(angle) - x1 * sin(angle), 2, 4);
        check_value(c, y->data[at + HALF], x1 * cos(angle) + x0 * sin(angle), 2, 4);
    }
}
