/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/value_lists.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/operator_tools.h"
#include "graph/pick.h"
#include <cleat/layout.h>
#include <string.h>

cleat_status value_list_append(value_list *list, run_value *item) {
    run_value *items = memory_grow(list->items, list->count, &list->capacity, sizeof *items);
    REFUSE_IF(items == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    list->items = items;
    list->items[list->count++] = *item;
    *item = (run_value){.kind = VALUE_NONE};
    return CLEAT_OK;
}

void value_list_clear(value_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        value_clear(&list->items[i]);
    }
    memory_free(list->items);
    *list = (value_list){0};
}

cleat_status sequence_create(size_t count, run_value *sequence) {
    run_value *items = memory_allocate_zeroed(count + 1, sizeof *items);
    REFUSE_IF(items == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    *sequence = (run_value){.kind = VALUE_SEQUENCE, .items = items, .item_count = count};
    return CLEAT_OK;
}

cleat_status value_zeros(
    const call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *zeros) {
    TRY(call_new_array(c, type, rank, shape, zeros));
    memset(zeros->host->elements, 0, array_size(zeros->host));
    return CLEAT_OK;
}

cleat_status value_scalar(const call *c, cleat_type type, int64_t number, run_value *scalar) {
    TRY(call_new_array(c, type, 0, NULL, scalar));
    array_set_integer(scalar->host, 0, number);
    return CLEAT_OK;
}

/* ---- Joining ---- */

/* The extent of an item along `axis` of what is made of it. */
static int64_t share_of(const run_value *item, int32_t axis, bool is_new_axis) {
    return is_new_axis ? 1 : item->shape[axis];
}

/* The item's shape with an axis of 1 where the new one will be. */
static void widened_shape(
    const run_value *item, int32_t axis, bool is_new_axis, int64_t shape[CLEAT_MAX_RANK]) {
    memcpy(shape, item->shape, sizeof item->shape);
    if (is_new_axis) {
        for (int32_t i = item->rank; i > axis; i--) {
            shape[i] = item->shape[i - 1];
        }
        shape[axis] = 1;
    }
}

/* The shape of all together. */
static cleat_status joined_shape(const call *c, const run_value *items, size_t count, int32_t axis,
    bool is_new_axis, int64_t shape[CLEAT_MAX_RANK]) {
    const run_value *first = &items[0];
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const run_value *x = &items[i];
        if (x->kind != VALUE_TENSOR) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "item %zu is no tensor", i);
        }
        bool fits = x->rank == first->rank;
        for (int32_t k = 0; fits && k < x->rank; k++) {
            fits = x->shape[k] == first->shape[k] || (k == axis && !is_new_axis);
        }
        if (!fits || x->type != first->type) {
            return call_refuse(c, fits ? CLEAT_TYPE_MISMATCH : CLEAT_SHAPE_MISMATCH,
                "item %zu is %s of %s, the first %s of %s", i, shape_text(x->rank, x->shape, text),
                cleat_type_name(x->type), shape_text(first->rank, first->shape, other),
                cleat_type_name(first->type));
        }
        if (!checked_add(total, share_of(x, axis, is_new_axis), &total)) {
            return call_refuse(c, CLEAT_SIZE_OVERFLOW, "the items are too long together");
        }
    }
    widened_shape(first, axis, is_new_axis, shape);
    shape[axis] = total;
    return CLEAT_OK;
}

static bool are_on_host(const run_value *items, size_t count) {
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].host == NULL) {
            return false;
        }
        total += items[i].host->count;
    }
    return total <= CALL_SMALL || items[0].type == CLEAT_TEXT;
}

static void join_arrays(
    const run_value *items, size_t count, int32_t axis, bool is_new_axis, array *y) {
    const axis_lines lines = lines_along(y->rank, y->shape, axis);
    int64_t to = 0;
    for (int64_t outer = 0; outer < lines.outer; outer++) {
        for (size_t i = 0; i < count; i++) {
            const int64_t part = share_of(&items[i], axis, is_new_axis) * lines.inner;
            array_move(items[i].host, outer * part, y, to, part);
            to += part;
        }
    }
}

static cleat_status join_tensors(call *c, run_value *items, size_t count, int32_t axis,
    bool is_new_axis, const run_value *joined) {
    void *memory;
    TRY(call_memory(c, (int64_t)count, sizeof(cleat_tensor), &memory));
    cleat_tensor *views = memory;
    for (size_t i = 0; i < count; i++) {
        TRY(call_to_device(c, &items[i]));
        views[i] = items[i].tensor;
        if (is_new_axis) {
            views[i].rank++;
            widened_shape(&items[i], axis, true, views[i].shape);
            for (int32_t k = items[i].rank; k > axis; k--) {
                views[i].stride[k] = items[i].tensor.stride[k - 1];
            }
            views[i].stride[axis] = 0;
        }
    }
    return cleat_concat(c->context, (int32_t)count, views, axis, joined->tensor);
}

cleat_status values_join(
    call *c, run_value *items, size_t count, int64_t axis, bool is_new_axis, run_value *joined) {
    int64_t shape[CLEAT_MAX_RANK];
    int32_t at = 0;
    if (count == 0 || count > INT32_MAX) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "%zu items to put together", count);
    }
    const int32_t rank = items[0].rank + (is_new_axis ? 1 : 0);
    if (rank > CLEAT_MAX_RANK) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "a result of rank %d, above %d", rank, CLEAT_MAX_RANK);
    }
    TRY(call_axis(c, axis, rank, &at));
    TRY(joined_shape(c, items, count, at, is_new_axis, shape));
    const cleat_type type = items[0].type;
    if (are_on_host(items, count)) {
        TRY(call_new_array(c, type, rank, shape, joined));
        join_arrays(items, count, at, is_new_axis, joined->host);
        return CLEAT_OK;
    }
    TRY(call_new_tensor(c, type, rank, shape, joined));
    cleat_status status = join_tensors(c, items, count, at, is_new_axis, joined);
    if (status != CLEAT_OK) {
        value_clear(joined);
    }
    return status;
}

/* ---- Parts ---- */

static cleat_status array_part(const call *c, const run_value *x, int32_t axis, int64_t start,
    int64_t count, int32_t rank, const int64_t *shape, run_value *part) {
    const axis_lines lines = lines_along(x->rank, x->shape, axis);
    const int64_t size = count * lines.inner;
    TRY(call_new_array(c, x->type, rank, shape, part));
    for (int64_t outer = 0; outer < lines.outer; outer++) {
        array_move(
            x->host, (outer * lines.extent + start) * lines.inner, part->host, outer * size, size);
    }
    return CLEAT_OK;
}

cleat_status value_part(call *c, run_value *x, int32_t axis, int64_t start, int64_t count,
    bool is_squeezed, run_value *part) {
    cleat_tensor view = {.rank = x->rank};
    memcpy(view.shape, x->shape, sizeof view.shape);
    const bool is_array =
        x->memory == NULL && (x->host->count <= CALL_SMALL || x->type == CLEAT_TEXT);
    if (!is_array) {
        TRY(call_to_device(c, x));
        TRY(cleat_slice(x->tensor, axis, start, count, 1, &view));
    }
    view.shape[axis] = count;
    if (is_squeezed) {
        view.rank--;
        for (int32_t i = axis; i < view.rank; i++) {
            view.shape[i] = view.shape[i + 1];
            view.stride[i] = view.stride[i + 1];
        }
    }
    if (is_array) {
        return array_part(c, x, axis, start, count, view.rank, view.shape, part);
    }
    call_new_view(x, view, part);
    return CLEAT_OK;
}
