/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of an optimiser, element by element (include/cleat/optimizer.h has the formulas and
 * their sources). Every element is read and written by one work-item, so the updated tensors are
 * changed in place; the gradient is only read.
 *
 * update_contiguous: all tensors without gaps. Work-item i updates elements
 *   [i * chunk, min((i + 1) * chunk, count)), WIDTH at a time; the rest of the last chunk goes
 *   through the same arithmetic in a padded vector.
 * update_strided (WIDTH 1): work-item i updates element i in row-major order of a shape of RANK
 *   axes, outermost first.
 * Macros: RULE (below), STATES (0..3: tensors that the optimiser remembers), CENTERED (RULE 2: the
 * last state is the mean gradient; a velocity is the one after the first), WIDTH (1, 2, 4, 8 or 16),
 * RANK (1..8, strided only), SCHEDULED (RULE 0 and 1: the learning rate and what depends on the step
 * are not the host's but lie in memory, from schedule_offset on: rate, scale, keep), REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"

#define VECTOR FLOATS(WIDTH)

/* The numbers of a rule, worked out by the host in double precision, and what it does: changes
 * `parameter` and the states s0, s1, s2. */
#define EVERY(x) ((VECTOR)(x))
#if SCHEDULED
#define FROM_HOST(ANY, name)
#define SCHEDULE_PLACE(ANY_INDEX) ANY_INDEX(schedule_offset)
#define SCHEDULE_DATA const global REAL *schedule,
#if RULE == 0
#define SCHEDULE const REAL rate = schedule[schedule_offset];
#else
#define SCHEDULE                                                                                   \
    const REAL rate = schedule[schedule_offset], scale = schedule[schedule_offset + 1];            \
    const REAL keep = schedule[schedule_offset + 2];
#endif
#else
#define FROM_HOST(ANY, name) ANY(name)
#define SCHEDULE_PLACE(ANY_INDEX)
#define SCHEDULE_DATA
#define SCHEDULE
#endif

#if RULE == 0 /* SGD; state: velocity */
#define RULE_LIST(ANY_INT, ANY_FLOAT)                                                              \
    ANY_INT(nesterov) FROM_HOST(ANY_FLOAT, rate) ANY_FLOAT(momentum) ANY_FLOAT(decay)
#if STATES
#define SPEED                                                                                      \
    s0 = FMA(EVERY(momentum), s0, g);                                                              \
    g = nesterov ? FMA(EVERY(momentum), s0, g) : s0;
#else
#define SPEED
#endif
#define UPDATE                                                                                     \
    VECTOR g = FMA(EVERY(decay), parameter, gradient);                                             \
    SPEED                                                                                          \
    parameter = FMA(EVERY(-rate), g, parameter);

#elif RULE == 1 /* Adam and AdamW; states: m, v; rest = 1 - beta, keep = 1 - rate * decay of AdamW */
#define RULE_LIST(ANY_INT, ANY_FLOAT)                                                              \
    ANY_FLOAT(beta1) ANY_FLOAT(rest1) ANY_FLOAT(beta2) ANY_FLOAT(rest2)                            \
    FROM_HOST(ANY_FLOAT, rate) FROM_HOST(ANY_FLOAT, scale) ANY_FLOAT(epsilon) ANY_FLOAT(decay)     \
    FROM_HOST(ANY_FLOAT, keep)
#define UPDATE                                                                                     \
    const VECTOR g = FMA(EVERY(decay), parameter, gradient);                                       \
    s0 = FMA(EVERY(beta1), s0, rest1 * g);                                                         \
    s1 = FMA(EVERY(beta2), s1, rest2 * (g * g));                                                   \
    const VECTOR root = FMA(sqrt(s1), EVERY(scale), EVERY(epsilon));                               \
    parameter = keep * parameter - rate * s0 / root;

#elif RULE == 2 /* RMSprop; states: v, velocity, mean gradient; the last two need not be there */
#define RULE_LIST(ANY_INT, ANY_FLOAT)                                                              \
    ANY_FLOAT(alpha) ANY_FLOAT(rest) ANY_FLOAT(rate) ANY_FLOAT(epsilon) ANY_FLOAT(momentum)        \
    ANY_FLOAT(decay)
#if CENTERED
#define MEAN CAT(s, CENTERED_STATE)
#if STATES == 3
#define CENTERED_STATE 2
#else
#define CENTERED_STATE 1
#endif
#define CENTER                                                                                     \
    MEAN = FMA(EVERY(alpha), MEAN, rest * g);                                                      \
    square = FMA(-MEAN, MEAN, square);                                                             \
    square = square < 0.0f ? EVERY(0.0f) : square;
#else
#define CENTER
#endif
#if STATES - CENTERED == 2
#define SPEED                                                                                      \
    s1 = FMA(EVERY(momentum), s1, direction);                                                      \
    direction = s1;
#else
#define SPEED
#endif
#define UPDATE                                                                                     \
    const VECTOR g = FMA(EVERY(decay), parameter, gradient);                                       \
    s0 = FMA(EVERY(alpha), s0, rest * (g * g));                                                    \
    VECTOR square = s0;                                                                            \
    CENTER                                                                                         \
    VECTOR direction = g / (sqrt(square) + epsilon);                                               \
    SPEED                                                                                          \
    parameter = FMA(EVERY(-rate), direction, parameter);

#elif RULE == 3 /* Adagrad; state: the sum of squares */
#define RULE_LIST(ANY_INT, ANY_FLOAT) ANY_FLOAT(rate) ANY_FLOAT(epsilon) ANY_FLOAT(decay)
#define UPDATE                                                                                     \
    const VECTOR g = FMA(EVERY(decay), parameter, gradient);                                       \
    s0 = FMA(g, g, s0);                                                                            \
    parameter = parameter - rate * g / (sqrt(s0) + epsilon);

#else /* Lion; state: m */
#define RULE_LIST(ANY_INT, ANY_FLOAT)                                                              \
    ANY_FLOAT(beta1) ANY_FLOAT(rest1) ANY_FLOAT(beta2) ANY_FLOAT(rest2) ANY_FLOAT(rate)            \
    ANY_FLOAT(keep)
#define UPDATE                                                                                     \
    const VECTOR c = FMA(EVERY(beta1), s0, rest1 * gradient);                                      \
    const VECTOR step = c > 0.0f ? EVERY(rate) : c < 0.0f ? EVERY(-rate) : c;                      \
    s0 = FMA(EVERY(beta2), s0, rest2 * gradient);                                                  \
    parameter = keep * parameter - step;
#endif

#define EACH_STATE_0(ANY, a)
#define EACH_STATE_1(ANY, a) ANY(s0, a)
#define EACH_STATE_2(ANY, a) EACH_STATE_1(ANY, a) ANY(s1, a)
#define EACH_STATE_3(ANY, a) EACH_STATE_2(ANY, a) ANY(s2, a)
#define EACH_STATE(ANY, a) CAT(EACH_STATE_, STATES)(ANY, a)
#define EACH_CHANGED(ANY, a) ANY(parameter, a) EACH_STATE(ANY, a)
#define EACH(ANY, a) EACH_CHANGED(ANY, a) ANY(gradient, a)

/* Eight numbers for each axis-wise number; the last 8 - RANK are not looked at. */
#ifdef RANK
#define AXES(ANY, name)                                                                            \
    ANY(name##0) ANY(name##1) ANY(name##2) ANY(name##3) ANY(name##4) ANY(name##5) ANY(name##6)     \
        ANY(name##7)
#define AXES_ARRAY(name)                                                                           \
    { name##0, name##1, name##2, name##3, name##4, name##5, name##6, name##7 }
#define SHAPE(ANY) AXES(ANY, shape)
#else
#define AXES(ANY, name)
#define SHAPE(ANY) ANY(chunk)
#endif

#define PLACE(name, ANY) ANY(name##_offset) AXES(ANY, name##_stride)
#define UPDATE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(count) SHAPE(ANY_INDEX) EACH(PLACE, ANY_INDEX) SCHEDULE_PLACE(ANY_INDEX)             \
    RULE_LIST(ANY_INT, ANY_FLOAT)
typedef struct update_numbers {
    NUMBER_MEMBERS(UPDATE_LIST)
} update_numbers;
#define DATA(name, unused) global REAL *name##_data,
#define PARAMETERS                                                                                 \
    EACH_CHANGED(DATA, 0) const global REAL *gradient_data, SCHEDULE_DATA                          \
    const update_numbers numbers

#ifndef RANK

/* The first `count` lanes of a vector; the others are 0. */
static inline VECTOR load_some(const global REAL *p, int count) {
    REAL lanes[WIDTH] = {0.0f};
    for (int i = 0; i < count; ++i) {
        lanes[i] = p[i];
    }
    return LOAD(WIDTH, lanes);
}

static inline void store_some(VECTOR value, global REAL *p, int count) {
    REAL lanes[WIDTH];
    STORE(WIDTH, value, lanes);
    for (int i = 0; i < count; ++i) {
        p[i] = lanes[i];
    }
}

#define READ(name, unused) VECTOR name = LOAD(WIDTH, name##_data + name##_offset + i);
#define WRITE(name, unused) STORE(WIDTH, name, name##_data + name##_offset + i);
#define READ_SOME(name, unused) VECTOR name = load_some(name##_data + name##_offset + i, tail);
#define WRITE_SOME(name, unused) store_some(name, name##_data + name##_offset + i, tail);

kernel void update_contiguous(PARAMETERS) {
    NUMBERS(UPDATE_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= count) {
        return;
    }
    SCHEDULE
    const INDEX last = first + min(chunk, count - first);
    INDEX i = first;
    for (; last - i >= WIDTH; i += WIDTH) {
        EACH(READ, 0)
        UPDATE
        EACH_CHANGED(WRITE, 0)
    }
    const int tail = (int)(last - i);
    if (tail > 0) {
        EACH(READ_SOME, 0)
        UPDATE
        EACH_CHANGED(WRITE_SOME, 0)
    }
}

#else

#define STRIDES(name, unused) const INDEX name##_stride[8] = AXES_ARRAY(name##_stride);
#define BEGIN(name, unused) INDEX name##_at = name##_offset;
#define MOVE(name, unused) name##_at += i * name##_stride[axis];
#define READ(name, unused) REAL name = name##_data[name##_at];
#define WRITE(name, unused) name##_data[name##_at] = name;

kernel void update_strided(PARAMETERS) {
    NUMBERS(UPDATE_LIST)
    INDEX left = (INDEX)get_global_id(0);
    if (left >= count) {
        return;
    }
    SCHEDULE
    const INDEX shape[8] = AXES_ARRAY(shape);
    EACH(STRIDES, 0)
    EACH(BEGIN, 0)
    for (int axis = RANK - 1; axis >= 0; --axis) {
        const INDEX i = left % shape[axis];
        left /= shape[axis];
        EACH(MOVE, 0)
    }
    EACH(READ, 0)
    UPDATE
    EACH_CHANGED(WRITE, 0)
}

#endif
