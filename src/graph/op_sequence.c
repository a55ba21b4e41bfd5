/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences and optionals. A sequence is a list of references to tensors; an optional is the value
 * itself, or none. Nothing is copied but where items are put together.
 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/value_lists.h"
#include <string.h>

static cleat_status sequence_input(const call *c, size_t input, run_value **sequence) {
    if (!call_has(c, input) || c->inputs[input]->kind != VALUE_SEQUENCE) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "input %zu is no sequence", input);
    }
    *sequence = c->inputs[input];
    return CLEAT_OK;
}

/* A place before `end`, counted from `count` where it is negative; `otherwise` if left out. */
static cleat_status place_input(
    call *c, size_t input, size_t count, size_t end, size_t otherwise, size_t *place) {
    int64_t number = 0;
    size_t found = 0;
    *place = otherwise;
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_integers(c, input, &number, 1, &found));
    const int64_t at = number < 0 ? number + (int64_t)count : number;
    if (found != 1 || at < 0 || (uint64_t)at >= end) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "place %lld of %zu", (long long)number, count);
    }
    *place = (size_t)at;
    return CLEAT_OK;
}

static cleat_status sequence_empty(call *c) {
    return sequence_create(0, &c->outputs[0]);
}

static cleat_status sequence_construct(call *c) {
    run_value *y = &c->outputs[0];
    TRY(sequence_create(c->input_count, y));
    for (size_t i = 0; i < c->input_count; i++) {
        const run_value *x;
        TRY(call_input(c, i, &x));
        if (x->type != c->inputs[0]->type) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "input %zu is of type %s, the first of %s",
                i, cleat_type_name(x->type), cleat_type_name(c->inputs[0]->type));
        }
        TRY(value_copy(x, &y->items[i]));
    }
    return CLEAT_OK;
}

static cleat_status sequence_insert(call *c) {
    run_value *x = NULL, *y = &c->outputs[0];
    size_t place = 0;
    const run_value *item;
    TRY(sequence_input(c, 0, &x));
    TRY(call_input(c, 1, &item));
    const size_t count = x->item_count;
    if (count > 0 && x->items[0].type != item->type) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "%s into a sequence of %s",
            cleat_type_name(item->type), cleat_type_name(x->items[0].type));
    }
    TRY(place_input(c, 2, count, count + 1, count, &place));
    TRY(sequence_create(count + 1, y));
    for (size_t i = 0; i <= count; i++) {
        TRY(value_copy(i == place ? item : &x->items[i < place ? i : i - 1], &y->items[i]));
    }
    return CLEAT_OK;
}

static cleat_status sequence_erase(call *c) {
    run_value *x = NULL, *y = &c->outputs[0];
    size_t place = 0;
    TRY(sequence_input(c, 0, &x));
    if (x->item_count == 0) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "the sequence is empty");
    }
    TRY(place_input(c, 1, x->item_count, x->item_count, x->item_count - 1, &place));
    TRY(sequence_create(x->item_count - 1, y));
    for (size_t i = 0; i + 1 < x->item_count; i++) {
        TRY(value_copy(&x->items[i < place ? i : i + 1], &y->items[i]));
    }
    return CLEAT_OK;
}

static cleat_status sequence_at(call *c) {
    run_value *x = NULL;
    size_t place = 0;
    TRY(sequence_input(c, 0, &x));
    TRY(place_input(c, 1, x->item_count, x->item_count, 0, &place));
    return value_copy(&x->items[place], &c->outputs[0]);
}

static cleat_status sequence_length(call *c) {
    run_value *x = NULL;
    TRY(sequence_input(c, 0, &x));
    return value_scalar(c, CLEAT_I64, (int64_t)x->item_count, &c->outputs[0]);
}

static cleat_status concat_from_sequence(call *c) {
    run_value *x = NULL;
    TRY(sequence_input(c, 0, &x));
    if (attribute_find(c->node, "axis", CLEAT_ATTRIBUTE_INT) == NULL) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no axis");
    }
    const bool is_new_axis = attribute_int(c->node, "new_axis", 0) != 0;
    /* The sequence may be a constant's, for which nothing may be brought to the device in passing.
     */
    run_value copy;
    TRY(value_copy(x, &copy));
    const cleat_status status = values_join(c, copy.items, copy.item_count,
        attribute_int(c->node, "axis", 0), is_new_axis, &c->outputs[0]);
    value_clear(&copy);
    return status;
}

/* ---- Splitting ---- */

/* Sizes of the parts in call_memory(). */
static cleat_status part_sizes(call *c, int64_t extent, int64_t **sizes, int64_t *count) {
    const array *given = NULL;
    void *memory;
    int64_t total = 0;
    if (call_has(c, 1)) {
        TRY(call_array(c, 1, &given));
    }
    if (given != NULL && (given->rank > 1 || type_is_floating(given->type))) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "split is of type %s and rank %d",
            cleat_type_name(given->type), given->rank);
    }
    const bool is_list = given != NULL && given->rank == 1;
    const int64_t each = given != NULL && !is_list ? array_integer(given, 0) : 1;
    if (each < 1) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "parts of %lld", (long long)each);
    }
    *count = is_list ? given->count : extent / each + (extent % each != 0);
    TRY(call_memory(c, *count + 1, sizeof **sizes, &memory));
    *sizes = memory;
    for (int64_t i = 0; i < *count; i++) {
        const int64_t left = extent - total;
        (*sizes)[i] = is_list ? array_integer(given, i) : each < left ? each : left;
        if ((*sizes)[i] < 0 || (*sizes)[i] > left) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "part %lld has %lld of %lld that are left",
                (long long)i, (long long)(*sizes)[i], (long long)left);
        }
        total += (*sizes)[i];
    }
    if (total != extent) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "parts of %lld together, the axis has %lld",
            (long long)total, (long long)extent);
    }
    return CLEAT_OK;
}

static cleat_status split_to_sequence(call *c) {
    const run_value *x;
    run_value *y = &c->outputs[0];
    int32_t axis = 0;
    int64_t *sizes, count = 0, start = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_axis(c, attribute_int(c->node, "axis", 0), x->rank, &axis));
    TRY(part_sizes(c, x->shape[axis], &sizes, &count));
    const bool is_squeezed = !call_has(c, 1) && attribute_int(c->node, "keepdims", 1) == 0;
    TRY(sequence_create((size_t)count, y));
    for (int64_t i = 0; i < count; i++) {
        TRY(value_part(c, c->inputs[0], axis, start, sizes[i], is_squeezed, &y->items[i]));
        start += sizes[i];
    }
    return CLEAT_OK;
}

/* ---- SequenceMap ---- */

/* The body's inputs for item `place`, then its results. */
static cleat_status map_item(
    call *c, size_t place, run_value *in, size_t output_count, run_value *out) {
    for (size_t i = 0; i < c->input_count; i++) {
        const run_value *x = c->inputs[i];
        if (x == NULL) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "input %zu is left out", i);
        }
        if (x->kind == VALUE_SEQUENCE && place >= x->item_count) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu has %zu items, the first %zu", i,
                x->item_count, c->inputs[0]->item_count);
        }
        value_clear(&in[i]);
        TRY(value_copy(x->kind == VALUE_SEQUENCE ? &x->items[place] : x, &in[i]));
    }
    return call_graph(c, "body", c->input_count, in, output_count, out);
}

static cleat_status map_items(call *c, run_value *in, run_value *out) {
    run_value *x = NULL;
    TRY(sequence_input(c, 0, &x));
    for (size_t k = 0; k < c->output_count; k++) {
        TRY(sequence_create(x->item_count, &c->outputs[k]));
    }
    for (size_t place = 0; place < x->item_count; place++) {
        TRY(map_item(c, place, in, c->output_count, out));
        for (size_t k = 0; k < c->output_count; k++) {
            c->outputs[k].items[place] = out[k];
            out[k] = (run_value){.kind = VALUE_NONE};
        }
    }
    return CLEAT_OK;
}

static cleat_status sequence_map(call *c) {
    void *memory;
    TRY(call_memory(
        c, (int64_t)(c->input_count + c->output_count) + 1, sizeof(run_value), &memory));
    run_value *in = memory, *out = in + c->input_count;
    const cleat_status status = map_items(c, in, out);
    for (size_t i = 0; i < c->input_count; i++) {
        value_clear(&in[i]);
    }
    return status;
}

/* ---- Optionals ---- */

static cleat_status optional(call *c) {
    return call_has(c, 0) ? call_output_same(c, 0, 0) : CLEAT_OK;
}

static cleat_status optional_get_element(call *c) {
    if (!call_has(c, 0)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "the optional has no element");
    }
    return call_output_same(c, 0, 0);
}

static cleat_status optional_has_element(call *c) {
    return value_scalar(c, CLEAT_BOOL, call_has(c, 0), &c->outputs[0]);
}

const operator_entry operators_sequence[] = {
    {"SequenceEmpty", sequence_empty, NULL, 0, 0, false},
    {"SequenceConstruct", sequence_construct, NULL, 1, SIZE_MAX, false},
    {"SequenceInsert", sequence_insert, NULL, 2, 3, false},
    {"SequenceErase", sequence_erase, NULL, 1, 2, false},
    {"SequenceAt", sequence_at, NULL, 2, 2, false},
    {"SequenceLength", sequence_length, NULL, 1, 1, false},
    {"ConcatFromSequence", concat_from_sequence, NULL, 1, 1, false},
    {"SplitToSequence", split_to_sequence, NULL, 1, 2, false},
    {"SequenceMap", sequence_map, NULL, 1, SIZE_MAX, false},
    {"Optional", optional, NULL, 0, 1, false},
    {"OptionalGetElement", optional_get_element, NULL, 0, 1, false},
    {"OptionalHasElement", optional_has_element, NULL, 0, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};
