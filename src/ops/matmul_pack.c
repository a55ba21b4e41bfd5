/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of the processors' variants as panels, for one call or, packed by the user, for many. */
#include "core/tensor_check.h"
#include "ops/matmul_cpu.h"

#define OPERATION "matmul"

packing plan_packing(const matmul_problem *p, const register_tile *r, bool is_b) {
    packing k = {.source = is_b ? &p->b : &p->a,
        .extent = is_b ? p->n : p->m,
        .lane_step = is_b ? p->b.column : p->a.row,
        .k_step = is_b ? p->b.row : p->a.column,
        .lanes = is_b ? r->columns : r->rows,
        .batches = 1};
    k.panels = ceil_div(k.extent, k.lanes);
    for (int i = p->batch_rank - 1; i >= 0; --i) {
        const bool used = k.source->batch[i] != 0;
        k.extents[i] = used ? p->batch_extent[i] : 1;
        k.packed_steps[i] = used ? k.batches * k.panels * k.lanes * p->k : 0;
        k.batches *= k.extents[i];
    }
    return k;
}

double packed_count(const packing *k, int64_t terms) {
    return (double)k->batches * (double)k->panels * (double)k->lanes * (double)terms;
}

size_t packed_bytes(const packing *k, int64_t terms) {
    return (size_t)(k->batches * k->panels * k->lanes * terms) * sizeof(float);
}

bool packing_needs_index64(const packing *k, int64_t terms) {
    return packed_count(k, terms) > (double)INT32_MAX;
}

launch pack_launch(const matmul_problem *p, const packing *k, const register_tile *r,
    int64_t k_block, bool is_b, bool index64, const cleat_tensor *view, void *scratch) {
    launch l = launch_begin(OPERATION, MATMUL_CPU_FAMILY, "matmul_cpu_pack");
    tile_macros(&l, r, STAGE_PACK);
    matmul_macros(&l, p, index64);
    launch_macro(&l, "PACK_SIDE_B", is_b);
    launch_tensor(&l, &k->source->view);
    launch_index(&l, k->source->offset);
    launch_index(&l, k->lane_step);
    launch_index(&l, k->k_step);
    launch_index(&l, k->extent);
    launch_index(&l, p->k);
    launch_index(&l, k_block);
    if (scratch != NULL) {
        launch_memory(&l, scratch);
    } else {
        launch_tensor(&l, view);
    }
    for (int i = 0; i < matmul_kernel_batch_rank(p); ++i) {
        launch_index(&l, i < p->batch_rank ? k->extents[i] : 1);
        launch_index(&l, k->source->batch[i]);
    }
    const size_t global[3] = {
        (size_t)k->panels, (size_t)ceil_div(p->k, k_block), (size_t)k->batches};
    const size_t local[3] = {1, 1, 1};
    launch_size_3d(&l, global, local);
    l.bytes = 2.0 * 4.0 * packed_count(k, p->k);
    return l;
}

matmul_operand packed_operand(const matmul_problem *p, const register_tile *r) {
    return (matmul_operand){
        .view = {.buffer = p->packed_b->panels}, .row = r->columns, .column = p->k};
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
    const register_tile r = choose_register_tile(context_profile(context));
    const packing k = plan_packing(&p, &r, true);
    const cleat_tensor panels = {.buffer = packed->panels};
    launch l = pack_launch(
        &p, &k, &r, 512, true, p.index64 || packing_needs_index64(&k, p.k), &panels, NULL);
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
        const register_tile r = choose_register_tile(profile);
        const packing k = plan_packing(&p, &r, true);
        REFUSE_IF(packed_count(&k, p.k) > 0x1p60, CLEAT_SIZE_OVERFLOW,
            "matmul_pack: panels of %lld x %lld are too many bytes", (long long)p.k,
            (long long)p.n);
        bytes = packed_bytes(&k, p.k);
    }
    return packed_create(OPERATION, context, &b, bytes, NULL, pack, packed);
}
