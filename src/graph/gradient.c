/* SPDX-License-Identifier: Apache-2.0 */
/* Adding gradients to a graph: backwards through the nodes that a value depends on. */
#include "graph/gradient.h"
#include "core/memory.h"
#include "graph/graph_build.h"
#include <cleat/compare.h>
#include <cleat/training.h>
#include <stdio.h>
#include <string.h>

/* ---- For rules ---- */

int32_t gradient_of(const gradient_builder *b, int32_t value) {
    return value != NO_VALUE && (size_t)value < b->value_count ? b->sum[value] : NO_VALUE;
}

bool gradient_wants(const gradient_builder *b, int32_t value) {
    return value != NO_VALUE && (size_t)value < b->value_count && b->is_wanted[value];
}

static const char *name_of(const gradient_builder *b, int32_t value) {
    return value != NO_VALUE ? b->graph->values[value].name : NULL;
}

/* A name that no value has. */
static void new_name(const gradient_builder *b, char *name, size_t size) {
    size_t number = b->graph->value_count;
    do {
        snprintf(name, size, "(gradient %zu)", number++);
    } while (graph_find_value(b->graph, name) != NO_VALUE);
}

cleat_status gradient_new_value(gradient_builder *b, int32_t *value) {
    char name[64];
    new_name(b, name, sizeof name);
    return graph_value_named(b->graph, name, value);
}

static cleat_status new_values(gradient_builder *b, size_t count, const char **names) {
    for (size_t i = 0; i < count; i++) {
        int32_t value = 0;
        TRY(gradient_new_value(b, &value));
        names[i] = b->graph->values[value].name;
    }
    return CLEAT_OK;
}

cleat_status gradient_new_node(gradient_builder *b, const char *type, const char *name,
    size_t input_count, const int32_t *inputs, size_t output_count, size_t *made) {
    const char **names = memory_allocate_zeroed(input_count + output_count + 1, sizeof *names);
    REFUSE_IF(names == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
    for (size_t i = 0; i < input_count; i++) {
        names[i] = name_of(b, inputs[i]);
    }
    cleat_status status = new_values(b, output_count, names + input_count);
    if (status == CLEAT_OK) {
        status = cleat_graph_node(
            b->graph, type, name, input_count, names, output_count, names + input_count, 0, NULL);
    }
    memory_free(names);
    *made = b->graph->node_count - 1;
    return status;
}

cleat_status gradient_add(gradient_builder *b, int32_t value, int32_t part) {
    size_t made = 0;
    if (!gradient_wants(b, value)) {
        return CLEAT_OK;
    }
    if (b->sum[value] == NO_VALUE) {
        b->sum[value] = part;
        return CLEAT_OK;
    }
    const int32_t parts[2] = {b->sum[value], part};
    TRY(gradient_new_node(b, "Add", b->graph->values[value].name, 2, parts, 1, &made));
    b->sum[value] = b->graph->nodes[made].outputs[0];
    return CLEAT_OK;
}

/* The inputs of a gradient's node; as many as *count says. */
static int32_t *list_inputs(const gradient_builder *b, size_t node, const gradient_entry *entry,
    int32_t result, int32_t dy, size_t *count) {
    const graph_node *n = &b->graph->nodes[node];
    const size_t most = n->entry->most_inputs;
    *count = (most != SIZE_MAX && most > n->input_count ? most : n->input_count) + 2;
    int32_t *inputs = memory_allocate_zeroed(*count, sizeof *inputs);
    for (size_t i = 0; inputs != NULL && i < *count - 2; i++) {
        inputs[i] = i < n->input_count && gradient_has(entry->reads, i) ? n->inputs[i] : NO_VALUE;
    }
    if (inputs != NULL) {
        inputs[*count - 2] = result;
        inputs[*count - 1] = dy;
    }
    return inputs;
}

/* Makes a node with the operator's type that of an entry. Outputs that nobody wants are left out.
 */
static cleat_status describe(
    gradient_builder *b, size_t node, const gradient_entry *entry, size_t made) {
    graph_node *g = &b->graph->nodes[made];
    const graph_node *n = &b->graph->nodes[node];
    g->entry = &entry->node;
    g->is_gradient = true;
    for (size_t i = 0; i < g->output_count; i++) {
        if (!gradient_has(entry->gives, i) || !gradient_wants(b, n->inputs[i])) {
            b->graph->values[g->outputs[i]].writer = -1;
            g->outputs[i] = NO_VALUE;
        }
    }
    return node_copy_attributes(n, g);
}

cleat_status gradient_add_node(gradient_builder *b, size_t node, const gradient_entry *entry,
    int32_t result, int32_t dy, size_t *made) {
    size_t count;
    int32_t *inputs = list_inputs(b, node, entry, result, dy, &count);
    REFUSE_IF(inputs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
    const graph_node *n = &b->graph->nodes[node];
    char *name = memory_allocate(strlen(n->name) + 32);
    cleat_status status = CLEAT_OUT_OF_HOST_MEMORY;
    if (name != NULL) {
        snprintf(name, strlen(n->name) + 32, "(gradient) %s", n->name);
        status = gradient_new_node(b, n->type, name, count, inputs, n->input_count, made);
    }
    memory_free(inputs);
    memory_free(name);
    REFUSE_IF(name == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
    TRY(status);
    TRY(describe(b, node, entry, *made));
    for (size_t i = 0; i < b->graph->nodes[node].input_count; i++) {
        const int32_t part = b->graph->nodes[*made].outputs[i];
        if (part != NO_VALUE) {
            TRY(gradient_add(b, b->graph->nodes[node].inputs[i], part));
        }
    }
    return CLEAT_OK;
}

/* ---- The nodes that a value depends on ---- */

typedef struct walk {
    size_t node_count;
    size_t *at;     /* of each node: the next of its inputs to look at */
    uint8_t *state; /* of each node: not met, on the way, done */
    int32_t *stack, *order;
    size_t done; /* nodes in `order`: each behind those that it needs */
} walk;

static void walk_free(walk *w) {
    memory_free(w->at);
    memory_free(w->state);
    memory_free(w->stack);
    memory_free(w->order);
}

/* Depth first from the node that writes a value. */
static cleat_status walk_from(const cleat_graph *graph, int32_t value, walk *w) {
    size_t depth = 0;
    if (graph->values[value].writer < 0) {
        return CLEAT_OK;
    }
    w->stack[depth++] = graph->values[value].writer;
    w->state[w->stack[0]] = 1;
    while (depth > 0) {
        const int32_t node = w->stack[depth - 1];
        const graph_node *n = &graph->nodes[node];
        if (w->at[node] == n->input_count) {
            w->state[node] = 2;
            w->order[w->done++] = node;
            depth--;
            continue;
        }
        const int32_t read = n->inputs[w->at[node]++];
        const int32_t before = read == NO_VALUE ? -1 : graph->values[read].writer;
        if (before < 0 || w->state[before] == 2) {
            continue;
        }
        REFUSE_IF(w->state[before] == 1, CLEAT_INVALID_ARGUMENT,
            "graph_gradients: node %s %s needs its own result", graph->nodes[before].type,
            graph->nodes[before].name);
        w->state[before] = 1;
        w->stack[depth++] = before;
    }
    return CLEAT_OK;
}

static cleat_status walk_create(const cleat_graph *graph, int32_t value, walk *w) {
    const size_t count = graph->node_count + 1;
    w->node_count = graph->node_count;
    w->at = memory_allocate_zeroed(count, sizeof *w->at);
    w->state = memory_allocate_zeroed(count, sizeof *w->state);
    w->stack = memory_allocate_zeroed(count, sizeof *w->stack);
    w->order = memory_allocate_zeroed(count, sizeof *w->order);
    REFUSE_IF(w->at == NULL || w->state == NULL || w->stack == NULL || w->order == NULL,
        CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
    return walk_from(graph, value, w);
}

/* Which inputs have a gradient: an operator without a rule is met when its gradient is wanted. */
static uint32_t gives_of(const graph_node *n) {
    const gradient_entry *entry = n->is_gradient ? NULL : gradient_find(n->type);
    return entry != NULL ? entry->gives : gradient_is_none(n->type) ? 0 : GRADIENT_ALL;
}

/* A node with a graph of its own may read any value in it. */
static bool has_graph(const graph_node *n) {
    bool found = false;
    for (size_t i = 0; i < n->attribute_count; i++) {
        found = found || n->attributes[i].kind == CLEAT_ATTRIBUTE_GRAPH;
    }
    return found;
}

/* Whether an input that has a gradient depends on a wanted value. */
static bool leads_to_wanted(const gradient_builder *b, const graph_node *n) {
    const uint32_t gives = gives_of(n);
    bool leads = has_graph(n);
    for (size_t i = 0; i < n->input_count; i++) {
        leads = leads || (gradient_has(gives, i) && gradient_wants(b, n->inputs[i]));
    }
    return leads;
}

/* Marks what depends on a wanted value, in the order of the nodes. */
static void mark(gradient_builder *b, const walk *w) {
    for (size_t i = 0; i < w->done; i++) {
        const graph_node *n = &b->graph->nodes[w->order[i]];
        const bool depends = leads_to_wanted(b, n);
        for (size_t k = 0; depends && k < n->output_count; k++) {
            if (n->outputs[k] != NO_VALUE) {
                b->is_wanted[n->outputs[k]] = true;
            }
        }
    }
}

/* ---- Backwards ---- */

static cleat_status apply_rule(gradient_builder *b, size_t node) {
    const graph_node *n = &b->graph->nodes[node];
    const gradient_entry *entry = n->is_gradient ? NULL : gradient_find(n->type);
    bool is_met = false;
    for (size_t i = 0; i < n->output_count; i++) {
        is_met = is_met || gradient_of(b, n->outputs[i]) != NO_VALUE;
    }
    if (!is_met || !leads_to_wanted(b, n)) {
        return CLEAT_OK;
    }
    REFUSE_IF(entry == NULL, CLEAT_UNSUPPORTED,
        "graph_gradients: node %s %s: there is no gradient of %s%s", n->type, n->name, n->type,
        n->is_gradient ? "'s gradient" : "");
    if (entry->rule != NULL) {
        return entry->rule(b, node);
    }
    for (size_t i = 1; i < n->output_count; i++) {
        REFUSE_IF(gradient_of(b, n->outputs[i]) != NO_VALUE, CLEAT_UNSUPPORTED,
            "graph_gradients: node %s %s: there is a gradient of its first result alone, one of "
            "result %zu is wanted",
            n->type, n->name, i);
    }
    size_t made = 0;
    return gradient_add_node(b, node, entry,
        (entry->reads & GRADIENT_RESULT) != 0 ? n->outputs[0] : NO_VALUE,
        gradient_of(b, n->outputs[0]), &made);
}

/* Ones of the value's shape. */
static cleat_status ones(call *c) {
    cleat_tensor y;
    const run_value *x;
    TRY(call_input(c, 0, &x));
    TRY(call_output(c, 0, x->type, x->rank, x->shape, &y));
    return cleat_fill(c->context, 1, y);
}

static const operator_entry ones_entry = {"(ones)", NULL, ones, 1, 1, false};

static cleat_status start(gradient_builder *b, int32_t of) {
    size_t made = 0;
    TRY(gradient_new_node(b, "(ones)", "", 1, &of, 1, &made));
    b->graph->nodes[made].entry = &ones_entry;
    b->graph->nodes[made].is_gradient = true;
    return gradient_add(b, of, b->graph->nodes[made].outputs[0]);
}

/* Gives the gradient of a value its name. */
static cleat_status name_gradient(
    gradient_builder *b, int32_t of, int32_t value, const char *gradient) {
    const char *inputs[1] = {NULL};
    REFUSE_IF(gradient_of(b, value) == NO_VALUE, CLEAT_INVALID_ARGUMENT,
        "graph_gradients: %s does not depend on %s", b->graph->values[of].name,
        b->graph->values[value].name);
    inputs[0] = b->graph->values[b->sum[value]].name;
    return cleat_graph_node(
        b->graph, "Identity", gradient, 1, inputs, 1, (const char *const[]){gradient}, 0, NULL);
}

cleat_status gradients_build(gradient_builder *b, int32_t of) {
    walk w = {0};
    cleat_status status = walk_create(b->graph, of, &w);
    if (status == CLEAT_OK) {
        mark(b, &w);
    }
    if (status == CLEAT_OK && gradient_wants(b, of)) {
        status = start(b, of);
        for (size_t i = w.done; i > 0 && status == CLEAT_OK; i--) {
            status = apply_rule(b, (size_t)w.order[i - 1]);
        }
    }
    walk_free(&w);
    return status;
}

cleat_status gradients_begin(cleat_graph *graph, gradient_builder *b) {
    *b = (gradient_builder){.graph = graph, .value_count = graph->value_count};
    b->is_wanted = memory_allocate_zeroed(b->value_count + 1, sizeof *b->is_wanted);
    b->sum = memory_allocate_zeroed(b->value_count + 1, sizeof *b->sum);
    REFUSE_IF(b->is_wanted == NULL || b->sum == NULL, CLEAT_OUT_OF_HOST_MEMORY,
        "graph_gradients: no host memory");
    for (size_t i = 0; i < b->value_count; i++) {
        b->sum[i] = NO_VALUE;
    }
    return CLEAT_OK;
}

void gradients_end(gradient_builder *b) {
    memory_free(b->is_wanted);
    memory_free(b->sum);
}

static cleat_status find_value(const cleat_graph *graph, const char *name, int32_t *value) {
    REFUSE_IF(name == NULL, CLEAT_INVALID_ARGUMENT, "graph_gradients: a name is NULL");
    *value = graph_find_value(graph, name);
    REFUSE_IF(
        *value == NO_VALUE, CLEAT_INVALID_ARGUMENT, "graph_gradients: there is no value %s", name);
    return CLEAT_OK;
}

static cleat_status build_named(gradient_builder *b, const char *of, size_t count,
    const char *const *values, const char *const *gradients) {
    int32_t from = 0, value = 0;
    TRY(find_value(b->graph, of, &from));
    for (size_t i = 0; i < count; i++) {
        TRY(find_value(b->graph, values[i], &value));
        b->is_wanted[value] = true;
        REFUSE_IF(gradients[i] == NULL || graph_find_value(b->graph, gradients[i]) != NO_VALUE,
            CLEAT_INVALID_ARGUMENT, "graph_gradients: the value %s is there already, or NULL",
            gradients[i] != NULL ? gradients[i] : "");
    }
    TRY(gradients_build(b, from));
    for (size_t i = 0; i < count; i++) {
        TRY(find_value(b->graph, values[i], &value));
        TRY(name_gradient(b, from, value, gradients[i]));
    }
    return CLEAT_OK;
}

cleat_status cleat_graph_gradients(cleat_graph *graph, const char *of, size_t count,
    const char *const *values, const char *const *gradients) {
    gradient_builder b;
    REFUSE_IF(graph == NULL, CLEAT_INVALID_ARGUMENT, "graph_gradients: graph is NULL");
    REFUSE_IF(graph->is_settled, CLEAT_INVALID_ARGUMENT,
        "graph_gradients: a model was made of the graph, which does not change any more");
    REFUSE_IF(count > 0 && (values == NULL || gradients == NULL), CLEAT_INVALID_ARGUMENT,
        "graph_gradients: a list is NULL");
    cleat_status status = gradients_begin(graph, &b);
    if (status == CLEAT_OK) {
        status = build_named(&b, of, count, values, gradients);
    }
    gradients_end(&b);
    return status;
}
