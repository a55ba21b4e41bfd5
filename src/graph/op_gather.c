/* SPDX-License-Identifier: Apache-2.0 */
/* Gather, GatherElements, GatherND. On the host an index outside of its extent is refused; on the
 * device, where nobody sees it, it gives NaN or 0 (<cleat/index.h>). */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/index_lists.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/compare.h>
#include <cleat/index.h>
#include <string.h>

/* ---- Gather ---- */

static cleat_status gather_shape(const call *c, int32_t *axis, int32_t *rank, int64_t *shape) {
    const run_value *x, *indices;
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &indices));
    TRY(call_axis_attribute(c, "axis", 0, x->rank, axis));
    if (indices->type != CLEAT_I64 && indices->type != CLEAT_I32) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "indices of %s are not taken", cleat_type_name(indices->type));
    }
    *rank = x->rank - 1 + indices->rank;
    if (*rank > CLEAT_MAX_RANK) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "%d axes, %d at most are taken", *rank, (int)CLEAT_MAX_RANK);
    }
    for (int32_t i = 0; i < *rank; i++) {
        shape[i] = i < *axis                   ? x->shape[i]
                   : i < *axis + indices->rank ? indices->shape[i - *axis]
                                               : x->shape[i - indices->rank + 1];
    }
    return CLEAT_OK;
}

static cleat_status gather_host(call *c) {
    const array *x, *indices;
    array *y;
    int32_t axis = 0, rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(gather_shape(c, &axis, &rank, shape));
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 1, &indices));
    TRY(call_output_array(c, 0, x->type, rank, shape, &y));
    const int64_t extent = x->shape[axis],
                  inner = shape_count(x->rank - axis - 1, x->shape + axis + 1);
    const int64_t outer = shape_count(axis, x->shape);
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t at = 0;
        TRY(index_within(c, array_integer(indices, i), extent, &at));
        for (int64_t k = 0; k < outer; k++) {
            array_move(x, (k * extent + at) * inner, y, (k * indices->count + i) * inner, inner);
        }
    }
    return CLEAT_OK;
}

static cleat_status gather_device(call *c) {
    cleat_tensor x, indices, y;
    int32_t axis = 0, rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(gather_shape(c, &axis, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    const array *known = c->inputs[1]->host;
    if (known != NULL && known->count == 1) {
        int64_t at = 0;
        TRY(index_within(c, array_integer(known, 0), x.shape[axis], &at));
        TRY(cleat_slice(x, axis, at, 1, 1, &y));
        TRY(cleat_reshape(y, rank, shape, &y));
        return call_output_view(c, 0, 0, y);
    }
    TRY(call_tensor(c, 1, &indices));
    TRY(call_output(c, 0, x.type, rank, shape, &y));
    return cleat_gather(c->context, x, indices, axis, y);
}

/* ---- Rows picked from a list ---- */

static cleat_status rows_host(call *c, const row_list *list, int32_t rank, const int64_t *shape) {
    const array *x;
    array *y;
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, rank, shape, &y));
    for (int64_t i = 0; i < list->count; i++) {
        array_move(x, list->row[i] * list->inner, y, i * list->inner, list->inner);
    }
    return CLEAT_OK;
}

/* ---- GatherElements ---- */

static cleat_status gather_elements_host(call *c) {
    const run_value *x, *indices;
    int32_t axis = 0;
    row_list list;
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &indices));
    TRY(call_axis_attribute(c, "axis", 0, x->rank, &axis));
    TRY(rows_of_elements(c, x, 1, axis, &list));
    return rows_host(c, &list, indices->rank, indices->shape);
}

static cleat_status gather_elements_device(call *c) {
    cleat_tensor x, indices, y;
    int32_t axis = 0;
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &indices));
    TRY(call_axis_attribute(c, "axis", 0, x.rank, &axis));
    for (int32_t i = 0; i < x.rank && i < indices.rank; i++) {
        if (i != axis && indices.shape[i] < x.shape[i]) {
            TRY(cleat_slice(x, i, 0, indices.shape[i], 1, &x));
        }
    }
    TRY(call_output(c, 0, x.type, indices.rank, indices.shape, &y));
    return cleat_gather_elements(c->context, x, indices, axis, y);
}

/* ---- Their gradients ---- */

static cleat_status gather_gradient(call *c) {
    cleat_tensor indices, dy, dx;
    int32_t axis = 0, rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(gather_shape(c, &axis, &rank, shape));
    TRY(call_tensor(c, 1, &indices));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    return cleat_gather_backward(c->context, indices, dy, axis, dx);
}

/* Of x as far as indices reach: the rest has none. */
static cleat_status gather_elements_gradient(call *c) {
    cleat_tensor indices, dy, dx;
    int32_t axis = 0;
    TRY(call_tensor(c, 1, &indices));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    TRY(call_axis_attribute(c, "axis", 0, dx.rank, &axis));
    for (int32_t i = 0, is_whole = 1; i < dx.rank && i < indices.rank; i++) {
        if (i != axis && indices.shape[i] < dx.shape[i]) {
            TRY(is_whole ? cleat_fill(c->context, 0, dx) : CLEAT_OK);
            TRY(cleat_slice(dx, i, 0, indices.shape[i], 1, &dx));
            is_whole = 0;
        }
    }
    return cleat_gather_elements_backward(c->context, indices, dy, axis, dx);
}

/* ---- GatherND ---- */

/* The result's shape, once the indices are known to fit. */
static cleat_status gather_nd_shape(const call *c, int32_t batch, int32_t *rank, int64_t *shape) {
    const run_value *x = c->inputs[0], *indices = c->inputs[1];
    const int32_t length = (int32_t)indices->shape[indices->rank - 1];
    *rank = indices->rank - 1 + x->rank - batch - length;
    if (*rank > CLEAT_MAX_RANK) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "%d axes, %d at most are taken", *rank, (int)CLEAT_MAX_RANK);
    }
    for (int32_t i = 0; i < *rank; i++) {
        shape[i] = i < indices->rank - 1 ? indices->shape[i]
                                         : x->shape[i - (indices->rank - 1) + batch + length];
    }
    return CLEAT_OK;
}

static cleat_status gather_nd_find(call *c, row_list *list, int32_t *rank, int64_t *shape) {
    const run_value *x, *indices;
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &indices));
    const int64_t batch = attribute_int(c->node, "batch_dims", 0);
    if (batch < 0 || batch >= x->rank || batch >= indices->rank) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "batch_dims is %lld", (long long)batch);
    }
    TRY(rows_of_tuples(c, x, 1, (int32_t)batch, list));
    return gather_nd_shape(c, (int32_t)batch, rank, shape);
}

static cleat_status gather_nd_host(call *c) {
    row_list list;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(gather_nd_find(c, &list, &rank, shape));
    return rows_host(c, &list, rank, shape);
}

/* Indices of one axis, which need not be looked at. */
static cleat_status gather_nd_one_axis(call *c) {
    cleat_tensor x, indices, y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &indices));
    TRY(gather_nd_shape(c, 0, &rank, shape));
    TRY(cleat_reshape(indices, indices.rank - 1, indices.shape, &indices));
    TRY(call_output(c, 0, x.type, rank, shape, &y));
    return cleat_gather(c->context, x, indices, 0, y);
}

static cleat_status gather_nd_device(call *c) {
    cleat_tensor x, rows, indices, y;
    row_list list;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    const run_value *v, *given;
    TRY(call_input(c, 0, &v));
    TRY(call_input(c, 1, &given));
    if (given->type == CLEAT_I64 && given->rank > 0 && given->shape[given->rank - 1] == 1 &&
        v->rank > 0 && attribute_int(c->node, "batch_dims", 0) == 0) {
        return gather_nd_one_axis(c);
    }
    TRY(gather_nd_find(c, &list, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    if (cleat_reshape(x, 2, (const int64_t[]){list.rows, list.inner}, &rows) != CLEAT_OK) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_scratch(c, CLEAT_I64, 1, &list.count, &indices));
    TRY(cleat_write(c->context, indices, list.row, (size_t)list.count * sizeof *list.row));
    TRY(call_output(c, 0, x.type, rank, shape, &y));
    cleat_tensor flat;
    TRY(cleat_reshape(y, 2, (const int64_t[]){list.count, list.inner}, &flat));
    return cleat_gather(c->context, rows, indices, 0, flat);
}

const operator_entry operators_gather[] = {
    {"Gather", gather_host, gather_device, 2, 2, false},
    {"GatherElements", gather_elements_host, gather_elements_device, 2, 2, false},
    {"GatherND", gather_nd_host, gather_nd_device, 2, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_gather[] = {
    {GRADIENT_NODE("Gather", gather_gradient), 1, 3, NULL},
    {GRADIENT_NODE("GatherElements", gather_elements_gradient), 1, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
