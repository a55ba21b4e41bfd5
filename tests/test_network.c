/* SPDX-License-Identifier: Apache-2.0 */
/* Layers at work together: the network of reference_network.h from public calls only. */
#include "harness.h"
#include "reference/reference_network.h"
#include "reference/reference_optimizer.h"

typedef struct network {
    int64_t samples;
    cleat_tensor x, labels;
    cleat_tensor parameter[NETWORK_PARAMETERS], gradient[NETWORK_PARAMETERS];
    cleat_tensor m[NETWORK_PARAMETERS], v[NETWORK_PARAMETERS];
    cleat_tensor h, p, z, loss, dz, dp, dh;
} network;

static cleat_tensor make(int32_t rank, const int64_t *shape) {
    cleat_tensor t;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, rank, shape, &t));
    test_ok(cleat_fill(test_context(), NAN, t));
    return t;
}

static network network_make(const reference_network *r) {
    const int64_t half = r->size / 2;
    const int64_t shapes[NETWORK_PARAMETERS][4] = {
        {r->filters, r->channels, 3, 3}, {r->filters}, {r->classes, r->features}, {r->classes}};
    const int32_t ranks[NETWORK_PARAMETERS] = {4, 1, 2, 1};
    network n = {.samples = r->samples};
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        n.parameter[i] = make(ranks[i], shapes[i]);
        n.gradient[i] = make(ranks[i], shapes[i]);
        n.m[i] = make(ranks[i], shapes[i]);
        n.v[i] = make(ranks[i], shapes[i]);
        test_ok(cleat_fill(test_context(), 0, n.m[i]));
        test_ok(cleat_fill(test_context(), 0, n.v[i]));
    }
    const int64_t pooled[] = {r->samples, r->filters, half, half};
    n.x = make(4, r->conv.x);
    test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 1, &r->samples, &n.labels));
    n.h = make(4, r->conv.y);
    n.dh = make(4, r->conv.y);
    n.p = make(4, pooled);
    n.dp = make(4, pooled);
    n.z = make(2, (int64_t[]){r->samples, r->classes});
    n.dz = make(2, (int64_t[]){r->samples, r->classes});
    n.loss = make(0, NULL);
    return n;
}

static void network_free(network *n) {
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        cleat_tensor_release(&n->parameter[i]);
        cleat_tensor_release(&n->gradient[i]);
        cleat_tensor_release(&n->m[i]);
        cleat_tensor_release(&n->v[i]);
    }
    cleat_tensor *others[] = {
        &n->x, &n->labels, &n->h, &n->p, &n->z, &n->loss, &n->dz, &n->dp, &n->dh};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cleat_tensor_release(others[i]);
    }
}

static const cleat_pool2d_options window = {.window = {2, 2}};

/* [samples, features] of a tensor [samples, filters, rows, columns] */
static cleat_tensor flat(cleat_tensor t) {
    test_ok(cleat_reshape(t, 2, (int64_t[]){t.shape[0], -1}, &t));
    return t;
}

static void run_forward(network *n) {
    cleat_context *context = test_context();
    const cleat_conv2d_options conv = {
        .padding = {1, 1, 1, 1}, .bias = &n->parameter[NETWORK_B], .activation = CLEAT_RELU};
    const cleat_matmul_options dense = {.bias = &n->parameter[NETWORK_C]};
    test_ok(cleat_conv2d(context, n->x, n->parameter[NETWORK_W], n->h, &conv));
    test_ok(cleat_max_pool2d(context, n->h, n->p, &window));
    test_ok(
        cleat_matmul(context, flat(n->p), cleat_transpose(n->parameter[NETWORK_V]), n->z, &dense));
    test_ok(cleat_softmax_cross_entropy(context, n->z, n->labels, n->loss, NULL));
}

static void run_backward(network *n) {
    cleat_context *context = test_context();
    const cleat_conv2d_options conv = {.padding = {1, 1, 1, 1}};
    const cleat_activation_options from_output = {.from_output = true};
    cleat_tensor *g = n->gradient;
    test_ok(cleat_softmax_cross_entropy_backward(context, n->z, n->labels, NULL, n->dz, NULL));
    test_ok(cleat_reduce(context, CLEAT_REDUCE_SUM, n->dz, 1, (int32_t[]){0}, g[NETWORK_C], NULL));
    test_ok(cleat_matmul(context, cleat_transpose(n->dz), flat(n->p), g[NETWORK_V], NULL));
    test_ok(cleat_matmul(context, n->dz, n->parameter[NETWORK_V], flat(n->dp), NULL));
    test_ok(cleat_max_pool2d_backward(context, n->h, n->dp, n->dh, &window));
    test_ok(cleat_activate_backward(context, CLEAT_RELU, n->h, n->dh, n->dh, &from_output));
    test_ok(cleat_conv2d_backward_weights(context, n->x, n->dh, g[NETWORK_W], &conv));
    test_ok(cleat_conv2d_backward_bias(context, n->dh, g[NETWORK_B], NULL));
}

static void run_update(network *n, int64_t step, float learning_rate) {
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        test_ok(cleat_adam_step(test_context(), n->parameter[i], n->gradient[i], n->m[i], n->v[i],
            step, learning_rate, NULL));
    }
}

static void write_floats(cleat_tensor t, const double *values) {
    const int64_t count = cleat_tensor_count(&t);
    float *floats = test_alloc(count, sizeof *floats);
    for (int64_t i = 0; i < count; i++) {
        floats[i] = (float)values[i];
    }
    test_ok(cleat_write(test_context(), t, floats, (size_t)count * sizeof *floats));
    free(floats);
}

/* The tensor's values for the harness's comparisons; free .data. */
static test_tensor read_floats(cleat_tensor t) {
    test_tensor got = {.view = t, .count = cleat_tensor_count(&t)};
    got.data = test_alloc(got.count, sizeof *got.data);
    test_ok(cleat_read(test_context(), t, got.data, (size_t)got.count * sizeof *got.data));
    return got;
}

/* One problem: images, labels, parameters; and room for what the reference makes of them. */
typedef struct problem {
    reference_network net;
    double *x, *parameter[NETWORK_PARAMETERS];
    double *gradient[NETWORK_PARAMETERS], *magnitude[NETWORK_PARAMETERS];
    int32_t *labels;
} problem;

/* Dyadic numbers make the convolution exact in float: the device and the reference then agree about
 * every relu and every maximum. Others keep away from kinks, for central differences. */
static double draw(bool dyadic) {
    return dyadic ? (double)test_int(-8, 8) / 8 : test_real(-1, 1);
}

static problem problem_make(int64_t samples, int64_t size, bool dyadic) {
    problem p = {.net = reference_network_make(
                     samples, test_int(1, 3), size, test_int(1, 6), test_int(2, 12))};
    const int64_t pixels = samples * p.net.channels * size * size;
    p.x = test_alloc(pixels, sizeof *p.x);
    p.labels = test_alloc(samples, sizeof *p.labels);
    for (int64_t i = 0; i < pixels; i++) {
        p.x[i] = draw(dyadic);
    }
    for (int64_t i = 0; i < samples; i++) {
        p.labels[i] = (int32_t)test_int(0, p.net.classes - 1);
    }
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        p.parameter[i] = test_alloc(p.net.count[i], sizeof *p.parameter[i]);
        p.gradient[i] = test_alloc(p.net.count[i], sizeof *p.gradient[i]);
        p.magnitude[i] = test_alloc(p.net.count[i], sizeof *p.magnitude[i]);
        for (int64_t k = 0; k < p.net.count[i]; k++) {
            p.parameter[i][k] = draw(dyadic);
        }
    }
    return p;
}

static void problem_free(problem *p) {
    reference_network_free(&p->net);
    free(p->x);
    free(p->labels);
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        free(p->parameter[i]);
        free(p->gradient[i]);
        free(p->magnitude[i]);
    }
}

/* Steps across a kink, which show in the second difference, are left out. */
START_TEST(test_reference_gradients) {
    const double step = 1e-6;
    int64_t compared = 0, kinks = 0;
    for (int round = 0; round < test_rounds(4); round++) {
        problem p = problem_make(test_int(1, 3), 4, false);
        double middle = reference_network_loss(&p.net, p.x, p.labels, p.parameter);
        reference_network_gradients(&p.net, p.x, p.labels, p.parameter, p.gradient, p.magnitude);
        for (int i = 0; i < NETWORK_PARAMETERS; i++) {
            for (int64_t k = 0; k < p.net.count[i]; k++) {
                double *at = &p.parameter[i][k], old = *at;
                *at = old + step;
                double above = reference_network_loss(&p.net, p.x, p.labels, p.parameter);
                *at = old - step;
                double below = reference_network_loss(&p.net, p.x, p.labels, p.parameter);
                *at = old;
                bool kink = fabs(above - 2 * middle + below) > 1e-10;
                double slope = (above - below) / (2 * step);
                compared++;
                kinks += kink;
                ck_assert_msg(kink || fabs(slope - p.gradient[i][k]) < 1e-6,
                    "parameter %d, element %d: gradient %g, slope %g", i, (int)k, p.gradient[i][k],
                    slope);
            }
        }
        problem_free(&p);
    }
    ck_assert_msg(kinks * 20 < compared, "%d of %d slopes cross a kink", (int)kinks, (int)compared);
}
END_TEST

static void check_same(const cleat_tensor *first, const cleat_tensor *second, const char *what) {
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        test_tensor a = read_floats(first[i]), b = read_floats(second[i]);
        test_same_bits(&a, &b, what);
        free(a.data);
        free(b.data);
    }
}

/* One step of Adam from m = v = 0 against the reference's with the device's own gradients. */
static void check_step(const problem *p, const network *n) {
    const reference_adam adam = {.learning_rate = (double)0.01f,
        .beta1 = (double)0.9f,
        .beta2 = (double)0.999f,
        .epsilon = (double)1e-8f,
        .step = 1};
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        test_tensor got = read_floats(n->parameter[i]), g = read_floats(n->gradient[i]);
        double *want = test_alloc(got.count, sizeof *want), *zeros[2];
        double *gradient = test_alloc(got.count, sizeof *gradient);
        double *size = test_alloc(got.count, sizeof *size);
        zeros[0] = test_alloc(got.count, sizeof **zeros);
        zeros[1] = test_alloc(got.count, sizeof **zeros);
        for (int64_t k = 0; k < got.count; k++) {
            want[k] = p->parameter[i][k];
            gradient[k] = (double)g.data[k];
            size[k] = fabs(want[k]) + 2 * adam.learning_rate;
        }
        reference_adam_step(&adam, got.count, want, gradient, zeros[0], zeros[1]);
        test_bound(&got, want, size, 10, "parameters after a step");
        free(want);
        free(gradient);
        free(size);
        free(zeros[0]);
        free(zeros[1]);
        free(got.data);
        free(g.data);
    }
}

static void run_on_device(network *n, const problem *p) {
    write_floats(n->x, p->x);
    test_ok(cleat_write(
        test_context(), n->labels, p->labels, (size_t)p->net.samples * sizeof *p->labels));
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        write_floats(n->parameter[i], p->parameter[i]);
    }
    run_forward(n);
    run_backward(n);
    run_update(n, 1, 0.01f);
}

START_TEST(test_gradients) {
    static const char *const names[NETWORK_PARAMETERS] = {
        "gradient of w", "gradient of b", "gradient of v", "gradient of c"};
    for (int round = 0; round < test_rounds(6); round++) {
        problem p = problem_make(test_int(1, 20), 2 * test_int(1, 8), true);
        network first = network_make(&p.net), second = network_make(&p.net);
        run_on_device(&first, &p);
        run_on_device(&second, &p);
        check_same(first.gradient, second.gradient, "gradients");
        check_same(first.parameter, second.parameter, "parameters");
        double want = reference_network_loss(&p.net, p.x, p.labels, p.parameter);
        reference_network_gradients(&p.net, p.x, p.labels, p.parameter, p.gradient, p.magnitude);
        /* Terms of all the sums on the way, and some roundings of the exponential. */
        int64_t terms = p.net.features + 2 * p.net.classes + p.net.samples + 32;
        double z_size = 0;
        for (int64_t i = 0; i < p.net.samples * p.net.classes; i++) {
            z_size = fmax(z_size, p.net.z_magnitude[i]);
        }
        test_tensor loss = read_floats(first.loss);
        test_bound(&loss, &want, (double[]){1 + fabs(want) + z_size}, terms, "loss");
        free(loss.data);
        for (int i = 0; i < NETWORK_PARAMETERS; i++) {
            bool is_conv = i == NETWORK_W || i == NETWORK_B;
            int64_t places = is_conv ? p.net.samples * p.net.size * p.net.size : 0;
            test_tensor got = read_floats(first.gradient[i]);
            test_bound(&got, p.gradient[i], p.magnitude[i], terms + places, names[i]);
            free(got.data);
        }
        check_step(&p, &first);
        network_free(&first);
        network_free(&second);
        problem_free(&p);
    }
}
END_TEST

/* Images whose class is where a bright square of 3x3 lies, in noise. */
static void draw_images(const reference_network *r, float *x, int32_t *labels) {
    const int64_t pixels = r->size * r->size;
    for (int64_t i = 0; i < r->samples; i++) {
        labels[i] = (int32_t)(i % r->classes);
        int64_t top = labels[i] / 2 * 4, left = labels[i] % 2 * 4;
        for (int64_t k = 0; k < pixels; k++) {
            int64_t row = k / r->size - top, column = k % r->size - left;
            bool bright = row >= 0 && row < 3 && column >= 0 && column < 3;
            x[i * pixels + k] = (float)(test_real(-0.5, 0.5) + (bright ? 1 : 0));
        }
    }
}

static float read_loss(const network *n) {
    float loss = 0;
    test_ok(cleat_read(test_context(), n->loss, &loss, sizeof loss));
    return loss;
}

/* Trains from random parameters; gives the losses before the first step and after the last. */
static void train(network *n, int steps, float *before, float *after) {
    const float deviations[NETWORK_PARAMETERS] = {0.3f, 0, 0.1f, 0};
    for (int i = 0; i < NETWORK_PARAMETERS; i++) {
        test_ok(
            cleat_random_normal(test_context(), 1, (uint64_t)i, 0, deviations[i], n->parameter[i]));
        test_ok(cleat_fill(test_context(), 0, n->m[i]));
        test_ok(cleat_fill(test_context(), 0, n->v[i]));
    }
    run_forward(n);
    *before = read_loss(n);
    for (int step = 1; step <= steps; step++) {
        run_forward(n);
        run_backward(n);
        run_update(n, step, 0.01f);
    }
    run_forward(n);
    *after = read_loss(n);
}

START_TEST(test_training) {
    const int64_t samples = test_is_short() ? 16 : 64;
    reference_network r = reference_network_make(samples, 1, 8, 8, 4);
    network n = network_make(&r);
    float *x = test_alloc(samples * 64, sizeof *x);
    int32_t *labels = test_alloc(samples, sizeof *labels);
    const size_t x_size = (size_t)samples * 64 * sizeof *x;
    const size_t labels_size = (size_t)samples * sizeof *labels;
    draw_images(&r, x, labels);
    test_ok(cleat_write(test_context(), n.x, x, x_size));
    test_ok(cleat_write(test_context(), n.labels, labels, labels_size));
    float before = 0, after = 0, again = 0;
    train(&n, 50, &before, &after);
    ck_assert_msg(before > 0.7f, "the untrained network's loss is %g", (double)before);
    ck_assert_msg(after < 0.05f, "loss %g, after 50 steps %g", (double)before, (double)after);
    train(&n, 50, &before, &again);
    ck_assert_msg(memcmp(&after, &again, sizeof after) == 0, "loss %.9g, then %.9g", (double)after,
        (double)again);
    /* Images it has not seen. */
    draw_images(&r, x, labels);
    test_ok(cleat_write(test_context(), n.x, x, x_size));
    run_forward(&n);
    ck_assert_msg(read_loss(&n) < 0.2f, "loss on new images: %g", (double)read_loss(&n));
    printf("loss %.3f, after 50 steps %.4f, on new images %.4f\n", (double)before, (double)after,
        (double)read_loss(&n));
    free(x);
    free(labels);
    network_free(&n);
    reference_network_free(&r);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("network");
    TCase *all = test_case(suite, "network");
    tcase_add_test(all, test_reference_gradients);
    tcase_add_test(all, test_gradients);
    tcase_add_test(all, test_training);
    return suite;
}
