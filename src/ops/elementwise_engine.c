/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/elementwise_engine.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/types.h"
#include "ops/verify.h"
#include <stdio.h>

enum {
    CHUNKED_BLOCK = 4096,     /* elements of a unit on processors: 16 KiB a tensor */
    CHUNKED_LEAST = 2048,     /* elements that are worth a work-group */
    CHUNKED_GROUPS = 8,       /* work-groups a thread, so that the schedule balances */
    LONG_ROW = 512,           /* elements beside which the end of a row does not count */
    WIDEST = 16,              /* elements of a vector in OpenCL C */
    APART_LEAST = 1024,       /* elements of a row that are worth asking for the next one */
    TURNED_ROWS = 64,         /* of a block: four lines of memory of a turned input */
    TURNED_COLUMNS = 512,     /* at most: 32 lines of the output; each row is another page */
    TURNED_PITCH = 528,       /* of a turned block: the columns and a line */
    TURNED_LEAST = 16,        /* rows and columns that are worth it */
    TURNED_GROUPS = 4,        /* work-groups a thread at least, where columns are left to share */
    INTERLEAVED_LOCAL = 128,  /* work-items of a group on GPUs */
    INTERLEAVED_ITEMS = 16384 /* work-items a compute unit at most; beyond, they loop */
};

static int64_t magnitude(int64_t value) {
    return value < 0 ? -value : value;
}

static void reverse_axis(cleat_tensor *x, int32_t axis) {
    x->offset += (x->shape[axis] - 1) * x->stride[axis];
    x->stride[axis] = -x->stride[axis];
}

static void swap_axes(cleat_tensor *x, int32_t i, int32_t j) {
    int64_t shape = x->shape[i];
    int64_t stride = x->stride[i];
    x->shape[i] = x->shape[j];
    x->stride[i] = x->stride[j];
    x->shape[j] = shape;
    x->stride[j] = stride;
}

void tensors_arrange(cleat_tensor *tensors, int count, int leader) {
    cleat_tensor *lead = &tensors[leader];
    if (cleat_tensor_count(lead) > 0) {
        for (int32_t axis = 0; axis < lead->rank; axis++) {
            /* The stride of one element may be any number, also one without a negative. */
            bool reversed = lead->stride[axis] < 0 && lead->shape[axis] > 1;
            for (int t = 0; reversed && t < count; t++) {
                reverse_axis(&tensors[t], axis);
            }
        }
        for (int32_t end = 1; end < lead->rank; end++) {
            for (int32_t axis = end; axis > 0 && lead->stride[axis - 1] < lead->stride[axis];
                 axis--) {
                for (int t = 0; t < count; t++) {
                    swap_axes(&tensors[t], axis - 1, axis);
                }
            }
        }
    }
    tensors_collapse(tensors, count);
}

int engine_vector_width(const device_profile *profile) {
    return profile->is_cpu ? profile->float_width : 4;
}

int engine_row_width(const device_profile *profile, int64_t row) {
    const int width = engine_vector_width(profile);
    const bool fits = row % (2 * width) < width || row >= LONG_ROW;
    return profile->is_cpu && width < WIDEST && row >= 2 * width && fits ? 2 * width : width;
}

double tensor_bytes(const cleat_tensor *x) {
    double bytes = (double)cleat_type_size(x->type);
    for (int32_t axis = 0; axis < x->rank; axis++) {
        bytes *= x->stride[axis] == 0 ? 1.0 : (double)x->shape[axis];
    }
    return bytes;
}

/* What a variant is asked: the pass with its tensors arranged, and where the launch goes. */
typedef struct arranged_pass {
    elementwise_pass pass;
    launch *result;
} arranged_pass;

static int tensor_count(const elementwise_pass *pass) {
    return pass->input_count + (pass->output_count > 1 ? pass->output_count : 1);
}

/* 0, 1 or 2: the macro in0_inner and its kind. */
static int inner_kind(const cleat_tensor *x) {
    int64_t stride = x->stride[x->rank - 1];
    return magnitude(stride) > 1 || stride < 0 ? 2 : (int)stride;
}

/* Neighbours along the last axis but one, and not along the last. */
static bool is_turned(const cleat_tensor *x) {
    return x->type == CLEAT_F32 && x->rank > 1 && inner_kind(x) == 2 && x->stride[x->rank - 2] == 1;
}

static bool needs_index64(const elementwise_pass *pass) {
    bool needed = cleat_tensor_count(&pass->tensors[0]) > INT32_MAX / 2;
    for (int t = 0; t < tensor_count(pass); t++) {
        needed = needed || tensor_needs_index64(&pass->tensors[t]);
    }
    return needed;
}

/* Whether rows of an input, long ones, do not follow each other, as halves of longer ones: then the
 * processor does not guess where the next one is. */
static bool rows_lie_apart(const elementwise_pass *pass) {
    bool apart = false;
    for (int t = 0; t < pass->input_count; t++) {
        const cleat_tensor *x = &pass->tensors[t];
        apart =
            apart || (x->rank > 1 && inner_kind(x) == 1 && x->shape[x->rank - 1] >= APART_LEAST &&
                         magnitude(x->stride[x->rank - 2]) > x->shape[x->rank - 1]);
    }
    return apart;
}

/* How a variant goes through the elements. */
typedef enum pass_order { ORDER_INTERLEAVED, ORDER_CHUNKED, ORDER_TURNED } pass_order;

static void add_macros(
    const elementwise_pass *pass, int vector_width, pass_order order, launch *l) {
    static const char *const inner[] = {
        "in0_inner", "in1_inner", "in2_inner", "in3_inner", "in4_inner", "in5_inner", "in6_inner"};
    static const char *const types[] = {
        "in0_type", "in1_type", "in2_type", "in3_type", "in4_type", "in5_type", "in6_type"};
    launch_macro(l, "INPUTS", pass->input_count);
    if (pass->output_count > 1) {
        launch_macro(l, "OUTPUTS", pass->output_count);
    }
    launch_macro(l, "PARAMETERS", pass->parameter_count);
    launch_macro(l, "RANK", pass->tensors[0].rank);
    launch_macro(l, "VECTOR_WIDTH", vector_width);
    launch_macro(l, "CHUNKED", order == ORDER_CHUNKED);
    launch_macro(l, "TURNED", order == ORDER_TURNED);
    if (order == ORDER_CHUNKED && rows_lie_apart(pass)) {
        launch_macro(l, "ROWS_APART", 1);
    }
    if (order == ORDER_TURNED) {
        launch_macro(l, "BLOCK_ROWS", TURNED_ROWS);
        launch_macro(l, "TURNED_PITCH", TURNED_PITCH);
        launch_macro(l, "TURNED_LANES", vector_width < 16 ? 8 : 16);
    }
    for (int t = 0; t < tensor_count(pass); t++) {
        const char *name = t < pass->input_count    ? inner[t]
                           : t == pass->input_count ? "out0_inner"
                                                    : "out1_inner";
        bool turned =
            order == ORDER_TURNED && t < pass->input_count && is_turned(&pass->tensors[t]);
        launch_macro(l, name, turned ? 3 : inner_kind(&pass->tensors[t]));
        const char *type = t < pass->input_count    ? types[t]
                           : t == pass->input_count ? "out0_type"
                                                    : "out1_type";
        if (pass->tensors[t].type != CLEAT_F32 && !pass->real64) {
            launch_macro(l, type, (int64_t)pass->tensors[t].type);
        }
    }
    for (int i = 0; i < pass->macro_count; i++) {
        const kernel_macro *macro = &pass->macros[i];
        if (macro->text != NULL) {
            launch_macro_text(l, macro->name, macro->text);
        } else {
            launch_macro(l, macro->name, macro->value);
        }
    }
}

/* What the kernel's first numbers mean differs by the order: see cl/elementwise_engine.cl. */
typedef struct pass_units {
    int64_t units, row_units, block;
} pass_units;

/* Whether the output leaves the caches before somebody can read it; one that is written where an
 * input is read has its lines there anyway. */
static bool is_past_caches(const device_profile *profile, const elementwise_pass *pass) {
    double bytes = 0;
    bool in_place = false;
    for (int t = 0; t < tensor_count(pass); t++) {
        bytes += tensor_bytes(&pass->tensors[t]);
        for (int y = pass->input_count; t < pass->input_count && y < tensor_count(pass); y++) {
            in_place = in_place || (pass->memory[t] == NULL &&
                                       pass->tensors[t].buffer == pass->tensors[y].buffer);
        }
    }
    return !in_place && profile_is_past_caches(profile, bytes);
}

static void add_tensors(const elementwise_pass *pass, launch *l) {
    for (int t = 0; t < tensor_count(pass); t++) {
        if (pass->memory[t] != NULL) {
            launch_memory(l, pass->memory[t]);
        } else {
            launch_tensor(l, &pass->tensors[t]);
        }
        l->bytes += tensor_bytes(&pass->tensors[t]);
    }
}

/* Whether vectors of neighbours begin at multiples of their width, if the memory does. */
static bool vectors_are_whole(const elementwise_pass *pass, int vector_width) {
    bool whole = true;
    for (int t = 0; t < tensor_count(pass); t++) {
        const cleat_tensor *x = &pass->tensors[t];
        if (inner_kind(x) == 1) {
            whole = whole && x->offset % vector_width == 0;
            for (int32_t axis = 0; axis < x->rank - 1; axis++) {
                whole = whole && x->stride[axis] % vector_width == 0;
            }
        }
    }
    return whole;
}

/* PASS_LIST of cl/elementwise_engine.cl */
static void add_numbers(
    const elementwise_pass *pass, const pass_units *units, bool stream, bool whole, launch *l) {
    int32_t rank = pass->tensors[0].rank;
    launch_numbers_begin(l);
    launch_index(l, units->units);
    launch_index(l, units->row_units);
    launch_index(l, units->block);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, pass->tensors[0].shape[axis]);
    }
    for (int t = 0; t < tensor_count(pass); t++) {
        launch_index(l, pass->tensors[t].offset);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, pass->tensors[t].stride[axis]);
        }
    }
    launch_int(l, stream);
    launch_int(l, whole);
    for (int i = 0; i < pass->parameter_count; i++) {
        launch_real(l, pass->parameters[i]);
    }
    launch_numbers_end(l);
}

static void fill(const device_profile *profile, const arranged_pass *problem, int vector_width,
    const pass_units *units, pass_order order) {
    const elementwise_pass *pass = &problem->pass;
    launch *l = problem->result;
    *l = launch_begin(pass->operation, pass->family, "elementwise");
    launch_use_real64(l, pass->real64 ? CLEAT_F64 : CLEAT_F32);
    add_macros(pass, vector_width, order, l);
    launch_use_index64(l, needs_index64(pass));
    add_tensors(pass, l);
    add_numbers(pass, units, order != ORDER_INTERLEAVED && is_past_caches(profile, pass),
        vectors_are_whole(pass, vector_width), l);
    l->flop = (double)cleat_tensor_count(&pass->tensors[0]);
}

static pass_units units_of(const cleat_tensor *x, int64_t block) {
    int64_t inner = x->shape[x->rank - 1];
    int64_t row_units = ceil_div(inner, block);
    int64_t rows = inner == 0 ? 0 : cleat_tensor_count(x) / inner;
    return (pass_units){rows * row_units, row_units, block};
}

static bool supports_all(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

static cleat_status chunked_enqueue(cleat_context *context, const void *data) {
    const arranged_pass *problem = data;
    const device_profile *profile = context_profile(context);
    pass_units units = units_of(&problem->pass.tensors[0], CHUNKED_BLOCK);
    const cleat_tensor *x = &problem->pass.tensors[0];
    const int width = engine_row_width(profile, x->shape[x->rank - 1]);
    fill(profile, problem, problem->pass.real64 ? width / 2 : width, &units, ORDER_CHUNKED);
    int64_t count = cleat_tensor_count(&problem->pass.tensors[0]);
    int64_t groups = (int64_t)profile->compute_units * CHUNKED_GROUPS;
    int64_t worth = ceil_div(count, CHUNKED_LEAST);
    groups = groups < worth ? groups : worth;
    groups = groups < units.units ? groups : units.units;
    launch_size_1d(problem->result, (size_t)groups, 1);
    return CLEAT_OK;
}

static cleat_status interleaved_enqueue(cleat_context *context, const void *data) {
    const arranged_pass *problem = data;
    const device_profile *profile = context_profile(context);
    int width = 4;
    for (int t = 0; t < tensor_count(&problem->pass); t++) {
        width = inner_kind(&problem->pass.tensors[t]) == 2 ? 1 : width;
    }
    const cleat_tensor *x = &problem->pass.tensors[0];
    width = x->shape[x->rank - 1] < width ? 1 : width;
    pass_units units = units_of(x, width);
    fill(profile, problem, width, &units, ORDER_INTERLEAVED);
    size_t local = INTERLEAVED_LOCAL;
    local = local < profile->max_work_group_size ? local : profile->max_work_group_size;
    size_t most = (size_t)profile->compute_units * INTERLEAVED_ITEMS;
    size_t items = (size_t)units.units < most ? (size_t)units.units : most;
    launch_size_1d(problem->result, round_up(items, local), local);
    return CLEAT_OK;
}

/* An axis, not the last, along which an input of f32 has neighbours that it has not along the last;
 * -1: none. */
static int32_t turned_axis(const elementwise_pass *pass) {
    for (int t = 0; t < pass->input_count; t++) {
        const cleat_tensor *x = &pass->tensors[t];
        bool turns = x->type == CLEAT_F32 && inner_kind(x) == 2;
        for (int32_t axis = 0; axis < x->rank - 1 && turns; axis++) {
            if (x->stride[axis] == 1 && x->shape[axis] >= TURNED_LEAST) {
                return axis;
            }
        }
    }
    return -1;
}

static bool turned_supports(const device_profile *profile, const void *data) {
    const arranged_pass *problem = data;
    const cleat_tensor *y = &problem->pass.tensors[problem->pass.input_count];
    return profile->is_cpu && y->rank > 1 && y->shape[y->rank - 1] >= TURNED_LEAST &&
           y->stride[y->rank - 1] == 1 && turned_axis(&problem->pass) >= 0;
}

static cleat_status turned_enqueue(cleat_context *context, const void *data) {
    arranged_pass problem = *(const arranged_pass *)data;
    elementwise_pass *pass = &problem.pass;
    const device_profile *profile = context_profile(context);
    int32_t axis = turned_axis(pass);
    for (int t = 0; t < tensor_count(pass); t++) {
        swap_axes(&pass->tensors[t], axis, pass->tensors[t].rank - 2);
    }
    const cleat_tensor *y = &pass->tensors[pass->input_count];
    int64_t rows = y->shape[y->rank - 2];
    int64_t columns = y->shape[y->rank - 1];
    int64_t row_blocks = ceil_div(rows, TURNED_ROWS);
    int64_t stripes = cleat_tensor_count(y) / rows / columns * row_blocks;
    int64_t block = piece_width(columns, stripes, TURNED_COLUMNS, 4 * TURNED_LEAST,
        (int64_t)profile->compute_units * TURNED_GROUPS);
    pass_units units = {stripes * ceil_div(columns, block), row_blocks, block};
    fill(profile, &problem, engine_vector_width(profile), &units, ORDER_TURNED);
    launch_size_1d(problem.result, (size_t)units.units, 1);
    return CLEAT_OK;
}

static const variant variants[] = {
    {"turned", turned_supports, turned_enqueue},
    {"chunked", supports_all, chunked_enqueue},
    {"interleaved", supports_all, interleaved_enqueue},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const arranged_pass *p = problem;
    snprintf(text, size, "%s", p->pass.operation);
}

cleat_status elementwise_plan(cleat_context *context, const elementwise_pass *pass, launch *l) {
    arranged_pass problem = {*pass, l};
    const variant *chosen = NULL;
    tensors_arrange(problem.pass.tensors, tensor_count(pass), pass->input_count);
    TRY(require_halves(context, pass->tensors, tensor_count(pass)));
    TRY(variant_choose(context, "elementwise", NULL, NULL, variants, &problem, write_problem,
        verify_elementwise, &chosen));
    return chosen->enqueue(context, &problem);
}

cleat_status elementwise_run(cleat_context *context, const elementwise_pass *pass) {
    launch l;
    if (cleat_tensor_count(&pass->tensors[pass->input_count]) == 0) {
        return CLEAT_OK;
    }
    TRY(elementwise_plan(context, pass, &l));
    return launch_all(context, &l, 1);
}
