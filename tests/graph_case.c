/* SPDX-License-Identifier: Apache-2.0 */
#include "graph_case.h"

const case_place case_places[2] = {CASE_DEVICE, CASE_HOST};

const cleat_type case_types[CASE_TYPES] = {CLEAT_F32, CLEAT_F64, CLEAT_I32, CLEAT_I64, CLEAT_U8,
    CLEAT_BOOL, CLEAT_F16, CLEAT_BF16, CLEAT_I8, CLEAT_I16, CLEAT_U16, CLEAT_U32, CLEAT_U64};

bool case_is_floating(cleat_type type) {
    return type == CLEAT_F32 || type == CLEAT_F64 || type == CLEAT_F16 || type == CLEAT_BF16;
}

bool case_is_signed(cleat_type type) {
    return type == CLEAT_I8 || type == CLEAT_I16 || type == CLEAT_I32 || type == CLEAT_I64;
}

static const char *const names[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9"};
static const char *const out_names[] = {"o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8", "o9"};

/* ---- Attributes ---- */

cleat_attribute case_int(const char *name, const int64_t *number) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = number};
}

cleat_attribute case_ints(const char *name, size_t count, const int64_t *numbers) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INTS, .count = count, .integers = numbers};
}

cleat_attribute case_float(const char *name, const float *number) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = number};
}

cleat_attribute case_text(const char *name, const char *const *text) {
    return (cleat_attribute){.name = name, .kind = CLEAT_ATTRIBUTE_TEXT, .count = 1, .texts = text};
}

/* ---- Shapes ---- */

int64_t case_count(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    return count;
}

void case_shape(int32_t rank, int64_t most, bool with_zero, int64_t *shape) {
    for (int32_t i = 0; i < rank; i++) {
        shape[i] = test_int(1, most);
    }
    if (with_zero && rank > 0 && test_int(0, 7) == 0) {
        shape[test_int(0, rank - 1)] = 0;
    }
}

int64_t case_place_of(int32_t rank, const int64_t *shape, const int64_t *index) {
    int64_t place = 0;
    for (int32_t i = 0; i < rank; i++) {
        place = place * shape[i] + index[i];
    }
    return place;
}

void case_index_of(int32_t rank, const int64_t *shape, int64_t i, int64_t *index) {
    for (int32_t k = rank - 1; k >= 0; k--) {
        index[k] = i % shape[k];
        i /= shape[k];
    }
}

/* ---- Elements ---- */

static double element(cleat_type type, const void *elements, int64_t i) {
    float value = 0;
    switch (type) {
    case CLEAT_F32:
        return (double)((const float *)elements)[i];
    case CLEAT_F64:
        return ((const double *)elements)[i];
    case CLEAT_I32:
        return ((const int32_t *)elements)[i];
    case CLEAT_I64:
        return (double)((const int64_t *)elements)[i];
    case CLEAT_U8:
    case CLEAT_BOOL:
        return ((const uint8_t *)elements)[i];
    case CLEAT_I8:
        return ((const int8_t *)elements)[i];
    case CLEAT_I16:
        return ((const int16_t *)elements)[i];
    case CLEAT_U16:
        return ((const uint16_t *)elements)[i];
    case CLEAT_U32:
        return ((const uint32_t *)elements)[i];
    case CLEAT_U64:
        return (double)((const uint64_t *)elements)[i];
    case CLEAT_F16:
        cleat_f16_to_f32((const uint16_t *)elements + i, 1, &value);
        return (double)value;
    case CLEAT_BF16:
        cleat_bf16_to_f32((const uint16_t *)elements + i, 1, &value);
        return (double)value;
    case CLEAT_TEXT:
        break;
    }
    return 0;
}

static void set_element(cleat_type type, void *elements, int64_t i, double number) {
    const float value = (float)number;
    switch (type) {
    case CLEAT_F32:
        ((float *)elements)[i] = value;
        break;
    case CLEAT_F64:
        ((double *)elements)[i] = number;
        break;
    case CLEAT_I32:
        ((int32_t *)elements)[i] = (int32_t)number;
        break;
    case CLEAT_I64:
        ((int64_t *)elements)[i] = (int64_t)number;
        break;
    case CLEAT_U8:
    case CLEAT_BOOL:
        ((uint8_t *)elements)[i] = (uint8_t)number;
        break;
    case CLEAT_I8:
        ((int8_t *)elements)[i] = (int8_t)number;
        break;
    case CLEAT_I16:
        ((int16_t *)elements)[i] = (int16_t)number;
        break;
    case CLEAT_U16:
        ((uint16_t *)elements)[i] = (uint16_t)number;
        break;
    case CLEAT_U32:
        ((uint32_t *)elements)[i] = (uint32_t)number;
        break;
    case CLEAT_U64:
        ((uint64_t *)elements)[i] = (uint64_t)number;
        break;
    case CLEAT_F16:
        cleat_f16_from_f32(&value, 1, (uint16_t *)elements + i);
        break;
    case CLEAT_BF16:
        cleat_bf16_from_f32(&value, 1, (uint16_t *)elements + i);
        break;
    case CLEAT_TEXT:
        break;
    }
}

double *case_doubles(cleat_type type, const void *elements, int64_t count) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = element(type, elements, i);
    }
    return numbers;
}

void *case_elements(cleat_type type, const double *numbers, int64_t count) {
    void *elements = test_alloc(count, cleat_type_size(type));
    for (int64_t i = 0; i < count; i++) {
        set_element(type, elements, i, numbers[i]);
    }
    return elements;
}

double case_wrapped(cleat_type type, double x) {
    if (case_is_floating(type)) {
        return x;
    }
    const int bits = 8 * (int)cleat_type_size(type);
    const double span = ldexp(1, bits), low = case_is_signed(type) ? -span / 2 : 0;
    x = x >= low && x < low + span ? x : fmod(x, span);
    x = x < low ? x + span : x;
    return case_is_signed(type) && x >= low + span ? x - span : x;
}

double *case_draw(cleat_type type, int64_t count, int most) {
    const bool is_natural = !case_is_floating(type) && !case_is_signed(type);
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = (double)test_int(is_natural ? 0 : -most, type == CLEAT_BOOL ? 1 : most);
    }
    return numbers;
}

/* ---- Running ---- */

static bool is_fed(const graph_case *g, case_place place, size_t i) {
    return place == CASE_DEVICE && g->inputs[i].type != 0 && !g->inputs[i].is_constant;
}

static void add_input(cleat_graph *graph, const graph_case *g, case_place place, size_t i) {
    const case_value *v = &g->inputs[i];
    if (is_fed(g, place, i)) {
        test_ok(cleat_graph_input(graph, names[i], v->type, -1, NULL));
    } else if (v->type != 0) {
        test_ok(cleat_graph_constant(graph, names[i], v->type, v->rank, v->shape, v->elements));
    }
}

static size_t output_count(const graph_case *g) {
    return g->output_count > 0 ? g->output_count : 1;
}

static cleat_graph *build(const graph_case *g, case_place place) {
    cleat_graph *graph = NULL;
    const char *inputs[CASE_MOST];
    test_ok(cleat_graph_create(g->opset > 0 ? g->opset : 17, &graph));
    for (size_t i = 0; i < g->input_count; i++) {
        inputs[i] = g->inputs[i].type != 0 ? names[i] : "";
        add_input(graph, g, place, i);
    }
    test_ok(cleat_graph_node(graph, g->type, "the node", g->input_count, inputs, output_count(g),
        out_names, g->attribute_count, g->attributes));
    for (size_t i = 0; i < output_count(g); i++) {
        test_ok(cleat_graph_output(graph, out_names[i]));
    }
    return graph;
}

static void read_result(cleat_tensor *y, case_result *result) {
    *result = (case_result){.type = y->type, .rank = y->rank, .count = cleat_tensor_count(y)};
    memcpy(result->shape, y->shape, sizeof result->shape);
    const size_t size = (size_t)result->count * cleat_type_size(y->type);
    result->elements = test_alloc((int64_t)size, 1);
    test_ok(cleat_read(test_context(), *y, result->elements, size));
    cleat_tensor_release(y);
}

cleat_status case_run(const graph_case *g, case_place place, case_result *results) {
    cleat_graph *graph = build(g, place);
    cleat_model *model = NULL;
    test_tensor fed[CASE_MOST];
    cleat_tensor inputs[CASE_MOST], outputs[CASE_MOST];
    size_t count = 0;
    cleat_status status = cleat_model_create(test_context(), graph, NULL, &model);
    cleat_graph_release(graph);
    if (status != CLEAT_OK) {
        return status;
    }
    for (size_t i = 0; i < g->input_count; i++) {
        const case_value *v = &g->inputs[i];
        if (is_fed(g, place, i)) {
            fed[count] = test_typed(v->type, v->rank, v->shape, v->elements,
                g->is_strided ? TEST_STRIDED : TEST_ROW_MAJOR);
            inputs[count] = fed[count].view;
            count++;
        }
    }
    memset(outputs, 0, sizeof outputs);
    status = cleat_model_run(model, inputs, count, outputs, output_count(g));
    for (size_t i = 0; status == CLEAT_OK && i < output_count(g); i++) {
        read_result(&outputs[i], &results[i]);
    }
    for (size_t i = 0; i < count; i++) {
        test_unchanged(&fed[i]);
        test_free(&fed[i]);
    }
    cleat_model_release(model);
    return status;
}

void case_free(case_result *results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(results[i].elements);
        results[i].elements = NULL;
    }
}

/* ---- Comparing ---- */

static void compare(const graph_case *g, case_place place, const case_result *got, cleat_type type,
    int32_t rank, const int64_t *shape, const double *numbers, double relative) {
    const char *where = place == CASE_HOST ? "host" : "device";
    ck_assert_msg(got->type == type, "%s on the %s gave %s, not %s", g->type, where,
        cleat_type_name(got->type), cleat_type_name(type));
    ck_assert_msg(
        got->rank == rank, "%s on the %s gave rank %d, not %d", g->type, where, got->rank, rank);
    for (int32_t i = 0; i < rank; i++) {
        ck_assert_msg(got->shape[i] == shape[i], "%s on the %s: extent %d is %lld, not %lld",
            g->type, where, i, (long long)got->shape[i], (long long)shape[i]);
    }
    if (test_ignores_values()) {
        return;
    }
    for (int64_t i = 0; i < got->count; i++) {
        const double is = element(type, got->elements, i), wanted = numbers[i];
        const bool holds = isnan(wanted)   ? isnan(is)
                           : isinf(wanted) ? is >= wanted && is <= wanted
                                           : fabs(is - wanted) <= relative * fabs(wanted);
        ck_assert_msg(holds, "%s of %s on the %s: element %lld is %.17g, not %.17g", g->type,
            cleat_type_name(g->inputs[0].type), where, (long long)i, is, wanted);
    }
}

void case_expect_at(const graph_case *g, case_place place, cleat_type type, int32_t rank,
    const int64_t *shape, const double *numbers, double relative) {
    case_result results[CASE_MOST] = {{0}};
    test_ok(case_run(g, place, results));
    compare(g, place, &results[0], type, rank, shape, numbers, relative);
    case_free(results, output_count(g));
}

void case_expect(const graph_case *g, cleat_type type, int32_t rank, const int64_t *shape,
    const double *numbers, double relative) {
    for (size_t i = 0; i < 2; i++) {
        case_expect_at(g, case_places[i], type, rank, shape, numbers, relative);
    }
}

void case_expect_turn(const graph_case *g, int turn, cleat_type type, int32_t rank,
    const int64_t *shape, const double *numbers, double relative) {
    const cleat_type of = g->inputs[0].type;
    case_expect_at(g, CASE_HOST, type, rank, shape, numbers, relative);
    if (of == CLEAT_F32 || of == case_types[turn % CASE_TYPES]) {
        case_expect_at(g, CASE_DEVICE, type, rank, shape, numbers, relative);
    }
}

case_value case_integers(int64_t count, const int64_t *numbers) {
    return (case_value){
        .type = CLEAT_I64, .rank = 1, .shape = {count}, .elements = numbers, .is_constant = true};
}

void case_expect_moved(
    graph_case *g, int32_t rank, const int64_t *shape, const int64_t *source, double otherwise) {
    case_value *v = &g->inputs[0];
    v->type = test_coin() ? CLEAT_F32 : case_types[test_int(0, CASE_TYPES - 1)];
    g->is_strided = test_coin();
    const int64_t count = case_count(v->rank, v->shape), result = case_count(rank, shape);
    double *numbers = test_alloc(count, sizeof *numbers);
    double *wanted = test_alloc(result, sizeof *wanted);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = v->type == CLEAT_BOOL ? (double)(i * 7 % 3 % 2) : (double)(i * 37 % 127 + 1);
    }
    for (int64_t i = 0; i < result; i++) {
        wanted[i] = source[i] < 0 ? otherwise : numbers[source[i]];
    }
    void *elements = case_elements(v->type, numbers, count);
    v->elements = elements;
    case_expect(g, v->type, rank, shape, wanted, 0);
    static const double zeros[1024] = {0};
    ck_assert_int_le(count, 1024);
    v->elements = zeros; /* for what the case is used for next */
    free(numbers);
    free(wanted);
    free(elements);
}

void case_refused(const graph_case *g, cleat_status status, const char *part) {
    for (size_t i = 0; i < 2; i++) {
        case_result results[CASE_MOST] = {{0}};
        test_refused(case_run(g, case_places[i], results), status, part);
        ck_assert_msg(strstr(cleat_error_message(), "the node") != NULL, "no node in \"%s\"",
            cleat_error_message());
    }
}
