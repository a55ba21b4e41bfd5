/* SPDX-License-Identifier: Apache-2.0 */
/* The variants for processors: cpu_packed and cpu_direct. Kernels: cl/matmul_cpu.cl */
#include "ops/matmul_cpu.h"

#include "core/tuning.h"

/* A macro tile is the work of one work-item. */
typedef struct macro_tile {
    int64_t rows, columns, k_block;
} macro_tile;

/*
 * 16 wide means AVX-512 and its 32 registers; the others have 16 at least, of which 6 x 2 leaves
 * one over. With 32 three vectors in a row ask for fewer loads a product than two, which Intel's
 * cores feel, but more of the last tile of a row may be for nothing: up to a fifteenth of all is
 * taken for it.
 */
register_tile choose_register_tile(const device_profile *profile, int64_t columns) {
    const int64_t w = profile_vector_width(profile);
    if (w == 8) {
        return (register_tile){w, 2, 6, 2 * w};
    }
    if (w < 8) {
        return (register_tile){w, 3, 4, 3 * w};
    }
    const double two = (double)ceil_div(columns, 2 * w) * 2.0,
                 three = (double)ceil_div(columns, 3 * w) * 3.0;
    const int64_t vectors = three * 14.0 <= two * 15.0 ? 3 : 2;
    return (register_tile){w, vectors, 8, vectors * w};
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

void tile_macros(launch *l, const register_tile *r, int stage) {
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
    const matmul_problem *p = problem;
    const register_tile r = choose_register_tile(profile, p->n);
    return direct_k_most(profile, &r) >= 8;
}

cleat_status matmul_cpu_direct(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const register_tile r = choose_register_tile(profile, p->n);
    const macro_tile t = choose_macro_tile(profile, p, &r, 128, 128, direct_k_most(profile, &r));
    launch l = launch_begin("matmul", MATMUL_CPU_FAMILY, "matmul_cpu_direct");
    tile_macros(&l, &r, STAGE_DIRECT);
    /* A program for each way to b: the first call waits for no more than it needs. */
    const bool in_place = p->packed_b != NULL || (p->b.column == 1 && p->n >= r.columns);
    launch_macro(&l, "B_PACKS", !in_place);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    matmul_problem with_panels = *p;
    if (p->packed_b != NULL) {
        const packing b = plan_packing(p, &r);
        with_panels.b = packed_operand(p, &b, NULL);
        with_panels.index64 = p->index64 || packing_needs_index64(&b, p->k);
    }
    matmul_macros(&l, p, with_panels.index64);
    matmul_arguments(&l, &with_panels);
    tile_geometry(&l, p, &t);
    launch_int(&l, p->packed_b != NULL);
    launch_local(&l, in_place ? sizeof(float) : (size_t)(t.k_block * r.columns) * sizeof(float));
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return launch_all(context, &l, 1);
}

/* ---- cpu_packed ---- */

enum { FLOATS_PER_KIB = 256, ROW_GAP = 16, MAX_TILE = 4096 };

/*
 * What a core's second cache holds, in floats. The drivers for processors that tell local memory by
 * a cache tell this one; others tell little, or too much.
 */
static int64_t second_cache(const device_profile *profile) {
    const int64_t told = (int64_t)(profile->local_memory / sizeof(float));
    const int64_t least = 256 * FLOATS_PER_KIB, most = 2048 * FLOATS_PER_KIB;
    return told < least ? least : told < most ? told : most;
}

/* Terms of a block for which local memory has room: the rows of a in work, and the next ones. */
static int64_t packed_k_room(const device_profile *profile, const register_tile *r) {
    return ((int64_t)(profile->local_memory / sizeof(float)) / (2 * r->rows) - ROW_GAP) / 8 * 8;
}

/* Terms of a block: as many as keep its rows of a in half a first cache of 32 KiB. */
static int64_t packed_k_most(const device_profile *profile, const register_tile *r) {
    const int64_t fits = packed_k_room(profile, r);
    const int64_t wanted = 16 * FLOATS_PER_KIB / r->rows;
    return fits < wanted ? fits : wanted < 512 ? wanted : 512;
}

/* Half the second cache is for panels of b, the rest for what passes by. The tuning table may know
 * better. */
static macro_tile packed_tile(
    cleat_context *context, const matmul_problem *p, const register_tile *r) {
    const device_profile *profile = context_profile(context);
    const int64_t k_most = tuning_number(
        context, "matmul", "k_block", 8, packed_k_room(profile, r), packed_k_most(profile, r));
    const int64_t columns_fit = second_cache(profile) / 2 / k_most;
    const int64_t rows_most = tuning_number(context, "matmul", "tile_rows", r->rows, MAX_TILE, 256);
    const int64_t columns_most = tuning_number(context, "matmul", "tile_columns", r->columns,
        MAX_TILE, columns_fit < 512 ? columns_fit : 512);
    return choose_macro_tile(profile, p, r, rows_most, columns_most, k_most);
}

/* A_FORM of cl/matmul_cpu.cl. With 32 registers a copy of a's rows is cheap beside their products,
 * and the cache holds it better than rows far apart; with 16 it is not. */
typedef enum a_form { A_COPIED, A_TURNED, A_IN_PLACE } a_form;

static a_form choose_a_form(const matmul_problem *p, const register_tile *r) {
    return p->a.row == 1 ? A_TURNED : p->a.column == 1 && r->w != 16 ? A_IN_PLACE : A_COPIED;
}

/* Rows of a that are packed at once: many where its columns are contiguous. */
static int64_t rows_at_once(
    const device_profile *profile, a_form form, const register_tile *r, const macro_tile *t) {
    if (form != A_TURNED) {
        return r->rows;
    }
    const int64_t fits = (int64_t)(profile->local_memory / sizeof(float)) / (t->k_block + ROW_GAP);
    const int64_t rows = fits / 2 / r->rows * r->rows;
    return rows < r->rows ? r->rows : rows < t->rows ? rows : t->rows;
}

static launch product_launch(cleat_context *context, const matmul_problem *p, const packing *b,
    const register_tile *r, bool index64, void *panels) {
    const macro_tile t = packed_tile(context, p, r);
    const a_form form = choose_a_form(p, r);
    const int64_t rows = rows_at_once(context_profile(context), form, r, &t);
    matmul_problem packed = *p;
    packed.b = packed_operand(p, b, panels);
    launch l = launch_begin("matmul", MATMUL_CPU_FAMILY, "matmul_cpu_packed");
    tile_macros(&l, r, STAGE_PACKED);
    launch_macro(&l, "A_FORM", form);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    matmul_macros(&l, p, index64);
    matmul_arguments(&l, &packed);
    tile_geometry(&l, p, &t);
    launch_index(&l, rows);
    const int64_t held = rows > 2 * r->rows ? rows : 2 * r->rows;
    launch_local(&l, form == A_IN_PLACE ? sizeof(float)
                                        : (size_t)(held * (t.k_block + ROW_GAP)) * sizeof(float));
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return l;
}

bool matmul_cpu_packed_supports(const device_profile *profile, const void *problem) {
    const matmul_problem *p = problem;
    const register_tile r = choose_register_tile(profile, p->n);
    if (p->k > (int64_t)1 << 40 || packed_k_most(profile, &r) < 8) {
        return false; /* steps of 0; the panels would be larger than any memory */
    }
    const packing b = plan_packing(p, &r);
    const double bytes = packed_count(&b, p->k) * sizeof(float);
    return bytes <= (double)profile->info.max_allocation &&
           bytes <= (double)profile->info.global_memory / 4;
}

cleat_status matmul_cpu_packed(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const register_tile r = choose_register_tile(context_profile(context), p->n);
    const packing b = plan_packing(p, &r);
    const bool index64 = p->index64 || packing_needs_index64(&b, p->k);
    if (p->packed_b != NULL) {
        launch l = product_launch(context, p, &b, &r, index64, NULL);
        return launch_all(context, &l, 1);
    }
    void *panels = NULL;
    TRY(scratch_acquire(context, packed_bytes(&b, p->k), &panels));
    launch launches[] = {pack_launch(p, &b, &r, index64, panels, NULL),
        product_launch(context, p, &b, &r, index64, panels)};
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, panels);
    return status;
}

/* ---- Which ---- */

bool matmul_cpu_is_large(const device_profile *profile, const matmul_problem *p) {
    const double cache = (double)second_cache(profile);
    return p->m > 256 && (double)p->n * (double)p->k > 3 * cache;
}
