/* SPDX-License-Identifier: Apache-2.0 */
/* MaxPool, AveragePool, LpPool, their Global kin, and MaxUnpool. */
#include "graph/channels_last.h"
#include "graph/gradient.h"
#include "graph/graph_build.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/windows.h"
#include <cleat/layout.h>
#include <cleat/pool.h>
#include <math.h>
#include <string.h>

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_LP } pool_kind;

typedef struct pool {
    pool_kind kind;
    bool is_global, count_padding;
    bool column_major; /* places of MaxPool: the first axis of space goes fastest */
    double power;
    windows windows;
    int32_t rank;
    int64_t x[CLEAT_MAX_RANK], y[CLEAT_MAX_RANK];
} pool;

static pool_kind kind_of(const call *c) {
    return strstr(c->node->type, "Max") != NULL       ? POOL_MAX
           : strstr(c->node->type, "Average") != NULL ? POOL_AVERAGE
                                                      : POOL_LP;
}

static cleat_status pool_windows(const call *c, pool *p) {
    windows *w = &p->windows;
    const bool ceil = attribute_int(c->node, "ceil_mode", 0) != 0;
    TRY(windows_read(c, p->rank, p->x, NULL, w));
    for (int i = 0; i < w->axes; i++) {
        const bool same = w->mode >= PAD_SAME_UPPER;
        TRY(windows_count(c, w, i, p->x[i + 2], ceil && !same, &p->y[i + 2]));
    }
    return CLEAT_OK;
}

static cleat_status pool_read(const call *c, pool *p) {
    const run_value *x;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    memset(p, 0, sizeof *p);
    p->kind = kind_of(c);
    p->is_global = strncmp(c->node->type, "Global", 6) == 0;
    p->count_padding = attribute_int(c->node, "count_include_pad", 0) != 0;
    p->column_major = attribute_int(c->node, "storage_order", 0) != 0;
    p->power = (double)attribute_float(c->node, "p", 2);
    p->power = (double)attribute_int(c->node, "p", (int64_t)p->power);
    p->rank = x->rank;
    memcpy(p->x, x->shape, sizeof p->x);
    p->y[0] = x->shape[0];
    p->y[1] = x->shape[1];
    if (x->rank < 3) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x is %s, expected rank 3 or more",
            shape_text(x->rank, x->shape, text));
    }
    if (p->power < 1) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "p is %g, expected 1 or more", p->power);
    }
    if (!p->is_global) {
        return pool_windows(c, p);
    }
    p->windows.axes = (int)x->rank - 2;
    for (int i = 0; i < p->windows.axes; i++) {
        p->windows.window[i] = x->shape[i + 2];
        p->windows.stride[i] = p->windows.dilation[i] = p->y[i + 2] = 1;
    }
    return CLEAT_OK;
}

/* The library lays windows as the node does, but for paddings of a whole window. */
static cleat_status pool_options(const pool *p, cleat_pool_options *options) {
    const windows *w = &p->windows;
    int64_t shape[CLEAT_MAX_RANK];
    *options = (cleat_pool_options){
        .count_padding = p->count_padding, .power = p->power, .global = p->is_global};
    if (w->axes > 3) {
        return CLEAT_UNSUPPORTED;
    }
    for (int i = 0; i < w->axes && !p->is_global; i++) {
        options->window[i] = w->window[i];
        options->stride[i] = w->stride[i];
        options->dilation[i] = w->dilation[i];
        options->padding[i] = w->before[i];
        options->padding[i + w->axes] = w->after[i];
        if (w->before[i] >= windows_span(w, i) || w->after[i] >= windows_span(w, i)) {
            return CLEAT_UNSUPPORTED;
        }
    }
    TRY(cleat_pool_shape(p->rank, p->x, options, shape));
    if (memcmp(shape, p->y, (size_t)p->rank * sizeof *shape) != 0) {
        options->ceil_mode = true;
    }
    return CLEAT_OK;
}

static cleat_status pool_device(call *c) {
    pool p;
    cleat_pool_options options;
    cleat_tensor x, y, places;
    TRY(pool_read(c, &p));
    TRY(call_same_types(c, 0, 1));
    TRY(pool_options(&p, &options));
    const bool wants_places = p.kind == POOL_MAX && call_wants(c, 1);
    if ((wants_places && p.column_major) || shape_count(p.rank, p.x) == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output_like(c, 0, &x, x.type, p.rank, p.y, &y));
    if (wants_places) {
        TRY(call_output(c, 1, CLEAT_I64, p.rank, p.y, &places));
        options.indices = &places;
    }
    switch (p.kind) {
    case POOL_MAX:
        return cleat_max_pool(c->context, x, y, &options);
    case POOL_AVERAGE:
        return cleat_average_pool(c->context, x, y, &options);
    default:
        return cleat_lp_pool(c->context, x, y, &options);
    }
}

static cleat_status pool_gradient(call *c) {
    pool p;
    cleat_pool_options options;
    cleat_tensor x, y, dy, dx;
    TRY(pool_read(c, &p));
    if (pool_options(&p, &options) != CLEAT_OK) {
        return call_refuse(c, CLEAT_UNSUPPORTED,
            "there is a gradient over up to three axes, of paddings smaller than a window");
    }
    TRY(call_tensor(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    switch (p.kind) {
    case POOL_MAX:
        return cleat_max_pool_backward(c->context, x, dy, dx, &options);
    case POOL_AVERAGE:
        return cleat_average_pool_backward(c->context, dy, dx, &options);
    default:
        TRY(gradient_result(c, &y));
        return cleat_lp_pool_backward(c->context, x, y, dy, dx, &options);
    }
}

/*
 * Behind a relu: MaxPool(relu(u)) goes back to u at once. The largest of a window is what relu let
 * through, or nothing was; so relu is undone before the pool, on as many elements as that has, and
 * what comes behind it stays mostly zeros, which Conv's gradient makes use of.
 */
static cleat_status max_pool_rule(gradient_builder *b, size_t node) {
    const gradient_entry *pool_entry = gradient_find("MaxPool"), *relu = gradient_find("Relu");
    const graph_node *n = &b->graph->nodes[node];
    const int32_t y = n->outputs[0], x = n->inputs[0], writer = b->graph->values[x].writer;
    const int32_t dy = gradient_of(b, y);
    const graph_node *before = writer >= 0 ? &b->graph->nodes[writer] : NULL;
    size_t made = 0;
    if (before == NULL || before->is_gradient || strcmp(before->type, "Relu") != 0 ||
        !gradient_wants(b, before->inputs[0])) {
        return gradient_add_node(b, node, pool_entry, NO_VALUE, dy, &made);
    }
    const int32_t u = before->inputs[0], in[3] = {NO_VALUE, y, dy};
    TRY(gradient_new_node(b, "Relu", "(gradient)", 3, in, 1, &made));
    b->graph->nodes[made].entry = &relu->node;
    b->graph->nodes[made].is_gradient = true;
    const int32_t passed = b->graph->nodes[made].outputs[0], from[3] = {x, NO_VALUE, passed};
    TRY(gradient_new_node(b, "MaxPool", "(gradient)", 3, from, 1, &made));
    graph_node *g = &b->graph->nodes[made];
    g->entry = &pool_entry->node;
    g->is_gradient = true;
    TRY(node_copy_attributes(&b->graph->nodes[node], g));
    return gradient_add(b, u, g->outputs[0]);
}

/* ---- On the host ---- */

typedef struct pooled {
    double value;
    int64_t place; /* in the plane, in the order that the node wants; -1: none */
    int64_t inside;
    double counted; /* with the padding */
} pooled;

static void take(const pool *p, double value, int64_t place, pooled *to) {
    to->inside++;
    if (p->kind == POOL_AVERAGE) {
        to->value += value;
    } else if (p->kind == POOL_LP) {
        to->value += pow(fabs(value), p->power);
    } else if (to->place < 0 || (!isnan(to->value) && (value > to->value || isnan(value)))) {
        to->value = value;
        to->place = place;
    }
}

/* One window of one channel's plane. */
static pooled pool_window(const pool *p, const double *plane, const int64_t *at) {
    const windows *w = &p->windows;
    int64_t first[WINDOW_AXES], count[WINDOW_AXES], index[WINDOW_AXES] = {0};
    pooled result = {
        .value = p->kind == POOL_MAX ? -(double)INFINITY : 0, .place = -1, .counted = 1};
    for (int i = 0; i < w->axes; i++) {
        result.counted *= (double)windows_before(w, i, at[i], p->x[i + 2] + w->after[i]);
        windows_inside(w, i, at[i], p->x[i + 2], &first[i], &count[i]);
    }
    if (shape_count(w->axes, count) == 0) {
        return result;
    }
    do {
        int64_t element = 0, column_place = 0, column_step = 1;
        for (int i = 0; i < w->axes; i++) {
            const int64_t position = windows_position(w, i, at[i], first[i] + index[i]);
            element = element * p->x[i + 2] + position;
            column_place += position * column_step;
            column_step *= p->x[i + 2];
        }
        take(p, plane[element], p->column_major ? column_place : element, &result);
    } while (index_next(w->axes, count, index));
    return result;
}

static double finish(const pool *p, const pooled *window) {
    switch (p->kind) {
    case POOL_AVERAGE: {
        const double divisor = p->count_padding ? window->counted : (double)window->inside;
        return divisor > 0 ? window->value / divisor : 0;
    }
    case POOL_LP:
        return pow(window->value, 1 / p->power);
    default:
        return window->value;
    }
}

static void pool_plane(
    const pool *p, const double *plane, int64_t first, int64_t start, array *y, array *places) {
    int64_t at[WINDOW_AXES] = {0}, i = first;
    do {
        const pooled window = pool_window(p, plane, at);
        array_set_real(y, i, finish(p, &window));
        if (places != NULL) {
            array_set_integer(places, i, window.place < 0 ? -1 : start + window.place);
        }
        i++;
    } while (index_next(p->windows.axes, p->y + 2, at));
}

static cleat_status pool_host(call *c) {
    pool p;
    const array *x;
    array *y, *places = NULL;
    double *numbers;
    TRY(pool_read(c, &p));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, p.rank, p.y, &y));
    if (p.kind == POOL_MAX && call_wants(c, 1)) {
        TRY(call_output_array(c, 1, CLEAT_I64, p.rank, p.y, &places));
    }
    const int64_t plane = shape_count(p.windows.axes, p.x + 2);
    const int64_t out_plane = shape_count(p.windows.axes, p.y + 2);
    for (int64_t i = 0; out_plane > 0 && i < p.x[0] * p.x[1]; i++) {
        pool_plane(&p, numbers + i * plane, i * out_plane, i * plane, y, places);
    }
    return CLEAT_OK;
}

/* ---- MaxUnpool ---- */

/* What the pool's input was like, and what the result is to be: larger only at the ends. */
static cleat_status unpool_shapes(call *c, int64_t *inner, int64_t *outer) {
    const run_value *x, *places;
    windows w;
    size_t count = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &places));
    TRY(windows_read_plain(c, x->rank, x->shape, NULL, &w));
    if (places->rank != x->rank ||
        memcmp(places->shape, x->shape, (size_t)x->rank * sizeof *x->shape) != 0 ||
        places->type != CLEAT_I64) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "the indices are not i64 of the shape of x");
    }
    memcpy(inner, x->shape, (size_t)x->rank * sizeof *inner);
    for (int i = 0; i < w.axes; i++) {
        if (x->shape[i + 2] > INT32_MAX) {
            return call_refuse(
                c, CLEAT_SIZE_OVERFLOW, "an extent of %lld", (long long)x->shape[i + 2]);
        }
        inner[i + 2] = (x->shape[i + 2] - 1) * w.stride[i] + w.window[i] - w.before[i] - w.after[i];
        if (inner[i + 2] < 0) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "the padding leaves nothing");
        }
    }
    memcpy(outer, inner, (size_t)x->rank * sizeof *inner);
    if (call_has(c, 2)) {
        TRY(call_integers(c, 2, outer, CLEAT_MAX_RANK, &count));
        bool fits = count == (size_t)x->rank && outer[0] == inner[0] && outer[1] == inner[1];
        for (int i = 0; fits && i < w.axes; i++) {
            fits = outer[i + 2] >= inner[i + 2];
        }
        if (!fits) {
            return call_refuse(
                c, CLEAT_SHAPE_MISMATCH, "output_shape is smaller than what was pooled");
        }
    }
    return CLEAT_OK;
}

static cleat_status unpool_device(call *c) {
    int64_t inner[CLEAT_MAX_RANK], outer[CLEAT_MAX_RANK];
    cleat_tensor x, places, y, whole;
    TRY(unpool_shapes(c, inner, outer));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &places));
    if ((x.type != CLEAT_F32 && x.type != CLEAT_F64) || x.rank > 5) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, x.type, x.rank, outer, &y));
    if (memcmp(inner, outer, (size_t)x.rank * sizeof *inner) == 0) {
        return cleat_max_unpool(c->context, x, places, y, NULL);
    }
    TRY(call_scratch(c, x.type, x.rank, inner, &whole));
    TRY(cleat_max_unpool(c->context, x, places, whole, NULL));
    int64_t before[CLEAT_MAX_RANK] = {0}, after[CLEAT_MAX_RANK] = {0};
    for (int32_t i = 0; i < x.rank; i++) {
        after[i] = outer[i] - inner[i];
    }
    return cleat_pad(c->context, whole, before, after, y, NULL);
}

static cleat_status unpool_host(call *c) {
    int64_t inner[CLEAT_MAX_RANK], outer[CLEAT_MAX_RANK], stride[CLEAT_MAX_RANK];
    const array *x, *places;
    array *y;
    TRY(unpool_shapes(c, inner, outer));
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 1, &places));
    TRY(call_output_array(c, 0, x->type, x->rank, outer, &y));
    memset(y->elements, 0, array_size(y));
    row_major_strides(x->rank, outer, stride);
    const int64_t count = shape_count(x->rank, inner);
    const int64_t of_inner = shape_count(x->rank - 2, inner + 2);
    const int64_t of_x = shape_count(x->rank - 2, x->shape + 2);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t place = array_integer(places, i), at = 0;
        if (place < 0 || place >= count || place / of_inner != i / of_x) {
            continue;
        }
        for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
            at += place % inner[axis] * stride[axis];
            place /= inner[axis];
        }
        array_set_real(y, at, array_real(x, i));
    }
    return CLEAT_OK;
}

const operator_entry operators_pool[] = {
    {"MaxPool", pool_host, pool_device, 1, 1, false},
    {"AveragePool", pool_host, pool_device, 1, 1, false},
    {"LpPool", pool_host, pool_device, 1, 1, false},
    {"GlobalMaxPool", pool_host, pool_device, 1, 1, false},
    {"GlobalAveragePool", pool_host, pool_device, 1, 1, false},
    {"GlobalLpPool", pool_host, pool_device, 1, 1, false},
    {"MaxUnpool", unpool_host, unpool_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_pool[] = {
    {GRADIENT_NODE("MaxPool", pool_gradient), 1, 1, max_pool_rule},
    {GRADIENT_NODE("AveragePool", pool_gradient), 1, 1, NULL},
    {GRADIENT_NODE("GlobalMaxPool", pool_gradient), 1, 1, NULL},
    {GRADIENT_NODE("GlobalAveragePool", pool_gradient), 1, 1, NULL},
    {GRADIENT_NODE("LpPool", pool_gradient), 1, 1 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("GlobalLpPool", pool_gradient), 1, 1 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
