/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/elementwise_chain.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/activation_table.h"
#include "ops/elementwise_engine.h"
#include "ops/verify.h"

static const char *const operation = "elementwise_chain";

cleat_status elementwise_chain_run(
    cleat_context *context, const elementwise_chain *chain, cleat_tensor x, cleat_tensor y) {
    static const char *const macros[CHAIN_STEPS] = {"STEP1", "STEP2", "STEP3"};
    elementwise_pass pass = {.operation = operation,
        .family = "elementwise_chain",
        .input_count = chain->count + 1,
        .macro_count = CHAIN_STEPS + 1,
        .parameter_count = ACTIVATION_PARAMETER_COUNT};
    chosen_activation chosen;
    TRY(check_context(operation, context));
    TRY(check_output(operation, "y", context, &y, 0));
    REFUSE_IF(y.type != CLEAT_F32 && y.type != CLEAT_F16 && y.type != CLEAT_BF16,
        CLEAT_TYPE_MISMATCH, "%s: y has type %s, wanted f32, f16 or bf16", operation,
        cleat_type_name(y.type));
    TRY(activation_choose(operation, chain->activation, chain->parameters, &chosen));
    TRY(check_broadcast_input(operation, "x", context, &x, y.type, &y, true, &pass.tensors[0]));
    for (int i = 0; i < CHAIN_STEPS; i++) {
        const bool is_there = i < chain->count;
        if (is_there) {
            TRY(check_broadcast_input(operation, "an operand", context, &chain->operands[i], y.type,
                &y, true, &pass.tensors[i + 1]));
        }
        pass.macros[i] = (kernel_macro){macros[i], NULL, is_there ? chain->steps[i] : CHAIN_NONE};
    }
    if (chain->activation != CLEAT_ACTIVATION_NONE) {
        TRY(variant_require(
            context, "activate", cleat_activation_name(chain->activation), verify_activation));
    }
    pass.tensors[chain->count + 1] = y;
    pass.macros[CHAIN_STEPS] = (kernel_macro){"ACTIVATION", NULL, chosen.form};
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        pass.parameters[i] = chosen.parameters[i];
    }
    return elementwise_run(context, &pass);
}
