/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's function sees of its call. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/channels_last.h"
#include "graph/graph_program.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

cleat_status call_refuse(const call *c, cleat_status status, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return status_set(status, "node %s %s: %s", c->node->type, c->node->name, text);
}

bool call_has(const call *c, size_t input) {
    return input < c->input_count && c->inputs[input] != NULL;
}

bool call_wants(const call *c, size_t output) {
    return output < c->output_count && c->node->outputs[output] != NO_VALUE &&
           c->run->program->uses[c->node->outputs[output]] > 0;
}

cleat_status call_input(const call *c, size_t input, const run_value **v) {
    if (!call_has(c, input)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "input %zu is left out", input);
    }
    if (c->inputs[input]->kind != VALUE_TENSOR) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "input %zu is no tensor", input);
    }
    *v = c->inputs[input];
    return CLEAT_OK;
}

/* Where the elements of a row-major tensor of this type begin. */
static int64_t offset_of(const storage *memory, cleat_type type) {
    return (int64_t)(memory->offset / cleat_type_size(type));
}

static bool is_constant_value(const call *c, const run_value *v) {
    for (const program *p = c->run->program; p != NULL; p = p->parent) {
        if (v >= p->constants && v < p->constants + p->graph->value_count) {
            return true;
        }
    }
    return false;
}

/* Of a constant this stays so. */
cleat_status call_to_device(call *c, run_value *v) {
    storage *memory;
    cleat_tensor tensor;
    storage_pool *pool = &c->run->model->pool;
    if (v->memory != NULL) {
        return CLEAT_OK;
    }
    if (v->type == CLEAT_TEXT) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "texts are not brought to the device");
    }
    TRY(is_constant_value(c, v) ? storage_acquire_lasting(pool, array_size(v->host), &memory)
                                : storage_acquire(pool, array_size(v->host), &memory));
    cleat_status status = cleat_tensor_view(
        memory->buffer, v->type, v->rank, v->shape, offset_of(memory, v->type), &tensor);
    if (status == CLEAT_OK && v->host->count > 0) {
        status = cleat_write(c->context, tensor, v->host->elements, array_size(v->host));
    }
    if (status != CLEAT_OK) {
        storage_release(memory);
        return status;
    }
    v->memory = memory;
    v->tensor = tensor;
    return CLEAT_OK;
}

cleat_status call_tensor(call *c, size_t input, cleat_tensor *tensor) {
    const run_value *v = NULL;
    TRY(call_input(c, input, &v));
    TRY(call_to_device(c, c->inputs[input]));
    *tensor = v->tensor;
    return CLEAT_OK;
}

cleat_status call_to_host(call *c, run_value *v) {
    array *host;
    if (v->host != NULL) {
        return CLEAT_OK;
    }
    TRY(array_create(c->node->type, v->type, v->rank, v->shape, &host));
    cleat_status status = host->count > 0
                              ? cleat_read(c->context, v->tensor, host->elements, array_size(host))
                              : CLEAT_OK;
    if (status != CLEAT_OK) {
        array_release(host);
        return status;
    }
    v->host = host;
    c->run->has_waited = true;
    return CLEAT_OK;
}

cleat_status call_array(call *c, size_t input, const array **x) {
    const run_value *v = NULL;
    TRY(call_input(c, input, &v));
    TRY(call_to_host(c, c->inputs[input]));
    *x = v->host;
    return CLEAT_OK;
}

cleat_status call_integers(
    call *c, size_t input, int64_t *numbers, size_t capacity, size_t *count) {
    const array *x;
    TRY(call_array(c, input, &x));
    if (x->rank > 1 || type_is_floating(x->type)) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH,
            "input %zu is of type %s and rank %d, expected integers of rank 0 or 1", input,
            cleat_type_name(x->type), x->rank);
    }
    if ((uint64_t)x->count > capacity) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "input %zu has %lld numbers, %zu at most expected",
            input, (long long)x->count, capacity);
    }
    for (int64_t i = 0; i < x->count; i++) {
        numbers[i] = array_integer(x, i);
    }
    *count = (size_t)x->count;
    return CLEAT_OK;
}

cleat_status call_integers_or_attribute(call *c, size_t input, const char *attribute,
    int64_t *numbers, size_t capacity, size_t *count) {
    if (call_has(c, input)) {
        return call_integers(c, input, numbers, capacity, count);
    }
    const int64_t *found = attribute_ints(c->node, attribute, count);
    if (*count > capacity) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "%s has %zu numbers, %zu at most expected",
            attribute, *count, capacity);
    }
    for (size_t i = 0; i < *count; i++) {
        numbers[i] = found[i];
    }
    return CLEAT_OK;
}

cleat_status call_real(call *c, size_t input, double otherwise, double *number) {
    const array *x;
    *number = otherwise;
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_array(c, input, &x));
    if (x->count != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu has %lld elements, expected one",
            input, (long long)x->count);
    }
    *number = array_real(x, 0);
    return CLEAT_OK;
}

/* ---- Outputs ---- */

static cleat_status check_new(const call *c, size_t output) {
    if (output >= c->output_count || c->outputs[output].kind != VALUE_NONE) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "output %zu is made twice, or not there", output);
    }
    return CLEAT_OK;
}

/* Bytes of a row-major tensor. */
static cleat_status size_of(const call *c, cleat_type type, int32_t rank, const int64_t *shape,
    cleat_tensor *layout, size_t *size) {
    int64_t bytes = 0;
    TRY(tensor_row_major(c->node->type, type, rank, shape, layout));
    if (!checked_mul(cleat_tensor_count(layout), (int64_t)cleat_type_size(type), &bytes)) {
        return call_refuse(c, CLEAT_SIZE_OVERFLOW, "a result has too many bytes");
    }
    *size = (size_t)bytes;
    return CLEAT_OK;
}

cleat_status call_new_tensor(
    call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *v) {
    cleat_tensor layout;
    size_t size = 0;
    storage *memory;
    TRY(size_of(c, type, rank, shape, &layout, &size));
    TRY(storage_acquire(&c->run->model->pool, size, &memory));
    layout.buffer = memory->buffer;
    layout.offset = offset_of(memory, type);
    *v = (run_value){.kind = VALUE_TENSOR, .type = type, .rank = rank, .memory = memory};
    v->tensor = layout;
    memcpy(v->shape, layout.shape, sizeof v->shape);
    return CLEAT_OK;
}

cleat_status call_new_array(
    const call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *v) {
    array *x;
    TRY(array_create(c->node->type, type, rank, shape, &x));
    *v = (run_value){.kind = VALUE_TENSOR, .type = type, .rank = rank, .host = x};
    memcpy(v->shape, x->shape, sizeof v->shape);
    return CLEAT_OK;
}

void call_new_view(const run_value *x, cleat_tensor view, run_value *v) {
    *v = (run_value){.kind = VALUE_TENSOR,
        .type = view.type,
        .rank = view.rank,
        .memory = x->memory,
        .tensor = view};
    memcpy(v->shape, view.shape, sizeof v->shape);
    storage_retain(v->memory);
}

cleat_status call_output(call *c, size_t output, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor) {
    TRY(check_new(c, output));
    TRY(call_new_tensor(c, type, rank, shape, &c->outputs[output]));
    *tensor = c->outputs[output].tensor;
    return CLEAT_OK;
}

/* Nobody reads the value after this node, nor another view of its memory. */
bool call_ends(const call *c, size_t input) {
    const run *r = c->run;
    const run_value *v = c->inputs[input];
    const int32_t number = c->node->inputs[input];
    return r->left != NULL && v == &r->values[number] && r->left[number] == 1 &&
           v->memory != NULL && v->memory->is_for_run && v->memory->references == 1 &&
           channels_last_is_dense(&v->tensor);
}

cleat_status call_output_over(call *c, size_t output, size_t input, cleat_tensor *tensor) {
    const run_value *v = NULL;
    TRY(call_input(c, input, &v));
    if (!call_ends(c, input)) {
        return call_output_like(c, output, &v->tensor, v->type, v->rank, v->shape, tensor);
    }
    *tensor = v->tensor;
    return call_output_view(c, output, input, v->tensor);
}

cleat_status call_output_array(
    call *c, size_t output, cleat_type type, int32_t rank, const int64_t *shape, array **x) {
    TRY(check_new(c, output));
    TRY(call_new_array(c, type, rank, shape, &c->outputs[output]));
    *x = c->outputs[output].host;
    return CLEAT_OK;
}

cleat_status call_output_view(call *c, size_t output, size_t input, cleat_tensor view) {
    TRY(check_new(c, output));
    call_new_view(c->inputs[input], view, &c->outputs[output]);
    return CLEAT_OK;
}

cleat_status call_output_same(call *c, size_t output, size_t input) {
    TRY(check_new(c, output));
    return value_copy(c->inputs[input], &c->outputs[output]);
}

cleat_status call_scratch(
    call *c, cleat_type type, int32_t rank, const int64_t *shape, cleat_tensor *tensor) {
    size_t size = 0;
    if (c->scratch_count == CALL_SCRATCH) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "more than %d scratch tensors", CALL_SCRATCH);
    }
    TRY(size_of(c, type, rank, shape, tensor, &size));
    TRY(storage_acquire(&c->run->model->pool, size, &c->scratch[c->scratch_count]));
    const storage *memory = c->scratch[c->scratch_count++];
    tensor->buffer = memory->buffer;
    tensor->offset = offset_of(memory, type);
    return CLEAT_OK;
}

/* ---- Host memory ---- */

typedef struct call_block {
    struct call_block *next;
    max_align_t memory[];
} call_block;

cleat_status call_memory(call *c, int64_t count, size_t size, void **memory) {
    int64_t bytes = 0;
    if (count < 0 || !checked_mul(count, (int64_t)size, &bytes) ||
        !checked_add(bytes, (int64_t)sizeof(call_block), &bytes) || (uint64_t)bytes > SIZE_MAX) {
        return call_refuse(c, CLEAT_SIZE_OVERFLOW, "%lld numbers on the host", (long long)count);
    }
    call_block *block = memory_allocate_zeroed(1, (size_t)bytes);
    if (block == NULL) {
        return call_refuse(
            c, CLEAT_OUT_OF_HOST_MEMORY, "no host memory for %lld bytes", (long long)bytes);
    }
    block->next = c->blocks;
    c->blocks = block;
    *memory = block->memory;
    return CLEAT_OK;
}

cleat_status call_numbers(call *c, size_t input, double **numbers, const array **x) {
    void *memory;
    TRY(call_array(c, input, x));
    TRY(call_memory(c, (*x)->count, sizeof **numbers, &memory));
    *numbers = memory;
    for (int64_t i = 0; i < (*x)->count; i++) {
        (*numbers)[i] = array_real(*x, i);
    }
    return CLEAT_OK;
}

void call_free_memory(call *c) {
    while (c->blocks != NULL) {
        call_block *next = c->blocks->next;
        memory_free(c->blocks);
        c->blocks = next;
    }
}

/* ---- What was fused into the node ---- */

static bool fits_into(const run_value *v, int32_t rank, const int64_t *shape, cleat_type type) {
    bool fits = v->type == type && v->rank <= rank;
    for (int32_t i = 0; fits && i < v->rank; i++) {
        fits = v->shape[i] == 1 || v->shape[i] == shape[rank - v->rank + i];
    }
    return fits;
}

static cleat_status added_part(call *c, size_t input, int32_t rank, const int64_t *shape,
    cleat_type type, cleat_tensor *view, const cleat_tensor **part) {
    const run_value *v = NULL;
    if (input == 0) {
        return CLEAT_OK;
    }
    TRY(call_input(c, input, &v));
    if (!fits_into(v, rank, shape, type)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, input, view));
    *part = view;
    return CLEAT_OK;
}

cleat_status call_epilogue_of(
    call *c, int32_t rank, const int64_t *shape, cleat_type type, call_epilogue *e) {
    const node_fusion *fusion = &c->node->fusion;
    *e = (call_epilogue){.activation = fusion->activation,
        .parameters = fusion->activation != CLEAT_ACTIVATION_NONE ? fusion->parameters : NULL};
    TRY(added_part(c, fusion->bias, rank, shape, type, &e->bias_view, &e->bias));
    return added_part(c, fusion->residual, rank, shape, type, &e->residual_view, &e->residual);
}

/* ---- The rest ---- */

bool call_is_ahead(const call *c) {
    return c->run->left == NULL;
}

bool call_is_constant(const call *c, size_t input) {
    if (!call_has(c, input)) {
        return false;
    }
    const int32_t number = c->node->inputs[input];
    return c->inputs[input] == &c->run->program->constants[number] && !call_is_ahead(c);
}

cleat_status call_keep(call *c, int slot, void (*release)(void *), void ***kept) {
    if (slot < 0 || slot >= CALL_SLOTS) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "there is no slot %d", slot);
    }
    c->state->release[slot] = release;
    *kept = &c->state->kept[slot];
    return CLEAT_OK;
}

/* The program of the graph that the attribute is. */
static cleat_status find_graph(const call *c, const char *attribute, program **found) {
    for (size_t i = 0; i < c->node->attribute_count; i++) {
        *found = c->state->graphs[i];
        if (*found != NULL && strcmp(c->node->attributes[i].name, attribute) == 0) {
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no graph %s", attribute);
}

cleat_status call_graph_counts(
    const call *c, const char *attribute, size_t *input_count, size_t *output_count) {
    program *p = NULL;
    TRY(find_graph(c, attribute, &p));
    *input_count = p->graph->input_count;
    *output_count = p->graph->output_count;
    return CLEAT_OK;
}

cleat_status call_graph(call *c, const char *attribute, size_t input_count, const run_value *inputs,
    size_t output_count, run_value *outputs) {
    program *p = NULL;
    TRY(find_graph(c, attribute, &p));
    if (p->graph->input_count != input_count || p->graph->output_count != output_count) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "%s has %zu inputs and %zu outputs, expected %zu and %zu", attribute,
            p->graph->input_count, p->graph->output_count, input_count, output_count);
    }
    return program_run(c->run->model, p, c->run, inputs, outputs, NULL);
}
