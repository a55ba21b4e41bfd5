/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matrix product in its simplest form: what matmul.c makes of a call and every variant works on.
 *
 *     y = activation(alpha * a b + beta * y + bias + residual)      a [m, k], b [k, n], y [m, n]
 *
 * Operands are f32; or all f64, which goes by matmul_f64() alone.
 */
#ifndef CLEAT_OPS_MATMUL_PROBLEM_H
#define CLEAT_OPS_MATMUL_PROBLEM_H

#include "core/launch.h"
#include "core/matrix_unit.h"
#include "core/packed.h"
#include "core/variant.h"
#include "ops/activation_table.h"
#include <cleat/matmul.h>

enum { MATMUL_MAX_BATCH_RANK = CLEAT_MAX_RANK - 2 };

/* Steps are in elements, 0 where an operand is broadcast. */
typedef struct matmul_operand {
    cleat_tensor view; /* as the caller gave it, for its buffer; buffer NULL: there is none */
    void *scratch;     /* a cl_mem that stands for view's buffer, or NULL */
    int64_t offset, row, column;
    int64_t batch[MATMUL_MAX_BATCH_RANK];
} matmul_operand;

/*
 * Canonical: m, n >= 1 and every batch extent >= 2; batch axes that lie one behind the other are
 * merged, and folded into m or n where that gives the same elements; the roles of a and b are
 * swapped (y^T = b^T a^T) so that y's rows are contiguous if it can be had, and so that m is 1 in a
 * matrix-vector product. The step of an axis of extent 1 is 0.
 */
typedef struct matmul_problem {
    int64_t m, n, k;
    int batch_rank;
    int64_t batch_extent[MATMUL_MAX_BATCH_RANK];
    int64_t batch_count; /* product of the extents */
    matmul_operand a, b, y, bias, residual;
    float alpha, beta;
    chosen_activation activation;
    const cleat_packed *packed_b; /* has panels of b, made by cleat_matmul_pack(); or NULL */
    const matrix_unit *unit;      /* that may compute it, and in which mode; NULL: none */
    matrix_mode mode;
    const cleat_tensor *asked[2]; /* a and b as the caller gave them, for messages */
    bool swapped;                 /* a and b have changed roles */
    bool own_only;                /* CLBlast is not wanted */
    bool index64;                 /* some index of an operand needs 64 bits */
} matmul_problem;

/* Fills *problem from operands that have passed every check; y is not empty. matmul_canonical.c */
void matmul_canonical(matmul_problem *problem, const cleat_tensor *a, const cleat_tensor *b,
    const cleat_tensor *y, const cleat_tensor *bias, const cleat_tensor *residual);

/* ---- Shared by the variants: matmul_launch.c ---- */

/* FLOP of the product; bytes of its operands, each read or written once. */
double matmul_flop(const matmul_problem *p);
double matmul_bytes(const matmul_problem *p);

/* BATCH_RANK and INDEX, which decide what arguments follow; before any argument. A kernel that
 * writes y wants ACTIVATION too. */
void matmul_macros(launch *l, const matmul_problem *p, bool index64);

/* Batch axes that the kernel is told of; those past p->batch_rank have an extent of 1. */
int matmul_kernel_batch_rank(const matmul_problem *p);

/* The arguments of MATMUL_PARAMETERS in cl/matmul_batch.cl. */
void matmul_arguments(launch *l, const matmul_problem *p);

/* The geometry of kernels with one work-item an element of y: global size (n, m, batches). */
void matmul_size_by_element(const device_profile *profile, const matmul_problem *p, launch *l);

/* The geometry of kernels whose work-items each make a tile of y: along columns, rows, batches. */
void matmul_size_by_tile(const device_profile *profile, const size_t tiles[3], launch *l);

/*
 * The launch that finishes a product kept as `parts` partial sums in scratch memory:
 * partial[part][batch][m][n], alpha not yet applied. cl/matmul_sum.cl
 */
launch matmul_sum_launch(const device_profile *profile, const matmul_problem *p, void *partial,
    int64_t parts, bool index64);

/* Bytes of such partial sums; false when they do not fit in `limit`. */
bool matmul_sum_bytes(const matmul_problem *p, int64_t parts, size_t limit, size_t *bytes);

/* Whether indices into that many bytes of floats need 64 bits. */
bool matmul_sum_needs_index64(size_t bytes);

/*
 * A kernel of tiles of `tile` rows and columns, a group of which is `group` work-items, with its
 * own macros already in l: enqueues it, cut along k into parts where there are too few tiles, each
 * a multiple of `tile_k` terms, and then the kernel that sums them.
 */
cleat_status matmul_launch_tiles(cleat_context *context, const matmul_problem *p, launch *l,
    int64_t tile, int64_t tile_k, const size_t group[2]);

/* Fills in the same launch with k in one part. */
void matmul_tiles_whole(cleat_context *context, const matmul_problem *p, launch *l, int64_t tile,
    int64_t tile_k, const size_t group[2]);

/* Tiles of a product. */
int64_t matmul_tile_count(const matmul_problem *p, int64_t tile);

/* ---- The variants ---- */
bool matmul_cpu_packed_supports(const device_profile *profile, const void *problem);
cleat_status matmul_cpu_packed(cleat_context *context, const void *problem);
bool matmul_cpu_direct_supports(const device_profile *profile, const void *problem);
cleat_status matmul_cpu_direct(cleat_context *context, const void *problem);
bool matmul_gpu_tiled_supports(const device_profile *profile, const void *problem);
cleat_status matmul_gpu_tiled(cleat_context *context, const void *problem);
/* The same as a launch among others, all of k in one part. */
launch matmul_gpu_tiled_launch(cleat_context *context, const matmul_problem *problem);
bool matmul_gpu_units_supports(const device_profile *profile, const void *problem);
cleat_status matmul_gpu_units(cleat_context *context, const void *problem);
bool matmul_vector_cpu_supports(const device_profile *profile, const void *problem);
cleat_status matmul_vector_cpu(cleat_context *context, const void *problem);
bool matmul_vector_gpu_supports(const device_profile *profile, const void *problem);
cleat_status matmul_vector_gpu(cleat_context *context, const void *problem);

/* Enqueues a product in f64, on a device that has it. matmul_f64.c */
cleat_status matmul_f64(cleat_context *context, const matmul_problem *problem);

bool matmul_plain_supports(const device_profile *profile, const void *problem);
cleat_status matmul_plain(cleat_context *context, const void *problem);

/* Whether b is read so often, and is so large, that packing it pays on a processor. */
bool matmul_cpu_is_large(const device_profile *profile, const matmul_problem *p);

#ifdef CLEAT_HAVE_CLBLAST
bool matmul_clblast_supports(const device_profile *profile, const void *problem);
cleat_status matmul_clblast(cleat_context *context, const void *problem);
#endif

#endif
