/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_value.h"
#include "backend_pieces.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

/* ---- What the model's file says ---- */

/* ModelProto's, GraphProto's, ValueInfoProto's and TypeProto's fields. */
enum {
    MODEL_GRAPH = 7,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_SEQUENCE = 4,
    TYPE_OPTIONAL = 9
};

/* TypeProto.Tensor begins with the type of its elements, field 1: texts have number 8. */
static bool is_of_texts(piece tensor) {
    return tensor.end - tensor.at >= 2 && tensor.at[0] == 1 << 3 && tensor.at[1] == 8;
}

static value_form form_of(piece value) {
    unsigned field;
    value_form form = FORM_TENSOR;
    for (piece type; next_piece(&value, &field, &type);) {
        unsigned kind;
        for (piece inside; field == VALUE_TYPE && next_piece(&type, &kind, &inside);) {
            form = kind == TYPE_SEQUENCE                        ? FORM_SEQUENCE
                   : kind == TYPE_OPTIONAL                      ? FORM_OPTIONAL
                   : kind == TYPE_TENSOR && is_of_texts(inside) ? FORM_TEXTS
                                                                : form;
        }
    }
    return form;
}

static void add_form(value_form *forms, size_t *count, piece value) {
    if (*count < MOST_VALUES) {
        forms[(*count)++] = form_of(value);
    }
}

void read_forms(const char *path, value_forms *forms) {
    unsigned char *bytes;
    unsigned field, part;
    *forms = (value_forms){0};
    piece model = read_pieces(path, &bytes), graph;
    while (bytes != NULL && next_piece(&model, &field, &graph)) {
        for (piece value; field == MODEL_GRAPH && next_piece(&graph, &part, &value);) {
            if (part == GRAPH_INPUT) {
                add_form(forms->inputs, &forms->input_count, value);
            } else if (part == GRAPH_OUTPUT) {
                add_form(forms->outputs, &forms->output_count, value);
            }
        }
    }
    free(bytes);
}

bool has_values(const value_forms *forms) {
    bool has = false;
    for (size_t i = 0; i < forms->input_count; i++) {
        has = has || forms->inputs[i] != FORM_TENSOR;
    }
    for (size_t i = 0; i < forms->output_count; i++) {
        has = has || forms->outputs[i] != FORM_TENSOR;
    }
    return has;
}

/* ---- Values of a file, on the host ---- */

typedef struct host_value {
    cleat_value_kind kind;
    cleat_onnx_tensor tensor;
    size_t count;
    struct host_value *items;
} host_value;

static void host_value_free(host_value *v) {
    for (size_t i = 0; i < v->count; i++) {
        host_value_free(&v->items[i]);
    }
    free(v->items);
    cleat_onnx_tensor_release(&v->tensor);
    *v = (host_value){.kind = CLEAT_VALUE_NONE};
}

/* SequenceProto's and OptionalProto's fields, which have the same numbers. */
enum { HOLDS_TENSOR = 3, HOLDS_SEQUENCE = 5, HOLDS_OPTIONAL = 7 };

static cleat_status parse_value(piece from, value_form form, host_value *v);

static cleat_status parse_held(piece from, unsigned field, host_value *v) {
    return parse_value(from,
        field == HOLDS_TENSOR     ? FORM_TENSOR
        : field == HOLDS_SEQUENCE ? FORM_SEQUENCE
                                  : FORM_OPTIONAL,
        v);
}

static bool is_held(unsigned field) {
    return field == HOLDS_TENSOR || field == HOLDS_SEQUENCE || field == HOLDS_OPTIONAL;
}

static cleat_status parse_value(piece from, value_form form, host_value *v) {
    unsigned field;
    cleat_status status = CLEAT_OK;
    if (form == FORM_TENSOR || form == FORM_TEXTS) {
        status = cleat_onnx_tensor_read(from.at, (size_t)(from.end - from.at), &v->tensor);
        v->kind = v->tensor.type == CLEAT_TEXT ? CLEAT_VALUE_TEXTS : CLEAT_VALUE_TENSOR;
        return status;
    }
    v->kind = form == FORM_SEQUENCE ? CLEAT_VALUE_SEQUENCE : CLEAT_VALUE_NONE;
    for (piece inside; status == CLEAT_OK && next_piece(&from, &field, &inside);) {
        if (!is_held(field)) {
            continue;
        }
        if (form == FORM_OPTIONAL) {
            return parse_held(inside, field, v);
        }
        host_value *grown = realloc(v->items, (v->count + 1) * sizeof *grown);
        if (grown == NULL) {
            return CLEAT_OUT_OF_HOST_MEMORY;
        }
        v->items = grown;
        grown[v->count] = (host_value){.kind = CLEAT_VALUE_NONE};
        status = parse_held(inside, field, &grown[v->count++]);
    }
    return status;
}

static cleat_status load_value(
    const char *folder, const char *what, size_t index, value_form form, host_value *v) {
    char path[PATH_SIZE];
    unsigned char *bytes;
    snprintf(path, sizeof path, "%s/%s_%zu.pb", folder, what, index);
    const piece all = read_pieces(path, &bytes);
    const cleat_status status = parse_value(all, form, v);
    free(bytes);
    return status;
}

/* ---- To the device, and back ---- */

static size_t count_of(const cleat_onnx_tensor *x) {
    size_t count = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        count *= (size_t)x->shape[i];
    }
    return count;
}

static cleat_status bring(cleat_context *context, const host_value *from, cleat_value *to) {
    cleat_status status = CLEAT_OK;
    to->kind = from->kind;
    if (from->kind == CLEAT_VALUE_TENSOR) {
        const cleat_onnx_tensor *x = &from->tensor;
        status = cleat_tensor_create(context, x->type, x->rank, x->shape, &to->tensor);
        return status == CLEAT_OK ? cleat_write(context, to->tensor, x->elements, x->size) : status;
    }
    if (from->kind == CLEAT_VALUE_TEXTS) {
        const cleat_onnx_tensor *x = &from->tensor;
        to->tensor = (cleat_tensor){.type = CLEAT_TEXT, .rank = x->rank};
        memcpy(to->tensor.shape, x->shape, sizeof x->shape);
        to->count = count_of(x);
        to->texts = x->elements;
        return CLEAT_OK;
    }
    to->items = calloc(from->count + 1, sizeof *to->items);
    for (; to->items != NULL && status == CLEAT_OK && to->count < from->count; to->count++) {
        status = bring(context, &from->items[to->count], &to->items[to->count]);
    }
    return to->items == NULL ? CLEAT_OUT_OF_HOST_MEMORY : status;
}

static void input_free(cleat_value *v) {
    for (size_t i = 0; v->items != NULL && i < v->count; i++) {
        input_free(&v->items[i]);
    }
    free(v->items);
    cleat_tensor_release(&v->tensor);
}

static verdict compare_texts(
    size_t index, const cleat_value *got, const cleat_onnx_tensor *wanted) {
    char text[200];
    const char *const *texts = wanted->elements;
    bool is_same = got->tensor.rank == wanted->rank && got->count == count_of(wanted);
    for (int32_t i = 0; is_same && i < wanted->rank; i++) {
        is_same = got->tensor.shape[i] == wanted->shape[i];
    }
    if (!is_same) {
        snprintf(text, sizeof text, "output %zu has another shape than expected", index);
        return fail("%s", text);
    }
    for (size_t i = 0; i < got->count; i++) {
        if (strcmp(got->texts[i], texts[i]) != 0) {
            snprintf(text, sizeof text, "output %zu, text %zu of %zu: %.40s, expected %.40s", index,
                i, got->count, got->texts[i], texts[i]);
            return fail("%s", text);
        }
    }
    return (verdict){.outcome = PASSED};
}

static verdict compare_value(
    cleat_context *context, size_t index, const cleat_value *got, const host_value *wanted) {
    verdict v = {.outcome = PASSED};
    if (got->kind == CLEAT_VALUE_TEXTS && wanted->kind == CLEAT_VALUE_TEXTS) {
        return compare_texts(index, got, &wanted->tensor);
    }
    if (got->kind != wanted->kind || got->count != wanted->count) {
        char text[200];
        snprintf(text, sizeof text, "output %zu is of kind %d with %zu items, expected %d with %zu",
            index, (int)got->kind, got->count, (int)wanted->kind, wanted->count);
        return fail("%s", text);
    }
    if (got->kind == CLEAT_VALUE_TENSOR) {
        return compare_output(context, index, &got->tensor, &wanted->tensor);
    }
    for (size_t i = 0; i < got->count && v.outcome == PASSED; i++) {
        v = compare_value(context, index, &got->items[i], &wanted->items[i]);
    }
    return v;
}

/* ---- A data set ---- */

typedef struct value_set {
    host_value given[MOST_VALUES], wanted[MOST_VALUES];
    cleat_value inputs[MOST_VALUES], outputs[MOST_VALUES];
} value_set;

static cleat_status load_values(
    cleat_context *context, const char *path, const value_forms *forms, value_set *set) {
    cleat_status status = CLEAT_OK;
    for (size_t i = 0; status == CLEAT_OK && i < forms->input_count; i++) {
        status = load_value(path, "input", i, forms->inputs[i], &set->given[i]);
        if (status == CLEAT_OK) {
            status = bring(context, &set->given[i], &set->inputs[i]);
        }
    }
    for (size_t i = 0; status == CLEAT_OK && i < forms->output_count; i++) {
        status = load_value(path, "output", i, forms->outputs[i], &set->wanted[i]);
    }
    return status;
}

verdict run_values(
    cleat_context *context, cleat_model *model, const char *path, const value_forms *forms) {
    value_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return fail("%s", "no memory");
    }
    verdict v = from_status(load_values(context, path, forms, set));
    if (v.outcome == PASSED) {
        v = from_status(cleat_model_run_values(
            model, set->inputs, forms->input_count, set->outputs, forms->output_count));
    }
    for (size_t i = 0; i < forms->output_count && v.outcome == PASSED; i++) {
        v = compare_value(context, i, &set->outputs[i], &set->wanted[i]);
    }
    for (size_t i = 0; i < MOST_VALUES; i++) {
        input_free(&set->inputs[i]);
        cleat_value_release(&set->outputs[i]);
        host_value_free(&set->given[i]);
        host_value_free(&set->wanted[i]);
    }
    free(set);
    return v;
}
