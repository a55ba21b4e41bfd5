/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph_program.h"
#include "core/memory.h"
#include "graph/graph_build.h"
#include <string.h>

static void node_state_free(node_state *state, size_t attribute_count) {
    for (size_t i = 0; state->graphs != NULL && i < attribute_count; i++) {
        program_free(state->graphs[i]);
    }
    memory_free(state->graphs);
    memory_free(state->captures);
    for (int i = 0; i < CALL_SLOTS; i++) {
        if (state->kept[i] != NULL) {
            state->release[i](state->kept[i]);
        }
    }
}

void program_free(program *p) {
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; p->nodes != NULL && i < p->graph->node_count; i++) {
        node_state_free(&p->nodes[i], p->graph->nodes[i].attribute_count);
    }
    for (size_t i = 0; p->constants != NULL && i < p->graph->value_count; i++) {
        value_clear(&p->constants[i]);
    }
    memory_free(p->order);
    memory_free(p->uses);
    memory_free(p->outer);
    memory_free(p->constants);
    memory_free(p->is_done);
    memory_free(p->nodes);
    cleat_graph_release(p->graph);
    memory_free(p);
}

static cleat_status allocate(program *p) {
    const size_t values = p->graph->value_count + 1, nodes = p->graph->node_count + 1;
    p->order = memory_allocate_zeroed(nodes, sizeof *p->order);
    p->uses = memory_allocate_zeroed(values, sizeof *p->uses);
    p->outer = memory_allocate_zeroed(values, sizeof *p->outer);
    p->constants = memory_allocate_zeroed(values, sizeof *p->constants);
    p->is_done = memory_allocate_zeroed(nodes, sizeof *p->is_done);
    p->nodes = memory_allocate_zeroed(nodes, sizeof *p->nodes);
    REFUSE_IF(p->order == NULL || p->uses == NULL || p->outer == NULL || p->constants == NULL ||
                  p->is_done == NULL || p->nodes == NULL,
        CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    return CLEAT_OK;
}

/* ---- What comes from graphs around ---- */

/* Notes that the node of `where` inside which p lies reads a value. */
static cleat_status add_capture(program *where, const program *p, int32_t value) {
    while (p->parent != where) {
        p = p->parent;
    }
    node_state *state = &where->nodes[p->parent_node];
    int32_t *grown =
        memory_resize(state->captures, (state->capture_count + 1) * sizeof *state->captures);
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    state->captures = grown;
    grown[state->capture_count++] = value;
    where->uses[value]++;
    return CLEAT_OK;
}

static cleat_status find_outer(program *p, int32_t value) {
    const char *name = p->graph->values[value].name;
    for (program *where = p->parent; where != NULL; where = where->parent) {
        const int32_t found = graph_find_value(where->graph, name);
        if (found != NO_VALUE && value_is_written(&where->graph->values[found])) {
            p->outer[value] = (outer_value){where, found};
            return add_capture(where, p, found);
        }
    }
    return status_set(CLEAT_INVALID_ARGUMENT,
        "model: the value %s is read, but no input, constant or output of a node", name);
}

/* ---- The order ---- */

/* Calls `visit` for each value that the node reads. */
static size_t read_count(const program *p, size_t node) {
    return p->graph->nodes[node].input_count + p->nodes[node].capture_count;
}

static int32_t read_value(const program *p, size_t node, size_t i) {
    const graph_node *n = &p->graph->nodes[node];
    return i < n->input_count ? n->inputs[i] : p->nodes[node].captures[i - n->input_count];
}

/* The node that has to run before, for the i-th value that `node` reads; -1: none. */
static int32_t needed(const program *p, size_t node, size_t i) {
    const int32_t value = read_value(p, node, i);
    return value == NO_VALUE ? -1 : p->graph->values[value].writer;
}

/* Depth first from each node, without recursion: `stack` has the way to where it stands. */
typedef struct walk {
    size_t *at;     /* of each node: the next of its reads to look at */
    uint8_t *state; /* of each node: not met, on the way, done */
    int32_t *stack;
} walk;

static cleat_status visit(program *p, walk *w, size_t root, size_t *done) {
    size_t depth = 0;
    if (w->state[root] != 0) {
        return CLEAT_OK;
    }
    w->stack[depth++] = (int32_t)root;
    w->state[root] = 1;
    while (depth > 0) {
        const size_t node = (size_t)w->stack[depth - 1];
        if (w->at[node] == read_count(p, node)) {
            w->state[node] = 2;
            p->order[(*done)++] = (int32_t)node;
            depth--;
            continue;
        }
        const int32_t before = needed(p, node, w->at[node]++);
        if (before < 0 || w->state[before] == 2) {
            continue;
        }
        REFUSE_IF(w->state[before] == 1, CLEAT_INVALID_ARGUMENT,
            "model: node %s %s needs its own result", p->graph->nodes[before].type,
            p->graph->nodes[before].name);
        w->state[before] = 1;
        w->stack[depth++] = before;
    }
    return CLEAT_OK;
}

static cleat_status sort_nodes(program *p) {
    const size_t count = p->graph->node_count + 1;
    walk w = {memory_allocate_zeroed(count, sizeof *w.at),
        memory_allocate_zeroed(count, sizeof *w.state),
        memory_allocate_zeroed(count, sizeof *w.stack)};
    cleat_status status = CLEAT_OK;
    if (w.at == NULL || w.state == NULL || w.stack == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    }
    size_t done = 0;
    for (int updates = 0; updates < 2; updates++) { /* which come last */
        for (size_t i = 0; status == CLEAT_OK && i < p->graph->node_count; i++) {
            if (p->graph->nodes[i].is_update == (updates == 1)) {
                status = visit(p, &w, i, &done);
            }
        }
    }
    memory_free(w.at);
    memory_free(w.state);
    memory_free(w.stack);
    return status;
}

/* ---- Making one ---- */

static cleat_status check_nodes(const cleat_graph *graph) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const graph_node *n = &graph->nodes[i];
        REFUSE_IF(n->entry == NULL, CLEAT_UNSUPPORTED, "model: node %s: no operator %s", n->name,
            n->type);
        REFUSE_IF(n->input_count > n->entry->most_inputs && !n->fusion.is_fused,
            CLEAT_INVALID_ARGUMENT, "model: node %s %s has %zu inputs, %zu at most expected",
            n->type, n->name, n->input_count, n->entry->most_inputs);
        for (size_t k = 0; k < n->entry->least_inputs; k++) {
            REFUSE_IF(k >= n->input_count || n->inputs[k] == NO_VALUE, CLEAT_INVALID_ARGUMENT,
                "model: node %s %s has no input %zu", n->type, n->name, k);
        }
    }
    return CLEAT_OK;
}

static cleat_status make_inner(program *p) {
    for (size_t i = 0; i < p->graph->node_count; i++) {
        const graph_node *n = &p->graph->nodes[i];
        p->nodes[i].graphs = memory_allocate_zeroed(n->attribute_count + 1, sizeof(program *));
        REFUSE_IF(p->nodes[i].graphs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
        for (size_t k = 0; k < n->attribute_count; k++) {
            if (n->attributes[k].kind == CLEAT_ATTRIBUTE_GRAPH) {
                TRY(program_create(n->attributes[k].graph, p, i, &p->nodes[i].graphs[k]));
            }
        }
    }
    return CLEAT_OK;
}

static cleat_status add_constants(program *p) {
    for (size_t i = 0; i < p->graph->value_count; i++) {
        array *known = p->graph->values[i].constant;
        if (known != NULL) {
            run_value *v = &p->constants[i];
            *v = (run_value){.kind = VALUE_TENSOR, .type = known->type, .rank = known->rank};
            memcpy(v->shape, known->shape, sizeof v->shape);
            v->host = known;
            array_retain(known);
        }
    }
    return CLEAT_OK;
}

/* Only a model's own graph has them. */
static cleat_status check_parameters(const program *p) {
    for (size_t i = 0; p->parent != NULL && i < p->graph->value_count; i++) {
        REFUSE_IF(p->graph->values[i].is_parameter, CLEAT_INVALID_ARGUMENT,
            "model: the graph of an attribute has a parameter, %s", p->graph->values[i].name);
    }
    return CLEAT_OK;
}

static cleat_status prepare(program *p) {
    TRY(allocate(p));
    TRY(check_parameters(p));
    TRY(check_nodes(p->graph));
    TRY(add_constants(p));
    for (size_t i = 0; i < p->graph->node_count; i++) {
        for (size_t k = 0; k < p->graph->nodes[i].input_count; k++) {
            if (p->graph->nodes[i].inputs[k] != NO_VALUE) {
                p->uses[p->graph->nodes[i].inputs[k]]++;
            }
        }
    }
    for (size_t i = 0; i < p->graph->output_count; i++) {
        p->uses[p->graph->outputs[i]]++;
    }
    for (size_t i = 0; i < p->graph->value_count; i++) {
        if (p->uses[i] > 0 && !value_is_written(&p->graph->values[i])) {
            TRY(find_outer(p, (int32_t)i));
        }
    }
    TRY(make_inner(p));
    return sort_nodes(p);
}

cleat_status program_create(
    cleat_graph *graph, program *parent, size_t parent_node, program **made) {
    size_t depth = 0;
    for (const program *p = parent; p != NULL; p = p->parent) {
        depth++;
    }
    REFUSE_IF(depth > 32, CLEAT_UNSUPPORTED, "model: more than 32 graphs within each other");
    program *p = memory_allocate_zeroed(1, sizeof *p);
    REFUSE_IF(p == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    graph->is_settled = true;
    graph_retain(graph);
    p->graph = graph;
    p->parent = parent;
    p->parent_node = parent_node;
    cleat_status status = prepare(p);
    if (status != CLEAT_OK) {
        program_free(p);
        return status;
    }
    *made = p;
    return CLEAT_OK;
}

/* ---- What depends on constants alone ---- */

static bool can_fold(const program *p, size_t node) {
    const graph_node *n = &p->graph->nodes[node];
    if (n->entry->is_random || n->is_update) {
        return false;
    }
    for (size_t k = 0; k < n->attribute_count; k++) {
        if (p->nodes[node].graphs[k] != NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < n->input_count; i++) {
        if (n->inputs[i] != NO_VALUE && p->constants[n->inputs[i]].kind == VALUE_NONE) {
            return false;
        }
    }
    return true;
}

cleat_status program_fold(cleat_model *model, program *p) {
    run r = {.model = model, .program = p, .values = p->constants};
    for (size_t i = 0; i < p->graph->node_count; i++) {
        const size_t node = (size_t)p->order[i];
        if (can_fold(p, node)) {
            TRY(run_node(&r, node));
            p->is_done[node] = true;
        }
        for (size_t k = 0; k < p->graph->nodes[node].attribute_count; k++) {
            if (p->nodes[node].graphs[k] != NULL) {
                TRY(program_fold(model, p->nodes[node].graphs[k]));
            }
        }
    }
    return CLEAT_OK;
}
