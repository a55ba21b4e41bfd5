/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that follow from numbers: ConstantOfShape, Range, EyeLike, Trilu, OneHot, windows. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/compare.h>
#include <cleat/index.h>
#include <math.h>
#include <string.h>

/* What is made of so many elements at most, or of integers, is used as a shape and stays on the
 * host, where it fits there. */
enum { FEW = 16, SMALL = 65536 };

/* Constants of up to so many elements stay there, too: fusion computes with weights. */
enum { KNOWN = 1 << 22 };

/* ---- ConstantOfShape ---- */

typedef struct filling {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    const array *value; /* NULL: 0 */
} filling;

static cleat_status filling_find(call *c, filling *f) {
    const graph_attribute *value = attribute_find(c->node, "value", CLEAT_ATTRIBUTE_TENSOR);
    size_t count = 0;
    TRY(call_integers(c, 0, f->shape, CLEAT_MAX_RANK, &count));
    f->rank = (int32_t)count;
    f->value = value != NULL ? value->tensor : NULL;
    f->type = value != NULL ? value->tensor->type : CLEAT_F32;
    if (f->value != NULL && f->value->count != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "the value has %lld elements, expected one",
            (long long)f->value->count);
    }
    return CLEAT_OK;
}

static cleat_status fill_host(call *c, const filling *f) {
    array *y;
    TRY(call_output_array(c, 0, f->type, f->rank, f->shape, &y));
    if (f->value != NULL) {
        array_fill(y, f->value);
    } else {
        memset(y->elements, 0, array_size(y));
    }
    return CLEAT_OK;
}

static cleat_status constant_of_shape(call *c) {
    filling f;
    cleat_tensor y;
    TRY(filling_find(c, &f));
    const bool is_real = type_is_floating(f.type);
    TRY(tensor_row_major("ConstantOfShape", f.type, f.rank, f.shape, &y));
    const double value = f.value != NULL ? array_real(f.value, 0) : 0;
    const int64_t most = call_is_ahead(c) ? KNOWN : is_real ? FEW : SMALL;
    if (cleat_tensor_count(&y) <= most ||
        (!is_real && fabs(value) > 0x1p52)) { /* which a double may not hold */
        return fill_host(c, &f);
    }
    TRY(call_output(c, 0, f.type, f.rank, f.shape, &y));
    return cleat_fill(c->context, value, y);
}

/* ---- Range ---- */

/* max(ceil((limit - start) / delta), 0); false where it has no end. */
static bool range_count(number_kind kind, const number *n, int64_t *count) {
    if (kind == NUMBER_REAL) {
        const double steps = ceil((n[1].real - n[0].real) / n[2].real);
        *count = steps > 0 ? (int64_t)(steps < 0x1p62 ? steps : 0x1p62) : 0;
        return steps < 0x1p53;
    }
    const bool is_down = n[2].integer < 0;
    const number low = is_down ? n[1] : n[0], high = is_down ? n[0] : n[1];
    const uint64_t step = is_down ? 0 - n[2].natural : n[2].natural;
    if (step == 0) {
        return false;
    }
    const uint64_t span = number_order(kind, low, high) < 0 ? high.natural - low.natural : 0;
    const uint64_t steps = span / step + (span % step != 0 ? 1 : 0);
    *count = (int64_t)(steps & INT64_MAX);
    return steps < INT64_MAX;
}

static cleat_status range(call *c) {
    const array *x;
    array *y;
    number n[3];
    int64_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        TRY(call_same_type(c, 0, i));
        TRY(call_array(c, i, &x));
        if (x->count != 1) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu has %lld elements, expected one",
                i, (long long)x->count);
        }
        numbers_load(x, 0, 0, 1, &n[i]);
    }
    const number_kind kind = number_kind_of(x->type);
    if (x->type == CLEAT_BOOL || !range_count(kind, n, &count)) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "the range of %s has no end", cleat_type_name(x->type));
    }
    TRY(call_output_array(c, 0, x->type, 1, &count, &y));
    for (int64_t i = 0; i < count; i++) {
        number next = {.natural = n[0].natural + (uint64_t)i * n[2].natural};
        if (kind == NUMBER_REAL) {
            next.real = n[0].real + (double)i * n[2].real;
        }
        numbers_store(y, i, 1, &next);
    }
    return CLEAT_OK;
}

/* ---- EyeLike, Trilu ---- */

static cleat_status eye_like(call *c) {
    const run_value *x;
    array *y;
    cleat_type type = 0;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_type(c, "dtype", x->type, &type));
    if (x->rank != 2) {
        return call_refuse(
            c, CLEAT_SHAPE_MISMATCH, "%s is no matrix", shape_text(x->rank, x->shape, text));
    }
    TRY(call_output_array(c, 0, type, 2, x->shape, &y));
    memset(y->elements, 0, array_size(y));
    const int64_t k = attribute_int(c->node, "k", 0);
    for (int64_t i = 0; i < y->shape[0]; i++) {
        if (k >= -i && k < y->shape[1] - i) {
            array_set_real(y, i * y->shape[1] + i + k, 1);
        }
    }
    return CLEAT_OK;
}

typedef struct triangle {
    bool is_upper;
    int64_t k, rows, columns;
} triangle;

static cleat_status triangle_find(call *c, triangle *t) {
    const run_value *x;
    size_t count = 1;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    t->is_upper = attribute_int(c->node, "upper", 1) != 0;
    t->k = 0;
    if (call_has(c, 1)) {
        TRY(call_integers(c, 1, &t->k, 1, &count));
    }
    if (x->rank < 2 || count != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%s is no matrix, or k is %zu numbers",
            shape_text(x->rank, x->shape, text), count);
    }
    t->rows = x->shape[x->rank - 2];
    t->columns = x->shape[x->rank - 1];
    return CLEAT_OK;
}

/* The columns of a row that are kept. */
static void triangle_row(const triangle *t, int64_t row, int64_t *first, int64_t *end) {
    const int64_t diagonal = t->k < -row ? -1 : t->k >= t->columns - row ? t->columns : row + t->k;
    *first = t->is_upper && diagonal > 0 ? diagonal : 0;
    *end = t->is_upper || diagonal >= t->columns ? t->columns : diagonal + 1;
}

static cleat_status trilu_host(call *c) {
    const array *x;
    array *y;
    triangle t;
    TRY(triangle_find(c, &t));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    memset(y->elements, 0, array_size(y));
    for (int64_t i = 0; i < (t.columns > 0 ? x->count / t.columns : 0); i++) {
        int64_t first = 0, end = 0;
        triangle_row(&t, i % t.rows, &first, &end);
        array_move(x, i * t.columns + first, y, i * t.columns + first, end - first);
    }
    return CLEAT_OK;
}

/* What is kept, as a mask that the host makes. */
static cleat_status trilu_device(call *c) {
    cleat_tensor x, y, mask, zero;
    triangle t;
    void *memory;
    TRY(triangle_find(c, &t));
    TRY(call_memory(c, t.rows * t.columns + 1, 1, &memory));
    for (int64_t i = 0; i < t.rows; i++) {
        int64_t first = 0, end = 0;
        triangle_row(&t, i, &first, &end);
        memset((unsigned char *)memory + i * t.columns + first, 1, (size_t)(end - first));
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_scratch(c, CLEAT_BOOL, 2, (const int64_t[]){t.rows, t.columns}, &mask));
    TRY(cleat_write(c->context, mask, memory, (size_t)(t.rows * t.columns)));
    TRY(call_scratch(c, x.type, 0, NULL, &zero));
    TRY(cleat_fill(c->context, 0, zero));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    return cleat_where(c->context, mask, x, zero, y);
}

/* ---- OneHot ---- */

typedef struct one_hot {
    int32_t axis, rank;
    int64_t shape[CLEAT_MAX_RANK];
    const array *values; /* off, on */
} one_hot;

static cleat_status one_hot_find(call *c, one_hot *o) {
    const run_value *x;
    const array *depth;
    TRY(call_input(c, 0, &x));
    TRY(call_array(c, 1, &depth));
    TRY(call_array(c, 2, &o->values));
    o->rank = x->rank + 1;
    const int64_t classes = depth->count == 1 ? array_integer(depth, 0) : -1;
    if (classes < 0 || o->values->count != 2 || o->rank > CLEAT_MAX_RANK) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "%lld classes, %lld values, indices of rank %d", (long long)classes,
            (long long)o->values->count, x->rank);
    }
    TRY(call_axis_attribute(c, "axis", -1, o->rank, &o->axis));
    for (int32_t i = 0, k = 0; i < o->rank; i++) {
        o->shape[i] = i == o->axis ? classes : x->shape[k++];
    }
    return CLEAT_OK;
}

static cleat_status one_hot_host(call *c) {
    const array *x;
    array *y;
    one_hot o;
    TRY(one_hot_find(c, &o));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, o.values->type, o.rank, o.shape, &y));
    array_fill(y, o.values);
    const int64_t classes = o.shape[o.axis],
                  inner = shape_count(o.rank - (o.axis + 1), o.shape + o.axis + 1);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t class = array_integer(x, i);
        class += class < 0 ? classes : 0;
        if (class >= 0 && class < classes) {
            array_move(o.values, 1, y, (i / inner * classes + class) * inner + i % inner, 1);
        }
    }
    return CLEAT_OK;
}

static cleat_status one_hot_device(call *c) {
    cleat_tensor x, y;
    one_hot o;
    TRY(one_hot_find(c, &o));
    const double off = array_real(o.values, 0), on = array_real(o.values, 1);
    if (fabs(off) > 0x1p52 || fabs(on) > 0x1p52) { /* no double holds it, perhaps */
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, o.values->type, o.rank, o.shape, &y));
    return cleat_one_hot(c->context, x, o.axis, y, &(cleat_one_hot_options){.off = off, .on = &on});
}

/* ---- HannWindow, HammingWindow, BlackmanWindow ---- */

/* a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N), N one less where it is symmetric; ONNX's
 * functions of opset 17. */
static cleat_status window(call *c) {
    static const double hann[] = {0.5, 0.5, 0}, hamming[] = {25.0 / 46, 21.0 / 46, 0},
                        blackman[] = {0.42, 0.5, 0.08};
    const char *node = c->node->type;
    const double *a = strcmp(node, "HannWindow") == 0      ? hann
                      : strcmp(node, "HammingWindow") == 0 ? hamming
                                                           : blackman;
    cleat_type type = 0;
    array *y;
    int64_t size = 0;
    size_t count = 0;
    TRY(call_type(c, "output_datatype", CLEAT_F32, &type));
    TRY(call_integers(c, 0, &size, 1, &count));
    if (count != 1 || size < 0) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "a window of %lld elements", (long long)size);
    }
    TRY(call_output_array(c, 0, type, 1, &size, &y));
    const bool is_periodic = attribute_int(c->node, "periodic", 1) != 0;
    const double period = (double)size - (is_periodic ? 0 : 1), turn = 2 * acos(-1);
    for (int64_t i = 0; i < size; i++) {
        const double at = turn * (double)i / (period > 0 ? period : 1);
        array_set_real(y, i, a[0] - a[1] * cos(at) + a[2] * cos(2 * at));
    }
    return CLEAT_OK;
}

const operator_entry operators_generate[] = {
    {"ConstantOfShape", constant_of_shape, NULL, 1, 1, false},
    {"Range", range, NULL, 3, 3, false},
    {"EyeLike", eye_like, NULL, 1, 1, false},
    {"Trilu", trilu_host, trilu_device, 1, 2, false},
    {"OneHot", one_hot_host, one_hot_device, 3, 3, false},
    {"HannWindow", window, NULL, 1, 1, false},
    {"HammingWindow", window, NULL, 1, 1, false},
    {"BlackmanWindow", window, NULL, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};
