/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Max unpooling over three axes of space. Places count the elements of `large` in row-major order,
 * in its plane with plane_indices, else through all planes; one outside the plane is passed over.
 *
 * max_unpool: large = 0, but large[indices[i]] = small[i], the last of several. Work-item i does
 *   planes (n, c) [i * chunk, (i + 1) * chunk).
 * max_unpool_backward: small[i] = large[indices[i]], 0 for a place outside. Work-item i does elements
 *   [i * chunk, (i + 1) * chunk) of small in row-major order.
 * Geometry: 1-D, any work-group. Macros: INDEX, REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "numbers.cl"

#define TENSOR(ANY, name)                                                                          \
    ANY(name##_offset) ANY(name##_n) ANY(name##_c) ANY(name##_d) ANY(name##_h) ANY(name##_w)
#define UNPOOL_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(items) ANY_INDEX(chunk) ANY_INDEX(channels) ANY_INDEX(small_depth)                   \
    ANY_INDEX(small_height) ANY_INDEX(small_width) ANY_INDEX(depth) ANY_INDEX(height)              \
    ANY_INDEX(width) TENSOR(ANY_INDEX, small) TENSOR(ANY_INDEX, indices) TENSOR(ANY_INDEX, large)  \
    ANY_INT(plane_indices)
typedef struct unpool_numbers {
    NUMBER_MEMBERS(UNPOOL_LIST)
} unpool_numbers;

#define PLANE(name, plane)                                                                         \
    (name##_offset + (plane) / channels * name##_n + (plane) % channels * name##_c)
#define WITHIN(name, d, h, w) ((d) * name##_d + (h) * name##_h + (w) * name##_w)
/* Where element i of a plane of small, or of its indices, lies. */
#define OF_SMALL(name, i)                                                                          \
    WITHIN(name, (i) / small_width / small_height, (i) / small_width % small_height,               \
        (i) % small_width)
#define OF_LARGE(i) WITHIN(large, (i) / width / height, (i) / width % height, (i) % width)

__kernel void max_unpool(const __global REAL *small, const __global long *indices,
    __global REAL *large, const unpool_numbers numbers) {
    NUMBERS(UNPOOL_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX volume = depth * height * width;
    const INDEX count = small_depth * small_height * small_width;
    for (INDEX plane = begin; plane < min(begin + chunk, items); plane++) {
        const long base = plane_indices ? 0 : (long)plane * volume;
        const __global REAL *from = small + PLANE(small, plane);
        const __global long *places = indices + PLANE(indices, plane);
        __global REAL *to = large + PLANE(large, plane);
        for (INDEX row = 0; row < depth * height; row++) {
            __global REAL *cells = to + WITHIN(large, row / height, row % height, 0);
            for (INDEX w = 0; w < width; w++) {
                cells[w * large_w] = 0.0f;
            }
        }
        for (INDEX i = 0; i < count; i++) {
            const long place = places[OF_SMALL(indices, i)] - base;
            if (place >= 0 && place < volume) {
                to[OF_LARGE((INDEX)place)] = from[OF_SMALL(small, i)];
            }
        }
    }
}

__kernel void max_unpool_backward(__global REAL *small, const __global long *indices,
    const __global REAL *large, const unpool_numbers numbers) {
    NUMBERS(UNPOOL_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX volume = depth * height * width;
    const INDEX count = small_depth * small_height * small_width;
    for (INDEX item = begin; item < min(begin + chunk, items); item++) {
        const INDEX plane = item / count, i = item % count;
        const long base = plane_indices ? 0 : (long)plane * volume;
        const long place = indices[PLANE(indices, plane) + OF_SMALL(indices, i)] - base;
        small[PLANE(small, plane) + OF_SMALL(small, i)] =
            place >= 0 && place < volume ? large[PLANE(large, plane) + OF_LARGE((INDEX)place)]
                                         : 0.0f;
    }
}
