/* SPDX-License-Identifier: Apache-2.0 */
/* The variants for processors: cpu_packed and cpu_direct. Kernels: cl/matmul_cpu.cl */
#include "ops/matmul_problem.h"

#define FAMILY "matmul_cpu"

/* The register tile: w floats in a vector, rows x (vectors * w). See cl/gemm_cpu.cl. */
typedef struct register_tile {
    int64_t w, vectors, rows, columns;
} register_tile;

/* A macro tile is the work of one work-item. */
typedef struct macro_tile {
    int64_t rows, columns, k_block;
} macro_tile;

enum { STAGE_PACK = 0, STAGE_PACKED = 1, STAGE_DIRECT = 2 };

static register_tile choose_register_tile(const device_profile *profile) {
    /* 16 wide means AVX-512 and its 32 registers; the others have 16 at least. */
    const int64_t w = matmul_vector_width(profile);
    const int64_t vectors = w == 16 ? 2 : 3;
    return (register_tile){w, vectors, w == 16 ? 8 : 4, vectors * w};
}

static int64_t at_least_one(int64_t value) {
    return value > 1 ? value : 1;
}

/* Splits `extent` into pieces of a multiple of `unit`, at most `most`, as equal as can be. */
static int64_t even_piece(int64_t extent, int64_t unit, int64_t most) {
    const int64_t units = ceil_div(extent, unit);
    const int64_t pieces = at_least_one(ceil_div(units, at_least_one(most / unit)));
    return ceil_div(units, pieces) * unit;
}

/*
 * The largest macro tile within rows_most x columns_most that still leaves each thread some eight
 * of them, so that the driver's schedule can balance; not below a tile worth some ten microseconds,
 * since each costs a little too.
 */
static macro_tile choose_macro_tile(const device_profile *profile, const matmul_problem *p,
    const register_tile *r, int64_t rows_most, int64_t columns_most, int64_t k_most) {
    macro_tile t = {.k_block = at_least_one(even_piece(p->k, 8, k_most))};
    const double least_terms = 64.0 * 64.0 * 128.0;
    const int64_t wanted = 8 * (int64_t)profile->compute_units;
    for (;;) {
        t.rows = even_piece(p->m, r->rows, rows_most);
        t.columns = even_piece(p->n, r->columns, columns_most);
        const int64_t tiles = ceil_div(p->m, t.rows) * ceil_div(p->n, t.columns) * p->batch_count;
        const double terms = (double)t.rows * (double)t.columns * (double)p->k;
        const bool can_shrink = t.rows > r->rows || t.columns > r->columns;
        if (tiles >= wanted || terms <= least_terms || !can_shrink) {
            return t;
        }
        if (t.rows >= t.columns || t.columns == r->columns) {
            rows_most = at_least_one(t.rows / r->rows / 2) * r->rows;
        } else {
            columns_most = at_least_one(t.columns / r->columns / 2) * r->columns;
        }
    }
}

static void tile_macros(launch *l, const register_tile *r, int stage) {
    launch_macro(l, "MATMUL_STAGE", stage);
    launch_macro(l, "GEMM_W", r->w);
    launch_macro(l, "GEMM_NV", r->vectors);
    launch_macro(l, "GEMM_MR", r->rows);
}

static void tile_geometry(launch *l, const matmul_problem *p, const macro_tile *t) {
    launch_index(l, t->rows);
    launch_index(l, t->columns);
    launch_index(l, t->k_block);
    const size_t global[3] = {(size_t)ceil_div(p->n, t->columns), (size_t)ceil_div(p->m, t->rows),
        (size_t)p->batch_count};
    const size_t local[3] = {1, 1, 1};
    launch_size_3d(l, global, local);
}

/* ---- cpu_direct ---- */

static int64_t direct_k_most(const device_profile *profile, const register_tile *r) {
    const int64_t fits = (int64_t)(profile->local_memory / sizeof(float)) / r->columns;
    return fits < 512 ? fits / 8 * 8 : 512;
}

bool matmul_cpu_direct_supports(const device_profile *profile, const void *problem) {
    (void)problem;
    const register_tile r = choose_register_tile(profile);
    return direct_k_most(profile, &r) >= 8;
}

cleat_status matmul_cpu_direct(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const register_tile r = choose_register_tile(profile);
    const macro_tile t = choose_macro_tile(profile, p, &r, 128, 128, direct_k_most(profile, &r));
    launch l = launch_begin("matmul", FAMILY, "matmul_cpu_direct");
    tile_macros(&l, &r, STAGE_DIRECT);
    launch_macro(&l, "ACTIVATION", (int64_t)p->activation);
    matmul_macros(&l, p, p->index64);
    matmul_arguments(&l, p);
    tile_geometry(&l, p, &t);
    launch_local(&l, (size_t)(t.k_block * r.columns) * sizeof(float));
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return launch_all(context, &l, 1);
}

/* ---- cpu_packed ---- */

/* An operand as panels: one for each `lanes` of its rows (a) or columns (b). */
typedef struct packing {
    const matmul_operand *source;
    int64_t extent, lane_step, k_step; /* along lanes, and the steps to the next lane and next k */
    int64_t lanes, panels;
    int64_t batches;                             /* those that differ */
    int64_t extents[MATMUL_MAX_BATCH_RANK];      /* 1 where the operand is broadcast */
    int64_t packed_steps[MATMUL_MAX_BATCH_RANK]; /* in elements of the panels */
} packing;

static packing plan_packing(const matmul_problem *p, const register_tile *r, bool is_b) {
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

static double packed_count(const packing *k, int64_t terms) {
    return (double)k->batches * (double)k->panels * (double)k->lanes * (double)terms;
}

static size_t packed_bytes(const packing *k, int64_t terms) {
    return (size_t)(k->batches * k->panels * k->lanes * terms) * sizeof(float);
}

static launch pack_launch(const matmul_problem *p, const packing *k, const register_tile *r,
    const macro_tile *t, bool is_b, bool index64, void *panels) {
    launch l = launch_begin("matmul", FAMILY, "matmul_cpu_pack");
    tile_macros(&l, r, STAGE_PACK);
    matmul_macros(&l, p, index64);
    launch_macro(&l, "PACK_SIDE_B", is_b);
    launch_tensor(&l, &k->source->view);
    launch_index(&l, k->source->offset);
    launch_index(&l, k->lane_step);
    launch_index(&l, k->k_step);
    launch_index(&l, k->extent);
    launch_index(&l, p->k);
    launch_index(&l, t->k_block);
    launch_memory(&l, panels);
    for (int i = 0; i < matmul_kernel_batch_rank(p); ++i) {
        launch_index(&l, i < p->batch_rank ? k->extents[i] : 1);
        launch_index(&l, k->source->batch[i]);
    }
    const size_t global[3] = {
        (size_t)k->panels, (size_t)ceil_div(p->k, t->k_block), (size_t)k->batches};
    const size_t local[3] = {1, 1, 1};
    launch_size_3d(&l, global, local);
    l.bytes = 2.0 * 4.0 * packed_count(k, p->k);
    return l;
}

static launch product_launch(const matmul_problem *p, const packing *a, const packing *b,
    const register_tile *r, const macro_tile *t, bool index64, void *panels_a, void *panels_b) {
    matmul_problem packed = *p;
    packed.a = (matmul_operand){.view = p->a.view, .scratch = panels_a};
    packed.b = (matmul_operand){.view = p->b.view, .scratch = panels_b};
    for (int i = 0; i < p->batch_rank; ++i) {
        packed.a.batch[i] = a->packed_steps[i];
        packed.b.batch[i] = b->packed_steps[i];
    }
    launch l = launch_begin("matmul", FAMILY, "matmul_cpu_packed");
    tile_macros(&l, r, STAGE_PACKED);
    launch_macro(&l, "ACTIVATION", (int64_t)p->activation);
    matmul_macros(&l, p, index64);
    matmul_arguments(&l, &packed);
    tile_geometry(&l, p, t);
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return l;
}

bool matmul_cpu_packed_supports(const device_profile *profile, const void *problem) {
    const matmul_problem *p = problem;
    const register_tile r = choose_register_tile(profile);
    if (p->k > (int64_t)1 << 40) {
        return false; /* steps of 0; the panels would be larger than any memory */
    }
    const packing a = plan_packing(p, &r, false);
    const packing b = plan_packing(p, &r, true);
    const double most = (double)profile->info.max_allocation;
    const double bytes_a = packed_count(&a, p->k) * sizeof(float);
    const double bytes_b = packed_count(&b, p->k) * sizeof(float);
    return bytes_a <= most && bytes_b <= most &&
           bytes_a + bytes_b <= (double)profile->info.global_memory / 4;
}

cleat_status matmul_cpu_packed(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const register_tile r = choose_register_tile(profile);
    const macro_tile t = choose_macro_tile(profile, p, &r, 128, 256, 512);
    const packing a = plan_packing(p, &r, false);
    const packing b = plan_packing(p, &r, true);
    const double index_limit = (double)((int64_t)1 << 31) - 1;
    const bool index64 =
        p->index64 || packed_count(&a, p->k) > index_limit || packed_count(&b, p->k) > index_limit;
    void *panels_a = NULL;
    void *panels_b = NULL;
    cleat_status status = scratch_acquire(context, packed_bytes(&a, p->k), &panels_a);
    if (status == CLEAT_OK) {
        status = scratch_acquire(context, packed_bytes(&b, p->k), &panels_b);
    }
    if (status == CLEAT_OK) {
        launch launches[] = {pack_launch(p, &a, &r, &t, false, index64, panels_a),
            pack_launch(p, &b, &r, &t, true, index64, panels_b),
            product_launch(p, &a, &b, &r, &t, index64, panels_a, panels_b)};
        status = launch_all(context, launches, 3);
    }
    scratch_release(context, panels_b);
    scratch_release(context, panels_a);
    return status;
}
