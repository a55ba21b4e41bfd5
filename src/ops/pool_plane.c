/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of planes by windows without dilation: the kernels of cl/pool.cl and its neighbours. */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/pool_problem.h"
#include "ops/reduce_engine.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <stdio.h>

/* Floats of a row that a work-item keeps at once: half of the smallest first-level caches. */
enum { ROW_LINE = 2048 };

/* Elements of a plane whose rounding errors may add up in one vector. */
enum { SMALL_PLANE = 1024 };

/* Least rows of the maximum's gradient to a work-item. */
enum { GRADIENT_ROWS = 8 };

typedef struct problem {
    const char *operation; /* max_pool2d, ...: in tables, the environment, the profile */
    bool average, backward;
    int64_t window[2], step[2], padding[4];
    bool count_padding;
    /* The large side (x or dx's shape), and the small one. Forward: large = x, small = y.
     * Backward: large = x of max, small = dy, result = dx. */
    cleat_tensor large, small, result;
    int64_t shape[4], out_shape[4];
} problem;

/* ---- Launches ---- */

static bool needs_index64(const problem *p) {
    /* Places in the padded input are formed, too. */
    bool wide = tensor_needs_index64(&p->large) || tensor_needs_index64(&p->small) ||
                (p->backward && tensor_needs_index64(&p->result));
    for (int i = 0; i < 2; ++i) {
        wide = wide || p->window[i] > INT32_MAX / 8 || p->step[i] > INT32_MAX / 8 ||
               p->shape[2 + i] > INT32_MAX / 8;
    }
    return wide || p->window[0] > INT32_MAX / p->window[1] ||
           cleat_tensor_count(&p->result) > INT32_MAX / 2;
}

static launch begin(const problem *p, const char *family, const char *kernel) {
    launch l = launch_begin(p->operation, family, kernel);
    launch_use_index64(&l, needs_index64(p));
    launch_macro(&l, "AVERAGE", p->average);
    const double large = (double)(p->shape[0] * p->shape[1]) * (double)(p->shape[2] * p->shape[3]);
    const double small =
        large / (double)(p->shape[2] * p->shape[3]) * (double)(p->out_shape[2] * p->out_shape[3]);
    l.flop = small * (double)p->window[0] * (double)p->window[1];
    l.bytes = sizeof(float) * (large * (p->backward && !p->average ? 2 : 1) + small);
    return l;
}

/* x (max only), dy, dx, or x, y: the tensors of a kernel, in its order. */
static int list_tensors(const problem *p, const cleat_tensor *tensors[3]) {
    int count = 0;
    if (!p->backward || !p->average) {
        tensors[count++] = &p->large;
    }
    if (p->backward) {
        tensors[count++] = &p->small;
    }
    tensors[count++] = &p->result;
    return count;
}

static void add_geometry(launch *l, const problem *p) {
    launch_index(l, p->shape[1]);
    launch_index(l, p->shape[2]);
    launch_index(l, p->shape[3]);
    launch_index(l, p->out_shape[2]);
    launch_index(l, p->out_shape[3]);
    launch_index(l, p->window[0]);
    launch_index(l, p->window[1]);
    launch_index(l, p->step[0]);
    launch_index(l, p->step[1]);
    launch_index(l, p->padding[0]);
    launch_index(l, p->padding[1]);
}

/* How `items` pieces of work are shared: ITEM_EACH, a work-item for each, or work_split()'s least.
 */
enum { ITEM_EACH = 0 };

/* A launch with the arguments that the kernels of pool_geometry.cl share. */
static launch begin_any(const device_profile *profile, const problem *p, const char *family,
    const char *kernel, int64_t items, int64_t least) {
    launch l = begin(p, family, kernel);
    const cleat_tensor *tensors[3];
    const int count = list_tensors(p, tensors);
    int64_t chunk = 1;
    if (least == ITEM_EACH) {
        work_each(profile, items, &l);
    } else {
        chunk = work_split(profile, items, least, &l);
    }
    for (int i = 0; i < count; ++i) {
        launch_tensor(&l, tensors[i]);
    }
    launch_numbers_begin(&l);
    launch_index(&l, items);
    launch_index(&l, chunk);
    add_geometry(&l, p);
    for (int i = 0; i < count; ++i) {
        launch_index(&l, tensors[i]->offset);
        for (int axis = 0; axis < 4; ++axis) {
            launch_index(&l, tensors[i]->stride[axis]);
        }
    }
    launch_int(&l, p->count_padding);
    launch_int(&l, profile_is_past_caches(profile, l.bytes));
    launch_numbers_end(&l);
    return l;
}

static cleat_status enqueue_direct(cleat_context *context, const void *data) {
    const problem *p = data;
    launch l = begin_any(context_profile(context), p, "pool",
        !p->backward ? "pool2d_direct"
        : p->average ? "average_pool2d_backward_direct"
                     : "max_pool2d_backward_direct",
        cleat_tensor_count(&p->result), ITEM_EACH);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_planes(cleat_context *context, const void *data) {
    const problem *p = data;
    launch l = begin_any(context_profile(context), p, "pool",
        p->average ? "average_pool2d_backward_planes" : "max_pool2d_backward_planes",
        p->shape[0] * p->shape[1], 1);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_rows(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    const bool by_planes = p->backward && !p->average;
    const int64_t planes = p->shape[0] * p->shape[1];
    launch l = begin_any(profile, p, "pool_rows",
        by_planes     ? "max_pool2d_backward_rows"
        : p->backward ? "average_pool2d_backward_rows"
                      : "pool2d_rows",
        by_planes ? planes : planes * p->result.shape[2], 1);
    launch_macro(&l, "BACKWARD", p->backward);
    launch_macro(&l, "VECTOR_WIDTH", profile->float_width);
    launch_macro(&l, "LINE", ROW_LINE);
    return launch_all(context, &l, 1);
}

/* Windows of 3x3, one or two apart. */
static cleat_status enqueue_3x3(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    const bool by_rows = !p->backward || p->average;
    const int64_t planes = p->shape[0] * p->shape[1], height = p->result.shape[2];
    /* Of the maximum's gradient, whole planes where there are enough: parts overlap. */
    const bool whole = planes >= (int64_t)profile->compute_units * WORK_GROUPS_PER_UNIT;
    launch l = begin_any(profile, p, by_rows ? "pool_3x3" : "pool_3x3_gradient",
        by_rows ? "pool2d_3x3" : "max_pool2d_3x3_backward", planes * height,
        by_rows ? 1
        : whole ? height
                : GRADIENT_ROWS);
    if (by_rows) {
        launch_macro(&l, "BACKWARD", p->backward);
    }
    launch_macro(&l, "STEP", p->step[1]);
    launch_macro(&l, "LEFT", p->padding[1]);
    launch_macro(&l, "VECTOR_WIDTH", profile->float_width);
    launch_macro(&l, "LINE", ROW_LINE);
    return launch_all(context, &l, 1);
}

/* By vectors of channels. */
static cleat_status enqueue_channels_last(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    launch l = begin_any(
        profile, p, "pool_channels_last", "pool2d_channels_last", p->shape[0] * p->out_shape[2], 1);
    launch_macro(&l, "VECTOR_WIDTH", profile->float_width);
    return launch_all(context, &l, 1);
}

/* Elements from one plane to the next where that is the same throughout; else 0. */
static int64_t plane_step(const cleat_tensor *t) {
    if (t->shape[1] == 1) {
        return t->stride[0];
    }
    return t->shape[0] == 1 || t->stride[0] == t->shape[1] * t->stride[1] ? t->stride[1] : 0;
}

/* One window a plane: a reduction, or its gradient. */
static cleat_status enqueue_whole(cleat_context *context, const void *data) {
    const problem *p = data;
    const float count = (float)(p->window[0] * p->window[1]);
    if (!p->backward) {
        const reduce_pass pass = {.operation = p->operation,
            .family = "reduce",
            .input_count = 1,
            .macro_count = 1,
            .inputs = {p->large},
            .reduced = {false, false, true, true},
            .output = p->result,
            .what = p->average ? REDUCE_SUM : REDUCE_MAX,
            .p0 = 1.0f,
            .divisor = p->average ? count : 1.0f,
            .macros = {{"REDUCE_VALUE", NULL, 0}}};
        return reduce_run(context, &pass);
    }
    elementwise_pass pass = {.operation = p->operation,
        .family = "reduce_gradient",
        .input_count = 1,
        .macro_count = 1,
        .parameter_count = 1,
        .tensors = {p->small, p->result},
        .macros = {{"GRADIENT", NULL, 0}},
        .parameters = {count}};
    for (int axis = 2; axis < 4; ++axis) {
        pass.tensors[0].shape[axis] = p->shape[axis];
        pass.tensors[0].stride[axis] = 0;
    }
    return elementwise_run(context, &pass);
}

/* The same for many small planes, those of each tensor as far apart. */
static cleat_status enqueue_small(cleat_context *context, const void *data) {
    const problem *p = data;
    const device_profile *profile = context_profile(context);
    const int64_t planes = p->shape[0] * p->shape[1], width = profile->float_width;
    const cleat_tensor *from = p->backward ? &p->small : &p->large;
    launch l = begin(p, "pool_whole", p->backward ? "pool2d_whole_backward" : "pool2d_whole");
    launch_macro(&l, "BACKWARD", p->backward);
    launch_macro(&l, "VECTOR_WIDTH", width);
    launch_tensor(&l, from);
    launch_tensor(&l, &p->result);
    launch_index(&l, from->offset);
    launch_index(&l, p->result.offset);
    launch_index(&l, planes);
    launch_index(&l, p->window[0] * p->window[1]);
    launch_index(&l, plane_step(from));
    if (!p->backward) {
        launch_index(&l, plane_step(&p->result));
    }
    launch_float(&l, (float)(p->window[0] * p->window[1]));
    launch_index(&l, work_split(profile, planes, width, &l));
    if (p->backward) {
        /* Stores of a whole line need not read it, and are faster than those past the caches. */
        launch_int(&l, width < 16 && profile_is_past_caches(profile, l.bytes));
    }
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_2x2(cleat_context *context, const void *data) {
    const problem *p = data;
    launch l = begin_any(context_profile(context), p, "pool",
        p->backward ? "pool2d_2x2_backward" : "pool2d_2x2",
        p->shape[0] * p->shape[1] * p->out_shape[2], 1);
    return launch_all(context, &l, 1);
}

/* ---- Variants ---- */

static bool is_cpu(const device_profile *profile, const void *data) {
    (void)data;
    return profile->is_cpu;
}

static bool is_2x2(const device_profile *profile, const void *data) {
    const problem *p = data;
    const bool plain = p->window[0] == 2 && p->window[1] == 2 && p->step[0] == 2 &&
                       p->step[1] == 2 &&
                       p->padding[0] + p->padding[1] + p->padding[2] + p->padding[3] == 0;
    return profile->is_cpu && plain && p->large.stride[3] == 1 && p->small.stride[3] == 1 &&
           p->result.stride[3] == 1;
}

/* Columns side by side, and lines that hold some vectors of windows; the maximum's gradient keeps
 * places in 32 bits. */
static bool suits_rows(const device_profile *profile, const void *data) {
    const problem *p = data;
    const cleat_tensor *tensors[3];
    const int count = list_tensors(p, tensors);
    bool fits = profile->is_cpu && p->window[1] <= ROW_LINE / 4 &&
                p->step[1] <= ROW_LINE / 8 / profile->float_width;
    for (int i = 0; i < count; ++i) {
        fits = fits && (tensors[i]->stride[3] == 1 || tensors[i]->shape[3] == 1);
    }
    return fits && (p->average || !p->backward || !needs_index64(p));
}

/* Columns side by side, and rows of windows that the kernel has lines for. */
static bool is_3x3(const device_profile *profile, const void *data) {
    const problem *p = data;
    const cleat_tensor *tensors[3];
    const int count = list_tensors(p, tensors);
    bool fits = profile->is_cpu && p->window[0] == 3 && p->window[1] == 3 &&
                p->step[0] == p->step[1] && p->step[0] <= 2 && p->out_shape[3] <= ROW_LINE;
    for (int i = 0; i < count; ++i) {
        fits = fits && (tensors[i]->stride[3] == 1 || tensors[i]->shape[3] == 1);
    }
    return fits;
}

/* A vector or more of channels side by side. */
static bool is_channels_last(const device_profile *profile, const void *data) {
    const problem *p = data;
    return profile->is_cpu && p->large.stride[1] == 1 && p->small.stride[1] == 1 &&
           p->shape[1] >= profile->float_width;
}

/* A window that covers the plane; the maximum's gradient is more than a reduction's. */
static bool is_whole(const device_profile *profile, const void *data) {
    const problem *p = data;
    (void)profile;
    return p->window[0] == p->shape[2] && p->window[1] == p->shape[3] &&
           p->padding[0] + p->padding[1] + p->padding[2] + p->padding[3] == 0 &&
           (p->average || !p->backward);
}

/* Columns that fill no vector are added in another order than the others: channels that are equal
 * would have means that are not. */
static bool is_whole_alike(const device_profile *profile, const void *data) {
    const problem *p = data;
    return is_whole(profile, data) && !(p->average && is_channels_last(profile, data) &&
                                          p->shape[1] % profile->float_width != 0);
}

/* Planes each in one piece, and so small that one vector's lanes suffice to sum them; the gradient
 * wants no gaps between them and a vector or more in each. */
static bool is_small(const device_profile *profile, const void *data) {
    const problem *p = data;
    const cleat_tensor *x = &p->large;
    const int64_t count = p->window[0] * p->window[1];
    const bool pieces = (x->stride[3] == 1 || x->shape[3] == 1) &&
                        (x->stride[2] == x->shape[3] || x->shape[2] == 1);
    const bool suits =
        p->backward ? plane_step(x) == count && count >= profile->float_width : plane_step(x) != 0;
    return profile->is_cpu && is_whole(profile, data) && pieces && suits &&
           plane_step(&p->small) != 0 && count <= SMALL_PLANE;
}

static const variant forward_variants[] = {
    {"cpu_small", is_small, enqueue_small},
    {"whole", is_whole_alike, enqueue_whole},
    {"cpu_channels_last", is_channels_last, enqueue_channels_last},
    {"cpu_2x2", is_2x2, enqueue_2x2},
    {"cpu_3x3", is_3x3, enqueue_3x3},
    {"cpu_rows", suits_rows, enqueue_rows},
    {"direct", variant_always, enqueue_direct},
    {NULL, NULL, NULL},
};

static const variant backward_variants[] = {
    {"cpu_small", is_small, enqueue_small},
    {"whole", is_whole, enqueue_whole},
    {"cpu_2x2", is_2x2, enqueue_2x2},
    {"cpu_3x3", is_3x3, enqueue_3x3},
    {"cpu_rows", suits_rows, enqueue_rows},
    {"cpu_planes", is_cpu, enqueue_planes},
    {"direct", variant_always, enqueue_direct},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const problem *p = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(4, p->shape, shape));
}

bool pool_is_plane(const pool_problem *p) {
    bool plain =
        p->type == CLEAT_F32 && p->axes <= 2 && !p->adaptive && p->indices == NULL && p->power == 0;
    for (int i = 0; plain && i < p->axes; ++i) {
        const int64_t last = (p->out_shape[2 + i] - 1) * p->step[i] - p->before[i];
        plain = p->dilation[i] == 1 && last + p->window[i] <= p->shape[2 + i] + p->after[i];
    }
    return plain;
}

/* [n, c, l] as a plane of one row. */
static cleat_tensor with_rows(const cleat_tensor *t) {
    cleat_tensor out = *t;
    if (t->rank == 3) {
        out.rank = 4;
        out.shape[3] = t->shape[2];
        out.stride[3] = t->stride[2];
        out.shape[2] = 1;
        if (!checked_mul(out.shape[3], out.stride[3], &out.stride[2])) {
            out.stride[2] = 0;
        }
    }
    return out;
}

cleat_status pool_plane_run(cleat_context *context, const pool_problem *given) {
    static const char *const names[2][2] = {
        {"max_pool2d", "max_pool2d_backward"}, {"average_pool2d", "average_pool2d_backward"}};
    problem p = {.operation = names[given->average][given->backward],
        .average = given->average,
        .backward = given->backward,
        .count_padding = given->count_padding,
        .large = with_rows(&given->large),
        .small = with_rows(&given->small),
        .result = with_rows(&given->result)};
    for (int i = 0; i < 2; ++i) {
        const int from = i + given->axes - 2;
        p.window[i] = from < 0 ? 1 : given->window[from];
        p.step[i] = from < 0 ? 1 : given->step[from];
        p.padding[i] = from < 0 ? 0 : given->before[from];
        p.padding[2 + i] = from < 0 ? 0 : given->after[from];
    }
    for (int i = 0; i < 4; ++i) {
        p.shape[i] = p.large.shape[i];
        p.out_shape[i] = p.small.shape[i];
    }
    const variant *chosen = NULL;
    TRY(variant_choose(context, p.operation, NULL, NULL,
        p.backward ? backward_variants : forward_variants, &p, write_problem,
        verify_pool_plane[p.average ? VERIFY_POOL_AVERAGE : VERIFY_POOL_MAX][p.backward], &chosen));
    return chosen->enqueue(context, &p);
}
