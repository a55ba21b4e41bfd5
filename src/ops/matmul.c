/* SPDX-License-Identifier: Apache-2.0 */
#include <cleat/matmul.h>

#include "core/tensor_check.h"
#include "ops/gemm_units.h"
#include "ops/matmul_problem.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <stdio.h>
#include <string.h>

#define OPERATION "matmul"

/* Best first in general; the tuning table knows better. */
static const variant variants[] = {
    {"vector_cpu", matmul_vector_cpu_supports, matmul_vector_cpu},
    {"vector_gpu", matmul_vector_gpu_supports, matmul_vector_gpu},
    {"cpu_packed", matmul_cpu_packed_supports, matmul_cpu_packed},
    {"cpu_direct", matmul_cpu_direct_supports, matmul_cpu_direct},
    {"gpu_units", matmul_gpu_units_supports, matmul_gpu_units},
    {"gpu_tiled", matmul_gpu_tiled_supports, matmul_gpu_tiled},
#ifdef CLEAT_HAVE_CLBLAST
    {"clblast", matmul_clblast_supports, matmul_clblast},
#endif
    {"plain", matmul_plain_supports, matmul_plain},
    {NULL, NULL, NULL},
};

/* Those that read and write elements of 16 bits. */
static const variant half_variants[] = {
    {"gpu_units", matmul_gpu_units_supports, matmul_gpu_units},
    {"gpu_tiled", matmul_gpu_tiled_supports, matmul_gpu_tiled},
    {NULL, NULL, NULL},
};

/* Their names, in the same order. */
static const char *const variant_names[] = {
    "vector_cpu",
    "vector_gpu",
    "cpu_packed",
    "cpu_direct",
    "gpu_units",
    "gpu_tiled",
#ifdef CLEAT_HAVE_CLBLAST
    "clblast",
#endif
    "plain",
    NULL,
};

const char *const *cleat_matmul_variants(void) {
    return variant_names;
}

/* ---- Check ---- */

static cleat_status check_inner(const cleat_tensor *a, const cleat_tensor *b) {
    char text_a[SHAPE_TEXT_SIZE], text_b[SHAPE_TEXT_SIZE];
    shape_text(a->rank, a->shape, text_a);
    shape_text(b->rank, b->shape, text_b);
    REFUSE_IF(a->rank == 0 || b->rank == 0, CLEAT_SHAPE_MISMATCH,
        OPERATION ": a is %s and b is %s: a scalar cannot be multiplied as a matrix", text_a,
        text_b);
    const int64_t inner_a = a->shape[a->rank - 1];
    const int64_t inner_b = b->shape[b->rank > 1 ? b->rank - 2 : 0];
    REFUSE_IF(inner_a != inner_b, CLEAT_SHAPE_MISMATCH,
        OPERATION ": a is %s and b is %s: inner extents %lld and %lld differ", text_a, text_b,
        (long long)inner_a, (long long)inner_b);
    return CLEAT_OK;
}

/* The extent of batch axis `axis` (0 is the last one), 1 where there is none. */
static int64_t batch_extent(const cleat_tensor *x, int32_t axis) {
    const int32_t at = x->rank - 3 - axis;
    return at >= 0 ? x->shape[at] : 1;
}

/* y's shape as a and b make it. */
static cleat_status product_shape(
    const cleat_tensor *a, const cleat_tensor *b, int32_t *rank, int64_t *shape) {
    const int32_t batch_a = a->rank > 2 ? a->rank - 2 : 0;
    const int32_t batch_b = b->rank > 2 ? b->rank - 2 : 0;
    const int32_t batch = batch_a > batch_b ? batch_a : batch_b;
    for (int32_t i = 0; i < batch; ++i) {
        const int64_t extent_a = batch_extent(a, i);
        const int64_t extent_b = batch_extent(b, i);
        char text_a[SHAPE_TEXT_SIZE], text_b[SHAPE_TEXT_SIZE];
        REFUSE_IF(extent_a != extent_b && extent_a != 1 && extent_b != 1, CLEAT_SHAPE_MISMATCH,
            OPERATION ": a is %s and b is %s: batch extents %lld and %lld cannot be broadcast",
            shape_text(a->rank, a->shape, text_a), shape_text(b->rank, b->shape, text_b),
            (long long)extent_a, (long long)extent_b);
        shape[batch - 1 - i] = extent_a != 1 ? extent_a : extent_b;
    }
    *rank = batch;
    if (a->rank > 1) {
        shape[(*rank)++] = a->shape[a->rank - 2];
    }
    if (b->rank > 1) {
        shape[(*rank)++] = b->shape[b->rank - 1];
    }
    return CLEAT_OK;
}

static cleat_status check_product(
    const cleat_tensor *a, const cleat_tensor *b, const cleat_tensor *y) {
    TRY(check_inner(a, b));
    int64_t shape[CLEAT_MAX_RANK + 2];
    int32_t rank = 0;
    TRY(product_shape(a, b, &rank, shape));
    bool same = y->rank == rank;
    for (int32_t i = 0; same && i < rank; ++i) {
        same = y->shape[i] == shape[i];
    }
    char text_a[SHAPE_TEXT_SIZE], text_b[SHAPE_TEXT_SIZE], text_y[SHAPE_TEXT_SIZE],
        text_want[SHAPE_TEXT_SIZE];
    REFUSE_IF(!same, CLEAT_SHAPE_MISMATCH,
        OPERATION ": a is %s and b is %s, so y must be %s, but it is %s",
        shape_text(a->rank, a->shape, text_a), shape_text(b->rank, b->shape, text_b),
        shape_text(rank, shape, text_want), shape_text(y->rank, y->shape, text_y));
    return CLEAT_OK;
}

/* What f64 does without. */
static cleat_status check_f64(cleat_context *context, const cleat_matmul_options *options) {
    TRY(check_type_works(OPERATION, context, CLEAT_F64));
    REFUSE_IF(options->variant != NULL && strcmp(options->variant, "own") != 0, CLEAT_UNSUPPORTED,
        OPERATION ": f64 has one variant without a name, but options->variant is \"%s\"",
        options->variant);
    return CLEAT_OK;
}

static cleat_status check(cleat_context *context, const cleat_tensor *a, const cleat_tensor *b,
    const cleat_tensor *y, const cleat_matmul_options *options, cleat_tensor *bias,
    cleat_tensor *residual) {
    TRY(check_context(OPERATION, context));
    const cleat_type type = a->type == CLEAT_F64 || type_is_half(a->type) ? a->type : CLEAT_F32;
    TRY(check_tensor(OPERATION, "a", context, a, type));
    TRY(check_tensor(OPERATION, "b", context, b, type));
    TRY(check_output(OPERATION, "y", context, y, type));
    if (type == CLEAT_F64) {
        TRY(check_f64(context, options));
    }
    TRY(check_compute(OPERATION, options->compute));
    TRY(check_product(a, b, y));
    TRY(check_no_overlap(OPERATION, "a", a, "y", y, false));
    TRY(check_no_overlap(OPERATION, "b", b, "y", y, false));
    TRY(check_packed(OPERATION, "b", options->packed_b, b));
    if (options->bias != NULL) {
        TRY(check_broadcast_input(
            OPERATION, "bias", context, options->bias, y->type, y, false, bias));
    }
    if (options->residual != NULL) {
        TRY(check_broadcast_input(
            OPERATION, "residual", context, options->residual, y->type, y, true, residual));
    }
    return CLEAT_OK;
}

/* ---- Choose ---- */

static const char *shape_class(const device_profile *profile, const matmul_problem *p) {
    if (p->m == 1) {
        return "vector";
    }
    return matmul_cpu_is_large(profile, p) ? "large" : "small";
}

static void write_problem(const void *problem, char *text, size_t size) {
    const matmul_problem *p = problem;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s x %s", shape_text(p->asked[0]->rank, p->asked[0]->shape, a),
        shape_text(p->asked[1]->rank, p->asked[1]->shape, b));
}

/* Whether operands of 16 bits, in canonical form, go to such a variant, and not by way of f32. */
static bool is_direct(
    cleat_context *context, const matmul_problem *p, const cleat_matmul_options *options) {
    const char *forced = variant_forced(OPERATION, options->variant);
    const bool allowed = forced == NULL || strcmp(forced, "own") == 0 ||
                         strcmp(forced, "gpu_units") == 0 || strcmp(forced, "gpu_tiled") == 0;
    return allowed && !context_profile(context)->is_cpu && p->m > 1 &&
           matmul_gpu_tiled_supports(context_profile(context), p);
}

/* Operands of 16 bits, checked, by way of f32. */
static cleat_status run_widened(cleat_context *context, const cleat_tensor *a,
    const cleat_tensor *b, const cleat_tensor *y, const cleat_matmul_options *options) {
    cleat_matmul_options wide_options = *options;
    cleat_tensor wide_bias, wide_residual;
    widening w;
    widen_begin(&w, context, OPERATION);
    const cleat_tensor wide_a = widen_input(&w, a), wide_b = widen_input(&w, b);
    const cleat_tensor wide_y = widen_output(&w, y, options->beta != 0);
    if (options->bias != NULL) {
        wide_bias = widen_input(&w, options->bias);
        wide_options.bias = &wide_bias;
    }
    if (options->residual != NULL) {
        wide_residual = widen_input(&w, options->residual);
        wide_options.residual = &wide_residual;
    }
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = cleat_matmul(context, wide_a, wide_b, wide_y, &wide_options);
    }
    return widen_end(&w, status);
}

cleat_status cleat_matmul(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y,
    const cleat_matmul_options *options) {
    static const cleat_matmul_options defaults = {0};
    options = options != NULL ? options : &defaults;
    cleat_tensor bias, residual;
    chosen_activation activation;
    TRY(check(context, &a, &b, &y, options, &bias, &residual));
    TRY(activation_choose(
        OPERATION, options->activation, options->activation_parameters, &activation));
    matmul_problem problem = {.alpha = options->alpha != NULL ? *options->alpha : 1.0f,
        .beta = options->beta,
        .activation = activation,
        .asked = {&a, &b},
        .own_only = variant_own_only(OPERATION, options->variant)};
    if (cleat_tensor_count(&y) > 0) {
        matmul_canonical(&problem, &a, &b, &y, options->bias != NULL ? &bias : NULL,
            options->residual != NULL ? &residual : NULL);
    }
    const bool is_half = type_is_half(a.type);
    if (is_half && !is_direct(context, &problem, options)) {
        return run_widened(context, &a, &b, &y, options);
    }
    const cleat_packed *packed = options->packed_b;
    if (packed != NULL && packed->panels != NULL && !problem.swapped) {
        problem.packed_b = packed;
    }
    if (a.type == CLEAT_F64) {
        return cleat_tensor_count(&y) > 0 ? matmul_f64(context, &problem) : CLEAT_OK;
    }
    if (problem.m > 1) {
        problem.unit = units_find(context, options->compute, a.type, &problem.mode);
    }
    const variant *chosen = NULL;
    TRY(variant_choose(context, OPERATION, shape_class(context_profile(context), &problem),
        options->variant, is_half ? half_variants : variants, &problem, write_problem,
        verify_matmul, &chosen));
    if (cleat_tensor_count(&y) == 0) {
        return CLEAT_OK;
    }
    if (is_half) {
        TRY(require_halves(context, &problem.y.view, 1));
    }
    return chosen->enqueue(context, &problem);
}
