/* SPDX-License-Identifier: Apache-2.0 */
/* What `cleat tune` looks for, and the problems it measures for that. */
#include "tune.h"

/* A tensor of random values. */
static cleat_status make(
    cleat_context *context, int32_t rank, const int64_t *shape, cleat_tensor *tensor) {
    cleat_status status = cleat_tensor_create(context, CLEAT_F32, rank, shape, tensor);
    return status != CLEAT_OK ? status : cleat_random_uniform(context, 1, 1, -1, 1, *tensor);
}

/* ---- matmul: rows, columns, terms ---- */

static const tune_problem products[] = {{"64x64x64", {64, 64, 64}},
    {"128x128x128", {128, 128, 128}}, {"256x256x256", {256, 256, 256}},
    {"512x512x512", {512, 512, 512}}, {"1024x1024x1024", {1024, 1024, 1024}},
    {"320x4096x2048", {320, 4096, 2048}}, {"4096x4096 by a vector", {4096, 1, 4096}}, {0}};

static cleat_status prepare_matmul(cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    const int64_t m = p->numbers[0], n = p->numbers[1], k = p->numbers[2];
    cleat_status status = make(context, 2, (int64_t[]){m, k}, &o[0]);
    status = status != CLEAT_OK ? status : make(context, 2, (int64_t[]){k, n}, &o[1]);
    return status != CLEAT_OK ? status : make(context, 2, (int64_t[]){m, n}, &o[2]);
}

static cleat_status run_matmul(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_matmul(context, o[0], o[1], o[2], NULL);
}

/* ---- conv2d: images, channels, side, outputs, window, stride, padding, groups ---- */

enum { IMAGES, CHANNELS, SIDE, OUTPUTS, WINDOW, STRIDE, PADDING, GROUPS };

static const tune_problem convolutions[] = {{"64 of 56x56 to 64, 3x3", {1, 64, 56, 64, 3, 1, 1, 1}},
    {"256 of 56x56 to 64, 1x1", {1, 256, 56, 64, 1, 1, 0, 1}},
    {"8 x 256 of 14x14 to 256, 3x3", {8, 256, 14, 256, 3, 1, 1, 1}},
    {"96 of 112x112, depthwise 3x3", {1, 96, 112, 96, 3, 1, 1, 96}},
    {"384 of 14x14, depthwise 3x3", {1, 384, 14, 384, 3, 1, 1, 384}}, {0}};

static cleat_conv2d_options convolution_options(const tune_problem *p) {
    const int64_t *n = p->numbers;
    return (cleat_conv2d_options){.stride = {n[STRIDE], n[STRIDE]},
        .padding = {n[PADDING], n[PADDING], n[PADDING], n[PADDING]},
        .groups = n[GROUPS]};
}

static cleat_status prepare_conv2d(cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    const int64_t *n = p->numbers;
    const cleat_conv2d_options options = convolution_options(p);
    const int64_t x[4] = {n[IMAGES], n[CHANNELS], n[SIDE], n[SIDE]};
    const int64_t w[4] = {n[OUTPUTS], n[CHANNELS] / n[GROUPS], n[WINDOW], n[WINDOW]};
    int64_t y[4];
    cleat_status status = cleat_conv2d_shape(x, w, &options, y);
    status = status != CLEAT_OK ? status : make(context, 4, x, &o[0]);
    status = status != CLEAT_OK ? status : make(context, 4, w, &o[1]);
    return status != CLEAT_OK ? status : make(context, 4, y, &o[2]);
}

static cleat_status run_forward(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    const cleat_conv2d_options options = convolution_options(p);
    return cleat_conv2d(context, o[0], o[1], o[2], &options);
}

static cleat_status run_backward_data(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    const cleat_conv2d_options options = convolution_options(p);
    return cleat_conv2d_backward_data(context, o[2], o[1], o[0], &options);
}

static cleat_status run_backward_weights(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    const cleat_conv2d_options options = convolution_options(p);
    return cleat_conv2d_backward_weights(context, o[0], o[2], o[1], &options);
}

static const char *const *forward_variants(void) {
    return cleat_conv2d_variants(CLEAT_CONV2D_FORWARD);
}

static const char *const *backward_data_variants(void) {
    return cleat_conv2d_variants(CLEAT_CONV2D_BACKWARD_DATA);
}

static const char *const *backward_weights_variants(void) {
    return cleat_conv2d_variants(CLEAT_CONV2D_BACKWARD_WEIGHTS);
}

/* ---- softmax and reduce: rows, columns, the axis ---- */

static const tune_problem rows[] = {{"4096 rows of 1024", {4096, 1024, 1}},
    {"65536 rows of 64", {65536, 64, 1}}, {"65536 rows of 10", {65536, 10, 1}},
    {"4096 columns of 1024", {1024, 4096, 0}}, {0}};

static cleat_status prepare_softmax(
    cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    cleat_status status = make(context, 2, p->numbers, &o[0]);
    return status != CLEAT_OK ? status : make(context, 2, p->numbers, &o[1]);
}

static cleat_status run_softmax(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    return cleat_softmax(context, o[0], (int32_t)p->numbers[2], o[1]);
}

static cleat_status prepare_reduce(cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    cleat_status status = make(context, 2, p->numbers, &o[0]);
    return status != CLEAT_OK ? status
                              : make(context, 1, &p->numbers[p->numbers[2] == 1 ? 0 : 1], &o[1]);
}

static cleat_status run_reduce(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    const int32_t axis = (int32_t)p->numbers[2];
    return cleat_reduce(context, CLEAT_REDUCE_SUM, o[0], 1, &axis, o[1], NULL);
}

/* ---- The choices ---- */

static const tune_family matmul = {
    "matmul", products, prepare_matmul, run_matmul, cleat_matmul_variants};
static const tune_family conv2d = {
    "conv2d", convolutions, prepare_conv2d, run_forward, forward_variants};
static const tune_family backward_data = {"conv2d_backward_data", convolutions, prepare_conv2d,
    run_backward_data, backward_data_variants};
static const tune_family backward_weights = {"conv2d_backward_weights", convolutions,
    prepare_conv2d, run_backward_weights, backward_weights_variants};
static const tune_family softmax = {
    "softmax", rows, prepare_softmax, run_softmax, cleat_softmax_variants};
static const tune_family reduce = {
    "reduce", rows, prepare_reduce, run_reduce, cleat_reduce_variants};

static const char *const k_blocks[] = {"128", "192", "256", "384", "512", "768", "1024", NULL};
static const char *const tile_rows[] = {"32", "64", "96", "128", "192", "256", NULL};
static const char *const tile_columns[] = {"96", "128", "192", "256", "384", "512", "768", NULL};
static const char *const gpu_tiles[] = {"16", "32", "64", "128", NULL};

/* In this order: a number is found with what was found before it in place. */
const tune_choice tune_choices[] = {
    {&matmul, "small", NULL},
    {&matmul, "large", NULL},
    {&matmul, "vector", NULL},
    {&matmul, "k_block", k_blocks},
    {&matmul, "tile_rows", tile_rows},
    {&matmul, "tile_columns", tile_columns},
    {&matmul, "gpu_tile", gpu_tiles},
    {&conv2d, "wide_groups", NULL},
    {&conv2d, "narrow_groups", NULL},
    {&backward_data, "wide_groups", NULL},
    {&backward_data, "narrow_groups", NULL},
    {&backward_weights, "wide_groups", NULL},
    {&backward_weights, "narrow_groups", NULL},
    {&softmax, "inner", NULL},
    {&softmax, "short", NULL},
    {&softmax, "outer", NULL},
    {&reduce, "inner", NULL},
    {&reduce, "outer", NULL},
    {0},
};
