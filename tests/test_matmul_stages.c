/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul by matrix units whose operands are copied as they lie (cl/gemm_stages.cl), NVIDIA's
 * emulated: two stages and three, each operand along k and across, sums shorter than there are
 * stages, parts of steps, edges; that the way is taken where it may be, and only there, and after
 * its probe alone. What rounding leaves: test_matmul_units.c. Each program of the list below is one
 * to compile.
 */
#include "harness.h"
#include "harness_spoilt.h"
#include "reference/reference_half.h"

enum { RUN = 8, SIDE = 64 }; /* elements of 16 bits in 16 bytes; of the tile */

typedef struct stage_program {
    cleat_type type;
    cleat_compute compute;
    const char *stages;
    bool turned_a, turned_b; /* a lies as [k, m], b as [n, k] */
} stage_program;

static const stage_program usual[] = {
    {CLEAT_F32, CLEAT_COMPUTE_TF32, "3", true, true},
    {CLEAT_F16, CLEAT_COMPUTE_STRICT, "3", false, false},
    {CLEAT_F32, CLEAT_COMPUTE_TF32X3, "2", false, true},
    {CLEAT_BF16, CLEAT_COMPUTE_STRICT, "2", true, false},
};
enum { SHORT_PROGRAMS = 2, USUAL_PROGRAMS = sizeof usual / sizeof usual[0], ALL_PROGRAMS = 32 };

/* Of long runs: each type and mode, with each number of stages and in each layout. */
static stage_program program_number(int i, bool all) {
    if (!all) {
        return usual[i];
    }
    stage_program p = usual[i / 8];
    p.stages = i / 4 % 2 == 0 ? "2" : "3";
    p.turned_a = i / 2 % 2 == 1;
    p.turned_b = i % 2 == 1;
    return p;
}

static bool is_long(void) {
    return test_rounds(1) > 1;
}

typedef struct product {
    int64_t batches, m, n, k;
    int64_t first;    /* elements before each line in memory */
    int64_t gap;      /* and after it, beside what makes its length a multiple of RUN */
    bool is_unpadded; /* no gaps at all */
} product;

/* Steps are of 16 terms, of 32 for elements of 16 bits; tiles have 64 rows and columns. */
static const product products[] = {
    {1, 70, 90, 1, 8, 0, false},   /* one term */
    {1, 33, 65, 13, 0, 8, false},  /* less than a step, edges within runs */
    {1, 64, 64, 32, 0, 0, false},  /* whole steps: fewer than stages */
    {1, 66, 61, 50, 24, 0, false}, /* as many, or more, the last not whole */
    {1, 40, 130, 96, 8, 8, false}, /* several tiles, whole steps */
    {3, 20, 67, 163, 0, 0, false}, /* batches, turns more than once through the stages */
    {1, 2, 3, 201, 0, 0, false},
};

/* Those that it may not take: lines that begin elsewhere, and no terms at all. */
static const product others[] = {
    {1, 40, 30, 50, 2, 0, false},
    {1, 40, 30, 50, 0, 3, false},
    {1, 33, 27, 45, 0, 0, true},
    {2, 9, 7, 0, 0, 0, false},
};

/* ---- One product ---- */

typedef struct operand {
    test_tensor memory; /* with what lies between the lines, NaN */
    cleat_tensor view;  /* [batches, rows, columns] */
    float *values;      /* the same */
} operand;

static operand make_operand(
    const product *p, cleat_type type, int64_t rows, int64_t columns, bool turned) {
    const int64_t lines = turned ? columns : rows, length = turned ? rows : columns;
    const int64_t padded = (length + RUN - 1) / RUN * RUN;
    const int64_t pitch = p->is_unpadded ? length : p->first + padded + p->gap;
    const int64_t shape[] = {p->batches, lines, pitch};
    operand o = {.values = test_alloc(p->batches * rows * columns, sizeof(float))};
    float *data = test_alloc(p->batches * lines * pitch, sizeof *data);
    for (int64_t i = 0; i < p->batches * lines * pitch; i++) {
        const int64_t line = i / pitch % lines, at = i % pitch - (p->is_unpadded ? 0 : p->first);
        const bool inside = at >= 0 && at < length;
        data[i] = inside ? (float)test_int(-4, 4) : NAN;
        if (inside) {
            const int64_t row = turned ? at : line, column = turned ? line : at;
            o.values[(i / pitch / lines * rows + row) * columns + column] = data[i];
        }
    }
    o.memory = test_input_from_of(type, 3, shape, data, TEST_ROW_MAJOR);
    o.view = o.memory.view;
    const int64_t first = p->is_unpadded ? 0 : p->first;
    test_ok(cleat_slice(o.view, 2, first, length, 1, &o.view));
    if (turned) {
        o.view = cleat_transpose(o.view);
    }
    free(data);
    return o;
}

static void free_operand(operand *o) {
    test_free(&o->memory);
    free(o->values);
}

static double *sums_of(const product *p, const operand *a, const operand *b, cleat_type type) {
    double *want = test_alloc(p->batches * p->m * p->n, sizeof *want);
    for (int64_t i = 0; i < p->batches * p->m * p->n; i++) {
        const int64_t batch = i / p->n / p->m, row = i / p->n % p->m, column = i % p->n;
        for (int64_t k = 0; k < p->k; k++) {
            want[i] += (double)a->values[(batch * p->m + row) * p->k + k] *
                       (double)b->values[(batch * p->k + k) * p->n + column];
        }
        if (type != CLEAT_F32) {
            want[i] = reference_half_rounded(type, (long double)want[i]);
        }
    }
    return want;
}

/* The number of stages is asked for where copies may be made. */
static void check_product(const stage_program *program, const product *p, bool copied) {
    char what[160];
    operand a = make_operand(p, program->type, p->m, p->k, program->turned_a);
    operand b = make_operand(p, program->type, p->k, p->n, program->turned_b);
    const int64_t shape[] = {p->batches, p->m, p->n};
    test_tensor y = test_output_of(program->type, 3, shape, TEST_ROW_MAJOR);
    const cleat_matmul_options options = {.compute = program->compute, .variant = "gpu_units"};
    double *want = sums_of(p, &a, &b, program->type);
    const uint64_t before = test_tuning_uses(test_context(), "units_stages");
    test_ok(cleat_matmul(test_context(), a.view, b.view, y.view, &options));
    const uint64_t uses = test_tuning_uses(test_context(), "units_stages") - before;
    test_fetch(&y);
    snprintf(what, sizeof what, "%s, mode %d, %s stages, %lld x %lld x %lld x %lld, turned %d%d",
        cleat_type_name(program->type), (int)program->compute, program->stages,
        (long long)p->batches, (long long)p->m, (long long)p->n, (long long)p->k, program->turned_a,
        program->turned_b);
    test_equal(&y, want, what);
    ck_assert_msg((uses > 0) == copied, "%s: %s", what, copied ? "not copied" : "copied");
    free(want);
    free_operand(&a);
    free_operand(&b);
    test_free(&y);
}

/* ---- Tests ---- */

static void begin(const char *stages) {
    test_profile("gpu:nvidia");
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", "64"));
    test_ok(cleat_tuning_set(test_context(), "matmul", "units_stages", stages));
}

START_TEST(all_products) {
    const stage_program program = program_number(_i, is_long());
    begin(program.stages);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        check_product(&program, &products[i], true);
    }
}
END_TEST

START_TEST(random_products) {
    const stage_program program = usual[_i];
    begin(program.stages);
    for (int i = test_rounds(8); i > 0; i--) {
        const product p = {test_int(1, 2), test_int(2, 140), test_int(2, 140), test_int(1, 150),
            RUN * test_int(0, 2), RUN * test_int(0, 2), false};
        check_product(&program, &p, true);
    }
}
END_TEST

/* By parts of k, which begin further on. */
START_TEST(parts) {
    const product p = {1, 20, 24, 1111, 0, 0, false};
    begin("3");
    check_product(&usual[0], &p, true);
}
END_TEST

/* The larger tile fills 48 KiB. */
START_TEST(large_tile) {
    const product p = {1, 200, 140, 70, 0, 0, false};
    begin("3");
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", "128"));
    check_product(&usual[1], &p, true);
}
END_TEST

START_TEST(other_layouts) {
    begin("3");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_product(&usual[0], &others[i], false);
    }
    /* f32 has to be rounded on its way where the mode is of 16 bits. */
    const stage_program narrow = {CLEAT_F32, CLEAT_COMPUTE_F16, "3", false, false};
    check_product(&narrow, &products[1], false);
}
END_TEST

/* With a number that stands for none the operands go by registers. */
START_TEST(turned_off) {
    begin("0");
    check_product(&usual[0], &products[4], true);
    begin("1");
    check_product(&usual[0], &products[4], true);
}
END_TEST

/* ---- The probe ---- */

static void multiply(cleat_context *context, cleat_compute compute) {
    const int64_t shape[] = {SIDE, SIDE};
    float *ones = test_alloc((int64_t)SIDE * SIDE, sizeof *ones);
    cleat_tensor a, y;
    for (int i = 0; i < SIDE * SIDE; i++) {
        ones[i] = 1;
    }
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &a));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &y));
    test_ok(cleat_write(context, a, ones, SIDE * SIDE * sizeof *ones));
    const cleat_matmul_options options = {.compute = compute};
    test_ok(cleat_matmul(context, a, a, y, &options));
    test_ok(cleat_read(context, y, ones, SIDE * SIDE * sizeof *ones));
    for (int i = 0; i < SIDE * SIDE; i++) {
        ck_assert(ones[i] == SIDE || test_ignores_values());
    }
    cleat_tensor_release(&a);
    cleat_tensor_release(&y);
    free(ones);
}

/* Probed where variants are checked; what is found is told, and what is wrong or does not build is
 * not used, with right results all the same, and no variant lost. */
START_TEST(probed) {
    static const struct {
        const char *file, *right, *wrong, *heard;
    } all[] = {
        {NULL, NULL, NULL, "nvidia tf32 copies: there is one"},
        {"gemm_stages.cl", "UNIT_COPIES_WAIT(UNITS_STAGES - 2)",
            "UNIT_COPIES_WAIT(UNITS_STAGES - 1)",
            "nvidia tf32 copies: none: its probe's results are wrong"},
        {"unit_copies.cl", "#define PROBE_LINES 61", "#error no copies",
            "nvidia tf32 copies: none: its probe does not build"},
    };
    test_profile("gpu:nvidia");
    if (all[_i].file != NULL) {
        spoilt_begin();
        spoilt_replace(all[_i].file, all[_i].right, all[_i].wrong);
    }
    cleat_context *context = spoilt_open(CLEAT_VERIFY_ON, NULL);
    multiply(context, CLEAT_COMPUTE_TF32);
    ck_assert_msg(strstr(spoilt_heard, all[_i].heard) != NULL, "%s", spoilt_heard);
    ck_assert_msg(strstr(spoilt_heard, "gpu_units") == NULL, "%s", spoilt_heard);
    spoilt_expect_counts(context, 1, 0);
    cleat_context_release(context);
    if (all[_i].file != NULL) {
        spoilt_end();
    }
    test_profile(NULL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matmul_stages");
    const int programs = is_long()         ? ALL_PROGRAMS
                         : test_is_short() ? SHORT_PROGRAMS
                                           : USUAL_PROGRAMS;
    test_add_loop(suite, "products", all_products, programs);
    test_add_loop(suite, "random", random_products, SHORT_PROGRAMS);
    test_add_case(suite, "parts", parts);
    if (!test_is_short()) {
        test_add_case(suite, "large", large_tile);
    }
    test_add_case(suite, "others", other_layouts);
    test_add_case(suite, "off", turned_off);
    test_add_loop(suite, "probed", probed, 3);
    return suite;
}
