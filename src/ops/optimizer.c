/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/optimizer_schedule.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <cleat/optimizer.h>
#include <math.h>
#include <stdio.h>

enum { MAX_TENSORS = 5, MAX_NUMBERS = 10 };

/* Values of RULE in cl/optimizer.cl */
typedef enum step_rule { RULE_SGD, RULE_ADAM, RULE_RMSPROP, RULE_ADAGRAD, RULE_LION } step_rule;

/* The tensors of a step: the parameter, the gradient, then what the optimiser remembers. */
typedef struct step {
    const char *operation;
    step_rule rule;
    int count;
    const char *names[MAX_TENSORS];
    cleat_tensor tensors[MAX_TENSORS];
    const cleat_tensor *schedule; /* where SCHEDULED numbers lie; NULL: `numbers` has them all */
    bool nesterov, centered;
    int number_count;
    double numbers[MAX_NUMBERS]; /* as RULE_LIST there has them; as f32, but to f64 */
    int flop;                    /* an element */
} step;

static void step_add(step *s, const char *name, cleat_tensor x) {
    s->names[s->count] = name;
    s->tensors[s->count] = x;
    ++s->count;
}

static void step_number(step *s, double value) {
    s->numbers[s->number_count++] = value;
}

/* All f32 or all f64 and of one shape; all but the gradient fit to be written; no two overlapping.
 */
static cleat_status check_step(const cleat_context *context, const step *s) {
    cleat_type type;
    TRY(check_context(s->operation, context));
    TRY(check_real_type(s->operation, context, &s->tensors[0], &type));
    for (int i = 0; i < s->count; ++i) {
        const bool is_gradient = i == 1;
        TRY((is_gradient ? check_tensor : check_output)(
            s->operation, s->names[i], context, &s->tensors[i], type));
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

static cleat_status check_step_number(const char *operation, int64_t number) {
    REFUSE_IF(number < 1, CLEAT_INVALID_ARGUMENT, "%s: step is %lld, the first one is 1", operation,
        (long long)number);
    return CLEAT_OK;
}

/* The order of the kernel's tensors: the parameter, the states, the gradient. */
static const cleat_tensor *in_order(const step *s, int i) {
    return &s->tensors[i == 0 ? 0 : i == s->count - 1 ? 1 : i + 1];
}

/* UPDATE_LIST of cl/optimizer.cl; s is collapsed. */
static void add_numbers(
    const device_profile *profile, const step *s, bool gapless, int width, launch *l) {
    const int64_t count = cleat_tensor_count(&s->tensors[0]);
    const int rank = s->tensors[0].rank;
    launch_numbers_begin(l);
    launch_index(l, count);
    if (gapless) {
        launch_index(l, work_split(profile, count, width, l));
    } else {
        work_each(profile, count, l);
    }
    for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
        launch_index(l, axis < rank ? s->tensors[0].shape[axis] : 1);
    }
    for (int i = 0; i < s->count; ++i) {
        const cleat_tensor *x = in_order(s, i);
        launch_index(l, x->offset);
        for (int axis = 0; !gapless && axis < CLEAT_MAX_RANK; ++axis) {
            launch_index(l, axis < rank ? x->stride[axis] : 0);
        }
    }
    if (s->schedule != NULL) {
        launch_index(l, s->schedule->offset);
    }
    if (s->rule == RULE_SGD) {
        launch_int(l, s->nesterov);
    }
    for (int i = 0; i < s->number_count; ++i) {
        launch_real(l, s->numbers[i]);
    }
    launch_numbers_end(l);
}

static bool is_gapless(const device_profile *profile, const void *problem) {
    const step *s = problem;
    bool gapless = s->tensors[0].rank == 1;
    (void)profile;
    for (int i = 0; i < s->count; ++i) {
        gapless =
            gapless && (s->tensors[i].stride[0] == 1 || cleat_tensor_count(&s->tensors[0]) == 1);
    }
    return gapless;
}

static cleat_status enqueue(cleat_context *context, const step *s, bool gapless) {
    const device_profile *profile = context_profile(context);
    const int64_t count = cleat_tensor_count(&s->tensors[0]);
    bool wide = count > INT32_MAX / 2;
    for (int i = 0; i < s->count; ++i) {
        wide = wide || tensor_needs_index64(&s->tensors[i]);
    }
    const cleat_type type = s->tensors[0].type;
    const int lanes = profile->is_cpu ? (int)profile->float_width : 4;
    const int width = !gapless ? 1 : type == CLEAT_F64 ? lanes / 2 : lanes;
    launch l =
        launch_begin(s->operation, "optimizer", gapless ? "update_contiguous" : "update_strided");
    launch_use_index64(&l, wide);
    launch_use_real64(&l, type);
    launch_macro(&l, "RULE", s->rule);
    launch_macro(&l, "STATES", s->count - 2);
    launch_macro(&l, "CENTERED", s->centered);
    launch_macro(&l, "SCHEDULED", s->schedule != NULL);
    launch_macro(&l, "WIDTH", width);
    if (!gapless) {
        launch_macro(&l, "RANK", s->tensors[0].rank);
    }
    for (int i = 0; i < s->count; ++i) {
        launch_tensor(&l, in_order(s, i));
    }
    if (s->schedule != NULL) {
        launch_tensor(&l, s->schedule);
    }
    add_numbers(profile, s, gapless, width, &l);
    l.flop = (double)count * s->flop;
    l.bytes = (double)count * (double)cleat_type_size(type) * (2 * s->count - 1);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_contiguous(cleat_context *context, const void *problem) {
    return enqueue(context, problem, true);
}

static cleat_status enqueue_strided(cleat_context *context, const void *problem) {
    return enqueue(context, problem, false);
}

static const variant variants[] = {
    {"contiguous", is_gapless, enqueue_contiguous},
    {"strided", variant_always, enqueue_strided},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const step *s = problem;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(s->tensors[0].rank, s->tensors[0].shape, shape));
}

static cleat_status run_step(cleat_context *context, step *s) {
    const variant *chosen = NULL;
    if (cleat_tensor_count(&s->tensors[0]) == 0) {
        return CLEAT_OK;
    }
    tensors_collapse(s->tensors, s->count);
    TRY(variant_choose(
        context, s->operation, NULL, NULL, variants, s, write_problem, verify_optimizer, &chosen));
    return chosen->enqueue(context, s);
}

cleat_status sgd_check(const char *operation, const cleat_sgd_options *options) {
    TRY(check_not_negative(operation, "momentum", options->momentum));
    return check_not_negative(operation, "weight_decay", options->weight_decay);
}

cleat_status sgd_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    const cleat_tensor *velocity, float learning_rate, const cleat_tensor *schedule,
    const cleat_sgd_options *options) {
    const cleat_sgd_options o = options != NULL ? *options : (cleat_sgd_options){0};
    step s = {
        .operation = "sgd_step", .rule = RULE_SGD, .nesterov = o.nesterov, .schedule = schedule};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    if (velocity != NULL) {
        step_add(&s, "velocity", *velocity);
    }
    TRY(check_step(context, &s));
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(sgd_check(s.operation, &o));
    REFUSE_IF(o.momentum > 0 && velocity == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: momentum is %g, but velocity is NULL", s.operation, (double)o.momentum);
    s.count = o.momentum > 0 ? 3 : 2;
    s.flop = o.momentum > 0 ? 6 : 4;
    if (schedule == NULL) {
        step_number(&s, (double)learning_rate);
    }
    step_number(&s, (double)o.momentum);
    step_number(&s, (double)o.weight_decay);
    return run_step(context, &s);
}

cleat_status cleat_sgd_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    const cleat_tensor *velocity, float learning_rate, const cleat_sgd_options *options) {
    return sgd_step(context, parameter, gradient, velocity, learning_rate, NULL, options);
}

cleat_adam_options adam_numbers(const cleat_adam_options *options) {
    cleat_adam_options o = options != NULL ? *options : (cleat_adam_options){0};
    o.beta1 = o.beta1 == 0 ? 0.9f : o.beta1;
    o.beta2 = o.beta2 == 0 ? 0.999f : o.beta2;
    o.epsilon = o.epsilon == 0 ? 1e-8f : o.epsilon;
    return o;
}

cleat_status adam_check(const char *operation, const cleat_adam_options *options) {
    TRY(check_beta(operation, "beta1", options->beta1));
    TRY(check_beta(operation, "beta2", options->beta2));
    TRY(check_not_negative(operation, "epsilon", options->epsilon));
    return check_not_negative(operation, "weight_decay", options->weight_decay);
}

cleat_status adam_step(cleat_context *context, bool decoupled, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, cleat_tensor v, int64_t ordinal, float learning_rate,
    const cleat_tensor *schedule, const cleat_adam_options *options) {
    const cleat_adam_options o = adam_numbers(options);
    const char *operation = decoupled ? "adamw_step" : "adam_step";
    const double rate = (double)learning_rate;
    const double decay = (double)o.weight_decay;
    step s = {.operation = operation, .rule = RULE_ADAM, .flop = 15, .schedule = schedule};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    step_add(&s, "m", m);
    step_add(&s, "v", v);
    TRY(check_step(context, &s));
    TRY(check_not_negative(operation, "learning_rate", learning_rate));
    TRY(adam_check(operation, &o));
    TRY(check_step_number(operation, ordinal));
    step_number(&s, (double)o.beta1);
    step_number(&s, 1 - (double)o.beta1);
    step_number(&s, (double)o.beta2);
    step_number(&s, 1 - (double)o.beta2);
    if (schedule == NULL) {
        step_number(&s, rate / (1 - pow((double)o.beta1, (double)ordinal)));
        step_number(&s, 1 / sqrt(1 - pow((double)o.beta2, (double)ordinal)));
    }
    step_number(&s, (double)o.epsilon);
    step_number(&s, decoupled ? 0 : decay);
    if (schedule == NULL) {
        step_number(&s, decoupled ? 1 - rate * decay : 1);
    }
    return run_step(context, &s);
}

cleat_status cleat_adam_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    cleat_tensor m, cleat_tensor v, int64_t ordinal, float learning_rate,
    const cleat_adam_options *options) {
    return adam_step(
        context, false, parameter, gradient, m, v, ordinal, learning_rate, NULL, options);
}

cleat_status cleat_adamw_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    cleat_tensor m, cleat_tensor v, int64_t ordinal, float learning_rate,
    const cleat_adam_options *options) {
    return adam_step(
        context, true, parameter, gradient, m, v, ordinal, learning_rate, NULL, options);
}

cleat_status cleat_rmsprop_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor v, const cleat_tensor *velocity, const cleat_tensor *mean,
    float learning_rate, const cleat_rmsprop_options *options) {
    const cleat_rmsprop_options o = options != NULL ? *options : (cleat_rmsprop_options){0};
    const float alpha = o.alpha == 0 ? 0.99f : o.alpha;
    const float epsilon = o.epsilon == 0 ? 1e-8f : o.epsilon;
    step s = {
        .operation = "rmsprop_step", .rule = RULE_RMSPROP, .centered = o.centered, .flop = 14};
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(check_beta(s.operation, "alpha", alpha));
    TRY(check_not_negative(s.operation, "epsilon", epsilon));
    TRY(check_not_negative(s.operation, "momentum", o.momentum));
    TRY(check_not_negative(s.operation, "weight_decay", o.weight_decay));
    REFUSE_IF(o.momentum > 0 && velocity == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: momentum is %g, but velocity is NULL", s.operation, (double)o.momentum);
    REFUSE_IF(o.centered && mean == NULL, CLEAT_INVALID_ARGUMENT, "%s: centered, but mean is NULL",
        s.operation);
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    step_add(&s, "v", v);
    if (o.momentum > 0) {
        step_add(&s, "velocity", *velocity);
    }
    if (o.centered) {
        step_add(&s, "mean", *mean);
    }
    TRY(check_step(context, &s));
    step_number(&s, (double)alpha);
    step_number(&s, 1 - (double)alpha);
    step_number(&s, (double)learning_rate);
    step_number(&s, (double)epsilon);
    step_number(&s, (double)o.momentum);
    step_number(&s, (double)o.weight_decay);
    return run_step(context, &s);
}

cleat_status cleat_adagrad_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor sum, int64_t ordinal, float learning_rate,
    const cleat_adagrad_options *options) {
    const cleat_adagrad_options o = options != NULL ? *options : (cleat_adagrad_options){0};
    const float epsilon = o.epsilon == 0 ? 1e-10f : o.epsilon;
    step s = {.operation = "adagrad_step", .rule = RULE_ADAGRAD, .flop = 8};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    step_add(&s, "sum", sum);
    TRY(check_step(context, &s));
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(check_not_negative(s.operation, "learning_rate_decay", o.learning_rate_decay));
    TRY(check_not_negative(s.operation, "weight_decay", o.weight_decay));
    TRY(check_not_negative(s.operation, "epsilon", epsilon));
    TRY(check_step_number(s.operation, ordinal));
    const double slowed = 1 + ((double)ordinal - 1) * (double)o.learning_rate_decay;
    step_number(&s, (double)learning_rate / slowed);
    step_number(&s, (double)epsilon);
    step_number(&s, (double)o.weight_decay);
    return run_step(context, &s);
}

cleat_status cleat_lion_step(cleat_context *context, cleat_tensor parameter, cleat_tensor gradient,
    cleat_tensor m, float learning_rate, const cleat_lion_options *options) {
    const cleat_lion_options o = options != NULL ? *options : (cleat_lion_options){0};
    const float beta1 = o.beta1 == 0 ? 0.9f : o.beta1;
    const float beta2 = o.beta2 == 0 ? 0.99f : o.beta2;
    step s = {.operation = "lion_step", .rule = RULE_LION, .flop = 8};
    step_add(&s, "parameter", parameter);
    step_add(&s, "gradient", gradient);
    step_add(&s, "m", m);
    TRY(check_step(context, &s));
    TRY(check_not_negative(s.operation, "learning_rate", learning_rate));
    TRY(check_beta(s.operation, "beta1", beta1));
    TRY(check_beta(s.operation, "beta2", beta2));
    TRY(check_not_negative(s.operation, "weight_decay", o.weight_decay));
    step_number(&s, (double)beta1);
    step_number(&s, 1 - (double)beta1);
    step_number(&s, (double)beta2);
    step_number(&s, 1 - (double)beta2);
    step_number(&s, (double)learning_rate);
    step_number(&s, 1 - (double)learning_rate * (double)o.weight_decay);
    return run_step(context, &s);
}
