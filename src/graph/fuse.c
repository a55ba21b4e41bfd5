/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/fuse.h"
#include "core/memory.h"
#include "graph/graph_build.h"
#include <stdio.h>
#include <string.h>

/* ---- The copy ---- */

/* Whether the constants of the copy say what this node writes. */
static bool is_folded(const program *p, size_t node) {
    const graph_node *n = &p->graph->nodes[node];
    bool folded = p->is_done[node];
    for (size_t i = 0; folded && i < n->output_count; i++) {
        const int32_t v = n->outputs[i];
        folded = v == NO_VALUE || p->uses[v] == 0 || p->constants[v].host != NULL;
    }
    return folded;
}

static cleat_status copy_values(const program *p, cleat_graph *graph) {
    for (size_t i = 0; i < p->graph->value_count; i++) {
        const graph_value *from = &p->graph->values[i];
        int32_t number;
        TRY(graph_value_named(graph, from->name, &number));
        graph_value *to = &graph->values[number];
        array *constant = p->constants[i].host != NULL ? p->constants[i].host : from->constant;
        const bool is_folded_away = from->writer >= 0 && is_folded(p, (size_t)from->writer);
        to->is_input = from->is_input;
        to->is_parameter = from->is_parameter;
        to->initial = from->initial;
        array_retain(to->initial);
        to->type = from->type;
        to->rank = from->rank;
        memcpy(to->shape, from->shape, sizeof to->shape);
        if (from->axes != NULL) {
            TRY(axes_copy(CLEAT_MAX_RANK, (const char *const *)from->axes, &to->axes));
        }
        if (from->constant != NULL || is_folded_away) {
            to->constant = constant;
            array_retain(constant);
        }
    }
    return CLEAT_OK;
}

static cleat_status copy_nodes(const program *p, cleat_graph *graph) {
    graph->nodes = memory_allocate_zeroed(p->graph->node_count + 1, sizeof *graph->nodes);
    REFUSE_IF(graph->nodes == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    graph->node_capacity = p->graph->node_count + 1;
    for (size_t i = 0; i < p->graph->node_count; i++) {
        if (is_folded(p, i)) {
            continue;
        }
        const size_t at = graph->node_count++;
        graph_node *n = &graph->nodes[at];
        TRY(node_copy(&p->graph->nodes[i], n));
        for (size_t k = 0; k < n->output_count; k++) {
            if (n->outputs[k] != NO_VALUE) {
                graph->values[n->outputs[k]].writer = (int32_t)at;
            }
        }
    }
    return CLEAT_OK;
}

static cleat_status copy_graph(const program *p, cleat_graph *graph) {
    TRY(copy_values(p, graph));
    TRY(copy_nodes(p, graph));
    TRY(values_copy(p->graph->inputs, p->graph->input_count, &graph->inputs));
    graph->input_count = p->graph->input_count;
    TRY(values_copy(p->graph->outputs, p->graph->output_count, &graph->outputs));
    graph->output_count = p->graph->output_count;
    return CLEAT_OK;
}

/* ---- Who reads what ---- */

static cleat_status make_room(fusion *f) {
    const size_t wanted = 2 * f->graph->value_count + 16;
    if (f->capacity >= f->graph->value_count) {
        return CLEAT_OK;
    }
    int32_t *uses = memory_resize(f->uses, wanted * sizeof *uses);
    f->uses = uses != NULL ? uses : f->uses;
    int32_t *reader = memory_resize(f->reader, wanted * sizeof *reader);
    f->reader = reader != NULL ? reader : f->reader;
    bool *is_pinned = memory_resize(f->is_pinned, wanted * sizeof *is_pinned);
    f->is_pinned = is_pinned != NULL ? is_pinned : f->is_pinned;
    REFUSE_IF(uses == NULL || reader == NULL || is_pinned == NULL, CLEAT_OUT_OF_HOST_MEMORY,
        "model: no host memory");
    f->capacity = wanted;
    return CLEAT_OK;
}

cleat_status fusion_recount(fusion *f) {
    const cleat_graph *graph = f->graph;
    const program *p = f->origin;
    TRY(make_room(f));
    for (size_t i = 0; i < graph->value_count; i++) {
        f->uses[i] = 0;
        f->reader[i] = -1;
        f->is_pinned[i] = false;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        for (size_t k = 0; !f->is_dropped[i] && k < graph->nodes[i].input_count; k++) {
            const int32_t v = graph->nodes[i].inputs[k];
            if (v != NO_VALUE) {
                f->uses[v]++;
                f->reader[v] = (int32_t)i;
            }
        }
    }
    for (size_t i = 0; i < graph->output_count; i++) {
        f->is_pinned[graph->outputs[i]] = true;
    }
    for (size_t i = 0; i < p->graph->node_count; i++) { /* values keep their numbers */
        for (size_t k = 0; k < p->nodes[i].capture_count; k++) {
            f->is_pinned[p->nodes[i].captures[k]] = true;
        }
    }
    return CLEAT_OK;
}

bool fusion_is(const fusion *f, size_t node, const char *type) {
    const graph_node *n = &f->graph->nodes[node];
    return !f->is_dropped[node] && !n->is_gradient && strcmp(n->type, type) == 0;
}

bool fusion_has(const fusion *f, size_t node, size_t input) {
    const graph_node *n = &f->graph->nodes[node];
    return input < n->input_count && n->inputs[input] != NO_VALUE;
}

const array *fusion_constant(const fusion *f, size_t node, size_t input) {
    const array *constant = fusion_has(f, node, input)
                                ? f->graph->values[f->graph->nodes[node].inputs[input]].constant
                                : NULL;
    return constant != NULL && constant->type != CLEAT_TEXT ? constant : NULL;
}

bool fusion_uses_outputs(const fusion *f, size_t node, size_t first) {
    const graph_node *n = &f->graph->nodes[node];
    for (size_t i = first; i < n->output_count; i++) {
        if (n->outputs[i] != NO_VALUE &&
            (f->uses[n->outputs[i]] > 0 || f->is_pinned[n->outputs[i]])) {
            return true;
        }
    }
    return false;
}

int32_t fusion_only_reader(const fusion *f, size_t node) {
    const graph_node *n = &f->graph->nodes[node];
    if (n->output_count == 0 || n->outputs[0] == NO_VALUE || fusion_uses_outputs(f, node, 1)) {
        return -1;
    }
    const int32_t v = n->outputs[0];
    return f->uses[v] == 1 && !f->is_pinned[v] ? f->reader[v] : -1;
}

int32_t fusion_only_writer(const fusion *f, size_t node, size_t input) {
    if (!fusion_has(f, node, input)) {
        return -1;
    }
    const int32_t writer = f->graph->values[f->graph->nodes[node].inputs[input]].writer;
    return writer >= 0 && !f->is_dropped[writer] &&
                   fusion_only_reader(f, (size_t)writer) == (int32_t)node &&
                   f->graph->nodes[writer].outputs[0] == f->graph->nodes[node].inputs[input]
               ? writer
               : -1;
}

/* ---- Changes ---- */

cleat_status fusion_add_constant(fusion *f, array *x, int32_t *value) {
    char name[64];
    snprintf(name, sizeof name, "(fused %zu)", f->graph->value_count);
    cleat_status status = graph_value_named(f->graph, name, value);
    if (status == CLEAT_OK && f->graph->values[*value].constant != NULL) {
        status = status_set(CLEAT_INVALID_ARGUMENT, "model: the value %s is there already", name);
    }
    if (status != CLEAT_OK) {
        array_release(x);
        return status;
    }
    f->graph->values[*value].constant = x;
    return CLEAT_OK;
}

cleat_status fusion_set_input(fusion *f, size_t node, size_t input, int32_t value) {
    graph_node *n = &f->graph->nodes[node];
    if (input >= n->input_count) {
        int32_t *grown = memory_resize(n->inputs, (input + 1) * sizeof *grown);
        REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
        n->inputs = grown;
        while (n->input_count <= input) {
            grown[n->input_count++] = NO_VALUE;
        }
    }
    n->inputs[input] = value;
    return CLEAT_OK;
}

cleat_status fusion_rename(fusion *f, size_t node, const char *type) {
    graph_node *n = &f->graph->nodes[node];
    char *copy = memory_copy_text(type);
    REFUSE_IF(copy == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    memory_free(n->type);
    n->type = copy;
    n->entry = operator_find(type);
    return CLEAT_OK;
}

static void drop(fusion *f, size_t node) {
    graph_node *n = &f->graph->nodes[node];
    f->is_dropped[node] = true;
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != NO_VALUE && f->graph->values[n->outputs[i]].writer == (int32_t)node) {
            f->graph->values[n->outputs[i]].writer = -1;
        }
    }
    f->changes++;
}

void fusion_take_output(fusion *f, size_t node, size_t last) {
    graph_node *n = &f->graph->nodes[node];
    drop(f, last);
    f->graph->values[n->outputs[0]].writer = -1;
    n->outputs[0] = f->graph->nodes[last].outputs[0];
    f->graph->values[n->outputs[0]].writer = (int32_t)node;
}

static void replace_reads(fusion *f, int32_t from, int32_t to) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        graph_node *n = &f->graph->nodes[i];
        for (size_t k = 0; !f->is_dropped[i] && k < n->input_count; k++) {
            n->inputs[k] = n->inputs[k] == from ? to : n->inputs[k];
        }
    }
}

bool fusion_bypass(fusion *f, size_t node) {
    const graph_node *n = &f->graph->nodes[node];
    const int32_t x = n->inputs[0], y = n->outputs[0];
    const int32_t writer = f->graph->values[x].writer;
    if (y == NO_VALUE) {
        return false;
    }
    if (!f->is_pinned[y]) {
        drop(f, node);
        replace_reads(f, y, x);
        return true;
    }
    if (writer < 0 || f->is_pinned[x]) {
        return false;
    }
    drop(f, node);
    graph_node *w = &f->graph->nodes[writer];
    for (size_t i = 0; i < w->output_count; i++) {
        w->outputs[i] = w->outputs[i] == x ? y : w->outputs[i];
    }
    f->graph->values[x].writer = -1;
    f->graph->values[y].writer = writer;
    replace_reads(f, x, y);
    return true;
}

/* ---- All of it ---- */

/* Takes dropped nodes out of the list. */
static void compact(fusion *f) {
    cleat_graph *graph = f->graph;
    size_t left = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (f->is_dropped[i]) {
            node_free(&graph->nodes[i]);
            continue;
        }
        graph->nodes[left] = graph->nodes[i];
        for (size_t k = 0; k < graph->nodes[left].output_count; k++) {
            if (graph->nodes[left].outputs[k] != NO_VALUE) {
                graph->values[graph->nodes[left].outputs[k]].writer = (int32_t)left;
            }
        }
        left++;
    }
    graph->node_count = left;
}

static cleat_status run_passes(fusion *f) {
    f->is_dropped = memory_allocate_zeroed(f->origin->graph->node_count + 1, sizeof *f->is_dropped);
    REFUSE_IF(f->is_dropped == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    TRY(copy_graph(f->origin, f->graph));
    TRY(fusion_recount(f));
    TRY(fuse_remove(f));
    TRY(fuse_channels(f));
    TRY(fuse_attention(f));
    TRY(fuse_epilogue(f));
    return fuse_chain(f);
}

cleat_status fuse_graph(const program *p, cleat_graph **fused) {
    fusion f = {.origin = p};
    *fused = NULL;
    TRY(cleat_graph_create(p->graph->opset, &f.graph));
    cleat_status status = run_passes(&f);
    if (status == CLEAT_OK && f.changes > 0) {
        compact(&f);
        *fused = f.graph;
    } else {
        cleat_graph_release(f.graph);
    }
    memory_free(f.uses);
    memory_free(f.reader);
    memory_free(f.is_pinned);
    memory_free(f.is_dropped);
    return status;
}
