/* SPDX-License-Identifier: Apache-2.0 */
/* Running a program, node by node. */
#include "graph/run.h"
#include "core/memory.h"
#include "graph/graph_program.h"
#include "graph/parameters.h"
#include "graph/watch.h"
#include <stdio.h>
#include <string.h>

void value_clear(run_value *v) {
    for (size_t i = 0; i < v->item_count; i++) {
        value_clear(&v->items[i]);
    }
    memory_free(v->items);
    array_release(v->host);
    storage_release(v->memory);
    *v = (run_value){.kind = VALUE_NONE};
}

cleat_status value_copy(const run_value *v, run_value *to) {
    run_value copy = *v;
    copy.items = NULL;
    copy.item_count = 0;
    if (v->kind == VALUE_SEQUENCE) {
        copy.items = memory_allocate_zeroed(v->item_count + 1, sizeof *copy.items);
        REFUSE_IF(copy.items == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
        for (size_t i = 0; i < v->item_count; i++) {
            cleat_status status = value_copy(&v->items[i], &copy.items[i]);
            if (status != CLEAT_OK) {
                copy.host = NULL;
                copy.memory = NULL;
                value_clear(&copy);
                return status;
            }
            copy.item_count++;
        }
    }
    array_retain(copy.host);
    if (copy.memory != NULL) {
        storage_retain(copy.memory);
    }
    *to = copy;
    return CLEAT_OK;
}

/* ---- One node ---- */

/* Where a value of the run is: its own, a constant, or one of a graph around. */
static run_value *locate(run *r, int32_t number) {
    while (r->program->outer[number].where != NULL) {
        const outer_value outer = r->program->outer[number];
        while (r != NULL && r->program != outer.where) {
            r = r->parent;
        }
        if (r == NULL) { /* while constants are worked out nothing runs around */
            return NULL;
        }
        number = outer.value;
    }
    run_value *constant = &r->program->constants[number];
    return constant->kind != VALUE_NONE ? constant : &r->values[number];
}

static bool wants_host(const call *c) {
    int64_t count = 0;
    for (size_t i = 0; i < c->input_count; i++) {
        const run_value *v = c->inputs[i];
        if (v != NULL && v->kind == VALUE_TENSOR) {
            if (v->host == NULL) {
                return false;
            }
            count += v->host->count;
        }
    }
    return c->node->entry->device == NULL || count <= CALL_SMALL;
}

static void clear_call(call *c, bool with_outputs) {
    for (int i = 0; i < c->scratch_count; i++) {
        storage_release(c->scratch[i]);
    }
    c->scratch_count = 0;
    call_free_memory(c);
    for (size_t i = 0; with_outputs && i < c->output_count; i++) {
        value_clear(&c->outputs[i]);
    }
}

/* A node that others were fused into: at once, or, where its operator cannot, one by one. */
static cleat_status call_fused(call *c) {
    cleat_status status = wants_host(c) ? CLEAT_UNSUPPORTED : c->node->entry->device(c);
    if (status != CLEAT_UNSUPPORTED && status != CLEAT_TYPE_MISMATCH) {
        return status;
    }
    clear_call(c, true);
    run_value *inputs = memory_allocate_zeroed(c->input_count + 1, sizeof *inputs);
    REFUSE_IF(inputs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    for (size_t i = 0; i < c->input_count; i++) {
        inputs[i] = c->inputs[i] != NULL ? *c->inputs[i] : inputs[i]; /* the call's references */
    }
    status = call_graph(c, FUSED_PARTS, c->input_count, inputs, 1, c->outputs);
    memory_free(inputs);
    return status;
}

static cleat_status call_operator(call *c) {
    const operator_entry *entry = c->node->entry;
    if (c->node->fusion.is_fused) {
        return call_fused(c);
    }
    cleat_status status = CLEAT_UNSUPPORTED;
    if (entry->host != NULL && (entry->device == NULL || wants_host(c))) {
        status = entry->host(c);
        if (status != CLEAT_UNSUPPORTED || entry->device == NULL) {
            return status;
        }
        clear_call(c, true);
        return entry->device(c);
    }
    status = entry->device(c);
    const bool is_type = status == CLEAT_UNSUPPORTED || status == CLEAT_TYPE_MISMATCH;
    if (is_type && entry->host != NULL) {
        clear_call(c, true);
        status = entry->host(c);
    }
    return status;
}

/* Puts the node before what an operation of the library said. */
static cleat_status name_node(const call *c, cleat_status status) {
    char node[512];
    if (strncmp(cleat_error_message(), "node ", 5) == 0) {
        return status;
    }
    snprintf(node, sizeof node, "node %s %s", c->node->type, c->node->name);
    return status_prefix(status, node);
}

/* The node's outputs become the run's values; those that nobody reads go at once. */
static void keep_outputs(run *r, call *c) {
    for (size_t i = 0; i < c->output_count; i++) {
        const int32_t number = c->node->outputs[i];
        if (number != NO_VALUE && r->program->uses[number] > 0) {
            r->values[number] = c->outputs[i];
            c->outputs[i] = (run_value){.kind = VALUE_NONE};
        }
    }
}

static cleat_status prepare_call(run *r, call *c) {
    for (size_t i = 0; i < c->input_count; i++) {
        const int32_t number = c->node->inputs[i];
        c->inputs[i] = number != NO_VALUE ? locate(r, number) : NULL;
        if (c->inputs[i] != NULL && c->inputs[i]->kind == VALUE_NONE) {
            c->inputs[i] = NULL; /* an output that its node left out */
        }
        if (c->inputs[i] == NULL && i < c->node->entry->least_inputs) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "input %zu has no value", i);
        }
        if (c->inputs[i] != NULL && c->inputs[i]->type == CLEAT_TEXT &&
            !operator_takes_texts(c->node->entry, i)) {
            return call_refuse(c, CLEAT_UNSUPPORTED, "input %zu is a tensor of texts", i);
        }
    }
    return CLEAT_OK;
}

cleat_status run_node(run *r, size_t node) {
    const graph_node *n = &r->program->graph->nodes[node];
    call c = {.run = r,
        .node = n,
        .state = &r->program->nodes[node],
        .context = r->model->context,
        .opset = r->program->graph->opset,
        .input_count = n->input_count,
        .output_count = n->output_count};
    c.inputs = memory_allocate_zeroed(n->input_count + 1, sizeof *c.inputs);
    c.outputs = memory_allocate_zeroed(n->output_count + 1, sizeof *c.outputs);
    cleat_status status = CLEAT_OK;
    if (c.inputs == NULL || c.outputs == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
        c.output_count = c.outputs == NULL ? 0 : c.output_count;
    }
    if (status == CLEAT_OK) {
        status = prepare_call(r, &c);
    }
    if (status == CLEAT_OK) {
        status = call_operator(&c);
    }
    if (status != CLEAT_OK) {
        status = name_node(&c, status);
    }
    if (status == CLEAT_OK && r->model->watcher != NULL) {
        status = watch_node(&c);
    }
    if (status == CLEAT_OK) {
        keep_outputs(r, &c);
    }
    clear_call(&c, true);
    memory_free(c.inputs);
    memory_free(c.outputs);
    return status;
}

/* ---- A whole program ---- */

/* Values that nobody will read any more after this node. */
static void drop_read(run *r, size_t node) {
    const graph_node *n = &r->program->graph->nodes[node];
    const node_state *state = &r->program->nodes[node];
    for (size_t i = 0; i < n->input_count + state->capture_count; i++) {
        const int32_t number =
            i < n->input_count ? n->inputs[i] : state->captures[i - n->input_count];
        if (number != NO_VALUE && --r->left[number] == 0) {
            value_clear(&r->values[number]);
        }
    }
}

static cleat_status take_outputs(run *r, run_value *outputs) {
    const cleat_graph *graph = r->program->graph;
    for (size_t i = 0; i < graph->output_count; i++) {
        const run_value *v = locate(r, graph->outputs[i]);
        TRY(value_copy(v, &outputs[i]));
    }
    return CLEAT_OK;
}

static cleat_status run_nodes(run *r, const run_value *inputs, run_value *outputs) {
    const program *p = r->program;
    memcpy(r->left, p->uses, p->graph->value_count * sizeof *r->left);
    for (size_t i = 0; i < p->graph->input_count; i++) {
        TRY(value_copy(&inputs[i], &r->values[p->graph->inputs[i]]));
    }
    if (p == r->model->main) {
        TRY(parameters_take(r));
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        const size_t node = (size_t)p->order[i];
        if (!p->is_done[node]) {
            TRY(run_node(r, node));
            drop_read(r, node);
        }
    }
    return take_outputs(r, outputs);
}

cleat_status program_run(cleat_model *model, program *p, run *parent, const run_value *inputs,
    run_value *outputs, bool *is_repeatable) {
    run r = {.model = model, .program = p, .parent = parent};
    r.values = memory_allocate_zeroed(p->graph->value_count + 1, sizeof *r.values);
    r.left = memory_allocate_zeroed(p->graph->value_count + 1, sizeof *r.left);
    cleat_status status = CLEAT_OK;
    if (r.values == NULL || r.left == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    }
    if (status == CLEAT_OK) {
        status = run_nodes(&r, inputs, outputs);
    }
    for (size_t i = 0; r.values != NULL && i < p->graph->value_count; i++) {
        value_clear(&r.values[i]);
    }
    for (size_t i = 0; status != CLEAT_OK && i < p->graph->output_count; i++) {
        value_clear(&outputs[i]);
    }
    if (parent != NULL) {
        parent->has_waited = parent->has_waited || r.has_waited;
        parent->is_random = parent->is_random || r.is_random;
    }
    if (is_repeatable != NULL) {
        *is_repeatable = !r.has_waited && !r.is_random;
    }
    memory_free(r.values);
    memory_free(r.left);
    return status;
}
