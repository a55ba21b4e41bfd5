/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of elements in one piece on both sides, on processors. Include after common.cl with
 *     #define ELEMENT uint   uchar, uint or ulong
 *     #define TILE 16        elements in 64 bytes
 * copy_run(from, to, count, ahead, stream): from global or private memory; with `stream` past the
 * caches wherever whole vectors of memory are written. copy_in(from, to, count): to private memory.
 */
#define LANES (TILE < 16 ? TILE : 16)
#if TILE < 16
typedef CAT(ELEMENT, TILE) vector;
#else
typedef CAT(ELEMENT, 16) vector;
#endif
/* Of any place of an element. */
typedef vector any_vector __attribute__((aligned(sizeof(ELEMENT))));

/* A function with a vector in its type tells the compiler to use the widest registers. */
static inline void put_vector(vector v, global ELEMENT *to, bool past) {
#ifdef STORE_PAST
    if (past) {
        STORE_PAST(v, (global vector *)to);
        return;
    }
#endif
    *(global any_vector *)to = v;
}

/* Elements before the first whole vector of memory. */
#define HEAD(to) ((INDEX)(-(size_t)(to) / sizeof(ELEMENT) & (LANES - 1)))

/* Copies a run, and asks for the lines `ahead` elements further on. */
#define RUN_FUNCTION(space, ASK)                                                                   \
    static inline void __attribute__((overloadable)) copy_run(                                     \
        space const ELEMENT *from, global ELEMENT *to, INDEX count, INDEX ahead, int stream) {     \
        INDEX single = HEAD(to);                                                                   \
        const bool past = stream && (single == 0 || count >= 12 * LANES);                          \
        INDEX i = 0;                                                                               \
        single = past ? single : 0;                                                                \
        while (i < count) {                                                                        \
            for (; i < single; i++) {                                                              \
                to[i] = from[i];                                                                   \
            }                                                                                      \
            for (; i + LANES <= count; i += LANES) {                                               \
                const vector v = *(space const any_vector *)(from + i);                            \
                ASK(from + i + ahead);                                                             \
                put_vector(v, to + i, past);                                                       \
            }                                                                                      \
            single = count;                                                                        \
        }                                                                                          \
    }
#define ASK_NOTHING(place)
RUN_FUNCTION(global, ASK_LINE_FAR)
RUN_FUNCTION(private, ASK_NOTHING)

static inline void copy_in(global const ELEMENT *from, ELEMENT *to, int count) {
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        *(any_vector *)(to + i) = *(global const any_vector *)(from + i);
    }
    if (i < count && count >= LANES) { /* the last ones once more */
        *(any_vector *)(to + count - LANES) = *(global const any_vector *)(from + count - LANES);
        return;
    }
    for (; i < count; i++) {
        to[i] = from[i];
    }
}
