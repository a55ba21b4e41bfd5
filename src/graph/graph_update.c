/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that change parameters: assignments, and steps of optimisers. They are in no list of
 * operators: only the functions of training.h make them. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/gradient.h"
#include "graph/graph_build.h"
#include "graph/operator_tools.h"
#include "ops/optimizer_schedule.h"
#include <cleat/compare.h>
#include <cleat/training.h>
#include <stdio.h>
#include <string.h>

/* ---- On the device ---- */

/* The parameter, whose elements change now: a copy on the host is none any more. */
static cleat_status changing(call *c, size_t input, cleat_tensor *parameter) {
    TRY(call_tensor(c, input, parameter));
    array_release(c->inputs[input]->host);
    c->inputs[input]->host = NULL;
    return CLEAT_OK;
}

/* Another value, of the parameter's type and shape. */
static cleat_status fitting(
    call *c, const char *what, size_t input, const cleat_tensor *parameter, cleat_tensor *x) {
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    TRY(call_tensor(c, input, x));
    if (x->type != parameter->type || !same_shape(x, parameter)) {
        return call_refuse(c,
            x->type != parameter->type ? CLEAT_TYPE_MISMATCH : CLEAT_SHAPE_MISMATCH,
            "%s is %s of %s, the parameter %s of %s", what, shape_text(x->rank, x->shape, text),
            cleat_type_name(x->type), shape_text(parameter->rank, parameter->shape, wanted),
            cleat_type_name(parameter->type));
    }
    return CLEAT_OK;
}

static cleat_status assign(call *c) {
    cleat_tensor parameter, value;
    TRY(changing(c, 0, &parameter));
    TRY(fitting(c, "the value", 1, &parameter, &value));
    return cleat_copy(c->context, value, parameter);
}

static cleat_status rate_of(call *c, size_t input, cleat_tensor *rate) {
    char text[SHAPE_TEXT_SIZE];
    TRY(call_tensor(c, input, rate));
    if (rate->type != CLEAT_F32 || cleat_tensor_count(rate) != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "the rate is %s of %s, expected one f32",
            shape_text(rate->rank, rate->shape, text), cleat_type_name(rate->type));
    }
    return CLEAT_OK;
}

static cleat_adam_options adam_options_of(const graph_node *node) {
    return (cleat_adam_options){.beta1 = attribute_float(node, "beta1", 0),
        .beta2 = attribute_float(node, "beta2", 0),
        .epsilon = attribute_float(node, "epsilon", 0),
        .weight_decay = attribute_float(node, "weight_decay", 0)};
}

/* Inputs: steps, rate. */
static cleat_status schedule(call *c) {
    cleat_tensor steps, rate, y;
    const cleat_adam_options options = adam_options_of(c->node);
    TRY(changing(c, 0, &steps));
    TRY(rate_of(c, 1, &rate));
    const bool is_wide = attribute_int(c->node, "is_f64", 0) != 0;
    TRY(call_output(
        c, 0, is_wide ? CLEAT_F64 : CLEAT_F32, 1, (const int64_t[]){ADAM_SCHEDULE}, &y));
    return adam_schedule(
        c->context, attribute_int(c->node, "decoupled", 0) != 0, rate, steps, y, &options);
}

/* Inputs: parameter, gradient, schedule, m, v. */
static cleat_status adam(call *c) {
    cleat_tensor parameter, gradient, numbers, m, v;
    const cleat_adam_options options = adam_options_of(c->node);
    TRY(changing(c, 0, &parameter));
    TRY(fitting(c, "the gradient", 1, &parameter, &gradient));
    TRY(call_tensor(c, 2, &numbers));
    TRY(changing(c, 3, &m));
    TRY(changing(c, 4, &v));
    return adam_step(c->context, attribute_int(c->node, "decoupled", 0) != 0, parameter, gradient,
        m, v, 1, 0, &numbers, &options);
}

/* Inputs: parameter, gradient, rate, velocity. */
static cleat_status sgd(call *c) {
    cleat_tensor parameter, gradient, rate, velocity;
    const cleat_sgd_options options = {.momentum = attribute_float(c->node, "momentum", 0),
        .weight_decay = attribute_float(c->node, "weight_decay", 0),
        .nesterov = attribute_int(c->node, "nesterov", 0) != 0};
    TRY(changing(c, 0, &parameter));
    TRY(fitting(c, "the gradient", 1, &parameter, &gradient));
    TRY(rate_of(c, 2, &rate));
    TRY(call_tensor_of(c, 2, parameter.type, &rate));
    const bool has_velocity = call_has(c, 3);
    if (has_velocity) {
        TRY(changing(c, 3, &velocity));
    }
    return sgd_step(
        c->context, parameter, gradient, has_velocity ? &velocity : NULL, 0, &rate, &options);
}

static const operator_entry assign_entry = {"Assign", NULL, assign, 2, 2, false};
static const operator_entry schedule_entry = {"AdamSchedule", NULL, schedule, 2, 2, false};
static const operator_entry adam_entry = {"Adam", NULL, adam, 5, 5, false};
static const operator_entry sgd_entry = {"SGD", NULL, sgd, 3, 4, false};

/* ---- In the graph ---- */

/* A parameter that nothing changes yet. */
static cleat_status find_parameter(
    const char *operation, cleat_graph *graph, const char *name, int32_t *value) {
    *value = name != NULL ? graph_find_value(graph, name) : NO_VALUE;
    REFUSE_IF(*value == NO_VALUE || !graph->values[*value].is_parameter, CLEAT_INVALID_ARGUMENT,
        "%s: there is no parameter %s", operation, name != NULL ? name : "(NULL)");
    REFUSE_IF(graph->values[*value].is_changed, CLEAT_INVALID_ARGUMENT,
        "%s: the parameter %s is changed already", operation, name);
    return CLEAT_OK;
}

static cleat_status add_node(cleat_graph *graph, const operator_entry *entry, const char *name,
    size_t input_count, const char *const *inputs, const char *output, size_t attribute_count,
    const cleat_attribute *attributes) {
    TRY(cleat_graph_node(graph, entry->type, name, input_count, inputs, output != NULL, &output,
        attribute_count, attributes));
    graph_node *node = &graph->nodes[graph->node_count - 1];
    node->entry = entry;
    node->is_update = true;
    return CLEAT_OK;
}

cleat_status cleat_graph_assign(cleat_graph *graph, const char *parameter, const char *value) {
    const char *operation = "graph_assign";
    int32_t changed = NO_VALUE;
    TRY(graph_check(operation, graph));
    TRY(find_parameter(operation, graph, parameter, &changed));
    REFUSE_IF(value == NULL || value[0] == '\0', CLEAT_INVALID_ARGUMENT, "%s: value has no name",
        operation);
    TRY(add_node(
        graph, &assign_entry, parameter, 2, (const char *[]){parameter, value}, NULL, 0, NULL));
    graph->values[changed].is_changed = true;
    return CLEAT_OK;
}

/* A call of cleat_graph_update(). */
typedef struct update {
    const char *operation;
    cleat_graph *graph;
    size_t count;
    const char *const *parameters, *const *gradients;
    const char *rate;
    cleat_train_options options;
    char schedule[64]; /* the name of Adam's numbers */
    cleat_type type;   /* of all parameters */
} update;

static cleat_attribute float_attribute(const char *name, const float *number) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = number};
}

static cleat_attribute int_attribute(const char *name, const int64_t *number) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = number};
}

/* What the optimiser remembers of a parameter, of its type and shape. The name is the caller's to
 * free. */
static cleat_status add_memory(
    const update *u, const char *parameter, const char *ending, char **name) {
    const size_t size = strlen(parameter) + strlen(ending) + 1;
    *name = memory_allocate(size);
    REFUSE_IF(*name == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", u->operation);
    snprintf(*name, size, "%s%s", parameter, ending);
    int64_t shape[CLEAT_MAX_RANK];
    const graph_value *v = &u->graph->values[graph_find_value(u->graph, parameter)];
    memcpy(shape, v->shape, sizeof shape);
    const int32_t rank = v->rank;
    return cleat_graph_parameter(u->graph, *name, v->type, rank, shape, NULL);
}

static cleat_status add_schedule(update *u) {
    const cleat_adam_options *o = &u->options.adam;
    const int64_t decoupled = u->options.optimizer == CLEAT_OPTIMIZER_ADAMW;
    const int64_t is_f64 = u->type == CLEAT_F64;
    const size_t size = strlen(u->parameters[0]) + sizeof ".step";
    const cleat_attribute attributes[] = {int_attribute("decoupled", &decoupled),
        int_attribute("is_f64", &is_f64), float_attribute("beta1", &o->beta1),
        float_attribute("beta2", &o->beta2), float_attribute("weight_decay", &o->weight_decay)};
    char *steps = memory_allocate(size);
    REFUSE_IF(steps == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", u->operation);
    snprintf(steps, size, "%s.step", u->parameters[0]);
    snprintf(u->schedule, sizeof u->schedule, "(schedule %zu)", u->graph->value_count);
    cleat_status status = cleat_graph_parameter(u->graph, steps, CLEAT_F32, 0, NULL, NULL);
    if (status == CLEAT_OK) {
        status = add_node(u->graph, &schedule_entry, u->parameters[0], 2,
            (const char *[]){steps, u->rate}, u->schedule, 5, attributes);
    }
    memory_free(steps);
    return status;
}

static cleat_status add_adam(const update *u, size_t i) {
    const cleat_adam_options *o = &u->options.adam;
    const int64_t decoupled = u->options.optimizer == CLEAT_OPTIMIZER_ADAMW;
    const cleat_attribute attributes[] = {int_attribute("decoupled", &decoupled),
        float_attribute("beta1", &o->beta1), float_attribute("beta2", &o->beta2),
        float_attribute("epsilon", &o->epsilon), float_attribute("weight_decay", &o->weight_decay)};
    char *m = NULL, *v = NULL;
    cleat_status status = add_memory(u, u->parameters[i], ".m", &m);
    if (status == CLEAT_OK) {
        status = add_memory(u, u->parameters[i], ".v", &v);
    }
    if (status == CLEAT_OK) {
        status = add_node(u->graph, &adam_entry, u->parameters[i], 5,
            (const char *[]){u->parameters[i], u->gradients[i], u->schedule, m, v}, NULL, 5,
            attributes);
    }
    memory_free(m);
    memory_free(v);
    return status;
}

static cleat_status add_sgd(const update *u, size_t i) {
    const cleat_sgd_options *o = &u->options.sgd;
    const int64_t nesterov = o->nesterov;
    const cleat_attribute attributes[] = {int_attribute("nesterov", &nesterov),
        float_attribute("momentum", &o->momentum),
        float_attribute("weight_decay", &o->weight_decay)};
    char *velocity = NULL;
    cleat_status status = CLEAT_OK;
    if (o->momentum > 0) {
        status = add_memory(u, u->parameters[i], ".velocity", &velocity);
    }
    if (status == CLEAT_OK) {
        status = add_node(u->graph, &sgd_entry, u->parameters[i], 4,
            (const char *[]){u->parameters[i], u->gradients[i], u->rate, velocity}, NULL, 3,
            attributes);
    }
    memory_free(velocity);
    return status;
}

static cleat_status check_options(update *u) {
    switch (u->options.optimizer) {
    case CLEAT_OPTIMIZER_ADAM:
    case CLEAT_OPTIMIZER_ADAMW:
        u->options.adam = adam_numbers(&u->options.adam);
        return adam_check(u->operation, &u->options.adam);
    case CLEAT_OPTIMIZER_SGD:
        return sgd_check(u->operation, &u->options.sgd);
    }
    return status_set(
        CLEAT_INVALID_ARGUMENT, "%s: %d is no optimiser", u->operation, (int)u->options.optimizer);
}

static cleat_status check_update(update *u) {
    int32_t value = NO_VALUE;
    REFUSE_IF(u->count == 0 || u->parameters == NULL || u->gradients == NULL,
        CLEAT_INVALID_ARGUMENT, "%s: there are no parameters", u->operation);
    REFUSE_IF(u->rate == NULL || u->rate[0] == '\0', CLEAT_INVALID_ARGUMENT,
        "%s: the rate has no name", u->operation);
    for (size_t i = 0; i < u->count; i++) {
        TRY(find_parameter(u->operation, u->graph, u->parameters[i], &value));
        const graph_value *v = &u->graph->values[value];
        REFUSE_IF(v->type != CLEAT_F32 && v->type != CLEAT_F64, CLEAT_UNSUPPORTED,
            "%s: the parameter %s is of %s, expected f32 or f64", u->operation, v->name,
            cleat_type_name(v->type));
        u->type = i == 0 ? v->type : u->type;
        REFUSE_IF(v->type != u->type, CLEAT_TYPE_MISMATCH,
            "%s: the parameters %s and %s are of types %s and %s", u->operation, u->parameters[0],
            v->name, cleat_type_name(u->type), cleat_type_name(v->type));
        REFUSE_IF(u->gradients[i] == NULL || u->gradients[i][0] == '\0', CLEAT_INVALID_ARGUMENT,
            "%s: the gradient of %s has no name", u->operation, v->name);
    }
    return check_options(u);
}

static cleat_status add_updates(update *u) {
    TRY(check_update(u));
    const bool is_sgd = u->options.optimizer == CLEAT_OPTIMIZER_SGD;
    if (!is_sgd) {
        TRY(add_schedule(u));
    }
    for (size_t i = 0; i < u->count; i++) {
        int32_t value = NO_VALUE;
        TRY(find_parameter(u->operation, u->graph, u->parameters[i], &value)); /* none twice */
        TRY(is_sgd ? add_sgd(u, i) : add_adam(u, i));
        u->graph->values[value].is_changed = true;
    }
    return CLEAT_OK;
}

cleat_status cleat_graph_update(cleat_graph *graph, size_t count, const char *const *parameters,
    const char *const *gradients, const char *rate, const cleat_train_options *options) {
    update u = {.operation = "graph_update",
        .graph = graph,
        .count = count,
        .parameters = parameters,
        .gradients = gradients,
        .rate = rate,
        .options = options != NULL ? *options : (cleat_train_options){0}};
    TRY(graph_check(u.operation, graph));
    return add_updates(&u);
}

/* ---- All parameters ---- */

/* Those that the loss depends on, and what their gradients are called. */
static size_t list_trained(
    const gradient_builder *b, const char **parameters, const char **gradients) {
    size_t count = 0;
    for (size_t i = 0; i < b->value_count; i++) {
        const int32_t gradient = b->sum[i];
        const graph_value *v = &b->graph->values[i];
        if (v->is_parameter && !v->is_changed && gradient != NO_VALUE) {
            parameters[count] = v->name;
            gradients[count++] = b->graph->values[gradient].name;
        }
    }
    return count;
}

static cleat_status train(gradient_builder *b, int32_t loss, update *u, const char **names) {
    for (size_t i = 0; i < b->value_count; i++) {
        const graph_value *v = &b->graph->values[i];
        b->is_wanted[i] = v->is_parameter && !v->is_changed && type_is_floating(v->type);
    }
    TRY(gradients_build(b, loss));
    u->parameters = names;
    u->gradients = names + b->value_count;
    u->count = list_trained(b, names, names + b->value_count);
    REFUSE_IF(u->count == 0, CLEAT_INVALID_ARGUMENT, "%s: %s depends on no parameter", u->operation,
        b->graph->values[loss].name);
    return add_updates(u);
}

cleat_status cleat_graph_train(
    cleat_graph *graph, const char *loss, const char *rate, const cleat_train_options *options) {
    update u = {.operation = "graph_train",
        .graph = graph,
        .rate = rate,
        .options = options != NULL ? *options : (cleat_train_options){0}};
    gradient_builder b;
    TRY(graph_check(u.operation, graph));
    const int32_t of = loss != NULL ? graph_find_value(graph, loss) : NO_VALUE;
    REFUSE_IF(of == NO_VALUE, CLEAT_INVALID_ARGUMENT, "%s: there is no value %s", u.operation,
        loss != NULL ? loss : "(NULL)");
    const char **names = memory_allocate_zeroed(2 * graph->value_count + 1, sizeof *names);
    REFUSE_IF(names == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", u.operation);
    cleat_status status = gradients_begin(graph, &b);
    if (status == CLEAT_OK) {
        status = train(&b, of, &u, names);
    }
    gradients_end(&b);
    memory_free(names);
    return status;
}
