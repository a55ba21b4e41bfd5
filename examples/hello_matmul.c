/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest useful program: y = relu(x w + b) on whatever device is there. The steps of every
 * program with Cleat: a context, tensors, values in, operations, values out.
 */
#include <cleat/cleat.h>
#include <stdio.h>
#include <stdlib.h>

/* Every call returns a status; the thread's message says in words what was wrong. */
static void check(cleat_status status) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", cleat_status_name(status), cleat_error_message());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    const float x_values[2][3] = {{1, 2, 3}, {4, 5, 6}};
    const float w_values[3][2] = {{1, -1}, {0, 2}, {-1, 0}};
    const float b_values[2] = {2.5F, -4};
    float y_values[2][2];
    cleat_context *context = NULL;
    cleat_device_info device;
    cleat_tensor x, w, b, y;

    check(cleat_context_create(NULL, &context)); /* NULL: the best device there is */
    check(cleat_context_device(context, &device));
    printf("on %s: %s\n", device.name, device.reason);

    check(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){2, 3}, &x));
    check(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){3, 2}, &w));
    check(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){2}, &b));
    check(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){2, 2}, &y));
    check(cleat_write(context, x, x_values, sizeof x_values));
    check(cleat_write(context, w, w_values, sizeof w_values));
    check(cleat_write(context, b, b_values, sizeof b_values));

    /* One kernel: product, bias and activation. The call only enqueues it. */
    const cleat_matmul_options options = {.bias = &b, .activation = CLEAT_RELU};
    check(cleat_matmul(context, x, w, y, &options));

    check(cleat_read(context, y, y_values, sizeof y_values)); /* waits for it */
    printf("y = [%g %g; %g %g]\n", (double)y_values[0][0], (double)y_values[0][1],
        (double)y_values[1][0], (double)y_values[1][1]);

    cleat_tensor_release(&x);
    cleat_tensor_release(&w);
    cleat_tensor_release(&b);
    cleat_tensor_release(&y);
    cleat_context_release(context);
    return EXIT_SUCCESS;
}
