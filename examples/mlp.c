/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small network, trained from scratch: tell three interleaved spirals apart (2 inputs, two hidden
 * layers of 64, 3 classes). Everything that a training loop needs is on this page: forward,
 * gradients backward, an optimiser's step. The host only reads one number now and then.
 */
#include <cleat/cleat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SPIRALS = 3,
    POINTS = 600,
    HIDDEN = 64,
    LAYERS = 3,
    STEPS = 400,
    MAP_WIDTH = 64,
    MAP_HEIGHT = 24
};

/* One layer: y = activation(x w + b), its gradients, and what Adam remembers of each. */
typedef struct layer {
    int64_t inputs, outputs;
    cleat_activation activation;
    cleat_tensor y, dy;                   /* [POINTS, outputs] */
    cleat_tensor w, dw, w_mean, w_square; /* [inputs, outputs] */
    cleat_tensor b, db, b_mean, b_square; /* [outputs] */
} layer;

static void check(cleat_status status) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", cleat_status_name(status), cleat_error_message());
        exit(EXIT_FAILURE);
    }
}

static cleat_tensor zeros(cleat_context *context, int32_t rank, const int64_t *shape) {
    cleat_tensor x;
    check(cleat_tensor_create(context, CLEAT_F32, rank, shape, &x));
    check(cleat_fill(context, 0, x));
    return x;
}

static layer make_layer(cleat_context *context, int number, int64_t inputs, int64_t outputs) {
    const int64_t of_y[] = {POINTS, outputs};
    const int64_t of_w[] = {inputs, outputs};
    layer l = {.inputs = inputs,
        .outputs = outputs,
        .activation = number + 1 < LAYERS ? CLEAT_RELU : CLEAT_ACTIVATION_NONE,
        .y = zeros(context, 2, of_y),
        .dy = zeros(context, 2, of_y),
        .w = zeros(context, 2, of_w),
        .dw = zeros(context, 2, of_w),
        .w_mean = zeros(context, 2, of_w),
        .w_square = zeros(context, 2, of_w),
        .b = zeros(context, 1, &outputs),
        .db = zeros(context, 1, &outputs),
        .b_mean = zeros(context, 1, &outputs),
        .b_square = zeros(context, 1, &outputs)};
    /* He et al. 2015: what keeps the variance from layer to layer under relu. */
    float deviation = sqrtf(2.0F / (float)inputs);
    check(cleat_random_normal(context, 1, (uint64_t)number, 0, deviation, l.w));
    return l;
}

static void free_layer(layer *l) {
    cleat_tensor *all[] = {&l->y, &l->dy, &l->w, &l->dw, &l->w_mean, &l->w_square, &l->b, &l->db,
        &l->b_mean, &l->b_square};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cleat_tensor_release(all[i]);
    }
}

static void forward(cleat_context *context, layer *layers, cleat_tensor x) {
    for (int i = 0; i < LAYERS; i++) {
        layer *l = &layers[i];
        const cleat_matmul_options options = {.bias = &l->b, .activation = l->activation};
        check(cleat_matmul(context, i == 0 ? x : layers[i - 1].y, l->w, l->y, &options));
    }
}

/* From dy of the last layer to the gradients of all weights: y = act(x w + b) gives
 * dw = x^T g, db = sum of g, dx = g w^T with g = dy * act'. */
static void backward(cleat_context *context, layer *layers, cleat_tensor x) {
    const int32_t over_points = 0;
    const cleat_activation_options from_output = {.from_output = true};
    for (int i = LAYERS - 1; i >= 0; i--) {
        layer *l = &layers[i];
        check(cleat_activate_backward(context, l->activation, l->y, l->dy, l->dy, &from_output));
        cleat_tensor input = i == 0 ? x : layers[i - 1].y;
        check(cleat_matmul(context, cleat_transpose(input), l->dy, l->dw, NULL));
        check(cleat_reduce(context, CLEAT_REDUCE_SUM, l->dy, 1, &over_points, l->db, NULL));
        if (i > 0) {
            check(cleat_matmul(context, l->dy, cleat_transpose(l->w), layers[i - 1].dy, NULL));
        }
    }
}

static void update(cleat_context *context, layer *layers, int64_t step) {
    const float rate = 5e-3F;
    for (int i = 0; i < LAYERS; i++) {
        layer *l = &layers[i];
        check(cleat_adam_step(context, l->w, l->dw, l->w_mean, l->w_square, step, rate, NULL));
        check(cleat_adam_step(context, l->b, l->db, l->b_mean, l->b_square, step, rate, NULL));
    }
}

/* Points along three arms that wind around each other, class after class. */
static void make_points(float (*points)[2], int32_t *labels) {
    for (int i = 0; i < POINTS; i++) {
        int arm = i % SPIRALS;
        float radius = ((float)(i / SPIRALS) + 1) / (POINTS / SPIRALS);
        float angle = 4 * radius + 2.0943951F * (float)arm; /* 2 pi / 3 apart */
        points[i][0] = radius * cosf(angle);
        points[i][1] = radius * sinf(angle);
        labels[i] = arm;
    }
}

static int likeliest(const float *logits) {
    int best = 0;
    for (int c = 1; c < SPIRALS; c++) {
        best = logits[c] > logits[best] ? c : best;
    }
    return best;
}

static double accuracy(float (*logits)[SPIRALS], const int32_t *labels) {
    int right = 0;
    for (int i = 0; i < POINTS; i++) {
        right += likeliest(logits[i]) == labels[i];
    }
    return 100.0 * right / POINTS;
}

/* What the network takes each place for, POINTS places at a time. */
static void print_map(cleat_context *context, layer *layers, cleat_tensor x) {
    static float places[POINTS][2];
    static float logits[POINTS][SPIRALS];
    for (int done = 0; done < MAP_WIDTH * MAP_HEIGHT; done += POINTS) {
        for (int i = 0; i < POINTS; i++) {
            places[i][0] = 2.2F * (float)((done + i) % MAP_WIDTH) / MAP_WIDTH - 1.1F;
            places[i][1] = 1.1F - 2.2F * (float)((done + i) / MAP_WIDTH) / MAP_HEIGHT;
        }
        check(cleat_write(context, x, places, sizeof places));
        forward(context, layers, x);
        check(cleat_read(context, layers[LAYERS - 1].y, logits, sizeof logits));
        for (int i = 0; i < POINTS && done + i < MAP_WIDTH * MAP_HEIGHT; i++) {
            putchar(".o#"[likeliest(logits[i])]);
            if ((done + i + 1) % MAP_WIDTH == 0) {
                putchar('\n');
            }
        }
    }
}

int main(void) {
    static float points[POINTS][2];
    static float logits[POINTS][SPIRALS];
    static int32_t labels[POINTS];
    cleat_context *context = NULL;
    layer layers[LAYERS];
    cleat_tensor x, classes, loss;
    float loss_value = 0;
    make_points(points, labels);
    check(cleat_context_create(NULL, &context));
    check(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){POINTS, 2}, &x));
    check(cleat_tensor_create(context, CLEAT_I32, 1, (int64_t[]){POINTS}, &classes));
    check(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &loss));
    check(cleat_write(context, x, points, sizeof points));
    check(cleat_write(context, classes, labels, sizeof labels));
    for (int i = 0; i < LAYERS; i++) {
        layers[i] = make_layer(context, i, i == 0 ? 2 : HIDDEN, i + 1 < LAYERS ? HIDDEN : SPIRALS);
    }
    layer *last = &layers[LAYERS - 1];
    for (int step = 1; step <= STEPS; step++) {
        forward(context, layers, x);
        check(
            cleat_softmax_cross_entropy_backward(context, last->y, classes, NULL, last->dy, NULL));
        backward(context, layers, x);
        update(context, layers, step);
        if (step % 100 == 0) {
            check(cleat_softmax_cross_entropy(context, last->y, classes, loss, NULL));
            check(cleat_read(context, loss, &loss_value, sizeof loss_value));
            check(cleat_read(context, last->y, logits, sizeof logits));
            printf("step %3d  loss %.4f  accuracy %.1f %%\n", step, (double)loss_value,
                accuracy(logits, labels));
        }
    }
    print_map(context, layers, x);
    for (int i = 0; i < LAYERS; i++) {
        free_layer(&layers[i]);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&classes);
    cleat_tensor_release(&loss);
    cleat_context_release(context);
    return accuracy(logits, labels) >= 95 ? EXIT_SUCCESS : EXIT_FAILURE;
}
