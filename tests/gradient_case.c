/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient_case.h"

enum { MOST = CASE_MOST };

static struct {
    graph_case node;
    size_t wanted[MOST], wanted_count;
    int skipped;
    double numbers[MOST][GRADIENT_VALUES]; /* of inputs */
    int64_t integers[MOST][GRADIENT_VALUES];
    float floats[MOST];
    const char *texts[MOST];
    void *elements[MOST]; /* of the type that runs */
} now;

static const char *const names[] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9"};
static const char *const results[] = {"y0", "y1", "y2", "y3", "y4"};
static const char *const weights[] = {"r0", "r1", "r2", "r3", "r4"};
static const char *const products[] = {"p0", "p1", "p2", "p3", "p4"};
static const char *const sums[] = {"s0", "s1", "s2", "s3", "s4"};
static const char *const gradients[] = {"d0", "d1", "d2", "d3", "d4"};

/* ---- Describing ---- */

void gradient_begin(const char *type) {
    memset(&now.node, 0, sizeof now.node);
    now.node.type = type;
    now.node.output_count = 1;
    now.wanted_count = 0;
    now.skipped = -1;
}

void gradient_opset(int64_t opset) {
    now.node.opset = opset;
}

void gradient_outputs(size_t count, int skipped) {
    now.node.output_count = count;
    now.skipped = skipped;
}

static case_value *add_value(cleat_type type, int32_t rank, const int64_t *shape) {
    case_value *v = &now.node.inputs[now.node.input_count++];
    ck_assert(case_count(rank, shape) <= GRADIENT_VALUES);
    v->type = type;
    v->rank = rank;
    for (int32_t i = 0; i < rank; i++) { /* a scalar's may be NULL */
        v->shape[i] = shape[i];
    }
    return v;
}

/* Numbers of which no two are closer than a quarter of the mean distance, which f32 holds. */
static void draw(double low, double high, int64_t count, double *numbers) {
    for (int64_t i = 0; i < count; i++) {
        const double step = (high - low) / (double)count;
        numbers[i] = (double)(float)(low + ((double)i + test_real(0.125, 0.875)) * step);
    }
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t k = test_int(0, i);
        const double other = numbers[k];
        numbers[k] = numbers[i];
        numbers[i] = other;
    }
}

void gradient_fixed(double low, double high, int32_t rank, const int64_t *shape) {
    case_value *v = add_value(CLEAT_F64, rank, shape);
    v->is_constant = true;
    draw(low, high, case_count(rank, shape), now.numbers[now.node.input_count - 1]);
}

void gradient_input(double low, double high, int32_t rank, const int64_t *shape) {
    now.wanted[now.wanted_count++] = now.node.input_count;
    gradient_fixed(low, high, rank, shape);
    now.node.inputs[now.node.input_count - 1].is_constant = false;
}

void gradient_constant(cleat_type type, int32_t rank, const int64_t *shape, const double *numbers) {
    case_value *v = add_value(type, rank, shape);
    v->is_constant = true;
    memcpy(now.numbers[now.node.input_count - 1], numbers,
        (size_t)case_count(rank, shape) * sizeof *numbers);
}

void gradient_integers(int64_t count, const int64_t *numbers) {
    double reals[CASE_MOST * CLEAT_MAX_RANK];
    for (int64_t i = 0; i < count; i++) {
        reals[i] = (double)numbers[i];
    }
    gradient_constant(CLEAT_I64, 1, &count, reals);
}

void gradient_left_out(void) {
    now.node.inputs[now.node.input_count++] = (case_value){0};
}

void gradient_ints(const char *name, size_t count, const int64_t *numbers) {
    const size_t at = now.node.attribute_count++;
    memcpy(now.integers[at], numbers, count * sizeof *numbers);
    now.node.attributes[at] = case_ints(name, count, now.integers[at]);
}

void gradient_int(const char *name, int64_t number) {
    const size_t at = now.node.attribute_count++;
    now.integers[at][0] = number;
    now.node.attributes[at] = case_int(name, now.integers[at]);
}

void gradient_float(const char *name, float number) {
    const size_t at = now.node.attribute_count++;
    now.floats[at] = number;
    now.node.attributes[at] = case_float(name, &now.floats[at]);
}

void gradient_text(const char *name, const char *text) {
    const size_t at = now.node.attribute_count++;
    now.texts[at] = text;
    now.node.attributes[at] = case_text(name, &now.texts[at]);
}

/* ---- Differences ---- */

static bool is_real(size_t input) {
    return now.node.inputs[input].type == CLEAT_F64 || now.node.inputs[input].type == CLEAT_F32;
}

/* Elements of inputs, floating-point ones of this type. */
static void set_elements(cleat_type type) {
    for (size_t i = 0; i < now.node.input_count; i++) {
        case_value *v = &now.node.inputs[i];
        if (v->type != 0) {
            v->type = is_real(i) ? type : v->type;
            now.elements[i] = case_elements(v->type, now.numbers[i], case_count(v->rank, v->shape));
            v->elements = now.elements[i];
        }
    }
}

static void free_elements(void) {
    for (size_t i = 0; i < now.node.input_count; i++) {
        free(now.elements[i]);
        now.elements[i] = NULL;
    }
}

/* All results' elements with their weights, at a point; count of them. */
static void evaluate(const double *const *r, double *y) {
    case_result made[MOST] = {{0}};
    test_ok(case_run(&now.node, CASE_HOST, made));
    for (size_t i = 0; i < now.node.output_count; i++) {
        for (int64_t k = 0; k < made[i].count && (int)i != now.skipped; k++) {
            *y++ = r[i][k] * ((const double *)made[i].elements)[k];
        }
    }
    case_free(made, now.node.output_count);
}

typedef struct difference {
    double sum, magnitude, rounding;
} difference;

static difference differentiate(size_t input, int64_t k, const double *const *r, int64_t count) {
    static const double factor[4] = {1, -8, 8, -1}, place[4] = {-2, -1, 1, 2};
    const double h = 0x1p-12;
    double *at = &((double *)now.elements[input])[k];
    const double before = *at;
    double *y = test_alloc(count, sizeof *y), *sum = test_alloc(count, sizeof *sum);
    difference d = {0};
    for (int i = 0; i < 4; i++) {
        *at = before + place[i] * h;
        evaluate(r, y);
        for (int64_t j = 0; j < count; j++) {
            sum[j] += factor[i] * y[j] / (12 * h);
            d.rounding += fabs(factor[i] * y[j]) / (12 * h);
        }
    }
    for (int64_t j = 0; j < count; j++) {
        d.sum += sum[j];
        d.magnitude += fabs(sum[j]);
    }
    *at = before;
    free(y);
    free(sum);
    return d;
}

/* ---- The model ---- */

typedef struct weighting {
    double *r[MOST];
    int64_t counts[MOST], total;
    int32_t ranks[MOST];
    int64_t shapes[MOST][CLEAT_MAX_RANK];
} weighting;

static weighting draw_weights(void) {
    weighting w = {0};
    case_result made[MOST] = {{0}};
    set_elements(CLEAT_F64);
    test_ok(case_run(&now.node, CASE_HOST, made));
    for (size_t i = 0; i < now.node.output_count; i++) {
        w.counts[i] = made[i].count;
        w.ranks[i] = made[i].rank;
        memcpy(w.shapes[i], made[i].shape, sizeof w.shapes[i]);
        w.r[i] = test_alloc(made[i].count, sizeof **w.r);
        draw(-1, 1, made[i].count, w.r[i]);
        w.total += (int)i == now.skipped ? 0 : made[i].count;
    }
    case_free(made, now.node.output_count);
    return w;
}

static void add_inputs(cleat_graph *graph, const char **inputs) {
    for (size_t i = 0; i < now.node.input_count; i++) {
        const case_value *v = &now.node.inputs[i];
        inputs[i] = v->type != 0 ? names[i] : "";
        if (v->type != 0 && v->is_constant) {
            test_ok(cleat_graph_constant(graph, names[i], v->type, v->rank, v->shape, v->elements));
        } else if (v->type != 0) {
            test_ok(cleat_graph_input(graph, names[i], v->type, -1, NULL));
        }
    }
}

/* The node, and "loss", the sum of r y. */
static cleat_graph *build(const weighting *w, cleat_type type) {
    cleat_graph *graph = NULL;
    const char *inputs[MOST], *terms[MOST];
    size_t count = 0;
    test_ok(cleat_graph_create(now.node.opset > 0 ? now.node.opset : 17, &graph));
    add_inputs(graph, inputs);
    test_ok(cleat_graph_node(graph, now.node.type, "the node", now.node.input_count, inputs,
        now.node.output_count, results, now.node.attribute_count, now.node.attributes));
    for (size_t i = 0; i < now.node.output_count; i++) {
        if ((int)i == now.skipped) {
            continue;
        }
        void *r = case_elements(type, w->r[i], w->counts[i]);
        test_ok(cleat_graph_constant(graph, weights[i], type, w->ranks[i], w->shapes[i], r));
        free(r);
        test_ok(cleat_graph_node(graph, "Mul", "", 2, (const char *[]){results[i], weights[i]}, 1,
            &products[i], 0, NULL));
        const int64_t no = 0;
        const cleat_attribute keepdims = case_int("keepdims", &no);
        terms[count] = sums[i];
        test_ok(cleat_graph_node(
            graph, "ReduceSum", "", 1, &products[i], 1, &terms[count++], 1, &keepdims));
    }
    test_ok(cleat_graph_node(graph, "Sum", "", count, terms, 1, (const char *[]){"loss"}, 0, NULL));
    return graph;
}

static cleat_status add_gradients(cleat_graph *graph) {
    const char *values[MOST];
    for (size_t i = 0; i < now.wanted_count; i++) {
        values[i] = names[now.wanted[i]];
    }
    const cleat_status status =
        cleat_graph_gradients(graph, "loss", now.wanted_count, values, gradients);
    for (size_t i = 0; status == CLEAT_OK && i < now.wanted_count; i++) {
        test_ok(cleat_graph_output(graph, gradients[i]));
    }
    return status;
}

/* Twice: node by node, then as it is recorded. */
static cleat_status run(cleat_graph *graph, cleat_tensor *made) {
    cleat_model *model = NULL;
    test_tensor fed[MOST];
    cleat_tensor inputs[MOST];
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    for (size_t i = 0; i < now.wanted_count; i++) {
        const case_value *v = &now.node.inputs[now.wanted[i]];
        fed[i] = test_typed(
            v->type, v->rank, v->shape, v->elements, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
        inputs[i] = fed[i].view;
    }
    cleat_status status = CLEAT_OK;
    for (int round = 0; round < 3 && status == CLEAT_OK; round++) {
        status = cleat_model_run(model, inputs, now.wanted_count, made, now.wanted_count);
    }
    for (size_t i = 0; i < now.wanted_count; i++) {
        test_unchanged(&fed[i]);
        test_free(&fed[i]);
    }
    cleat_model_release(model);
    return status;
}

/* ---- Comparing ---- */

static void compare(size_t index, const double *got, cleat_type type, const weighting *w) {
    const case_value *v = &now.node.inputs[now.wanted[index]];
    const double u = type == CLEAT_F64 ? 0x1p-53 : 0x1p-24;
    const double terms =
        4 * sqrt((double)w->total) + 64; /* 64: functions and divisions on the way */
    const int64_t count = case_count(v->rank, v->shape);
    difference *d = test_alloc(count, sizeof *d);
    double most = 0;
    for (int64_t k = 0; k < count; k++) {
        d[k] = differentiate(
            now.wanted[index], k, (const double *const *)(const void *)w->r, w->total);
        most = d[k].magnitude > most ? d[k].magnitude : most;
    }
    for (int64_t k = 0; k < count; k++) { /* sums within an operator have terms up to `most` */
        const double bound = terms * u * (d[k].magnitude + most) + 0x1p-46 * d[k].rounding + 1e-9;
        ck_assert_msg(fabs(got[k] - d[k].sum) <= bound,
            "%s in %s: gradient of input %zu, element %lld of %lld is %.17g, not %.17g (+-%g)",
            now.node.type, cleat_type_name(type), now.wanted[index], (long long)k, (long long)count,
            got[k], d[k].sum, bound);
    }
    free(d);
}

void gradient_check(void) {
    const cleat_type type = test_has_f64() && test_coin() ? CLEAT_F64 : CLEAT_F32;
    weighting w = draw_weights();
    cleat_tensor made[MOST] = {{0}};
    free_elements();
    set_elements(type);
    cleat_graph *graph = build(&w, type);
    test_ok(add_gradients(graph));
    test_ok(run(graph, made));
    free_elements();
    set_elements(CLEAT_F64);
    for (size_t i = 0; i < now.wanted_count; i++) {
        const case_value *v = &now.node.inputs[now.wanted[i]];
        const int64_t count = cleat_tensor_count(&made[i]);
        ck_assert_int_eq(made[i].type, type);
        ck_assert_int_eq(made[i].rank, v->rank);
        ck_assert_mem_eq(made[i].shape, v->shape, (size_t)v->rank * sizeof *v->shape);
        void *elements = test_alloc(count, cleat_type_size(type));
        test_ok(
            cleat_read(test_context(), made[i], elements, (size_t)count * cleat_type_size(type)));
        double *got = case_doubles(type, elements, count);
        if (!test_ignores_values()) {
            compare(i, got, type, &w);
        }
        free(elements);
        free(got);
        cleat_tensor_release(&made[i]);
    }
    free_elements();
    for (size_t i = 0; i < now.node.output_count; i++) {
        free(w.r[i]);
    }
}

void gradient_refused(bool early, cleat_status status, const char *part) {
    weighting w = draw_weights();
    cleat_tensor made[MOST] = {{0}};
    free_elements();
    set_elements(CLEAT_F32);
    cleat_graph *graph = build(&w, CLEAT_F32);
    if (early) {
        test_refused(add_gradients(graph), status, part);
        cleat_graph_release(graph);
    } else {
        test_ok(add_gradients(graph));
        test_refused(run(graph, made), status, part);
    }
    free_elements();
    for (size_t i = 0; i < now.node.output_count; i++) {
        free(w.r[i]);
    }
}
