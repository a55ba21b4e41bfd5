/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products as a graphics card is measured by them, in each mode that there is: squares and
 * thin ones, against cuBLAS, CLBlast, and the peak of the instructions; and how exact 3xTF32 is.
 * Results are checked on a sample of elements against sums in float64, within what
 * include/cleat/compute.h allows the mode.
 */
#include "peer_blas.h"
#include "peer_cublas.h"
#include "peer_peak.h"
#include "peer_unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct mode {
    const char *name;
    cleat_type type; /* of the elements in memory */
    cleat_compute compute;
} mode;

static const mode modes[] = {{"f32", CLEAT_F32, CLEAT_COMPUTE_STRICT},
    {"tf32", CLEAT_F32, CLEAT_COMPUTE_TF32}, {"tf32x3", CLEAT_F32, CLEAT_COMPUTE_TF32X3},
    {"f16", CLEAT_F16, CLEAT_COMPUTE_STRICT}, {"bf16", CLEAT_BF16, CLEAT_COMPUTE_STRICT},
    {"f32-f16", CLEAT_F32, CLEAT_COMPUTE_F16}};
enum { F32, TF32, TF32X3, F16, BF16, F32_F16, MODES };

typedef struct shape {
    int64_t m, n, k;
} shape;

static const shape shapes[] = {{1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
    {8192, 8192, 8192}, {16, 4096, 4096}, {4096, 16, 4096}, {4096, 4096, 16}, {1, 4096, 4096}};
static const shape largest = {16384, 16384, 16384}; /* of 16 bits alone */
enum { SHAPES = sizeof shapes / sizeof *shapes, CASES = SHAPES * MODES + 2 };

static const mode *case_at(size_t index, const shape **shaped) {
    const size_t beyond = (size_t)SHAPES * MODES;
    *shaped = index < beyond ? &shapes[index / MODES] : &largest;
    return &modes[index < beyond ? index % MODES : F16 + (index - beyond)];
}

/* ---- One product ---- */

/* An operand's values as its elements hold them, and the elements: the same array in f32. */
typedef struct operand {
    float *values;
    void *elements;
    cleat_tensor tensor;
} operand;

typedef struct gpu_product {
    bench_run *run;
    const mode *of;
    int64_t m, n, k;
    operand a, b;
    cleat_tensor c;
    const char *variant;
} gpu_product;

static bool cleat_run(void *state, int64_t calls) {
    const gpu_product *p = state;
    const cleat_matmul_options options = {.variant = p->variant, .compute = p->of->compute};
    for (int64_t call = 0; call < calls; call++) {
        if (cleat_matmul(p->run->context, p->a.tensor, p->b.tensor, p->c, &options) != CLEAT_OK) {
            fprintf(stderr, "cleat-bench: %s\n", cleat_error_message());
            return false;
        }
    }
    return cleat_finish(p->run->context) == CLEAT_OK;
}

static void to_elements(cleat_type type, const float *values, size_t count, void *elements) {
    if (type == CLEAT_F16) {
        cleat_f16_from_f32(values, count, elements);
    } else if (type == CLEAT_BF16) {
        cleat_bf16_from_f32(values, count, elements);
    }
}

static void to_values(cleat_type type, const void *elements, size_t count, float *values) {
    if (type == CLEAT_F16) {
        cleat_f16_to_f32(elements, count, values);
    } else if (type == CLEAT_BF16) {
        cleat_bf16_to_f32(elements, count, values);
    }
}

static bool make_operand(
    bench_run *run, cleat_type type, int64_t rows, int64_t columns, operand *made) {
    const size_t count = (size_t)(rows * columns), size = count * cleat_type_size(type);
    const int64_t extents[] = {rows, columns};
    made->values = bench_floats(count);
    made->elements = type == CLEAT_F32 ? made->values : malloc(size);
    if (made->values == NULL || made->elements == NULL) {
        return bench_fail(run, "out of memory");
    }
    to_elements(type, made->values, count, made->elements);
    to_values(type, made->elements, count, made->values);
    return bench_call(run, cleat_tensor_create(run->context, type, 2, extents, &made->tensor),
               "cleat_tensor_create") &&
           bench_call(
               run, cleat_write(run->context, made->tensor, made->elements, size), "cleat_write");
}

static void drop_operand(operand *dropped) {
    if (dropped->elements != dropped->values) {
        free(dropped->elements);
    }
    free(dropped->values);
    cleat_tensor_release(&dropped->tensor);
}

/* Elements that are not f32 may be converted in scratch memory; cuBLAS has operands of its own. */
static bool fits(bench_run *run, const mode *of, const shape *s) {
    const double a = (double)(s->m * s->k), b = (double)(s->k * s->n), c = (double)(s->m * s->n);
    const double element = (double)cleat_type_size(of->type),
                 scratch = of->type == CLEAT_F32 ? 0 : 4;
    const double sides = bench_has_peer(run, "cublas") ? 2 : 1;
    return bench_fits(run, (scratch > 0 ? scratch : element) * fmax(a, fmax(b, c)),
        (sides * element + scratch) * (a + b + c));
}

static bool begin(bench_run *run, const mode *of, const shape *s, gpu_product *p) {
    const int64_t extents[] = {s->m, s->n};
    *p = (gpu_product){
        .run = run, .of = of, .m = s->m, .n = s->n, .k = s->k, .variant = run->options.variant};
    return make_operand(run, of->type, s->m, s->k, &p->a) &&
           make_operand(run, of->type, s->k, s->n, &p->b) &&
           bench_call(
               run, cleat_tensor_create(run->context, of->type, 2, extents, &p->c), "tensor");
}

static void end(gpu_product *p) {
    drop_operand(&p->a);
    drop_operand(&p->b);
    cleat_tensor_release(&p->c);
}

/* ---- Checking ---- */

/* Row `row` of what a contender computed, as values. */
static bool read_row(const gpu_product *p, const contender *c, int64_t row, float *values) {
    const size_t count = (size_t)p->n, size = count * cleat_type_size(p->of->type);
    uint16_t *halves = p->of->type == CLEAT_F32 ? NULL : malloc(size);
    void *elements = p->of->type == CLEAT_F32 ? (void *)values : halves;
    cleat_tensor view;
    bool good = elements != NULL || bench_fail(p->run, "out of memory");
    if (good && c->run == cublas_run) {
        good = cublas_read_row(c->state, row, elements) || bench_fail(p->run, "cublas: no result");
    } else if (good) {
        good = bench_call(p->run, cleat_slice(p->c, 0, row, 1, 1, &view), "cleat_slice") &&
               bench_call(p->run, cleat_read(p->run->context, view, elements, size), "cleat_read");
    }
    if (good) {
        to_values(p->of->type, elements, count, values);
    }
    free(halves);
    return good;
}

typedef struct sum {
    double value, magnitude;
} sum;

static sum exact(const gpu_product *p, int64_t row, int64_t column) {
    sum s = {0, 0};
    for (int64_t i = 0; i < p->k; i++) {
        const double term =
            (double)p->a.values[row * p->k + i] * (double)p->b.values[i * p->n + column];
        s.value += term;
        s.magnitude += fabs(term);
    }
    return s;
}

enum { SIDE = 8, EXACT_SIDE = 32 }; /* rows and columns of a sample */

/* Has a contender compute once, over what is no result. */
static bool run_once(const gpu_product *p, const contender *c) {
    bool spoilt = c->run == cublas_run
                      ? cublas_spoil(c->state)
                      : bench_call(p->run, cleat_fill(p->run->context, 1e30, p->c), "fill");
    return spoilt && c->run(c->state, 1);
}

static bool check(const gpu_product *p, const contender *c, const mode *of) {
    float *row = bench_floats((size_t)p->n);
    bool good = row != NULL && run_once(p, c);
    for (int64_t i = 0; i < SIDE && good; i++) {
        const int64_t at = bench_probe(i, p->m);
        good = read_row(p, c, at, row);
        for (int64_t j = 0; j < SIDE && good; j++) {
            const int64_t column = bench_probe(SIDE * i + j, p->n);
            const sum s = exact(p, at, column);
            good = bench_within(p->run, c->name, (double)row[column], s.value,
                bench_allowed(of->type, of->compute, (double)p->k, s.magnitude, s.value));
        }
    }
    free(row);
    return good;
}

/* ---- Contenders ---- */

/* Everyone who takes part in a case. */
typedef struct line_up {
    contender contenders[CONTENDERS_MAX];
    size_t count, checked; /* those before `checked` have results */
    cublas_product *cublas;
    device_product clblast;
    gpu_product strict;
    peak_peer *peak;
    unit_peer *unit;
} line_up;

static void add(line_up *l, const char *name, bool (*run)(void *, int64_t), void *state) {
    l->contenders[l->count++] = (contender){name, run, state};
}

/* CLBlast computes in f32 as Cleat does in strict mode; in the time that takes on a processor the
 * largest are left out. */
static bool clblast_takes_part(const bench_run *run, const gpu_product *p) {
    const double terms = (double)p->m * (double)p->n * (double)p->k;
    return p->of == &modes[F32] && bench_has_peer(run, "clblast") &&
           (run->device.type == CLEAT_DEVICE_GPU || terms <= 0x1p31);
}

static bool add_products(bench_run *run, gpu_product *p, line_up *l) {
    add(l, "cleat", cleat_run, p);
    if (bench_has_peer(run, "cublas")) {
        l->cublas = cublas_create(
            run, p->of->type, p->of->compute, p->m, p->n, p->k, p->a.elements, p->b.elements);
        if (l->cublas == NULL) {
            return false;
        }
        add(l, "cublas", cublas_run, l->cublas);
    }
    if (clblast_takes_part(run, p)) {
        l->clblast = (device_product){.shape = {.batch = 1, .m = p->m, .n = p->n, .k = p->k},
            .context = run->context,
            .a = p->a.tensor,
            .b = p->b.tensor,
            .c = p->c};
        add(l, "clblast", clblast_run, &l->clblast);
    }
    if (p->of == &modes[TF32X3]) {
        l->strict = *p;
        l->strict.of = &modes[F32];
        add(l, "strict", cleat_run, &l->strict);
    }
    l->checked = l->count;
    return true;
}

/* Where arithmetic is the whole of it; emulated, everywhere, to be tested. */
static bool add_peak(bench_run *run, const gpu_product *p, double flop, line_up *l) {
    static const unit_mode units[MODES] = {[TF32] = UNIT_PEER_TF32,
        [TF32X3] = UNIT_PEER_TF32X3,
        [F16] = UNIT_PEER_F16,
        [BF16] = UNIT_PEER_BF16,
        [F32_F16] = UNIT_PEER_F16};
    const bool is_thin = p->m < 2048 || p->n < 2048 || p->k < 2048;
    if ((is_thin && !unit_peer_is_emulated()) || !bench_has_peer(run, "peak")) {
        return true;
    }
    if (p->of == &modes[F32]) {
        l->peak = peak_peer_create(run, flop);
        add(l, "peak", peak_peer_run, l->peak);
        return l->peak != NULL && peak_peer_run(l->peak, 1) && peak_peer_check(run, l->peak);
    }
    l->unit = unit_peer_create(run, units[p->of - modes], flop);
    if (l->unit != NULL) {
        add(l, "peak", unit_peer_run, l->unit);
    }
    return true;
}

static void drop_line_up(line_up *l) {
    cublas_destroy(l->cublas);
    peak_peer_destroy(l->peak);
    unit_peer_destroy(l->unit);
}

/* The mode whose error a contender may have. */
static const mode *mode_of(const gpu_product *p, const contender *c) {
    const gpu_product *other = c->state;
    return c->run == cleat_run ? other->of : p->of;
}

static bool matmul_run(bench_run *run, size_t index) {
    const shape *s = NULL;
    const mode *of = case_at(index, &s);
    const double flop = 2.0 * (double)s->m * (double)s->n * (double)s->k;
    gpu_product p;
    line_up l = {.count = 0};
    if (!fits(run, of, s)) {
        return true;
    }
    bool good = begin(run, of, s, &p) && add_products(run, &p, &l);
    for (size_t i = 0; i < l.checked && good; i++) {
        good = check(&p, &l.contenders[i], mode_of(&p, &l.contenders[i]));
    }
    good = good && add_peak(run, &p, flop, &l);
    good = good && bench_compare(run, &unit_gflops, flop, l.contenders, l.count);
    drop_line_up(&l);
    end(&p);
    return good;
}

/* "f16 4096x4096x4096", m, n, k. */
static void matmul_name(size_t index, char *text, size_t size) {
    const shape *s = NULL;
    const mode *of = case_at(index, &s);
    snprintf(text, size, "%s %lldx%lldx%lld", of->name, (long long)s->m, (long long)s->n,
        (long long)s->k);
}

const bench bench_gpu_matmul = {"gpu-matmul",
    "square and thin products in each mode of f32, and of 16-bit elements", CASES, matmul_name,
    matmul_run};

/* ---- How exact 3xTF32 is ---- */

/* Root of the mean square of errors, each as a part of its sum of |a||b|. */
static bool measure_error(const gpu_product *p, const contender *c, figure *error) {
    float *row = bench_floats((size_t)p->n);
    bool good = row != NULL && run_once(p, c);
    double squares = 0;
    for (int64_t i = 0; i < EXACT_SIDE && good; i++) {
        const int64_t at = bench_probe(i, p->m);
        good = read_row(p, c, at, row);
        for (int64_t j = 0; j < EXACT_SIDE && good; j++) {
            const int64_t column = bench_probe(EXACT_SIDE * i + j, p->n);
            const sum s = exact(p, at, column);
            const double part = ((double)row[column] - s.value) / s.magnitude;
            squares += part * part / (EXACT_SIDE * EXACT_SIDE);
        }
    }
    free(row);
    *error = (figure){sqrt(squares), sqrt(squares), sqrt(squares)};
    return good;
}

static const shape exact_shapes[] = {{1024, 1024, 1024}, {4096, 4096, 4096}};

static bool accuracy_run(bench_run *run, size_t index) {
    const shape *s = &exact_shapes[index];
    gpu_product p;
    line_up l = {.count = 0};
    figure errors[CONTENDERS_MAX];
    if (!fits(run, &modes[TF32X3], s)) {
        return true;
    }
    bool good = begin(run, &modes[TF32X3], s, &p) && add_products(run, &p, &l);
    for (size_t i = 0; i < l.count && good; i++) {
        good = measure_error(&p, &l.contenders[i], &errors[i]);
    }
    for (size_t i = 1; i < l.count && good; i++) {
        good = bench_file(run, &unit_roundings, 1, errors[0], l.contenders[i].name, errors[i]);
    }
    drop_line_up(&l);
    end(&p);
    return good;
}

static void accuracy_name(size_t index, char *text, size_t size) {
    const shape *s = &exact_shapes[index];
    snprintf(
        text, size, "tf32x3 %lldx%lldx%lld", (long long)s->m, (long long)s->n, (long long)s->k);
}

const bench bench_gpu_accuracy = {"gpu-accuracy",
    "errors of 3xTF32 beside strict f32's, root of the mean square, in parts of sum |a||b|",
    sizeof exact_shapes / sizeof *exact_shapes, accuracy_name, accuracy_run};
