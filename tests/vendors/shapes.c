/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with the shapes that people run on graphics cards, so that the recorder sees the variants
 * chosen for them: the test programs' shapes are small. No result is looked at. */
#include <cleat/cleat.h>

#include <stdio.h>
#include <stdlib.h>

enum { MOST_TENSORS = 64 };

static cleat_context *context;
static cleat_tensor tensors[MOST_TENSORS]; /* of the case that runs */
static int tensor_count;
static int failures;

static void report(cleat_status status, const char *call) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", call, cleat_error_message());
        failures++;
    }
}
#define DO(call) report(call, #call)

static cleat_tensor tensor(cleat_type type, int32_t rank, const int64_t *shape) {
    cleat_tensor made = {.rank = 0};
    if (tensor_count == MOST_TENSORS) {
        fprintf(stderr, "more than %d tensors\n", MOST_TENSORS);
        exit(EXIT_FAILURE);
    }
    DO(cleat_tensor_create(context, type, rank, shape, &made));
    return tensors[tensor_count++] = made;
}
#define RANK(...) ((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define F32(...) tensor(CLEAT_F32, RANK(__VA_ARGS__), (int64_t[]){__VA_ARGS__})

static cleat_tensor like(cleat_tensor x) {
    return tensor(x.type, x.rank, x.shape);
}

static void end_case(void) {
    while (tensor_count > 0) {
        cleat_tensor_release(&tensors[--tensor_count]);
    }
}

static void multiply(int64_t m, int64_t n, int64_t k) {
    const cleat_tensor a = F32(m, k), b = F32(k, n), y = F32(m, n), bias = F32(n);
    const cleat_tensor a_turned = cleat_transpose(F32(k, m)), b_turned = cleat_transpose(F32(n, k));
    const cleat_matmul_options layer = {.bias = &bias, .activation = CLEAT_RELU};
    DO(cleat_matmul(context, a, b, y, NULL));
    DO(cleat_matmul(context, a, b_turned, y, NULL));
    DO(cleat_matmul(context, a_turned, b, y, NULL));
    DO(cleat_matmul(context, a_turned, b_turned, y, NULL));
    DO(cleat_matmul(context, a, b, y, &layer));
    end_case();
}

static void convolve(int64_t channels, int64_t outputs, int64_t extent, int64_t window,
    int64_t stride, int64_t groups) {
    const int64_t pad = window / 2;
    const cleat_tensor x = F32(32, channels, extent, extent);
    const cleat_tensor w = F32(outputs, channels / groups, window, window);
    const cleat_tensor bias = F32(outputs), db = F32(outputs);
    cleat_conv2d_options options = {
        .stride = {stride, stride}, .padding = {pad, pad, pad, pad}, .groups = groups};
    int64_t shape[4];
    DO(cleat_conv2d_shape(x.shape, w.shape, &options, shape));
    const cleat_tensor y = tensor(CLEAT_F32, 4, shape), dx = like(x), dw = like(w);
    DO(cleat_conv2d_backward_data(context, y, w, dx, &options));
    DO(cleat_conv2d_backward_weights(context, x, y, dw, &options));
    DO(cleat_conv2d_backward_bias(context, y, db, NULL));
    DO(cleat_conv2d(context, x, w, y, &options));
    options.bias = &bias;
    options.activation = CLEAT_RELU;
    DO(cleat_conv2d(context, x, w, y, &options));
    end_case();
}

static void attend(int64_t width, cleat_causal causal) {
    const cleat_tensor q = F32(8, 12, 1024, width), k = like(q), v = like(q), y = like(q);
    const cleat_tensor sums = F32(8, 12, 1024), dy = like(q), dq = like(q), dk = like(q);
    const cleat_attention_options options = {.causal = causal};
    DO(cleat_attention(context, q, k, v, y, &sums, &options));
    DO(cleat_attention_backward(context, q, k, v, y, sums, dy, dq, dk, like(q), &options));
    end_case();
}

static void rows(cleat_tensor x, int32_t axis) {
    const cleat_tensor y = like(x), dx = like(x);
    DO(cleat_softmax(context, x, axis, y));
    DO(cleat_log_softmax(context, x, axis, y));
    DO(cleat_softmax_backward(context, y, x, axis, dx));
    DO(cleat_log_softmax_backward(context, y, x, axis, dx));
    end_case();
}

static void normalize(void) {
    const cleat_tensor x = F32(4096, 1024), y = like(x), dx = like(x), dy = like(x);
    const cleat_tensor scale = F32(1024), bias = F32(1024), dscale = F32(1024), dbias = F32(1024);
    const cleat_tensor mean = F32(4096), inverse = F32(4096);
    const cleat_normalization_options options = {
        .scale = &scale, .bias = &bias, .mean = &mean, .inverse = &inverse};
    const cleat_normalization_options rms = {.scale = &scale, .inverse = &inverse};
    DO(cleat_layer_norm(context, x, 1, y, &options));
    DO(cleat_layer_norm_backward(context, x, &scale, mean, inverse, dy, 1, &dx, &dscale, &dbias));
    DO(cleat_rms_norm(context, x, 1, y, &rms));
    DO(cleat_rms_norm_backward(context, x, &scale, inverse, dy, 1, &dx, &dscale, NULL));
    end_case();
}

static void normalize_batches(void) {
    const cleat_tensor x = F32(32, 256, 28, 28), y = like(x), dx = like(x), dy = like(x);
    const cleat_tensor scale = F32(256), bias = F32(256), mean = F32(256), inverse = F32(256);
    const cleat_tensor dscale = F32(256), dbias = F32(256), running = F32(256);
    const cleat_tensor variance = F32(256), means = F32(32, 8), inverses = F32(32, 8);
    const cleat_batch_norm_options options = {.scale = &scale,
        .bias = &bias,
        .mean = &mean,
        .inverse = &inverse,
        .running_mean = &running,
        .running_variance = &variance};
    const cleat_batch_norm_options inference = {.scale = &scale, .bias = &bias};
    const cleat_normalization_options group = {
        .scale = &scale, .bias = &bias, .mean = &means, .inverse = &inverses};
    DO(cleat_batch_norm_training(context, x, y, &options));
    DO(cleat_batch_norm(context, x, running, variance, y, &inference));
    DO(cleat_batch_norm_backward(context, x, &scale, mean, inverse, dy, &dx, &dscale, &dbias));
    DO(cleat_group_norm(context, x, 8, y, &group));
    DO(cleat_group_norm_backward(context, x, &scale, means, inverses, dy, 8, &dx, &dscale, &dbias));
    end_case();
}

static void reduce(void) {
    const cleat_tensor x = F32(4096, 4096), dx = like(x), row = F32(4096);
    const cleat_tensor image = F32(32, 256, 28, 28), channels = F32(256),
                       scalar = tensor(CLEAT_F32, 0, NULL);
    for (int kind = CLEAT_REDUCE_SUM; kind <= CLEAT_REDUCE_VARIANCE; kind++) {
        const cleat_reduction_kind of = (cleat_reduction_kind)kind;
        DO(cleat_reduce(context, of, x, 1, (int32_t[]){0}, row, NULL));
        DO(cleat_reduce(context, of, x, 1, (int32_t[]){1}, row, NULL));
        DO(cleat_reduce(context, of, x, 0, NULL, scalar, NULL));
        DO(cleat_reduce(context, of, image, 3, (int32_t[]){0, 2, 3}, channels, NULL));
        DO(cleat_reduce_backward(context, of, x, row, row, 1, (int32_t[]){1}, dx, NULL));
    }
    end_case();
}

static void pass_over(void) {
    const cleat_tensor x = F32(32, 256, 56, 56), y = like(x), z = like(x), bias = F32(256);
    static const cleat_activation activations[] = {
        CLEAT_RELU, CLEAT_SIGMOID, CLEAT_TANH, CLEAT_GELU, CLEAT_GELU_TANH};
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        DO(cleat_activate(context, activations[i], x, y, NULL));
        DO(cleat_activate_backward(context, activations[i], x, y, z, NULL));
    }
    DO(cleat_add(context, x, y, z));
    DO(cleat_mul(context, x, y, z));
    DO(cleat_bias_add(context, x, bias, 1, y));
    DO(cleat_copy(context, cleat_transpose(x), y));
    end_case();
}

static void pool(int64_t window, int64_t stride) {
    const int64_t pad = window / 2 * (window % 2);
    const cleat_pool2d_options options = {
        .window = {window, window}, .stride = {stride, stride}, .padding = {pad, pad, pad, pad}};
    const cleat_tensor x = F32(32, 64, 112, 112), dx = like(x);
    int64_t shape[4];
    DO(cleat_pool2d_shape(x.shape, &options, shape));
    const cleat_tensor y = tensor(CLEAT_F32, 4, shape);
    DO(cleat_max_pool2d(context, x, y, &options));
    DO(cleat_max_pool2d_backward(context, x, y, dx, &options));
    DO(cleat_average_pool2d(context, x, y, &options));
    DO(cleat_average_pool2d_backward(context, y, dx, &options));
    end_case();
}

static void train(void) {
    const cleat_tensor logits = F32(256, 1000), loss = F32(1), dlogits = like(logits);
    const cleat_tensor labels = tensor(CLEAT_I32, 1, (int64_t[]){256});
    const cleat_tensor w = F32(4096, 1024), g = like(w), m = like(w), v = like(w);
    DO(cleat_softmax_cross_entropy(context, logits, labels, loss, NULL));
    DO(cleat_softmax_cross_entropy_backward(context, logits, labels, NULL, dlogits, NULL));
    DO(cleat_sgd_step(context, w, g, &m, 0.1f, NULL));
    DO(cleat_adam_step(context, w, g, m, v, 1, 0.1f, NULL));
    DO(cleat_adamw_step(context, w, g, m, v, 1, 0.1f, NULL));
    end_case();
}

int main(void) {
    report(cleat_context_create(NULL, &context), "cleat_context_create");
    if (context == NULL) {
        return EXIT_FAILURE;
    }
    static const int64_t products[][3] = {{4096, 4096, 4096}, {1000, 1000, 1000}, {512, 512, 512},
        {128, 128, 8192}, {32, 4096, 4096}, {1, 4096, 4096}, {4096, 1, 4096}, {100, 60, 20}};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        multiply(products[i][0], products[i][1], products[i][2]);
    }
    convolve(64, 64, 56, 3, 1, 1);
    convolve(256, 128, 56, 1, 1, 1);
    convolve(3, 64, 224, 7, 2, 1);
    convolve(512, 512, 7, 3, 1, 1);
    convolve(96, 96, 112, 3, 1, 96);
    attend(64, CLEAT_CAUSAL_NONE);
    attend(128, CLEAT_CAUSAL_TOP_LEFT);
    attend(256, CLEAT_CAUSAL_NONE);
    rows(F32(1024, 1000), 1);
    rows(F32(32, 12, 512, 512), 3);
    rows(F32(32, 1000, 14, 14), 1);
    normalize();
    normalize_batches();
    reduce();
    pass_over();
    pool(2, 2);
    pool(3, 2);
    pool(56, 56);
    train();
    cleat_context_release(context);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
