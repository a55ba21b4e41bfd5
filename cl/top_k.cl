/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The k largest of each row of x, in order, and their places along it. An element is told from another
 * by a key: an int that grows with it, equal for -0 and 0, the largest for NaN; turned around for the
 * smallest. Of equal keys the lower place comes first.
 *   -DINDICES=int|long
 *   -DUNIT=1   elements of a row are neighbours; else 0
 *
 * A row is told by its number in up to seven axes, filled up with leading ones of extent 1. values and
 * places may be null.
 *
 * top_k_heap: processors, work-groups of one; work-item i does rows i * share ... A heap of k pairs of
 * key and place, the worst on top, is kept in `heaps`, k each; an element that beats the top takes its
 * place. Taking the worst off until none is left then gives the order from behind.
 * top_k_group: work-group i does row i; k times it looks, with a tree over local memory, for the best
 * of those that come after the one before.
 */
#include "common.cl"
#include "numbers.cl"
#include "axes.cl"
#include "vector.cl"
#include "element.cl"

#define ROW_AXIS(ANY, i) ANY(extent##i) ANY(x_stride##i) ANY(v_stride##i) ANY(p_stride##i)
#define TOP_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                    \
    ANY_INDEX(rows) ANY_INDEX(share) ANY_INDEX(x_offset) ANY_INDEX(v_offset) ANY_INDEX(p_offset)   \
    ANY_INDEX(extent) ANY_INDEX(k) ANY_INDEX(x_step) ANY_INDEX(v_step) ANY_INDEX(p_step)           \
    AXES_OF_7(ROW_AXIS, ANY_INDEX) ANY_INDEX(smallest)
typedef struct top_numbers {
    NUMBER_MEMBERS(TOP_LIST)
} top_numbers;

#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = rest % extent##i;                                                         \
        rest /= extent##i;                                                                         \
        x_at += at * x_stride##i;                                                                  \
        v_at += at * v_stride##i;                                                                  \
        p_at += at * p_stride##i;                                                                  \
    }
#define FIND_ROW(row)                                                                              \
    INDEX rest = row, x_at = x_offset, v_at = v_offset, p_at = p_offset;                           \
    AXES_DOWN_7(TAKE_AXIS)

static inline int key_of(float x, int smallest) {
    const int bits = as_int(x == 0.0f ? 0.0f : x);
    const int key = x != x ? 0x7fffffff : bits ^ ((bits >> 31) & 0x7fffffff);
    return smallest ? ~key : key;
}

/* Pairs as one number: the better, the larger; neither 0 nor the largest of all. */
static inline ulong pair_of(int key, INDEX place) {
    return (ulong)((uint)key ^ 0x80000000u) << 32 | (0xfffffffeu - (uint)place);
}

static inline INDEX place_of(ulong pair) {
    return (INDEX)(0xfffffffeu - (uint)pair);
}

static inline void write_pair(ulong pair, global const float *row, INDEX x_step,
    global float *value, global INDICES *place) {
    const INDEX at = place_of(pair);
    if (value != 0) {
        *value = row[at * x_step];
    }
    if (place != 0) {
        *place = (INDICES)at;
    }
}

#if DEVICE_IS_CPU
#define LANES DEVICE_FLOAT_WIDTH
#define KEYS CAT(int, LANES)

/* Puts a pair in place of the top of a heap of `size`, the smallest on top, and lets it sink. */
static inline void replace_top(global ulong *heap, INDEX size, ulong pair) {
    INDEX at = 0;
    for (INDEX child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && heap[child + 1] < heap[child]) {
            child++;
        }
        if (pair <= heap[child]) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = pair;
}

#define SCAN (4 * LANES)
#if LANES == 16
#define ALL(m) ((as_long2(CONVERT(char, LANES, m)).x & as_long2(CONVERT(char, LANES, m)).y) == -1)
#elif LANES == 8
#define ALL(m) (as_long(CONVERT(char, LANES, m)) == -1)
#else
#define ALL(m) (as_int(CONVERT(char, LANES, m)) == -1)
#endif

/* Whether one of LANES elements may beat the one of value `least`, the worst so far; NaN may. */
static inline bool any_beats(global const float *p, FLOATS(LANES) least, int smallest) {
    const FLOATS(LANES) x = LOAD(LANES, p);
    const KEYS behind = smallest ? x >= least : x <= least;
    return !ALL(behind);
}

/* The same of SCAN elements. */
static inline bool many_beat(global const float *p, FLOATS(LANES) least, int smallest) {
    const FLOATS(LANES) a = LOAD(LANES, p), b = LOAD(LANES, p + LANES);
    const FLOATS(LANES) c = LOAD(LANES, p + 2 * LANES), d = LOAD(LANES, p + 3 * LANES);
    KEYS behind = (a <= least) & (b <= least) & (c <= least) & (d <= least);
    if (smallest) {
        behind = (a >= least) & (b >= least) & (c >= least) & (d >= least);
    }
    return !ALL(behind);
}

#if UNIT
/* A value that k of the elements at least come up to: the k-th of the best of the lanes' own, which
 * nothing but the heap is used for. Infinite: unknown. */
static inline float bound_of(
    global const float *p, INDEX extent, INDEX k, int smallest, global ulong *heap) {
    float best[SCAN];
    const float worst = smallest ? INFINITY : -INFINITY;
    if (k > SCAN / 2 || extent < 4 * SCAN) {
        return worst;
    }
    FLOATS(LANES) a = (FLOATS(LANES))(worst), b = a, c = a, d = a;
    for (INDEX i = 0; i + SCAN <= extent; i += SCAN) {
        const FLOATS(LANES) e = LOAD(LANES, p + i), f = LOAD(LANES, p + i + LANES);
        const FLOATS(LANES) g = LOAD(LANES, p + i + 2 * LANES), h = LOAD(LANES, p + i + 3 * LANES);
        if (smallest) {
            a = e < a ? e : a;
            b = f < b ? f : b;
            c = g < c ? g : c;
            d = h < d ? h : d;
        } else {
            a = e > a ? e : a;
            b = f > b ? f : b;
            c = g > c ? g : c;
            d = h > d ? h : d;
        }
    }
    STORE(LANES, a, best);
    STORE(LANES, b, best + LANES);
    STORE(LANES, c, best + 2 * LANES);
    STORE(LANES, d, best + 3 * LANES);
    for (int lane = 0; lane < SCAN; lane++) {
        const ulong pair = pair_of(key_of(best[lane], smallest), lane);
        if (pair > heap[0]) {
            replace_top(heap, k, pair);
        }
    }
    return best[place_of(heap[0])];
}
#endif

kernel void top_k_heap(global const float *restrict x, global float *restrict values,
    global INDICES *restrict places, global ulong *restrict heaps, const top_numbers numbers) {
    NUMBERS(TOP_LIST)
    global ulong *heap = heaps + (size_t)get_global_id(0) * k;
    const INDEX last = min((INDEX)(get_global_id(0) + 1) * share, rows);
    for (INDEX row = (INDEX)get_global_id(0) * share; row < last; row++) {
        FIND_ROW(row)
        global const float *p = x + x_at;
        INDEX i = 0;
        ulong worst = 0;
        float least = 0.0f;
        bool is_bounded = false;
        for (INDEX n = 0; n < k; n++) {
            heap[n] = 0;
        }
#if UNIT
        /* What does not come up to the bound is passed over from the first; equal ones are not: the
         * next float below, or above. */
        least = bound_of(p, extent, k, smallest, heap);
        is_bounded = fabs(least) < INFINITY;
        if (is_bounded) {
            int key = key_of(least, 0) + (smallest ? 1 : -1);
            key -= key == -1 && !smallest; /* that of -0 */
            least = as_float(key ^ ((key >> 31) & 0x7fffffff));
        }
        for (INDEX n = 0; n < k; n++) {
            heap[n] = 0;
        }
#endif
        if (!is_bounded) { /* the first k, by a heap that is worse than all */
            for (; i < k; i++) {
                replace_top(heap, k, pair_of(key_of(p[i * x_step], smallest), i));
            }
            worst = heap[0];
            least = p[place_of(worst) * x_step];
        }
        while (i < extent) {
            INDEX end = extent;
#if UNIT
            if (extent - i >= SCAN && !many_beat(p + i, (FLOATS(LANES))(least), smallest)) {
                i += SCAN;
                continue;
            }
            end = min(i + SCAN, extent);
            while (i + LANES <= end) { /* up to the first vector with a candidate */
                if (any_beats(p + i, (FLOATS(LANES))(least), smallest)) {
                    end = i + LANES;
                    break;
                }
                i += LANES;
            }
#endif
            KEEP_ROLLED
            for (; i < end; i++) {
                const float value = p[i * x_step];
                if (smallest ? value >= least : value <= least) {
                    continue;
                }
                const ulong pair = pair_of(key_of(value, smallest), i);
                if (pair > worst) {
                    replace_top(heap, k, pair);
                    worst = heap[0];
                    least = worst != 0 ? p[place_of(worst) * x_step] : least;
                }
            }
        }
        for (INDEX size = k; size > 0; size--) {
            write_pair(heap[0], p, x_step, values != 0 ? values + v_at + (size - 1) * v_step : 0,
                places != 0 ? places + p_at + (size - 1) * p_step : 0);
            replace_top(heap, size - 1, heap[size - 1]);
        }
    }
}
#endif

kernel void top_k_group(global const float *restrict x, global float *restrict values,
    global INDICES *restrict places, const top_numbers numbers, local ulong *shared) {
    NUMBERS(TOP_LIST)
    const INDEX row = (INDEX)get_group_id(0);
    const int lane = (int)get_local_id(0), lanes = (int)get_local_size(0);
    FIND_ROW(row)
    global const float *p = x + x_at;
    ulong before = ~0ul;
    for (INDEX n = 0; n < k; n++) {
        ulong best = 0;
        for (INDEX i = lane; i < extent; i += lanes) {
            const ulong pair = pair_of(key_of(p[i * x_step], smallest), i);
            best = pair < before && pair > best ? pair : best;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        shared[lane] = best;
        for (int step = lanes / 2; step > 0; step /= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            if (lane < step) {
                shared[lane] = max(shared[lane], shared[lane + step]);
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        before = shared[0];
        if (lane == 0) {
            write_pair(before, p, x_step, values != 0 ? values + v_at + n * v_step : 0,
                places != 0 ? places + p_at + n * p_step : 0);
        }
    }
}
