/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters a PNG: blur, sharpen, or edges, as a depthwise convolution of its three colours.
 *
 *     image_filter blur|sharpen|edges INPUT.png OUTPUT.png
 *
 * An image is [1, 3, height, width] to a convolution, while cairo has its pixels' colours side by
 * side. A permuted view is all it takes: the kernel reads NHWC data as it lies.
 */
#include <cairo.h>
#include <cleat/cleat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLOURS = 3, SIDE = 3 };

typedef struct filter {
    const char *name;
    float taps[SIDE][SIDE];
} filter;

static const filter filters[] = {
    {"blur", {{1 / 16.0F, 2 / 16.0F, 1 / 16.0F}, {2 / 16.0F, 4 / 16.0F, 2 / 16.0F},
                 {1 / 16.0F, 2 / 16.0F, 1 / 16.0F}}},
    {"sharpen", {{0, -1, 0}, {-1, 5, -1}, {0, -1, 0}}},
    {"edges", {{-1, -1, -1}, {-1, 8, -1}, {-1, -1, -1}}},
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "image_filter: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void check(cleat_status status) {
    if (status != CLEAT_OK) {
        fail(cleat_status_name(status), cleat_error_message());
    }
}

static const filter *find_filter(const char *name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (strcmp(filters[i].name, name) == 0) {
            return &filters[i];
        }
    }
    fail(name, "there is blur, sharpen and edges");
    return NULL;
}

/* The picture as cairo's 32-bit pixels, whatever the file has. */
static cairo_surface_t *read_png(const char *path) {
    cairo_surface_t *file = cairo_image_surface_create_from_png(path);
    if (cairo_surface_status(file) != CAIRO_STATUS_SUCCESS) {
        fail(path, cairo_status_to_string(cairo_surface_status(file)));
    }
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
        cairo_image_surface_get_width(file), cairo_image_surface_get_height(file));
    cairo_t *painter = cairo_create(image);
    cairo_set_source_surface(painter, file, 0, 0);
    cairo_paint(painter);
    cairo_destroy(painter);
    cairo_surface_destroy(file);
    cairo_surface_flush(image);
    return image;
}

/* Blue, green and red of each pixel, 0 to 1, and back. */
static void unpack(cairo_surface_t *image, float *values, bool back) {
    int width = cairo_image_surface_get_width(image);
    int height = cairo_image_surface_get_height(image);
    int stride = cairo_image_surface_get_stride(image);
    unsigned char *pixels = cairo_image_surface_get_data(image);
    for (int i = 0; i < height * width * COLOURS; i++) {
        unsigned char *byte = pixels + (size_t)(i / COLOURS / width) * (size_t)stride +
                              i / COLOURS % width * 4 + i % COLOURS;
        if (back) {
            *byte = (unsigned char)(values[i] * 255.0F + 0.5F);
        } else {
            values[i] = (float)*byte / 255.0F;
        }
    }
    cairo_surface_mark_dirty(image);
}

/* y = the filtered x, cut to 0 .. 1 by the caller. */
static void run(cleat_context *context, const filter *f, int height, int width, float *values) {
    const int64_t shape[] = {1, height, width, COLOURS};
    const int64_t weights_shape[] = {COLOURS, 1, SIDE, SIDE};
    const int32_t to_nchw[] = {0, 3, 1, 2};
    size_t size = (size_t)height * (size_t)width * COLOURS * sizeof *values;
    cleat_tensor x, y, w;
    check(cleat_tensor_create(context, CLEAT_F32, 4, shape, &x));
    check(cleat_tensor_create(context, CLEAT_F32, 4, shape, &y));
    check(cleat_tensor_create(context, CLEAT_F32, 4, weights_shape, &w));
    check(cleat_write(context, x, values, size));
    for (int c = 0; c < COLOURS; c++) {
        cleat_tensor of_one_colour;
        check(cleat_slice(w, 0, c, 1, 1, &of_one_colour));
        check(cleat_write(context, of_one_colour, f->taps, sizeof f->taps));
    }
    cleat_tensor x_nchw, y_nchw;
    check(cleat_permute(x, to_nchw, &x_nchw));
    check(cleat_permute(y, to_nchw, &y_nchw));
    check(cleat_conv2d(context, x_nchw, w, y_nchw,
        &(cleat_conv2d_options){.padding = {1, 1, 1, 1}, .groups = COLOURS}));
    check(cleat_read(context, y, values, size));
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_tensor_release(&w);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: image_filter blur|sharpen|edges INPUT.png OUTPUT.png\n");
        return 2;
    }
    const filter *chosen = find_filter(arguments[1]);
    cairo_surface_t *image = read_png(arguments[2]);
    int width = cairo_image_surface_get_width(image);
    int height = cairo_image_surface_get_height(image);
    float *values = malloc((size_t)height * (size_t)width * COLOURS * sizeof *values);
    cleat_context *context = NULL;
    if (values == NULL) {
        fail(arguments[2], "no memory for its pixels");
    }
    check(cleat_context_create(NULL, &context));
    unpack(image, values, false);
    run(context, chosen, height, width, values);
    for (int i = 0; i < height * width * COLOURS; i++) {
        values[i] = values[i] < 0 ? 0 : values[i] > 1 ? 1 : values[i];
    }
    unpack(image, values, true);
    cairo_status_t written = cairo_surface_write_to_png(image, arguments[3]);
    if (written != CAIRO_STATUS_SUCCESS) {
        fail(arguments[3], cairo_status_to_string(written));
    }
    printf("%s: %d x %d pixels, %s\n", arguments[3], width, height, chosen->name);
    cairo_surface_destroy(image);
    cleat_context_release(context);
    free(values);
    return EXIT_SUCCESS;
}
