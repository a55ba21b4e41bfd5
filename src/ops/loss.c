/* SPDX-License-Identifier: Apache-2.0 */
#include "core/launch.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/reduce_engine.h"
#include "ops/softmax_launch.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/loss.h>
#include <stdio.h>

enum {
    MANY_CLASSES = 64,   /* from here on a GPU takes a work-group a sample */
    WIDE_CLASSES = 1024, /* and from here on a large one */
    SMALL_GROUP = 64,
    LARGE_GROUP = 256,
    WEIGHED_LEAST = 64 /* samples of a work-item that adds weights */
};

typedef struct problem {
    const char *operation;
    bool backward;
    cleat_loss_reduction reduction;
    cleat_type type; /* of all but the labels */
    int64_t samples, classes;
    cleat_tensor logits, labels;
    cleat_tensor dloss;  /* buffer NULL: ones. Stride 0 where one number serves all samples */
    cleat_tensor result; /* loss or dlogits */
    /* Weights, an ignored label, smoothing: the loss of cl/loss_weight.cl */
    bool weighed;
    cleat_tensor weight;    /* buffer NULL: ones */
    const int32_t *ignored; /* NULL: none */
    float label_smoothing;
    void *totals; /* a cl_mem of two numbers: what the mean is divided by, the sum of the weights */
} problem;

/* The largest power of two that is no more than the device's work-groups and `most`. */
static int64_t group_size(const device_profile *profile, int64_t most) {
    int64_t size = 1;
    while (size * 2 <= most && (size_t)size * 2 <= profile->max_work_group_size) {
        size *= 2;
    }
    return size;
}

static bool needs_index64(const problem *p) {
    return tensor_needs_index64(&p->logits) || tensor_needs_index64(&p->labels) ||
           tensor_needs_index64(&p->result) ||
           (p->dloss.buffer != NULL && tensor_needs_index64(&p->dloss)) ||
           (p->weight.buffer != NULL && tensor_needs_index64(&p->weight)) ||
           p->samples > INT32_MAX / 2 || p->classes > INT32_MAX / 2;
}

/* Whether only the labels tell what the mean is divided by. */
static bool divides_by_weights(const problem *p) {
    return p->weighed && p->reduction == CLEAT_LOSS_MEAN &&
           (p->weight.buffer != NULL || p->ignored != NULL);
}

/* Of a sample's gradient, and its loss where that is weighed; 0: it is in totals. Plain losses are
 * divided when they are summed. */
static double divisor_of(const problem *p) {
    const bool divides = (p->backward || p->weighed) && p->reduction == CLEAT_LOSS_MEAN;
    return !divides ? 1 : divides_by_weights(p) ? 0 : (double)p->samples;
}

/* Whether only the weights tell their sum. */
static bool sums_weights(const problem *p) {
    return p->weight.buffer != NULL && p->label_smoothing > 0.0f;
}

static void set_weights(const problem *p, softmax_problem *s) {
    s->weighed = p->weighed;
    s->weight = p->weight;
    s->totals = p->totals;
    s->ignored = p->ignored;
    s->own_share = 1 - (double)p->label_smoothing;
    s->smoothing = (double)p->label_smoothing / (double)p->classes;
    s->weight_total = sums_weights(p) ? 0 : p->weight.buffer != NULL ? 1 : (double)p->classes;
}

/* Arguments that both kinds of kernel have. `losses` stands for the result where it is not NULL. */
static void add_arguments(launch *l, const problem *p, void *losses) {
    const cleat_tensor *dloss = p->dloss.buffer != NULL ? &p->dloss : NULL;
    launch_use_real64(l, p->type);
    launch_use_index64(l, needs_index64(p));
    launch_macro(l, "BACKWARD", p->backward);
    launch_tensor(l, &p->logits);
    launch_tensor(l, &p->labels);
    launch_tensor(l, dloss);
    if (losses != NULL) {
        launch_memory(l, losses);
    } else {
        launch_tensor(l, &p->result);
    }
    launch_index(l, p->logits.offset);
    launch_index(l, p->labels.offset);
    launch_index(l, p->dloss.offset);
    launch_index(l, losses != NULL ? 0 : p->result.offset);
    launch_index(l, p->samples);
    launch_index(l, p->classes);
    launch_index(l, p->logits.stride[0]);
    launch_index(l, p->logits.stride[1]);
    launch_index(l, p->labels.stride[0]);
    launch_index(l, p->dloss.stride[0]);
    launch_index(l, losses != NULL ? 1 : p->result.stride[0]);
    launch_index(l, p->backward ? p->result.stride[1] : 0);
    launch_real(l, divisor_of(p));
    launch_macro(l, "WEIGHED", p->weighed);
    if (p->weighed) {
        softmax_problem weights = {0};
        set_weights(p, &weights);
        softmax_add_weights(&weights, l);
    }
    const double elements = (double)p->samples * (double)p->classes;
    l->flop = elements * (p->backward ? 6 : 4);
    l->bytes =
        (elements * (p->backward ? 2 : 1) + (double)p->samples) * (double)cleat_type_size(p->type) +
        (double)p->samples * (double)sizeof(int32_t);
}

/* The same as a problem of the softmax kernels. */
static softmax_problem as_softmax(const problem *p, void *losses) {
    softmax_problem s = {.operation = p->operation,
        .mode = p->backward ? MODE_CROSS_ENTROPY_BACKWARD : MODE_CROSS_ENTROPY,
        .input_count = 1,
        .kept = {p->logits, p->result},
        .step = {p->logits.stride[1], p->backward ? p->result.stride[1] : 0},
        .length = p->classes,
        .index64 = needs_index64(p),
        .labels = p->labels,
        .dloss = p->dloss,
        .divisor = divisor_of(p),
        .out_memory = losses};
    set_weights(p, &s);
    for (int t = 0; t < 2; t++) {
        s.kept[t].rank = 1;
        s.kept[t].shape[0] = p->samples;
    }
    if (losses != NULL) {
        s.kept[1].stride[0] = 1;
        s.kept[1].offset = 0;
    }
    return s;
}

static launch launch_softmax(
    softmax_form form, const device_profile *profile, const problem *p, void *losses) {
    launch l;
    softmax_problem s = as_softmax(p, losses);
    s.sums = losses != NULL && form == FORM_TURNED;
    s.result = &l;
    softmax_fill(form, profile, &s);
    return l;
}

static launch launch_rows(const device_profile *profile, const problem *p, void *losses) {
    return launch_softmax(FORM_ROWS, profile, p, losses);
}

static launch launch_short(const device_profile *profile, const problem *p, void *losses) {
    return launch_softmax(FORM_SHORT, profile, p, losses);
}

static launch launch_turned(const device_profile *profile, const problem *p, void *losses) {
    return launch_softmax(FORM_TURNED, profile, p, losses);
}

static launch launch_items(const device_profile *profile, const problem *p, void *losses) {
    launch l = launch_begin(p->operation, "loss", "cross_entropy_items");
    add_arguments(&l, p, losses);
    launch_index(&l, work_split(profile, p->samples, 1, &l));
    return l;
}

static launch launch_group(const device_profile *profile, const problem *p, void *losses) {
    launch l = launch_begin(p->operation, "loss", "cross_entropy_group");
    const int64_t size = group_size(profile, p->classes < WIDE_CLASSES ? SMALL_GROUP : LARGE_GROUP);
    launch_macro(&l, "GROUP_SIZE", size);
    add_arguments(&l, p, losses);
    launch_size_1d(&l, (size_t)(p->samples * size), (size_t)size);
    return l;
}

/* result = sum of so many losses / divisor; appends to launches. */
static cleat_status plan_total(cleat_context *context, const problem *p, void *losses,
    int64_t losses_count, launch *launches, int *count, void **scratch) {
    reduce_pass pass = {.operation = p->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {{.type = p->type, .rank = 1, .shape = {losses_count}, .stride = {1}}},
        .input_memory = {losses},
        .reduced = {true},
        .output = p->result,
        .real64 = p->type == CLEAT_F64,
        .divisor = p->reduction == CLEAT_LOSS_MEAN && !p->weighed ? (double)p->samples : 1,
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    pass.output.rank = 1;
    pass.output.shape[0] = 1;
    pass.output.stride[0] = 0;
    return reduce_plan(context, &pass, launches, count, scratch);
}

/* What a call borrows; NULL where it does not. */
typedef struct borrowed {
    void *losses, *totals, *partials;
    void *sums[3]; /* the reductions' */
} borrowed;

static void give_back(cleat_context *context, borrowed *b) {
    for (int i = 0; i < 3; i++) {
        scratch_release(context, b->sums[i]);
    }
    scratch_release(context, b->partials);
    scratch_release(context, b->totals);
    scratch_release(context, b->losses);
}

/* totals[place] = sum of `values`, or of the memory in their place; appends to launches. */
static cleat_status plan_sum(cleat_context *context, const problem *p, cleat_tensor values,
    void *memory, int64_t place, launch *launches, int *count, void **scratch) {
    const reduce_pass pass = {.operation = p->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {values},
        .input_memory = {memory},
        .reduced = {true},
        .output = {.type = p->type, .rank = 1, .shape = {1}, .offset = place},
        .output_memory = p->totals,
        .real64 = p->type == CLEAT_F64,
        .divisor = 1,
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    return reduce_plan(context, &pass, launches, count, scratch);
}

static launch launch_weigh(
    const device_profile *profile, const problem *p, void *partials, int64_t *partial_count) {
    launch l = launch_begin(p->operation, "loss_weigh", "cross_entropy_weigh");
    launch_macro(&l, "WEIGHED", 1);
    launch_use_real64(&l, p->type);
    launch_use_index64(&l, needs_index64(p));
    launch_tensor(&l, &p->labels);
    launch_memory(&l, partials);
    launch_tensor(&l, p->weight.buffer != NULL ? &p->weight : NULL);
    launch_index(&l, p->labels.offset);
    launch_index(&l, p->labels.stride[0]);
    launch_index(&l, p->weight.offset);
    launch_index(&l, p->weight.stride[0]);
    launch_index(&l, p->samples);
    launch_index(&l, p->classes);
    launch_int(&l, p->ignored != NULL);
    launch_int(&l, p->ignored != NULL ? *p->ignored : 0);
    const int64_t chunk = work_split(profile, p->samples, WEIGHED_LEAST, &l);
    launch_index(&l, chunk);
    *partial_count = ceil_div(p->samples, chunk);
    l.bytes = (double)p->samples * sizeof(int32_t);
    return l;
}

/* Fills p->totals; appends to launches. */
static cleat_status plan_weights(
    cleat_context *context, problem *p, launch *launches, int *count, borrowed *b) {
    TRY(scratch_acquire(context, 2 * cleat_type_size(p->type), &b->totals));
    p->totals = b->totals;
    if (divides_by_weights(p)) {
        const size_t most = (size_t)ceil_div(p->samples, WEIGHED_LEAST);
        TRY(scratch_acquire(context, most * cleat_type_size(p->type), &b->partials));
        cleat_tensor parts = {.type = p->type, .rank = 1, .stride = {1}};
        launches[*count] = launch_weigh(context_profile(context), p, b->partials, &parts.shape[0]);
        *count += 1;
        TRY(plan_sum(context, p, parts, b->partials, 0, launches, count, &b->sums[0]));
    }
    if (!sums_weights(p)) {
        return CLEAT_OK;
    }
    return plan_sum(context, p, p->weight, NULL, 1, launches, count, &b->sums[1]);
}

/* The kernel of a variant. */
typedef struct sample_kernel {
    launch (*launch)(const device_profile *profile, const problem *p, void *losses);
    bool adds_up; /* into `losses` goes what a work-item's samples give together; else each one's */
} sample_kernel;

/* One number of all losses; appends to launches. */
static cleat_status plan_losses(cleat_context *context, const problem *p,
    const sample_kernel *samples, launch *launches, int *count, borrowed *b) {
    /* At least one number: the kernels want a buffer where there are no samples, too. */
    const size_t room = (size_t)(p->samples > 0 ? p->samples : 1) * cleat_type_size(p->type);
    TRY(scratch_acquire(context, room, &b->losses));
    int64_t losses_count = p->samples;
    if (p->samples > 0) {
        launch *l = &launches[*count];
        *l = samples->launch(context_profile(context), p, b->losses);
        losses_count = samples->adds_up ? (int64_t)l->global[0] : p->samples;
        *count += 1;
    }
    return plan_total(context, p, b->losses, losses_count, launches, count, &b->sums[2]);
}

static cleat_status enqueue(
    cleat_context *context, const problem *given, const sample_kernel *samples) {
    launch launches[2 + 3 * REDUCE_MAX_LAUNCHES];
    int count = 0;
    borrowed b = {0};
    problem p = *given;
    cleat_status status = CLEAT_OK;
    if (p.weighed) {
        status = plan_weights(context, &p, launches, &count, &b);
    }
    if (status == CLEAT_OK && (p.backward || p.reduction == CLEAT_LOSS_NONE)) {
        launches[count++] = samples->launch(context_profile(context), &p, NULL);
    } else if (status == CLEAT_OK) {
        status = plan_losses(context, &p, samples, launches, &count, &b);
    }
    if (status == CLEAT_OK) {
        status = launch_all(context, launches, count);
    }
    give_back(context, &b);
    return status;
}

static cleat_status enqueue_rows(cleat_context *context, const void *p) {
    return enqueue(context, p, &(sample_kernel){.launch = launch_rows});
}

static cleat_status enqueue_short(cleat_context *context, const void *p) {
    return enqueue(context, p, &(sample_kernel){.launch = launch_short});
}

static cleat_status enqueue_turned(cleat_context *context, const void *p) {
    return enqueue(context, p, &(sample_kernel){.launch = launch_turned, .adds_up = true});
}

static cleat_status enqueue_items(cleat_context *context, const void *p) {
    return enqueue(context, p, &(sample_kernel){.launch = launch_items});
}

static cleat_status enqueue_group(cleat_context *context, const void *p) {
    return enqueue(context, p, &(sample_kernel){.launch = launch_group});
}

static bool suits_rows(const device_profile *profile, const void *p) {
    const softmax_problem s = as_softmax(p, NULL);
    return profile->is_cpu && softmax_supports(FORM_ROWS, &s, profile);
}

static bool suits_short(const device_profile *profile, const void *p) {
    const softmax_problem s = as_softmax(p, NULL);
    return profile->is_cpu && softmax_supports(FORM_SHORT, &s, profile);
}

static bool suits_turned(const device_profile *profile, const void *p) {
    const softmax_problem s = as_softmax(p, NULL);
    return profile->is_cpu && softmax_supports(FORM_TURNED, &s, profile);
}

/* Elsewhere a single lane of a GPU would walk the whole row. */
static bool suits_items(const device_profile *profile, const void *p) {
    return profile->is_cpu || ((const problem *)p)->classes < MANY_CLASSES;
}

static const variant variants[] = {
    {"rows", suits_rows, enqueue_rows},
    {"turned", suits_turned, enqueue_turned},
    {"short", suits_short, enqueue_short},
    {"items", suits_items, enqueue_items},
    {"group", variant_always, enqueue_group},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const problem *p = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(
        text, size, "%s, %s,", shape_text(2, p->logits.shape, shape), cleat_type_name(p->type));
}

static cleat_status run(cleat_context *context, const problem *p);

/* Of 16 bits, by way of f32. */
static cleat_status run_widened(cleat_context *context, const problem *p) {
    problem wide = *p;
    widening w;
    widen_begin(&w, context, p->operation);
    wide.type = CLEAT_F32;
    wide.logits = widen_input(&w, &p->logits);
    wide.result = widen_output(&w, &p->result, false);
    if (p->weight.buffer != NULL) {
        wide.weight = widen_input(&w, &p->weight);
    }
    if (p->dloss.buffer != NULL) {
        wide.dloss = widen_input(&w, &p->dloss);
    }
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = run(context, &wide);
    }
    return widen_end(&w, status);
}

static cleat_status run(cleat_context *context, const problem *p) {
    if (type_is_half(p->type)) {
        return run_widened(context, p);
    }
    const variant *chosen = NULL;
    TRY(variant_choose(context, p->operation, NULL, NULL, variants, p, write_problem,
        p->backward ? verify_cross_entropy_backward : verify_cross_entropy, &chosen));
    return chosen->enqueue(context, p);
}

/* The options about weights and labels. */
static cleat_status check_weights(
    const cleat_context *context, problem *p, const cleat_cross_entropy_options *options) {
    p->label_smoothing = options->label_smoothing;
    REFUSE_IF(!(p->label_smoothing >= 0.0f && p->label_smoothing <= 1.0f), CLEAT_INVALID_ARGUMENT,
        "%s: label_smoothing is %g, not in 0 .. 1", p->operation, (double)p->label_smoothing);
    if (options->weight != NULL) {
        p->weight = *options->weight;
        TRY(check_tensor(p->operation, "weight", context, &p->weight, p->type));
        TRY(check_rank(p->operation, "weight", &p->weight, 1));
        REFUSE_IF(p->weight.shape[0] != p->classes, CLEAT_SHAPE_MISMATCH,
            "%s: %lld weights for %lld classes", p->operation, (long long)p->weight.shape[0],
            (long long)p->classes);
    }
    p->ignored = options->ignore_index;
    p->weighed = p->samples > 0 &&
                 (p->label_smoothing > 0.0f || p->weight.buffer != NULL || p->ignored != NULL);
    return CLEAT_OK;
}

/* logits [N, C], labels i32 [N]; fills p. */
static cleat_status check_inputs(
    const cleat_context *context, problem *p, const cleat_cross_entropy_options *options) {
    const char *operation = p->operation;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "logits", context, &p->logits, &p->type));
    TRY(check_rank(operation, "logits", &p->logits, 2));
    TRY(check_tensor(operation, "labels", context, &p->labels, CLEAT_I32));
    TRY(check_rank(operation, "labels", &p->labels, 1));
    p->samples = p->logits.shape[0];
    p->classes = p->logits.shape[1];
    REFUSE_IF(p->labels.shape[0] != p->samples, CLEAT_SHAPE_MISMATCH,
        "%s: %lld labels for %lld samples", operation, (long long)p->labels.shape[0],
        (long long)p->samples);
    p->reduction = options != NULL ? options->reduction : CLEAT_LOSS_MEAN;
    REFUSE_IF((int)p->reduction < CLEAT_LOSS_MEAN || (int)p->reduction > CLEAT_LOSS_NONE,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no reduction", operation, (int)p->reduction);
    return options != NULL ? check_weights(context, p, options) : CLEAT_OK;
}

/* One element of rank 0 or 1, or [N] when each sample has its own. */
static cleat_status check_loss_shape(const problem *p, const char *name, const cleat_tensor *loss) {
    char text[SHAPE_TEXT_SIZE];
    if (p->reduction == CLEAT_LOSS_NONE) {
        REFUSE_IF(loss->rank != 1 || loss->shape[0] != p->samples, CLEAT_SHAPE_MISMATCH,
            "%s: %s is %s, wanted [%lld]: one number a sample", p->operation, name,
            shape_text(loss->rank, loss->shape, text), (long long)p->samples);
        return CLEAT_OK;
    }
    REFUSE_IF(loss->rank > 1 || cleat_tensor_count(loss) != 1, CLEAT_SHAPE_MISMATCH,
        "%s: %s is %s, wanted one element of rank 0 or 1", p->operation, name,
        shape_text(loss->rank, loss->shape, text));
    return CLEAT_OK;
}

cleat_status cleat_softmax_cross_entropy(cleat_context *context, cleat_tensor logits,
    cleat_tensor labels, cleat_tensor loss, const cleat_cross_entropy_options *options) {
    problem p = {
        .operation = "softmax_cross_entropy", .logits = logits, .labels = labels, .result = loss};
    TRY(check_inputs(context, &p, options));
    TRY(check_output(p.operation, "loss", context, &loss, p.type));
    TRY(check_loss_shape(&p, "loss", &loss));
    TRY(check_no_overlap(p.operation, "logits", &logits, "loss", &loss, false));
    TRY(check_no_overlap(p.operation, "labels", &labels, "loss", &loss, false));
    if (p.weight.buffer != NULL) {
        TRY(check_no_overlap(p.operation, "weight", &p.weight, "loss", &loss, false));
    }
    return cleat_tensor_count(&loss) == 0 ? CLEAT_OK : run(context, &p);
}

cleat_status cleat_softmax_cross_entropy_backward(cleat_context *context, cleat_tensor logits,
    cleat_tensor labels, const cleat_tensor *dloss, cleat_tensor dlogits,
    const cleat_cross_entropy_options *options) {
    problem p = {.operation = "softmax_cross_entropy_backward",
        .backward = true,
        .logits = logits,
        .labels = labels,
        .result = dlogits};
    TRY(check_inputs(context, &p, options));
    TRY(check_output(p.operation, "dlogits", context, &dlogits, p.type));
    TRY(check_same_shape(p.operation, "logits", &logits, "dlogits", &dlogits));
    TRY(check_no_overlap(p.operation, "logits", &logits, "dlogits", &dlogits, true));
    TRY(check_no_overlap(p.operation, "labels", &labels, "dlogits", &dlogits, false));
    if (p.weight.buffer != NULL) {
        TRY(check_no_overlap(p.operation, "weight", &p.weight, "dlogits", &dlogits, false));
    }
    if (dloss != NULL) {
        TRY(check_tensor(p.operation, "dloss", context, dloss, p.type));
        TRY(check_loss_shape(&p, "dloss", dloss));
        TRY(check_no_overlap(p.operation, "dloss", dloss, "dlogits", &dlogits, false));
        p.dloss = *dloss;
        p.dloss.stride[0] = p.reduction == CLEAT_LOSS_NONE ? dloss->stride[0] : 0;
    }
    return cleat_tensor_count(&dlogits) == 0 ? CLEAT_OK : run(context, &p);
}
