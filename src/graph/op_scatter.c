/* SPDX-License-Identifier: Apache-2.0 */
/* Scatter, ScatterElements, ScatterND. Of equal indices the last one wins. */
#include "core/tensor_check.h"
#include "graph/binary.h"
#include "graph/call_shapes.h"
#include "graph/index_lists.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/index.h>
#include <cleat/layout.h>
#include <string.h>

/* ---- What is written where ---- */

typedef struct scatter {
    row_list list;
    const binary *reduction; /* NULL: none */
} scatter;

static cleat_status find_reduction(const call *c, const binary **reduction) {
    static const char *const names[][2] = {
        {"add", "Add"}, {"mul", "Mul"}, {"max", "Max"}, {"min", "Min"}};
    const char *name = attribute_text(c->node, "reduction", "none");
    *reduction = NULL;
    if (strcmp(name, "none") == 0) {
        return CLEAT_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i][0]) == 0) {
            *reduction = binary_named(names[i][1]);
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_UNSUPPORTED, "there is no reduction %s", name);
}

static cleat_status check_updates(const call *c, int32_t rank, const int64_t *shape) {
    const run_value *updates = c->inputs[2];
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    if (updates->rank != rank || memcmp(updates->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "updates are %s, expected %s",
            shape_text(updates->rank, updates->shape, text), shape_text(rank, shape, wanted));
    }
    return CLEAT_OK;
}

static cleat_status find_tuples(call *c, scatter *s) {
    const run_value *x = c->inputs[0], *indices = c->inputs[1];
    int64_t shape[2 * CLEAT_MAX_RANK];
    TRY(rows_of_tuples(c, x, 1, 0, &s->list));
    const int32_t length = (int32_t)indices->shape[indices->rank - 1];
    int32_t rank = 0;
    for (int32_t i = 0; i < indices->rank - 1; i++) {
        shape[rank++] = indices->shape[i];
    }
    for (int32_t i = length; i < x->rank; i++) {
        shape[rank++] = x->shape[i];
    }
    return check_updates(c, rank, shape);
}

static cleat_status scatter_find(call *c, scatter *s) {
    const run_value *x, *indices;
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &indices));
    TRY(call_same_type(c, 0, 2));
    TRY(find_reduction(c, &s->reduction));
    if (strcmp(c->node->type, "ScatterND") == 0) {
        return find_tuples(c, s);
    }
    int32_t axis = 0;
    TRY(call_axis_attribute(c, "axis", 0, x->rank, &axis));
    TRY(rows_of_elements(c, x, 1, axis, &s->list));
    return check_updates(c, indices->rank, indices->shape);
}

/* ---- On the host ---- */

static void combine(const array *updates, int64_t from, array *y, int64_t to, int64_t count,
    binary_function function) {
    number old[WALK_ROW], new[WALK_ROW];
    for (int64_t i = 0; i < count; i += WALK_ROW) {
        const int64_t some = count - i < WALK_ROW ? count - i : WALK_ROW;
        numbers_load(y, to + i, 1, some, old);
        numbers_load(updates, from + i, 1, some, new);
        for (int64_t k = 0; k < some; k++) {
            old[k] = function(old[k], new[k]);
        }
        numbers_store(y, to + i, some, old);
    }
}

static cleat_status scatter_host(call *c) {
    scatter s = {.reduction = NULL};
    const array *x, *updates;
    array *y;
    binary_function function = NULL;
    TRY(scatter_find(c, &s));
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 2, &updates));
    if (s.reduction != NULL) {
        TRY(binary_function_of(c, s.reduction, x->type, &function));
    }
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    array_move(x, 0, y, 0, x->count);
    for (int64_t i = 0; i < s.list.count; i++) {
        const int64_t from = i * s.list.inner, to = s.list.row[i] * s.list.inner;
        if (function == NULL) {
            array_move(updates, from, y, to, s.list.inner);
        } else {
            combine(updates, from, y, to, s.list.inner, function);
        }
    }
    return CLEAT_OK;
}

/* ---- On the device ---- */

static cleat_status upload(call *c, int64_t count, const int64_t *numbers, cleat_tensor *uploaded) {
    TRY(call_scratch(c, CLEAT_I64, 1, &count, uploaded));
    return cleat_write(c->context, *uploaded, numbers, (size_t)count * sizeof *numbers);
}

/* Rows at equal distances, as where a slice was assigned to, are such a slice of y. */
static bool is_line(const row_list *list, int64_t *step) {
    *step = list->count > 1 ? list->row[1] - list->row[0] : 1;
    for (int64_t i = 1; i < list->count; i++) {
        if (list->row[i] - list->row[i - 1] != *step) {
            return false;
        }
    }
    return list->count > 0 && *step != 0;
}

/* y's rows are those of x, and behind them the updates, in an order that the host works out. */
static cleat_status choose_rows(
    call *c, const row_list *list, cleat_tensor x, cleat_tensor updates, cleat_tensor y) {
    void *memory;
    cleat_tensor both, order;
    TRY(call_memory(c, list->rows + 1, sizeof(int64_t), &memory));
    int64_t *source = memory;
    for (int64_t i = 0; i < list->rows; i++) {
        source[i] = i;
    }
    for (int64_t i = 0; i < list->count; i++) {
        source[list->row[i]] = list->rows + i;
    }
    TRY(call_scratch(
        c, x.type, 2, (const int64_t[]){list->rows + list->count, list->inner}, &both));
    TRY(cleat_concat(c->context, 2, (const cleat_tensor[]){x, updates}, 0, both));
    TRY(upload(c, list->rows, source, &order));
    return cleat_gather(c->context, both, order, 0, y);
}

static cleat_status scatter_rows(
    call *c, const scatter *s, cleat_tensor x, cleat_tensor updates, cleat_tensor y) {
    const row_list *list = &s->list;
    int64_t step = 0;
    if (s->reduction != NULL) {
        cleat_tensor indices;
        TRY(cleat_copy(c->context, x, y));
        TRY(upload(c, list->count, list->row, &indices));
        return cleat_scatter_add(c->context, indices, updates, 0, y);
    }
    if (is_line(list, &step)) {
        TRY(cleat_copy(c->context, x, y));
        TRY(cleat_slice(y, 0, list->row[0], list->count, step, &y));
        return cleat_copy(c->context, updates, y);
    }
    return choose_rows(c, list, x, updates, y);
}

static cleat_status as_rows(
    call *c, size_t input, int64_t rows, int64_t inner, cleat_tensor *view) {
    const int64_t shape[] = {rows, inner};
    cleat_tensor x, copy;
    TRY(call_tensor(c, input, &x));
    if (cleat_reshape(x, 2, shape, view) == CLEAT_OK) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, x.type, x.rank, x.shape, &copy));
    TRY(cleat_copy(c->context, x, copy));
    return cleat_reshape(copy, 2, shape, view);
}

/* Adding elements needs no look at the indices. */
static cleat_status add_elements(call *c) {
    cleat_tensor x, indices, updates, y, part;
    int32_t axis = 0;
    TRY(call_same_type(c, 0, 2));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &indices));
    TRY(call_tensor(c, 2, &updates));
    TRY(call_axis_attribute(c, "axis", 0, x.rank, &axis));
    TRY(check_updates(c, indices.rank, indices.shape));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    TRY(cleat_copy(c->context, x, y));
    part = y;
    for (int32_t i = 0; i < y.rank && i < indices.rank; i++) {
        if (i != axis && indices.shape[i] < y.shape[i]) {
            TRY(cleat_slice(part, i, 0, indices.shape[i], 1, &part));
        }
    }
    return cleat_scatter_add_elements(c->context, indices, updates, axis, part);
}

static cleat_status scatter_device(call *c) {
    scatter s = {.reduction = NULL};
    cleat_tensor x, updates, y, rows;
    const run_value *v;
    TRY(call_input(c, 0, &v));
    TRY(find_reduction(c, &s.reduction));
    const bool adds = s.reduction != NULL && strcmp(s.reduction->type, "Add") == 0;
    if (s.reduction != NULL && (!adds || !type_is_floating(v->type))) {
        return CLEAT_UNSUPPORTED;
    }
    if (adds && strcmp(c->node->type, "ScatterND") != 0) {
        return add_elements(c);
    }
    TRY(scatter_find(c, &s));
    if (s.list.count == 0 || s.list.inner == 0) {
        return call_output_same(c, 0, 0);
    }
    TRY(as_rows(c, 0, s.list.rows, s.list.inner, &x));
    TRY(as_rows(c, 2, s.list.count, s.list.inner, &updates));
    TRY(call_output(c, 0, v->type, v->rank, v->shape, &y));
    TRY(cleat_reshape(y, 2, (const int64_t[]){s.list.rows, s.list.inner}, &rows));
    return scatter_rows(c, &s, x, updates, rows);
}

const operator_entry operators_scatter[] = {
    {"Scatter", scatter_host, scatter_device, 3, 3, false},
    {"ScatterElements", scatter_host, scatter_device, 3, 3, false},
    {"ScatterND", scatter_host, scatter_device, 3, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};
