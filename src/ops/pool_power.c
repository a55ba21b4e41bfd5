/* SPDX-License-Identifier: Apache-2.0 */
/* L-p pooling: what its gradient does before and after the sum over windows. */
#include "ops/elementwise_engine.h"
#include "ops/pool_problem.h"

enum { FORM_ABSOLUTE = 1, FORM_SQUARE = 2, FORM_ANY = 3, STEP_BEFORE = 0, STEP_AFTER = 1 };

int pool_power_form(const pool_problem *p) {
    return p->power == 0   ? 0
           : p->power == 1 ? FORM_ABSOLUTE
           : p->power == 2 ? FORM_SQUARE
                           : FORM_ANY;
}

cleat_tensor pool_power_weights(const pool_problem *p) {
    if (pool_power_form(p) == FORM_ABSOLUTE) {
        return p->small;
    }
    cleat_tensor t = p->small;
    t.offset = 0;
    int64_t count = 1;
    for (int32_t i = t.rank - 1; i >= 0; i--) {
        t.stride[i] = count;
        count *= t.shape[i];
    }
    return t;
}

static elementwise_pass begin_pass(const pool_problem *p, int step, double exponent) {
    return (elementwise_pass){.operation = p->operation,
        .family = "pool_power_gradient",
        .input_count = 2,
        .macro_count = 2,
        .parameter_count = 1,
        .macros = {{"LP", NULL, pool_power_form(p)}, {"STEP", NULL, step}},
        .parameters = {exponent},
        .real64 = p->type == CLEAT_F64};
}

cleat_status pool_power_before(
    cleat_context *context, const pool_problem *p, void **weights, launch *l) {
    if (pool_power_form(p) == FORM_ABSOLUTE) {
        return CLEAT_OK;
    }
    elementwise_pass pass = begin_pass(p, STEP_BEFORE, 1 - p->power);
    pass.tensors[0] = p->small;
    pass.tensors[1] = p->forward_result;
    pass.tensors[2] = pool_power_weights(p);
    const size_t size = cleat_type_size(p->type);
    TRY(scratch_acquire(context, (size_t)cleat_tensor_count(&p->small) * size, weights));
    pass.memory[2] = *weights;
    return elementwise_plan(context, &pass, l);
}

cleat_status pool_power_after(cleat_context *context, const pool_problem *p, launch *l) {
    elementwise_pass pass = begin_pass(p, STEP_AFTER, p->power - 1);
    pass.tensors[0] = p->result;
    pass.tensors[1] = p->large;
    pass.tensors[2] = p->result;
    return elementwise_plan(context, &pass, l);
}
