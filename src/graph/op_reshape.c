/* SPDX-License-Identifier: Apache-2.0 */
/* Other shapes of the same elements, and shapes as values: Reshape, Flatten, Squeeze, Unsqueeze,
 * Shape, Size. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/channels_last.h"
#include "graph/gradient.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <string.h>

typedef cleat_status (*shape_function)(call *c, int32_t *rank, int64_t *shape);

/* ---- The new shape ---- */

/* Extents of 0 become x's. */
static void keep_extents(const call *c, const run_value *x, size_t count, int64_t *shape) {
    const bool allows_zero = attribute_int(c->node, "allowzero", 0) != 0;
    for (size_t i = 0; !allows_zero && i < count; i++) {
        if (shape[i] == 0 && i < (size_t)x->rank) {
            shape[i] = x->shape[i];
        }
    }
}

static cleat_status reshape_shape(call *c, int32_t *rank, int64_t *shape) {
    const run_value *x;
    size_t count = 0;
    int32_t open = -1;
    int64_t known = 1;
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_integers_or_attribute(c, 1, "shape", shape, CLEAT_MAX_RANK, &count));
    *rank = (int32_t)count;
    keep_extents(c, x, count, shape);
    shape_text(*rank, shape, wanted);
    bool fits = true;
    for (int32_t i = 0; i < *rank; i++) {
        const bool is_open = shape[i] == -1;
        fits = fits && (shape[i] >= 0 || (is_open && open < 0)) &&
               checked_mul(known, is_open ? 1 : shape[i], &known);
        open = is_open ? i : open;
    }
    const int64_t whole = shape_count(x->rank, x->shape);
    if (fits && open >= 0) {
        shape[open] = known > 0 ? whole / known : 0;
        known *= shape[open];
    }
    if (!fits || known != whole) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s does not become %s",
            shape_text(x->rank, x->shape, text), wanted);
    }
    return CLEAT_OK;
}

static cleat_status flatten_shape(call *c, int32_t *rank, int64_t *shape) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    const int64_t given = attribute_int(c->node, "axis", 1);
    int32_t axis = x->rank;
    if (given != x->rank) {
        TRY(call_axis(c, given, x->rank, &axis));
    }
    *rank = 2;
    shape[0] = shape_count(axis, x->shape);
    shape[1] = shape_count(x->rank - axis, x->shape + axis);
    return CLEAT_OK;
}

static cleat_status squeeze_shape(call *c, int32_t *rank, int64_t *shape) {
    const run_value *x;
    int64_t axes[CLEAT_MAX_RANK];
    bool chosen[CLEAT_MAX_RANK];
    size_t count = 0;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    const bool is_given =
        call_has(c, 1) || attribute_find(c->node, "axes", CLEAT_ATTRIBUTE_INTS) != NULL;
    TRY(call_integers_or_attribute(c, 1, "axes", axes, CLEAT_MAX_RANK, &count));
    TRY(call_axes(c, count, axes, x->rank, chosen));
    *rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (chosen[i] && x->shape[i] != 1) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "axis %d of %s is not 1", i,
                shape_text(x->rank, x->shape, text));
        }
        if (is_given ? !chosen[i] : x->shape[i] != 1) {
            shape[(*rank)++] = x->shape[i];
        }
    }
    return CLEAT_OK;
}

static cleat_status unsqueeze_shape(call *c, int32_t *rank, int64_t *shape) {
    const run_value *x;
    int64_t axes[CLEAT_MAX_RANK];
    bool chosen[CLEAT_MAX_RANK];
    size_t count = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_integers_or_attribute(c, 1, "axes", axes, CLEAT_MAX_RANK, &count));
    *rank = x->rank + (int32_t)count;
    if (*rank > CLEAT_MAX_RANK) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "%d axes, %d at most are taken", *rank, (int)CLEAT_MAX_RANK);
    }
    TRY(call_axes(c, count, axes, *rank, chosen));
    for (int32_t i = 0, k = 0; i < *rank; i++) {
        shape[i] = chosen[i] ? 1 : x->shape[k++];
    }
    return CLEAT_OK;
}

static shape_function function_of(const call *c) {
    const char *type = c->node->type;
    return strcmp(type, "Reshape") == 0   ? reshape_shape
           : strcmp(type, "Flatten") == 0 ? flatten_shape
           : strcmp(type, "Squeeze") == 0 ? squeeze_shape
                                          : unsqueeze_shape;
}

/* ---- The same elements ---- */

static cleat_status reshape_host(call *c) {
    const array *x;
    array *y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(function_of(c)(c, &rank, shape));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, rank, shape, &y));
    array_move(x, 0, y, 0, x->count);
    return CLEAT_OK;
}

/* Channels that were put in another order, as between the groups of a ShuffleNet, lie end to end as
 * before: x in y, which has room for it, with its channels last. */
static bool keeps_channels_last(const cleat_tensor *x, cleat_tensor *y, cleat_tensor *same) {
    cleat_tensor last = *y;
    if (x->rank < 4 || y->rank != 4 || x->stride[x->rank - 1] == 1 || y->shape[1] < 2) {
        return false;
    }
    channels_last_arrange(&last);
    if (cleat_reshape(last, x->rank, x->shape, same) != CLEAT_OK) {
        return false;
    }
    *y = last;
    return true;
}

static cleat_status reshape_device(call *c) {
    cleat_tensor x, y, same;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    const run_value *v;
    TRY(call_input(c, 0, &v));
    if (v->memory == NULL) { /* a large constant: whoever needs it brings it to the device */
        return CLEAT_UNSUPPORTED;
    }
    TRY(function_of(c)(c, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    if (cleat_reshape(x, rank, shape, &y) == CLEAT_OK) {
        return call_output_view(c, 0, 0, y);
    }
    TRY(call_output(c, 0, x.type, rank, shape, &y));
    if (keeps_channels_last(&x, &y, &same)) {
        c->outputs[0].tensor = y;
    } else {
        TRY(cleat_reshape(y, x.rank, x.shape, &same));
    }
    return cleat_copy(c->context, x, same);
}

/* ---- Shape, Size ---- */

static int64_t clamped(int64_t at, int32_t rank) {
    at = at < 0 ? at + rank : at;
    return at < 0 ? 0 : at > rank ? rank : at;
}

static cleat_status shape(call *c) {
    const run_value *x;
    array *y;
    TRY(call_input(c, 0, &x));
    const int64_t start = clamped(attribute_int(c->node, "start", 0), x->rank);
    const int64_t end = clamped(attribute_int(c->node, "end", x->rank), x->rank);
    const int64_t count = end > start ? end - start : 0;
    TRY(call_output_array(c, 0, CLEAT_I64, 1, &count, &y));
    for (int64_t i = 0; i < count; i++) {
        array_set_integer(y, i, x->shape[start + i]);
    }
    return CLEAT_OK;
}

static cleat_status size(call *c) {
    const run_value *x;
    array *y;
    TRY(call_input(c, 0, &x));
    TRY(call_output_array(c, 0, CLEAT_I64, 0, NULL, &y));
    array_set_integer(y, 0, shape_count(x->rank, x->shape));
    return CLEAT_OK;
}

static cleat_status reshape_gradient(call *c) {
    const run_value *x;
    cleat_tensor dy, view, dx;
    TRY(call_input(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    if (cleat_reshape(dy, x->rank, x->shape, &view) == CLEAT_OK) {
        return call_output_view(c, 0, gradient_place(c), view);
    }
    TRY(gradient_output(c, 0, &dx));
    TRY(cleat_reshape(dx, dy.rank, dy.shape, &view));
    return cleat_copy(c->context, dy, view);
}

const operator_entry operators_reshape[] = {
    {"Reshape", reshape_host, reshape_device, 1, 2, false},
    {"Flatten", reshape_host, reshape_device, 1, 1, false},
    {"Squeeze", reshape_host, reshape_device, 1, 2, false},
    {"Unsqueeze", reshape_host, reshape_device, 1, 2, false},
    {"Shape", shape, NULL, 1, 1, false},
    {"Size", size, NULL, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_reshape[] = {
    {GRADIENT_NODE("Reshape", reshape_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Flatten", reshape_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Squeeze", reshape_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Unsqueeze", reshape_gradient), 1, 1, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
