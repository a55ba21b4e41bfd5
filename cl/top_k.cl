/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The k largest of each row of x, in order, and their places along it. An element is told from another
 * by a key: an integer of its size that grows with it, equal for -0 and 0, the largest for NaN; turned
 * around for the smallest. Of equal keys the lower place comes first.
 *   -DINDICES=int|long
 *   -DUNIT=1   elements of a row are neighbours; else, and for f64 in any case, 0
 *
 * A row is told by its number in up to seven axes, filled up with leading ones of extent 1. values and
 * places may be null.
 *
 * top_k_heap: processors, work-groups of one; work-item i does rows i * share ..., whose k best pairs
 * of key and place it keeps in `heaps`, k each.
 *   By a heap, the worst on top: an element that beats the top takes its place. Taking the worst off
 *   until none is left then gives the order from behind.
 *   By lanes, where elements are neighbours, k at most LANES, and no element NaN: once through the
 *   row for the largest of each LANES-th element; the k-th largest of those is a bound that k elements
 *   come up to, most often few more. Those are collected, of what the first time left in the cache,
 *   and put in order by counting how many beat each. Too many of them, as of equal ones: by a heap.
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

/* Pairs as one number, of doubles as two: the better, the larger. NO_PAIR is worse than all, BEST better. */
#if REAL_IS_DOUBLE
#define SIGN_BIT 63
#define LARGEST_KEY 0x7fffffffffffffffl
#define PAIR ulong2
#define NO_PAIR ((ulong2)(0ul))
#define BEST ((ulong2)(~0ul))
#define IS_PAIR(a) ((a).y != 0ul)
#define WORSE(a, b) ((a).x < (b).x || ((a).x == (b).x && (a).y < (b).y))
#define BETTER_OF(a, b) (WORSE(a, b) ? (b) : (a))
#else
#define SIGN_BIT 31
#define LARGEST_KEY 0x7fffffff
#define PAIR ulong
#define NO_PAIR 0
#define BEST ~0ul
#define IS_PAIR(a) ((a) != 0)
#define WORSE(a, b) ((a) < (b))
#define BETTER_OF(a, b) max(a, b)
#endif

static inline REAL_BITS key_of(REAL x, int smallest) {
    const REAL_BITS bits = CAT(as_, REAL_BITS)(x == 0.0f ? 0.0f : x);
    const REAL_BITS key = x != x ? LARGEST_KEY : bits ^ ((bits >> SIGN_BIT) & LARGEST_KEY);
    return smallest ? ~key : key;
}

#if REAL_IS_DOUBLE
static inline PAIR pair_of(long key, INDEX place) {
    return (PAIR)((ulong)key ^ 0x8000000000000000ul, 0xfffffffeu - (uint)place);
}

static inline INDEX place_of(PAIR pair) {
    return (INDEX)(0xfffffffeu - (uint)pair.y);
}
#else
static inline ulong pair_of(int key, INDEX place) {
    return (ulong)((uint)key ^ 0x80000000u) << 32 | (0xfffffffeu - (uint)place);
}

static inline INDEX place_of(ulong pair) {
    return (INDEX)(0xfffffffeu - (uint)pair);
}
#endif

static inline void write_pair(PAIR pair, global const REAL *row, INDEX x_step,
    global REAL *value, global INDICES *place) {
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
static inline void replace_top(global PAIR *heap, INDEX size, PAIR pair) {
    INDEX at = 0;
    for (INDEX child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && WORSE(heap[child + 1], heap[child])) {
            child++;
        }
        if (!WORSE(heap[child], pair)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = pair;
}

#if !REAL_IS_DOUBLE
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
#endif

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

/* heap[0 .. k - 1] = the k best pairs, the best first. */
KEEP_APART static void find_by_heap(global const REAL *restrict p, INDEX extent, INDEX x_step,
    INDEX k, int smallest, global PAIR *restrict heap) {
    INDEX i = 0;
    PAIR worst = NO_PAIR;
    REAL least = 0.0f;
    bool is_bounded = false;
    for (INDEX n = 0; n < k; n++) {
        heap[n] = NO_PAIR;
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
            const REAL value = p[i * x_step];
            if (smallest ? value >= least : value <= least) {
                continue;
            }
            const PAIR pair = pair_of(key_of(value, smallest), i);
            if (WORSE(worst, pair)) {
                replace_top(heap, k, pair);
                worst = heap[0];
                least = IS_PAIR(worst) ? p[place_of(worst) * x_step] : least;
            }
        }
    }
    for (INDEX size = k; size > 0; size--) {
        const PAIR pair = heap[0];
        replace_top(heap, size - 1, heap[size - 1]);
        heap[size - 1] = pair;
    }
}

#if UNIT
#define BLOCK 64 /* of SCAN elements each, whose largest are kept */
#define MOST 128 /* candidates */
#define PAIRS 8
typedef CAT(ulong, PAIRS) pair_lanes;

/* Elements with the sign turned where the smallest are wanted. */
static inline FLOATS(LANES) turned(global const float *p, KEYS sign) {
    return AS(float, LANES, AS(int, LANES, LOAD(LANES, p)) ^ sign);
}

/* The k-th largest lane, k <= LANES. */
static inline float lane_number(FLOATS(LANES) v, INDEX k) {
    float lanes[LANES];
    STORE(LANES, v, lanes);
    KEYS larger = (KEYS)(0);
    for (int i = 0; i < LANES; i++) {
        larger -= v < (FLOATS(LANES))(lanes[i]);
    }
    const FLOATS(LANES) first = larger < (KEYS)((int)k) ? -v : (FLOATS(LANES))(-INFINITY);
    return -MAX_LANES(LANES, first);
}

/* The k best of `count` pairs to the front, in order; there is room for PAIRS - 1 more. */
static inline void order_pairs(ulong *pairs, int count, int k) {
    ulong ranks[MOST + SCAN + PAIRS], best[LANES + 1];
    for (int i = 0; i < PAIRS; i++) {
        pairs[count + i] = 0;
    }
    for (int i = 0; i < count; i += PAIRS) {
        const pair_lanes own = CAT(vload, PAIRS)(0, pairs + i);
        pair_lanes rank = (pair_lanes)(0);
        KEEP_ROLLED
        for (int other = 0; other < count; other++) {
            rank -= CAT(as_ulong, PAIRS)((pair_lanes)(pairs[other]) > own);
        }
        CAT(vstore, PAIRS)(rank, 0, ranks + i);
    }
    KEEP_ROLLED
    for (int i = 0; i < count; i++) {
        best[min((int)ranks[i], k)] = pairs[i];
    }
    KEEP_ROLLED
    for (int i = 0; i < k; i++) {
        pairs[i] = best[i];
    }
}

#ifdef __ENDIAN_LITTLE__
#define LANE_OF(bits) (7 - (int)clz(bits) / 8)
#define BYTE_OF(lane) (0xfful << 8 * (lane))
#else
#define LANE_OF(bits) ((int)clz(bits) / 8)
#define BYTE_OF(lane) (0xfful << (56 - 8 * (lane)))
#endif

/* Appends the elements whose bytes are set, of up to 8 from number i on. */
static inline int append_bytes(
    ulong bytes, global const float *p, INDEX i, int smallest, ulong *pairs, int count) {
    while (bytes != 0) {
        const int lane = LANE_OF(bytes);
        pairs[count++] = pair_of(key_of(p[i + lane], smallest), i + lane);
        bytes &= ~BYTE_OF(lane);
    }
    return count;
}

/* The same of SCAN elements for those that come up to the bound. */
static inline int append_candidates(global const float *p, INDEX i, KEYS sign, float bound,
    int smallest, ulong *pairs, int count) {
    for (int n = 0; n < SCAN; n += LANES) {
        const KEYS good = turned(p + i + n, sign) >= (FLOATS(LANES))(bound);
        const CAT(char, LANES) bytes = CONVERT(char, LANES, good);
#if LANES == 16
        count = append_bytes(as_ulong2(bytes).x, p, i + n, smallest, pairs, count);
        count = append_bytes(as_ulong2(bytes).y, p, i + n + 8, smallest, pairs, count);
#elif LANES == 8
        count = append_bytes(as_ulong(bytes), p, i + n, smallest, pairs, count);
#else
        count = append_bytes(
            as_ulong((char8)(bytes, (char4)(0))), p, i + n, smallest, pairs, count);
#endif
    }
    return count;
}

/* The largest of each lane of SCAN elements to `largest`, of all to `top`; their sum. */
static inline FLOATS(LANES) largest_of(
    global const float *p, KEYS sign, float *largest, FLOATS(LANES) *top) {
    const FLOATS(LANES) e = turned(p, sign), f = turned(p + LANES, sign);
    const FLOATS(LANES) g = turned(p + 2 * LANES, sign), h = turned(p + 3 * LANES, sign);
    const FLOATS(LANES) left = e > f ? e : f, right = g > h ? g : h;
    const FLOATS(LANES) most = left > right ? left : right;
    STORE(LANES, most, largest);
    *top = most > *top ? most : *top;
    return (e + f) + (g + h);
}

/* heap[0 .. k - 1] = the k best pairs, the best first; false: to be found in another way. */
KEEP_APART static bool find_by_lanes(global const float *restrict p, INDEX extent, INDEX k,
    int smallest, global ulong *restrict heap) {
    ulong pairs[MOST + SCAN + PAIRS];
    float largest[BLOCK * LANES];
    int blocks[BLOCK];
    const KEYS sign = (KEYS)(smallest ? (int)0x80000000 : 0);
    const INDEX whole = extent / SCAN * SCAN;
    FLOATS(LANES) top = (FLOATS(LANES))(-INFINITY);
    float bound = -INFINITY;
    int count = 0;
    for (INDEX start = 0; start < whole; start += BLOCK * SCAN) {
        const int here = (int)min((INDEX)BLOCK, (whole - start) / SCAN);
        FLOATS(LANES) sums = (FLOATS(LANES))(0.0f);
        KEEP_ROLLED
        for (int n = 0; n < here; n++) {
            sums += largest_of(p + start + n * SCAN, sign, largest + n * LANES, &top);
        }
        const KEYS ordered = sums == sums; /* NaN, which comparisons lose; or infinities */
        if (!ALL(ordered)) {
            return false;
        }
        if (start > 0) {
            order_pairs(pairs, count, (int)k);
            count = (int)k;
        }
        bound = fmax(bound, lane_number(top, k));
        int found = 0;
        KEEP_ROLLED
        for (int n = 0; n < here; n++) {
            /* Memory has nothing to do meanwhile: the first lines behind are asked for, a few at a
             * time, as the processor drops such wishes when it has many. */
            ASK_LINE_FAR(p + start + BLOCK * SCAN + n * 16);
            const KEYS less = LOAD(LANES, largest + n * LANES) < (FLOATS(LANES))(bound);
            blocks[found] = n;
            found += !ALL(less);
        }
        KEEP_ROLLED
        for (int n = 0; n < found; n++) {
            for (int i = 0; i < 64; i += 16) {
                ASK_LINE_FAR(p + start + BLOCK * (SCAN + 16) + n * 64 + i);
            }
            count = append_candidates(
                p, start + blocks[n] * SCAN, sign, bound, smallest, pairs, count);
            if (count > MOST) {
                return false;
            }
        }
    }
    KEEP_ROLLED
    for (INDEX i = whole; i < extent; i++) {
        const float value = smallest ? -p[i] : p[i];
        pairs[count] = pair_of(key_of(p[i], smallest), i);
        count += !(value < bound);
    }
    order_pairs(pairs, count, (int)k);
    for (INDEX n = 0; n < k; n++) {
        heap[n] = pairs[n];
    }
    return true;
}
#endif

kernel void top_k_heap(global const REAL *restrict x, global REAL *restrict values,
    global INDICES *restrict places, global PAIR *restrict heaps, const top_numbers numbers) {
    NUMBERS(TOP_LIST)
    global PAIR *heap = heaps + (size_t)get_global_id(0) * k;
    const INDEX last = min((INDEX)(get_global_id(0) + 1) * share, rows);
    for (INDEX row = (INDEX)get_global_id(0) * share; row < last; row++) {
        FIND_ROW(row)
        global const REAL *p = x + x_at;
        bool done = false;
#if UNIT
        done = k <= LANES && extent >= 2 * SCAN && find_by_lanes(p, extent, k, smallest, heap);
#endif
        if (!done) {
            find_by_heap(p, extent, x_step, k, smallest, heap);
        }
        for (INDEX n = 0; n < k; n++) {
            write_pair(heap[n], p, x_step, values != 0 ? values + v_at + n * v_step : 0,
                places != 0 ? places + p_at + n * p_step : 0);
        }
    }
}
#endif

kernel void top_k_group(global const REAL *restrict x, global REAL *restrict values,
    global INDICES *restrict places, const top_numbers numbers, local PAIR *shared) {
    NUMBERS(TOP_LIST)
    const INDEX row = (INDEX)get_group_id(0);
    const int lane = (int)get_local_id(0), lanes = (int)get_local_size(0);
    FIND_ROW(row)
    global const REAL *p = x + x_at;
    PAIR before = BEST;
    for (INDEX n = 0; n < k; n++) {
        PAIR best = NO_PAIR;
        for (INDEX i = lane; i < extent; i += lanes) {
            const PAIR pair = pair_of(key_of(p[i * x_step], smallest), i);
            best = WORSE(pair, before) && WORSE(best, pair) ? pair : best;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        shared[lane] = best;
        for (int step = lanes / 2; step > 0; step /= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            if (lane < step) {
                shared[lane] = BETTER_OF(shared[lane], shared[lane + step]);
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
