/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of an optimiser, element by element (include/cleat/optimizer.h has the formulas and
 * their sources). Every element is read and written by one work-item, so the updated tensors are
 * changed in place; the gradient is only read.
 *
 * sgd_contiguous, adam_contiguous: all tensors without gaps. Work-item i updates elements
 *   [i * chunk, min((i + 1) * chunk, count)), WIDTH at a time; the rest of the last chunk goes
 *   through the same arithmetic in a padded vector.
 * sgd_strided, adam_strided (WIDTH 1): work-item i updates element i in row-major order of a shape
 *   of RANK axes, outermost first.
 * Macros: WIDTH (1, 4, 8 or 16), RANK (1..8, strided only), HAS_VELOCITY (sgd: momentum is not 0).
 */
#include "common.cl"
#include "numbers.cl"

#if WIDTH == 1
#define VECTOR float
#define LOAD(p) (*(p))
#define STORE(value, p) (*(p) = (value))
#else
#define VECTOR CAT(float, WIDTH)
#define LOAD(p) CAT(vload, WIDTH)(0, (p))
#define STORE(value, p) CAT(vstore, WIDTH)((value), 0, (p))
#endif

/* The first `count` lanes of a vector; the others are 0. */
VECTOR load_some(const global float *p, int count) {
    float lanes[WIDTH] = {0.0f};
    for (int i = 0; i < count; ++i) {
        lanes[i] = p[i];
    }
    return LOAD(lanes);
}

void store_some(VECTOR value, global float *p, int count) {
    float lanes[WIDTH];
    STORE(value, lanes);
    for (int i = 0; i < count; ++i) {
        p[i] = lanes[i];
    }
}

#ifndef HAS_VELOCITY
#define HAS_VELOCITY 0
#endif

/* Gives the new parameter and changes *velocity. */
VECTOR sgd_update(VECTOR parameter, VECTOR gradient, VECTOR *velocity, float rate, float momentum,
    float decay, int nesterov) {
    VECTOR g = FMA((VECTOR)(decay), parameter, gradient);
#if HAS_VELOCITY
    *velocity = FMA((VECTOR)(momentum), *velocity, g);
    g = nesterov ? FMA((VECTOR)(momentum), *velocity, g) : *velocity;
#endif
    return FMA((VECTOR)(-rate), g, parameter);
}

/* The constants of a step of Adam, worked out by the host in double precision. */
typedef struct adam_constants {
    float beta1, rest1; /* rest1 = 1 - beta1 */
    float beta2, rest2;
    float rate;     /* learning_rate / (1 - beta1^step) */
    float scale;    /* 1 / sqrt(1 - beta2^step) */
    float epsilon, decay;
} adam_constants;

/* Gives the new parameter and changes *m and *v. */
VECTOR adam_update(
    VECTOR parameter, VECTOR gradient, VECTOR *m, VECTOR *v, const adam_constants *c) {
    const VECTOR g = FMA((VECTOR)(c->decay), parameter, gradient);
    *m = FMA((VECTOR)(c->beta1), *m, c->rest1 * g);
    *v = FMA((VECTOR)(c->beta2), *v, c->rest2 * (g * g));
    const VECTOR root = FMA(sqrt(*v), (VECTOR)(c->scale), (VECTOR)(c->epsilon));
    return parameter - c->rate * *m / root;
}

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

#define SGD_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                    \
    ANY_INDEX(parameter_offset) ANY_INDEX(gradient_offset) ANY_INDEX(velocity_offset)              \
    ANY_INDEX(count) SHAPE(ANY_INDEX) AXES(ANY_INDEX, parameter_stride)                            \
    AXES(ANY_INDEX, gradient_stride) AXES(ANY_INDEX, velocity_stride)                              \
    ANY_FLOAT(rate) ANY_FLOAT(momentum) ANY_FLOAT(decay) ANY_INT(nesterov)
typedef struct sgd_numbers {
    NUMBER_MEMBERS(SGD_LIST)
} sgd_numbers;

#define ADAM_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(parameter_offset) ANY_INDEX(gradient_offset) ANY_INDEX(m_offset)                     \
    ANY_INDEX(v_offset) ANY_INDEX(count) SHAPE(ANY_INDEX) AXES(ANY_INDEX, parameter_stride)        \
    AXES(ANY_INDEX, gradient_stride) AXES(ANY_INDEX, m_stride) AXES(ANY_INDEX, v_stride)           \
    ANY_FLOAT(beta1) ANY_FLOAT(rest1) ANY_FLOAT(beta2) ANY_FLOAT(rest2) ANY_FLOAT(rate)            \
    ANY_FLOAT(scale) ANY_FLOAT(epsilon) ANY_FLOAT(decay)
typedef struct adam_numbers {
    NUMBER_MEMBERS(ADAM_LIST)
} adam_numbers;

#ifndef RANK

kernel void sgd_contiguous(global float *parameter, const global float *gradient,
    global float *velocity, const sgd_numbers numbers) {
    NUMBERS(SGD_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= count) {
        return;
    }
    const INDEX last = first + min(chunk, count - first);
    parameter += parameter_offset;
    gradient += gradient_offset;
#if HAS_VELOCITY
    velocity += velocity_offset;
#endif
    VECTOR speed = 0.0f;
    INDEX i = first;
    for (; last - i >= WIDTH; i += WIDTH) {
#if HAS_VELOCITY
        speed = LOAD(velocity + i);
#endif
        const VECTOR updated = sgd_update(
            LOAD(parameter + i), LOAD(gradient + i), &speed, rate, momentum, decay, nesterov);
        STORE(updated, parameter + i);
#if HAS_VELOCITY
        STORE(speed, velocity + i);
#endif
    }
    const int rest = (int)(last - i);
    if (rest > 0) {
#if HAS_VELOCITY
        speed = load_some(velocity + i, rest);
#endif
        const VECTOR updated = sgd_update(load_some(parameter + i, rest),
            load_some(gradient + i, rest), &speed, rate, momentum, decay, nesterov);
        store_some(updated, parameter + i, rest);
#if HAS_VELOCITY
        store_some(speed, velocity + i, rest);
#endif
    }
}

kernel void adam_contiguous(global float *parameter, const global float *gradient, global float *m,
    global float *v, const adam_numbers numbers) {
    NUMBERS(ADAM_LIST)
    const adam_constants constants = {beta1, rest1, beta2, rest2, rate, scale, epsilon, decay};
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= count) {
        return;
    }
    const INDEX last = first + min(chunk, count - first);
    parameter += parameter_offset;
    gradient += gradient_offset;
    m += m_offset;
    v += v_offset;
    INDEX i = first;
    for (; last - i >= WIDTH; i += WIDTH) {
        VECTOR m_now = LOAD(m + i), v_now = LOAD(v + i);
        const VECTOR updated =
            adam_update(LOAD(parameter + i), LOAD(gradient + i), &m_now, &v_now, &constants);
        STORE(updated, parameter + i);
        STORE(m_now, m + i);
        STORE(v_now, v + i);
    }
    const int rest = (int)(last - i);
    if (rest > 0) {
        VECTOR m_now = load_some(m + i, rest), v_now = load_some(v + i, rest);
        const VECTOR updated = adam_update(load_some(parameter + i, rest),
            load_some(gradient + i, rest), &m_now, &v_now, &constants);
        store_some(updated, parameter + i, rest);
        store_some(m_now, m + i, rest);
        store_some(v_now, v + i, rest);
    }
}

#else

kernel void sgd_strided(global float *parameter, const global float *gradient,
    global float *velocity, const sgd_numbers numbers) {
    NUMBERS(SGD_LIST)
    INDEX rest = (INDEX)get_global_id(0);
    if (rest >= count) {
        return;
    }
    const INDEX shape[8] = AXES_ARRAY(shape);
    const INDEX parameter_stride[8] = AXES_ARRAY(parameter_stride);
    const INDEX gradient_stride[8] = AXES_ARRAY(gradient_stride);
    const INDEX velocity_stride[8] = AXES_ARRAY(velocity_stride);
    INDEX parameter_at = parameter_offset, gradient_at = gradient_offset;
    INDEX velocity_at = velocity_offset;
    for (int axis = RANK - 1; axis >= 0; --axis) {
        const INDEX i = rest % shape[axis];
        rest /= shape[axis];
        parameter_at += i * parameter_stride[axis];
        gradient_at += i * gradient_stride[axis];
        velocity_at += i * velocity_stride[axis];
    }
    float speed = 0.0f;
#if HAS_VELOCITY
    speed = velocity[velocity_at];
#endif
    parameter[parameter_at] = sgd_update(parameter[parameter_at], gradient[gradient_at],
        &speed, rate, momentum, decay, nesterov);
#if HAS_VELOCITY
    velocity[velocity_at] = speed;
#endif
}

kernel void adam_strided(global float *parameter, const global float *gradient, global float *m,
    global float *v, const adam_numbers numbers) {
    NUMBERS(ADAM_LIST)
    const adam_constants constants = {beta1, rest1, beta2, rest2, rate, scale, epsilon, decay};
    INDEX rest = (INDEX)get_global_id(0);
    if (rest >= count) {
        return;
    }
    const INDEX shape[8] = AXES_ARRAY(shape);
    const INDEX parameter_stride[8] = AXES_ARRAY(parameter_stride);
    const INDEX gradient_stride[8] = AXES_ARRAY(gradient_stride);
    const INDEX m_stride[8] = AXES_ARRAY(m_stride);
    const INDEX v_stride[8] = AXES_ARRAY(v_stride);
    INDEX parameter_at = parameter_offset, gradient_at = gradient_offset;
    INDEX m_at = m_offset, v_at = v_offset;
    for (int axis = RANK - 1; axis >= 0; --axis) {
        const INDEX i = rest % shape[axis];
        rest /= shape[axis];
        parameter_at += i * parameter_stride[axis];
        gradient_at += i * gradient_stride[axis];
        m_at += i * m_stride[axis];
        v_at += i * v_stride[axis];
    }
    float m_now = m[m_at], v_now = v[v_at];
    parameter[parameter_at] = adam_update(
        parameter[parameter_at], gradient[gradient_at], &m_now, &v_now, &constants);
    m[m_at] = m_now;
    v[v_at] = v_now;
}

#endif
