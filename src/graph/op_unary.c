/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number, activations among them. */
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/unary_activation.h"
#include <cleat/activation.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

enum { NO_KIND = -1 };

/* In f64. p: the operator's attributes, in the table's order. */
typedef double (*real_function)(double x, const float *p);
typedef number (*integer_function)(number x, number_kind kind, const float *p);

typedef struct unary {
    const char *type;
    double (*plain)(double x);
    real_function real; /* where there are parameters */
    integer_function integer;
    int kind;                    /* cleat_unary_kind */
    cleat_activation activation; /* where there is no kind */
    const char *parameters[UNARY_PARAMETERS];
    float otherwise[UNARY_PARAMETERS];
} unary;

/* ---- Functions ---- */

static double negative(double x) {
    return -x;
}

static double reciprocal(double x) {
    return 1 / x;
}

static double sign(double x) {
    return isnan(x) ? x : (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0);
}

static double relu(double x) {
    return x <= 0 ? 0 : x;
}

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double softsign(double x) {
    return isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
}

static double hard_swish(double x) {
    const double gate = x / 6 + 0.5;
    return gate <= 0 ? -0.0 : gate >= 1 ? x : x * gate;
}

static double mish(double x) {
    return isinf(x) && x < 0 ? -0.0 : x * tanh(softplus(x));
}

static double leaky_relu(double x, const float *p) {
    return x < 0 ? (double)p[0] * x : x;
}

static double elu(double x, const float *p) {
    return x < 0 ? (double)p[0] * expm1(x) : x;
}

static double selu(double x, const float *p) {
    return (double)p[1] * elu(x, p);
}

static double celu(double x, const float *p) {
    return x < 0 ? (double)p[0] * expm1(x / (double)p[0]) : x;
}

static double hard_sigmoid(double x, const float *p) {
    const double y = (double)p[0] * x + (double)p[1];
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double thresholded_relu(double x, const float *p) {
    return x <= (double)p[0] ? 0 : x;
}

static double shrink(double x, const float *p) {
    const double bias = (double)p[1], most = (double)p[0];
    return x < -most ? x + bias : x > most ? x - bias : isnan(x) ? x : 0;
}

static double gelu(double x, const float *p) {
    (void)p;
    return isinf(x) && x < 0 ? -0.0 : x * erfc(-x / sqrt(2)) / 2;
}

static double gelu_tanh(double x, const float *p) {
    (void)p;
    const double inner = sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);
    return isinf(x) && x < 0 ? -0.0 : x / 2 * (1 + tanh(inner));
}

static number negative_integer(number x, number_kind kind, const float *p) {
    (void)kind;
    (void)p;
    return (number){.natural = 0 - x.natural};
}

static number magnitude_integer(number x, number_kind kind, const float *p) {
    return kind == NUMBER_INTEGER && x.integer < 0 ? negative_integer(x, kind, p) : x;
}

static number sign_integer(number x, number_kind kind, const float *p) {
    (void)p;
    return (number){.integer = kind == NUMBER_INTEGER && x.integer < 0 ? -1 : x.integer != 0};
}

static number relu_integer(number x, number_kind kind, const float *p) {
    (void)p;
    return (number){.integer = kind == NUMBER_INTEGER && x.integer < 0 ? 0 : x.integer};
}

static number shrink_integer(number x, number_kind kind, const float *p) {
    const cleat_type type = kind == NUMBER_NATURAL ? CLEAT_U64 : CLEAT_I64;
    const number wide = number_cast(x, type, CLEAT_F64);
    return number_cast((number){.real = shrink(wide.real, p)}, CLEAT_F64, type);
}

/* ---- The table ---- */

/* clang-format off */
static const unary unaries[] = {
    {"Neg", negative, NULL, negative_integer, CLEAT_NEG, 0, {NULL}, {0}},
    {"Abs", fabs, NULL, magnitude_integer, CLEAT_ABS, 0, {NULL}, {0}},
    {"Sign", sign, NULL, sign_integer, CLEAT_SIGN, 0, {NULL}, {0}},
    {"Sqrt", sqrt, NULL, NULL, CLEAT_SQRT, 0, {NULL}, {0}},
    {"Exp", exp, NULL, NULL, CLEAT_EXP, 0, {NULL}, {0}},
    {"Log", log, NULL, NULL, CLEAT_LOG, 0, {NULL}, {0}},
    {"Reciprocal", reciprocal, NULL, NULL, CLEAT_RECIPROCAL, 0, {NULL}, {0}},
    {"Floor", floor, NULL, NULL, CLEAT_FLOOR, 0, {NULL}, {0}},
    {"Ceil", ceil, NULL, NULL, CLEAT_CEIL, 0, {NULL}, {0}},
    {"Round", nearbyint, NULL, NULL, CLEAT_ROUND, 0, {NULL}, {0}},
    {"Erf", erf, NULL, NULL, CLEAT_ERF, 0, {NULL}, {0}},
    {"Sin", sin, NULL, NULL, CLEAT_SIN, 0, {NULL}, {0}},
    {"Cos", cos, NULL, NULL, CLEAT_COS, 0, {NULL}, {0}},
    {"Tan", tan, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Asin", asin, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Acos", acos, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Atan", atan, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Sinh", sinh, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Cosh", cosh, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Asinh", asinh, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Acosh", acosh, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Atanh", atanh, NULL, NULL, NO_KIND, 0, {NULL}, {0}},
    {"Tanh", tanh, NULL, NULL, NO_KIND, CLEAT_TANH, {NULL}, {0}},
    {"Relu", relu, NULL, relu_integer, NO_KIND, CLEAT_RELU, {NULL}, {0}},
    {"Sigmoid", sigmoid, NULL, NULL, NO_KIND, CLEAT_SIGMOID, {NULL}, {0}},
    {"Softplus", softplus, NULL, NULL, NO_KIND, CLEAT_SOFTPLUS, {NULL}, {0}},
    {"Softsign", softsign, NULL, NULL, NO_KIND, CLEAT_SOFTSIGN, {NULL}, {0}},
    {"HardSwish", hard_swish, NULL, NULL, NO_KIND, CLEAT_HARD_SWISH, {NULL}, {0}},
    {"Mish", mish, NULL, NULL, NO_KIND, CLEAT_MISH, {NULL}, {0}},
    {"LeakyRelu", NULL, leaky_relu, NULL, NO_KIND, CLEAT_LEAKY_RELU, {"alpha", NULL}, {0.01F, 0}},
    {"Elu", NULL, elu, NULL, NO_KIND, CLEAT_ELU, {"alpha", NULL}, {1, 0}},
    {"Selu", NULL, selu, NULL, NO_KIND, CLEAT_SELU, {"alpha", "gamma"},
        {1.67326319217681884765625F, 1.05070102214813232421875F}},
    {"Celu", NULL, celu, NULL, NO_KIND, CLEAT_CELU, {"alpha", NULL}, {1, 0}},
    {"HardSigmoid", NULL, hard_sigmoid, NULL, NO_KIND, CLEAT_HARD_SIGMOID, {"alpha", "beta"},
        {0.2F, 0.5F}},
    {"ThresholdedRelu", NULL, thresholded_relu, NULL, NO_KIND, CLEAT_THRESHOLDED_RELU,
        {"alpha", NULL}, {1, 0}},
    {"Shrink", NULL, shrink, shrink_integer, NO_KIND, CLEAT_SHRINK, {"lambd", "bias"}, {0.5F, 0}},
    {"Gelu", NULL, gelu, NULL, NO_KIND, CLEAT_GELU, {NULL}, {0}},
    {"Gelu tanh", NULL, gelu_tanh, NULL, NO_KIND, CLEAT_GELU_TANH, {NULL}, {0}},
};
/* clang-format on */

static const unary *unary_find(const graph_node *node) {
    const char *type = node->type;
    if (strcmp(type, "Gelu") == 0 &&
        strcmp(attribute_text(node, "approximate", "none"), "tanh") == 0) {
        type = "Gelu tanh";
    }
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
        if (strcmp(unaries[i].type, type) == 0) {
            return &unaries[i];
        }
    }
    return NULL;
}

static void read_parameters(const graph_node *node, const unary *u, float *p) {
    for (int i = 0; i < UNARY_PARAMETERS && u->parameters[i] != NULL; i++) {
        p[i] = attribute_float(node, u->parameters[i], u->otherwise[i]);
    }
}

void unary_activation(
    const graph_node *node, cleat_activation *activation, float parameters[UNARY_PARAMETERS]) {
    const unary *u = unary_find(node);
    *activation = u->activation;
    read_parameters(node, u, parameters);
}

/* ---- Calls ---- */

static number apply(const unary *u, number_kind kind, number x, const float *p) {
    if (kind != NUMBER_REAL) {
        return u->integer(x, kind, p);
    }
    return (number){.real = u->plain != NULL ? u->plain(x.real) : u->real(x.real, p)};
}

static cleat_status unary_host(call *c) {
    const unary *u = unary_find(c->node);
    const array *x;
    array *y;
    float p[UNARY_PARAMETERS] = {0};
    number numbers[WALK_ROW];
    TRY(call_array(c, 0, &x));
    const number_kind kind = number_kind_of(x->type);
    if (kind != NUMBER_REAL && (u->integer == NULL || x->type == CLEAT_BOOL)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "an input of %s is not taken", cleat_type_name(x->type));
    }
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    read_parameters(c->node, u, p);
    for (int64_t i = 0; i < x->count; i += WALK_ROW) {
        const int64_t count = x->count - i < WALK_ROW ? x->count - i : WALK_ROW;
        numbers_load(x, i, 1, count, numbers);
        for (int64_t k = 0; k < count; k++) {
            numbers[k] = apply(u, kind, numbers[k], p);
        }
        numbers_store(y, i, count, numbers);
    }
    return CLEAT_OK;
}

static cleat_status unary_device(call *c) {
    const unary *u = unary_find(c->node);
    cleat_tensor x, y;
    float p[UNARY_PARAMETERS] = {0};
    const run_value *v;
    TRY(call_input(c, 0, &v));
    if (!type_is_floating(v->type)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output_over(c, 0, 0, &y));
    if (u->kind != NO_KIND) {
        return cleat_unary(c->context, (cleat_unary_kind)u->kind, x, y);
    }
    read_parameters(c->node, u, p);
    return cleat_activate(c->context, u->activation, x, y,
        &(cleat_activation_options){.parameters = u->parameters[0] != NULL ? p : NULL});
}

/* Where x is not read, the result is there in its place. */
static cleat_status unary_gradient(call *c) {
    const unary *u = unary_find(c->node);
    cleat_tensor x, dy, dx;
    float p[UNARY_PARAMETERS] = {0};
    const bool from_output = !call_has(c, 0);
    TRY(from_output ? gradient_result(c, &x) : call_tensor(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output_over(c, 0, &dx));
    if (u->kind != NO_KIND) {
        return cleat_unary_backward(c->context, (cleat_unary_kind)u->kind, x, dy, dx);
    }
    read_parameters(c->node, u, p);
    return cleat_activate_backward(c->context, u->activation, x, dy, dx,
        &(cleat_activation_options){
            .parameters = u->parameters[0] != NULL ? p : NULL, .from_output = from_output});
}

const operator_entry operators_unary[] = {
    {"Neg", unary_host, unary_device, 1, 1, false},
    {"Abs", unary_host, unary_device, 1, 1, false},
    {"Sign", unary_host, unary_device, 1, 1, false},
    {"Sqrt", unary_host, unary_device, 1, 1, false},
    {"Exp", unary_host, unary_device, 1, 1, false},
    {"Log", unary_host, unary_device, 1, 1, false},
    {"Reciprocal", unary_host, unary_device, 1, 1, false},
    {"Floor", unary_host, unary_device, 1, 1, false},
    {"Ceil", unary_host, unary_device, 1, 1, false},
    {"Round", unary_host, unary_device, 1, 1, false},
    {"Erf", unary_host, unary_device, 1, 1, false},
    {"Sin", unary_host, unary_device, 1, 1, false},
    {"Cos", unary_host, unary_device, 1, 1, false},
    {"Tan", unary_host, NULL, 1, 1, false},
    {"Asin", unary_host, NULL, 1, 1, false},
    {"Acos", unary_host, NULL, 1, 1, false},
    {"Atan", unary_host, NULL, 1, 1, false},
    {"Sinh", unary_host, NULL, 1, 1, false},
    {"Cosh", unary_host, NULL, 1, 1, false},
    {"Asinh", unary_host, NULL, 1, 1, false},
    {"Acosh", unary_host, NULL, 1, 1, false},
    {"Atanh", unary_host, NULL, 1, 1, false},
    {"Tanh", unary_host, unary_device, 1, 1, false},
    {"Relu", unary_host, unary_device, 1, 1, false},
    {"Sigmoid", unary_host, unary_device, 1, 1, false},
    {"Softplus", unary_host, unary_device, 1, 1, false},
    {"Softsign", unary_host, unary_device, 1, 1, false},
    {"HardSwish", unary_host, unary_device, 1, 1, false},
    {"Mish", unary_host, unary_device, 1, 1, false},
    {"LeakyRelu", unary_host, unary_device, 1, 1, false},
    {"Elu", unary_host, unary_device, 1, 1, false},
    {"Selu", unary_host, unary_device, 1, 1, false},
    {"Celu", unary_host, unary_device, 1, 1, false},
    {"HardSigmoid", unary_host, unary_device, 1, 1, false},
    {"ThresholdedRelu", unary_host, unary_device, 1, 1, false},
    {"Shrink", unary_host, unary_device, 1, 1, false},
    {"Gelu", unary_host, unary_device, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_unary[] = {
    {GRADIENT_NODE("Neg", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Abs", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Sqrt", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Exp", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Log", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Reciprocal", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Erf", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Sin", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Cos", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("HardSwish", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Mish", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("LeakyRelu", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Elu", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Selu", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("ThresholdedRelu", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Shrink", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Gelu", unary_gradient), 1, 1, NULL},
    {GRADIENT_NODE("Tanh", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("Relu", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("Sigmoid", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("Softplus", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("Softsign", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("Celu", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("HardSigmoid", unary_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
