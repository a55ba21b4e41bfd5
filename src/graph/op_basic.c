/* SPDX-License-Identifier: Apache-2.0 */
/* Identity, Constant: operators that compute nothing. */
#include "core/tensor_check.h"
#include "graph/gradient.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include "graph/text.h"
#include <string.h>

static cleat_status identity(call *c) {
    /* an optional may be empty */
    return call_has(c, 0) ? call_output_same(c, 0, 0) : CLEAT_OK;
}

static const graph_attribute *constant_texts(const graph_node *node) {
    const graph_attribute *one = attribute_find(node, "value_string", CLEAT_ATTRIBUTE_TEXT);
    return one != NULL ? one : attribute_find(node, "value_strings", CLEAT_ATTRIBUTE_TEXTS);
}

static cleat_status identity_rule(gradient_builder *b, size_t node) {
    const graph_node *n = &b->graph->nodes[node];
    return gradient_add(b, n->inputs[0], gradient_of(b, n->outputs[0]));
}

static cleat_status constant(call *c) {
    const graph_attribute *tensor = attribute_find(c->node, "value", CLEAT_ATTRIBUTE_TENSOR);
    array *y;
    if (tensor != NULL) {
        const array *x = tensor->tensor;
        TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
        array_move(x, 0, y, 0, x->count);
        return CLEAT_OK;
    }
    const graph_attribute *texts = constant_texts(c->node);
    if (texts != NULL) {
        const int64_t length = (int64_t)texts->count;
        const bool is_list = texts->kind == CLEAT_ATTRIBUTE_TEXTS;
        TRY(call_output_array(c, 0, CLEAT_TEXT, is_list ? 1 : 0, &length, &y));
        return array_set_texts("Constant", y, (const char *const *)texts->texts);
    }
    size_t count = 0;
    const int64_t *integers = attribute_ints(c->node, "value_ints", &count);
    if (integers != NULL) {
        TRY(call_output_array(c, 0, CLEAT_I64, 1, (int64_t[]){(int64_t)count}, &y));
        memcpy(y->elements, integers, array_size(y));
        return CLEAT_OK;
    }
    const float *floats = attribute_floats(c->node, "value_floats", &count);
    if (floats != NULL) {
        TRY(call_output_array(c, 0, CLEAT_F32, 1, (int64_t[]){(int64_t)count}, &y));
        memcpy(y->elements, floats, array_size(y));
        return CLEAT_OK;
    }
    if (attribute_find(c->node, "value_int", CLEAT_ATTRIBUTE_INT) != NULL) {
        TRY(call_output_array(c, 0, CLEAT_I64, 0, NULL, &y));
        array_set_integer(y, 0, attribute_int(c->node, "value_int", 0));
        return CLEAT_OK;
    }
    if (attribute_find(c->node, "value_float", CLEAT_ATTRIBUTE_FLOAT) != NULL) {
        TRY(call_output_array(c, 0, CLEAT_F32, 0, NULL, &y));
        array_set_real(y, 0, (double)attribute_float(c->node, "value_float", 0));
        return CLEAT_OK;
    }
    return call_refuse(c, CLEAT_UNSUPPORTED, "no value of a type that is known");
}

const operator_entry operators_basic[] = {
    {"Identity", identity, identity, 0, 1, false},
    {"Constant", constant, NULL, 0, 0, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_basic[] = {
    {GRADIENT_NODE("Identity", NULL), 1, 0, identity_rule},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
