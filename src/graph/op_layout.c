/* SPDX-License-Identifier: Apache-2.0 */
/* Elements copied to other places: Concat, Tile, DepthToSpace, SpaceToDepth, ReverseSequence. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/channels_last.h"
#include "graph/gradient.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/layout.h>
#include <string.h>

/* ---- Concat ---- */

static cleat_status concat_shape(const call *c, int32_t *axis, int32_t *rank, int64_t *shape) {
    const run_value *first;
    TRY(call_input(c, 0, &first));
    TRY(call_axis_attribute(c, "axis", 1, first->rank, axis));
    *rank = first->rank;
    memcpy(shape, first->shape, sizeof first->shape);
    for (size_t i = 1; i < c->input_count; i++) {
        const run_value *x;
        char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
        TRY(call_same_type(c, 0, i));
        TRY(call_input(c, i, &x));
        bool fits = x->rank == first->rank;
        for (int32_t k = 0; fits && k < x->rank; k++) {
            fits = k == *axis || x->shape[k] == first->shape[k];
        }
        if (!fits || !checked_add(shape[*axis], x->shape[*axis], &shape[*axis])) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s and %s are not joined along axis %d",
                shape_text(first->rank, first->shape, wanted), shape_text(x->rank, x->shape, text),
                *axis);
        }
    }
    return CLEAT_OK;
}

static cleat_status concat_host(call *c) {
    array *y;
    int32_t axis = 0, rank = 0;
    int64_t shape[CLEAT_MAX_RANK], start = 0;
    TRY(concat_shape(c, &axis, &rank, shape));
    TRY(call_output_array(c, 0, c->inputs[0]->type, rank, shape, &y));
    const int64_t outer = shape_count(axis, shape), block = shape_count(rank - axis, shape + axis);
    for (size_t i = 0; i < c->input_count; i++) {
        const array *x;
        TRY(call_array(c, i, &x));
        const int64_t part = shape_count(rank - axis, x->shape + axis);
        for (int64_t k = 0; k < outer; k++) {
            array_move(x, k * part, y, k * block + start, part);
        }
        start += part;
    }
    return CLEAT_OK;
}

static cleat_status concat_device(call *c) {
    void *memory;
    cleat_tensor y;
    int32_t axis = 0, rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(concat_shape(c, &axis, &rank, shape));
    if (c->input_count == 1) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_memory(c, (int64_t)c->input_count, sizeof y, &memory));
    cleat_tensor *parts = memory;
    size_t like = 0;
    for (size_t i = 0; i < c->input_count; i++) {
        TRY(call_tensor(c, i, &parts[i]));
        like = channels_last_is(&parts[i]) ? i : like;
    }
    TRY(call_output_like(c, 0, &parts[like], parts[0].type, rank, shape, &y));
    return cleat_concat(c->context, (int32_t)c->input_count, parts, axis, y);
}

/* ---- Tile ---- */

static cleat_status tile_repeats(call *c, int64_t *repeats, int64_t *shape) {
    const run_value *x;
    size_t count = 0;
    TRY(call_input(c, 0, &x));
    TRY(call_integers(c, 1, repeats, CLEAT_MAX_RANK, &count));
    bool fits = count == (size_t)x->rank;
    for (int32_t i = 0; fits && i < x->rank; i++) {
        fits = repeats[i] >= 0 && checked_mul(x->shape[i], repeats[i], &shape[i]);
    }
    if (!fits) {
        char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%s cannot be repeated %s times",
            shape_text(x->rank, x->shape, text), shape_text((int32_t)count, repeats, wanted));
    }
    return CLEAT_OK;
}

static cleat_status tile_host(call *c) {
    const array *x;
    array *y;
    int64_t repeats[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK], steps[CLEAT_MAX_RANK];
    int64_t *offsets[CLEAT_MAX_RANK];
    TRY(tile_repeats(c, repeats, shape));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, shape, &y));
    row_major_strides(x->rank, x->shape, steps);
    for (int32_t i = 0; i < x->rank; i++) {
        TRY(pick_line(c, shape[i], 0, steps[i], &offsets[i]));
        for (int64_t k = 0; k < shape[i]; k++) {
            offsets[i][k] = k % x->shape[i] * steps[i];
        }
    }
    pick(x, x->rank, shape, offsets, y);
    return CLEAT_OK;
}

static cleat_status tile_device(call *c) {
    cleat_tensor x, y;
    int64_t repeats[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK];
    TRY(tile_repeats(c, repeats, shape));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, x.rank, shape, &y));
    return cleat_tile(c->context, x, repeats, y);
}

/* ---- DepthToSpace, SpaceToDepth ---- */

typedef struct blocks {
    bool to_space;
    int64_t block;
    cleat_depth_order order;
    int64_t shape[4]; /* of the result */
} blocks;

static cleat_status blocks_find(const call *c, blocks *b) {
    const run_value *x;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    const char *mode = attribute_text(c->node, "mode", "DCR");
    b->to_space = strcmp(c->node->type, "DepthToSpace") == 0;
    b->order = strcmp(mode, "CRD") == 0 ? CLEAT_COLUMN_ROW_DEPTH : CLEAT_DEPTH_COLUMN_ROW;
    b->block = attribute_int(c->node, "blocksize", 0);
    const int64_t *s = x->shape;
    int64_t square = 0;
    bool fits = x->rank == 4 && b->block > 0 && checked_mul(b->block, b->block, &square);
    if (fits && b->to_space) {
        fits = s[1] % square == 0 && checked_mul(s[2], b->block, &b->shape[2]) &&
               checked_mul(s[3], b->block, &b->shape[3]);
        b->shape[1] = s[1] / square;
    } else if (fits) {
        fits =
            s[2] % b->block == 0 && s[3] % b->block == 0 && checked_mul(s[1], square, &b->shape[1]);
        b->shape[2] = s[2] / b->block;
        b->shape[3] = s[3] / b->block;
    }
    if (!fits) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s has no blocks of %lld",
            shape_text(x->rank, x->shape, text), (long long)b->block);
    }
    b->shape[0] = s[0];
    return CLEAT_OK;
}

/*
 * What is deep, [N, C block^2, H, W], and what is wide, [N, C, H block, W block], by the six
 * indices n, c, h, row, w, column of the wide one: their extents, and their steps in each.
 */
static void block_steps(const blocks *b, const int64_t *wide, int64_t *shape, int64_t *deep_steps) {
    const int64_t block = b->block, channels = wide[1];
    const int64_t height = wide[2] / block, width = wide[3] / block, plane = height * width;
    const bool is_depth_last = b->order == CLEAT_DEPTH_COLUMN_ROW;
    const int64_t shape_of[6] = {wide[0], channels, height, block, width, block};
    const int64_t steps[6] = {channels * block * block * plane,
        is_depth_last ? plane : block * block * plane, width,
        is_depth_last ? block * channels * plane : block * plane, 1,
        is_depth_last ? channels * plane : plane};
    memcpy(shape, shape_of, sizeof shape_of);
    memcpy(deep_steps, steps, sizeof steps);
}

static cleat_status blocks_host(call *c) {
    const array *x;
    array *y;
    blocks b;
    int64_t shape[6], deep[6], wide[6];
    TRY(blocks_find(c, &b));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, 4, b.shape, &y));
    block_steps(&b, b.to_space ? y->shape : x->shape, shape, deep);
    row_major_strides(6, shape, wide);
    /* the six indices in the order of the result's elements */
    static const int to_space[6] = {0, 1, 2, 3, 4, 5};
    static const int column_row[6] = {0, 3, 5, 1, 2, 4}, row_depth[6] = {0, 1, 3, 5, 2, 4};
    const int *order = b.to_space                          ? to_space
                       : b.order == CLEAT_DEPTH_COLUMN_ROW ? column_row
                                                           : row_depth;
    int64_t *offsets[6], extents[6];
    for (int i = 0; i < 6; i++) {
        const int k = order[i];
        extents[i] = shape[k];
        TRY(pick_line(c, shape[k], 0, b.to_space ? deep[k] : wide[k], &offsets[i]));
    }
    pick(x, 6, extents, offsets, y);
    return CLEAT_OK;
}

static cleat_status blocks_device(call *c) {
    cleat_tensor x, y;
    blocks b;
    TRY(blocks_find(c, &b));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, 4, b.shape, &y));
    return b.to_space ? cleat_depth_to_space(c->context, x, b.block, b.order, y)
                      : cleat_space_to_depth(c->context, x, b.block, b.order, y);
}

/* ---- ReverseSequence ---- */

typedef struct sequences {
    int32_t time, batch;
    int64_t *lengths;
} sequences;

static cleat_status sequences_find(call *c, sequences *s) {
    const run_value *x;
    const array *lengths;
    void *memory;
    TRY(call_input(c, 0, &x));
    TRY(call_array(c, 1, &lengths));
    TRY(call_axis_attribute(c, "time_axis", 0, x->rank, &s->time));
    TRY(call_axis_attribute(c, "batch_axis", 1, x->rank, &s->batch));
    if (s->time == s->batch || s->time > 1 || s->batch > 1) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "the axes of time and batch are %d and %d",
            s->time, s->batch);
    }
    if (type_is_floating(lengths->type) || lengths->rank != 1 ||
        lengths->count != x->shape[s->batch]) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%lld lengths of %s for %lld sequences",
            (long long)lengths->count, cleat_type_name(lengths->type),
            (long long)x->shape[s->batch]);
    }
    TRY(call_memory(c, lengths->count + 1, sizeof *s->lengths, &memory));
    s->lengths = memory;
    for (int64_t i = 0; i < lengths->count; i++) {
        s->lengths[i] = array_integer(lengths, i);
        if (s->lengths[i] < 0 || s->lengths[i] > x->shape[s->time]) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "sequence %lld has %lld of %lld elements",
                (long long)i, (long long)s->lengths[i], (long long)x->shape[s->time]);
        }
    }
    return CLEAT_OK;
}

static cleat_status reverse_host(call *c) {
    const array *x;
    array *y;
    sequences s;
    TRY(sequences_find(c, &s));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const int64_t inner = shape_count(x->rank - 2, x->shape + 2), extent = x->shape[1];
    for (int64_t i = 0; i < x->shape[0]; i++) {
        for (int64_t k = 0; k < extent; k++) {
            const int64_t time = s.time == 0 ? i : k;
            const int64_t length = s.lengths[s.time == 0 ? k : i];
            const int64_t from = time < length ? length - 1 - time : time;
            const int64_t place = s.time == 0 ? from * extent + k : i * extent + from;
            array_move(x, place * inner, y, (i * extent + k) * inner, inner);
        }
    }
    return CLEAT_OK;
}

/* Elements first .. of one sequence, `count` of them. */
static cleat_status copy_part(call *c, const sequences *s, cleat_tensor x, cleat_tensor y,
    int64_t sequence, int64_t first, int64_t count, bool is_reversed) {
    if (count == 0) {
        return CLEAT_OK;
    }
    const int64_t start = is_reversed ? first + count - 1 : first;
    TRY(cleat_slice(x, s->batch, sequence, 1, 1, &x));
    TRY(cleat_slice(y, s->batch, sequence, 1, 1, &y));
    TRY(cleat_slice(x, s->time, start, count, is_reversed ? -1 : 1, &x));
    TRY(cleat_slice(y, s->time, first, count, 1, &y));
    return cleat_copy(c->context, x, y);
}

static cleat_status reverse_device(call *c) {
    cleat_tensor x, y;
    sequences s;
    TRY(sequences_find(c, &s));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    for (int64_t i = 0; i < x.shape[s.batch]; i++) {
        const int64_t length = s.lengths[i];
        TRY(copy_part(c, &s, x, y, i, 0, length, true));
        TRY(copy_part(c, &s, x, y, i, length, x.shape[s.time] - length, false));
    }
    return CLEAT_OK;
}

/* ---- Gradients ---- */

static cleat_status concat_gradient(call *c) {
    cleat_tensor dy, part;
    int32_t axis = 0;
    int64_t start = 0;
    TRY(gradient_tensor(c, &dy));
    TRY(call_axis_attribute(c, "axis", 1, dy.rank, &axis));
    for (size_t i = 0; i + 2 < c->input_count; i++) {
        const run_value *x;
        TRY(call_input(c, i, &x));
        if (x->rank != dy.rank) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "an operand of rank %d", (int)x->rank);
        }
        if (call_wants(c, i)) {
            TRY(cleat_slice(dy, axis, start, x->shape[axis], 1, &part));
            TRY(call_output_view(c, i, gradient_place(c), part));
        }
        start += x->shape[axis];
    }
    return CLEAT_OK;
}

static cleat_status tile_gradient(call *c) {
    cleat_tensor dy, dx;
    int64_t repeats[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK];
    TRY(tile_repeats(c, repeats, shape));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    return cleat_tile_backward(c->context, dy, repeats, dx);
}

static cleat_status blocks_gradient(call *c) {
    cleat_tensor dy, dx;
    blocks b;
    TRY(blocks_find(c, &b));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    return b.to_space ? cleat_space_to_depth(c->context, dy, b.block, b.order, dx)
                      : cleat_depth_to_space(c->context, dy, b.block, b.order, dx);
}

const operator_entry operators_layout[] = {
    {"Concat", concat_host, concat_device, 1, SIZE_MAX, false},
    {"Tile", tile_host, tile_device, 2, 2, false},
    {"DepthToSpace", blocks_host, blocks_device, 1, 1, false},
    {"SpaceToDepth", blocks_host, blocks_device, 1, 1, false},
    {"ReverseSequence", reverse_host, reverse_device, 2, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_layout[] = {
    {GRADIENT_NODE("Concat", concat_gradient), GRADIENT_ALL, GRADIENT_ALL, NULL},
    {GRADIENT_NODE("Tile", tile_gradient), 1, 3, NULL},
    {GRADIENT_NODE("DepthToSpace", blocks_gradient), 1, 1, NULL},
    {GRADIENT_NODE("SpaceToDepth", blocks_gradient), 1, 1, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
