/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"

/* Adds a layer; tells its place. */
static int32_t add(layer_list *list, layer added) {
    list->layers[list->count] = added;
    return list->count++;
}

static int32_t add_conv(layer_list *list, int32_t from, int32_t channels, int32_t window,
    int32_t stride, int32_t flags) {
    return add(list, (layer){.kind = LAYER_CONV,
                         .from = from,
                         .channels = channels,
                         .window = window,
                         .stride = stride,
                         .padding = window / 2,
                         .flags = flags});
}

static int32_t add_max(
    layer_list *list, int32_t from, int32_t window, int32_t stride, int32_t padding) {
    return add(list, (layer){.kind = LAYER_MAX,
                         .from = from,
                         .window = window,
                         .stride = stride,
                         .padding = padding});
}

static int32_t add_dense(layer_list *list, int32_t from, int32_t channels, int32_t flags) {
    return add(
        list, (layer){.kind = LAYER_DENSE, .from = from, .channels = channels, .flags = flags});
}

layer_list layers_fashion_mnist(int32_t side, int32_t width) {
    const int32_t both = LAYER_BIAS | LAYER_RELU;
    layer_list list = {.adam = true, .learning_rate = 2e-3F};
    int32_t at = add(&list, (layer){.kind = LAYER_IMAGES, .channels = 1, .window = side});
    at = add_conv(&list, at, width, 3, 1, both);
    at = add_conv(&list, at, width, 3, 1, both);
    at = add_max(&list, at, 2, 2, 0);
    at = add_conv(&list, at, 2 * width, 3, 1, both);
    at = add_max(&list, at, 2, 2, 0);
    at = add_dense(&list, at, 4 * width, LAYER_RELU);
    add_dense(&list, at, 10, 0);
    return list;
}

/* A convolution and its normalisation. */
static int32_t add_unit(layer_list *list, int32_t from, int32_t channels, int32_t window,
    int32_t stride, int32_t flags) {
    const int32_t conv = add_conv(list, from, channels, window, stride, 0);
    return add(list, (layer){.kind = LAYER_NORM, .from = conv, .flags = flags});
}

/* Two units of 3 x 3, and x itself, or what a unit of 1 x 1 makes of it. */
static int32_t add_block(
    layer_list *list, int32_t x, int32_t channels, int32_t stride, bool projects) {
    const int32_t first = add_unit(list, x, channels, 3, stride, LAYER_RELU);
    const int32_t second = add_unit(list, first, channels, 3, 1, 0);
    const int32_t beside = projects ? add_unit(list, x, channels, 1, stride, 0) : x;
    return add(
        list, (layer){.kind = LAYER_SUM, .from = second, .with = beside, .flags = LAYER_RELU});
}

layer_list layers_resnet18(int32_t side, int32_t width, int32_t classes) {
    layer_list list = {.learning_rate = 0.01F};
    int32_t at = add(&list, (layer){.kind = LAYER_IMAGES, .channels = 3, .window = side});
    at = add_unit(&list, at, width, 7, 2, LAYER_RELU);
    at = add_max(&list, at, 3, 2, 1);
    for (int32_t stage = 0; stage < 4; stage++) {
        at = add_block(&list, at, width << stage, stage > 0 ? 2 : 1, stage > 0);
        at = add_block(&list, at, width << stage, 1, false);
    }
    at = add(&list, (layer){.kind = LAYER_MEAN, .from = at});
    add_dense(&list, at, classes, 0);
    return list;
}
