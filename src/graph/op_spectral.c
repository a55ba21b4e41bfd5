/* SPDX-License-Identifier: Apache-2.0 */
/* DFT, STFT, MelWeightMatrix, on the host. Complex numbers are pairs along the last axis. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <math.h>
#include <string.h>

/* Sums with the n-th roots of one: y[k] = sum of x[j] exp(-+ 2 pi i j k / n), k < m. x and y are
 * pairs, `step` pairs apart; table: n pairs of cosine and sine. */
typedef struct transform {
    int64_t n, m;
    const double *table;
    bool inverse; /* and divided by n */
} transform;

static cleat_status transform_make(call *c, int64_t n, int64_t m, bool inverse, transform *t) {
    void *memory;
    TRY(call_memory(c, n, 2 * sizeof(double), &memory));
    double *table = memory;
    for (int64_t k = 0; k < n; k++) {
        const double angle = 2 * acos(-1.0) * (double)k / (double)n;
        table[2 * k] = cos(angle);
        table[2 * k + 1] = inverse ? sin(angle) : -sin(angle);
    }
    *t = (transform){n, m, table, inverse};
    return CLEAT_OK;
}

/* x: [n] pairs. */
static void transform_line(const transform *t, const double *x, double *y, int64_t step) {
    for (int64_t k = 0; k < t->m; k++) {
        double real = 0, imaginary = 0;
        int64_t at = 0;
        for (int64_t j = 0; j < t->n; j++) {
            const double *w = t->table + 2 * at;
            real += x[2 * j] * w[0] - x[2 * j + 1] * w[1];
            imaginary += x[2 * j] * w[1] + x[2 * j + 1] * w[0];
            at += k;
            at -= at >= t->n ? t->n : 0;
        }
        y[2 * k * step] = t->inverse ? real / (double)t->n : real;
        y[2 * k * step + 1] = t->inverse ? imaginary / (double)t->n : imaginary;
    }
}

/* ---- DFT ---- */

static cleat_status dft_axis(call *c, const run_value *x, int32_t *axis) {
    double number = (double)(c->opset >= 20 ? -2 : 1);
    TRY(call_real(c, 2, number, &number));
    TRY(call_axis(c, attribute_int(c->node, "axis", (int64_t)number), x->rank, axis));
    if (x->rank < 2 || *axis == x->rank - 1 || x->shape[x->rank - 1] < 1 ||
        x->shape[x->rank - 1] > 2) {
        char text[SHAPE_TEXT_SIZE];
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "axis %d of %s, the last one 1 or 2",
            (int)*axis, shape_text(x->rank, x->shape, text));
    }
    return CLEAT_OK;
}

/* An optional whole number, at least 1. */
static cleat_status whole(call *c, size_t input, int64_t otherwise, int64_t *number) {
    double given;
    TRY(call_real(c, input, (double)otherwise, &given));
    *number = (int64_t)given;
    if (!(given >= 1 && given <= INT32_MAX)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "input %zu is %g", input, given);
    }
    return CLEAT_OK;
}

static cleat_status dft_host(call *c) {
    const run_value *v;
    const array *x;
    array *y;
    transform t;
    double *numbers;
    void *memory[2];
    int32_t axis;
    int64_t n, shape[CLEAT_MAX_RANK];
    TRY(call_input(c, 0, &v));
    TRY(dft_axis(c, v, &axis));
    TRY(whole(c, 1, v->shape[axis], &n));
    TRY(call_numbers(c, 0, &numbers, &x));
    const bool is_half = attribute_int(c->node, "onesided", 0) != 0;
    const bool inverse = attribute_int(c->node, "inverse", 0) != 0;
    const int64_t parts = x->shape[x->rank - 1];
    if (is_half && (parts == 2 || inverse)) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "onesided of complex numbers, or inverse");
    }
    TRY(transform_make(c, n, is_half ? n / 2 + 1 : n, inverse, &t));
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = t.m;
    shape[x->rank - 1] = 2;
    TRY(call_output_array(c, 0, x->type, x->rank, shape, &y));
    TRY(call_memory(c, n, 2 * sizeof(double), &memory[0]));
    TRY(call_memory(c, y->count, sizeof(double), &memory[1]));
    double *line = memory[0], *results = memory[1];
    const axis_lines lines = lines_along(x->rank - 1, x->shape, axis);
    for (int64_t i = 0; i < lines.outer * lines.inner; i++) {
        const int64_t outer = i / lines.inner, inner = i % lines.inner;
        for (int64_t j = 0; j < n; j++) { /* zeros behind, or cut off */
            const int64_t at = ((outer * lines.extent + j) * lines.inner + inner) * parts;
            line[2 * j] = j < lines.extent ? numbers[at] : 0;
            line[2 * j + 1] = j < lines.extent && parts == 2 ? numbers[at + 1] : 0;
        }
        transform_line(&t, line, results + 2 * (outer * t.m * lines.inner + inner), lines.inner);
    }
    for (int64_t i = 0; i < y->count; i++) {
        array_set_real(y, i, results[i]);
    }
    return CLEAT_OK;
}

/* ---- STFT: signal [B, L] or [B, L, 1 or 2], y [B, frames, frequencies, 2] ---- */

typedef struct frames {
    int64_t batch, length, parts, step, frame, count;
    double *window; /* NULL: ones */
    bool is_half;
} frames;

static cleat_status frames_read(call *c, frames *f) {
    const run_value *x, *window;
    const array *given;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    memset(f, 0, sizeof *f);
    f->parts = x->rank == 3 ? x->shape[2] : 1;
    if (x->rank < 2 || x->rank > 3 || f->parts < 1 || f->parts > 2) {
        return call_refuse(
            c, CLEAT_SHAPE_MISMATCH, "the signal is %s", shape_text(x->rank, x->shape, text));
    }
    f->batch = x->shape[0];
    f->length = x->shape[1];
    f->is_half = attribute_int(c->node, "onesided", 1) != 0 && f->parts == 1;
    TRY(whole(c, 1, 0, &f->step));
    if (call_has(c, 2)) {
        TRY(call_input(c, 2, &window));
        TRY(call_numbers(c, 2, &f->window, &given));
        f->frame = given->count;
    }
    TRY(whole(c, 3, f->frame, &f->frame));
    if (f->frame > f->length ||
        (f->window != NULL && (given->rank != 1 || given->count != f->frame))) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "frames of %lld of a signal of %lld, or a window of another size", (long long)f->frame,
            (long long)f->length);
    }
    f->count = (f->length - f->frame) / f->step + 1;
    return CLEAT_OK;
}

static cleat_status stft_host(call *c) {
    frames f;
    transform t;
    const array *x;
    array *y;
    double *numbers;
    void *memory[2];
    TRY(frames_read(c, &f));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(transform_make(c, f.frame, f.is_half ? f.frame / 2 + 1 : f.frame, false, &t));
    TRY(call_output_array(c, 0, x->type, 4, (int64_t[]){f.batch, f.count, t.m, 2}, &y));
    TRY(call_memory(c, f.frame, 2 * sizeof(double), &memory[0]));
    TRY(call_memory(c, t.m, 2 * sizeof(double), &memory[1]));
    double *line = memory[0], *result = memory[1];
    for (int64_t i = 0; i < f.batch * f.count; i++) {
        const int64_t start = i / f.count * f.length + i % f.count * f.step;
        for (int64_t j = 0; j < f.frame; j++) {
            const double weight = f.window != NULL ? f.window[j] : 1;
            line[2 * j] = numbers[(start + j) * f.parts] * weight;
            line[2 * j + 1] = f.parts == 2 ? numbers[(start + j) * 2 + 1] * weight : 0;
        }
        transform_line(&t, line, result, 1);
        for (int64_t k = 0; k < 2 * t.m; k++) {
            array_set_real(y, i * 2 * t.m + k, result[k]);
        }
    }
    return CLEAT_OK;
}

/* ---- MelWeightMatrix ---- */

/* The triangle of one band: frequencies from `low` to `high`, highest at `centre`. */
static void band(array *y, int64_t i, int64_t low, int64_t centre, int64_t high) {
    const int64_t bands = y->shape[1];
    if (centre == low) {
        array_set_real(y, centre * bands + i, 1);
    }
    for (int64_t k = low; centre > low && k <= centre; k++) {
        array_set_real(y, k * bands + i, (double)(k - low) / (double)(centre - low));
    }
    for (int64_t k = centre; k < high; k++) {
        array_set_real(y, k * bands + i, (double)(high - k) / (double)(high - centre));
    }
}

static cleat_status mel_type(const call *c, cleat_type *type) {
    switch (attribute_int(c->node, "output_datatype", 1)) { /* numbers of ONNX's types */
    case 1:
        *type = CLEAT_F32;
        return CLEAT_OK;
    case 10:
        *type = CLEAT_F16;
        return CLEAT_OK;
    case 11:
        *type = CLEAT_F64;
        return CLEAT_OK;
    case 16:
        *type = CLEAT_BF16;
        return CLEAT_OK;
    default:
        return call_refuse(c, CLEAT_UNSUPPORTED, "output_datatype %lld",
            (long long)attribute_int(c->node, "output_datatype", 1));
    }
}

static cleat_status mel_host(call *c) {
    int64_t bands, length, rate;
    double low, high;
    cleat_type type = CLEAT_F32;
    array *y;
    void *memory;
    TRY(mel_type(c, &type));
    TRY(whole(c, 0, 0, &bands));
    TRY(whole(c, 1, 0, &length));
    TRY(whole(c, 2, 0, &rate));
    TRY(call_real(c, 3, 0, &low));
    TRY(call_real(c, 4, 0, &high));
    const int64_t bins = length / 2 + 1;
    TRY(call_output_array(c, 0, type, 2, (int64_t[]){bins, bands}, &y));
    memset(y->elements, 0, array_size(y));
    TRY(call_memory(c, bands + 2, sizeof(int64_t), &memory));
    int64_t *edges = memory;
    const double low_mel = 2595 * log10(1 + low / 700);
    const double step = (2595 * log10(1 + high / 700) - low_mel) / (double)(bands + 2);
    for (int64_t i = 0; i < bands + 2; i++) {
        const double frequency = 700 * (pow(10, ((double)i * step + low_mel) / 2595) - 1);
        const double bin = floor((double)(length + 1) * frequency / (double)rate);
        if (!(bin >= 0 && bin < (double)bins)) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT,
                "edges of %g and %g Hz at %lld samples a second", low, high, (long long)rate);
        }
        edges[i] = (int64_t)bin;
        if (i > 0 && edges[i] < edges[i - 1]) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "edges of %g and %g Hz", low, high);
        }
    }
    for (int64_t i = 0; i < bands; i++) {
        band(y, i, edges[i], edges[i + 1], edges[i + 2]);
    }
    return CLEAT_OK;
}

const operator_entry operators_spectral[] = {
    {"DFT", dft_host, NULL, 1, 3, false},
    {"STFT", stft_host, NULL, 2, 4, false},
    {"MelWeightMatrix", mel_host, NULL, 5, 5, false},
    {NULL, NULL, NULL, 0, 0, false},
};
