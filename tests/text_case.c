/* SPDX-License-Identifier: Apache-2.0 */
#include "text_case.h"

cleat_value text_value(int32_t rank, const int64_t *shape, const char *const *texts) {
    cleat_value v = {.kind = CLEAT_VALUE_TEXTS, .tensor = {.rank = rank}, .texts = texts};
    for (int32_t i = 0; i < rank; i++) {
        v.tensor.shape[i] = shape[i];
    }
    v.count = (size_t)case_count(rank, shape);
    return v;
}

cleat_model *text_model(const graph_case *g, cleat_type type) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    static const char *const results[] = {"y", "z"};
    const char *inputs[6];
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    test_ok(cleat_graph_create(g->opset > 0 ? g->opset : 17, &graph));
    for (size_t i = 0; i < g->input_count; i++) {
        const case_value *v = &g->inputs[i];
        inputs[i] = names[i];
        if (v->elements == NULL) {
            test_ok(cleat_graph_input(graph, names[i], type, -1, NULL));
        } else {
            test_ok(cleat_graph_constant(graph, names[i], v->type, v->rank, v->shape, v->elements));
        }
    }
    const size_t outputs = g->output_count > 0 ? g->output_count : 1;
    test_ok(cleat_graph_node(graph, g->type, "the node", g->input_count, inputs, outputs, results,
        g->attribute_count, g->attributes));
    for (size_t i = 0; i < outputs; i++) {
        test_ok(cleat_graph_output(graph, results[i]));
    }
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    return model;
}

void text_check(const cleat_value *got, int32_t rank, const int64_t *shape, const char *const *want,
    const char *what) {
    ck_assert_msg(got->kind == CLEAT_VALUE_TEXTS, "%s: of kind %d", what, (int)got->kind);
    ck_assert_int_eq(got->tensor.type, CLEAT_TEXT);
    ck_assert_msg(got->tensor.rank == rank, "%s: rank %d", what, got->tensor.rank);
    ck_assert_uint_eq(got->count, (size_t)case_count(rank, shape));
    for (int32_t i = 0; i < rank; i++) {
        ck_assert_int_eq(got->tensor.shape[i], shape[i]);
    }
    for (size_t i = 0; i < got->count; i++) {
        ck_assert_msg(strcmp(got->texts[i], want[i]) == 0, "%s: text %zu is \"%s\", not \"%s\"",
            what, i, got->texts[i], want[i]);
    }
}

case_value text_input(int32_t rank, const int64_t *shape) {
    case_value v = {.rank = rank};
    memcpy(v.shape, shape, (size_t)rank * sizeof *shape);
    return v;
}

case_value text_constant(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements) {
    case_value v = text_input(rank, shape);
    v.type = type;
    v.elements = elements;
    return v;
}

cleat_status text_run(
    const graph_case *g, int64_t count, const char *const *texts, cleat_value *out) {
    cleat_model *model = text_model(g, CLEAT_TEXT);
    const cleat_value in = text_value(1, &count, texts);
    const cleat_status status = cleat_model_run_values(model, &in, 1, out, 1);
    cleat_model_release(model);
    return status;
}
