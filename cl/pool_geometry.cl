/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of the pooling kernels, in the order of src/ops/pool_plane.c; pool.cl tells their meaning.
 * FORWARD_LIST: x, y; AVERAGE_LIST: dy, dx; MAX_LIST: x, dy, dx.
 */
#include "numbers.cl"

#define POOL_GEOMETRY(ANY)                                                                         \
    ANY(items) ANY(chunk) ANY(channels) ANY(height) ANY(width) ANY(out_height) ANY(out_width)      \
    ANY(window_h) ANY(window_w) ANY(step_h) ANY(step_w) ANY(top) ANY(left)
#define POOL_TENSOR(ANY, name)                                                                     \
    ANY(name##_offset) ANY(name##_n) ANY(name##_c) ANY(name##_h) ANY(name##_w)
#define POOL_PAIR(ANY_INDEX, ANY_INT, from, to)                                                     \
    POOL_GEOMETRY(ANY_INDEX) POOL_TENSOR(ANY_INDEX, from) POOL_TENSOR(ANY_INDEX, to)               \
    ANY_INT(count_padding) ANY_INT(streaming)
#define FORWARD_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT) POOL_PAIR(ANY_INDEX, ANY_INT, x, y)
#define AVERAGE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT) POOL_PAIR(ANY_INDEX, ANY_INT, dy, dx)
#define MAX_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                    \
    POOL_GEOMETRY(ANY_INDEX) POOL_TENSOR(ANY_INDEX, x) POOL_TENSOR(ANY_INDEX, dy)                  \
    POOL_TENSOR(ANY_INDEX, dx) ANY_INT(count_padding) ANY_INT(streaming)
typedef struct forward_numbers {
    NUMBER_MEMBERS(FORWARD_LIST)
} forward_numbers;
typedef struct max_numbers {
    NUMBER_MEMBERS(MAX_LIST)
} max_numbers;
typedef struct average_numbers {
    NUMBER_MEMBERS(AVERAGE_LIST)
} average_numbers;

/* Place of plane number `plane` = n * channels + c. */
#define PLANE(name, plane)                                                                         \
    (name##_offset + (plane) / channels * name##_n + (plane) % channels * name##_c)
