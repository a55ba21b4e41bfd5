/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that are views of the device's elements, and copies of the host's: Transpose, Expand,
 * Slice, Split. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/graph_build.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/compare.h>
#include <cleat/layout.h>
#include <string.h>

enum { LARGE = 65536 };

/* ---- Transpose ---- */

static cleat_status transpose_axes(const call *c, int32_t *axes) {
    const run_value *x;
    bool chosen[CLEAT_MAX_RANK];
    size_t count = 0;
    TRY(call_input(c, 0, &x));
    const int64_t *given = attribute_ints(c->node, "perm", &count);
    if (given != NULL && count != (size_t)x->rank) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "perm names %zu axes, x has %d", count, x->rank);
    }
    TRY(call_axes(c, count, given, x->rank, chosen));
    for (int32_t i = 0; i < x->rank; i++) {
        axes[i] = x->rank - 1 - i;
        if (given != NULL) {
            TRY(call_axis(c, given[i], x->rank, &axes[i]));
        }
    }
    return CLEAT_OK;
}

static cleat_status transpose_host(call *c) {
    const array *x;
    array *y;
    int32_t axes[CLEAT_MAX_RANK];
    int64_t steps[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK];
    int64_t *offsets[CLEAT_MAX_RANK];
    TRY(transpose_axes(c, axes));
    TRY(call_array(c, 0, &x));
    row_major_strides(x->rank, x->shape, steps);
    for (int32_t i = 0; i < x->rank; i++) {
        shape[i] = x->shape[axes[i]];
        TRY(pick_line(c, shape[i], 0, steps[axes[i]], &offsets[i]));
    }
    TRY(call_output_array(c, 0, x->type, x->rank, shape, &y));
    pick(x, x->rank, shape, offsets, y);
    return CLEAT_OK;
}

static cleat_status transpose_device(call *c) {
    cleat_tensor x, y;
    int32_t axes[CLEAT_MAX_RANK];
    TRY(transpose_axes(c, axes));
    TRY(call_tensor(c, 0, &x));
    TRY(cleat_permute(x, axes, &y));
    return call_output_view(c, 0, 0, y);
}

/* ---- Expand ---- */

static cleat_status expand_shape(call *c, int32_t *rank, int64_t *shape) {
    const run_value *x;
    int64_t wanted[CLEAT_MAX_RANK];
    size_t count = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_integers(c, 1, wanted, CLEAT_MAX_RANK, &count));
    for (size_t i = 0; i < count; i++) {
        if (wanted[i] < 0) {
            return call_refuse(
                c, CLEAT_INVALID_ARGUMENT, "an extent of %lld is wanted", (long long)wanted[i]);
        }
    }
    return call_broadcast(c, 2, (const int32_t[]){x->rank, (int32_t)count},
        (const int64_t *const[]){x->shape, wanted}, rank, shape);
}

static cleat_status expand_host(call *c) {
    const array *x;
    array *y;
    int32_t rank = 0;
    int64_t steps[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK];
    int64_t *offsets[CLEAT_MAX_RANK];
    TRY(expand_shape(c, &rank, shape));
    TRY(call_array(c, 0, &x));
    if (shape_count(rank, shape) > LARGE &&
        x->type != CLEAT_TEXT) { /* on the device no element is copied */
        return CLEAT_UNSUPPORTED;
    }
    row_major_strides(x->rank, x->shape, steps);
    for (int32_t i = 0; i < rank; i++) {
        const int32_t k = i - (rank - x->rank);
        TRY(pick_line(c, shape[i], 0, k < 0 || x->shape[k] == 1 ? 0 : steps[k], &offsets[i]));
    }
    TRY(call_output_array(c, 0, x->type, rank, shape, &y));
    pick(x, rank, shape, offsets, y);
    return CLEAT_OK;
}

static cleat_status expand_device(call *c) {
    cleat_tensor x, y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(expand_shape(c, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    TRY(cleat_broadcast(x, rank, shape, &y));
    return call_output_view(c, 0, 0, y);
}

/* ---- Slice ---- */

typedef struct slice {
    int64_t start[CLEAT_MAX_RANK], step[CLEAT_MAX_RANK], count[CLEAT_MAX_RANK];
} slice;

static int64_t limited(int64_t at, int64_t low, int64_t high) {
    return at < low ? low : at > high ? high : at;
}

/* Where start .. end lies within an extent: numbers below 0 count from the end, those outside are
 * brought in. */
static void slice_axis(slice *s, int32_t axis, int64_t extent, int64_t start, int64_t end) {
    const int64_t step = s->step[axis];
    start = start < 0 ? start + extent : start;
    end = end < 0 ? end + extent : end;
    if (step > 0) {
        start = limited(start, 0, extent);
        end = limited(end, 0, extent);
        s->count[axis] = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = limited(start, 0, extent - 1);
        end = limited(end, -1, extent - 1);
        s->count[axis] = start > end ? (end - start + 1) / step + 1 : 0;
    }
    s->count[axis] = extent > 0 ? s->count[axis] : 0;
    s->start[axis] = s->count[axis] > 0 ? start : 0;
}

static cleat_status slice_find(call *c, slice *s) {
    const run_value *x;
    int64_t starts[CLEAT_MAX_RANK], ends[CLEAT_MAX_RANK], axes[CLEAT_MAX_RANK],
        steps[CLEAT_MAX_RANK];
    size_t start_count = 0, end_count = 0, axis_count = 0, step_count = 0;
    bool chosen[CLEAT_MAX_RANK];
    TRY(call_input(c, 0, &x));
    TRY(call_integers_or_attribute(c, 1, "starts", starts, CLEAT_MAX_RANK, &start_count));
    TRY(call_integers_or_attribute(c, 2, "ends", ends, CLEAT_MAX_RANK, &end_count));
    TRY(call_integers_or_attribute(c, 3, "axes", axes, CLEAT_MAX_RANK, &axis_count));
    TRY(call_integers_or_attribute(c, 4, "steps", steps, CLEAT_MAX_RANK, &step_count));
    for (size_t i = 0; axis_count == 0 && i < start_count; i++) {
        axes[i] = (int64_t)i;
    }
    axis_count = axis_count == 0 ? start_count : axis_count;
    if (end_count != start_count || axis_count != start_count ||
        (step_count != 0 && step_count != start_count)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu starts, %zu ends, %zu axes, %zu steps",
            start_count, end_count, axis_count, step_count);
    }
    TRY(call_axes(c, axis_count, axes, x->rank, chosen));
    for (int32_t i = 0; i < x->rank; i++) {
        s->start[i] = 0;
        s->step[i] = 1;
        s->count[i] = x->shape[i];
    }
    for (size_t i = 0; i < start_count; i++) {
        const int32_t axis = (int32_t)(axes[i] < 0 ? axes[i] + x->rank : axes[i]);
        const int64_t step = step_count > 0 ? steps[i] : 1;
        if (step == 0) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "the step of axis %d is 0", axis);
        }
        s->step[axis] = limited(step, -INT64_MAX, INT64_MAX);
        slice_axis(s, axis, x->shape[axis], starts[i], ends[i]);
        s->step[axis] = s->count[axis] > 1 ? s->step[axis] : 1; /* however long it was */
    }
    return CLEAT_OK;
}

static cleat_status slice_host(call *c) {
    const array *x;
    array *y;
    slice s;
    int64_t steps[CLEAT_MAX_RANK];
    int64_t *offsets[CLEAT_MAX_RANK];
    TRY(slice_find(c, &s));
    TRY(call_array(c, 0, &x));
    row_major_strides(x->rank, x->shape, steps);
    for (int32_t i = 0; i < x->rank; i++) {
        TRY(pick_line(c, s.count[i], s.start[i] * steps[i], s.step[i] * steps[i], &offsets[i]));
    }
    TRY(call_output_array(c, 0, x->type, x->rank, s.count, &y));
    pick(x, x->rank, s.count, offsets, y);
    return CLEAT_OK;
}

static cleat_status slice_device(call *c) {
    cleat_tensor x;
    slice s;
    TRY(slice_find(c, &s));
    TRY(call_tensor(c, 0, &x));
    for (int32_t i = 0; i < x.rank; i++) {
        TRY(cleat_slice(x, i, s.start[i], s.count[i], s.step[i], &x));
    }
    return call_output_view(c, 0, 0, x);
}

/* ---- Split ---- */

/* The parts' extents; `sizes` has one for each output. */
static cleat_status split_sizes(call *c, int32_t *axis, int64_t *sizes) {
    const run_value *x;
    size_t count = 0;
    int64_t sum = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_axis_attribute(c, "axis", 0, x->rank, axis));
    const int64_t extent = x->shape[*axis], outputs = (int64_t)c->output_count;
    if (outputs == 0) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "there is no output");
    }
    TRY(call_integers_or_attribute(c, 1, "split", sizes, c->output_count, &count));
    if (count == 0) {
        const int64_t part = (extent + outputs - 1) / outputs;
        for (int64_t i = 0; i < outputs; i++, count++) {
            sizes[i] = limited(extent - i * part, 0, part);
        }
    }
    bool fits = count == c->output_count;
    for (size_t i = 0; i < count; i++) {
        fits = fits && sizes[i] >= 0 && checked_add(sum, sizes[i], &sum);
    }
    if (!fits || sum != extent) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "%zu parts of %lld elements in sum for %lld outputs, axis %d has %lld", count,
            (long long)sum, (long long)outputs, *axis, (long long)extent);
    }
    return CLEAT_OK;
}

static cleat_status split_memory(call *c, int64_t **sizes) {
    void *memory;
    TRY(call_memory(c, (int64_t)c->output_count + 1, sizeof **sizes, &memory));
    *sizes = memory;
    return CLEAT_OK;
}

static cleat_status split_host(call *c) {
    const array *x;
    int32_t axis = 0;
    int64_t *sizes, start = 0, shape[CLEAT_MAX_RANK];
    TRY(split_memory(c, &sizes));
    TRY(split_sizes(c, &axis, sizes));
    TRY(call_array(c, 0, &x));
    const int64_t inner = shape_count(x->rank - axis - 1, x->shape + axis + 1);
    const int64_t outer = shape_count(axis, x->shape);
    memcpy(shape, x->shape, sizeof shape);
    for (size_t i = 0; i < c->output_count; i++) {
        array *y;
        shape[axis] = sizes[i];
        TRY(call_output_array(c, i, x->type, x->rank, shape, &y));
        const int64_t block = sizes[i] * inner;
        for (int64_t k = 0; k < outer; k++) {
            array_move(x, k * x->shape[axis] * inner + start * inner, y, k * block, block);
        }
        start += sizes[i];
    }
    return CLEAT_OK;
}

static cleat_status split_device(call *c) {
    cleat_tensor x, y;
    int32_t axis = 0;
    int64_t *sizes, start = 0;
    TRY(split_memory(c, &sizes));
    TRY(split_sizes(c, &axis, sizes));
    TRY(call_tensor(c, 0, &x));
    for (size_t i = 0; i < c->output_count; i++) {
        TRY(cleat_slice(x, axis, start, sizes[i], 1, &y));
        TRY(call_output_view(c, i, 0, y));
        start += sizes[i];
    }
    return CLEAT_OK;
}

/* ---- Gradients ---- */

static cleat_status transpose_gradient(call *c) {
    cleat_tensor dy, dx;
    int32_t axes[CLEAT_MAX_RANK], back[CLEAT_MAX_RANK];
    TRY(transpose_axes(c, axes));
    TRY(gradient_tensor(c, &dy));
    for (int32_t i = 0; i < dy.rank; i++) {
        back[axes[i]] = i;
    }
    TRY(cleat_permute(dy, back, &dx));
    return call_output_view(c, 0, gradient_place(c), dx);
}

static cleat_status expand_gradient(call *c) {
    return gradient_pass_on(c, 0);
}

static cleat_status slice_gradient(call *c) {
    cleat_tensor dy, dx;
    slice s;
    TRY(slice_find(c, &s));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    TRY(cleat_fill(c->context, 0, dx));
    for (int32_t i = 0; i < dx.rank; i++) {
        TRY(cleat_slice(dx, i, s.start[i], s.count[i], s.step[i], &dx));
    }
    return cleat_copy(c->context, dy, dx);
}

/* Parts of which there is no gradient are zeros. */
static cleat_status split_gradient(call *c) {
    const run_value *x;
    cleat_tensor dx, part, dy;
    int32_t axis = 0;
    int64_t start = 0;
    TRY(call_input(c, 0, &x));
    TRY(gradient_output(c, 0, &dx));
    TRY(call_axis_attribute(c, "axis", 0, x->rank, &axis));
    for (size_t i = 2; i < c->input_count; i++) {
        TRY(call_tensor(c, i, &dy));
        if (axis >= dy.rank) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "a part of rank %d", (int)dy.rank);
        }
        TRY(cleat_slice(dx, axis, start, dy.shape[axis], 1, &part));
        TRY(cleat_copy(c->context, dy, part));
        start += dy.shape[axis];
    }
    return CLEAT_OK;
}

static const gradient_entry split_entry = {GRADIENT_NODE("Split", split_gradient), 1, 1, NULL};

/* Zeros times a part, which has no gradient of its own. */
static cleat_status split_zeros(call *c) {
    const run_value *x;
    cleat_tensor y;
    TRY(call_input(c, 0, &x));
    TRY(call_output(c, 0, x->type, x->rank, x->shape, &y));
    return cleat_fill(c->context, 0, y);
}

static const operator_entry zeros_entry = {"(zeros)", NULL, split_zeros, 1, 1, false};

/* The node's inputs: x, none, and the gradient of each part. */
static cleat_status split_rule(gradient_builder *b, size_t node) {
    const size_t parts = b->graph->nodes[node].output_count;
    int32_t *inputs = memory_allocate_zeroed(parts + 2, sizeof *inputs);
    REFUSE_IF(inputs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
    cleat_status status = CLEAT_OK;
    size_t made = 0;
    inputs[0] = b->graph->nodes[node].inputs[0];
    inputs[1] = NO_VALUE;
    for (size_t i = 0; i < parts && status == CLEAT_OK; i++) {
        const int32_t part = b->graph->nodes[node].outputs[i];
        inputs[i + 2] = gradient_of(b, part);
        if (inputs[i + 2] == NO_VALUE) {
            status = gradient_new_node(b, "(zeros)", "", 1, &part, 1, &made);
            if (status == CLEAT_OK) {
                b->graph->nodes[made].entry = &zeros_entry;
                b->graph->nodes[made].is_gradient = true;
                inputs[i + 2] = b->graph->nodes[made].outputs[0];
            }
        }
    }
    if (status == CLEAT_OK) {
        status = gradient_new_node(b, "Split", "(gradient)", parts + 2, inputs, 1, &made);
    }
    memory_free(inputs);
    TRY(status);
    graph_node *g = &b->graph->nodes[made];
    g->entry = &split_entry.node;
    g->is_gradient = true;
    TRY(node_copy_attributes(&b->graph->nodes[node], g));
    return gradient_add(b, b->graph->nodes[node].inputs[0], g->outputs[0]);
}

const operator_entry operators_views[] = {
    {"Transpose", transpose_host, transpose_device, 1, 1, false},
    {"Expand", expand_host, expand_device, 2, 2, false},
    {"Slice", slice_host, slice_device, 1, 5, false},
    {"Split", split_host, split_device, 1, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_views[] = {
    {GRADIENT_NODE("Transpose", transpose_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Expand", expand_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Slice", slice_gradient), 1, 31, NULL},
    {GRADIENT_NODE("Split", split_gradient), 1, 1, split_rule},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
