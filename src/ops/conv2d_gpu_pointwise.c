/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of one element on GPUs: a matrix product of each image and group, by matmul's gpu_tiled,
 * which need not find out for each element what window and pixel it belongs to; and by gpu_units
 * for conv2d's variant of that name. */
#include "ops/conv2d_problem.h"
#include "ops/matmul_problem.h"

static int64_t pixel_step(const cleat_tensor *t) {
    return t->shape[3] == 1 ? t->stride[2] : t->stride[3];
}

bool conv2d_is_flat(const cleat_tensor *t) {
    return t->shape[2] == 1 || t->shape[3] == 1 || t->stride[2] == t->shape[3] * t->stride[3];
}

/* Images that go on where those before end. */
static bool is_one_run(const cleat_tensor *t) {
    return t->shape[0] == 1 || t->shape[2] * t->shape[3] == 1 ||
           t->stride[0] == t->shape[2] * t->shape[3] * pixel_step(t);
}

bool conv2d_is_pointwise(const device_profile *profile, const conv2d_problem *p) {
    bool thin = !p->deep && conv2d_is_int_sized(p) && p->w.shape[2] == 1 && p->w.shape[3] == 1 &&
                conv2d_is_flat(&p->x) && conv2d_is_flat(&p->y);
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        thin = thin && p->stride[axis] == 1 && p->padding[axis] == 0 && p->padding[axis + 2] == 0;
    }
    if (p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS) {
        thin = thin && is_one_run(&p->x) && is_one_run(&p->y);
    }
    return thin && matmul_gpu_tiled_supports(profile, NULL);
}

bool conv2d_gpu_pointwise_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return p->x.type == CLEAT_F32 && conv2d_is_pointwise(profile, p);
}

/* [n, groups, channels of a group, pixels] */
static cleat_tensor planes(const cleat_tensor *t, int64_t groups) {
    const int64_t channels = t->shape[1] / groups;
    return (cleat_tensor){.buffer = t->buffer,
        .type = t->type,
        .offset = t->offset,
        .rank = 4,
        .shape = {t->shape[0], groups, channels, t->shape[2] * t->shape[3]},
        .stride = {t->stride[0], channels * t->stride[1], t->stride[1], pixel_step(t)}};
}

/* [groups, outputs, channels] */
static cleat_tensor matrices(const conv2d_problem *p) {
    return (cleat_tensor){.buffer = p->w.buffer,
        .type = p->w.type,
        .offset = p->w.offset,
        .rank = 3,
        .shape = {p->groups, p->group_outputs, p->group_channels},
        .stride = {p->group_outputs * p->w.stride[0], p->w.stride[0], p->w.stride[1]}};
}

static void swap_last_axes(cleat_tensor *t) {
    const int32_t i = t->rank - 2;
    const int64_t shape = t->shape[i], stride = t->stride[i];
    t->shape[i] = t->shape[i + 1];
    t->stride[i] = t->stride[i + 1];
    t->shape[i + 1] = shape;
    t->stride[i + 1] = stride;
}

static cleat_status multiply(cleat_context *context, const conv2d_problem *p,
    conv2d_product_function *by, const cleat_tensor *a, const cleat_tensor *b,
    const cleat_tensor *y, const cleat_tensor *bias, const cleat_tensor *residual) {
    matmul_problem product = {.alpha = 1,
        .beta = p->accumulate ? 1.0f : 0.0f,
        .activation = p->activation,
        .unit = p->unit,
        .mode = p->mode,
        .asked = {a, b}};
    matmul_canonical(&product, a, b, y, bias, residual);
    const cleat_status status = by(context, &product);
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, p->operation);
}

/* Forward and to the data. */
static cleat_status multiply_images(
    cleat_context *context, const conv2d_problem *p, conv2d_product_function *by) {
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    cleat_tensor w = matrices(p);
    const cleat_tensor x = planes(&p->x, p->groups), y = planes(&p->y, p->groups);
    const cleat_tensor *result = forward ? &y : &x;
    if (!forward) {
        swap_last_axes(&w);
    }
    cleat_tensor bias = *result;
    if (p->bias != NULL) {
        bias.buffer = p->bias->buffer;
        bias.offset = p->bias->offset;
        bias.stride[0] = bias.stride[3] = 0;
        bias.stride[1] = bias.shape[2] * p->bias->stride[0];
        bias.stride[2] = p->bias->stride[0];
    }
    const bool has_residual = p->residual.buffer != NULL;
    const cleat_tensor residual = planes(has_residual ? &p->residual : result, p->groups);
    return multiply(context, p, by, &w, forward ? &x : &y, result, p->bias != NULL ? &bias : NULL,
        has_residual ? &residual : NULL);
}

/* The pixels of all images are the terms. */
static cleat_status multiply_pixels(
    cleat_context *context, const conv2d_problem *p, conv2d_product_function *by) {
    const cleat_tensor dw = matrices(p);
    cleat_tensor operands[] = {planes(&p->y, p->groups), planes(&p->x, p->groups)};
    for (int i = 0; i < 2; i++) {
        cleat_tensor *t = &operands[i];
        t->shape[3] *= t->shape[0];
        t->rank = 3;
        for (int axis = 0; axis < 3; axis++) {
            t->shape[axis] = t->shape[axis + 1];
            t->stride[axis] = t->stride[axis + 1];
        }
    }
    if (p->x.shape[2] * p->x.shape[3] == 1) { /* images of one pixel */
        operands[0].stride[2] = p->y.stride[0];
        operands[1].stride[2] = p->x.stride[0];
    }
    swap_last_axes(&operands[1]);
    return multiply(context, p, by, &operands[0], &operands[1], &dw, NULL, NULL);
}

cleat_status conv2d_pointwise_by(
    cleat_context *context, const conv2d_problem *p, conv2d_product_function *by) {
    return p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS ? multiply_pixels(context, p, by)
                                                         : multiply_images(context, p, by);
}

cleat_status conv2d_gpu_pointwise(cleat_context *context, const void *problem) {
    return conv2d_pointwise_by(context, problem, matmul_gpu_tiled);
}
