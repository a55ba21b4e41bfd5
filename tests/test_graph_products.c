/* SPDX-License-Identifier: Apache-2.0 */
/* MatMul, Gemm, Einsum and products of quantised numbers as nodes of graphs. */
#include "graph_case.h"
#include "reference/reference_matmul.h"

static const cleat_type product_types[] = {
    CLEAT_F32, CLEAT_F64, CLEAT_F16, CLEAT_BF16, CLEAT_I32, CLEAT_I64, CLEAT_U32, CLEAT_U64};
enum { PRODUCT_TYPES = sizeof product_types / sizeof *product_types };

/* Small whole numbers of a type, and what they are. */
typedef struct drawn {
    double *numbers;
    void *elements;
    int64_t count;
} drawn;

static drawn draw(cleat_type type, int32_t rank, const int64_t *shape, int most) {
    drawn d = {.count = case_count(rank, shape)};
    d.numbers = case_draw(type, d.count, most);
    d.elements = case_elements(type, d.numbers, d.count);
    return d;
}

static void free_drawn(drawn *d) {
    free(d->numbers);
    free(d->elements);
}

static case_value value_of(
    const drawn *d, cleat_type type, int32_t rank, const int64_t *shape, bool is_constant) {
    case_value v = {
        .type = type, .rank = rank, .elements = d->elements, .is_constant = is_constant};
    memcpy(v.shape, shape, (size_t)rank * sizeof *shape);
    return v;
}

/* ---- MatMul ---- */

static const struct {
    int32_t a_rank, b_rank;
    int64_t a[4], b[4];
} matmul_shapes[] = {
    {1, 1, {5}, {5}},
    {1, 2, {5}, {5, 3}},
    {2, 1, {4, 5}, {5}},
    {2, 2, {4, 5}, {5, 3}},
    {1, 3, {5}, {2, 5, 3}},
    {3, 1, {2, 4, 5}, {5}},
    {3, 2, {2, 4, 5}, {5, 3}},
    {2, 4, {4, 5}, {2, 3, 5, 2}},
    {4, 3, {2, 1, 4, 5}, {3, 5, 2}},
    {2, 2, {3, 0}, {0, 2}},
    {2, 2, {0, 3}, {3, 2}},
};

START_TEST(test_matmul) {
    for (size_t i = 0; i < sizeof matmul_shapes / sizeof *matmul_shapes; i++) {
        const cleat_type type = product_types[(size_t)_i % PRODUCT_TYPES];
        const int32_t a_rank = matmul_shapes[i].a_rank, b_rank = matmul_shapes[i].b_rank;
        const int64_t *a_shape = matmul_shapes[i].a, *b_shape = matmul_shapes[i].b;
        drawn a = draw(type, a_rank, a_shape, 4), b = draw(type, b_rank, b_shape, 4);
        float *a_floats = case_elements(CLEAT_F32, a.numbers, a.count);
        float *b_floats = case_elements(CLEAT_F32, b.numbers, b.count);
        reference_matmul r = {.a = {.rank = a_rank, .data = a_floats},
            .b = {.rank = b_rank, .data = b_floats},
            .alpha = 1};
        memcpy(r.a.shape, a_shape, sizeof matmul_shapes[i].a);
        memcpy(r.b.shape, b_shape, sizeof matmul_shapes[i].b);
        int64_t shape[CLEAT_MAX_RANK];
        const int32_t rank = reference_matmul_shape(&r.a, &r.b, shape);
        const int64_t count = case_count(rank, shape);
        double *wanted = test_alloc(count, sizeof *wanted);
        double *magnitude = test_alloc(count, sizeof *magnitude);
        reference_matmul_run(&r, wanted, magnitude);
        const graph_case g = {.type = "MatMul",
            .is_strided = test_coin(),
            .input_count = 2,
            .inputs = {value_of(&a, type, a_rank, a_shape, false),
                value_of(&b, type, b_rank, b_shape, test_coin())}};
        case_expect(&g, type, rank, shape, wanted, 0);
        free(wanted);
        free(magnitude);
        free(a_floats);
        free(b_floats);
        free_drawn(&a);
        free_drawn(&b);
    }
}
END_TEST

START_TEST(test_matmul_refusals) {
    const float numbers[12] = {0};
    graph_case g = {.type = "MatMul",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = numbers}}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3] and [2, 3]");
    g.inputs[1] = (case_value){.type = CLEAT_F32, .rank = 0, .elements = numbers};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "rank 2 and 0");
    g.inputs[1] = (case_value){.type = CLEAT_I32, .rank = 1, .shape = {3}, .elements = numbers};
    case_refused(&g, CLEAT_TYPE_MISMATCH, "f32 and i32");
    g.inputs[0].rank = 3;
    memcpy(g.inputs[0].shape, (int64_t[]){2, 1, 3}, 3 * sizeof(int64_t));
    g.inputs[1] =
        (case_value){.type = CLEAT_F32, .rank = 3, .shape = {3, 3, 1}, .elements = numbers};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "extents 2 and 3");
}
END_TEST

/* ---- Gemm ---- */

typedef struct gemm_case {
    int64_t m, n, k, transposed_a, transposed_b;
    float alpha, beta;
    int32_t c_rank; /* -1: none */
    int64_t c[2];
} gemm_case;

static gemm_case draw_gemm(void) {
    static const float scales[] = {1, 1, 0.5F, -2, 0};
    gemm_case g = {.m = test_int(1, 6),
        .n = test_int(1, 6),
        .k = test_int(1, 6),
        .transposed_a = test_coin(),
        .transposed_b = test_coin(),
        .alpha = scales[test_int(0, 3)],
        .beta = scales[test_int(0, 4)],
        .c_rank = (int32_t)test_int(-1, 2)};
    const int64_t m = test_coin() ? g.m : 1, n = test_coin() ? g.n : 1;
    g.c[0] = g.c_rank == 1 ? n : m;
    g.c[1] = n;
    return g;
}

static double gemm_element(const gemm_case *g, const double *a, const double *b, const double *c,
    int64_t row, int64_t column) {
    double sum = 0;
    for (int64_t k = 0; k < g->k; k++) {
        sum += a[g->transposed_a ? k * g->m + row : row * g->k + k] *
               b[g->transposed_b ? column * g->k + k : k * g->n + column];
    }
    const int64_t columns = g->c_rank > 0 ? g->c[g->c_rank - 1] : 1;
    const int64_t rows = g->c_rank > 1 ? g->c[0] : 1;
    const double added =
        c == NULL ? 0 : c[(rows > 1 ? row : 0) * columns + (columns > 1 ? column : 0)];
    return (double)g->alpha * sum + (double)g->beta * added;
}

START_TEST(test_gemm) {
    static const cleat_type types[] = {CLEAT_F32, CLEAT_F32, CLEAT_F64, CLEAT_I32, CLEAT_F16};
    for (int round = 0; round < test_rounds(40); round++) {
        gemm_case g = draw_gemm();
        const cleat_type type = types[round % 5];
        if (type == CLEAT_I32) {
            g.alpha = g.beta = 1;
        }
        const int64_t a_shape[2] = {g.transposed_a ? g.k : g.m, g.transposed_a ? g.m : g.k};
        const int64_t b_shape[2] = {g.transposed_b ? g.n : g.k, g.transposed_b ? g.k : g.n};
        drawn a = draw(type, 2, a_shape, 4), b = draw(type, 2, b_shape, 4);
        drawn c = draw(type, g.c_rank < 0 ? 0 : g.c_rank, g.c, 4);
        double wanted[36];
        for (int64_t i = 0; i < g.m * g.n; i++) {
            wanted[i] = gemm_element(
                &g, a.numbers, b.numbers, g.c_rank < 0 ? NULL : c.numbers, i / g.n, i % g.n);
        }
        graph_case node = {.type = "Gemm",
            .is_strided = test_coin(),
            .input_count = g.c_rank < 0 ? 2 : 3,
            .inputs = {value_of(&a, type, 2, a_shape, false),
                value_of(&b, type, 2, b_shape, test_coin())},
            .attribute_count = 4,
            .attributes = {case_int("transA", &g.transposed_a), case_int("transB", &g.transposed_b),
                case_float("alpha", &g.alpha), case_float("beta", &g.beta)}};
        if (g.c_rank >= 0) {
            node.inputs[2] = value_of(&c, type, g.c_rank, g.c, test_coin());
        }
        case_expect(&node, type, 2, (int64_t[]){g.m, g.n}, wanted, 0);
        free_drawn(&a);
        free_drawn(&b);
        free_drawn(&c);
    }
}
END_TEST

START_TEST(test_gemm_refusals) {
    const float numbers[12] = {0};
    graph_case g = {.type = "Gemm",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = numbers},
            {.type = CLEAT_F32, .rank = 1, .shape = {4}, .elements = numbers}},
        .attribute_count = 1,
        .attributes = {case_int("transA", (int64_t[]){0})}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3] and [2, 3]");
    g.attributes[0] = case_int("transB", (int64_t[]){1});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[4] cannot be added to [2, 2]");
}
END_TEST

/* ---- Einsum ---- */

/* plain: the same without an ellipsis and with a result. */
static const struct {
    const char *equation, *plain;
    size_t count;
    int32_t rank[3];
    int64_t shape[3][4];
} equations[] = {
    {"ij->ji", "ij->ji", 1, {2}, {{3, 4}}},
    {"ij->", "ij->", 1, {2}, {{3, 4}}},
    {"ij", "ij->ij", 1, {2}, {{3, 4}}},
    {"ba", "ba->ab", 1, {2}, {{3, 4}}},
    {"ii->i", "ii->i", 1, {2}, {{4, 4}}},
    {"ii", "ii->", 1, {2}, {{4, 4}}},
    {"...ii->...i", "aii->ai", 1, {3}, {{3, 4, 4}}},
    {"i,i", "i,i->", 2, {1, 1}, {{5}, {5}}},
    {" i , j -> ij ", "i,j->ij", 2, {1, 1}, {{5}, {3}}},
    {"ij,jk", "ij,jk->ik", 2, {2, 2}, {{3, 4}, {4, 2}}},
    {"bij,bjk->bik", "bij,bjk->bik", 2, {3, 3}, {{2, 3, 4}, {2, 4, 2}}},
    {"...ij,...jk->...ik", "abij,bjk->abik", 2, {4, 3}, {{2, 3, 2, 4}, {3, 4, 2}}},
    {"bqhd,bkhd->bhqk", "bqhd,bkhd->bhqk", 2, {4, 4}, {{2, 3, 2, 4}, {2, 5, 2, 4}}},
    {"ijk,kl->lj", "ijk,kl->lj", 2, {3, 2}, {{2, 3, 4}, {4, 2}}},
    {"ij,kl->jl", "ij,kl->jl", 2, {2, 2}, {{2, 3}, {4, 2}}},
    {"ij,jk,kl->il", "ij,jk,kl->il", 3, {2, 2, 2}, {{2, 3}, {3, 4}, {4, 2}}},
    {"ij,ij,i->i", "ij,ij,i->i", 3, {2, 2, 1}, {{2, 3}, {2, 3}, {2}}},
    {"a...,b->...ab", "acd,b->cdab", 2, {3, 1}, {{2, 3, 2}, {4}}},
};
enum { EQUATIONS = sizeof equations / sizeof *equations };

/* Numbers that letters stand for, and their extents. */
typedef struct letters {
    char names[16];
    int count;
    int64_t extent[16], value[16];
} letters;

static int64_t *find_letter(letters *l, char name, int64_t extent) {
    int i = 0;
    while (i < l->count && l->names[i] != name) {
        i++;
    }
    if (i == l->count) {
        l->names[l->count] = name;
        l->extent[l->count++] = extent;
    }
    return &l->value[i];
}

/* The element that the letters point to, of a term that ends at a comma or an arrow. */
static int64_t element_of(letters *l, const char **at, const int64_t *shape) {
    int64_t place = 0;
    for (int k = 0; **at != ',' && **at != '-' && **at != '\0'; ++*at, k++) {
        place = place * shape[k] + *find_letter(l, **at, shape[k]);
    }
    *at += **at == ',' ? 1 : **at == '-' ? 2 : 0;
    return place;
}

static bool next_value(letters *l) {
    for (int i = 0; i < l->count; i++) {
        if (++l->value[i] < l->extent[i]) {
            return true;
        }
        l->value[i] = 0;
    }
    return false;
}

START_TEST(test_einsum) {
    const cleat_type type = product_types[test_int(0, 1) * test_int(1, PRODUCT_TYPES - 1)];
    const size_t count = equations[_i].count;
    letters l = {.count = 0};
    drawn x[3];
    graph_case g = {.type = "Einsum",
        .is_strided = test_coin(),
        .input_count = count,
        .attribute_count = 1,
        .attributes = {case_text("equation", &equations[_i].equation)}};
    const char *at = equations[_i].plain;
    for (size_t i = 0; i < count; i++) {
        x[i] = draw(type, equations[_i].rank[i], equations[_i].shape[i], 2);
        g.inputs[i] = value_of(&x[i], type, equations[_i].rank[i], equations[_i].shape[i], false);
        element_of(&l, &at, equations[_i].shape[i]);
    }
    int64_t shape[CLEAT_MAX_RANK];
    int32_t rank = 0;
    for (; at[rank] != '\0'; rank++) {
        shape[rank] = l.extent[find_letter(&l, at[rank], 1) - l.value];
    }
    double *wanted = test_alloc(case_count(rank, shape), sizeof *wanted);
    do {
        double product = 1;
        at = equations[_i].plain;
        for (size_t i = 0; i < count; i++) {
            product *= x[i].numbers[element_of(&l, &at, equations[_i].shape[i])];
        }
        wanted[element_of(&l, &at, shape)] += product;
    } while (next_value(&l));
    case_expect(&g, type, rank, shape, wanted, 0);
    free(wanted);
    for (size_t i = 0; i < count; i++) {
        free_drawn(&x[i]);
    }
}
END_TEST

START_TEST(test_einsum_refusals) {
    static const struct {
        const char *equation;
        cleat_status status;
        const char *said;
    } rows[] = {
        {"ijk,jk->i", CLEAT_SHAPE_MISMATCH, "3 axes named of an operand of rank 2"},
        {"ij,jk->iz", CLEAT_INVALID_ARGUMENT, "axis z"},
        {"ij,jk->ii", CLEAT_INVALID_ARGUMENT, "axis i"},
        {"ij", CLEAT_INVALID_ARGUMENT, "no operand 1"},
        {"ij,jk,k", CLEAT_INVALID_ARGUMENT, "is left"},
        {"ij,ik->jk", CLEAT_SHAPE_MISMATCH, "axis i has extents 2 and 3"},
        {"i?,jk->i", CLEAT_INVALID_ARGUMENT, "?"},
    };
    const float numbers[12] = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const graph_case g = {.type = "Einsum",
            .input_count = 2,
            .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = numbers},
                {.type = CLEAT_F32, .rank = 2, .shape = {3, 4}, .elements = numbers}},
            .attribute_count = 1,
            .attributes = {case_text("equation", &rows[i].equation)}};
        case_refused(&g, rows[i].status, rows[i].said);
    }
}
END_TEST

/* ---- Products of 8-bit integers ---- */

static double *draw_bytes(cleat_type type, int64_t count) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        const int64_t low = type == CLEAT_I8 ? -128 : 0;
        /* the ends are where sums grow */
        numbers[i] = (double)(test_coin() ? low + 255 * test_coin() : test_int(low, low + 255));
    }
    return numbers;
}

/* Sums that are taken at once and in parts: 258 products of 255 and 255 stay below 2^24. */
static const int64_t integer_terms[] = {3, 258, 259, 516, 600, 4113, 20000};

START_TEST(test_matmul_integer) {
    const int64_t m = 3, k = integer_terms[_i], n = 2;
    for (int round = 0; round < 2; round++) {
        const cleat_type a_type = test_coin() ? CLEAT_I8 : CLEAT_U8;
        const cleat_type b_type = test_coin() ? CLEAT_I8 : CLEAT_U8;
        double *a = draw_bytes(a_type, m * k), *b = draw_bytes(b_type, k * n);
        double *a_zero = draw_bytes(a_type, 3), *b_zero = draw_bytes(b_type, 2), wanted[6];
        const int64_t a_count = test_coin() ? 1 : 3, b_count = test_coin() ? 1 : 2;
        for (int i = 0; i < 6; i++) {
            wanted[i] = 0;
            for (int64_t l = 0; l < k; l++) {
                wanted[i] += (a[i / 2 * k + l] - a_zero[a_count > 1 ? i / 2 : 0]) *
                             (b[l * n + i % 2] - b_zero[b_count > 1 ? i % 2 : 0]);
            }
        }
        void *of_a = case_elements(a_type, a, m * k), *of_b = case_elements(b_type, b, k * n);
        void *za = case_elements(a_type, a_zero, 3), *zb = case_elements(b_type, b_zero, 2);
        const bool is_constant = round == 1;
        const graph_case g = {.type = "MatMulInteger",
            .input_count = 4,
            .inputs = {{.type = a_type, .rank = 2, .shape = {m, k}, .elements = of_a},
                {.type = b_type,
                    .rank = 2,
                    .shape = {k, n},
                    .elements = of_b,
                    .is_constant = is_constant},
                {.type = a_type, .rank = a_count > 1, .shape = {a_count}, .elements = za},
                {.type = b_type,
                    .rank = b_count > 1,
                    .shape = {b_count},
                    .elements = zb,
                    .is_constant = is_constant}}};
        case_expect(&g, CLEAT_I32, 2, (int64_t[]){m, n}, wanted, 0);
        free(a), free(b), free(a_zero), free(b_zero);
        free(of_a), free(of_b), free(za), free(zb);
    }
}
END_TEST

/* Scales that are powers of two, so that what is rounded is exact. */
START_TEST(test_qlinear_matmul) {
    const int64_t k = 40;
    const float a_scale = 0.5F, b_scale[2] = {0.25F, 0.125F}, y_scale = 16;
    for (int round = 0; round < test_rounds(8); round++) {
        double *a = draw_bytes(CLEAT_U8, 3 * k), *b = draw_bytes(CLEAT_I8, 2 * k), wanted[6];
        void *of_a = case_elements(CLEAT_U8, a, 3 * k), *of_b = case_elements(CLEAT_I8, b, 2 * k);
        const uint8_t a_zero = (uint8_t)test_int(0, 255), y_zero = (uint8_t)test_int(0, 255);
        const int8_t b_zero = (int8_t)test_int(-128, 127);
        const int64_t columns = test_coin() ? 2 : 1;
        for (int i = 0; i < 6; i++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++) {
                sum += (a[i / 2 * k + l] - a_zero) * (b[l * 2 + i % 2] - b_zero);
            }
            sum = rint(sum * (double)(a_scale * b_scale[columns > 1 ? i % 2 : 0] / y_scale));
            wanted[i] = fmin(fmax(sum + y_zero, 0), 255);
        }
        const graph_case g = {.type = "QLinearMatMul",
            .input_count = 8,
            .inputs = {{.type = CLEAT_U8, .rank = 2, .shape = {3, k}, .elements = of_a},
                {.type = CLEAT_F32, .elements = &a_scale}, {.type = CLEAT_U8, .elements = &a_zero},
                {.type = CLEAT_I8, .rank = 2, .shape = {k, 2}, .elements = of_b},
                {.type = CLEAT_F32,
                    .rank = columns > 1,
                    .shape = {columns},
                    .elements = b_scale,
                    .is_constant = true},
                {.type = CLEAT_I8, .elements = &b_zero}, {.type = CLEAT_F32, .elements = &y_scale},
                {.type = CLEAT_U8, .elements = &y_zero}}};
        case_expect(&g, CLEAT_U8, 2, (int64_t[]){3, 2}, wanted, 0);
        free(a), free(b), free(of_a), free(of_b);
    }
}
END_TEST

START_TEST(test_integer_refusals) {
    const uint8_t bytes[12] = {0};
    graph_case g = {.type = "MatMulInteger",
        .input_count = 3,
        .inputs = {{.type = CLEAT_U8, .rank = 2, .shape = {2, 3}, .elements = bytes},
            {.type = CLEAT_U8, .rank = 2, .shape = {3, 2}, .elements = bytes},
            {.type = CLEAT_I8, .elements = bytes}}};
    case_refused(&g, CLEAT_TYPE_MISMATCH, "a zero point of type i8 beside u8");
    g.inputs[2] = (case_value){.type = CLEAT_U8, .rank = 1, .shape = {3}, .elements = bytes};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[3], expected one number or [2]");
    g.inputs[0].type = CLEAT_U16;
    case_refused(&g, CLEAT_TYPE_MISMATCH, "u16, expected i8 or u8");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_products");
    test_add_loop(suite, "matmul", test_matmul, PRODUCT_TYPES);
    test_add_case(suite, "matmul_refusals", test_matmul_refusals);
    test_add_case(suite, "gemm", test_gemm);
    test_add_case(suite, "gemm_refusals", test_gemm_refusals);
    test_add_loop(suite, "einsum", test_einsum, EQUATIONS);
    test_add_case(suite, "einsum_refusals", test_einsum_refusals);
    test_add_loop(
        suite, "matmul_integer", test_matmul_integer, sizeof integer_terms / sizeof *integer_terms);
    test_add_case(suite, "qlinear_matmul", test_qlinear_matmul);
    test_add_case(suite, "integer_refusals", test_integer_refusals);
    return suite;
}
