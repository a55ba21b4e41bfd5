/* SPDX-License-Identifier: Apache-2.0 */
#include "core/variant.h"
#include "ops/normalization_problem.h"
#include "ops/reduce_check.h"
#include "ops/types.h"
#include "ops/verify.h"
#include <stdio.h>

enum {
    CPU_GROUPS = 8,      /* work-groups a thread */
    LEAST_VECTORS = 4,   /* of a row */
    MOST_LENGTH = 32768, /* floats of a row that stay in the caches */
    FEW_ELEMENTS = 16384 /* of which one thread makes short work */
};

/* The kernel's tensors, in its order. */
enum { X, DY, SCALE, BIAS, MEAN, INVERSE, OUT, TENSORS };

typedef struct rows {
    work *w;
    const normalization *n;
    const operand *operands[TENSORS];
    bool gradient, index64;
    cleat_tensor kept[TENSORS], along[TENSORS]; /* the axes, arranged; the offset is in `kept` */
} rows;

static rows arrange(work *w, const normalization *n, const operand *x, bool gradient) {
    rows r = {.w = w,
        .n = n,
        .gradient = gradient,
        .operands = {
            x, &n->dy, &n->scale, &n->bias, &n->mean, &n->inverse, gradient ? &n->dx : &n->y}};
    for (int t = 0; t < TENSORS; t++) {
        const operand *o = r.operands[t]->there ? r.operands[t] : x;
        const cleat_tensor whole = stretched(&o->view, &n->x);
        r.kept[t] = reduce_select_axes(&whole, n->reduced, false);
        r.along[t] = reduce_select_axes(&whole, n->reduced, true);
        r.index64 = r.index64 || tensor_needs_index64(&whole);
    }
    r.index64 = r.index64 || cleat_tensor_count(&n->x) > INT32_MAX / 2;
    tensors_arrange(r.kept, TENSORS, 0);
    tensors_arrange(r.along, TENSORS, 0);
    for (int t = 0; t < TENSORS; t++) {
        const operand *o = r.operands[t]->there ? r.operands[t] : x;
        r.kept[t].offset += o->view.offset + r.along[t].offset;
    }
    return r;
}

/* Whether a row's elements lie together, and its scale along it or in one place. */
static bool lies_along(const rows *r) {
    const bool scaled = r->operands[SCALE]->there;
    bool good = r->along[X].rank == 1;
    for (int t = 0; good && t < TENSORS; t++) {
        const int64_t stride = r->along[t].stride[0];
        if (t == X || t == OUT || t == DY) {
            good = stride == 1;
        } else if (r->operands[t]->there && t != SCALE) {
            good = t == BIAS ? stride == r->along[SCALE].stride[0] : stride == 0;
        }
    }
    return good && (!scaled || r->along[SCALE].stride[0] == 0 || r->along[SCALE].stride[0] == 1);
}

static bool suits_rows(const device_profile *profile, const void *problem) {
    const rows *r = problem;
    if (!profile->is_cpu || r->w->real64) {
        return false;
    }
    const int64_t threads = (int64_t)profile->compute_units;
    const int64_t count = cleat_tensor_count(&r->kept[X]), length = r->along[X].shape[0];
    const bool shared = 2 * ceil_div(count, threads) * threads <= 3 * count;
    return lies_along(r) && length >= LEAST_VECTORS * engine_vector_width(profile) &&
           length <= MOST_LENGTH && (shared || count * length <= FEW_ELEMENTS);
}

/* NORMALIZE_LIST of cl/normalize_rows.cl */
static void add_numbers(const device_profile *profile, const rows *r, launch *l) {
    const int32_t rank = r->kept[X].rank;
    const int64_t length = r->along[X].shape[0];
    const cleat_buffer *out = r->kept[OUT].buffer;
    const bool in_place =
        out == r->kept[X].buffer || (r->gradient && out == r->operands[DY]->view.buffer);
    launch_numbers_begin(l);
    launch_index(l, cleat_tensor_count(&r->kept[X]));
    launch_index(l, length);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, r->kept[X].shape[axis]);
    }
    for (int t = 0; t < TENSORS; t++) {
        launch_index(l, r->kept[t].offset);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, r->kept[t].stride[axis]);
        }
    }
    launch_int(l, !in_place && profile_is_past_caches(profile, l->bytes));
    launch_int(l, (r->operands[MEAN]->there ? 1 : 0) + (r->operands[INVERSE]->there ? 2 : 0));
    launch_float(l, r->n->epsilon);
    launch_float(l, (float)(1.0 / (double)length));
    launch_numbers_end(l);
}

static void add_type(launch *l, const char *name, const operand *o) {
    if (o->there && type_is_half(o->view.type)) {
        launch_macro(l, name, (int64_t)o->view.type);
    }
}

static cleat_status add_rows(cleat_context *context, const void *problem) {
    const rows *r = problem;
    const normalization *n = r->n;
    const device_profile *profile = context_profile(context);
    launch *l = &r->w->launches[r->w->launch_count++];
    *l = launch_begin(n->operation, "normalize_rows", "normalize_rows");
    launch_macro(l, "GRADIENT", r->gradient);
    launch_macro(l, "CENTERED", n->centered);
    launch_macro(l, "SCALED", n->scale.there);
    launch_macro(l, "BIASED", n->bias.there);
    launch_macro(l, "SCALE_INNER", n->scale.there && r->along[SCALE].stride[0] == 1);
    launch_macro(l, "KEPT_RANK", r->kept[X].rank);
    launch_macro(l, "VECTOR_WIDTH", engine_vector_width(profile));
    add_type(l, "ROW_TYPE", r->operands[X]);
    add_type(l, "SCALE_TYPE", r->operands[SCALE]);
    add_type(l, "BIAS_TYPE", r->operands[BIAS]);
    launch_use_index64(l, r->index64);
    for (int t = 0; t < TENSORS; t++) {
        launch_tensor(l, r->operands[t]->there ? &r->operands[t]->view : NULL);
        l->bytes += r->operands[t]->there ? tensor_bytes(&r->operands[t]->view) : 0;
    }
    add_numbers(profile, r, l);
    l->flop = 8.0 * (double)cleat_tensor_count(&n->x);
    const int64_t most = (int64_t)profile->compute_units * CPU_GROUPS;
    const int64_t count = cleat_tensor_count(&r->kept[X]);
    launch_size_1d(l, (size_t)(count < most ? count : most), 1);
    return CLEAT_OK;
}

/* The caller goes on by statistics and what is made of them. */
static cleat_status add_nothing(cleat_context *context, const void *problem) {
    (void)context;
    (void)problem;
    return CLEAT_OK;
}

static const variant variants[] = {
    {"rows", suits_rows, add_rows},
    {"passes", variant_always, add_nothing},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const rows *r = problem;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(r->n->x.rank, r->n->x.shape, shape));
}

cleat_status normalization_by_rows(work *w, const normalization *n, bool gradient, bool *done) {
    const operand x = {.there = true, .view = n->x};
    const rows r = arrange(w, n, &x, gradient);
    const variant *chosen = NULL;
    const int before = w->launch_count;
    TRY(require_halves(w->context, &n->x, 1));
    TRY(variant_choose(w->context, n->operation, NULL, NULL, variants, &r, write_problem,
        gradient ? verify_normalization_backward : verify_normalization, &chosen));
    TRY(chosen->enqueue(w->context, &r));
    *done = w->launch_count > before;
    return CLEAT_OK;
}
