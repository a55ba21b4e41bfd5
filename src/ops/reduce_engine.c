/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reduce_engine.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include <cleat/reduce.h>
#include <stdio.h>

/* Values of FORM in cl/reduce_engine.cl */
typedef enum reduce_form { FORM_ROWS, FORM_COLUMNS, FORM_GROUPS, FORM_ITEMS } reduce_form;

enum {
    ROW_BLOCK = 4096,    /* elements of a unit of reduce_rows */
    COLUMN_VECTORS = 8,  /* a task of reduce_columns */
    WIDE_COLUMNS = 4096, /* the same in floats where rows are as long as */
    WIDE_STATES = 1024,  /* or so many, where each has several numbers */
    WIDE_LEAST = 512,    /* this */
    WIDE_GRAIN = 128,    /* floats; of which it is a multiple */
    CPU_GROUPS = 8,      /* work-groups a thread */
    CPU_LEAST = 8192,    /* elements that are worth a slice */
    GROUP_LOCAL = 128,   /* work-items of reduce_groups */
    GROUP_TASKS = 16,    /* tasks a compute unit of a GPU wants, in groups */
    GROUP_LEAST = 2048,
    ITEM_LOCAL = 64,
    ITEM_TASKS = 1024, /* the same in work-items */
    ITEM_LEAST = 64,
    ITEM_MOST = 16384, /* work-items a compute unit; beyond, they loop */
    MOST_SLICES = 1024,
    LEAST_LANES = 4
};

/* Values of PARTS there */
typedef enum reduce_parts { PARTS_NONE, PARTS_OUT, PARTS_IN } reduce_parts;

enum { MAX_TENSORS = REDUCE_MAX_INPUTS + 2 };

/* One launch: axes arranged and apart. */
typedef struct reduction {
    const reduce_pass *pass;
    bool of_slices; /* the second launch: what the first left, not the pass's expression */
    reduce_parts parts;
    int input_count;
    cleat_tensor kept[MAX_TENSORS]; /* inputs, the output, the second one; offsets are here */
    cleat_tensor reduced[REDUCE_MAX_INPUTS];
    void *memory[MAX_TENSORS];
    bool accumulate, index64;
    reduce_root root;
    bool wants_second;
    double divisor, p0;
    int64_t out_slice; /* elements from the output of one slice to the next */
    int64_t out_plane; /* elements from one part to the next */
} reduction;

typedef struct geometry {
    int64_t units, row_units, block; /* of the reduced axes; see cl/reduce_engine.cl */
    int64_t slice_tasks, slices, slice_units;
    int64_t width; /* of reduce_columns */
} geometry;

/* What a variant is asked. */
typedef struct reduce_problem {
    reduction first;
    launch *launches;
    int *count;
    void **scratch;
} reduce_problem;

static int64_t inner_extent(const cleat_tensor *x) {
    return x->shape[x->rank - 1];
}

/* Members of the state: cl/reduce_state.cl. */
static int components(const reduce_pass *pass) {
    return pass->what == REDUCE_MOMENTS                      ? 3
           : pass->what > REDUCE_MOMENTS || pass->has_second ? 2
                                                             : 1;
}

static size_t real_size(const reduce_pass *pass) {
    return pass->real64 ? sizeof(double) : sizeof(float);
}

/* Doubles: half as many as floats, but no fewer than the kernels know. */
static int lanes_of(const reduce_pass *pass, int width) {
    return !pass->real64 ? width : width / 2 < LEAST_LANES ? LEAST_LANES : width / 2;
}

/* Of the processors' forms. */
static int lanes(const reduce_pass *pass, const device_profile *profile) {
    return lanes_of(pass, engine_vector_width(profile));
}

/* Whether input t is the element's place. */
static bool is_place(const reduction *r, int t) {
    return r->pass->what == REDUCE_PLACE && !r->of_slices && t == 1;
}

static int inner_kind(const cleat_tensor *x) {
    int64_t stride = x->stride[x->rank - 1];
    return stride == 0 || stride == 1 ? (int)stride : 2;
}

cleat_tensor reduce_select_axes(const cleat_tensor *x, const bool *reduced, bool wanted) {
    cleat_tensor out = *x;
    out.rank = 0;
    out.offset = 0;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        if (reduced[axis] == wanted) {
            out.shape[out.rank] = x->shape[axis];
            out.stride[out.rank] = x->stride[axis];
            out.rank++;
        }
    }
    return out;
}

static reduction arrange(const reduce_pass *pass) {
    reduction r = {.pass = pass,
        .input_count = pass->input_count,
        .accumulate = pass->accumulate,
        .root = pass->root,
        .wants_second = pass->wants_second,
        .divisor = pass->divisor,
        .p0 = pass->p0};
    int n = pass->input_count;
    r.memory[n] = pass->output_memory;
    r.memory[n + 1] = pass->second_memory;
    r.kept[n] = reduce_select_axes(&pass->output, pass->reduced, false);
    r.kept[n + 1] =
        pass->wants_second ? reduce_select_axes(&pass->second, pass->reduced, false) : r.kept[n];
    r.index64 = tensor_needs_index64(&pass->output) ||
                cleat_tensor_count(&pass->inputs[0]) > INT32_MAX / 2 ||
                cleat_tensor_count(&pass->output) > INT32_MAX / 2;
    r.index64 = r.index64 || (pass->wants_second && tensor_needs_index64(&pass->second));
    for (int t = 0; t < n; t++) {
        r.memory[t] = pass->input_memory[t];
        r.kept[t] = reduce_select_axes(&pass->inputs[t], pass->reduced, false);
        r.reduced[t] = reduce_select_axes(&pass->inputs[t], pass->reduced, true);
        r.index64 = r.index64 || (!is_place(&r, t) && tensor_needs_index64(&pass->inputs[t]));
    }
    tensors_arrange(r.kept, n + 2, 0);
    tensors_arrange(r.reduced, n, 0);
    for (int t = 0; t < n; t++) {
        r.kept[t].offset += pass->inputs[t].offset + r.reduced[t].offset;
    }
    r.kept[n].offset += pass->output.offset;
    r.kept[n + 1].offset += pass->wants_second ? pass->second.offset : 0;
    return r;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* How many tasks keep the device busy, and how many elements are worth one. */
static void wanted_tasks(
    reduce_form form, const device_profile *profile, int64_t *tasks, int64_t *least) {
    int64_t units = (int64_t)profile->compute_units;
    *tasks = units * (form == FORM_ITEMS       ? ITEM_TASKS
                         : form == FORM_GROUPS ? GROUP_TASKS
                                               : CPU_GROUPS);
    *least = form == FORM_ITEMS ? ITEM_LEAST : form == FORM_GROUPS ? GROUP_LEAST : CPU_LEAST;
}

/* Most vectors of a task of reduce_columns. */
static int column_vectors(const reduction *r, const device_profile *profile) {
    bool loads = profile->is_cpu && inner_extent(&r->kept[0]) >= WIDE_LEAST;
    for (int t = 0; t < r->input_count; t++) {
        loads = loads && (is_place(r, t) || inner_kind(&r->kept[t]) < 2);
    }
    int64_t wide = components(r->pass) > 1 ? WIDE_STATES : WIDE_COLUMNS;
    return loads ? (int)wide / lanes(r->pass, profile) : COLUMN_VECTORS;
}

/* Columns of such a task: rows cut into equal parts. */
static int64_t column_width(const reduction *r, const device_profile *profile) {
    int64_t most = (int64_t)column_vectors(r, profile) * lanes(r->pass, profile);
    int64_t inner = inner_extent(&r->kept[0]);
    if (most < WIDE_STATES) {
        return most;
    }
    int64_t parts = ceil_div(inner, most);
    return ceil_div(ceil_div(inner, parts), WIDE_GRAIN) * WIDE_GRAIN;
}

static geometry plan_geometry(
    reduce_form form, const device_profile *profile, const reduction *r, bool may_slice) {
    geometry g = {0};
    int64_t outputs = cleat_tensor_count(&r->kept[0]);
    int64_t count = cleat_tensor_count(&r->reduced[0]);
    int64_t inner = inner_extent(&r->reduced[0]);
    g.block = form == FORM_ROWS ? ROW_BLOCK : 1;
    g.row_units = ceil_div(inner, g.block);
    g.units = count == 0 ? 0 : count / inner * g.row_units;
    g.slice_tasks = outputs;
    if (form == FORM_COLUMNS) {
        g.width = column_width(r, profile);
        g.slice_tasks =
            outputs / inner_extent(&r->kept[0]) * ceil_div(inner_extent(&r->kept[0]), g.width);
    }
    int64_t tasks = 0;
    int64_t least = 0;
    wanted_tasks(form, profile, &tasks, &least);
    int64_t worth =
        (int64_t)((double)outputs * (double)count / (double)g.slice_tasks / (double)least);
    g.slices = smaller(smaller(tasks / g.slice_tasks, worth), smaller(g.units, MOST_SLICES));
    g.slices = may_slice && g.slices > 1 ? g.slices : 1;
    g.slice_units = ceil_div(g.units, g.slices);
    g.slices = g.slice_units == 0 ? 1 : ceil_div(g.units, g.slice_units);
    return g;
}

/* Parts that lie along a vector may be of different numbers of elements. */
static int form_width(const reduction *r, reduce_form form, const device_profile *profile) {
    bool apart = r->parts == PARTS_IN && r->pass->what == REDUCE_MOMENTS && form == FORM_ROWS;
    if (form > FORM_COLUMNS || apart) {
        return 1;
    }
    const bool wide = form == FORM_ROWS && !r->of_slices && !type_is_half(r->kept[0].type);
    return wide ? lanes_of(r->pass, engine_row_width(profile, inner_extent(&r->reduced[0])))
                : lanes(r->pass, profile);
}

static void add_type(launch *l, const char *name, const cleat_tensor *x) {
    if (type_is_half(x->type)) {
        launch_macro(l, name, (int64_t)x->type);
    }
}

static void add_macros(
    const reduction *r, reduce_form form, const device_profile *profile, launch *l) {
    static const char *const inner[] = {
        "in0_inner", "in1_inner", "in2_inner", "in3_inner", "in4_inner"};
    static const char *const types[] = {"in0_type", "in1_type", "in2_type", "in3_type", "in4_type"};
    const reduce_pass *pass = r->pass;
    launch_macro(l, "INPUTS", r->input_count);
    launch_macro(l, "KEPT_RANK", r->kept[0].rank);
    launch_macro(l, "REDUCED_RANK", r->reduced[0].rank);
    launch_macro(l, "REDUCTION", pass->what);
    launch_macro(l, "SECOND", pass->has_second);
    launch_macro(l, "ROOT", r->root);
    launch_macro(l, "ACCUMULATE", r->accumulate);
    launch_macro(l, "SECOND_OUTPUT", r->wants_second);
    launch_macro(l, "PARTS", r->parts);
    launch_macro(l, "FORM", form);
    launch_macro(l, "VECTOR_WIDTH", form_width(r, form, profile));
    if (form == FORM_COLUMNS) {
        launch_macro(l, "COLUMN_VECTORS", column_vectors(r, profile));
    }
    for (int t = 0; t < r->input_count; t++) {
        int kind = is_place(r, t)         ? 3
                   : form == FORM_ROWS    ? inner_kind(&r->reduced[t])
                   : form == FORM_COLUMNS ? inner_kind(&r->kept[t])
                                          : 1;
        launch_macro(l, inner[t], kind);
        if (!is_place(r, t)) {
            add_type(l, types[t], &r->kept[t]);
        }
    }
    add_type(l, "out_type", &r->kept[r->input_count]);
    if (r->wants_second) {
        add_type(l, "second_type", &r->kept[r->input_count + 1]);
    }
    launch_macro(l, "out_inner", form == FORM_COLUMNS ? inner_kind(&r->kept[r->input_count]) : 1);
    if (r->of_slices) {
        launch_macro(l, "REDUCE_VALUE", 0);
        return;
    }
    for (int i = 0; i < pass->macro_count; i++) {
        launch_macro(l, pass->macros[i].name, pass->macros[i].value);
    }
}

static void add_strides(const cleat_tensor *x, launch *l) {
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        launch_index(l, x->stride[axis]);
    }
}

static void add_extents(const cleat_tensor *x, launch *l) {
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        launch_index(l, x->shape[axis]);
    }
}

static void add_memory(const reduction *r, int t, launch *l) {
    if (r->memory[t] != NULL) {
        launch_memory(l, r->memory[t]);
    } else {
        launch_tensor(l, &r->kept[t]);
    }
}

static void add_place(const reduction *r, int t, launch *l) {
    launch_index(l, r->kept[t].offset);
    add_strides(&r->kept[t], l);
}

/* REDUCE_LIST of cl/reduce_engine.cl */
static void add_numbers(const reduction *r, const geometry *g, launch *l) {
    int n = r->input_count;
    launch_numbers_begin(l);
    launch_index(l, g->slice_tasks * g->slices);
    launch_index(l, g->slice_tasks);
    launch_index(l, g->units);
    launch_index(l, g->slice_units);
    launch_index(l, g->row_units);
    launch_index(l, g->block);
    launch_index(l, g->width);
    launch_index(l, r->out_slice);
    launch_index(l, r->out_plane);
    add_extents(&r->kept[0], l);
    add_extents(&r->reduced[0], l);
    add_place(r, n, l);
    if (r->wants_second) {
        add_place(r, n + 1, l);
    }
    for (int t = 0; t < n; t++) {
        add_place(r, t, l);
        add_strides(&r->reduced[t], l);
    }
    launch_int(l, r->pass->wide);
    launch_int(l, 0);
    launch_real(l, r->divisor);
    launch_real(l, r->p0);
    launch_numbers_end(l);
}

static void add_arguments(const reduction *r, const geometry *g, launch *l) {
    int n = r->input_count;
    l->bytes = tensor_bytes(&r->kept[n]) * (double)g->slices;
    for (int t = 0; t < n; t++) {
        if (!is_place(r, t)) {
            add_memory(r, t, l);
            l->bytes += tensor_bytes(&r->kept[t]) * tensor_bytes(&r->reduced[t]) /
                        (double)cleat_type_size(r->kept[t].type);
        }
    }
    add_memory(r, n, l);
    if (r->wants_second) {
        add_memory(r, n + 1, l);
        l->bytes += tensor_bytes(&r->kept[n + 1]);
    }
    add_numbers(r, g, l);
    l->flop = (double)cleat_tensor_count(&r->kept[0]) * (double)cleat_tensor_count(&r->reduced[0]);
}

/* Of the processors' forms. */
static int64_t cpu_items(const device_profile *profile, const geometry *g) {
    return smaller(g->slice_tasks * g->slices, (int64_t)profile->compute_units * CPU_GROUPS);
}

static void set_size(reduce_form form, const device_profile *profile, const reduction *r,
    const geometry *g, launch *l) {
    int64_t tasks = g->slice_tasks * g->slices;
    int64_t units = (int64_t)profile->compute_units;
    size_t local = form == FORM_GROUPS ? GROUP_LOCAL : ITEM_LOCAL;
    while (local > profile->max_work_group_size) {
        local /= 2;
    }
    if (form == FORM_GROUPS) {
        launch_local(l, local * (size_t)components(r->pass) * real_size(r->pass));
        launch_size_1d(l, (size_t)tasks * local, local);
    } else if (form == FORM_ITEMS) {
        launch_size_1d(l, round_up((size_t)smaller(tasks, units * ITEM_MOST), local), local);
    } else {
        launch_size_1d(l, (size_t)cpu_items(profile, g), 1);
    }
}

static void fill(reduce_form form, const device_profile *profile, const reduction *r,
    const geometry *g, launch *l) {
    static const char *const kernels[] = {
        "reduce_rows", "reduce_columns", "reduce_groups", "reduce_items"};
    *l = launch_begin(r->pass->operation, r->of_slices ? "reduce" : r->pass->family, kernels[form]);
    launch_use_real64(l, r->pass->real64 ? CLEAT_F64 : CLEAT_F32);
    add_macros(r, form, profile, l);
    launch_use_index64(l, r->index64);
    add_arguments(r, g, l);
    set_size(form, profile, r, g, l);
}

/* The output of the first stage, [slices, kept] or [kept, slices] as the second likes to read it.
 */
static cleat_tensor partial_tensor(
    const cleat_tensor *output, bool real64, int64_t slices, bool slices_inner) {
    cleat_tensor partial = *output;
    int64_t stride = slices_inner ? slices : 1;
    partial.type = real64 ? CLEAT_F64 : CLEAT_F32;
    partial.buffer = NULL;
    partial.offset = 0;
    for (int32_t axis = partial.rank - 1; axis >= 0; axis--) {
        partial.stride[axis] = stride;
        stride *= partial.shape[axis];
    }
    return partial;
}

/* What reduces the results of `first`, cut into g->slices slices, in scratch memory: and turns
 * first into what leaves them there. */
static reduction split(reduction *first, const geometry *g, bool slices_inner, void *scratch) {
    const int n = first->input_count;
    const int planes = components(first->pass);
    const int64_t outputs = cleat_tensor_count(&first->kept[0]);
    reduction second = {.pass = first->pass,
        .of_slices = true,
        .parts = planes > 1 ? PARTS_IN : PARTS_NONE,
        .input_count = planes,
        .accumulate = first->accumulate,
        .root = first->root,
        .wants_second = first->wants_second,
        .index64 = first->index64,
        .divisor = first->divisor,
        .p0 = first->root == ROOT_INVERSE ? first->p0 : 1};
    cleat_tensor partial =
        partial_tensor(&first->kept[n], first->pass->real64, g->slices, slices_inner);
    const int64_t out_slice = slices_inner ? 1 : outputs;
    for (int t = 0; t < planes; t++) {
        second.kept[t] = partial;
        second.kept[t].offset = t * outputs * g->slices;
        second.memory[t] = scratch;
        second.reduced[t] = partial;
        second.reduced[t].rank = 1;
        second.reduced[t].shape[0] = g->slices;
        second.reduced[t].stride[0] = out_slice;
    }
    for (int t = 0; t < 2; t++) {
        second.kept[planes + t] = first->kept[n + t];
        second.memory[planes + t] = first->memory[n + t];
    }
    first->kept[n] = partial;
    first->memory[n] = scratch;
    first->parts = planes > 1 ? PARTS_OUT : PARTS_NONE;
    first->out_slice = out_slice;
    first->out_plane = outputs * g->slices;
    first->accumulate = first->wants_second = false;
    first->root = ROOT_NONE;
    first->divisor = 1;
    return second;
}

static cleat_status enqueue_form(
    reduce_form form, cleat_context *context, const reduce_problem *problem) {
    const device_profile *profile = context_profile(context);
    reduction first = problem->first;
    geometry g = plan_geometry(form, profile, &first, true);
    if (g.slices == 1) {
        fill(form, profile, &first, &g, &problem->launches[(*problem->count)++]);
        return CLEAT_OK;
    }
    int64_t numbers = cleat_tensor_count(&first.kept[0]) * g.slices * components(first.pass);
    TRY(scratch_acquire(context, (size_t)numbers * real_size(first.pass), problem->scratch));
    bool slices_inner = form == FORM_ROWS || form == FORM_GROUPS;
    reduction second = split(&first, &g, slices_inner, *problem->scratch);
    fill(form, profile, &first, &g, &problem->launches[(*problem->count)++]);
    g = plan_geometry(form, profile, &second, false);
    fill(form, profile, &second, &g, &problem->launches[(*problem->count)++]);
    return CLEAT_OK;
}

static cleat_status enqueue_rows(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_ROWS, context, problem);
}

static cleat_status enqueue_columns(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_COLUMNS, context, problem);
}

static cleat_status enqueue_groups(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_GROUPS, context, problem);
}

static cleat_status enqueue_items(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_ITEMS, context, problem);
}

/* All can do everything, but for the processors' long items where those are cut short; the tuning
 * table tells what suits a device and shape class. */
static bool supports_all(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

static bool items_are_short(
    reduce_form form, const device_profile *profile, const reduce_problem *problem) {
    const reduction *r = &problem->first;
    const geometry g = plan_geometry(form, profile, r, true);
    const int64_t items = cpu_items(profile, &g);
    const double elements =
        (double)cleat_tensor_count(&r->kept[0]) * (double)cleat_tensor_count(&r->reduced[0]);
    return profile_item_is_short(
        profile, elements / (double)items / (double)lanes(r->pass, profile));
}

static bool supports_rows(const device_profile *profile, const void *problem) {
    return profile->is_cpu || items_are_short(FORM_ROWS, profile, problem);
}

static bool supports_columns(const device_profile *profile, const void *problem) {
    return profile->is_cpu || items_are_short(FORM_COLUMNS, profile, problem);
}

static const variant variants[] = {
    {"rows", supports_rows, enqueue_rows},
    {"columns", supports_columns, enqueue_columns},
    {"groups", supports_all, enqueue_groups},
    {"items", supports_all, enqueue_items},
    {NULL, NULL, NULL},
};

const char *const *cleat_reduce_variants(void) {
    static const char *const names[] = {"rows", "columns", "groups", "items", NULL};
    return names;
}

/* "inner": what is reduced lies together in memory, enough of it for vectors; else "outer". */
static const char *shape_class(const reduction *r, int vector_width) {
    bool inner = inner_extent(&r->reduced[0]) >= vector_width && inner_kind(&r->reduced[0]) == 1;
    for (int t = 1; t < r->input_count; t++) {
        inner = inner && (is_place(r, t) || inner_kind(&r->reduced[t]) < 2);
    }
    return inner ? "inner" : "outer";
}

static void write_problem(const void *problem, char *text, size_t size) {
    const reduce_problem *p = problem;
    snprintf(text, size, "%s", p->first.pass->operation);
}

cleat_status reduce_plan(
    cleat_context *context, const reduce_pass *pass, launch *launches, int *count, void **scratch) {
    reduce_problem problem = {arrange(pass), launches, count, scratch};
    const variant *chosen = NULL;
    *scratch = NULL;
    TRY(require_halves(context, pass->inputs, pass->input_count));
    TRY(require_halves(context, &pass->output, 1));
    const char *class = shape_class(&problem.first, lanes(pass, context_profile(context)));
    TRY(variant_choose(
        context, "reduce", class, NULL, variants, &problem, write_problem, verify_reduce, &chosen));
    return chosen->enqueue(context, &problem);
}

cleat_status reduce_run(cleat_context *context, const reduce_pass *pass) {
    launch launches[REDUCE_MAX_LAUNCHES];
    void *scratch = NULL;
    int count = 0;
    if (cleat_tensor_count(&pass->output) == 0) {
        return CLEAT_OK;
    }
    cleat_status status = reduce_plan(context, pass, launches, &count, &scratch);
    if (status == CLEAT_OK) {
        status = launch_all(context, launches, count);
    }
    scratch_release(context, scratch);
    return status;
}
