/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax cross-entropy of logits [samples, classes] with labels [samples]:
 *   forward:  loss[n] = log(sum_c exp(x[n][c] - max)) + (max - x[n][label])
 *   backward: dx[n][c] = g (exp(x[n][c] - max) / sum - (c == label)), g = dloss[n] / divisor
 * A label outside 0 .. classes-1 gives NaN, and so does a row with NaN, +Inf, or nothing but -Inf.
 * dx may be x: each row is read before it is written, by the work-item or group that writes it.
 *
 * cross_entropy_items: work-item i does samples [i * chunk, min((i + 1) * chunk, samples)).
 * cross_entropy_group: work-group i of GROUP_SIZE (a power of two) does sample i; its sums are
 *   trees over local memory, GROUP_SIZE numbers.
 * softmax_rows.cl, softmax_short.cl and softmax_turned.cl have it for processors, where classes lie side
 * by side.
 * Macros: BACKWARD (0 or 1), GROUP_SIZE (group), WEIGHED (1: the loss of loss_weight.cl).
 */
#include "common.cl"
#include "loss_weight.cl"
#define MATH_WIDTH 1
#include "math.cl"

/* Which one it gives for NaN does not matter: the sum of the exponentials is NaN in any case. */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

#if WEIGHED
REAL weighed_loss(
    REAL sum, REAL distance, REAL own, REAL factor, REAL smoothing, REAL distances) {
    const REAL loss = FMA(own, distance, factor * log(sum));
    return smoothing > 0.0f ? FMA(smoothing, distances, loss) : loss;
}

REAL weighed_gradient(REAL x, REAL max, REAL sum, REAL g, REAL factor, REAL share) {
    return g * (math_exp_down_1(x - max) / sum * factor - share);
}

#define SAMPLE                                                                                     \
    const bool skipped = IS_IGNORED(label);                                                        \
    const REAL own = known ? OWN_SHARE(label) : 0.0f;
#define ADD_DISTANCE(sum, c) sum += WEIGHT_OF(c) * (max - row[(c)*x_class_stride]);
#define LOSS_OF(sum, distances)                                                                    \
    ((skipped ? 0.0f                                                                               \
      : known ? weighed_loss(sum, max - row[label * x_class_stride], own, FACTOR(own), smoothing,  \
                    distances)                                                                     \
              : NAN) /                                                                             \
        DIVISOR)
#define GRADIENT_OF(c)                                                                             \
    (skipped ? 0.0f                                                                                \
             : weighed_gradient(row[(c)*x_class_stride], max, sum, g, FACTOR(own),                 \
                   FMA(smoothing, WEIGHT_OF(c), (c) == label ? own : 0.0f)))
#else
REAL loss_of(REAL sum, REAL max, REAL at_label) {
    return log(sum) + (max - at_label);
}

REAL gradient_of(REAL x, REAL max, REAL sum, REAL g, bool is_label) {
    const REAL probability = math_exp_down_1(x - max) / sum;
    return g * (is_label ? probability - 1.0f : probability);
}

#define SAMPLE
#define ADD_DISTANCE(sum, c)
#define LOSS_OF(sum, unused) loss_of(sum, max, known ? row[label * x_class_stride] : NAN)
#define GRADIENT_OF(c) gradient_of(row[(c)*x_class_stride], max, sum, g, (c) == label)
#endif

#ifndef GROUP_SIZE

/* result is loss (forward) or dx (backward); dloss may be null, meaning ones. */
kernel void cross_entropy_items(const global REAL *x, const global int *labels,
    const global REAL *dloss, global REAL *result, INDEX x_offset, INDEX labels_offset,
    INDEX dloss_offset, INDEX result_offset, INDEX samples, INDEX classes, INDEX x_sample_stride,
    INDEX x_class_stride, INDEX labels_stride, INDEX dloss_stride, INDEX result_sample_stride,
    INDEX result_class_stride, REAL divisor WEIGHT_PARAMETERS, INDEX chunk) {
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= samples) {
        return;
    }
    const INDEX last = first + min(chunk, samples - first);
    for (INDEX n = first; n < last; ++n) {
        const global REAL *row = x + x_offset + n * x_sample_stride;
        const int label = labels[labels_offset + n * labels_stride];
        const bool known = label >= 0 && label < classes;
        SAMPLE
        REAL max = -INFINITY;
        for (INDEX c = 0; c < classes; ++c) {
            max = LARGER(max, row[c * x_class_stride]);
        }
        REAL sum = 0.0f, distances = 0.0f;
        for (INDEX c = 0; c < classes; ++c) {
            sum += math_exp_down_1(row[c * x_class_stride] - max);
            ADD_DISTANCE(distances, c)
        }
        global REAL *target = result + result_offset + n * result_sample_stride;
#if BACKWARD
        REAL g = (dloss != 0 ? dloss[dloss_offset + n * dloss_stride] : 1.0f) / DIVISOR;
        g = known ? g : NAN;
        for (INDEX c = 0; c < classes; ++c) {
            target[c * result_class_stride] = GRADIENT_OF(c);
        }
#else
        *target = LOSS_OF(sum, distances);
#endif
    }
}

#else

/* Sums or maxima of the whole work-group, in every work-item; uses GROUP_SIZE local numbers. */
REAL group_combine(REAL value, local REAL *shared, bool is_max) {
    const int id = (int)get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    shared[id] = value;
    for (int step = GROUP_SIZE / 2; step > 0; step /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id < step) {
            const REAL other = shared[id + step];
            shared[id] = is_max ? LARGER(shared[id], other) : shared[id] + other;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return shared[0];
}

kernel void cross_entropy_group(const global REAL *x, const global int *labels,
    const global REAL *dloss, global REAL *result, INDEX x_offset, INDEX labels_offset,
    INDEX dloss_offset, INDEX result_offset, INDEX samples, INDEX classes, INDEX x_sample_stride,
    INDEX x_class_stride, INDEX labels_stride, INDEX dloss_stride, INDEX result_sample_stride,
    INDEX result_class_stride, REAL divisor WEIGHT_PARAMETERS) {
    local REAL shared[GROUP_SIZE];
    const INDEX n = (INDEX)get_group_id(0);
    const int id = (int)get_local_id(0);
    const global REAL *row = x + x_offset + n * x_sample_stride;
    const int label = labels[labels_offset + n * labels_stride];
    const bool known = label >= 0 && label < classes;
    SAMPLE
    REAL best = -INFINITY;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        const REAL next = row[column * x_class_stride];
        best = LARGER(best, next);
    }
    const REAL max = group_combine(best, shared, true);
    REAL part = 0.0f, distances = 0.0f;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        part += math_exp_down_1(row[column * x_class_stride] - max);
        ADD_DISTANCE(distances, column)
    }
    const REAL sum = group_combine(part, shared, false);
#if WEIGHED
    distances = group_combine(distances, shared, false);
#endif
    global REAL *target = result + result_offset + n * result_sample_stride;
#if BACKWARD
    REAL g = (dloss != 0 ? dloss[dloss_offset + n * dloss_stride] : 1.0f) / DIVISOR;
    g = known ? g : NAN;
    for (INDEX column = id; column < classes; column += GROUP_SIZE) {
        target[column * result_class_stride] = GRADIENT_OF(column);
    }
#else
    if (id == 0) {
        *target = LOSS_OF(sum, distances);
    }
#endif
}

#endif
