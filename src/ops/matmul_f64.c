/* SPDX-License-Identifier: Apache-2.0 */
/* Products in double precision: one variant for every device that has it. Kernel: cl/matmul_f64.cl
 */
#include "core/tensor_check.h"
#include "ops/matmul_problem.h"

enum { TILE_ROWS = 8, MOST_LANES = 8 };

cleat_status matmul_f64(cleat_context *context, const matmul_problem *p) {
    const device_profile *profile = context_profile(context);
    const int half = (int)profile->float_width / 2; /* a register holds half as many doubles */
    const int lanes = half < 1 ? 1 : half > MOST_LANES ? MOST_LANES : half;
    launch l = launch_begin("matmul", "matmul_f64", "matmul_f64");
    launch_use_real64(&l, CLEAT_F64);
    launch_macro(&l, "W", lanes);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    matmul_macros(&l, p, p->index64);
    matmul_arguments(&l, p);
    const size_t tiles[3] = {
        (size_t)ceil_div(p->n, lanes), (size_t)ceil_div(p->m, TILE_ROWS), (size_t)p->batch_count};
    matmul_size_by_tile(profile, tiles, &l);
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return launch_all(context, &l, 1);
}
