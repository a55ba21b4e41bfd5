/* SPDX-License-Identifier: Apache-2.0 */
/* Results whose size depends on the elements, and sorting: NonZero, Compress, Unique, TopK. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/index.h>
#include <stdlib.h>
#include <string.h>

static cleat_status load_all(call *c, const array *x, number **numbers) {
    void *memory;
    TRY(call_memory(c, x->count, sizeof **numbers, &memory));
    *numbers = memory;
    numbers_load(x, 0, 1, x->count, *numbers);
    return CLEAT_OK;
}

/* ---- NonZero ---- */

static cleat_status non_zero(call *c) {
    const array *x;
    array *y;
    int64_t found = 0, index[CLEAT_MAX_RANK] = {0};
    TRY(call_array(c, 0, &x));
    for (int64_t i = 0; i < x->count; i++) {
        const double value = array_real(x, i);
        found += value >= 0 && value <= 0 ? 0 : 1;
    }
    TRY(call_output_array(c, 0, CLEAT_I64, 2, (const int64_t[]){x->rank, found}, &y));
    int64_t *places = y->elements;
    for (int64_t i = 0, n = 0; i < x->count; i++) {
        const double value = array_real(x, i);
        if (!(value >= 0 && value <= 0)) {
            for (int32_t k = 0; k < x->rank; k++) {
                places[k * found + n] = index[k];
            }
            n++;
        }
        (void)index_next(x->rank, x->shape, index);
    }
    return CLEAT_OK;
}

/* ---- Compress ---- */

static cleat_status compress(call *c) {
    const array *x, *condition;
    array *y;
    int32_t axis = 0;
    int64_t chosen = 0, shape[CLEAT_MAX_RANK];
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 1, &condition));
    const bool is_flat = attribute_find(c->node, "axis", CLEAT_ATTRIBUTE_INT) == NULL;
    if (!is_flat) {
        TRY(call_axis_attribute(c, "axis", 0, x->rank, &axis));
    }
    const int64_t extent = is_flat ? x->count : x->shape[axis];
    if (condition->type != CLEAT_BOOL || condition->rank != 1 || condition->count > extent) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "a condition of %lld elements of %s and rank %d for %lld elements",
            (long long)condition->count, cleat_type_name(condition->type), condition->rank,
            (long long)extent);
    }
    for (int64_t i = 0; i < condition->count; i++) {
        chosen += array_integer(condition, i);
    }
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = chosen;
    TRY(call_output_array(c, 0, x->type, is_flat ? 1 : x->rank, shape, &y));
    const int64_t inner = is_flat ? 1 : shape_count(x->rank - axis - 1, x->shape + axis + 1);
    const int64_t outer = is_flat ? 1 : shape_count(axis, x->shape);
    for (int64_t k = 0, to = 0; k < outer; k++) {
        for (int64_t i = 0; i < condition->count; i++) {
            if (array_integer(condition, i) != 0) {
                array_move(x, (k * extent + i) * inner, y, to, inner);
                to += inner;
            }
        }
    }
    return CLEAT_OK;
}

/* ---- Unique ---- */

/* x as items along an axis, of `outer` times `inner` numbers each. */
typedef struct items {
    const number *numbers;
    number_kind kind;
    int64_t outer, extent, inner;
} items;

typedef struct item {
    const items *all;
    int64_t index;
} item;

static int item_order(const item *a, const item *b) {
    const items *all = a->all;
    for (int64_t k = 0; k < all->outer; k++) {
        const number *left = all->numbers + (k * all->extent + a->index) * all->inner;
        const number *right = all->numbers + (k * all->extent + b->index) * all->inner;
        for (int64_t i = 0; i < all->inner; i++) {
            const int order = number_order(all->kind, left[i], right[i]);
            if (order != 0) {
                return order;
            }
        }
    }
    return 0;
}

static int compare_items(const void *a, const void *b) {
    const item *left = a, *right = b;
    const int order = item_order(left, right);
    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

typedef struct group {
    int64_t first, count; /* first: of its items, the lowest */
    int64_t number;       /* in sorted order */
} group;

static int compare_groups(const void *a, const void *b) {
    const group *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

/* Sorts the items; groups[] of equal ones, in ascending order, and group_of[] each item. */
static cleat_status find_groups(
    call *c, const items *all, group **groups, int64_t **group_of, int64_t *count) {
    void *memory;
    TRY(call_memory(c, all->extent + 1, sizeof(item), &memory));
    item *sorted = memory;
    TRY(call_memory(c, all->extent + 1, sizeof(group), &memory));
    *groups = memory;
    TRY(call_memory(c, all->extent + 1, sizeof(int64_t), &memory));
    *group_of = memory;
    for (int64_t i = 0; i < all->extent; i++) {
        sorted[i] = (item){all, i};
    }
    qsort(sorted, (size_t)all->extent, sizeof *sorted, compare_items);
    *count = 0;
    for (int64_t i = 0; i < all->extent; i++) {
        if (i == 0 || item_order(&sorted[i - 1], &sorted[i]) != 0) {
            (*groups)[*count] = (group){.first = sorted[i].index, .number = *count};
            ++*count;
        }
        (*groups)[*count - 1].count++;
        (*group_of)[sorted[i].index] = *count - 1;
    }
    return CLEAT_OK;
}

static cleat_status unique_lists(
    call *c, const items *all, const group *groups, const int64_t *group_of, int64_t count) {
    array *lists[4] = {NULL};
    void *memory;
    for (size_t i = 1; i < 4; i++) {
        if (call_wants(c, i)) {
            const int64_t length = i == 2 ? all->extent : count;
            TRY(call_output_array(c, i, CLEAT_I64, 1, &length, &lists[i]));
        }
    }
    TRY(call_memory(c, count + 1, sizeof(int64_t), &memory));
    int64_t *place = memory; /* where the group of this sorted number stands */
    for (int64_t i = 0; i < count; i++) {
        place[groups[i].number] = i;
        if (lists[1] != NULL) {
            array_set_integer(lists[1], i, groups[i].first);
        }
        if (lists[3] != NULL) {
            array_set_integer(lists[3], i, groups[i].count);
        }
    }
    for (int64_t i = 0; lists[2] != NULL && i < all->extent; i++) {
        array_set_integer(lists[2], i, place[group_of[i]]);
    }
    return CLEAT_OK;
}

static cleat_status unique(call *c) {
    const array *x;
    array *y;
    number *numbers;
    group *groups;
    int64_t *group_of, count = 0, shape[CLEAT_MAX_RANK];
    int32_t axis = 0;
    TRY(call_array(c, 0, &x));
    TRY(load_all(c, x, &numbers));
    items all = {numbers, number_kind_of(x->type), 1, x->count, 1};
    const bool is_flat = attribute_find(c->node, "axis", CLEAT_ATTRIBUTE_INT) == NULL;
    if (!is_flat) {
        TRY(call_axis_attribute(c, "axis", 0, x->rank, &axis));
        all.outer = shape_count(axis, x->shape);
        all.extent = x->shape[axis];
        all.inner = shape_count(x->rank - axis - 1, x->shape + axis + 1);
    }
    TRY(find_groups(c, &all, &groups, &group_of, &count));
    if (attribute_int(c->node, "sorted", 1) == 0) {
        qsort(groups, (size_t)count, sizeof *groups, compare_groups);
    }
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = count;
    TRY(call_output_array(c, 0, x->type, is_flat ? 1 : x->rank, shape, &y));
    for (int64_t k = 0; k < all.outer; k++) {
        for (int64_t i = 0; i < count; i++) {
            array_move(x, (k * all.extent + groups[i].first) * all.inner, y,
                (k * count + i) * all.inner, all.inner);
        }
    }
    return unique_lists(c, &all, groups, group_of, count);
}

/* ---- TopK ---- */

typedef struct top {
    int32_t axis;
    int64_t k;
    bool is_largest;
    int64_t shape[CLEAT_MAX_RANK];
} top;

static cleat_status top_find(call *c, top *t) {
    const run_value *x;
    size_t count = 1;
    TRY(call_input(c, 0, &x));
    t->k = attribute_int(c->node, "k", -1);
    if (call_has(c, 1)) {
        TRY(call_integers(c, 1, &t->k, 1, &count));
    }
    TRY(call_axis_attribute(c, "axis", -1, x->rank, &t->axis));
    t->is_largest = attribute_int(c->node, "largest", 1) != 0;
    memcpy(t->shape, x->shape, sizeof t->shape);
    if (count != 1 || t->k < 0 || t->k > x->shape[t->axis]) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%lld of %lld elements are wanted",
            (long long)t->k, (long long)x->shape[t->axis]);
    }
    t->shape[t->axis] = t->k;
    return CLEAT_OK;
}

typedef struct candidate {
    number value;
    int64_t index;
    number_kind kind;
    int sign; /* -1: the largest first */
} candidate;

static int compare_candidates(const void *a, const void *b) {
    const candidate *left = a, *right = b;
    const int order = left->sign * number_order(left->kind, left->value, right->value);
    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

static cleat_status top_k_host(call *c) {
    const array *x;
    array *values, *indices = NULL;
    number *numbers;
    top t;
    void *memory;
    TRY(top_find(c, &t));
    TRY(call_array(c, 0, &x));
    TRY(load_all(c, x, &numbers));
    TRY(call_output_array(c, 0, x->type, x->rank, t.shape, &values));
    if (call_wants(c, 1)) {
        TRY(call_output_array(c, 1, CLEAT_I64, x->rank, t.shape, &indices));
    }
    const int64_t extent = x->shape[t.axis],
                  inner = shape_count(x->rank - (t.axis + 1), x->shape + t.axis + 1);
    const int64_t rows = extent > 0 ? x->count / extent : 0;
    TRY(call_memory(c, extent + 1, sizeof(candidate), &memory));
    candidate *row = memory;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t outer = r / inner, at = r % inner;
        for (int64_t i = 0; i < extent; i++) {
            row[i] = (candidate){numbers[(outer * extent + i) * inner + at], i,
                number_kind_of(x->type), t.is_largest ? -1 : 1};
        }
        qsort(row, (size_t)extent, sizeof *row, compare_candidates);
        for (int64_t i = 0; i < t.k; i++) {
            const int64_t to = (outer * t.k + i) * inner + at;
            array_move(x, (outer * extent + row[i].index) * inner + at, values, to, 1);
            if (indices != NULL) {
                array_set_integer(indices, to, row[i].index);
            }
        }
    }
    return CLEAT_OK;
}

static cleat_status top_k_device(call *c) {
    cleat_tensor x, values, indices;
    top t;
    TRY(top_find(c, &t));
    TRY(call_tensor(c, 0, &x));
    const bool wants_indices = call_wants(c, 1);
    TRY(call_output(c, 0, x.type, x.rank, t.shape, &values));
    if (wants_indices) {
        TRY(call_output(c, 1, CLEAT_I64, x.rank, t.shape, &indices));
    }
    return cleat_top_k(c->context, x, t.axis, &values, wants_indices ? &indices : NULL,
        &(cleat_top_k_options){.smallest = !t.is_largest});
}

const operator_entry operators_select[] = {
    {"NonZero", non_zero, NULL, 1, 1, false},
    {"Compress", compress, NULL, 2, 2, false},
    {"Unique", unique, NULL, 1, 1, false},
    {"TopK", top_k_host, top_k_device, 1, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};
