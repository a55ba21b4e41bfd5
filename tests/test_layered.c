/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks that `cleat-bench gpu` measures (bench/layers.h), at a tiny size: results and loss
 * beside the same lists in float64 on the host, gradients beside central differences of that.
 */
#include "harness.h"
#include "layers.h"
#include "reference/reference_conv2d.h"
#include "reference/reference_loss.h"
#include "reference/reference_pool.h"

/* ---- A list on the host ---- */

/* A network with the parameters of `plan`, in float64 as `values`. */
typedef struct model {
    const layered *plan;
    int64_t batch;
    double *values, *results[LAYERS_MAX];
    int32_t *labels;
    /* How near a relu's input came to 0, or the largest element of a window to the next one, as a
     * part of the layer's root mean square. */
    double nearest;
} model;

static int64_t count_of(const int64_t shape[4]) {
    return shape[0] * shape[1] * shape[2] * shape[3];
}

static const double *parameter(const model *m, const cleat_tensor *view) {
    return view->buffer != NULL ? m->values + view->offset : NULL;
}

static double root_mean_square(const double *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += values[i] * values[i];
    }
    return sqrt(sum / (double)count);
}

static void convolve(const model *m, const layer *l, const layer_state *s, double *y) {
    const layer_state *from = &m->plan->states[l->from];
    reference_conv2d c = {.w = {l->channels, from->shape[1], l->window, l->window},
        .stride = {l->stride, l->stride},
        .padding = {l->padding, l->padding, l->padding, l->padding},
        .dilation = {1, 1},
        .groups = 1};
    memcpy(c.x, from->shape, sizeof c.x);
    memcpy(c.y, s->shape, sizeof c.y);
    reference_conv2d_forward(
        &c, m->results[l->from], parameter(m, &s->weights), parameter(m, &s->bias), y, NULL);
}

static void normalize(
    const model *m, const layer_state *s, const double *x, bool trains, double *y) {
    const int64_t channels = s->shape[1], pixels = s->shape[2] * s->shape[3];
    const double *scale = parameter(m, &s->weights), *bias = parameter(m, &s->bias);
    for (int64_t c = 0; c < channels; c++) {
        double mean = parameter(m, &s->running_mean)[c];
        double variance = parameter(m, &s->running_variance)[c];
        double sum = 0, squares = 0;
        for (int64_t i = 0; trains && i < m->batch * pixels; i++) {
            sum += x[(i / pixels * channels + c) * pixels + i % pixels];
        }
        mean = trains ? sum / (double)(m->batch * pixels) : mean;
        for (int64_t i = 0; trains && i < m->batch * pixels; i++) {
            squares += pow(x[(i / pixels * channels + c) * pixels + i % pixels] - mean, 2);
        }
        variance = trains ? squares / (double)(m->batch * pixels) : variance;
        for (int64_t i = 0; i < m->batch * pixels; i++) {
            const int64_t at = (i / pixels * channels + c) * pixels + i % pixels;
            y[at] = (x[at] - mean) / sqrt(variance + (double)1e-5F) * scale[c] + bias[c];
        }
    }
}

/* The gap between the two largest elements of any window whose largest is above 0, which it must be
 * to pass a gradient on. */
static double smallest_gap(const reference_pool *p, const double *x) {
    double gap = INFINITY;
    for (int64_t o = 0; o < count_of(p->out_shape); o++) {
        const int64_t plane = o / (p->out_shape[2] * p->out_shape[3]) * p->shape[2] * p->shape[3];
        const int64_t row = o / p->out_shape[3] % p->out_shape[2] * p->stride[0] - p->padding[0];
        const int64_t column = o % p->out_shape[3] * p->stride[1] - p->padding[1];
        double first = 0, second = 0;
        for (int64_t k = 0; k < p->window[0] * p->window[1]; k++) {
            const int64_t h = row + k / p->window[1], v = column + k % p->window[1];
            if (h >= 0 && h < p->shape[2] && v >= 0 && v < p->shape[3]) {
                const double element = x[plane + h * p->shape[3] + v];
                second = fmax(second, fmin(first, element));
                first = fmax(first, element);
            }
        }
        gap = first > 0 ? fmin(gap, first - second) : gap;
    }
    return gap;
}

static void pool(model *m, const layer *l, double *y) {
    const layer_state *from = &m->plan->states[l->from];
    const double *x = m->results[l->from];
    const int64_t p = l->padding;
    const cleat_pool2d_options options = {.window = {l->window, l->window},
        .stride = {l->stride, l->stride},
        .padding = {p, p, p, p}};
    const reference_pool reference = reference_pool_make(from->shape, &options);
    reference_max_pool2d(&reference, x, y);
    const double size = root_mean_square(x, count_of(from->shape));
    m->nearest = fmin(m->nearest, smallest_gap(&reference, x) / size);
}

/* Means of planes, or sums with weights: [outputs] from [inputs] for each image. */
static void connect(const model *m, const layer *l, const layer_state *s, double *y) {
    const int64_t *from = m->plan->states[l->from].shape;
    const int64_t pixels = from[2] * from[3], inputs = from[1] * pixels, outputs = s->shape[1];
    const double *x = m->results[l->from];
    for (int64_t i = 0; i < m->batch * outputs; i++) {
        const int64_t image = i / outputs, output = i % outputs;
        y[i] = l->kind == LAYER_DENSE ? parameter(m, &s->bias)[output] : 0;
        for (int64_t k = 0; l->kind == LAYER_DENSE && k < inputs; k++) {
            y[i] += x[image * inputs + k] * parameter(m, &s->weights)[output * inputs + k];
        }
        for (int64_t k = 0; l->kind == LAYER_MEAN && k < pixels; k++) {
            y[i] += x[(image * outputs + output) * pixels + k] / (double)pixels;
        }
    }
}

static void rectify(model *m, double *values, int64_t count) {
    const double size = root_mean_square(values, count);
    for (int64_t i = 0; i < count; i++) {
        m->nearest = fmin(m->nearest, fabs(values[i]) / size);
        values[i] = fmax(values[i], 0);
    }
}

/* Results of all layers behind the images; gives the logits. */
static const double *run_model(model *m, bool trains) {
    const layer_list *list = &m->plan->list;
    m->nearest = INFINITY;
    for (int32_t at = 1; at < list->count; at++) {
        const layer *l = &list->layers[at];
        const layer_state *s = &m->plan->states[at];
        const double *x = m->results[l->from];
        double *y = m->results[at];
        const int64_t count = count_of(s->shape);
        if (l->kind == LAYER_CONV) {
            convolve(m, l, s, y);
        } else if (l->kind == LAYER_NORM) {
            normalize(m, s, x, trains, y);
        } else if (l->kind == LAYER_MAX) {
            pool(m, l, y);
        } else if (l->kind == LAYER_SUM) {
            for (int64_t i = 0; i < count; i++) {
                y[i] = x[i] + m->results[l->with][i];
            }
        } else {
            connect(m, l, s, y);
        }
        if (l->flags & LAYER_RELU) {
            rectify(m, y, count);
        }
    }
    return m->results[list->count - 1];
}

static double model_loss(model *m) {
    static const reference_weighing plain;
    const int64_t classes = m->plan->states[m->plan->list.count - 1].shape[1];
    double *losses = test_alloc(m->batch, sizeof *losses), sum = 0;
    reference_cross_entropy(m->batch, classes, run_model(m, true), m->labels, &plain, losses, NULL);
    for (int64_t i = 0; i < m->batch; i++) {
        sum += losses[i] / (double)m->batch;
    }
    free(losses);
    return sum;
}

/* ---- On the device ---- */

static layered *begin(const layer_list *list, int64_t batch, cleat_type type, bool trains) {
    const layered_options options = {.batch = batch, .type = type, .trains = trains};
    layered *net = layered_plan(list, &options);
    ck_assert_ptr_nonnull(net);
    test_ok(layered_begin(net, test_context(), (uint64_t)test_int(1, 1000)));
    return net;
}

static double *read_doubles(cleat_tensor t) {
    const int64_t count = cleat_tensor_count(&t);
    double *values = test_alloc(count, sizeof *values);
    if (t.type == CLEAT_F64) {
        test_ok(cleat_read(test_context(), t, values, (size_t)count * sizeof *values));
        return values;
    }
    float *floats = test_alloc(count, sizeof *floats);
    test_ok(cleat_read(test_context(), t, floats, (size_t)count * sizeof *floats));
    for (int64_t i = 0; i < count; i++) {
        values[i] = (double)floats[i];
    }
    free(floats);
    return values;
}

/* The values are f32 numbers. */
static void write_doubles(cleat_tensor t, const double *values) {
    const int64_t count = cleat_tensor_count(&t);
    if (t.type == CLEAT_F64) {
        test_ok(cleat_write(test_context(), t, values, (size_t)count * sizeof *values));
        return;
    }
    float *floats = test_alloc(count, sizeof *floats);
    for (int64_t i = 0; i < count; i++) {
        floats[i] = (float)values[i];
    }
    test_ok(cleat_write(test_context(), t, floats, (size_t)count * sizeof *floats));
    free(floats);
}

static void write_model(const layered *net, const model *m) {
    write_doubles(net->values, m->values);
    write_doubles(net->states[0].result, m->results[0]);
    test_ok(
        cleat_write(test_context(), net->labels, m->labels, (size_t)m->batch * sizeof *m->labels));
}

/* Images as random as it takes to keep away from kinks, where gradients jump. */
static void draw_images(model *m, double margin) {
    const layer_state *last = &m->plan->states[m->plan->list.count - 1];
    const int64_t pixels = count_of(m->plan->states[0].shape);
    for (int64_t i = 0; i < m->batch; i++) {
        m->labels[i] = (int32_t)test_int(0, last->shape[1] - 1);
    }
    int tries = 0;
    do {
        for (int64_t i = 0; i < pixels; i++) {
            m->results[0][i] = (double)(float)test_real(-1, 1);
        }
        run_model(m, true);
        ck_assert_int_lt(tries++, 1000);
    } while (m->nearest < margin);
}

/* Parameters from a network that was begun, which it keeps for its plan. */
static model model_make(const layered *plan, double margin) {
    model m = {.plan = plan, .batch = plan->options.batch, .values = read_doubles(plan->values)};
    for (int32_t at = 0; at < plan->list.count; at++) {
        m.results[at] = test_alloc(count_of(plan->states[at].shape), sizeof *m.results[at]);
    }
    m.labels = test_alloc(m.batch, sizeof *m.labels);
    draw_images(&m, margin);
    return m;
}

static void model_free(model *m) {
    for (int32_t at = 0; at < m->plan->list.count; at++) {
        free(m->results[at]);
    }
    free(m->values);
    free(m->labels);
}

/* ---- Comparing ---- */

static const char *name_of(const layered *net) {
    return net->list.adam ? "fashion-mnist" : "resnet-18";
}

static void compare_logits(layered *net, model *m, double allowed) {
    const cleat_tensor logits = layered_logits(net);
    const int64_t count = cleat_tensor_count(&logits);
    write_model(net, m);
    test_ok(layered_infer(net));
    const double *want = run_model(m, false);
    double *got = read_doubles(logits);
    const double size = root_mean_square(want, count);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_msg(fabs(got[i] - want[i]) <= allowed * size,
            "%s, %s: logit %d is %.15g, wanted %.15g, typical %.3g", name_of(net),
            cleat_type_name(net->options.type), (int)i, got[i], want[i], size);
    }
    free(got);
}

/* What the loss rises by along `direction`, of length 1, which begins at the parameter's first
 * element. */
static double slope_of(model *m, const cleat_tensor *view, const double *direction) {
    const double step = 2e-6;
    const int64_t count = cleat_tensor_count(view);
    double *at = m->values + view->offset, *old = test_alloc(count, sizeof *old), loss[2];
    memcpy(old, at, (size_t)count * sizeof *old);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < count; i++) {
            at[i] = old[i] + (side == 0 ? -step : step) * direction[i];
        }
        loss[side] = model_loss(m);
    }
    memcpy(at, old, (size_t)count * sizeof *old);
    free(old);
    return (loss[1] - loss[0]) / (2 * step);
}

static void draw_direction(double *direction, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        direction[i] = test_real(-1, 1);
    }
    const double length = root_mean_square(direction, count) * sqrt((double)count);
    for (int64_t i = 0; i < count; i++) {
        direction[i] /= length;
    }
}

/* Networks of different types, with the same weights and images. */
typedef struct candidates {
    layered *nets[2];
    double *gradients[2];
    double allowed[2]; /* of slopes, as a part of the gradient's length, and of losses */
    int count;
} candidates;

static void compare_slope(
    const candidates *c, model *m, int32_t at, const cleat_tensor *view, const char *what) {
    if (view->buffer == NULL || test_skips()) {
        return;
    }
    const int64_t count = cleat_tensor_count(view);
    double *direction = test_alloc(count, sizeof *direction);
    draw_direction(direction, count);
    const double want = slope_of(m, view, direction);
    for (int i = 0; i < c->count; i++) {
        const double *gradient = c->gradients[i] + view->offset;
        const double length = root_mean_square(gradient, count) * sqrt((double)count);
        double got = 0;
        for (int64_t k = 0; k < count; k++) {
            got += gradient[k] * direction[k];
        }
        ck_assert_msg(fabs(got - want) <= c->allowed[i] * length,
            "%s, %s: %s of layer %d: slope %.12g, wanted %.12g, gradient's length %.3g",
            name_of(c->nets[i]), cleat_type_name(c->nets[i]->options.type), what, (int)at, got,
            want, length);
    }
    free(direction);
}

static void compare_gradients(candidates *c, model *m) {
    const double want = model_loss(m);
    for (int i = 0; i < c->count; i++) {
        layered *net = c->nets[i];
        write_model(net, m);
        test_ok(layered_differentiate(net));
        double *loss = read_doubles(net->loss);
        ck_assert_msg(fabs(*loss - want) <= c->allowed[i] * want,
            "%s, %s: loss %.12g, wanted %.12g", name_of(net), cleat_type_name(net->options.type),
            *loss, want);
        free(loss);
        c->gradients[i] = read_doubles(net->gradients);
    }
    for (int32_t at = 1; at < m->plan->list.count; at++) {
        compare_slope(c, m, at, &m->plan->states[at].weights, "weights");
        compare_slope(c, m, at, &m->plan->states[at].bias, "bias");
    }
}

static void check_list(const layer_list *list, int64_t batch) {
    candidates c = {.allowed = {1e-4, 1e-7}, .count = test_has_f64() ? 2 : 1};
    c.nets[0] = begin(list, batch, CLEAT_F32, true);
    if (c.count == 2) {
        c.nets[1] = begin(list, batch, CLEAT_F64, true);
    }
    layered *infers = begin(list, batch, CLEAT_F32, false);
    model m = model_make(c.nets[0], 1e-4);
    compare_logits(infers, &m, 1e-5);
    for (int i = 0; i < c.count; i++) {
        compare_logits(c.nets[i], &m, i == 0 ? 1e-5 : 1e-12);
    }
    compare_gradients(&c, &m);
    model_free(&m);
    layered_end(infers);
    for (int i = 0; i < c.count; i++) {
        layered_end(c.nets[i]);
        free(c.gradients[i]);
    }
}

START_TEST(test_fashion_mnist) {
    const layer_list list = layers_fashion_mnist(8, 4);
    check_list(&list, 3);
}
END_TEST

START_TEST(test_resnet18) {
    const layer_list list = layers_resnet18(64, 2, 5);
    check_list(&list, 3);
}
END_TEST

/* The loss of a few images falls to a small part. */
static void check_training(const layer_list *list, int steps) {
    layered *net = begin(list, 4, CLEAT_F32, true);
    model m = model_make(net, 0);
    write_model(net, &m);
    double losses[2];
    for (int step = 0; step <= steps; step++) {
        test_ok(layered_train(net));
        if (step == 0 || step == steps) {
            double *loss = read_doubles(net->loss);
            losses[step > 0] = *loss;
            free(loss);
        }
    }
    ck_assert_msg(losses[1] < losses[0] / 4, "%s: loss %g, after %d steps %g", name_of(net),
        losses[0], steps, losses[1]);
    model_free(&m);
    layered_end(net);
}

START_TEST(test_training) {
    const layer_list lists[] = {layers_fashion_mnist(8, 4), layers_resnet18(32, 2, 5)};
    check_training(&lists[_i], 60);
}
END_TEST

/* ---- The networks at their own size, of which nothing is made on a device ---- */

START_TEST(test_sizes) {
    static const int64_t before_mean[4] = {2, 512, 7, 7};
    const layer_list lists[] = {layers_fashion_mnist(28, 32), layers_resnet18(224, 64, 1000)};
    /* Parameters of the example and of torchvision's, and the padding behind the last biases. */
    const int64_t known[] = {430890 + 6, 11689512 + 8};
    const layered_options options = {.batch = 2, .type = CLEAT_F32, .trains = true};
    for (int i = 0; i < 2; i++) {
        layered *net = layered_plan(&lists[i], &options);
        ck_assert_int_eq(net->trained, known[i]);
        if (i == 1) {
            ck_assert_mem_eq(
                net->states[net->list.count - 3].shape, before_mean, sizeof before_mean);
        }
        layered_end(net);
    }
}
END_TEST

static double bytes_of(const cleat_tensor *t) {
    return (double)cleat_buffer_size(t->buffer);
}

/* What a network takes is what was foretold, but for scratch memory and the loss. */
START_TEST(test_bytes) {
    const layer_list lists[] = {layers_fashion_mnist(8, 4), layers_resnet18(32, 2, 5)};
    layered *net = begin(&lists[_i % 2], 2, CLEAT_F32, _i / 2 != 0);
    double largest = 0, taken = bytes_of(&net->values) + bytes_of(&net->gradients) +
                                bytes_of(&net->moments[0]) + bytes_of(&net->moments[1]) +
                                bytes_of(&net->statistics);
    for (int32_t at = 0; at < net->list.count; at++) {
        const layer_state *s = &net->states[at];
        taken += s->result_in == at ? bytes_of(&s->result) : 0;
        taken += s->delta_in == at ? bytes_of(&s->delta) : 0;
    }
    const double told = layered_bytes(net, &largest);
    ck_assert_msg(fabs(told - largest - taken) < 1024, "takes %.0f bytes, told are %.0f and %.0f",
        taken, told - largest, largest);
    layered_end(net);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("layered");
    test_add_case(suite, "fashion-mnist", test_fashion_mnist);
    test_add_case(suite, "resnet-18", test_resnet18);
    test_add_loop(suite, "training", test_training, 2);
    test_add_case(suite, "sizes", test_sizes);
    test_add_loop(suite, "bytes", test_bytes, 4);
    return suite;
}
