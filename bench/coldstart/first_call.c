/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the first call of one operation takes, the kernel's compilation included:
 *   first_call OPERATION [DEVICE]     prints the seconds
 * The caches are what the environment says.
 */
#include "operations.h"

#include <cleat/cleat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POOL = 1 << 22 }; /* elements of each operand's buffer */

/* Operands: views of these four buffers, and one of labels. */
static cleat_context *context;
static cleat_buffer *buffers[5];

/* A row-major view; a failure shows in the operation, which refuses it. */
static cleat_tensor view(int buffer, int32_t rank, const int64_t *shape) {
    cleat_tensor tensor = {0};
    cleat_tensor_view(buffers[buffer], CLEAT_F32, rank, shape, 0, &tensor);
    return tensor;
}

static cleat_tensor vector(int buffer, int64_t count) {
    return view(buffer, 1, &count);
}

static cleat_tensor matrix(int buffer, int64_t rows, int64_t columns) {
    return view(buffer, 2, (const int64_t[]){rows, columns});
}

static cleat_tensor images(int buffer, int64_t n, int64_t channels, int64_t side) {
    return view(buffer, 4, (const int64_t[]){n, channels, side, side});
}

static cleat_tensor labels(int64_t count) {
    cleat_tensor tensor = {0};
    cleat_tensor_view(buffers[4], CLEAT_I32, 1, &count, 0, &tensor);
    return tensor;
}

/* ---- Products ---- */

static cleat_status matmul(void) {
    return cleat_matmul(
        context, matrix(0, 512, 512), matrix(1, 512, 512), matrix(2, 512, 512), NULL);
}
static cleat_status matmul_transposed(void) {
    return cleat_matmul(context, cleat_transpose(matrix(0, 513, 512)),
        cleat_transpose(matrix(1, 511, 513)), matrix(2, 512, 511), NULL);
}
static cleat_status matmul_bias_relu(void) {
    cleat_tensor bias = vector(3, 256);
    cleat_matmul_options options = {.bias = &bias, .activation = CLEAT_RELU};
    return cleat_matmul(context, matrix(0, 128, 512), cleat_transpose(matrix(1, 256, 512)),
        matrix(2, 128, 256), &options);
}
static cleat_status matmul_small(void) {
    return cleat_matmul(context, matrix(0, 64, 64), matrix(1, 64, 64), matrix(2, 64, 64), NULL);
}
static cleat_status matmul_vector(void) {
    return cleat_matmul(
        context, matrix(0, 1024, 1024), matrix(1, 1024, 1), matrix(2, 1024, 1), NULL);
}

/* ---- Convolutions: a window of 3 x 3, one of 1 x 1, and depthwise ---- */

static cleat_status convolve(cleat_conv2d_direction direction, int64_t side, int64_t groups) {
    cleat_conv2d_options options = {.groups = groups};
    cleat_tensor x = images(0, 2, 64, 28), y = images(2, 2, 64, 28);
    cleat_tensor w = view(1, 4, (const int64_t[]){64, 64 / groups, side, side});
    for (int i = 0; i < 4; i++) {
        options.padding[i] = side / 2;
    }
    switch (direction) {
    case CLEAT_CONV2D_BACKWARD_DATA:
        return cleat_conv2d_backward_data(context, y, w, x, &options);
    case CLEAT_CONV2D_BACKWARD_WEIGHTS:
        return cleat_conv2d_backward_weights(context, x, y, w, &options);
    default:
        return cleat_conv2d(context, x, w, y, &options);
    }
}
static cleat_status conv2d(void) {
    return convolve(CLEAT_CONV2D_FORWARD, 3, 1);
}
static cleat_status conv2d_pointwise(void) {
    return convolve(CLEAT_CONV2D_FORWARD, 1, 1);
}
static cleat_status conv2d_depthwise(void) {
    return convolve(CLEAT_CONV2D_FORWARD, 3, 64);
}
static cleat_status conv2d_data(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_DATA, 3, 1);
}
static cleat_status conv2d_data_pointwise(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_DATA, 1, 1);
}
static cleat_status conv2d_data_depthwise(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_DATA, 3, 64);
}
static cleat_status conv2d_weights(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_WEIGHTS, 3, 1);
}
static cleat_status conv2d_weights_pointwise(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_WEIGHTS, 1, 1);
}
static cleat_status conv2d_weights_depthwise(void) {
    return convolve(CLEAT_CONV2D_BACKWARD_WEIGHTS, 3, 64);
}
static cleat_status conv2d_bias(void) {
    return cleat_conv2d_backward_bias(context, images(0, 2, 64, 28), vector(1, 64), NULL);
}

/* ---- Element by element ---- */

static cleat_status relu(void) {
    return cleat_activate(context, CLEAT_RELU, vector(0, POOL), vector(1, POOL), NULL);
}
static cleat_status gelu(void) {
    return cleat_activate(context, CLEAT_GELU, vector(0, POOL), vector(1, POOL), NULL);
}
static cleat_status gelu_backward(void) {
    return cleat_activate_backward(
        context, CLEAT_GELU, vector(0, POOL), vector(1, POOL), vector(2, POOL), NULL);
}
static cleat_status add(void) {
    return cleat_add(context, vector(0, POOL), vector(1, POOL), vector(2, POOL));
}
static cleat_status add_broadcast(void) {
    return cleat_add(context, matrix(0, 512, 1), matrix(1, 1, 512), matrix(2, 512, 512));
}
static cleat_status bias_add(void) {
    return cleat_bias_add(context, images(0, 2, 64, 28), vector(1, 64), 1, images(2, 2, 64, 28));
}
static cleat_status div_backward(void) {
    cleat_tensor da = matrix(3, 512, 512);
    return cleat_binary_backward(context, CLEAT_DIV, matrix(0, 512, 512), matrix(1, 512, 512),
        matrix(2, 512, 512), &da, NULL);
}
static cleat_status copy_transposed(void) {
    return cleat_copy(context, cleat_transpose(matrix(0, 512, 256)), matrix(1, 256, 512));
}
static cleat_status random_uniform(void) {
    return cleat_random_uniform(context, 1, 0, 0, 1, vector(0, POOL));
}
static cleat_status random_normal(void) {
    return cleat_random_normal(context, 1, 0, 0, 1, vector(0, POOL));
}
static cleat_status sgd_step(void) {
    cleat_tensor velocity = vector(2, POOL);
    return cleat_sgd_step(context, vector(0, POOL), vector(1, POOL), &velocity, 0.1F,
        &(cleat_sgd_options){.momentum = 0.9F});
}
static cleat_status adam_step(void) {
    return cleat_adam_step(
        context, vector(0, POOL), vector(1, POOL), vector(2, POOL), vector(3, POOL), 1, 0.1F, NULL);
}

/* ---- Over an axis or a window ---- */

static cleat_status softmax(void) {
    return cleat_softmax(context, matrix(0, 1024, 1000), -1, matrix(1, 1024, 1000));
}
static cleat_status softmax_columns(void) {
    return cleat_softmax(context, matrix(0, 1024, 1000), 0, matrix(1, 1024, 1000));
}
static cleat_status softmax_backward(void) {
    return cleat_softmax_backward(
        context, matrix(0, 1024, 1000), matrix(1, 1024, 1000), -1, matrix(2, 1024, 1000));
}
static cleat_status log_softmax(void) {
    return cleat_log_softmax(context, matrix(0, 1024, 1000), -1, matrix(1, 1024, 1000));
}
static cleat_status cross_entropy(void) {
    return cleat_softmax_cross_entropy(
        context, matrix(0, 128, 10), labels(128), vector(1, 1), NULL);
}
static cleat_status cross_entropy_backward(void) {
    return cleat_softmax_cross_entropy_backward(
        context, matrix(0, 128, 10), labels(128), NULL, matrix(1, 128, 10), NULL);
}
static cleat_status reduce_all(void) {
    return cleat_reduce(context, CLEAT_REDUCE_SUM, vector(0, POOL), 0, NULL, vector(1, 1), NULL);
}
static cleat_status reduce_rows(void) {
    return cleat_reduce(context, CLEAT_REDUCE_MAX, matrix(0, 1024, 1000), 1, (const int32_t[]){1},
        vector(1, 1024), NULL);
}
static cleat_status reduce_columns(void) {
    return cleat_reduce(context, CLEAT_REDUCE_SUM, matrix(0, 1024, 1000), 1, (const int32_t[]){0},
        vector(1, 1000), NULL);
}
static cleat_status reduce_backward(void) {
    return cleat_reduce_backward(context, CLEAT_REDUCE_MAX, matrix(0, 1024, 1000), vector(1, 1024),
        vector(2, 1024), 1, (const int32_t[]){1}, matrix(3, 1024, 1000), NULL);
}
static const cleat_pool2d_options window = {.window = {2, 2}};
static cleat_status max_pool2d(void) {
    return cleat_max_pool2d(context, images(0, 2, 64, 28), images(1, 2, 64, 14), &window);
}
static cleat_status max_pool2d_backward(void) {
    return cleat_max_pool2d_backward(
        context, images(0, 2, 64, 28), images(1, 2, 64, 14), images(2, 2, 64, 28), &window);
}
static cleat_status average_pool2d(void) {
    return cleat_average_pool2d(context, images(0, 2, 64, 28), images(1, 2, 64, 14), &window);
}
static cleat_status average_pool2d_backward(void) {
    return cleat_average_pool2d_backward(
        context, images(1, 2, 64, 14), images(2, 2, 64, 28), &window);
}

static const struct {
    const char *name;
    cleat_status (*call)(void);
} operations[] = {
#define ROW(name)                                                                                  \
    { #name, name }
    OPERATIONS(ROW)
#undef ROW
};

enum { OPERATION_COUNT = sizeof operations / sizeof operations[0] };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* By writing zeros: filling would take a kernel, and what a driver does once for its first one
 * would not be in the time of the operation. */
static cleat_status prepare(const char *device) {
    const size_t bytes = (size_t)POOL * sizeof(float);
    void *zeros = calloc(1, bytes);
    cleat_status status = zeros == NULL ? CLEAT_OUT_OF_HOST_MEMORY : CLEAT_OK;
    if (status == CLEAT_OK) {
        status = cleat_context_create(&(cleat_context_options){.device = device}, &context);
    }
    for (int i = 0; i < 5 && status == CLEAT_OK; i++) {
        cleat_tensor all;
        const int64_t count = POOL;
        status = cleat_buffer_create(context, bytes, &buffers[i]);
        if (status == CLEAT_OK) {
            status = cleat_tensor_view(buffers[i], CLEAT_F32, 1, &count, 0, &all);
        }
        if (status == CLEAT_OK) {
            status = cleat_write(context, all, zeros, bytes);
        }
    }
    free(zeros);
    return status == CLEAT_OK ? cleat_finish(context) : status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: first_call OPERATION [DEVICE]\n", stderr);
        return 2;
    }
    int chosen = 0;
    while (chosen < OPERATION_COUNT && strcmp(operations[chosen].name, argv[1]) != 0) {
        chosen++;
    }
    if (chosen == OPERATION_COUNT) {
        fprintf(stderr, "first_call: no operation %s\n", argv[1]);
        return 2;
    }
    cleat_status status = prepare(argc > 2 ? argv[2] : NULL);
    double start = seconds_now();
    if (status == CLEAT_OK) {
        status = operations[chosen].call();
    }
    if (status == CLEAT_OK) {
        status = cleat_finish(context);
    }
    double seconds = seconds_now() - start;
    if (status == CLEAT_OK) {
        printf("%.6f\n", seconds);
        fflush(stdout);
    } else {
        fprintf(stderr, "first_call %s: %s\n", argv[1], cleat_error_message());
    }
    for (int i = 0; i < 5; i++) {
        cleat_buffer_release(buffers[i]);
    }
    cleat_context_release(context);
    return status == CLEAT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
