/* SPDX-License-Identifier: Apache-2.0 */
/* Pad: in front of and behind each axis, a constant, the edge, or what lies there mirrored. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include <cleat/layout.h>
#include <string.h>

typedef enum padding_mode { PADS_CONSTANT, PADS_EDGE, PADS_REFLECT, PADS_WRAP } padding_mode;

typedef struct padding {
    padding_mode mode;
    int64_t before[CLEAT_MAX_RANK], after[CLEAT_MAX_RANK]; /* below 0: cut off */
    int64_t shape[CLEAT_MAX_RANK];                         /* of the result */
    number value;                                          /* of x's type */
} padding;

static cleat_status find_mode(const call *c, padding *p) {
    static const char *const names[] = {"constant", "edge", "reflect", "wrap"};
    const char *mode = attribute_text(c->node, "mode", "constant");
    for (int i = 0; i < 4; i++) {
        if (strcmp(mode, names[i]) == 0) {
            p->mode = (padding_mode)i;
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_UNSUPPORTED, "there is no mode %s", mode);
}

static cleat_status find_value(call *c, cleat_type type, padding *p) {
    const array *value;
    if (!call_has(c, 2)) {
        const number given = {.real = (double)attribute_float(c->node, "value", 0)};
        p->value = number_cast(given, CLEAT_F32, type);
        return CLEAT_OK;
    }
    TRY(call_array(c, 2, &value));
    if (value->count != 1 || value->type != type) {
        return call_refuse(c, value->count != 1 ? CLEAT_SHAPE_MISMATCH : CLEAT_TYPE_MISMATCH,
            "the value is %lld elements of %s, expected one of %s", (long long)value->count,
            cleat_type_name(value->type), cleat_type_name(type));
    }
    numbers_load(value, 0, 0, 1, &p->value);
    return CLEAT_OK;
}

/* pads: all that come before, then all that come after, of the axes named or of all. */
static cleat_status find_pads(call *c, const run_value *x, padding *p) {
    int64_t pads[2 * CLEAT_MAX_RANK], axes[CLEAT_MAX_RANK];
    size_t count = 0, axis_count = 0;
    bool chosen[CLEAT_MAX_RANK];
    TRY(call_integers_or_attribute(c, 1, "pads", pads, 2 * CLEAT_MAX_RANK, &count));
    const bool has_axes = call_has(c, 3);
    if (has_axes) {
        TRY(call_integers(c, 3, axes, CLEAT_MAX_RANK, &axis_count));
    }
    for (int32_t i = 0; !has_axes && i < x->rank; i++) {
        axes[axis_count++] = i;
    }
    TRY(call_axes(c, axis_count, axes, x->rank, chosen));
    if (count != 2 * axis_count) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "%zu pads for %zu axes, expected twice as many", count, axis_count);
    }
    for (size_t i = 0; i < axis_count; i++) {
        int32_t axis = 0;
        TRY(call_axis(c, axes[i], x->rank, &axis));
        p->before[axis] = pads[i];
        p->after[axis] = pads[axis_count + i];
    }
    return CLEAT_OK;
}

static cleat_status padding_find(call *c, padding *p) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    TRY(find_mode(c, p));
    TRY(find_value(c, x->type, p));
    TRY(find_pads(c, x, p));
    for (int32_t i = 0; i < x->rank; i++) {
        const int64_t before = p->before[i], after = p->after[i], extent = x->shape[i];
        const int64_t cut_before = before < 0 ? before : 0, cut_after = after < 0 ? after : 0;
        int64_t kept = 0, sum = 0;
        const bool fits = checked_add(cut_before, cut_after, &kept) &&
                          checked_add(kept, extent, &kept) && checked_add(before, after, &sum) &&
                          checked_add(sum, extent, &p->shape[i]) && p->shape[i] >= 0;
        if (!fits || (p->mode != PADS_CONSTANT && kept <= 0 && p->shape[i] > 0)) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT,
                "%lld and %lld elements do not go around axis %d of %lld", (long long)before,
                (long long)after, i, (long long)extent);
        }
    }
    return CLEAT_OK;
}

/* The element of an axis of `extent`, what is left of it, that stands at `at`. */
static int64_t source(padding_mode mode, int64_t at, int64_t extent) {
    if (at >= 0 && at < extent) {
        return at;
    }
    if (mode == PADS_CONSTANT) {
        return PICK_NOWHERE;
    }
    if (mode == PADS_EDGE || extent == 1) {
        return at < 0 ? 0 : extent - 1;
    }
    const int64_t period = mode == PADS_WRAP ? extent : 2 * (extent - 1);
    at = (at % period + period) % period;
    return at < extent ? at : period - at;
}

static cleat_status pad_host(call *c) {
    const array *x;
    array *y;
    padding p = {.mode = PADS_CONSTANT};
    int64_t steps[CLEAT_MAX_RANK];
    int64_t *offsets[CLEAT_MAX_RANK];
    TRY(padding_find(c, &p));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, p.shape, &y));
    row_major_strides(x->rank, x->shape, steps);
    for (int32_t i = 0; i < x->rank; i++) {
        const int64_t first = p.before[i] < 0 ? -p.before[i] : 0;
        const int64_t last = x->shape[i] + (p.after[i] < 0 ? p.after[i] : 0);
        TRY(pick_line(c, p.shape[i], 0, 0, &offsets[i]));
        for (int64_t k = 0; k < p.shape[i]; k++) {
            const int64_t from = source(p.mode, k - p.before[i] - first, last - first);
            offsets[i][k] = from == PICK_NOWHERE ? from : (first + from) * steps[i];
        }
    }
    for (int64_t i = 0; i < y->count; i++) {
        numbers_store(y, i, 1, &p.value);
    }
    pick(x, x->rank, p.shape, offsets, y);
    return CLEAT_OK;
}

/* Whether cleat_pad() takes it: nothing mirrored twice, no value that a double does not hold. */
static bool is_plain(const padding *p, const cleat_tensor *x) {
    for (int32_t i = 0; p->mode == PADS_REFLECT && i < x->rank; i++) {
        const int64_t cut =
            (p->before[i] < 0 ? p->before[i] : 0) + (p->after[i] < 0 ? p->after[i] : 0);
        const int64_t most = x->shape[i] + cut - 1;
        if (p->before[i] > most || p->after[i] > most) {
            return false;
        }
    }
    const bool is_wide = x->type == CLEAT_I64 || x->type == CLEAT_U64;
    return p->mode != PADS_WRAP &&
           !(is_wide && (p->value.integer < 0 || p->value.natural >> 53 != 0));
}

static cleat_status pad_device(call *c) {
    static const cleat_pad_mode modes[] = {CLEAT_PAD_CONSTANT, CLEAT_PAD_EDGE, CLEAT_PAD_REFLECT};
    cleat_tensor x, y;
    padding p = {.mode = PADS_CONSTANT};
    TRY(padding_find(c, &p));
    TRY(call_tensor(c, 0, &x));
    if (!is_plain(&p, &x)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, x.type, x.rank, p.shape, &y));
    const cleat_pad_options options = {.mode = modes[p.mode],
        .value = number_kind_of(x.type) == NUMBER_REAL ? p.value.real : (double)p.value.integer};
    return cleat_pad(c->context, x, p.before, p.after, y, &options);
}

static cleat_status pad_gradient(call *c) {
    static const cleat_pad_mode modes[] = {CLEAT_PAD_CONSTANT, CLEAT_PAD_EDGE, CLEAT_PAD_REFLECT};
    cleat_tensor x, dy, dx;
    padding p = {.mode = PADS_CONSTANT};
    TRY(padding_find(c, &p));
    TRY(call_tensor(c, 0, &x));
    if (!is_plain(&p, &x)) {
        return call_refuse(c, CLEAT_UNSUPPORTED,
            "there is no gradient of what is wrapped, or mirrored more than once");
    }
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    return cleat_pad_backward(
        c->context, dy, p.before, p.after, dx, &(cleat_pad_options){.mode = modes[p.mode]});
}

const operator_entry operators_pad[] = {
    {"Pad", pad_host, pad_device, 1, 4, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_pad[] = {
    {GRADIENT_NODE("Pad", pad_gradient), 1, 15, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
