/* SPDX-License-Identifier: Apache-2.0 */
/* In what C99 to C23 and C++11 to C++20 have in common: y = relu(x) on the best device. */
#include <cleat/cleat.h>
#include <stdio.h>

static int fail(void) {
    fprintf(stderr, "%s\n", cleat_error_message());
    return 1;
}

int main(void) {
    const int64_t shape[1] = {4};
    const float in[4] = {-1.0f, 2.0f, -3.0f, 4.0f};
    float out[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    cleat_context *context = NULL;
    cleat_tensor x;
    if (cleat_context_create(NULL, &context) != CLEAT_OK) {
        return fail();
    }
    if (cleat_tensor_create(context, CLEAT_F32, 1, shape, &x) != CLEAT_OK ||
        cleat_write(context, x, in, sizeof in) != CLEAT_OK ||
        cleat_activate(context, CLEAT_RELU, x, x, NULL) != CLEAT_OK ||
        cleat_read(context, x, out, sizeof out) != CLEAT_OK) {
        return fail();
    }
    cleat_tensor_release(&x);
    cleat_context_release(context);
    printf("%g %g %g %g\n", (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
    return 0;
}
