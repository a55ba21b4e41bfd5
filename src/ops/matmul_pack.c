/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of the processors' variants as panels, for one call or, packed by the user, for many. */
#include "core/tensor_check.h"
#include "ops/matmul_cpu.h"

#define OPERATION "matmul"

/* Panels and terms that a work-item packs at once. */
enum { PACK_GROUP = 8, PACK_TERMS = 128 };

packing plan_packing(const matmul_problem *p, const register_tile *r) {
    packing b = {.panels = ceil_div(p->n, r->columns), .columns = r->columns, .batches = 1};
    for (int i = p->batch_rank - 1; i >= 0; --i) {
        const bool used = p->b.batch[i] != 0;
        b.extents[i] = used ? p->batch_extent[i] : 1;
        b.steps[i] = used ? b.batches * b.panels * b.columns * p->k : 0;
        b.batches *= b.extents[i];
    }
    return b;
}

double packed_count(const packing *b, int64_t terms) {
    return (double)b->batches * (double)b->panels * (double)b->columns * (double)terms;
}

size_t packed_bytes(const packing *b, int64_t terms) {
    return (size_t)(b->batches * b->panels * b->columns * terms) * sizeof(float);
}

bool packing_needs_index64(const packing *b, int64_t terms) {
    return packed_count(b, terms) > (double)INT32_MAX;
}

launch pack_launch(const matmul_problem *p, const packing *b, const register_tile *r, bool index64,
    void *scratch, cleat_buffer *panels) {
    const cleat_tensor view = {.buffer = panels};
    launch l = launch_begin(OPERATION, MATMUL_CPU_FAMILY, "matmul_cpu_pack");
    tile_macros(&l, r, STAGE_PACK);
    launch_macro(&l, "PACK_GROUP", PACK_GROUP);
    matmul_macros(&l, p, index64);
    launch_tensor(&l, &p->b.view);
    launch_index(&l, p->b.offset);
    launch_index(&l, p->b.row);
    launch_index(&l, p->b.column);
    launch_index(&l, p->n);
    launch_index(&l, p->k);
    launch_index(&l, PACK_TERMS);
    if (scratch != NULL) {
        launch_memory(&l, scratch);
    } else {
        launch_tensor(&l, panels != NULL ? &view : NULL);
    }
    for (int i = 0; i < matmul_kernel_batch_rank(p); ++i) {
        launch_index(&l, i < p->batch_rank ? b->extents[i] : 1);
        launch_index(&l, p->b.batch[i]);
    }
    const size_t global[3] = {(size_t)ceil_div(b->panels, PACK_GROUP),
        (size_t)ceil_div(p->k, PACK_TERMS), (size_t)b->batches};
    const size_t local[3] = {1, 1, 1};
    launch_size_3d(&l, global, local);
    l.bytes = 2.0 * 4.0 * packed_count(b, p->k);
    return l;
}

matmul_operand packed_operand(const matmul_problem *p, const packing *b, void *scratch) {
    matmul_operand operand = {.view = {.buffer = p->packed_b != NULL ? p->packed_b->panels : NULL},
        .scratch = scratch,
        .row = b->columns,
        .column = p->k};
    for (int i = 0; i < p->batch_rank; ++i) {
        operand.batch[i] = b->steps[i];
    }
    return operand;
}

/* ---- For many calls ---- */

/* A product of one row by b: enough of a problem to pack b. */
static matmul_problem problem_of(const cleat_tensor *b) {
    const matmul_operand operand = {.view = *b,
        .offset = b->offset,
        .row = b->shape[0] != 1 ? b->stride[0] : 0,
        .column = b->shape[1] != 1 ? b->stride[1] : 0};
    return (matmul_problem){.m = 1,
        .n = b->shape[1],
        .k = b->shape[0],
        .batch_count = 1,
        .b = operand,
        .index64 = tensor_needs_index64(b)};
}

static cleat_status pack(cleat_context *context, const cleat_packed *packed) {
    const matmul_problem p = problem_of(&packed->operand);
    const register_tile r = choose_register_tile(context_profile(context), p.n);
    const packing b = plan_packing(&p, &r);
    launch l =
        pack_launch(&p, &b, &r, p.index64 || packing_needs_index64(&b, p.k), NULL, packed->panels);
    return launch_all(context, &l, 1);
}

cleat_status cleat_matmul_pack(cleat_context *context, cleat_tensor b, cleat_packed **packed) {
    TRY(check_context("matmul_pack", context));
    REFUSE_IF(packed == NULL, CLEAT_INVALID_ARGUMENT, "matmul_pack: packed is NULL");
    TRY(check_tensor("matmul_pack", "b", context, &b, CLEAT_F32));
    const device_profile *profile = context_profile(context);
    size_t bytes = 0;
    if (profile->is_cpu && b.rank == 2 && cleat_tensor_count(&b) > 0) {
        const matmul_problem p = problem_of(&b);
        const register_tile r = choose_register_tile(profile, p.n);
        const packing plan = plan_packing(&p, &r);
        REFUSE_IF(packed_count(&plan, p.k) > 0x1p60, CLEAT_SIZE_OVERFLOW,
            "matmul_pack: panels of %lld x %lld are too many bytes", (long long)p.k,
            (long long)p.n);
        bytes = packed_bytes(&plan, p.k);
    }
    return packed_create(OPERATION, context, &b, bytes, NULL, pack, packed);
}
