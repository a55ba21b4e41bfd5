/* SPDX-License-Identifier: Apache-2.0 */
/* A program that has one product computed by Cleat. */
#include "first_product.h"

#include <cleat/cleat.h>
#include <stdlib.h>

static cleat_status compute(cleat_context *context, cleat_tensor *tensors) {
    const int64_t shape[2] = {SIDE, SIDE};
    cleat_status status = CLEAT_OK;
    for (int i = 0; i < 3 && status == CLEAT_OK; i++) {
        status = cleat_tensor_create(context, CLEAT_F32, 2, shape, &tensors[i]);
    }
    if (status == CLEAT_OK) {
        status = cleat_write(context, tensors[0], a, sizeof a);
    }
    if (status == CLEAT_OK) {
        status = cleat_write(context, tensors[1], b, sizeof b);
    }
    if (status == CLEAT_OK) {
        status = cleat_matmul(context, tensors[0], tensors[1], tensors[2], NULL);
    }
    return status == CLEAT_OK ? cleat_read(context, tensors[2], c, sizeof c) : status;
}

int main(int argc, char **argv) {
    cleat_context *context = NULL;
    cleat_tensor tensors[3] = {0};
    make_operands();
    cleat_status status = cleat_context_create(
        &(cleat_context_options){.device = argc > 1 ? argv[1] : NULL}, &context);
    if (status == CLEAT_OK) {
        status = compute(context, tensors);
    }
    tell_ready();
    if (status != CLEAT_OK) {
        fprintf(stderr, "start_cleat: %s\n", cleat_error_message());
    }
    for (int i = 0; i < 3; i++) {
        cleat_tensor_release(&tensors[i]);
    }
    cleat_context_release(context);
    return status == CLEAT_OK && product_is_right() ? EXIT_SUCCESS : EXIT_FAILURE;
}
