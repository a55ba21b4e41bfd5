/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of Conv and ConvTranspose. */
#include "graph/conv_sums.h"
#include "graph/gradient.h"
#include "graph/graph_build.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/reduce.h>
#include <string.h>

/* What is wanted of a call; NULL: not that. */
typedef struct wanted {
    cleat_tensor x, w, dy, dx_made, dw_made;
    const cleat_tensor *dx, *dw;
} wanted;

static cleat_status backward_1d(call *c, const conv_shape *s, bool transposed, const wanted *g) {
    const cleat_conv1d_options o = conv_options_1d(s);
    if (g->dw != NULL) {
        TRY((transposed ? cleat_conv_transpose1d_backward_weights : cleat_conv1d_backward_weights)(
            c->context, g->x, g->dy, *g->dw, &o));
    }
    return g->dx == NULL
               ? CLEAT_OK
               : (transposed ? cleat_conv_transpose1d_backward_data : cleat_conv1d_backward_data)(
                     c->context, g->dy, g->w, *g->dx, &o);
}

static cleat_status backward_2d(call *c, const conv_shape *s, bool transposed, const wanted *g) {
    cleat_conv2d_options o = conv_options_2d(s);
    o.sparse_dy = attribute_int(c->node, CONV_SPARSE_DY, 0) != 0;
    if (g->dw != NULL) {
        TRY((transposed ? cleat_conv_transpose2d_backward_weights : cleat_conv2d_backward_weights)(
            c->context, g->x, g->dy, *g->dw, &o));
    }
    return g->dx == NULL
               ? CLEAT_OK
               : (transposed ? cleat_conv_transpose2d_backward_data : cleat_conv2d_backward_data)(
                     c->context, g->dy, g->w, *g->dx, &o);
}

static cleat_status backward_3d(call *c, const conv_shape *s, bool transposed, const wanted *g) {
    const cleat_conv3d_options o = conv_options_3d(s);
    if (g->dw != NULL) {
        TRY((transposed ? cleat_conv_transpose3d_backward_weights : cleat_conv3d_backward_weights)(
            c->context, g->x, g->dy, *g->dw, &o));
    }
    return g->dx == NULL
               ? CLEAT_OK
               : (transposed ? cleat_conv_transpose3d_backward_data : cleat_conv3d_backward_data)(
                     c->context, g->dy, g->w, *g->dx, &o);
}

/* The sum of each channel: of dy, or of what stands in the place of the result, whose channels add
 * up to the same. */
static cleat_status bias_gradient(call *c) {
    cleat_tensor dy, db;
    int32_t axes[CLEAT_MAX_RANK] = {0};
    const bool has_other = call_has(c, c->input_count - 2);
    TRY(has_other ? gradient_result(c, &dy) : gradient_tensor(c, &dy));
    TRY(call_output(c, 2, dy.type, 1, &dy.shape[1], &db));
    if (dy.rank == 4) {
        return cleat_conv2d_backward_bias(c->context, dy, db, NULL);
    }
    for (int32_t i = 2; i < dy.rank; i++) {
        axes[i - 1] = i;
    }
    return cleat_reduce(c->context, CLEAT_REDUCE_SUM, dy, dy.rank - 1, axes, db, NULL);
}

static cleat_status conv_gradient(call *c) {
    conv_shape s;
    wanted g;
    const bool transposed = strcmp(c->node->type, "ConvTranspose") == 0;
    TRY(transposed ? conv_transposed_shape_read(c, &s) : conv_shape_read(c, 0, 1, &s));
    if (s.windows.axes > 3) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is a gradient over up to three axes");
    }
    TRY(call_tensor(c, 0, &g.x));
    TRY(call_tensor(c, 1, &g.w));
    TRY(gradient_tensor(c, &g.dy));
    if (call_wants(c, 2)) {
        TRY(bias_gradient(c));
    }
    TRY(gradient_output_if(c, 0, &g.dx_made, &g.dx));
    TRY(gradient_output_if(c, 1, &g.dw_made, &g.dw));
    switch (s.windows.axes) {
    case 1:
        return backward_1d(c, &s, transposed, &g);
    case 2:
        return backward_2d(c, &s, transposed, &g);
    default:
        return backward_3d(c, &s, transposed, &g);
    }
}

/* ---- Where many elements are known to be 0 ---- */

static const graph_node *writer_of(const gradient_builder *b, int32_t value) {
    const int32_t writer = value != NO_VALUE ? b->graph->values[value].writer : -1;
    return writer >= 0 ? &b->graph->nodes[writer] : NULL;
}

static bool is_relu(const graph_node *n) {
    return n != NULL && !n->is_gradient && strcmp(n->type, "Relu") == 0;
}

/* What a relu gave, or a pool of it. */
static bool is_behind_relu(const gradient_builder *b, int32_t value) {
    const graph_node *n = writer_of(b, value);
    if (n != NULL && !n->is_gradient && strcmp(n->type, "MaxPool") == 0) {
        n = writer_of(b, n->inputs[0]);
    }
    return is_relu(n);
}

/* The gradient of a MaxPool whose windows are four elements or more, and do not overlap: what it
 * was made of, NO_VALUE where it is another. */
static int32_t pooled(const gradient_builder *b, int32_t dy) {
    const graph_node *n = writer_of(b, dy);
    size_t axes = 0, steps = 0;
    if (n == NULL || !n->is_gradient || strcmp(n->type, "MaxPool") != 0) {
        return NO_VALUE;
    }
    const int64_t *window = attribute_ints(n, "kernel_shape", &axes);
    const int64_t *stride = attribute_ints(n, "strides", &steps);
    int64_t count = 1;
    for (size_t i = 0; i < axes; i++) {
        if (i >= steps || stride[i] < window[i]) {
            return NO_VALUE;
        }
        count *= window[i] < 4 ? window[i] : 4;
    }
    return count >= 4 ? n->inputs[n->input_count - 1] : NO_VALUE;
}

static cleat_status conv_rule(gradient_builder *b, size_t node) {
    const graph_node *n = &b->graph->nodes[node];
    const int32_t dy = gradient_of(b, n->outputs[0]), sums = pooled(b, dy);
    size_t made = 0;
    if (is_behind_relu(b, n->inputs[0])) {
        TRY(node_set_int(&b->graph->nodes[node], CONV_SPARSE_X, 1));
    }
    TRY(gradient_add_node(b, node, gradient_find("Conv"), sums, dy, &made));
    return sums == NO_VALUE ? CLEAT_OK : node_set_int(&b->graph->nodes[made], CONV_SPARSE_DY, 1);
}

const gradient_entry gradients_conv[] = {
    {GRADIENT_NODE("Conv", conv_gradient), 7, 3, conv_rule},
    {GRADIENT_NODE("ConvTranspose", conv_gradient), 7, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
