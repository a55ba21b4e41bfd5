/* SPDX-License-Identifier: Apache-2.0 */
/* vendor_shapes --units: products and convolutions by the card's matrix unit, in each mode. */
#include "shapes.h"

/* Products of this type by the card's matrix unit, where that has the mode, large ones with either
 * layout of both matrices and in each number of stages; whether it has. */
static bool multiply_by_unit(cleat_type type, cleat_compute compute, int64_t extent) {
    const int64_t shape[] = {extent, extent};
    const cleat_tensor a = tensor(type, 2, shape), b = like(a), y = like(a);
    const cleat_tensor as[] = {a, cleat_transpose(a)}, bs[] = {b, cleat_transpose(b)};
    const cleat_matmul_options options = {.variant = "gpu_units", .compute = compute};
    cleat_status status = CLEAT_OK;
    const int layouts = brief || extent < 4096 ? 1 : 4;
    for (int i = 0; i < layouts && status == CLEAT_OK; i++) {
        status = cleat_matmul(context, as[i % 2], bs[i / 2], y, &options);
    }
    static const char *const stages[] = {"2", "0", NULL};
    for (int i = 0; i < 3 && layouts > 1 && status == CLEAT_OK; i++) {
        DO(cleat_tuning_set(context, "matmul", "units_stages", stages[i]));
        status = cleat_matmul(context, a, b, y, &options);
    }
    if (status != CLEAT_UNSUPPORTED) {
        report(status, "a product by matrix units");
    }
    end_case();
    return status == CLEAT_OK;
}

/* Both tiles, in each mode that the card's unit has, and of elements of 16 bits. */
void multiply_by_units(void) {
    int done = 0;
    for (int compute = CLEAT_COMPUTE_STRICT; compute <= CLEAT_COMPUTE_BF16; compute++) {
        for (int64_t extent = 4096; extent >= 512 && !(brief && done > 0); extent -= 3584) {
            done += multiply_by_unit(CLEAT_F32, (cleat_compute)compute, extent);
        }
    }
    for (cleat_type type = CLEAT_F16; type <= CLEAT_BF16 && !brief; type++) {
        multiply_by_unit(type, CLEAT_COMPUTE_STRICT, 4096);
        multiply_by_unit(type, CLEAT_COMPUTE_STRICT, 512);
    }
    if (done == 0) {
        report(CLEAT_UNSUPPORTED, "matrix units: no mode");
    }
}

/* A convolution of so many channels, of 3 x 3 windows in one direction, by the unit; whether that
 * has the mode. */
static bool convolve_by_unit(
    cleat_type type, cleat_compute compute, cleat_conv2d_direction direction, int64_t channels) {
    cleat_conv2d_options options = {
        .padding = {1, 1, 1, 1}, .variant = "gpu_units", .compute = compute};
    const int64_t image[] = {32, channels, 28, 28}, window[] = {channels, channels, 3, 3};
    const cleat_tensor x = tensor(type, 4, image), y = like(x), w = tensor(type, 4, window);
    const cleat_tensor residual = like(y);
    const cleat_status status = direction == CLEAT_CONV2D_FORWARD
                                    ? cleat_conv2d(context, x, w, y, &options)
                                : direction == CLEAT_CONV2D_BACKWARD_DATA
                                    ? cleat_conv2d_backward_data(context, y, w, x, &options)
                                    : cleat_conv2d_backward_weights(context, x, y, w, &options);
    if (status != CLEAT_UNSUPPORTED) {
        report(status, "a convolution by matrix units");
    }
    if (status == CLEAT_OK && direction == CLEAT_CONV2D_FORWARD && !brief) {
        options.residual = &residual;
        DO(cleat_conv2d(context, x, w, y, &options));
    }
    end_case();
    return status == CLEAT_OK;
}

static void convolve_volumes_by_unit(void) {
    const cleat_conv3d_options options = {
        .padding = {1, 1, 1, 1, 1, 1}, .variant = "gpu_units", .compute = CLEAT_COMPUTE_F16};
    const cleat_tensor x = F32(8, 128, 8, 28, 28), w = F32(128, 128, 3, 3, 3), y = like(x);
    DO(cleat_conv3d(context, x, w, y, &options));
    DO(cleat_conv3d_backward_data(context, y, w, x, &options));
    DO(cleat_conv3d_backward_weights(context, x, y, w, &options));
    end_case();
}

/* The larger tile in each mode, forward and to the weights, before anything else. */
void convolve_by_units(void) {
    static const struct {
        cleat_conv2d_direction direction;
        int64_t channels;
    } all[] = {{CLEAT_CONV2D_FORWARD, 256}, {CLEAT_CONV2D_BACKWARD_WEIGHTS, 1024},
        {CLEAT_CONV2D_BACKWARD_DATA, 256}, {CLEAT_CONV2D_FORWARD, 64},
        {CLEAT_CONV2D_BACKWARD_WEIGHTS, 64}, {CLEAT_CONV2D_BACKWARD_DATA, 64}};
    int done = 0;
    for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) {
        for (int mode = 0; mode <= CLEAT_COMPUTE_BF16 && !(brief && done > 0); mode++) {
            done +=
                convolve_by_unit(CLEAT_F32, (cleat_compute)mode, all[i].direction, all[i].channels);
        }
    }
    for (int type = CLEAT_F16; type <= CLEAT_BF16 && !brief; type++) {
        for (int i = 0; i < 3; i++) {
            convolve_by_unit(
                (cleat_type)type, CLEAT_COMPUTE_STRICT, all[i].direction, all[i].channels);
        }
    }
    if (!brief) {
        convolve_volumes_by_unit();
    }
}
