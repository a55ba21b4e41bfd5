/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with the shapes that people run on graphics cards, so that the recorder sees the variants
 * chosen for them: the test programs' shapes are small. No result is looked at. Every kernel that a
 * card can run is launched, those that the library does not choose by asking for them.
 *   vendor_shapes [--short] [--units]
 * --short: little more than the first program of each kernel; --units: products and convolutions by
 * the card's matrix unit, and nothing else
 */
#include "shapes.h"

#include <string.h>

enum { MOST_TENSORS = 64 };

bool brief;
cleat_context *context;
static cleat_tensor tensors[MOST_TENSORS]; /* of the case that runs */
static int tensor_count;
static int failures;

void report(cleat_status status, const char *call) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", call, cleat_error_message());
        failures++;
    }
}

cleat_tensor tensor(cleat_type type, int32_t rank, const int64_t *shape) {
    cleat_tensor made = {.rank = 0};
    if (tensor_count == MOST_TENSORS) {
        fprintf(stderr, "more than %d tensors\n", MOST_TENSORS);
        exit(EXIT_FAILURE);
    }
    DO(cleat_tensor_create(context, type, rank, shape, &made));
    return tensors[tensor_count++] = made;
}

cleat_tensor like(cleat_tensor x) {
    return tensor(x.type, x.rank, x.shape);
}

void end_case(void) {
    while (tensor_count > 0) {
        cleat_tensor_release(&tensors[--tensor_count]);
    }
}

/* Another variant for the calls until the next one; NULL: the library's choice. */
static void ask_for(const char *variable, const char *variant) {
    if (variant != NULL ? setenv(variable, variant, 1) != 0 : unsetenv(variable) != 0) {
        perror(variable);
        failures++;
    }
}

/* ---- Products ---- */

static void multiply(int64_t m, int64_t n, int64_t k) {
    const cleat_tensor a = F32(m, k), b = F32(k, n), y = F32(m, n), bias = F32(n);
    const cleat_tensor a_turned = cleat_transpose(F32(k, m)), b_turned = cleat_transpose(F32(n, k));
    const cleat_matmul_options layer = {.bias = &bias, .activation = CLEAT_RELU};
    DO(cleat_matmul(context, a, b, y, NULL));
    if (!brief) {
        DO(cleat_matmul(context, a, b_turned, y, NULL));
        DO(cleat_matmul(context, a_turned, b, y, NULL));
        DO(cleat_matmul(context, a_turned, b_turned, y, NULL));
        DO(cleat_matmul(context, a, b, y, &layer));
    }
    end_case();
}

static void multiply_otherwise(void) {
    const cleat_matmul_options plain = {.variant = "plain"};
    const cleat_tensor a = F32(512, 512), b = like(a), y = like(a);
    DO(cleat_matmul(context, a, b, y, &plain));
    if (!brief) { /* a tile that only a machine's own tuning table asks for */
        DO(cleat_tuning_set(context, "matmul", "gpu_tile", "16"));
        DO(cleat_matmul(context, a, b, y, NULL));
        DO(cleat_tuning_set(context, "matmul", "gpu_tile", NULL));
    }
    cleat_device_info device;
    DO(cleat_context_device(context, &device));
    if (device.has_fp64) {
        const int64_t shape[] = {512, 512};
        const cleat_tensor wide = tensor(CLEAT_F64, 2, shape);
        DO(cleat_matmul(context, wide, like(wide), like(wide), NULL));
    }
    end_case();
}

static void multiply_all(void) {
    static const struct {
        int64_t m, n, k;
        bool always; /* with --short too */
    } products[] = {{4096, 4096, 4096, true}, {1000, 1000, 1000, false}, {512, 512, 512, false},
        {128, 128, 8192, true}, {32, 4096, 4096, false}, {1, 4096, 4096, true},
        {4096, 1, 4096, true}, {100, 60, 20, false}};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        if (products[i].always || !brief) {
            multiply(products[i].m, products[i].n, products[i].k);
        }
    }
    multiply_otherwise();
}

/* ---- Convolution ---- */

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
    const cleat_tensor y = tensor(CLEAT_F32, 4, shape), dx = like(x), dw = like(w), more = like(y);
    DO(cleat_conv2d_backward_data(context, y, w, dx, &options));
    DO(cleat_conv2d_backward_weights(context, x, y, dw, &options));
    DO(cleat_conv2d_backward_bias(context, y, db, NULL));
    DO(cleat_conv2d(context, x, w, y, &options));
    options.bias = &bias;
    options.activation = CLEAT_RELU;
    if (!brief) {
        DO(cleat_conv2d(context, x, w, y, &options));
        options.residual = &more;
        DO(cleat_conv2d(context, x, w, y, &options));
    }
    end_case();
}

static void convolve_plainly(void) {
    const cleat_conv2d_options plain = {.padding = {1, 1, 1, 1}, .variant = "plain"};
    const cleat_tensor x = F32(32, 64, 28, 28), w = F32(64, 64, 3, 3), y = like(x);
    DO(cleat_conv2d(context, x, w, y, &plain));
    DO(cleat_conv2d_backward_data(context, y, w, x, &plain));
    DO(cleat_conv2d_backward_weights(context, x, y, w, &plain));
    end_case();
}

static void convolve_transformed(void) {
    const cleat_conv2d_options options = {.padding = {1, 1, 1, 1}, .winograd = true};
    const cleat_tensor x = F32(32, 128, 28, 28), w = F32(128, 128, 3, 3), y = like(x);
    DO(cleat_conv2d(context, x, w, y, &options));
    DO(cleat_conv2d_backward_data(context, y, w, x, &options));
    end_case();
}

static void convolve_volumes(const char *variant) {
    const cleat_conv3d_options options = {.padding = {1, 1, 1, 1, 1, 1}, .variant = variant};
    const cleat_tensor x = F32(4, 32, 16, 56, 56), w = F32(32, 32, 3, 3, 3), y = like(x);
    DO(cleat_conv3d(context, x, w, y, &options));
    DO(cleat_conv3d_backward_data(context, y, w, x, &options));
    DO(cleat_conv3d_backward_weights(context, x, y, w, &options));
    end_case();
}

static void convolve_lines(void) {
    const cleat_conv1d_options options = {.padding = {4, 4}};
    const cleat_tensor x = F32(32, 64, 4096), w = F32(64, 64, 9), y = like(x);
    DO(cleat_conv1d(context, x, w, y, &options));
    DO(cleat_conv1d_backward_data(context, y, w, x, &options));
    DO(cleat_conv1d_backward_weights(context, x, y, w, &options));
    end_case();
}

static void convolve_all(void) {
    convolve(64, 64, 56, 3, 1, 1);
    convolve_plainly();
    convolve_transformed();
    convolve(96, 96, 112, 3, 1, 96);
    convolve_volumes("plain");
    if (!brief) {
        convolve(256, 128, 56, 1, 1, 1);
        convolve(3, 64, 224, 7, 2, 1);
        convolve(512, 512, 7, 3, 1, 1);
        convolve_volumes(NULL);
        convolve_lines();
    }
}

/* ---- Along rows ---- */

static void attend(int64_t width, cleat_causal causal, const char *variant) {
    const cleat_tensor q = F32(8, 12, 1024, width), k = like(q), v = like(q), y = like(q);
    const cleat_tensor sums = F32(8, 12, 1024), dy = like(q), dq = like(q), dk = like(q);
    const cleat_attention_options options = {.causal = causal, .variant = variant};
    DO(cleat_attention(context, q, k, v, y, &sums, &options));
    DO(cleat_attention_backward(context, q, k, v, y, sums, dy, dq, dk, like(q), &options));
    end_case();
}

static void attend_all(void) {
    attend(64, CLEAT_CAUSAL_NONE, NULL);
    attend(64, CLEAT_CAUSAL_NONE, "plain");
    if (!brief) {
        attend(128, CLEAT_CAUSAL_TOP_LEFT, NULL);
        attend(256, CLEAT_CAUSAL_NONE, NULL);
    }
}

static void turn(void) {
    const cleat_rotary_options of_rows = {.variant = "rows"};
    const cleat_rotary_options neighbours = {.pairs = CLEAT_ROTARY_NEIGHBOURS};
    const cleat_tensor x = F32(8, 1024, 64), y = like(x);
    DO(cleat_rotary(context, x, y, NULL));
    DO(cleat_rotary(context, x, y, &neighbours));
    DO(cleat_rotary(context, x, y, &of_rows));
    end_case();
}

static void rows(cleat_tensor x, int32_t axis) {
    const cleat_tensor y = like(x), dx = like(x);
    DO(cleat_softmax(context, x, axis, y));
    if (!brief) {
        DO(cleat_log_softmax(context, x, axis, y));
        DO(cleat_softmax_backward(context, y, x, axis, dx));
        DO(cleat_log_softmax_backward(context, y, x, axis, dx));
    }
    end_case();
}

static void rows_all(void) {
    rows(F32(1024, 1000), 1);
    rows(F32(32, 12, 512, 512), 3);
    rows(F32(32, 1000, 14, 14), 1);
    ask_for("CLEAT_SOFTMAX", "rows");
    rows(F32(1024, 1000), 1);
    ask_for("CLEAT_SOFTMAX", "short");
    rows(F32(1024, 10), 1);
    ask_for("CLEAT_SOFTMAX", "columns");
    rows(F32(64, 1024), 0);
    ask_for("CLEAT_SOFTMAX", NULL);
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

static void normalize_locally(void) {
    const cleat_tensor x = F32(32, 96, 55, 55), y = like(x), dx = like(x);
    DO(cleat_local_response_norm(context, x, 5, y, NULL));
    DO(cleat_local_response_norm_backward(context, x, 5, y, dx, NULL));
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
    const int last = brief ? CLEAT_REDUCE_SUM : CLEAT_REDUCE_VARIANCE;
    for (int kind = CLEAT_REDUCE_SUM; kind <= last; kind++) {
        const cleat_reduction_kind of = (cleat_reduction_kind)kind;
        DO(cleat_reduce(context, of, x, 1, (int32_t[]){0}, row, NULL));
        DO(cleat_reduce(context, of, x, 1, (int32_t[]){1}, row, NULL));
        DO(cleat_reduce(context, of, x, 0, NULL, scalar, NULL));
        DO(cleat_reduce(context, of, image, 3, (int32_t[]){0, 2, 3}, channels, NULL));
        DO(cleat_reduce_backward(context, of, x, row, row, 1, (int32_t[]){1}, dx, NULL));
    }
    end_case();
}

static void reduce_otherwise(void) {
    const cleat_tensor x = F32(512, 512), y = F32(512);
    ask_for("CLEAT_REDUCE", "rows");
    DO(cleat_reduce(context, CLEAT_REDUCE_SUM, x, 1, (int32_t[]){1}, y, NULL));
    ask_for("CLEAT_REDUCE", "columns");
    DO(cleat_reduce(context, CLEAT_REDUCE_SUM, x, 1, (int32_t[]){0}, y, NULL));
    ask_for("CLEAT_REDUCE", NULL);
    end_case();
}

static void accumulate(void) {
    const cleat_tensor few = F32(8, 65536), many = F32(4096, 1024);
    const cleat_cumulative_options reverse = {.reverse = true, .exclusive = true};
    DO(cleat_cumulative_sum(context, few, 1, like(few), NULL));
    DO(cleat_cumulative_sum(context, many, 1, like(many), &reverse));
    DO(cleat_cumulative_sum(context, many, 0, like(many), NULL));
    end_case();
}

static void choose_best(void) {
    const cleat_tensor x = F32(256, 1000), values = F32(256, 5);
    const cleat_tensor places = tensor(CLEAT_I64, 2, values.shape);
    DO(cleat_top_k(context, x, 1, &values, &places, NULL));
    end_case();
}

/* ---- Element by element ---- */

/* Every second element of x: elements that do not lie together. */
static cleat_tensor half(cleat_tensor x) {
    cleat_tensor part = x;
    DO(cleat_slice(x, x.rank - 1, 0, x.shape[x.rank - 1] / 2, 2, &part));
    return part;
}

static void pass_over(void) {
    const cleat_tensor x = F32(32, 256, 56, 56), y = like(x), z = like(x), bias = F32(256);
    static const cleat_activation activations[] = {
        CLEAT_RELU, CLEAT_SIGMOID, CLEAT_TANH, CLEAT_GELU, CLEAT_GELU_TANH};
    for (size_t i = 0; i < (brief ? 1 : sizeof activations / sizeof *activations); i++) {
        DO(cleat_activate(context, activations[i], x, y, NULL));
        DO(cleat_activate_backward(context, activations[i], x, y, z, NULL));
    }
    DO(cleat_add(context, x, y, z));
    DO(cleat_mul(context, x, y, z));
    DO(cleat_bias_add(context, x, bias, 1, y));
    DO(cleat_copy(context, cleat_transpose(x), y));
    DO(cleat_copy(context, half(x), half(y)));
    end_case();
}

/* Runs a graph of one input and one output, and releases it. */
static void run_graph(cleat_graph *graph, cleat_tensor x) {
    cleat_model *model = NULL;
    cleat_tensor y = {.rank = 0};
    DO(cleat_model_create(context, graph, NULL, &model));
    DO(cleat_model_run(model, &x, 1, &y, 1));
    cleat_tensor_release(&y);
    cleat_model_release(model);
    cleat_graph_release(graph);
}

/* activation(x * scale + shift), which a graph makes one pass of. */
static void pass_over_at_once(cleat_tensor x, const char *activation) {
    static const int64_t channels[] = {256, 1, 1};
    static float numbers[256];
    cleat_graph *graph = NULL;
    DO(cleat_graph_create(17, &graph));
    DO(cleat_graph_input(graph, "x", x.type, x.rank, x.shape));
    DO(cleat_graph_constant(graph, "scale", CLEAT_F32, 3, channels, numbers));
    DO(cleat_graph_constant(graph, "shift", CLEAT_F32, 3, channels, numbers));
    DO(cleat_graph_node(graph, "Mul", NULL, 2, (const char *[]){"x", "scale"}, 1,
        (const char *[]){"scaled"}, 0, NULL));
    DO(cleat_graph_node(graph, "Add", NULL, 2, (const char *[]){"scaled", "shift"}, 1,
        (const char *[]){"shifted"}, 0, NULL));
    DO(cleat_graph_node(graph, activation, NULL, 1, (const char *[]){"shifted"}, 1,
        (const char *[]){"y"}, 0, NULL));
    DO(cleat_graph_output(graph, "y"));
    run_graph(graph, x);
}

static void pass_over_chains(void) {
    const cleat_tensor x = F32(32, 256, 56, 56);
    pass_over_at_once(x, "Relu");
    if (!brief) {
        pass_over_at_once(x, "Sigmoid");
    }
    end_case();
}

/* To 8 bits and back, as networks of integers have it before each product. */
static void quantize(void) {
    static const float scale = 0.5F;
    static const uint8_t zero = 128;
    const cleat_tensor x = F32(32, 256, 56, 56);
    cleat_graph *graph = NULL;
    DO(cleat_graph_create(17, &graph));
    DO(cleat_graph_input(graph, "x", x.type, x.rank, x.shape));
    DO(cleat_graph_constant(graph, "scale", CLEAT_F32, 0, NULL, &scale));
    DO(cleat_graph_constant(graph, "zero", CLEAT_U8, 0, NULL, &zero));
    DO(cleat_graph_node(graph, "QuantizeLinear", NULL, 3, (const char *[]){"x", "scale", "zero"}, 1,
        (const char *[]){"levels"}, 0, NULL));
    DO(cleat_graph_node(graph, "DequantizeLinear", NULL, 3,
        (const char *[]){"levels", "scale", "zero"}, 1, (const char *[]){"y"}, 0, NULL));
    DO(cleat_graph_output(graph, "y"));
    run_graph(graph, x);
    end_case();
}

/* A step of Adam whose rate is on the device, as graphs that are trained have it. */
static void train_at_once(void) {
    static const float rate = 1e-3F;
    const cleat_tensor x = F32(128, 784);
    cleat_graph *graph = NULL;
    DO(cleat_graph_create(17, &graph));
    DO(cleat_graph_input(graph, "x", x.type, x.rank, x.shape));
    DO(cleat_graph_constant(graph, "rate", CLEAT_F32, 0, NULL, &rate));
    DO(cleat_graph_parameter(graph, "w", CLEAT_F32, 2, (int64_t[]){784, 128}, NULL));
    DO(cleat_graph_node(
        graph, "MatMul", NULL, 2, (const char *[]){"x", "w"}, 1, (const char *[]){"y"}, 0, NULL));
    DO(cleat_graph_output(graph, "y"));
    DO(cleat_graph_train(graph, "y", "rate", NULL));
    run_graph(graph, x);
    end_case();
}

static void draw(void) {
    const cleat_tensor x = F32(1024, 1024), y = like(x);
    DO(cleat_random_uniform(context, 1, 2, 0, 1, y));
    DO(cleat_random_normal(context, 1, 2, 0, 1, half(y)));
    if (!brief) {
        DO(cleat_random_normal(context, 1, 2, 0, 1, y));
        DO(cleat_random_uniform(context, 1, 2, 0, 1, half(y)));
        DO(cleat_dropout(context, 1, 2, 0.5f, x, y));
        DO(cleat_dropout_backward(context, 1, 2, 0.5f, half(x), half(y)));
    }
    end_case();
}

/* ---- Moving elements ---- */

static void pick(void) {
    const int64_t rows_wanted[] = {4096};
    const cleat_tensor table = F32(50000, 512), picked = F32(4096, 512), x = F32(256, 1000);
    const cleat_tensor indices = tensor(CLEAT_I64, 1, rows_wanted), few = F32(256, 4);
    const cleat_tensor places = tensor(CLEAT_I64, 2, few.shape);
    DO(cleat_embedding(context, table, indices, picked, NULL));
    DO(cleat_embedding_backward(context, indices, picked, table, NULL));
    DO(cleat_gather_elements(context, x, places, 1, few));
    DO(cleat_scatter_add_elements(context, places, few, 1, x));
    end_case();
}

static void pad_images(void) {
    const int64_t one[] = {0, 0, 1, 1};
    const cleat_pad_options edge = {.mode = CLEAT_PAD_EDGE};
    const cleat_tensor x = F32(32, 64, 56, 56), y = F32(32, 64, 58, 58);
    DO(cleat_pad(context, x, one, one, y, NULL));
    DO(cleat_pad(context, x, one, one, y, &edge));
    end_case();
}

static void resize(void) {
    const cleat_tensor x = F32(16, 64, 56, 56), y = F32(16, 64, 112, 112);
    const int last = brief ? CLEAT_RESIZE_NEAREST : CLEAT_RESIZE_CUBIC;
    for (int mode = CLEAT_RESIZE_NEAREST; mode <= last; mode++) {
        const cleat_resize_options options = {.mode = (cleat_resize_mode)mode};
        DO(cleat_resize(context, x, y, &options));
        DO(cleat_resize_backward(context, y, x, &options));
    }
    end_case();
}

/* ---- Pooling ---- */

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

static void pool_volumes(void) {
    cleat_pool_options options = {.window = {2, 2, 2}};
    const cleat_tensor x = F32(8, 32, 16, 56, 56);
    int64_t shape[5];
    DO(cleat_pool_shape(5, x.shape, &options, shape));
    const cleat_tensor y = tensor(CLEAT_F32, 5, shape), places = tensor(CLEAT_I64, 5, shape);
    DO(cleat_average_pool(context, x, y, &options));
    DO(cleat_average_pool_backward(context, y, x, &options));
    DO(cleat_max_pool_backward(context, x, y, like(x), &options));
    DO(cleat_lp_pool(context, x, y, &options));
    options.indices = &places;
    DO(cleat_max_pool(context, x, y, &options));
    DO(cleat_max_unpool(context, y, places, x, NULL));
    DO(cleat_max_unpool_backward(context, x, places, y, NULL));
    end_case();
}

static void pool_all(void) {
    pool(2, 2);
    if (!brief) {
        pool(3, 2);
        pool(56, 56);
    }
    pool_volumes();
}

/* ---- Networks ---- */

static void recur(void) {
    const cleat_tensor x = F32(64, 32, 256), y = F32(64, 1, 32, 256), dy = like(y), dx = like(x);
    const cleat_tensor w = F32(1, 1024, 256), r = like(w), dw = like(w), dr = like(w);
    const cleat_tensor reserve = F32(1, 64, 32, 1280), gated = F32(1, 768, 256);
    const cleat_recurrent_options options = {.reserve = &reserve}, none = {.reserve = NULL};
    const cleat_recurrent_gradients gradients = {.bias = NULL};
    DO(cleat_lstm(context, x, w, r, y, &options));
    DO(cleat_lstm_backward(context, x, w, r, y, dy, dx, dw, dr, &options, &gradients));
    DO(cleat_gru(context, x, gated, like(gated), y, &none));
    end_case();
}

static void train(void) {
    const cleat_tensor logits = F32(256, 1000), loss = F32(1), dlogits = like(logits);
    const cleat_tensor labels = tensor(CLEAT_I32, 1, (int64_t[]){256});
    const cleat_tensor w = F32(4096, 1024), g = like(w), m = like(w), v = like(w);
    const cleat_tensor few = F32(256, 10), weight = F32(1000);
    const cleat_cross_entropy_options weighed = {.weight = &weight};
    DO(cleat_softmax_cross_entropy(context, logits, labels, loss, NULL));
    DO(cleat_softmax_cross_entropy_backward(context, logits, labels, NULL, dlogits, NULL));
    DO(cleat_softmax_cross_entropy(context, few, labels, loss, NULL));
    DO(cleat_softmax_cross_entropy(context, logits, labels, loss, &weighed));
    DO(cleat_adam_step(context, w, g, m, v, 1, 0.1f, NULL));
    DO(cleat_adam_step(context, half(w), half(g), half(m), half(v), 1, 0.1f, NULL));
    if (!brief) {
        DO(cleat_adamw_step(context, w, g, m, v, 1, 0.1f, NULL));
        DO(cleat_sgd_step(context, w, g, &m, 0.1f, NULL));
    }
    end_case();
}

int main(int count, char **arguments) {
    bool units = false;
    for (int i = 1; i < count; i++) {
        brief = brief || strcmp(arguments[i], "--short") == 0;
        units = units || strcmp(arguments[i], "--units") == 0;
    }
    report(cleat_context_create(NULL, &context), "cleat_context_create");
    if (context == NULL) {
        return EXIT_FAILURE;
    }
    if (units) {
        multiply_by_units();
        convolve_by_units();
        cleat_context_release(context);
        return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    multiply_all();
    convolve_all();
    attend_all();
    turn();
    rows_all();
    if (!brief) {
        normalize();
        normalize_batches();
    }
    normalize_locally();
    reduce();
    reduce_otherwise();
    accumulate();
    choose_best();
    pass_over();
    pass_over_chains();
    quantize();
    train_at_once();
    draw();
    pick();
    pad_images();
    resize();
    pool_all();
    recur();
    train();
    cleat_context_release(context);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
