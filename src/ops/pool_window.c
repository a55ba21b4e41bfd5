/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling by windows of any kind over one to three axes: cl/pool_window*.cl. */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/pool_problem.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <stdio.h>

/* Floats of a row with its borders that a work-item keeps at once, at most. */
enum { LINE_LIMIT = 16384 };

/* Floats of dx that are stored together, where rows are shorter: pieces of the first-level cache.
 */
enum { STAGE = 512 };

/* Of count_padding in cl/pool_window_axis.cl: each divisor is 1. */
enum { COUNT_NOTHING = 2 };

/* The problem with all three axes, those that are missing of one element. */
typedef struct window_problem {
    const pool_problem *given;
    int64_t extent[3], out[3], window[3], step[3], before[3], dilation[3];
    int64_t reach[3];        /* x's extent and the padding behind: where counted places end */
    cleat_tensor tensors[4]; /* x (max), dy or y, dx; rank 5, in the kernels' order */
    int count;
    int64_t planes;
    bool index64;
    /* L-p, backward: what comes before and after, and the memory between that stands in for dy's.
     */
    launch *steps[2];
    void *weights;
} window_problem;

static cleat_tensor widen(const cleat_tensor *t) {
    cleat_tensor wide = *t;
    const int missing = POOL_MAX_RANK - t->rank;
    wide.rank = POOL_MAX_RANK;
    for (int i = 2; i < POOL_MAX_RANK; ++i) {
        const bool there = i - missing >= 2;
        wide.shape[i] = there ? t->shape[i - missing] : 1;
        wide.stride[i] = there ? t->stride[i - missing] : 0;
    }
    return wide;
}

static void add_tensor(window_problem *w, const cleat_tensor *t) {
    w->tensors[w->count++] = widen(t);
    w->index64 = w->index64 || tensor_needs_index64(t);
}

static window_problem widen_problem(const pool_problem *p) {
    window_problem w = {.given = p, .planes = p->shape[0] * p->shape[1]};
    const int64_t limit = INT32_MAX / 8;
    double volume = 1;
    for (int i = 0; i < 3; ++i) {
        const int from = i + p->axes - 3;
        w.extent[i] = from < 0 ? 1 : p->shape[2 + from];
        w.out[i] = from < 0 ? 1 : p->out_shape[2 + from];
        w.window[i] = from < 0 ? 1 : p->window[from];
        w.step[i] = from < 0 ? 1 : p->step[from];
        w.dilation[i] = from < 0 ? 1 : p->dilation[from];
        w.before[i] = from < 0 ? 0 : p->before[from];
        w.reach[i] = w.extent[i] + (from < 0 ? 0 : p->after[from]);
        volume *= (double)w.window[i];
        w.index64 = w.index64 || w.reach[i] > limit || w.step[i] > limit || w.window[i] > limit ||
                    w.dilation[i] > limit || (double)w.window[i] * (double)w.dilation[i] > limit ||
                    (double)w.extent[i] * ((double)w.out[i] + 1) > limit;
    }
    w.index64 = w.index64 || volume > limit || cleat_tensor_count(&p->result) > INT32_MAX / 2;
    if (!p->average || !p->backward) {
        add_tensor(&w, &p->large);
    }
    add_tensor(&w, &p->small);
    if (p->backward) {
        add_tensor(&w, &p->result);
    }
    return w;
}

/* A launch with the arguments that all kernels share. */
static launch begin(const window_problem *w, const char *family, const char *kernel) {
    const pool_problem *p = w->given;
    launch l = launch_begin(p->operation, family, kernel);
    launch_use_index64(&l, w->index64);
    launch_use_real64(&l, p->type);
    launch_macro(&l, "AVERAGE", p->average);
    launch_macro(&l, "BACKWARD", p->backward);
    launch_macro(&l, "INDICES", p->indices != NULL);
    launch_macro(&l, "LP", p->backward ? 0 : pool_power_form(p));
    const double small = (double)cleat_tensor_count(&p->small);
    const double large = (double)cleat_tensor_count(&p->large);
    l.flop = small * (double)(w->window[0] * w->window[1]) * (double)w->window[2];
    l.bytes =
        (double)cleat_type_size(p->type) * (large * (p->backward && !p->average ? 2 : 1) + small) +
        (p->indices ? 8 * small : 0);
    return l;
}

static void add_arguments(const device_profile *profile, const window_problem *w, int64_t items,
    int64_t chunk, launch *l) {
    const pool_problem *p = w->given;
    for (int i = 0; i < w->count; ++i) {
        if (i == 0 && w->weights != NULL) {
            launch_memory(l, w->weights);
        } else {
            launch_tensor(l, &w->tensors[i]);
        }
    }
    const cleat_tensor indices = p->indices ? widen(p->indices) : (cleat_tensor){.buffer = NULL};
    launch_tensor(l, p->indices);
    launch_numbers_begin(l);
    launch_index(l, items);
    launch_index(l, chunk);
    launch_index(l, p->shape[1]);
    for (int i = 0; i < 3; ++i) {
        const int64_t axis[] = {w->extent[i], w->out[i], w->window[i], w->step[i], w->before[i],
            w->dilation[i], w->reach[i]};
        launch_indices(l, axis, sizeof axis / sizeof axis[0]);
    }
    for (int i = 0; i <= 3; ++i) {
        const cleat_tensor *t = i < w->count ? &w->tensors[i] : &indices;
        if (i < w->count || i == 3) {
            launch_index(l, t->offset);
            launch_indices(l, t->stride, POOL_MAX_RANK);
        }
    }
    launch_int(l, p->adaptive);
    launch_int(l, p->power != 0 ? COUNT_NOTHING : p->count_padding);
    launch_int(l, p->plane_indices);
    launch_int(l, profile_is_past_caches(profile, l->bytes));
    launch_real(l, p->power);
    launch_real(l, p->power != 0 ? 1 / p->power : 0);
}

/* The kernel, and for L-p what belongs to it. */
static cleat_status run(cleat_context *context, const window_problem *w, const launch *kernel) {
    launch all[3];
    int count = 0;
    if (w->steps[0] != NULL) {
        all[count++] = *w->steps[0];
    }
    all[count++] = *kernel;
    if (w->steps[1] != NULL) {
        all[count++] = *w->steps[1];
    }
    return launch_all(context, all, count);
}

static cleat_status enqueue_direct(cleat_context *context, const void *data) {
    const window_problem *w = data;
    const device_profile *profile = context_profile(context);
    const int64_t items = cleat_tensor_count(&w->given->result);
    launch l = begin(w, "pool_window", "pool_window");
    work_each(profile, items, &l);
    add_arguments(profile, w, items, 1, &l);
    launch_numbers_end(&l);
    return run(context, w, &l);
}

/* ---- Rows ---- */

/* Floats of the line of a row: borders, and what vectors of windows read beyond; 0: too many. */
static int64_t line_floats(const device_profile *profile, const window_problem *w) {
    const int64_t width = profile->float_width;
    const int64_t outs = ceil_div(w->out[2], width) * width;
    if (w->index64 || w->out[2] > LINE_LIMIT || w->step[2] > LINE_LIMIT ||
        w->window[2] > LINE_LIMIT || w->dilation[2] > LINE_LIMIT || w->extent[2] > LINE_LIMIT) {
        return 0;
    }
    const int64_t windows = outs * w->step[2], row = w->before[2] + w->extent[2];
    const int64_t floats =
        (windows > row ? windows : row) + (w->window[2] - 1) * w->dilation[2] + 2 * width;
    return floats <= LINE_LIMIT ? floats : 0;
}

/* Columns side by side. */
static bool has_rows(const window_problem *w) {
    bool fits = true;
    for (int i = 0; i < w->count; ++i) {
        fits = fits && (w->tensors[i].stride[4] == 1 || w->tensors[i].shape[4] == 1);
    }
    return fits;
}

/* Whether places of the largest elements are to be found. */
static bool is_placed(const window_problem *w) {
    return !w->given->average && (w->given->backward || w->given->indices != NULL);
}

/* Of the table of a row's windows: cl/pool_window_line.cl. */
static int64_t table_ints(const device_profile *profile, const window_problem *w) {
    return 5 * (w->out[2] + profile->float_width);
}

static bool suits_rows(const device_profile *profile, const void *data) {
    const window_problem *w = data;
    const int64_t floats = line_floats(profile, w);
    const bool fits = profile->is_cpu && floats > 0 && w->before[2] <= LINE_LIMIT &&
                      (size_t)(2 * floats + table_ints(profile, w)) * 4 <= profile->local_memory;
    return fits && has_rows(w) && (!w->given->adaptive || is_placed(w));
}

static cleat_status enqueue_rows(cleat_context *context, const void *data) {
    const window_problem *w = data;
    const device_profile *profile = context_profile(context);
    const pool_problem *p = w->given;
    const bool by_planes = p->backward && !p->average;
    const int64_t width = profile->float_width, floats = line_floats(profile, w);
    const int64_t *rows = p->backward ? w->extent : w->out;
    const int64_t items = by_planes ? w->planes : w->planes * rows[0] * rows[1];
    launch l = begin(w, "pool_window_rows", "pool_window_rows");
    launch_macro(&l, "VECTOR_WIDTH", width);
    const int64_t chunk = work_split(profile, items, 1, &l);
    add_arguments(profile, w, items, chunk, &l);
    launch_int(&l, (int32_t)floats);
    launch_numbers_end(&l);
    launch_local(&l, (size_t)floats * 4);
    launch_local(&l, (size_t)(p->average ? 1 : floats) * 4);
    launch_local(&l, (size_t)table_ints(profile, w) * 4);
    return run(context, w, &l);
}

/* ---- Adaptive windows ---- */

/* Floats of rows of dx that are put together before they are stored; 0: they are stored as they
 * are. */
static int64_t stage_floats(const device_profile *profile, const window_problem *w) {
    const int64_t least = w->extent[2] + 2 * profile->float_width;
    const bool waits = w->given->backward && w->extent[2] % profile->float_width != 0 &&
                       (w->extent[1] == 1 || w->tensors[w->count - 1].stride[3] == w->extent[2]);
    return !waits ? 0 : least > STAGE ? least : STAGE;
}

static int64_t adaptive_line_floats(const device_profile *profile, const window_problem *w) {
    return (w->given->backward ? 3 : 2) * (w->extent[2] + profile->float_width);
}

static int64_t adaptive_table_ints(const device_profile *profile, const window_problem *w) {
    return table_ints(profile, w) + (w->given->backward ? 2 * w->extent[1] + w->out[1] : 0);
}

static bool suits_adaptive(const device_profile *profile, const void *data) {
    const window_problem *w = data;
    const bool small = !w->index64 && w->out[2] <= LINE_LIMIT && w->extent[2] <= LINE_LIMIT &&
                       w->out[1] <= LINE_LIMIT && w->extent[1] <= LINE_LIMIT;
    return profile->is_cpu && w->given->adaptive && !is_placed(w) && small && has_rows(w) &&
           (size_t)(adaptive_line_floats(profile, w) + stage_floats(profile, w) +
                    adaptive_table_ints(profile, w)) *
                   4 <=
               profile->local_memory;
}

static cleat_status enqueue_adaptive(cleat_context *context, const void *data) {
    const window_problem *w = data;
    const device_profile *profile = context_profile(context);
    const int64_t *rows = w->given->backward ? w->extent : w->out;
    const int64_t items = w->planes * rows[0] * rows[1];
    launch l = begin(w, "pool_adaptive", "pool_adaptive");
    const int64_t staged = stage_floats(profile, w);
    launch_macro(&l, "VECTOR_WIDTH", profile->float_width);
    const int64_t chunk = work_split(profile, items, 1, &l);
    add_arguments(profile, w, items, chunk, &l);
    launch_int(&l, (int32_t)staged);
    launch_numbers_end(&l);
    launch_local(&l, (size_t)adaptive_line_floats(profile, w) * 4);
    launch_local(&l, (size_t)(staged > 0 ? staged : 1) * 4);
    launch_local(&l, (size_t)adaptive_table_ints(profile, w) * 4);
    return run(context, w, &l);
}

static const variant variants[] = {
    {"cpu_adaptive", suits_adaptive, enqueue_adaptive},
    {"cpu_rows", suits_rows, enqueue_rows},
    {"direct", variant_always, enqueue_direct},
    {NULL, NULL, NULL},
};

static const variant f64_variants[] = {
    {"direct_f64", variant_always, enqueue_direct},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const window_problem *w = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(w->given->axes + 2, w->given->shape, shape));
}

/* The gradient of L-p pooling: a sum over windows between two passes. */
static cleat_status run_lp_backward(
    cleat_context *context, const variant *chosen, window_problem *w) {
    launch before, after;
    cleat_status status = pool_power_before(context, w->given, &w->weights, &before);
    if (status == CLEAT_OK) {
        status = pool_power_after(context, w->given, &after);
    }
    w->steps[0] = w->weights != NULL ? &before : NULL;
    w->steps[1] = &after;
    if (status == CLEAT_OK) {
        status = chosen->enqueue(context, w);
    }
    scratch_release(context, w->weights);
    return status;
}

cleat_status pool_window_run(cleat_context *context, const pool_problem *p) {
    static const char *const names[VERIFY_POOL_KINDS][2] = {{"max_pool", "max_pool_backward"},
        {"average_pool", "average_pool_backward"}, {"lp_pool", "lp_pool_backward"}};
    const bool lp = p->power != 0;
    window_problem w = widen_problem(p);
    if (lp && p->backward) {
        const cleat_tensor weights = pool_power_weights(p);
        w.tensors[0] = widen(&weights);
    }
    const variant *chosen = NULL;
    const verify_pool_kind kind = lp           ? VERIFY_POOL_POWER
                                  : p->average ? VERIFY_POOL_AVERAGE
                                               : VERIFY_POOL_MAX;
    const bool is_f64 = p->type == CLEAT_F64;
    TRY(variant_choose(context, names[kind][p->backward], NULL, NULL,
        is_f64 ? f64_variants : variants, &w, write_problem,
        is_f64 ? NULL : verify_pool_window[kind][p->backward], &chosen));
    return lp && p->backward ? run_lp_backward(context, chosen, &w) : chosen->enqueue(context, &w);
}
