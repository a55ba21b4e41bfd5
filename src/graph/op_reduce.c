/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceSum and its kin. The axes are an attribute, or an input: of ReduceSum from opset 13 on, of
 * the others from 18. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/reduce.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

typedef enum reduction {
    SUM,
    MEAN,
    MAX,
    MIN,
    PRODUCT,
    L1,
    L2,
    LOG_SUM_EXP,
    SUM_SQUARE,
    LOG_SUM
} reduction;

static const char *const names[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
    "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "ReduceLogSum"};
static const cleat_reduction_kind kinds[] = {CLEAT_REDUCE_SUM, CLEAT_REDUCE_MEAN, CLEAT_REDUCE_MAX,
    CLEAT_REDUCE_MIN, CLEAT_REDUCE_PRODUCT, CLEAT_REDUCE_L1, CLEAT_REDUCE_L2,
    CLEAT_REDUCE_LOG_SUM_EXP, CLEAT_REDUCE_SUM, CLEAT_REDUCE_SUM};

typedef struct reduce_shape {
    reduction kind;
    bool is_same; /* no axes, and that means none */
    int32_t rank;
    int64_t x[CLEAT_MAX_RANK], kept[CLEAT_MAX_RANK]; /* with extents of 1 */
    int32_t axis_count, axes[CLEAT_MAX_RANK];
    int32_t y_rank;
    int64_t y[CLEAT_MAX_RANK];
} reduce_shape;

static cleat_status read_axes(call *c, reduce_shape *s, bool *is_reduced) {
    int64_t numbers[CLEAT_MAX_RANK];
    size_t count = 0;
    TRY(call_integers_or_attribute(c, 1, "axes", numbers, CLEAT_MAX_RANK, &count));
    s->is_same = count == 0 && attribute_int(c->node, "noop_with_empty_axes", 0) != 0;
    for (int32_t i = 0; i < s->rank; i++) {
        is_reduced[i] = count == 0 && !s->is_same;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t axis;
        TRY(call_axis(c, numbers[i], s->rank, &axis));
        is_reduced[axis] = true;
    }
    return CLEAT_OK;
}

static cleat_status reduce_read(call *c, reduce_shape *s) {
    const run_value *x;
    bool is_reduced[CLEAT_MAX_RANK] = {false};
    TRY(call_input(c, 0, &x));
    memset(s, 0, sizeof *s);
    while (strcmp(names[s->kind], c->node->type) != 0) {
        s->kind++;
    }
    s->rank = x->rank;
    TRY(read_axes(c, s, is_reduced));
    const bool keeps = attribute_int(c->node, "keepdims", 1) != 0;
    for (int32_t i = 0; i < x->rank; i++) {
        s->x[i] = x->shape[i];
        s->kept[i] = is_reduced[i] ? 1 : x->shape[i];
        if (is_reduced[i]) {
            s->axes[s->axis_count++] = i;
        }
        if (!is_reduced[i] || keeps) {
            s->y[s->y_rank++] = s->kept[i];
        }
    }
    return CLEAT_OK;
}

/* Squares of 16-bit numbers would overflow where their sum's root, or the sum in f32, does not. */
static cleat_status squares_summed(
    call *c, const reduce_shape *s, const int32_t *axes, cleat_tensor y) {
    cleat_tensor x, squares, sum = y;
    const bool is_half = y.type == CLEAT_F16 || y.type == CLEAT_BF16;
    TRY(call_tensor_of(c, 0, is_half ? CLEAT_F32 : y.type, &x));
    TRY(call_scratch(c, x.type, x.rank, x.shape, &squares));
    TRY(cleat_unary(c->context, CLEAT_SQUARE, x, squares));
    if (is_half) {
        TRY(call_scratch(c, CLEAT_F32, y.rank, y.shape, &sum));
    }
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_SUM, squares, s->axis_count, axes, sum, NULL));
    return is_half ? cleat_cast(c->context, sum, y) : CLEAT_OK;
}

static cleat_status reduce_device(call *c) {
    reduce_shape s;
    cleat_tensor x, y, whole;
    TRY(reduce_read(c, &s));
    if (s.is_same) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_same_types(c, 0, 1));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, s.y_rank, s.y, &y));
    TRY(cleat_reshape(y, s.rank, s.kept, &whole));
    const int32_t *axes = s.axis_count > 0 ? s.axes : NULL;
    if (s.kind == SUM_SQUARE) {
        return squares_summed(c, &s, axes, whole);
    }
    TRY(cleat_reduce(c->context, kinds[s.kind], x, s.axis_count, axes, whole, NULL));
    return s.kind == LOG_SUM ? cleat_unary(c->context, CLEAT_LOG, y, y) : CLEAT_OK;
}

/* dx of the sum of squares: 2 dy x. */
static cleat_status squares_gradient(call *c, cleat_tensor dy, cleat_tensor x, cleat_tensor dx) {
    cleat_tensor two, twice;
    TRY(call_scratch(c, dy.type, 0, NULL, &two));
    TRY(call_scratch(c, dy.type, dy.rank, dy.shape, &twice));
    TRY(cleat_fill(c->context, 2, two));
    TRY(cleat_mul(c->context, dy, two, twice));
    return cleat_mul(c->context, x, twice, dx);
}

static cleat_status reduce_gradient(call *c) {
    reduce_shape s;
    cleat_tensor x, y, dy, dx;
    TRY(reduce_read(c, &s));
    if (s.is_same) {
        return call_output_same(c, 0, gradient_place(c));
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor_as(c, gradient_place(c), s.rank, s.kept, &dy));
    y = dy; /* where it is not read */
    if (call_has(c, c->input_count - 2)) {
        TRY(call_tensor_as(c, c->input_count - 2, s.rank, s.kept, &y));
    }
    TRY(gradient_output(c, 0, &dx));
    if (s.kind == SUM_SQUARE) {
        return squares_gradient(c, dy, x, dx);
    }
    return cleat_reduce_backward(c->context, kinds[s.kind], x, y, dy, s.axis_count,
        s.axis_count > 0 ? s.axes : NULL, dx, NULL);
}

/* ---- On the host ---- */

typedef struct sums {
    double *real;
    double *most;      /* of LOG_SUM_EXP */
    uint64_t *integer; /* as the type wraps them */
    int64_t *terms;
} sums;

static double start_of(reduction kind) {
    switch (kind) {
    case MAX:
        return -(double)INFINITY;
    case MIN:
        return (double)INFINITY;
    case PRODUCT:
        return 1;
    default:
        return 0;
    }
}

static void add_real(const reduce_shape *s, const sums *to, int64_t at, double x) {
    double *y = &to->real[at];
    switch (s->kind) {
    case MAX:
        *y = x > *y || isnan(x) ? x : *y;
        break;
    case MIN:
        *y = x < *y || isnan(x) ? x : *y;
        break;
    case PRODUCT:
        *y *= x;
        break;
    case L1:
        *y += fabs(x);
        break;
    case L2:
    case SUM_SQUARE:
        *y += x * x;
        break;
    case LOG_SUM_EXP:
        *y += isinf(to->most[at]) ? 0 : exp(x - to->most[at]);
        break;
    default:
        *y += x;
        break;
    }
}

static void add_integer(
    const reduce_shape *s, const sums *to, int64_t at, uint64_t x, bool is_unsigned) {
    uint64_t *y = &to->integer[at];
    const bool is_first = to->terms[at] == 0;
    const bool is_less = is_unsigned ? x < *y : (int64_t)x < (int64_t)*y;
    switch (s->kind) {
    case MAX:
        *y = is_first || !is_less ? x : *y;
        break;
    case MIN:
        *y = is_first || is_less ? x : *y;
        break;
    case PRODUCT:
        *y = is_first ? x : *y * x;
        break;
    case L1:
        *y += !is_unsigned && (int64_t)x < 0 ? 0 - x : x;
        break;
    case L2:
    case SUM_SQUARE:
        *y += x * x;
        break;
    default:
        *y += x;
        break;
    }
}

static void add_all(const reduce_shape *s, const array *x, bool only_most, const sums *to) {
    int64_t index[CLEAT_MAX_RANK] = {0}, stride[CLEAT_MAX_RANK], i = 0;
    row_major_strides(s->rank, s->kept, stride);
    for (int32_t axis = 0; axis < s->axis_count; axis++) {
        stride[s->axes[axis]] = 0;
    }
    const bool is_real = type_is_floating(x->type);
    if (x->count == 0) {
        return;
    }
    do {
        const int64_t at = index_offset(s->rank, index, stride);
        if (only_most) {
            const double value = array_real(x, i);
            to->most[at] = value > to->most[at] || isnan(value) ? value : to->most[at];
        } else {
            add_real(s, to, at, array_real(x, i));
            if (!is_real) {
                add_integer(s, to, at, array_bits(x, i), x->type == CLEAT_U64);
            }
            to->terms[at]++;
        }
        i++;
    } while (index_next(s->rank, s->x, index));
}

static void store(const reduce_shape *s, const sums *from, int64_t i, array *y) {
    const bool is_real = type_is_floating(y->type);
    double value = from->real[i];
    switch (s->kind) {
    case MEAN:
        if (!is_real && from->terms[i] > 0 && y->type != CLEAT_U64) {
            array_set_integer(y, i, (int64_t)from->integer[i] / from->terms[i]);
            return;
        }
        value /= (double)from->terms[i];
        break;
    case L2:
        value = sqrt(value);
        break;
    case LOG_SUM:
        value = log(value);
        break;
    case LOG_SUM_EXP:
        value = isinf(from->most[i]) ? from->most[i] : log(value) + from->most[i];
        break;
    default:
        if (!is_real && from->terms[i] > 0) {
            array_set_integer(y, i, (int64_t)from->integer[i]);
            return;
        }
        break;
    }
    array_set_real(y, i, value);
}

static cleat_status reduce_host(call *c) {
    reduce_shape s;
    const array *x;
    array *y;
    sums to;
    void *memory[4];
    TRY(reduce_read(c, &s));
    if (s.is_same) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, s.y_rank, s.y, &y));
    for (int i = 0; i < 4; i++) {
        TRY(call_memory(c, y->count, sizeof(double), &memory[i]));
    }
    to = (sums){memory[0], memory[1], memory[2], memory[3]};
    for (int64_t i = 0; i < y->count; i++) {
        to.real[i] = start_of(s.kind);
        to.most[i] = -(double)INFINITY;
    }
    if (s.kind == LOG_SUM_EXP) {
        add_all(&s, x, true, &to);
    }
    add_all(&s, x, false, &to);
    for (int64_t i = 0; i < y->count; i++) {
        store(&s, &to, i, y);
    }
    return CLEAT_OK;
}

const operator_entry operators_reduce[] = {
    {"ReduceSum", reduce_host, reduce_device, 1, 2, false},
    {"ReduceMean", reduce_host, reduce_device, 1, 2, false},
    {"ReduceMax", reduce_host, reduce_device, 1, 2, false},
    {"ReduceMin", reduce_host, reduce_device, 1, 2, false},
    {"ReduceProd", reduce_host, reduce_device, 1, 2, false},
    {"ReduceL1", reduce_host, reduce_device, 1, 2, false},
    {"ReduceL2", reduce_host, reduce_device, 1, 2, false},
    {"ReduceLogSumExp", reduce_host, reduce_device, 1, 2, false},
    {"ReduceSumSquare", reduce_host, reduce_device, 1, 2, false},
    {"ReduceLogSum", reduce_host, reduce_device, 1, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_reduce[] = {
    {GRADIENT_NODE("ReduceSum", reduce_gradient), 1, 3, NULL},
    {GRADIENT_NODE("ReduceMean", reduce_gradient), 1, 3, NULL},
    {GRADIENT_NODE("ReduceMax", reduce_gradient), 1, 3 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("ReduceMin", reduce_gradient), 1, 3 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("ReduceL2", reduce_gradient), 1, 3 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("ReduceLogSumExp", reduce_gradient), 1, 3 | GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("ReduceProd", reduce_gradient), 1, 3, NULL},
    {GRADIENT_NODE("ReduceL1", reduce_gradient), 1, 3, NULL},
    {GRADIENT_NODE("ReduceSumSquare", reduce_gradient), 1, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
