/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/quantize.h"
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"

static bool is_level(cleat_type type) {
    return type == CLEAT_U8 || type == CLEAT_I8 || type == CLEAT_U16 || type == CLEAT_I16;
}

/* The next input, under the macro that tells which it is; NULL: there is none. */
static cleat_status add_operand(cleat_context *context, elementwise_pass *pass, const char *macro,
    const cleat_tensor *x, cleat_type type, const cleat_tensor *y) {
    pass->macros[pass->macro_count++] =
        (kernel_macro){macro, NULL, x != NULL ? pass->input_count : 0};
    if (x == NULL) {
        return CLEAT_OK;
    }
    return check_broadcast_input(
        pass->operation, macro, context, x, type, y, false, &pass->tensors[pass->input_count++]);
}

static cleat_status run(cleat_context *context, elementwise_pass *pass, const quantization *q,
    cleat_type zero_type, const cleat_tensor *y) {
    TRY(add_operand(context, pass, "BIAS", q->bias, CLEAT_I32, y));
    TRY(add_operand(context, pass, "FACTOR", q->factor, CLEAT_F32, y));
    TRY(add_operand(context, pass, "SCALE", q->scale, CLEAT_F32, y));
    TRY(add_operand(context, pass, "ZERO", q->zero, zero_type, y));
    pass->tensors[pass->input_count] = *y;
    return elementwise_run(context, pass);
}

cleat_status quantize_run(
    cleat_context *context, cleat_tensor x, const quantization *q, cleat_tensor y) {
    elementwise_pass pass = {.operation = "quantize", .family = "quantize", .input_count = 1};
    TRY(check_context(pass.operation, context));
    TRY(check_output(pass.operation, "y", context, &y, 0));
    REFUSE_IF(!is_level(y.type) || (x.type != CLEAT_F32 && x.type != CLEAT_I32),
        CLEAT_TYPE_MISMATCH, "%s: %s does not become %s", pass.operation, cleat_type_name(x.type),
        cleat_type_name(y.type));
    TRY(check_broadcast_input(
        pass.operation, "x", context, &x, x.type, &y, false, &pass.tensors[0]));
    return run(context, &pass, q, y.type, &y);
}

cleat_status dequantize_run(cleat_context *context, cleat_tensor x, const cleat_tensor *scale,
    const cleat_tensor *zero, cleat_tensor y) {
    elementwise_pass pass = {.operation = "dequantize", .family = "quantize", .input_count = 1};
    TRY(check_context(pass.operation, context));
    TRY(check_output(pass.operation, "y", context, &y, CLEAT_F32));
    REFUSE_IF(!is_level(x.type) && x.type != CLEAT_I32, CLEAT_TYPE_MISMATCH,
        "%s: %s does not become f32", pass.operation, cleat_type_name(x.type));
    TRY(check_broadcast_input(
        pass.operation, "x", context, &x, x.type, &y, false, &pass.tensors[0]));
    return run(context, &pass, &(quantization){.scale = scale, .zero = zero}, x.type, &y);
}
