/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Passes a failure on; nothing is held across it, network_destroy() frees what there is. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        cleat_status try_status = (call);                                                          \
        if (try_status != CLEAT_OK)                                                                \
            return try_status;                                                                     \
    } while (0)

static const struct {
    const char *name;
    int32_t rank;
    int64_t shape[4];
    float spread; /* initial values lie in +-sqrt(spread / inputs of a neuron); 0 for a bias */
} parameters[PARAMETER_COUNT] = {
    {"conv1.weight", 4, {32, 1, 3, 3}, 6},
    {"conv1.bias", 1, {32}, 0},
    {"conv2.weight", 4, {32, 32, 3, 3}, 6},
    {"conv2.bias", 1, {32}, 0},
    {"conv3.weight", 4, {64, 32, 3, 3}, 6},
    {"conv3.bias", 1, {64}, 0},
    {"dense1.weight", 2, {128, 3136}, 6},
    {"dense1.bias", 1, {128}, 0},
    {"dense2.weight", 2, {10, 128}, 1},
    {"dense2.bias", 1, {10}, 0},
};

/* What Adam remembers of each parameter, and the number of its steps. */
enum { MEMORY_COUNT = 2 * PARAMETER_COUNT + 1, NAME_SIZE = 64 };

struct network {
    cleat_context *context;
    cleat_model *training; /* keeps all parameters */
    cleat_model *forward;  /* has them as inputs, behind the images */
    cleat_tensor rate;     /* the learning rate, where the device finds it */
    cleat_tensor value[PARAMETER_COUNT], memory[MEMORY_COUNT]; /* lent by `training` */
};

static int64_t parameter_elements(int index) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < parameters[index].rank; axis++)
        count *= parameters[index].shape[axis];
    return count;
}

int64_t network_size(void) {
    int64_t count = 0;
    for (int i = 0; i < PARAMETER_COUNT; i++)
        count += parameter_elements(i);
    return count;
}

const char *network_parameter_name(int index) {
    return parameters[index].name;
}

cleat_tensor network_parameter(const network *net, int index) {
    return net->value[index];
}

/* ---- The graph: a layer has a name, which its result has too ---- */

static cleat_attribute numbers(const char *name, size_t count, const int64_t *values) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INTS, .count = count, .integers = values};
}

static cleat_attribute number(const char *name, const int64_t *value) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = value};
}

static cleat_status add(cleat_graph *graph, const char *type, const char *x, const char *y) {
    return cleat_graph_node(graph, type, y, 1, &x, 1, &y, 0, NULL);
}

/* A node of x and the weight and bias of a layer. */
static cleat_status add_weighted(cleat_graph *graph, const char *type, const char *x,
    const char *layer, size_t attribute_count, const cleat_attribute *attributes) {
    char weight[NAME_SIZE], bias[NAME_SIZE];
    snprintf(weight, sizeof weight, "%s.weight", layer);
    snprintf(bias, sizeof bias, "%s.bias", layer);
    return cleat_graph_node(graph, type, layer, 3, (const char *[]){x, weight, bias}, 1, &layer,
        attribute_count, attributes);
}

/* Behind a relu about half of x is 0; training finds that by itself. */
static cleat_status convolve(
    cleat_graph *graph, const char *x, bool behind_relu, const char *layer, const char *y) {
    const int64_t pads[4] = {1, 1, 1, 1}, sparse = behind_relu;
    const cleat_attribute attributes[] = {
        numbers("pads", 4, pads), number("cleat_sparse_x", &sparse)};
    TRY(add_weighted(graph, "Conv", x, layer, 2, attributes));
    return add(graph, "Relu", layer, y);
}

static cleat_status pool(cleat_graph *graph, const char *x, const char *y) {
    const int64_t window[2] = {2, 2};
    const cleat_attribute attributes[] = {
        numbers("kernel_shape", 2, window), numbers("strides", 2, window)};
    return cleat_graph_node(graph, "MaxPool", y, 1, &x, 1, &y, 2, attributes);
}

static cleat_status dense(cleat_graph *graph, const char *x, const char *layer) {
    const int64_t yes = 1;
    const cleat_attribute transposed = number("transB", &yes);
    return add_weighted(graph, "Gemm", x, layer, 1, &transposed);
}

static cleat_status add_layers(cleat_graph *graph) {
    TRY(convolve(graph, "images", false, "conv1", "relu1"));
    TRY(convolve(graph, "relu1", true, "conv2", "relu2"));
    TRY(pool(graph, "relu2", "pool1"));
    TRY(convolve(graph, "pool1", true, "conv3", "relu3"));
    TRY(pool(graph, "relu3", "pool2"));
    TRY(add(graph, "Flatten", "pool2", "flat"));
    TRY(dense(graph, "flat", "dense1"));
    TRY(add(graph, "Relu", "dense1", "relu4"));
    return dense(graph, "relu4", "dense2");
}

/* Each image's loss, their mean, and what training adds. */
static cleat_status add_training(cleat_graph *graph) {
    const char *none = "none";
    const int64_t no = 0;
    const cleat_attribute each = {
        .name = "reduction", .kind = CLEAT_ATTRIBUTE_TEXT, .count = 1, .texts = &none};
    const cleat_attribute keepdims = number("keepdims", &no);
    TRY(cleat_graph_node(graph, "SoftmaxCrossEntropyLoss", "losses", 2,
        (const char *[]){"dense2", "labels"}, 1, (const char *[]){"losses"}, 1, &each));
    TRY(cleat_graph_node(graph, "ReduceMean", "loss", 1, (const char *[]){"losses"}, 1,
        (const char *[]){"loss"}, 1, &keepdims));
    TRY(cleat_graph_output(graph, "losses"));
    return cleat_graph_train(graph, "loss", "rate", NULL); /* Adam */
}

static cleat_status build(cleat_graph *graph, bool trains) {
    TRY(cleat_graph_input(graph, "images", CLEAT_F32, 4, (int64_t[]){-1, 1, 28, 28}));
    if (trains) {
        TRY(cleat_graph_input(graph, "labels", CLEAT_I32, 1, (int64_t[]){-1}));
        TRY(cleat_graph_input(graph, "rate", CLEAT_F32, 0, NULL));
    }
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        const char *name = parameters[i].name;
        const int32_t rank = parameters[i].rank;
        const int64_t *shape = parameters[i].shape;
        TRY(trains ? cleat_graph_parameter(graph, name, CLEAT_F32, rank, shape, NULL)
                   : cleat_graph_input(graph, name, CLEAT_F32, rank, shape));
    }
    TRY(add_layers(graph));
    return trains ? add_training(graph) : cleat_graph_output(graph, "dense2");
}

/* ---- Making ---- */

/* Images come at some places of a larger tensor; each has a recording of its own. */
static cleat_status make_model(cleat_context *context, bool trains, cleat_model **model) {
    const cleat_model_options options = {.recordings = 32};
    cleat_graph *graph;
    TRY(cleat_graph_create(17, &graph));
    cleat_status status = build(graph, trains);
    if (status == CLEAT_OK)
        status = cleat_model_create(context, graph, &options, model);
    cleat_graph_release(graph);
    return status;
}

static cleat_status find_parameters(network *net) {
    char name[NAME_SIZE];
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        TRY(cleat_model_parameter(net->training, parameters[i].name, &net->value[i]));
        snprintf(name, sizeof name, "%s.m", parameters[i].name);
        TRY(cleat_model_parameter(net->training, name, &net->memory[2 * i]));
        snprintf(name, sizeof name, "%s.v", parameters[i].name);
        TRY(cleat_model_parameter(net->training, name, &net->memory[2 * i + 1]));
    }
    snprintf(name, sizeof name, "%s.step", parameters[0].name);
    return cleat_model_parameter(net->training, name, &net->memory[MEMORY_COUNT - 1]);
}

static cleat_status make_all(network *net) {
    TRY(cleat_tensor_create(net->context, CLEAT_F32, 0, NULL, &net->rate));
    TRY(make_model(net->context, true, &net->training));
    TRY(make_model(net->context, false, &net->forward));
    TRY(find_parameters(net));
    return network_initialise(net, 0);
}

cleat_status network_create(cleat_context *context, network **result) {
    network *net = calloc(1, sizeof *net);
    if (net == NULL)
        return CLEAT_OUT_OF_HOST_MEMORY;
    net->context = context;
    cleat_status status = make_all(net);
    if (status == CLEAT_OK)
        *result = net;
    else
        network_destroy(net);
    return status;
}

void network_destroy(network *net) {
    if (net == NULL)
        return;
    cleat_model_release(net->forward);
    cleat_model_release(net->training);
    cleat_tensor_release(&net->rate);
    free(net);
}

cleat_status network_initialise(network *net, uint64_t seed) {
    for (int i = 0; i < MEMORY_COUNT; i++)
        TRY(cleat_fill(net->context, 0, net->memory[i]));
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        float inputs = (float)(parameter_elements(i) / parameters[i].shape[0]);
        float bound = sqrtf(parameters[i].spread / inputs);
        if (parameters[i].spread == 0)
            TRY(cleat_fill(net->context, 0, net->value[i]));
        else
            TRY(cleat_random_uniform(
                net->context, seed, (uint64_t)i, -bound, bound, net->value[i]));
    }
    return CLEAT_OK;
}

/* ---- Running ---- */

cleat_status network_forward(network *net, cleat_tensor images, cleat_tensor logits) {
    cleat_tensor inputs[1 + PARAMETER_COUNT] = {images};
    memcpy(inputs + 1, net->value, sizeof net->value);
    return cleat_model_run(net->forward, inputs, 1 + PARAMETER_COUNT, &logits, 1);
}

cleat_status network_train(network *net, cleat_tensor images, cleat_tensor labels,
    cleat_tensor losses, float learning_rate) {
    TRY(cleat_fill(net->context, (double)learning_rate, net->rate));
    return cleat_model_run(
        net->training, (cleat_tensor[]){images, labels, net->rate}, 3, &losses, 1);
}
