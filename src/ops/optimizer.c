/* SPDX-License-Identifier: Apache-2.0 */
#include "core/launch.h"
#include "core/tensor_check.h"
#include "ops/work_split.h"
#include <cleat/optimizer.h>
#include <math.h>

enum { MAX_TENSORS = 4 };

/* The tensors of a step: the parameter, the gradient, then what the optimiser remembers. */
typedef struct step {
    const char *operation;
    int count;
    const char *names[MAX_TENSORS];
    cleat_tensor tensors[MAX_TENSORS];
} step;

static void step_add(step *s, const char *name, cleat_tensor x) {
    s->names[s->count] = name;
    s->tensors[s->count] = x;
    ++s->count;
}

/* All f32 and of one shape; all but the gradient fit to be written; no two overlapping. */
static cleat_status check_step(const cleat_context *context, const step *s) {
    TRY(check_context(s->operation, context));
    for (int i = 0; i < s->count; ++i) {
        const bool is_gradient = i == 1;
        TRY((is_gradient ? check_tensor : check_output)(
            s->operation, s->names[i], context, &s->tensors[i], CLEAT_F32));
        TRY(check_same_shape(
            s->operation, s->names[0], &s->tensors[0], s->names[i], &s->tensors[i]));
        for (int j = 0; j < i; ++j) {
            TRY(check_no_overlap(
                s->operation, s->names[j], &s->tensors[j], s->names[i], &s->tensors[i], false));
        }
    }
    return CLEAT_OK;
}

/* Refuses NaN, infinities and negative numbers. */
static cleat_status check_not_negative(const char *operation, const char *name, float value) {
    REFUSE_IF(!isfinite(value) || value < 0, CLEAT_INVALID_ARGUMENT,
        "%s: %s is %g, must be finite and not negative", operation, name, (double)value);
    return CLEAT_OK;
}

static cleat_status check_beta(const char *operation, const char *name, float value) {
    REFUSE_IF(!(value > 0 && value < 1), CLEAT_INVALID_ARGUMENT,
        "%s: %s is %g, must lie between 0 and 1", operation, name, (double)value);
    return CLEAT_OK;
}

/* Fills the kernel's name, geometry and its arguments up to the strides; the caller adds the rest
 * of the numbers. s must be collapsed. */
static launch launch_step(const device_profile *profile, const step *s, const char *contiguous,
    const char *strided, int64_t count) {
    const int rank = s->tensors[0].rank;
    bool gapless = rank == 1, wide = count > INT32_MAX / 2;
    for (int i = 0; i < s->count; ++i) {
        gapless = gapless && (s->tensors[i].stride[0] == 1 || count == 1);
        wide = wide || tensor_needs_index64(&s->tensors[i]);
    }
    const int width = !gapless ? 1 : profile->is_cpu ? profile->float_width : 4;
    launch l = launch_begin(s->operation, "optimizer", gapless ? contiguous : strided);
    launch_use_index64(&l, wide);
    launch_macro(&l, "WIDTH", width);
    for (int i = 0; i < MAX_TENSORS; ++i) {
        if (i < s->count) {
            launch_tensor(&l, &s->tensors[i]);
        } else if (i < 3) {
            launch_tensor(&l, NULL); /* sgd without velocity */
        }
    }
    const int slots = s->count > 3 ? s->count : 3;
    launch_numbers_begin(&l);
    for (int i = 0; i < slots; ++i) {
        launch_index(&l, i < s->count ? s->tensors[i].offset : 0);
    }
    launch_index(&l, count);
    if (gapless) {
        launch_index(&l, work_split(profile, count, width, &l));
        return l;
    }
    launch_macro(&l, "RANK", rank);
    work_each(profile, count, &l);
    for (int axis = 0; axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(&l, axis < rank ? s->tensors[0].shape[axis] : 1);
    }
    for (int i = 0; i < slots; ++i) {
        for (int axis = 0; axis < CLEAT_MAX_RANK; ++axis) {
            launch_index(&l, i < s->count && axis < rank ? s->tensors[i].stride[axis] : 0);
        }
    }
    return l;
}

cleat_status cleat_sgd_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    const cleat_tensor *velocity, float learning_rate, const cleat_sgd_options *options) {
    const cleat_sgd_options o = options != NULL ? *options : (cleat_sgd_options){0};
    step s = {.operation = "sgd_step"};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    if (velocity != NULL) {
        step_add(&s, "velocity", *velocity);
    }
    TRY(check_step(context, &s));
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(check_not_negative(s.operation, "momentum", o.momentum));
    TRY(check_not_negative(s.operation, "weight_decay", o.weight_decay));
    REFUSE_IF(o.momentum > 0 && velocity == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: momentum is %g, but velocity is NULL", s.operation, (double)o.momentum);

    const int64_t count = cleat_tensor_count(&parameter);
    if (count == 0) {
        return CLEAT_OK;
    }
    if (!(o.momentum > 0)) {
        s.count = 2;
    }
    tensors_collapse(s.tensors, s.count);
    launch l = launch_step(context_profile(context), &s, "sgd_contiguous", "sgd_strided", count);
    launch_macro(&l, "HAS_VELOCITY", o.momentum > 0);
    launch_float(&l, learning_rate);
    launch_float(&l, o.momentum);
    launch_float(&l, o.weight_decay);
    launch_int(&l, o.nesterov);
    launch_numbers_end(&l);
    l.flop = (double)count * (o.momentum > 0 ? 6 : 4);
    l.bytes = (double)count * (o.momentum > 0 ? 20 : 12);
    return launch_all(context, &l, 1);
}

cleat_status cleat_adam_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    cleat_tensor m, cleat_tensor v, int64_t step_number, float learning_rate,
    const cleat_adam_options *options) {
    const cleat_adam_options o = options != NULL ? *options : (cleat_adam_options){0};
    const float beta1 = o.beta1 == 0 ? 0.9f : o.beta1;
    const float beta2 = o.beta2 == 0 ? 0.999f : o.beta2;
    const float epsilon = o.epsilon == 0 ? 1e-8f : o.epsilon;
    step s = {.operation = "adam_step"};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    step_add(&s, "m", m);
    step_add(&s, "v", v);
    TRY(check_step(context, &s));
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(check_beta(s.operation, "beta1", beta1));
    TRY(check_beta(s.operation, "beta2", beta2));
    TRY(check_not_negative(s.operation, "epsilon", epsilon));
    TRY(check_not_negative(s.operation, "weight_decay", o.weight_decay));
    REFUSE_IF(step_number < 1, CLEAT_INVALID_ARGUMENT, "%s: step is %lld, the first one is 1",
        s.operation, (long long)step_number);

    const int64_t count = cleat_tensor_count(&parameter);
    if (count == 0) {
        return CLEAT_OK;
    }
    tensors_collapse(s.tensors, s.count);
    launch l = launch_step(context_profile(context), &s, "adam_contiguous", "adam_strided", count);
    launch_float(&l, beta1);
    launch_float(&l, (float)(1 - (double)beta1));
    launch_float(&l, beta2);
    launch_float(&l, (float)(1 - (double)beta2));
    launch_float(&l, (float)((double)learning_rate / (1 - pow(beta1, (double)step_number))));
    launch_float(&l, (float)(1 / sqrt(1 - pow(beta2, (double)step_number))));
    launch_float(&l, epsilon);
    launch_float(&l, o.weight_decay);
    launch_numbers_end(&l);
    l.flop = (double)count * 14;
    l.bytes = (double)count * 28;
    return launch_all(context, &l, 1);
}
