/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small transformer that learns to write like a text, letter by letter:
 *
 *     char_transformer [TEXT [STEPS]]     /usr/share/common-licenses/GPL-3 and 600 unless given
 *
 * Letters become vectors of 96 (embedding); a block lets each letter look back at those before it
 * (attention with 4 heads, places by rotary embedding) and then thinks about it (two products with
 * a gelu between); a last product tells how likely each letter is to come next. Sums run past
 * both parts of the block (residual connections). Heads are views of the same memory: nothing is
 * copied or rearranged.
 */
#include <cleat/cleat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 16,  /* pieces of text a step */
    LENGTH = 64, /* letters of each */
    TOKENS = BATCH * LENGTH,
    WIDTH = 96,
    HEADS = 4,
    HIDDEN = 4 * WIDTH,
    MOST_LETTERS = 256,
    WRITTEN = 240 /* letters to write in the end */
};

/* Weights w, their gradient, and what the optimiser remembers. */
typedef struct weights {
    cleat_tensor w, dw, mean, square;
} weights;

/* The order of network.weights. */
enum { TABLE, QUERY, KEY, VALUE, MIX, EXPAND, SHRINK, NEXT, WEIGHTS };

typedef struct network {
    cleat_context *context;
    int64_t letters;
    weights weights[WEIGHTS];
    cleat_tensor tokens, targets, loss;   /* i32 [BATCH, LENGTH], i32 [TOKENS], scalar */
    cleat_tensor x, dx;                   /* [TOKENS, WIDTH]: what enters the block */
    cleat_tensor q, k, v, dq, dk, dv;     /* the same */
    cleat_tensor seen, dseen;             /* what attention gives */
    cleat_tensor lse;                     /* [BATCH, HEADS, LENGTH] */
    cleat_tensor middle, dmiddle, y, dy;  /* after attention; after the block */
    cleat_tensor before, hidden, dhidden; /* [TOKENS, HIDDEN]: around the gelu */
    cleat_tensor logits;                  /* [TOKENS, letters]; then their gradient */
} network;

static void check(cleat_status status) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", cleat_status_name(status), cleat_error_message());
        exit(EXIT_FAILURE);
    }
}

static cleat_tensor tensor(network *n, cleat_type type, int64_t rows, int64_t columns) {
    cleat_tensor x;
    check(
        cleat_tensor_create(n->context, type, columns > 0 ? 2 : 1, (int64_t[]){rows, columns}, &x));
    check(cleat_fill(n->context, 0, x));
    return x;
}

static void make_weights(network *n, int which, int64_t rows, int64_t columns, float deviation) {
    weights *w = &n->weights[which];
    cleat_tensor *all[] = {&w->w, &w->dw, &w->mean, &w->square};
    for (int i = 0; i < 4; i++) {
        *all[i] = tensor(n, CLEAT_F32, rows, columns);
    }
    check(cleat_random_normal(n->context, 1, (uint64_t)which, 0, deviation, w->w));
}

static void make_network(network *n) {
    make_weights(n, TABLE, n->letters, WIDTH, 0.5F);
    for (int i = QUERY; i <= MIX; i++) {
        make_weights(n, i, WIDTH, WIDTH, 0.1F);
    }
    make_weights(n, EXPAND, WIDTH, HIDDEN, 0.1F);
    make_weights(n, SHRINK, HIDDEN, WIDTH, 0.05F);
    make_weights(n, NEXT, WIDTH, n->letters, 0.05F);
    n->tokens = tensor(n, CLEAT_I32, BATCH, LENGTH);
    n->targets = tensor(n, CLEAT_I32, TOKENS, 0);
    check(cleat_tensor_create(n->context, CLEAT_F32, 0, NULL, &n->loss));
    cleat_tensor *narrow[] = {&n->x, &n->dx, &n->q, &n->k, &n->v, &n->dq, &n->dk, &n->dv, &n->seen,
        &n->dseen, &n->middle, &n->dmiddle, &n->y, &n->dy};
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
        *narrow[i] = tensor(n, CLEAT_F32, TOKENS, WIDTH);
    }
    cleat_tensor *wide[] = {&n->before, &n->hidden, &n->dhidden};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        *wide[i] = tensor(n, CLEAT_F32, TOKENS, HIDDEN);
    }
    n->logits = tensor(n, CLEAT_F32, TOKENS, n->letters);
    check(
        cleat_tensor_create(n->context, CLEAT_F32, 3, (int64_t[]){BATCH, HEADS, LENGTH}, &n->lse));
}

static void free_network(network *n) {
    for (int i = 0; i < WEIGHTS; i++) {
        weights *w = &n->weights[i];
        cleat_tensor *all[] = {&w->w, &w->dw, &w->mean, &w->square};
        for (int k = 0; k < 4; k++) {
            cleat_tensor_release(all[k]);
        }
    }
    cleat_tensor *all[] = {&n->tokens, &n->targets, &n->loss, &n->x, &n->dx, &n->q, &n->k, &n->v,
        &n->dq, &n->dk, &n->dv, &n->seen, &n->dseen, &n->lse, &n->middle, &n->dmiddle, &n->y,
        &n->dy, &n->before, &n->hidden, &n->dhidden, &n->logits};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cleat_tensor_release(all[i]);
    }
    cleat_context_release(n->context);
}

/* [TOKENS, WIDTH] as [BATCH, HEADS, LENGTH, WIDTH / HEADS]: another view of the same memory. */
static cleat_tensor heads_of(cleat_tensor x) {
    const int64_t apart[] = {BATCH, LENGTH, HEADS, WIDTH / HEADS};
    const int32_t order[] = {0, 2, 1, 3};
    check(cleat_reshape(x, 4, apart, &x));
    check(cleat_permute(x, order, &x));
    return x;
}

/* y = x w + residual */
static void multiply(
    network *n, cleat_tensor x, int which, const cleat_tensor *residual, cleat_tensor y) {
    const cleat_matmul_options options = {.residual = residual};
    check(cleat_matmul(n->context, x, n->weights[which].w, y, &options));
}

/* The gradients of y = x w: of w, and dx = dy w^T + residual. */
static void multiply_backward(network *n, cleat_tensor x, int which, cleat_tensor dy,
    const cleat_tensor *residual, cleat_tensor dx) {
    const cleat_matmul_options options = {.residual = residual};
    const weights *w = &n->weights[which];
    check(cleat_matmul(n->context, cleat_transpose(x), dy, w->dw, NULL));
    check(cleat_matmul(n->context, dy, cleat_transpose(w->w), dx, &options));
}

static const cleat_attention_options looking_back = {.causal = CLEAT_CAUSAL_TOP_LEFT};

static void turn(network *n, cleat_tensor x, bool inverse) {
    const cleat_rotary_options options = {.inverse = inverse};
    check(cleat_rotary(n->context, heads_of(x), heads_of(x), &options));
}

static void forward(network *n) {
    cleat_tensor x;
    check(cleat_reshape(n->x, 3, (int64_t[]){BATCH, LENGTH, WIDTH}, &x));
    check(cleat_embedding(n->context, n->weights[TABLE].w, n->tokens, x, NULL));
    multiply(n, n->x, QUERY, NULL, n->q);
    multiply(n, n->x, KEY, NULL, n->k);
    multiply(n, n->x, VALUE, NULL, n->v);
    turn(n, n->q, false);
    turn(n, n->k, false);
    check(cleat_attention(n->context, heads_of(n->q), heads_of(n->k), heads_of(n->v),
        heads_of(n->seen), &n->lse, &looking_back));
    multiply(n, n->seen, MIX, &n->x, n->middle);
    multiply(n, n->middle, EXPAND, NULL, n->before);
    check(cleat_activate(n->context, CLEAT_GELU, n->before, n->hidden, NULL));
    multiply(n, n->hidden, SHRINK, &n->middle, n->y);
    multiply(n, n->y, NEXT, NULL, n->logits);
}

/* From the gradient of the logits, which lies in their place. */
static void backward(network *n) {
    multiply_backward(n, n->y, NEXT, n->logits, NULL, n->dy);
    multiply_backward(n, n->hidden, SHRINK, n->dy, NULL, n->dhidden);
    check(cleat_activate_backward(n->context, CLEAT_GELU, n->before, n->dhidden, n->dhidden, NULL));
    multiply_backward(n, n->middle, EXPAND, n->dhidden, &n->dy, n->dmiddle);
    multiply_backward(n, n->seen, MIX, n->dmiddle, NULL, n->dseen);
    check(cleat_attention_backward(n->context, heads_of(n->q), heads_of(n->k), heads_of(n->v),
        heads_of(n->seen), n->lse, heads_of(n->dseen), heads_of(n->dq), heads_of(n->dk),
        heads_of(n->dv), &looking_back));
    turn(n, n->dq, true);
    turn(n, n->dk, true);
    multiply_backward(n, n->x, QUERY, n->dq, &n->dmiddle, n->dx);
    multiply_backward(n, n->x, KEY, n->dk, &n->dx, n->dx);
    multiply_backward(n, n->x, VALUE, n->dv, &n->dx, n->dx);
    cleat_tensor dx;
    check(cleat_reshape(n->dx, 3, (int64_t[]){BATCH, LENGTH, WIDTH}, &dx));
    check(cleat_embedding_backward(n->context, n->tokens, dx, n->weights[TABLE].dw, NULL));
}

static void update(network *n, int64_t step, float rate) {
    const cleat_adam_options options = {.weight_decay = 0.01F};
    cleat_tensor gradients[WEIGHTS];
    for (int i = 0; i < WEIGHTS; i++) {
        gradients[i] = n->weights[i].dw;
    }
    check(cleat_clip_gradient_norm(n->context, WEIGHTS, gradients, 1, NULL));
    for (int i = 0; i < WEIGHTS; i++) {
        const weights *w = &n->weights[i];
        check(cleat_adamw_step(n->context, w->w, w->dw, w->mean, w->square, step, rate, &options));
    }
}

/* ---- The text ---- */

typedef struct text {
    int32_t *numbers; /* of the letters, in the order of their first appearance */
    long count;
    char letters[MOST_LETTERS];
} text;

static text read_text(const char *path, int64_t *letters) {
    text t = {.count = 0};
    int number[MOST_LETTERS];
    FILE *file = fopen(path, "rb");
    memset(number, -1, sizeof number);
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (t.count = ftell(file)) <= LENGTH ||
        fseek(file, 0, SEEK_SET) != 0) {
        fprintf(stderr, "char_transformer: %s is no text of more than %d letters\n", path, LENGTH);
        exit(EXIT_FAILURE);
    }
    t.numbers = malloc((size_t)t.count * sizeof *t.numbers);
    if (t.numbers == NULL) {
        fprintf(stderr, "char_transformer: no memory for %s\n", path);
        exit(EXIT_FAILURE);
    }
    *letters = 0;
    for (long i = 0; i < t.count; i++) {
        int letter = fgetc(file) & (MOST_LETTERS - 1);
        if (number[letter] < 0) {
            t.letters[*letters] = (char)letter;
            number[letter] = (int)(*letters)++;
        }
        t.numbers[i] = number[letter];
    }
    fclose(file);
    return t;
}

/* BATCH pieces from places of the text that look random; targets are the next letters. */
static void load_pieces(network *n, const text *t, uint32_t *seed) {
    int32_t tokens[TOKENS], targets[TOKENS];
    for (int i = 0; i < BATCH; i++) {
        *seed = *seed * 1664525U + 1013904223U; /* Numerical Recipes' generator */
        long start = (long)(*seed >> 8) % (t->count - LENGTH);
        memcpy(tokens + (ptrdiff_t)i * LENGTH, t->numbers + start, LENGTH * sizeof *tokens);
        memcpy(targets + (ptrdiff_t)i * LENGTH, t->numbers + start + 1, LENGTH * sizeof *targets);
    }
    check(cleat_write(n->context, n->tokens, tokens, sizeof tokens));
    check(cleat_write(n->context, n->targets, targets, sizeof targets));
}

/* Goes on from the text's beginning, the likeliest letter each time. */
static void write_text(network *n, const text *t) {
    int32_t tokens[TOKENS] = {0};
    float *logits = malloc((size_t)n->letters * sizeof *logits);
    memcpy(tokens, t->numbers, LENGTH * sizeof *tokens);
    for (int i = 0; logits != NULL && i < WRITTEN; i++) {
        cleat_tensor last;
        check(cleat_write(n->context, n->tokens, tokens, sizeof tokens));
        forward(n);
        check(cleat_slice(n->logits, 0, LENGTH - 1, 1, 1, &last));
        check(cleat_read(n->context, last, logits, (size_t)n->letters * sizeof *logits));
        int best = 0;
        for (int c = 1; c < n->letters; c++) {
            best = logits[c] > logits[best] ? c : best;
        }
        putchar(t->letters[best]);
        memmove(tokens, tokens + 1, (LENGTH - 1) * sizeof *tokens);
        tokens[LENGTH - 1] = best;
    }
    putchar('\n');
    free(logits);
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "/usr/share/common-licenses/GPL-3";
    const long steps = count > 2 ? strtol(arguments[2], NULL, 10) : 600;
    network n = {.context = NULL};
    uint32_t seed = 1;
    float loss = 0;
    text t = read_text(path, &n.letters);
    check(cleat_context_create(NULL, &n.context));
    make_network(&n);
    for (long step = 1; step <= steps; step++) {
        load_pieces(&n, &t, &seed);
        forward(&n);
        if (step % 100 == 0 || step == 1) {
            check(cleat_softmax_cross_entropy(n.context, n.logits, n.targets, n.loss, NULL));
            check(cleat_read(n.context, n.loss, &loss, sizeof loss));
            printf("step %4ld  loss %.3f\n", step, (double)loss);
            fflush(stdout);
        }
        check(cleat_softmax_cross_entropy_backward(
            n.context, n.logits, n.targets, NULL, n.logits, NULL));
        backward(&n);
        float rate =
            cleat_schedule_cosine(3e-3F, 3e-4F, steps, step) * cleat_schedule_warmup(50, step);
        update(&n, step, rate);
    }
    write_text(&n, &t);
    free_network(&n);
    free(t.numbers);
    return EXIT_SUCCESS;
}
