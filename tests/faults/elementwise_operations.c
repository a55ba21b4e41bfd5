/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table of fault_operations.h that goes element by element, moves elements, or
 * makes them up. */
#include "fault_operations.h"

/* ---- One number after the other ---- */

OPERATION_CALL(activate, CLEAT_RELU, t[0], t[1], NULL)
OPERATION_CALL(activate_backward, CLEAT_RELU, t[0], t[1], t[2], NULL)
OPERATION_CALL(prelu, t[0], t[1], t[2])
OPERATION_CALL(prelu_backward, t[0], t[1], t[2], &t[3], &t[4])
OPERATION_CALL(glu, CLEAT_SIGMOID, t[0], 1, t[1], NULL)
OPERATION_CALL(glu_backward, CLEAT_SIGMOID, t[0], 1, t[1], t[2], NULL)
OPERATION_CALL(unary, CLEAT_SQUARE, t[0], t[1])
OPERATION_CALL(unary_backward, CLEAT_SQUARE, t[0], t[1], t[2])
OPERATION_CALL(add, t[0], cleat_transpose(t[1]), t[2])
OPERATION_CALL(sub, t[0], t[1], t[2])
OPERATION_CALL(mul, t[0], t[1], t[2])
OPERATION_CALL(div, t[0], t[1], t[2])
OPERATION_CALL(min, t[0], t[1], t[2])
OPERATION_CALL(max, t[0], t[1], t[2])
OPERATION_CALL(pow, t[0], t[1], t[2])
OPERATION_CALL(mod, t[0], t[1], t[2])
OPERATION_CALL(bias_add, t[0], t[1], 1, t[2])
OPERATION_CALL(binary_backward, CLEAT_MUL, t[0], t[1], t[2], &t[3], &t[4])
OPERATION_CALL(compare, CLEAT_LESS, t[0], t[1], t[2])
OPERATION_CALL(logical, CLEAT_XOR, t[0], t[1], t[2])
OPERATION_CALL(logical_not, t[0], t[1])
OPERATION_CALL(where, t[0], t[1], t[2], t[3])
OPERATION_CALL(where_backward, t[0], t[1], &t[2], NULL)
OPERATION_CALL(cast, t[0], t[1])

/* ---- Moved ---- */

OPERATION_CALL(copy, cleat_transpose(t[0]), t[1])
OPERATION_CALL(concat, 2, t, 1, t[2])
/* A number for each axis of any tensor: fuzz_operations changes ranks. */
static const int64_t ones[CLEAT_MAX_RANK] = {1, 1},
                     twice[CLEAT_MAX_RANK] = {2, 1, 1, 1, 1, 1, 1, 1};
OPERATION_CALL(pad, t[0], ones, ones, t[1], &(const cleat_pad_options){.mode = CLEAT_PAD_REFLECT})
OPERATION_CALL(
    pad_backward, t[0], ones, ones, t[1], &(const cleat_pad_options){.mode = CLEAT_PAD_REFLECT})
OPERATION_CALL(tile, t[0], twice, t[1])
OPERATION_CALL(tile_backward, t[0], twice, t[1])
OPERATION_CALL(depth_to_space, t[0], 2, CLEAT_DEPTH_COLUMN_ROW, t[1])
OPERATION_CALL(space_to_depth, t[0], 2, CLEAT_DEPTH_COLUMN_ROW, t[1])
OPERATION_CALL(resize, t[0], t[1], &(const cleat_resize_options){.mode = CLEAT_RESIZE_LINEAR})
OPERATION_CALL(
    resize_backward, t[0], t[1], &(const cleat_resize_options){.mode = CLEAT_RESIZE_LINEAR})

/* ---- Made up ---- */

/* A part of a tensor: one element, and a kernel that spreads it. */
static cleat_status call_fill(cleat_context *context, const cleat_tensor *t) {
    cleat_tensor part;
    const cleat_status status = cleat_slice(t[0], 1, 0, 3, 2, &part);
    return status == CLEAT_OK ? cleat_fill(context, 5, part) : status;
}

OPERATION_CALL(random_uniform, 1, 2, 0, 1, t[0])
OPERATION_CALL(random_normal, 1, 2, 0, 1, t[0])
OPERATION_CALL(dropout, 1, 2, 0.5F, t[0], t[1])
OPERATION_CALL(dropout_backward, 1, 2, 0.5F, t[0], t[1])

const operation elementwise_operations[] = {
    OPERATION(activate, REAL(4, 6), RESULT(4, 6)),
    OPERATION(activate_backward, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(prelu, REAL(2, 4, 6), REAL(4, 1), RESULT(2, 4, 6)),
    OPERATION(
        prelu_backward, REAL(2, 4, 6), REAL(4, 1), REAL(2, 4, 6), RESULT(2, 4, 6), RESULT(4, 1)),
    OPERATION(glu, REAL(4, 6), RESULT(4, 3)),
    OPERATION(glu_backward, REAL(4, 6), REAL(4, 3), RESULT(4, 6)),
    OPERATION(unary, REAL(4, 6), RESULT(4, 6)),
    OPERATION(unary_backward, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(add, REAL(4, 6), REAL(6, 4), RESULT(4, 6)),
    OPERATION(sub, REAL(4, 6), REAL(6), RESULT(4, 6)),
    OPERATION(mul, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(div, REAL(4, 6), POSITIVE(4, 6), RESULT(4, 6)),
    OPERATION(min, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(max, REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(pow, POSITIVE(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(mod, INDEX(4, 6), INDEX(4, 6), RESULT_OF(I32, 4, 6)),
    OPERATION(bias_add, REAL(2, 4, 6), REAL(4), RESULT(2, 4, 6)),
    OPERATION(binary_backward, REAL(4, 6), REAL(6), REAL(4, 6), RESULT(4, 6), RESULT(6)),
    OPERATION(compare, REAL(4, 6), REAL(4, 6), RESULT_OF(TRUTH, 4, 6)),
    OPERATION(logical, TRUTH(4, 6), TRUTH(6), RESULT_OF(TRUTH, 4, 6)),
    OPERATION(logical_not, TRUTH(4, 6), RESULT_OF(TRUTH, 4, 6)),
    OPERATION(where, TRUTH(4, 6), REAL(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(where_backward, TRUTH(4, 6), REAL(4, 6), RESULT(4, 6)),
    OPERATION(cast, REAL(4, 6), RESULT_OF(I32, 4, 6)),
    OPERATION(copy, REAL(4, 6), RESULT(6, 4)),
    OPERATION(concat, REAL(4, 6), REAL(4, 6), RESULT(4, 12)),
    OPERATION(pad, REAL(4, 6), RESULT(6, 8)),
    OPERATION(pad_backward, REAL(6, 8), RESULT(4, 6)),
    OPERATION(tile, REAL(4, 6), RESULT(8, 6)),
    OPERATION(tile_backward, REAL(8, 6), RESULT(4, 6)),
    OPERATION(depth_to_space, REAL(1, 4, 3, 3), RESULT(1, 1, 6, 6)),
    OPERATION(space_to_depth, REAL(1, 1, 6, 6), RESULT(1, 4, 3, 3)),
    OPERATION(resize, REAL(2, 4, 6), RESULT(2, 8, 12)),
    OPERATION(resize_backward, REAL(2, 8, 12), RESULT(2, 4, 6)),
    OPERATION(fill, RESULT(4, 6)),
    OPERATION(random_uniform, RESULT(4, 6)),
    OPERATION(random_normal, RESULT(4, 6)),
    OPERATION(dropout, REAL(4, 6), RESULT(4, 6)),
    OPERATION(dropout_backward, REAL(4, 6), RESULT(4, 6)),
    {.name = NULL},
};
