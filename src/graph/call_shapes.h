/* SPDX-License-Identifier: Apache-2.0 */
/* Axes, shapes and types of a call, worked out and checked. Refusals name the node. */
#ifndef CLEAT_GRAPH_CALL_SHAPES_H
#define CLEAT_GRAPH_CALL_SHAPES_H

#include "graph/operator_tools.h"

/* The axis that an attribute names, as call_axis() has it. */
cleat_status call_axis_attribute(
    const call *c, const char *name, int64_t otherwise, int32_t rank, int32_t *normalised);
/* Several, none of them twice; chosen[i]: axis i is one. */
cleat_status call_axes(
    const call *c, size_t count, const int64_t *axes, int32_t rank, bool *chosen);

/* The type that an attribute names by ONNX's number of it (TensorProto.DataType). */
cleat_status call_type(
    const call *c, const char *attribute, cleat_type otherwise, cleat_type *type);

/* The shape that `count` others broadcast to. */
cleat_status call_broadcast(const call *c, size_t count, const int32_t *ranks,
    const int64_t *const *shapes, int32_t *rank, int64_t *shape);
/* Inputs first .. of one type, all there, and the shape that they broadcast to. */
cleat_status call_broadcast_inputs(
    const call *c, size_t first, size_t count, int32_t *rank, int64_t *shape);
cleat_status call_same_type(const call *c, size_t input, size_t other);

#endif
