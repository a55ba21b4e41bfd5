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

/* The same by matrix units, where there are any. */
static const tune_problem unit_products[] = {{"512x512x512 by tf32", {512, 512, 512}},
    {"1024x1024x1024 by tf32", {1024, 1024, 1024}}, {"320x4096x2048 by tf32", {320, 4096, 2048}},
    {0}};

static cleat_status run_by_units(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    const cleat_matmul_options options = {.compute = CLEAT_COMPUTE_TF32};
    return cleat_matmul(context, o[0], o[1], o[2], &options);
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

/* ---- Attention, one batch: heads, heads of keys, queries, keys, width ---- */

static const tune_problem attentions[] = {{"8 heads, 256x256, 64 wide", {8, 8, 256, 256, 64}},
    {"8 heads on 2, 96x512, 64 wide", {8, 2, 96, 512, 64}},
    {"8 heads, 1 query, 2048 keys, 64 wide", {8, 8, 1, 2048, 64}},
    {"32 heads on 8, 1 query, 1024 keys, 128 wide", {32, 8, 1, 1024, 128}}, {0}};

static const tune_problem long_attentions[] = {{"8 heads, 256x256, 64 wide", {8, 8, 256, 256, 64}},
    {"8 heads on 2, 96x512, 64 wide", {8, 2, 96, 512, 64}}, {0}};

/* q, k, v, y, logarithms; then dy, dq, dk, dv. */
enum { Q, K, V, Y, LOGARITHMS, DY, DQ, DK, DV };

static cleat_status prepare_attention(
    cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    const int64_t *n = p->numbers;
    const int64_t q[] = {1, n[0], n[2], n[4]}, k[] = {1, n[1], n[3], n[4]};
    cleat_status status = CLEAT_OK;
    for (int i = Q; i <= DV && status == CLEAT_OK; i++) {
        const bool of_keys = i == K || i == V || i == DK || i == DV;
        status = make(context, i == LOGARITHMS ? 3 : 4, of_keys ? k : q, &o[i]);
    }
    return status != CLEAT_OK
               ? status
               : cleat_attention(context, o[Q], o[K], o[V], o[Y], &o[LOGARITHMS], NULL);
}

static cleat_status run_attention(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_attention(context, o[Q], o[K], o[V], o[Y], NULL, NULL);
}

static cleat_status run_attention_backward(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_attention_backward(
        context, o[Q], o[K], o[V], o[Y], o[LOGARITHMS], o[DY], o[DQ], o[DK], o[DV], NULL);
}

/* ---- Rotary embedding: heads, rows, width ---- */

static const tune_problem rotations[] = {
    {"32 heads, 512 rows of 128", {32, 512, 128}}, {"32 heads, 1 row of 128", {32, 1, 128}}, {0}};

static cleat_status prepare_rotary(cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    cleat_status status = make(context, 3, p->numbers, &o[0]);
    return status != CLEAT_OK ? status : make(context, 3, p->numbers, &o[1]);
}

static cleat_status run_rotary(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_rotary(context, o[0], o[1], NULL);
}

/* ---- Cross-entropy: samples, classes ---- */

static const tune_problem entropies[] = {
    {"4096 samples, 1000 classes", {4096, 1000}}, {"65536 samples, 10 classes", {65536, 10}}, {0}};

/* Logits, their gradient, the loss, labels. */
static cleat_status prepare_entropy(
    cleat_context *context, const tune_problem *p, cleat_tensor *o) {
    cleat_status status = make(context, 2, p->numbers, &o[0]);
    status = status != CLEAT_OK ? status : make(context, 2, p->numbers, &o[1]);
    status = status != CLEAT_OK ? status : make(context, 0, NULL, &o[2]);
    status =
        status != CLEAT_OK ? status : cleat_tensor_create(context, CLEAT_I32, 1, p->numbers, &o[3]);
    return status != CLEAT_OK ? status : cleat_fill(context, 1, o[3]);
}

static cleat_status run_entropy(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_softmax_cross_entropy(context, o[0], o[3], o[2], NULL);
}

static cleat_status run_entropy_backward(
    cleat_context *context, const tune_problem *p, const cleat_tensor *o) {
    (void)p;
    return cleat_softmax_cross_entropy_backward(context, o[0], o[3], NULL, o[1], NULL);
}

/* Those of ops/loss.c, which no header tells. */
static const char *const *entropy_variants(void) {
    static const char *const names[] = {"rows", "turned", "short", "items", "group", NULL};
    return names;
}

/* ---- The choices ---- */

static const tune_family matmul = {
    "matmul", products, prepare_matmul, run_matmul, cleat_matmul_variants};
static const tune_family matmul_units = {
    "matmul", unit_products, prepare_matmul, run_by_units, cleat_matmul_variants};
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

static const tune_family attention = {
    "attention", attentions, prepare_attention, run_attention, cleat_attention_variants};
static const tune_family attention_backward = {"attention_backward", long_attentions,
    prepare_attention, run_attention_backward, cleat_attention_variants};
static const tune_family rotary = {
    "rotary", rotations, prepare_rotary, run_rotary, cleat_rotary_variants};
static const tune_family entropy = {
    "softmax_cross_entropy", entropies, prepare_entropy, run_entropy, entropy_variants};
static const tune_family entropy_backward = {"softmax_cross_entropy_backward", entropies,
    prepare_entropy, run_entropy_backward, entropy_variants};

static const char *const k_blocks[] = {"128", "192", "256", "384", "512", "768", "1024", NULL};
static const char *const tile_rows[] = {"32", "64", "96", "128", "192", "256", NULL};
static const char *const tile_columns[] = {"96", "128", "192", "256", "384", "512", "768", NULL};
static const char *const gpu_tiles[] = {"16", "32", "64", "128", NULL};
static const char *const gpu_bands[] = {"1", "4", "8", "16", NULL};
static const char *const units_stages[] = {"0", "2", "3", NULL};

/* In this order: a number is found with what was found before it in place. */
const tune_choice tune_choices[] = {
    {&matmul, "small", NULL},
    {&matmul, "large", NULL},
    {&matmul, "vector", NULL},
    {&matmul, "k_block", k_blocks},
    {&matmul, "tile_rows", tile_rows},
    {&matmul, "tile_columns", tile_columns},
    {&matmul, "gpu_tile", gpu_tiles},
    {&matmul, "gpu_band", gpu_bands},
    {&matmul_units, "units_stages", units_stages},
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
    {&attention, "long", NULL},
    {&attention, "short", NULL},
    {&attention_backward, "any", NULL},
    {&rotary, "any", NULL},
    {&entropy, "any", NULL},
    {&entropy_backward, "any", NULL},
    {0},
};
