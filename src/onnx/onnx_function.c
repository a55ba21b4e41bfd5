/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/onnx_function.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct named_attribute {
    const char *name;
    const Onnx__Attribute *attribute;
} named_attribute;

typedef struct scope {
    const Onnx__Function *function;
    const Onnx__Node *call;      /* its names are those of the graph */
    named_attribute *attributes; /* as the call gives them */
    size_t attribute_count;
    size_t number; /* of the call, among all */
    int depth;     /* of calls */
} scope;

/* ---- The model's functions ---- */

static const char *text_of(const char *text) {
    return text != NULL ? text : "";
}

/* ONNX's own domain has two names. */
static const char *domain_of(const char *domain) {
    return strcmp(text_of(domain), "ai.onnx") == 0 ? "" : text_of(domain);
}

static int compare_names(
    const Onnx__Function *a, const char *domain, const char *name, const char *overload) {
    int order = strcmp(domain_of(a->domain), domain_of(domain));
    order = order != 0 ? order : strcmp(text_of(a->name), text_of(name));
    return order != 0 ? order : strcmp(text_of(a->overload), text_of(overload));
}

static int compare_functions(const void *a, const void *b) {
    const Onnx__Function *y = *(Onnx__Function *const *)b;
    return compare_names(*(Onnx__Function *const *)a, y->domain, y->name, y->overload);
}

cleat_status function_list_add(function_list *list, source *s, range bytes) {
    void *copy;
    TRY(grow((void **)&list->functions, &list->capacity, list->count, sizeof *list->functions));
    TRY(source_copy(s, bytes, &copy));
    cleat_status status = unpack_message(&onnx__function__descriptor, copy,
        (size_t)(bytes.end - bytes.begin), (void **)&list->functions[list->count]);
    cleat_host_release(copy);
    if (status != CLEAT_OK) {
        return refuse_in(status, "function %zu", list->count);
    }
    list->count++;
    return CLEAT_OK;
}

cleat_status function_list_sort(function_list *list, int64_t opset) {
    if (list->count > 0) {
        qsort(list->functions, list->count, sizeof(Onnx__Function *), compare_functions);
    }
    for (size_t i = 0; i < list->count; i++) {
        const Onnx__Function *f = list->functions[i];
        REFUSE_IF(i > 0 && compare_functions(&list->functions[i - 1], &list->functions[i]) == 0,
            CLEAT_INVALID_ARGUMENT, "two functions are called %s", text_of(f->name));
        REFUSE_IF(f->n_input > MOST_PARAMETERS || f->n_output > MOST_PARAMETERS, CLEAT_UNSUPPORTED,
            "function %s has %zu inputs and %zu outputs, above %d", text_of(f->name), f->n_input,
            f->n_output, MOST_PARAMETERS);
        for (size_t k = 0; k < f->n_opset_import; k++) {
            const Onnx__OperatorSet *set = f->opset_import[k];
            REFUSE_IF(domain_of(set->domain)[0] == '\0' && set->version != opset, CLEAT_UNSUPPORTED,
                "function %s means version %lld of the operators, the model %lld", text_of(f->name),
                (long long)set->version, (long long)opset);
        }
    }
    return CLEAT_OK;
}

void function_list_free(function_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        release_message(list->functions[i]);
    }
    cleat_host_release(list->functions);
    list->functions = NULL;
    list->count = list->capacity = 0;
}

const Onnx__Function *function_called(const function_list *list, const Onnx__Node *node) {
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const Onnx__Function *f = list->functions[middle];
        const int order = compare_names(f, node->domain, node->op_type, node->overload);
        if (order == 0) {
            return f;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* ---- What names and attributes inside stand for ---- */

/* The call's name for the place-th, "" where it leaves it out. */
static const char *given(size_t count, char *const *names, size_t place) {
    return place < count ? names[place] : "";
}

/* What the name stands for; NULL: it is the call's own. */
static const char *meaning(const scope *s, const char *name) {
    for (size_t i = 0; i < s->function->n_input; i++) {
        if (strcmp(s->function->input[i], name) == 0) {
            return given(s->call->n_input, s->call->input, i);
        }
    }
    for (size_t i = 0; i < s->function->n_output; i++) {
        if (strcmp(s->function->output[i], name) == 0) {
            const char *called = given(s->call->n_output, s->call->output, i);
            return called[0] != '\0' ? called : NULL;
        }
    }
    return NULL;
}

cleat_status rename_value(const onnx_reader *r, char **name) {
    void *renamed;
    if (r->scope == NULL || *name == NULL || (*name)[0] == '\0') {
        return CLEAT_OK;
    }
    const char *meant = meaning(r->scope, *name);
    const size_t size = strlen(meant != NULL ? meant : *name) + 32;
    TRY(allocate(size, 1, &renamed));
    if (meant != NULL) {
        snprintf(renamed, size, "%s", meant);
    } else {
        snprintf(renamed, size, "call %zu/%s", r->scope->number, *name);
    }
    cleat_host_release(*name);
    *name = renamed;
    return CLEAT_OK;
}

cleat_status attribute_meant(
    const onnx_reader *r, const Onnx__Attribute *from, const Onnx__Attribute **meant) {
    const char *name = text_of(from->ref_attr_name);
    *meant = from;
    if (name[0] == '\0') {
        return CLEAT_OK;
    }
    REFUSE_IF(r->scope == NULL, CLEAT_INVALID_ARGUMENT,
        "refers to the attribute %s of a function, outside of one", name);
    *meant = NULL;
    const Onnx__Function *f = r->scope->function;
    for (size_t i = 0; i < f->n_attribute_proto; i++) {
        if (strcmp(text_of(f->attribute_proto[i]->name), name) == 0) {
            *meant = f->attribute_proto[i];
        }
    }
    for (size_t i = 0; i < r->scope->attribute_count; i++) {
        if (strcmp(r->scope->attributes[i].name, name) == 0) {
            *meant = r->scope->attributes[i].attribute;
        }
    }
    REFUSE_IF(*meant != NULL && (*meant)->has_g, CLEAT_UNSUPPORTED,
        "refers to the attribute %s, a graph given to a function", name);
    return CLEAT_OK;
}

/* ---- A call ---- */

static cleat_status read_body(const onnx_reader *r, int depth, cleat_graph *graph) {
    const scope *s = r->scope;
    for (size_t i = 0; i < s->function->n_node; i++) {
        source bytes;
        const ProtobufCBinaryData node = s->function->node[i];
        call_counts *so_far = r->functions->called;
        so_far->nodes++;
        so_far->bytes += node.len;
        REFUSE_IF(so_far->nodes > MOST_CALLED_NODES || so_far->bytes > MOST_CALLED_BYTES,
            CLEAT_UNSUPPORTED, "calls of functions make more than %d nodes or %d bytes of them",
            MOST_CALLED_NODES, MOST_CALLED_BYTES);
        source_of_memory(&bytes, node.data, node.len);
        TRY(read_node(r, &bytes, (range){0, node.len}, depth, i, graph));
    }
    return CLEAT_OK;
}

/* Outputs that no node writes by the call's name: those that are inputs, or outputs twice. */
static cleat_status pass_on(const onnx_reader *r, cleat_graph *graph) {
    const scope *s = r->scope;
    for (size_t i = 0; i < s->function->n_output; i++) {
        const char *wanted = given(s->call->n_output, s->call->output, i);
        const char *meant = meaning(s, s->function->output[i]);
        if (wanted[0] != '\0' && meant != NULL && strcmp(wanted, meant) != 0) {
            TRY(cleat_graph_node(graph, "Identity", s->call->name, 1, &meant, 1, &wanted, 0, NULL));
        }
    }
    return CLEAT_OK;
}

static cleat_status take_attributes(const onnx_reader *outside, const Onnx__Node *node, scope *s) {
    TRY(allocate(node->n_attribute + 1, sizeof *s->attributes, (void **)&s->attributes));
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__Attribute *meant;
        TRY(attribute_meant(outside, node->attribute[i], &meant));
        if (meant != NULL) {
            s->attributes[s->attribute_count++] =
                (named_attribute){text_of(node->attribute[i]->name), meant};
        }
    }
    return CLEAT_OK;
}

cleat_status call_function(const onnx_reader *r, const Onnx__Function *function,
    const Onnx__Node *node, int depth, cleat_graph *graph) {
    scope s = {.function = function, .call = node, .number = ++r->functions->called->calls};
    s.depth = r->scope != NULL ? r->scope->depth + 1 : 1;
    REFUSE_IF(s.depth > MOST_CALLS, CLEAT_UNSUPPORTED,
        "more than %d calls of functions within each other", MOST_CALLS);
    REFUSE_IF(node->n_input > function->n_input || node->n_output > function->n_output,
        CLEAT_INVALID_ARGUMENT, "%zu inputs and %zu outputs, where the function has %zu and %zu",
        node->n_input, node->n_output, function->n_input, function->n_output);
    onnx_reader inside = *r;
    inside.scope = &s;
    cleat_status status = take_attributes(r, node, &s);
    if (status == CLEAT_OK) {
        status = read_body(&inside, depth, graph);
    }
    if (status == CLEAT_OK) {
        status = pass_on(&inside, graph);
    }
    cleat_host_release(s.attributes);
    return status;
}
