/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that compute nothing. */
#include "graph/fuse.h"
#include "graph/graph_build.h"
#include <string.h>

/* Operators whose first output has the type of their first input. */
static const char *const keep_type[] = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "Elu",
    "Selu", "HardSwish", "HardSigmoid", "Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div",
    "BatchNormalization", "LayerNormalization", "MaxPool", "AveragePool", "GlobalAveragePool",
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Concat", "Softmax", "Pad",
    "Identity", "Dropout"};

/* The type of a value, 0 where that is not known. */
static cleat_type type_of(const fusion *f, int32_t value) {
    for (int depth = 0; depth < 64; depth++) {
        const graph_value *v = &f->graph->values[value];
        if (v->constant != NULL || v->is_input) {
            return v->constant != NULL ? v->constant->type : v->type;
        }
        if (v->writer < 0) {
            return 0;
        }
        const graph_node *n = &f->graph->nodes[v->writer];
        bool keeps = false;
        for (size_t i = 0; i < sizeof keep_type / sizeof *keep_type && !keeps; i++) {
            keeps = strcmp(n->type, keep_type[i]) == 0;
        }
        if (!keeps || n->outputs[0] != value || n->input_count == 0 || n->inputs[0] == NO_VALUE) {
            return 0;
        }
        value = n->inputs[0];
    }
    return 0;
}

/* Types by ONNX's numbers (TensorProto.DataType). */
static cleat_type type_of_onnx(int64_t number) {
    static const cleat_type types[] = {0, CLEAT_F32, CLEAT_U8, CLEAT_I8, CLEAT_U16, CLEAT_I16,
        CLEAT_I32, CLEAT_I64, 0, CLEAT_BOOL, CLEAT_F16, CLEAT_F64, CLEAT_U32, CLEAT_U64};
    return number > 0 && number < (int64_t)(sizeof types / sizeof *types) ? types[number] : 0;
}

static bool is_cast_to_same(const fusion *f, size_t node) {
    const graph_node *n = &f->graph->nodes[node];
    const cleat_type to = type_of_onnx(attribute_int(n, "to", 0));
    return (int)to != 0 && type_of(f, n->inputs[0]) == to;
}

/* Dropout of a trained network: opsets before 12 have no other. */
static bool is_still(const fusion *f, size_t node) {
    const array *training = fusion_constant(f, node, 2);
    return f->graph->opset < 12 || !fusion_has(f, node, 2) ||
           (training != NULL && training->count == 1 && array_integer(training, 0) == 0);
}

static bool keeps_order(const graph_node *n) {
    size_t count;
    const int64_t *axes = attribute_ints(n, "perm", &count);
    for (size_t i = 0; i < count; i++) {
        if (axes[i] != (int64_t)i) {
            return false;
        }
    }
    return axes != NULL;
}

/* The paddings of a Pad with zeros, before and behind each axis, as numbers; false for others. */
static bool read_padding(const fusion *f, size_t node, int64_t *padding, size_t *axes) {
    const graph_node *n = &f->graph->nodes[node];
    const array *value = fusion_constant(f, node, 2);
    size_t count;
    const int64_t *given = attribute_ints(n, "pads", &count);
    const array *input = fusion_constant(f, node, 1);
    if (strcmp(attribute_text(n, "mode", "constant"), "constant") != 0 || fusion_has(f, node, 3) ||
        (fusion_has(f, node, 2) &&
            (value == NULL || value->count != 1 || array_real(value, 0) != 0)) ||
        attribute_float(n, "value", 0) != 0) {
        return false;
    }
    if (f->graph->opset >= 11) {
        if (input == NULL || input->count > 2 * CLEAT_MAX_RANK) {
            return false;
        }
        count = (size_t)input->count;
    } else if (given == NULL || count > 2 * CLEAT_MAX_RANK) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        padding[i] = f->graph->opset >= 11 ? array_integer(input, (int64_t)i) : given[i];
        if (padding[i] < 0) {
            return false;
        }
    }
    *axes = count / 2;
    return count % 2 == 0;
}

static bool pads_nothing(const fusion *f, size_t node) {
    int64_t padding[2 * CLEAT_MAX_RANK];
    size_t axes;
    if (!read_padding(f, node, padding, &axes)) {
        return false;
    }
    for (size_t i = 0; i < 2 * axes; i++) {
        if (padding[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool passes_on(const fusion *f, size_t node) {
    return fusion_is(f, node, "Identity") ||
           (fusion_is(f, node, "Dropout") && is_still(f, node) &&
               !fusion_uses_outputs(f, node, 1)) ||
           (fusion_is(f, node, "Cast") && is_cast_to_same(f, node)) ||
           (fusion_is(f, node, "Transpose") && keeps_order(&f->graph->nodes[node])) ||
           (fusion_is(f, node, "Pad") && pads_nothing(f, node));
}

/* ---- Pad before Conv ---- */

static cleat_status merge_padding(fusion *f, size_t pad, size_t conv, bool *merged) {
    int64_t padding[2 * CLEAT_MAX_RANK], sum[2 * CLEAT_MAX_RANK];
    size_t axes, count;
    graph_node *n = &f->graph->nodes[conv];
    const int64_t *own = attribute_ints(n, "pads", &count);
    const char *automatic = attribute_text(n, "auto_pad", "NOTSET");
    *merged = false;
    if (!read_padding(f, pad, padding, &axes) || axes < 3 || strcmp(automatic, "NOTSET") != 0 ||
        (own != NULL && count != 2 * (axes - 2))) {
        return CLEAT_OK;
    }
    if (padding[0] != 0 || padding[1] != 0 || padding[axes] != 0 || padding[axes + 1] != 0) {
        return CLEAT_OK;
    }
    for (size_t i = 0; i < axes - 2; i++) {
        sum[i] = padding[i + 2] + (own != NULL ? own[i] : 0);
        sum[axes - 2 + i] = padding[axes + 2 + i] + (own != NULL ? own[axes - 2 + i] : 0);
    }
    TRY(node_set_ints(n, "pads", 2 * (axes - 2), sum));
    *merged = true;
    return CLEAT_OK;
}

static cleat_status merge_pads(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        const int32_t pad = fusion_is(f, i, "Conv") ? fusion_only_writer(f, i, 0) : -1;
        bool merged = false;
        if (pad >= 0 && fusion_is(f, (size_t)pad, "Pad")) {
            TRY(merge_padding(f, (size_t)pad, i, &merged));
        }
        if (merged && fusion_bypass(f, (size_t)pad)) {
            TRY(fusion_recount(f));
        }
    }
    return CLEAT_OK;
}

/* Sums of two are Add's, which later passes know. */
static cleat_status rename_sums(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        if (f->graph->opset >= 8 && fusion_is(f, i, "Sum") && f->graph->nodes[i].input_count == 2) {
            TRY(fusion_rename(f, i, "Add"));
        }
    }
    return CLEAT_OK;
}

cleat_status fuse_remove(fusion *f) {
    TRY(rename_sums(f));
    for (size_t i = 0; i < f->graph->node_count; i++) {
        const graph_node *n = &f->graph->nodes[i];
        if (n->input_count > 0 && n->inputs[0] != NO_VALUE && passes_on(f, i) &&
            fusion_bypass(f, i)) {
            TRY(fusion_recount(f));
        }
    }
    return merge_pads(f);
}
