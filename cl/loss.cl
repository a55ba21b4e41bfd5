/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax cross-entropy of logits [samples, classes] with labels [samples]:
 *   forward:  loss[n] = log(sum_c exp(x[n][c] - max)) + max - x[n][label]
 *   backward: dx[n][c] = g (exp(x[n][c] - max) / sum - (c == label)), g = dloss[n] / divisor
 * A label outside 0 .. classes-1 gives NaN, and so does a row with NaN, +Inf, or nothing but -Inf.
 * dx may be x: each row is read before it is written, by the work-item or group that writes it.
 *
 * cross_entropy_rows: work-item i does samples [i * chunk, min((i + 1) * chunk, samples)). With
 *   WIDTH above 1 the classes of a row lie side by side in x and dx and go through vectors; the
 *   rest of a row is padded with -Inf, whose exponential is 0.
 * cross_entropy_group: work-group i of GROUP_SIZE (a power of two) does sample i; its sums are
 *   trees over local memory, GROUP_SIZE floats.
 * cross_entropy_total: one work-group of GROUP_SIZE: total[0] = sum of losses[0 .. count) / divisor,
 *   blockwise in a fixed order.
 * Macros: BACKWARD (0 or 1), WIDTH (1 or 16; rows), GROUP_SIZE (group, total).
 */
#include "common.cl"

#ifndef BACKWARD
#define BACKWARD 0
#endif
#ifndef WIDTH
#define WIDTH 1
#endif

#define MATH_WIDTH 1
#include "math.cl"
#if WIDTH > 1
#define MATH_WIDTH 16
#include "math.cl"
#define VECTOR float16
#define EXP(x) math_exp_down_16(x)
#define LOAD(p, stride) vload16(0, (p))
#define STORE(value, p, stride) vstore16((value), 0, (p))
#else
#define VECTOR float
#define EXP(x) math_exp_down_1(x)
#define LOAD(p, stride) (*(p))
#define STORE(value, p, stride) (*(p) = (value))
#endif

/* Of scalars and vectors. Which one it gives for NaN does not matter: the sum of the exponentials
 * is NaN then in any case. */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

float sum_lanes(float16 x) {
    const float8 eight = x.lo + x.hi;
    const float4 four = eight.lo + eight.hi;
    return (four.x + four.z) + (four.y + four.w);
}

float max_lanes(float16 x) {
    const float8 eight = LARGER(x.lo, x.hi);
    const float4 four = LARGER(eight.lo, eight.hi);
    const float2 two = LARGER(four.lo, four.hi);
    return LARGER(two.x, two.y);
}

float loss_of(float sum, float max, float at_label) {
    return log(sum) + (max - at_label);
}

float gradient_of(float x, float max, float sum, float g, bool is_label) {
    const float probability = math_exp_down_1(x - max) / sum;
    return g * (is_label ? probability - 1.0f : probability);
}

#ifndef GROUP_SIZE

/* Lanes of x from `column` on; -Inf where the row has ended. */
VECTOR load_classes(const global float *x, INDEX column, INDEX classes, INDEX stride) {
#if WIDTH > 1
    if (classes - column < WIDTH) {
        float lanes[WIDTH];
        vstore16((float16)(-INFINITY), 0, lanes);
        for (int i = 0; column + i < classes; ++i) {
            lanes[i] = x[column + i];
        }
        return vload16(0, lanes);
    }
    return vload16(0, x + column);
#else
    return x[column * stride];
#endif
}

float row_max(const global float *x, INDEX classes, INDEX stride) {
    VECTOR best = -INFINITY;
    for (INDEX column = 0; column < classes; column += WIDTH) {
        const VECTOR next = load_classes(x, column, classes, stride);
        best = LARGER(best, next);
    }
#if WIDTH > 1
    return max_lanes(best);
#else
    return best;
#endif
}

float row_sum(const global float *x, INDEX classes, INDEX stride, float max) {
    VECTOR sum = 0.0f;
    for (INDEX column = 0; column < classes; column += WIDTH) {
        sum += EXP(load_classes(x, column, classes, stride) - max);
    }
#if WIDTH > 1
    return sum_lanes(sum);
#else
    return sum;
#endif
}

void row_gradient(const global float *x, global float *dx, INDEX classes, INDEX x_stride,
    INDEX dx_stride, float max, float sum, float g) {
    INDEX column = 0;
#if WIDTH > 1
    for (; classes - column >= WIDTH; column += WIDTH) {
        vstore16(g * (EXP(vload16(0, x + column) - max) / sum), 0, dx + column);
    }
    if (column < classes) {
        float lanes[WIDTH];
        vstore16(g * (EXP(load_classes(x, column, classes, x_stride) - max) / sum), 0, lanes);
        for (int i = 0; column + i < classes; ++i) {
            dx[column + i] = lanes[i];
        }
    }
#else
    for (; column < classes; ++column) {
        dx[column * dx_stride] = gradient_of(x[column * x_stride], max, sum, g, false);
    }
#endif
}

/* result is loss (forward) or dx (backward); dloss may be null, meaning ones. */
kernel void cross_entropy_rows(const global float *x, const global int *labels,
    const global float *dloss, global float *result, INDEX x_offset, INDEX labels_offset,
    INDEX dloss_offset, INDEX result_offset, INDEX samples, INDEX classes, INDEX x_sample_stride,
    INDEX x_class_stride, INDEX labels_stride, INDEX dloss_stride, INDEX result_sample_stride,
    INDEX result_class_stride, float divisor, INDEX chunk) {
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= samples) {
        return;
    }
    const INDEX last = first + min(chunk, samples - first);
    for (INDEX n = first; n < last; ++n) {
        const global float *row = x + x_offset + n * x_sample_stride;
        const int label = labels[labels_offset + n * labels_stride];
        const bool known = label >= 0 && label < classes;
        const float max = row_max(row, classes, x_class_stride);
        const float sum = row_sum(row, classes, x_class_stride, max);
        const float at_label = known ? row[label * x_class_stride] : NAN;
        global float *target = result + result_offset + n * result_sample_stride;
#if BACKWARD
        float g = (dloss != 0 ? dloss[dloss_offset + n * dloss_stride] : 1.0f) / divisor;
        g = known ? g : NAN;
        row_gradient(row, target, classes, x_class_stride, result_class_stride, max, sum, g);
        if (known) {
            target[label * result_class_stride] = gradient_of(at_label, max, sum, g, true);
        }
#else
        *target = loss_of(sum, max, at_label);
#endif
    }
}

#else

/* Sums or maxima of the whole work-group, in every work-item; uses GROUP_SIZE local floats. */
float group_combine(float value, local float *shared, bool is_max) {
    const int id = (int)get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    shared[id] = value;
    for (int step = GROUP_SIZE / 2; step > 0; step /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id < step) {
            const float other = shared[id + step];
            shared[id] = is_max ? LARGER(shared[id], other) : shared[id] + other;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return shared[0];
}

kernel void cross_entropy_group(const global float *x, const global int *labels,
    const global float *dloss, global float *result, INDEX x_offset, INDEX labels_offset,
    INDEX dloss_offset, INDEX result_offset, INDEX samples, INDEX classes, INDEX x_sample_stride,
    INDEX x_class_stride, INDEX labels_stride, INDEX dloss_stride, INDEX result_sample_stride,
    INDEX result_class_stride, float divisor) {
    local float shared[GROUP_SIZE];
    const INDEX n = (INDEX)get_group_id(0);
    const int id = (int)get_local_id(0);
    const global float *row = x + x_offset + n * x_sample_stride;
    const int label = labels[labels_offset + n * labels_stride];
    const bool known = label >= 0 && label < classes;
    float best = -INFINITY;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        const float next = row[column * x_class_stride];
        best = LARGER(best, next);
    }
    const float max = group_combine(best, shared, true);
    float part = 0.0f;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        part += math_exp_down_1(row[column * x_class_stride] - max);
    }
    const float sum = group_combine(part, shared, false);
    global float *target = result + result_offset + n * result_sample_stride;
#if BACKWARD
    float g = (dloss != 0 ? dloss[dloss_offset + n * dloss_stride] : 1.0f) / divisor;
    g = known ? g : NAN;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        target[column * result_class_stride] =
            gradient_of(row[column * x_class_stride], max, sum, g, column == label);
    }
#else
    if (id == 0) {
        *target = loss_of(sum, max, known ? row[label * x_class_stride] : NAN);
    }
#endif
}

enum { BLOCK = 64 };

kernel void cross_entropy_total(const global float *losses, global float *total,
    INDEX total_offset, INDEX count, float divisor) {
    const int id = (int)get_local_id(0);
    const INDEX vectors = count / 16;
    float16 sum = 0.0f;
    for (INDEX block = id; block * BLOCK < vectors; block += GROUP_SIZE) {
        float16 part = 0.0f;
        const INDEX last = min(vectors, block * BLOCK + BLOCK);
        for (INDEX i = block * BLOCK; i < last; ++i) {
            part += vload16(i, losses);
        }
        sum += part;
    }
    float all = sum_lanes(sum);
    if (id == 0) {
        for (INDEX i = vectors * 16; i < count; ++i) {
            all += losses[i];
        }
    }
#if GROUP_SIZE > 1
    local float shared[GROUP_SIZE];
    all = group_combine(all, shared, false);
#endif
    if (id == 0) {
        total[total_offset] = all / divisor;
    }
}

#endif
