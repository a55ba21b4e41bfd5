/* SPDX-License-Identifier: Apache-2.0 */
/* The variant plain: one work-item an element, on every device. Kernel: cl/matmul_plain.cl */
#include "ops/matmul_problem.h"

bool matmul_plain_supports(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

cleat_status matmul_plain(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    launch l = launch_begin("matmul", "matmul_plain", "matmul_plain");
    launch_macro(&l, "ACTIVATION", p->activation.form);
    matmul_macros(&l, p, p->index64);
    matmul_arguments(&l, p);
    matmul_size_by_element(context_profile(context), p, &l);
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return launch_all(context, &l, 1);
}
