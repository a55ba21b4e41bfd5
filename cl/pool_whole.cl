/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One window a plane on processors: y[plane] = largest element of a plane of x, or their sum over
 * `divisor`; and the average's dx, each element of a plane dy[plane] / divisor. The `count` elements
 * of a plane lie together, x_step elements from those of the next plane, side by side in dx; y's
 * and dy's lie y_step and dy_step apart.
 *
 * Work-item i does planes [i * chunk, (i + 1) * chunk), VECTOR_WIDTH of them together: the elements
 * of each are joined to a vector, and those vectors to one that holds a result in each lane.
 * pool2d_whole_backward, where count >= VECTOR_WIDTH: dx from one multiple of the vector's size to
 * the next, whatever planes lie there, at most two. `streaming`: dx goes past the caches.
 * Work-groups of one item. Macros: AVERAGE (0: max), BACKWARD (average only), VECTOR_WIDTH 4, 8 or
 * 16.
 */
#include "common.cl"
#include "stream.cl"
#include "vector.cl"
#include "pool_lanes.cl"

typedef CAT(int, VECTOR_WIDTH) MASK;

#if !BACKWARD

#include "pool_fold.cl"

/* Lane k: what the first `done` elements of p have at k, k + VECTOR_WIDTH, ..., and the last ones,
 * where the mask is set, of the vector that ends at `count`. */
static inline VECTOR join_plane(const global float *p, INDEX count, INDEX done, MASK last) {
    const VECTOR nothing = NOTHING;
    if (count < VECTOR_WIDTH) {
        return take_some(p, (int)count, nothing);
    }
    VECTOR all = LOAD(VECTOR_WIDTH, p + count - VECTOR_WIDTH);
    all = last ? all : nothing;
    for (INDEX i = 0; i < done; i += VECTOR_WIDTH) {
        const VECTOR next = LOAD(VECTOR_WIDTH, p + i);
        all = JOIN(all, next);
    }
    return all;
}

kernel void pool2d_whole(const global float *x, global float *y, INDEX x_offset, INDEX y_offset,
    INDEX planes, INDEX count, INDEX x_step, INDEX y_step, float divisor, INDEX chunk) {
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, planes);
    const INDEX done = count / VECTOR_WIDTH * VECTOR_WIDTH;
    int mask[VECTOR_WIDTH];
    for (int k = 0; k < VECTOR_WIDTH; k++) {
        mask[k] = k >= VECTOR_WIDTH - (int)(count - done) ? -1 : 0;
    }
    const MASK last = CAT(vload, VECTOR_WIDTH)(0, mask);
    for (INDEX plane = begin; plane < end; plane += VECTOR_WIDTH) {
        const int some = (int)min(end - plane, (INDEX)VECTOR_WIDTH);
        VECTOR v[VECTOR_WIDTH];
        for (int k = 0; k < VECTOR_WIDTH; k++) {
            const INDEX from = x_offset + (plane + min(k, some - 1)) * x_step;
            v[k] = join_plane(x + from, count, done, last);
        }
#define PLANE_VECTOR(k) v[k]
        v[0] = fold_1(
            FOLD_HALF(PLANE_VECTOR, 0), FOLD_HALF(PLANE_VECTOR, VECTOR_WIDTH / 2));
#if AVERAGE
        v[0] /= divisor;
#endif
        global float *to = y + y_offset + plane * y_step;
        if (y_step == 1) {
            put_row(v[0], to, some, 0);
        } else {
            for (int k = 0; k < some; k++) {
                to[k * y_step] = ((float *)v)[k];
            }
        }
    }
}

#else

kernel void pool2d_whole_backward(const global float *dy, global float *dx, INDEX dy_offset,
    INDEX dx_offset, INDEX planes, INDEX count, INDEX dy_step, float divisor, INDEX chunk,
    int streaming) {
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, planes);
    if (begin >= end) {
        return;
    }
    int numbers[VECTOR_WIDTH];
    for (int k = 0; k < VECTOR_WIDTH; k++) {
        numbers[k] = k;
    }
    const MASK lanes = CAT(vload, VECTOR_WIDTH)(0, numbers);
    const global float *next_dy = dy + dy_offset + begin * dy_step;
    global float *to = dx + dx_offset + begin * count;
    const INDEX total = (end - begin) * count;
    /* Up to the first multiple, then vectors; `left` elements of this plane are still to come. */
    const INDEX misplaced = (INDEX)((size_t)to / sizeof(float) % VECTOR_WIDTH);
    INDEX done = min(misplaced > 0 ? VECTOR_WIDTH - misplaced : 0, total), left = count - done;
    VECTOR here = *next_dy / divisor, behind = here;
    put(here, to, (int)done);
    for (INDEX plane = begin; plane < end; plane++) {
        next_dy += plane + 1 < end ? dy_step : 0;
        behind = *next_dy / divisor;
        for (; left >= VECTOR_WIDTH; left -= VECTOR_WIDTH, done += VECTOR_WIDTH) {
            put_row(here, to + done, VECTOR_WIDTH, streaming);
        }
        if (left > 0) {
            const VECTOR both = lanes < (MASK)((int)left) ? here : behind;
            put_row(both, to + done, total - done, streaming);
            done += VECTOR_WIDTH;
            left -= VECTOR_WIDTH;
        }
        left += count;
        here = behind;
    }
}

#endif
