/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Passes a failure on; nothing is held across it, layered_end() frees what there is. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        const cleat_status try_status = (call);                                                    \
        if (try_status != CLEAT_OK) {                                                              \
            return try_status;                                                                     \
        }                                                                                          \
    } while (0)

static const float momentum = 0.9F;

/* ---- Extents ---- */

static int64_t elements(const int64_t shape[4]) {
    return shape[0] * shape[1] * shape[2] * shape[3];
}

/* Each parameter starts at a multiple of 64 bytes, for the sake of vector loads. */
static int64_t padded(int64_t count) {
    return (count + 15) / 16 * 16;
}

static void plan_shape(const layered *net, const layer *l, int64_t shape[4]) {
    const int64_t *x = net->states[l->from].shape;
    const bool is_window = l->kind == LAYER_CONV || l->kind == LAYER_MAX;
    const bool keeps_channels = l->channels == 0, is_one = l->kind >= LAYER_MEAN;
    int64_t side = l->kind == LAYER_IMAGES ? l->window : is_one ? 1 : x[2];
    if (is_window) {
        side = (x[2] + 2 * (int64_t)l->padding - l->window) / l->stride + 1;
    }
    shape[0] = net->options.batch;
    shape[1] = keeps_channels ? x[1] : l->channels;
    shape[2] = shape[3] = side;
}

/* The rank of a layer's weights; 0: none. */
static int32_t weights_shape(const layered *net, int32_t at, int64_t shape[4]) {
    const layer *l = &net->list.layers[at];
    const int64_t *x = net->states[l->from].shape;
    shape[0] = net->states[at].shape[1];
    switch (l->kind) {
    case LAYER_CONV:
        shape[1] = x[1];
        shape[2] = shape[3] = l->window;
        return 4;
    case LAYER_DENSE:
        shape[1] = x[1] * x[2] * x[3];
        return 2;
    default:
        return l->kind == LAYER_NORM ? 1 : 0;
    }
}

static bool has_bias(const layer *l) {
    return l->kind == LAYER_NORM || l->kind == LAYER_DENSE || (l->flags & LAYER_BIAS) != 0;
}

static void plan_layer(layered *net, int32_t at) {
    const layer *l = &net->list.layers[at];
    layer_state *s = &net->states[at];
    const bool is_sum = l->kind == LAYER_SUM, is_norm = l->kind == LAYER_NORM;
    int64_t shape[4];
    plan_shape(net, l, s->shape);
    /* In training a norm's input is wanted once more. */
    s->result_in =
        is_sum || (is_norm && !net->options.trains) ? net->states[l->from].result_in : at;
    s->delta_in = is_sum || is_norm ? net->states[l->from].delta_in : at;
    const int32_t rank = weights_shape(net, at, shape);
    int64_t count = rank > 0 ? 1 : 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    net->trained += padded(count) + (has_bias(l) ? padded(s->shape[1]) : 0);
    net->total += is_norm ? 2 * padded(s->shape[1]) : 0;
}

layered *layered_plan(const layer_list *list, const layered_options *options) {
    layered *net = calloc(1, sizeof *net);
    if (net != NULL) {
        net->list = *list;
        net->options = *options;
        for (int32_t at = 0; at < list->count; at++) {
            plan_layer(net, at);
        }
        net->total += net->trained;
    }
    return net;
}

double layered_bytes(const layered *net, double *largest) {
    const double element = (double)cleat_type_size(net->options.type);
    const int32_t moments = net->list.adam ? 2 : 1;
    double count = (double)(2 * net->total - net->trained), most = (double)net->total;
    if (net->options.trains) {
        count += (1.0 + moments) * (double)net->trained;
    }
    for (int32_t at = 0; at < net->list.count; at++) {
        const layer_state *s = &net->states[at];
        const double own = (double)elements(s->shape);
        most = fmax(most, own);
        count += s->result_in == at ? own : 0;
        count += net->options.trains && at > 0 && s->delta_in == at ? own : 0;
    }
    *largest = element * most;
    return element * (count + most);
}

/* ---- Memory ---- */

static cleat_status make(const layered *net, int64_t count, cleat_tensor *made) {
    TRY(cleat_tensor_create(net->context, net->options.type, 1, &count, made));
    return cleat_fill(net->context, 0, *made);
}

/* The next view of `all`. */
static cleat_status take(
    cleat_tensor all, int32_t rank, const int64_t *shape, int64_t *offset, cleat_tensor *taken) {
    TRY(cleat_tensor_view(all.buffer, all.type, rank, shape, *offset, taken));
    *offset += padded(cleat_tensor_count(taken));
    return CLEAT_OK;
}

static cleat_status make_parameters(layered *net) {
    int64_t at_value = 0, at_gradient = 0, at_running = net->trained, at_batch = 0;
    TRY(make(net, net->total, &net->values));
    TRY(make(net, net->total - net->trained + 1, &net->statistics));
    if (net->options.trains) {
        TRY(make(net, net->trained, &net->gradients));
        TRY(make(net, net->trained, &net->moments[0]));
        TRY(make(net, net->list.adam ? net->trained : 0, &net->moments[1]));
    }
    for (int32_t at = 0; at < net->list.count; at++) {
        layer_state *s = &net->states[at];
        int64_t shape[4];
        const int32_t rank = weights_shape(net, at, shape);
        if (rank == 0) {
            continue;
        }
        TRY(take(net->values, rank, shape, &at_value, &s->weights));
        if (net->options.trains) {
            TRY(take(net->gradients, rank, shape, &at_gradient, &s->weights_gradient));
        }
        if (has_bias(&net->list.layers[at])) {
            TRY(take(net->values, 1, shape, &at_value, &s->bias));
        }
        if (has_bias(&net->list.layers[at]) && net->options.trains) {
            TRY(take(net->gradients, 1, shape, &at_gradient, &s->bias_gradient));
        }
        if (net->list.layers[at].kind == LAYER_NORM) {
            TRY(take(net->values, 1, shape, &at_running, &s->running_mean));
            TRY(take(net->values, 1, shape, &at_running, &s->running_variance));
            TRY(take(net->statistics, 1, shape, &at_batch, &s->mean));
            TRY(take(net->statistics, 1, shape, &at_batch, &s->inverse));
        }
    }
    return CLEAT_OK;
}

static cleat_status make_results(layered *net) {
    const cleat_type type = net->options.type;
    for (int32_t at = 0; at < net->list.count; at++) {
        layer_state *s = &net->states[at];
        if (s->result_in == at) {
            TRY(cleat_tensor_create(net->context, type, 4, s->shape, &s->result));
        } else {
            s->result = net->states[s->result_in].result;
        }
        if (!net->options.trains || at == 0) {
            continue;
        }
        if (s->delta_in == at) {
            TRY(cleat_tensor_create(net->context, type, 4, s->shape, &s->delta));
        } else {
            s->delta = net->states[s->delta_in].delta;
        }
    }
    TRY(cleat_tensor_create(net->context, type, 0, NULL, &net->loss));
    return cleat_tensor_create(net->context, CLEAT_I32, 1, &net->options.batch, &net->labels);
}

/* So that nothing is 0 or 1 by chance: a layer that left a parameter out would give other
 * results. */
static cleat_status draw(layered *net, uint64_t seed) {
    cleat_context *c = net->context;
    for (int32_t at = 0; at < net->list.count; at++) {
        const layer_state *s = &net->states[at];
        const uint64_t stream = 4 * (uint64_t)at;
        if (net->list.layers[at].kind == LAYER_NORM) {
            TRY(cleat_random_uniform(c, seed, stream, 0.5F, 1.5F, s->weights));
            TRY(cleat_random_uniform(c, seed, stream + 2, -0.1F, 0.1F, s->running_mean));
            TRY(cleat_random_uniform(c, seed, stream + 3, 0.5F, 1.5F, s->running_variance));
        } else if (s->weights.buffer != NULL) {
            const int64_t count = cleat_tensor_count(&s->weights) / s->weights.shape[0];
            const float spread = at == net->list.count - 1 ? 1.0F : 6.0F;
            const float bound = sqrtf(spread / (float)count);
            TRY(cleat_random_uniform(c, seed, stream, -bound, bound, s->weights));
        }
        if (s->bias.buffer != NULL) {
            TRY(cleat_random_uniform(c, seed, stream + 1, -0.1F, 0.1F, s->bias));
        }
    }
    return CLEAT_OK;
}

cleat_status layered_begin(layered *net, cleat_context *context, uint64_t seed) {
    net->context = context;
    TRY(make_parameters(net));
    TRY(make_results(net));
    return draw(net, seed);
}

void layered_end(layered *net) {
    if (net == NULL) {
        return;
    }
    for (int32_t at = 0; at < net->list.count; at++) {
        layer_state *s = &net->states[at];
        if (s->result_in == at) {
            cleat_tensor_release(&s->result);
        }
        if (s->delta_in == at) {
            cleat_tensor_release(&s->delta);
        }
    }
    cleat_tensor *others[] = {&net->values, &net->gradients, &net->moments[0], &net->moments[1],
        &net->statistics, &net->labels, &net->loss};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cleat_tensor_release(others[i]);
    }
    free(net);
}

/* ---- Forward ---- */

/* [n, c, h, w] seen as [n, c * h * w]. */
static cleat_tensor flat(cleat_tensor x) {
    const cleat_status status = cleat_reshape(x, 2, (int64_t[]){x.shape[0], -1}, &x);
    assert(status == CLEAT_OK);
    (void)status;
    return x;
}

cleat_tensor layered_logits(const layered *net) {
    return flat(net->states[net->list.count - 1].result);
}

static cleat_conv2d_options conv_options(const layered *net, const layer *l) {
    const int64_t p = l->padding;
    return (cleat_conv2d_options){
        .stride = {l->stride, l->stride}, .padding = {p, p, p, p}, .compute = net->options.compute};
}

static cleat_pool2d_options max_options(const layer *l) {
    const int64_t p = l->padding;
    return (cleat_pool2d_options){.window = {l->window, l->window},
        .stride = {l->stride, l->stride},
        .padding = {p, p, p, p}};
}

static const cleat_pool_options whole = {.global = true};

static cleat_status normalize(
    const layered *net, const layer_state *s, cleat_tensor x, bool trains) {
    const cleat_batch_norm_options options = {.scale = &s->weights,
        .bias = &s->bias,
        .mean = &s->mean,
        .inverse = &s->inverse,
        .running_mean = &s->running_mean,
        .running_variance = &s->running_variance};
    return trains ? cleat_batch_norm_training(net->context, x, s->result, &options)
                  : cleat_batch_norm(
                        net->context, x, s->running_mean, s->running_variance, s->result, &options);
}

/* Convolutions and dense layers apply relu themselves. */
static cleat_status forward(const layered *net, int32_t at, bool trains) {
    const layer *l = &net->list.layers[at];
    const layer_state *s = &net->states[at];
    const cleat_tensor x = net->states[l->from].result, y = s->result;
    const bool relu = (l->flags & LAYER_RELU) != 0;
    const cleat_activation activation = relu ? CLEAT_RELU : CLEAT_ACTIVATION_NONE;
    cleat_context *c = net->context;
    cleat_conv2d_options conv = conv_options(net, l);
    const cleat_pool2d_options max = max_options(l);
    const cleat_matmul_options dense = {
        .bias = &s->bias, .activation = activation, .compute = net->options.compute};
    switch (l->kind) {
    case LAYER_CONV:
        conv.bias = s->bias.buffer != NULL ? &s->bias : NULL;
        conv.activation = activation;
        return cleat_conv2d(c, x, s->weights, y, &conv);
    case LAYER_DENSE:
        return cleat_matmul(c, flat(x), cleat_transpose(s->weights), flat(y), &dense);
    case LAYER_MAX:
        return cleat_max_pool2d(c, x, y, &max);
    case LAYER_MEAN:
        return cleat_average_pool(c, x, y, &whole);
    case LAYER_NORM:
        TRY(normalize(net, s, x, trains));
        break;
    default:
        TRY(cleat_add(c, x, net->states[l->with].result, y));
    }
    return relu ? cleat_activate(c, CLEAT_RELU, y, y, NULL) : CLEAT_OK;
}

cleat_status layered_infer(layered *net) {
    for (int32_t at = 1; at < net->list.count; at++) {
        TRY(forward(net, at, false));
    }
    return CLEAT_OK;
}

/* ---- Backward ---- */

/* The gradient for the result of layer `at`, to be written or, where it was reached before, to be
 * added to. */
static cleat_tensor reach(layered *net, int32_t at, bool *reached) {
    layer_state *memory = &net->states[net->states[at].delta_in];
    *reached = memory->reached;
    memory->reached = true;
    return memory->delta;
}

static cleat_status conv_backward(layered *net, const layer *l, const layer_state *s) {
    cleat_conv2d_options options = conv_options(net, l);
    const cleat_tensor x = net->states[l->from].result;
    TRY(cleat_conv2d_backward_weights(net->context, x, s->delta, s->weights_gradient, &options));
    if (s->bias.buffer != NULL) {
        TRY(cleat_conv2d_backward_bias(net->context, s->delta, s->bias_gradient, NULL));
    }
    if (l->from == 0) {
        return CLEAT_OK; /* nobody wants the gradient for the images */
    }
    const cleat_tensor dx = reach(net, l->from, &options.accumulate);
    return cleat_conv2d_backward_data(net->context, s->delta, s->weights, dx, &options);
}

static cleat_status dense_backward(
    const layered *net, const layer *l, const layer_state *s, cleat_tensor dx) {
    const cleat_matmul_options options = {.compute = net->options.compute};
    const cleat_tensor x = flat(net->states[l->from].result), dy = flat(s->delta);
    TRY(cleat_matmul(net->context, cleat_transpose(dy), x, s->weights_gradient, &options));
    TRY(cleat_reduce(
        net->context, CLEAT_REDUCE_SUM, dy, 1, (int32_t[]){0}, s->bias_gradient, NULL));
    return cleat_matmul(net->context, dy, s->weights, flat(dx), &options);
}

static cleat_status backward(layered *net, int32_t at) {
    const layer *l = &net->list.layers[at];
    const layer_state *s = &net->states[at];
    const cleat_tensor x = net->states[l->from].result, dy = s->delta;
    const cleat_activation_options from_output = {.from_output = true};
    const cleat_pool2d_options max = max_options(l);
    cleat_context *c = net->context;
    bool reached = false;
    if ((l->flags & LAYER_RELU) != 0) {
        TRY(cleat_activate_backward(c, CLEAT_RELU, s->result, dy, dy, &from_output));
    }
    if (l->kind == LAYER_CONV) {
        return conv_backward(net, l, s);
    }
    if (l->kind == LAYER_NORM) {
        return cleat_batch_norm_backward(c, x, &s->weights, s->mean, s->inverse, dy, &dy,
            &s->weights_gradient, &s->bias_gradient);
    }
    const cleat_tensor dx = reach(net, l->kind == LAYER_SUM ? l->with : l->from, &reached);
    assert(!reached);
    switch (l->kind) {
    case LAYER_SUM: /* for `from` it is dy itself */
        return cleat_copy(c, dy, dx);
    case LAYER_MAX:
        return cleat_max_pool2d_backward(c, x, dy, dx, &max);
    case LAYER_MEAN:
        return cleat_average_pool_backward(c, dy, dx, &whole);
    default:
        return dense_backward(net, l, s, dx);
    }
}

cleat_status layered_differentiate(layered *net) {
    const cleat_tensor logits = layered_logits(net);
    const int32_t last = net->list.count - 1;
    for (int32_t at = 0; at <= last; at++) {
        net->states[at].reached = at == last;
    }
    for (int32_t at = 1; at <= last; at++) {
        TRY(forward(net, at, true));
    }
    TRY(cleat_softmax_cross_entropy(net->context, logits, net->labels, net->loss, NULL));
    TRY(cleat_softmax_cross_entropy_backward(
        net->context, logits, net->labels, NULL, flat(net->states[last].delta), NULL));
    for (int32_t at = last; at > 0; at--) {
        TRY(backward(net, at));
    }
    return CLEAT_OK;
}

cleat_status layered_train(layered *net) {
    const cleat_sgd_options options = {.momentum = momentum};
    const float rate = net->list.learning_rate;
    cleat_tensor parameters;
    TRY(layered_differentiate(net));
    TRY(cleat_slice(net->values, 0, 0, net->trained, 1, &parameters));
    net->steps++;
    return net->list.adam ? cleat_adam_step(net->context, parameters, net->gradients,
                                net->moments[0], net->moments[1], net->steps, rate, NULL)
                          : cleat_sgd_step(net->context, parameters, net->gradients,
                                &net->moments[0], rate, &options);
}
