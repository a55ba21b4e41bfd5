/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/softmax_launch.h"
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"

enum {
    CPU_GROUPS = 8,    /* work-groups a thread */
    CPU_LEAST = 1024,  /* elements that are worth a work-group */
    GROUP_LOCAL = 256, /* work-items of softmax_groups at most */
    ROW_ROOM = 4096,   /* floats of rows done together: half of the smallest first-level caches */
    SHORT_ROW = 16,    /* rows of fewer elements: softmax_short, */
    SHORT_SIDE = 8,    /* whose maxima and sums are formed in vectors of so many */
    WIDE_COLUMNS = 4,  /* vectors side by side, where rows are neighbours */
    STRIP = 1024,      /* rows of a task of softmax_strips at most: a page of memory */
    ITEM_LOCAL = 64,
    ITEM_MOST = 16384 /* work-items a compute unit; beyond, they loop */
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool is_f64(const softmax_problem *p) {
    return p->kept[0].type == CLEAT_F64;
}

static bool is_f32(const softmax_problem *p) {
    return p->kept[0].type == CLEAT_F32;
}

static int lanes(const softmax_problem *p, const device_profile *profile) {
    return engine_vector_width(profile) / (is_f64(p) ? 2 : 1);
}

static int stride_kind(int64_t stride) {
    return stride == 0 || stride == 1 ? (int)stride : 2;
}

static int64_t kept_stride(const cleat_tensor *x) {
    return x->stride[x->rank - 1];
}

static void remove_axis(cleat_tensor *x, int32_t axis) {
    x->rank--;
    for (int32_t i = axis; i < x->rank; i++) {
        x->shape[i] = x->shape[i + 1];
        x->stride[i] = x->stride[i + 1];
    }
}

softmax_problem softmax_arrange(const char *operation, softmax_mode mode, int input_count,
    const cleat_tensor *tensors, int32_t axis) {
    softmax_problem p = {.operation = operation,
        .mode = mode,
        .input_count = input_count,
        .length = tensors[0].shape[axis]};
    p.index64 = cleat_tensor_count(&tensors[0]) > INT32_MAX / 2;
    for (int t = 0; t <= input_count; t++) {
        p.kept[t] = tensors[t];
        p.step[t] = tensors[t].stride[axis];
        p.index64 = p.index64 || tensor_needs_index64(&tensors[t]);
        remove_axis(&p.kept[t], axis);
    }
    tensors_arrange(p.kept, input_count + 1, input_count);
    return p;
}

/* COLUMN_VECTORS of cl/softmax.cl: several where vectors are plain loads (for the sake of compile
 * time) and enough tasks are left for all threads. */
static int column_vectors(const softmax_problem *p, const device_profile *profile) {
    int64_t wide = (int64_t)lanes(p, profile) * WIDE_COLUMNS;
    bool fits = cleat_tensor_count(&p->kept[0]) / wide >= 2 * (int64_t)profile->compute_units;
    for (int t = 0; t <= p->input_count; t++) {
        fits = fits && kept_stride(&p->kept[t]) == 1;
    }
    return fits ? WIDE_COLUMNS : 1;
}

/* Work-items of the processors' forms, which go over each row up to four times. */
static int64_t cpu_items(const softmax_problem *p, const device_profile *profile, int64_t tasks) {
    int64_t count = cleat_tensor_count(&p->kept[0]) * p->length;
    int64_t groups = (int64_t)profile->compute_units * CPU_GROUPS;
    return smaller(tasks, smaller(groups, ceil_div(count, CPU_LEAST)));
}

/* Tasks of `side` rows that are neighbours; 0: of one row. */
static int64_t count_tasks(const softmax_problem *p, int64_t side) {
    const cleat_tensor *kept = &p->kept[0];
    int64_t rows = cleat_tensor_count(kept);
    int64_t inner = kept->shape[kept->rank - 1];
    return side == 0 ? rows : rows / inner * ceil_div(inner, side);
}

int64_t softmax_strip(const softmax_problem *p, const device_profile *profile) {
    int64_t strip = STRIP;
    bool suits = profile->is_cpu && p->mode < MODE_CROSS_ENTROPY && is_f32(p);
    for (int t = 0; t <= p->input_count; t++) {
        suits = suits && kept_stride(&p->kept[t]) == 1;
    }
    while (strip > engine_vector_width(profile) &&
           count_tasks(p, strip) < 2 * (int64_t)profile->compute_units) {
        strip /= 2;
    }
    return suits ? strip : 0;
}

/* The rows of a task of softmax_columns. */
static int64_t columns_side(const softmax_problem *p, const device_profile *profile) {
    return (int64_t)lanes(p, profile) * column_vectors(p, profile);
}

bool softmax_items_are_short(
    softmax_form form, const softmax_problem *p, const device_profile *profile) {
    if (profile->is_cpu) {
        return true; /* as nearly always: the rest is not for every call */
    }
    int64_t side = form == FORM_COLUMNS ? columns_side(p, profile) : 0;
    int64_t items = cpu_items(p, profile, count_tasks(p, side));
    double elements = (double)cleat_tensor_count(&p->kept[0]) * (double)p->length;
    return profile_item_is_short(
        profile, 4 * elements / (double)items / engine_vector_width(profile));
}

/* Gradients are put together from vectors as wide as two short rows, that of the logarithm, which
 * turns for its sums alone, only where these are registers. */
static bool turns(softmax_mode mode, int64_t length, const device_profile *profile) {
    const int least = mode == MODE_LOG_SOFTMAX_BACKWARD ? SHORT_ROW : SHORT_ROW / 2;
    return mode == MODE_CROSS_ENTROPY ||
           (mode >= MODE_LOG_SOFTMAX_BACKWARD && length >= SHORT_ROW / 2 &&
               engine_vector_width(profile) >= least);
}

bool softmax_supports(softmax_form form, const softmax_problem *p, const device_profile *profile) {
    bool side_by_side = p->length > 0 && is_f32(p);
    for (int t = 0; t <= p->input_count; t++) {
        bool a_row = p->mode != MODE_CROSS_ENTROPY || t < p->input_count;
        side_by_side = side_by_side && (!a_row || p->step[t] == 1);
    }
    bool is_short = p->length < SHORT_ROW;
    bool weights_suit = p->weight.buffer == NULL || p->weight.stride[0] == 1;
    return form == FORM_ROWS ? side_by_side && !is_short && weights_suit
           : form == FORM_SHORT
               ? side_by_side && is_short && p->mode != MODE_CROSS_ENTROPY && !p->weighed
           : form == FORM_TURNED ? side_by_side && is_short && p->kept[0].rank == 1 &&
                                       turns(p->mode, p->length, profile)
                                 : p->mode < MODE_CROSS_ENTROPY;
}

static void add_macros(
    const softmax_problem *p, softmax_form form, int vector_width, int vectors, launch *l) {
    static const char *const inner[] = {"in0_inner", "in1_inner"};
    launch_macro(l, "MODE", p->mode);
    launch_macro(l, "INPUTS", p->input_count);
    launch_macro(l, "KEPT_RANK", p->kept[0].rank);
    launch_macro(l, "VECTOR_WIDTH", vector_width);
    if (p->mode >= MODE_CROSS_ENTROPY) {
        launch_macro(l, "WEIGHED", p->weighed);
    }
    if (form == FORM_ROWS) {
        launch_macro(l, "ROOM", ROW_ROOM);
        launch_macro(l, "LONG", p->length > ROW_ROOM);
    }
    if (form == FORM_SHORT) {
        launch_macro(l, "MOST", SHORT_ROW);
        launch_macro(l, "SIDE", smaller(vector_width, SHORT_SIDE));
        launch_macro(l, "WHOLE", p->length / smaller(vector_width, SHORT_SIDE));
    }
    if (form == FORM_STRIPS) {
        launch_macro(l, "STRIP", STRIP);
    }
    if (form == FORM_TURNED) {
        launch_macro(l, "LENGTH", p->length);
        launch_macro(l, "SUMS", p->sums);
    }
    if (form == FORM_ROWS || form == FORM_SHORT || form == FORM_STRIPS || form == FORM_TURNED) {
        return;
    }
    launch_macro(l, "FORM", form);
    if (type_is_half(p->kept[0].type)) {
        launch_macro(l, "ROW_TYPE", (int64_t)p->kept[0].type);
    }
    launch_macro(l, "COLUMN_VECTORS", vectors);
    for (int t = 0; t <= p->input_count; t++) {
        int64_t stride = form == FORM_COLUMNS ? kept_stride(&p->kept[t]) : 1;
        launch_macro(l, t < p->input_count ? inner[t] : "out_inner", stride_kind(stride));
    }
}

static void add_tensors(const softmax_problem *p, launch *l) {
    for (int t = 0; t <= p->input_count; t++) {
        if (t == p->input_count && p->out_memory != NULL) {
            launch_memory(l, p->out_memory);
        } else {
            launch_tensor(l, &p->kept[t]);
        }
        l->bytes += tensor_bytes(&p->kept[t]) * (double)(p->step[t] == 0 ? 1 : p->length);
    }
    if (p->mode >= MODE_CROSS_ENTROPY) {
        launch_tensor(l, &p->labels);
        launch_tensor(l, p->dloss.buffer != NULL ? &p->dloss : NULL);
        l->bytes += tensor_bytes(&p->labels);
    }
    if (p->weighed) {
        softmax_add_weights(p, l);
    }
}

/* SOFTMAX_LIST of cl/softmax_common.cl */
static void add_numbers(
    const softmax_problem *p, int64_t tasks, int64_t strip, bool streaming, launch *l) {
    int32_t rank = p->kept[0].rank;
    launch_numbers_begin(l);
    launch_index(l, tasks);
    launch_index(l, p->length);
    launch_index(l, strip);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, p->kept[0].shape[axis]);
    }
    for (int t = 0; t <= p->input_count; t++) {
        launch_index(l, p->kept[t].offset);
        launch_index(l, p->step[t]);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, p->kept[t].stride[axis]);
        }
    }
    if (p->mode >= MODE_CROSS_ENTROPY) {
        launch_index(l, p->labels.offset);
        launch_index(l, p->labels.stride[0]);
        launch_index(l, p->dloss.offset);
        launch_index(l, p->dloss.stride[0]);
    }
    launch_int(l, streaming);
    if (p->mode >= MODE_CROSS_ENTROPY) {
        launch_real(l, p->divisor);
    }
    launch_numbers_end(l);
}

/* maximum, difference, exponential, sum, quotient; or product, sum, difference, product */
static double flop(const softmax_problem *p) {
    bool is_gradient = p->mode == MODE_SOFTMAX_BACKWARD || p->mode == MODE_LOG_SOFTMAX_BACKWARD;
    return (is_gradient ? 4.0 : 5.0) * (double)p->length * (double)cleat_tensor_count(&p->kept[0]);
}

void softmax_add_weights(const softmax_problem *p, launch *l) {
    launch_tensor(l, p->weight.buffer != NULL ? &p->weight : NULL);
    launch_index(l, p->weight.offset);
    launch_index(l, p->weight.stride[0]);
    launch_memory(l, p->totals);
    launch_real(l, p->own_share);
    launch_real(l, p->smoothing);
    launch_real(l, p->weight_total);
    launch_int(l, p->ignored != NULL);
    launch_int(l, p->ignored != NULL ? *p->ignored : 0);
}

static void set_size(const softmax_problem *p, softmax_form form, const device_profile *profile,
    int64_t tasks, launch *l) {
    int64_t units = (int64_t)profile->compute_units;
    size_t local = form == FORM_GROUPS ? GROUP_LOCAL : ITEM_LOCAL;
    while (local > profile->max_work_group_size ||
           (form == FORM_GROUPS && local > 32 && (int64_t)local / 2 >= p->length)) {
        local /= 2;
    }
    if (form == FORM_GROUPS) {
        launch_local(l, local * cleat_type_size(type_of_sums(p->kept[0].type)));
        launch_size_1d(l, (size_t)tasks * local, local);
    } else if (form == FORM_ITEMS) {
        launch_size_1d(l, round_up((size_t)smaller(tasks, units * ITEM_MOST), local), local);
    } else {
        launch_size_1d(l, (size_t)cpu_items(p, profile, tasks), 1);
    }
}

void softmax_fill(softmax_form form, const device_profile *profile, const softmax_problem *p) {
    static const char *const families[] = {"softmax_rows", "softmax", "softmax", "softmax",
        "softmax_short", "softmax_strips", "softmax_turned"};
    static const char *const kernels[] = {"softmax_rows", "softmax_columns", "softmax_groups",
        "softmax_items", "softmax_short", "softmax_strips", "softmax_turned"};
    bool vectors_wanted = form != FORM_GROUPS && form != FORM_ITEMS;
    int width = vectors_wanted ? lanes(p, profile) : 1;
    width = form == FORM_TURNED && p->mode > MODE_CROSS_ENTROPY ? SHORT_ROW : width;
    int64_t side = form == FORM_COLUMNS  ? columns_side(p, profile)
                   : form == FORM_STRIPS ? softmax_strip(p, profile)
                                         : 0;
    int64_t tasks = count_tasks(p, side);
    launch *l = p->result;
    *l = launch_begin(p->operation, families[form], kernels[form]);
    launch_use_real64(l, p->kept[0].type);
    add_macros(p, form, width, form == FORM_COLUMNS ? (int)(side / width) : 1, l);
    launch_use_index64(l, p->index64);
    add_tensors(p, l);
    bool streaming = vectors_wanted && profile_is_past_caches(profile, l->bytes);
    add_numbers(p, tasks, form == FORM_STRIPS ? side : 0, streaming, l);
    l->flop = flop(p);
    set_size(p, form, profile, tasks, l);
}
