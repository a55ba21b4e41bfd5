/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "chart.h"
#include "output.h"

#include <math.h>
#include <stdlib.h>

/* ---- Text ---- */

void report_confusion(const progress *shown, const evaluation *result) {
    static const char *const brief[CLASS_COUNT] = {
        "T-sh", "Trou", "Pull", "Dres", "Coat", "Sand", "Shir", "Snea", "Bag", "Boot"};
    printf("%sConfusion matrix%s (rows: true class, columns: predicted class)\n\n%12s",
        progress_bold(shown), progress_plain(shown), "");
    for (int column = 0; column < CLASS_COUNT; column++)
        printf("%6s", brief[column]);
    printf("   found\n");
    for (int row = 0; row < CLASS_COUNT; row++) {
        int64_t total = 0;
        for (int column = 0; column < CLASS_COUNT; column++)
            total += result->confusion[row][column];
        printf("%12s", class_names[row]);
        for (int column = 0; column < CLASS_COUNT; column++) {
            int64_t count = result->confusion[row][column];
            if (count == 0)
                printf("%6s", ".");
            else if (row == column)
                printf("%s%6lld%s", progress_bold(shown), (long long)count, progress_plain(shown));
            else
                printf("%6lld", (long long)count);
        }
        double found = total > 0 ? 100 * (double)result->confusion[row][row] / (double)total : 0;
        printf("  %4.1f %%\n", found);
    }
    printf("\n");
}

/* ---- Picture ---- */

enum {
    WIDTH = 1600,
    HEIGHT = 1050,
    COLUMNS = 8,
    ROWS = 6,
    CELL_WIDTH = 116,
    CELL_HEIGHT = 146,
    PICTURE_SIDE = 92
};

/* A test image, dark on white as on paper. */
static void draw_image(cairo_t *cairo, box area, const unsigned char *pixels) {
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, IMAGE_SIDE, IMAGE_SIDE);
    if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
        unsigned char *data = cairo_image_surface_get_data(image);
        int stride = cairo_image_surface_get_stride(image);
        for (int row = 0; row < IMAGE_SIDE; row++)
            for (int column = 0; column < IMAGE_SIDE; column++)
                for (int channel = 0; channel < 4; channel++)
                    data[row * stride + 4 * column + channel] =
                        (unsigned char)(255 - pixels[row * IMAGE_SIDE + column]);
        cairo_surface_mark_dirty(image);
        cairo_save(cairo);
        cairo_translate(cairo, area.x, area.y);
        cairo_scale(cairo, area.width / IMAGE_SIDE, area.height / IMAGE_SIDE);
        cairo_set_source_surface(cairo, image, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
        cairo_rectangle(cairo, 0, 0, IMAGE_SIDE, IMAGE_SIDE);
        cairo_fill(cairo);
        cairo_restore(cairo);
    }
    cairo_surface_destroy(image);
}

/* A tick or a cross in a disc: the shape tells what the colour does. */
static void draw_mark(cairo_t *cairo, double x, double y, bool right) {
    draw_colour(cairo, right ? good : bad);
    cairo_new_path(cairo);
    cairo_arc(cairo, x, y, 10, 0, 6.2831853);
    cairo_fill(cairo);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_set_line_width(cairo, 2.5);
    if (right) {
        cairo_move_to(cairo, x - 4.5, y + 0.5);
        cairo_line_to(cairo, x - 1.5, y + 3.5);
        cairo_line_to(cairo, x + 4.5, y - 3.5);
    } else {
        cairo_move_to(cairo, x - 4, y - 4);
        cairo_line_to(cairo, x + 4, y + 4);
        cairo_move_to(cairo, x + 4, y - 4);
        cairo_line_to(cairo, x - 4, y + 4);
    }
    cairo_stroke(cairo);
}

static void draw_case(cairo_t *cairo, const report *r, int64_t index, double x, double y) {
    int label = r->test->labels[index], predicted = r->result->predicted[index];
    bool right = label == predicted;
    char text[64];
    box area = {x + (CELL_WIDTH - PICTURE_SIDE) / 2.0, y, PICTURE_SIDE, PICTURE_SIDE};
    draw_image(cairo, area, r->test->images + index * IMAGE_PIXELS);
    draw_colour(cairo, right ? faint : bad);
    cairo_set_line_width(cairo, right ? 1 : 4);
    cairo_rectangle(cairo, area.x - 1.5, area.y - 1.5, area.width + 3, area.height + 3);
    cairo_stroke(cairo);
    draw_mark(cairo, area.x + area.width - 2, area.y + 2, right);
    double middle = x + CELL_WIDTH / 2.0, below = area.y + area.height;
    draw_text(cairo, middle, below + 18, 13, true, right ? ink : bad, TEXT_CENTRE,
        class_names[predicted]);
    snprintf(text, sizeof text, "true: %s", class_names[label]);
    draw_text(cairo, middle, below + 34, 12, false, right ? grey : ink, TEXT_CENTRE, text);
}

static void draw_cases(cairo_t *cairo, const report *r, box area) {
    int64_t count = r->test->count < ROWS * COLUMNS ? r->test->count : ROWS * COLUMNS;
    int64_t wrong = 0;
    char text[128];
    for (int64_t i = 0; i < count; i++) {
        draw_case(cairo, r, i, area.x + (double)(i % COLUMNS) * CELL_WIDTH,
            area.y + 48 + (double)(i / COLUMNS) * CELL_HEIGHT);
        wrong += r->test->labels[i] != r->result->predicted[i];
    }
    snprintf(text, sizeof text, "The first %lld test images, as predicted: %lld mistake%s",
        (long long)count, (long long)wrong, wrong == 1 ? "" : "s");
    draw_text(cairo, area.x + 12, area.y + 20, 18, true, ink, TEXT_LEFT, text);
}

static void draw_heading(cairo_t *cairo, const report *r) {
    char text[256], right[32], count[32], rate[32];
    int64_t length = snprintf(text, sizeof text, "Test accuracy %.2f %%  (%s of %s images)",
        100 * (double)r->result->right / (double)r->test->count,
        format_count(r->result->right, right), format_count(r->test->count, count));
    if (r->epochs > 0)
        snprintf(text + length, sizeof text - (size_t)length,
            "  ·  %.3g epoch%s of training  ·  %s images/s", r->epochs, r->epochs == 1 ? "" : "s",
            format_count(llround(r->images_per_second), rate));
    draw_text(cairo, 40, 58, 30, true, ink, TEXT_LEFT, "Fashion-MNIST, learnt through OpenCL");
    draw_text(cairo, 40, 90, 18, false, grey, TEXT_LEFT, text);
    draw_text(cairo, WIDTH - 40, 90, 18, false, grey, TEXT_RIGHT, r->device);
}

/* Loss above, accuracy below; false without memory. */
static bool draw_curves(cairo_t *cairo, const report *r, box area) {
    size_t count = (size_t)r->point_count;
    double *x = calloc(2 * count + 1, sizeof *x);
    if (x == NULL)
        return false;
    double *y = x + count, highest = 0, lowest = 100, best = 0;
    for (size_t i = 0; i < count; i++) {
        x[i] = r->points[i].epoch;
        y[i] = r->points[i].loss;
        highest = fmax(highest, y[i]);
    }
    double half = area.height / 2 - 10;
    draw_chart(cairo, &(chart){.title = "Training loss (softmax cross-entropy)",
                          .area = {area.x, area.y, area.width, half},
                          .x_high = ceil(r->epochs),
                          .y_high = highest,
                          .x_title = "epoch",
                          .unit = "",
                          .x = x,
                          .y = y,
                          .count = r->point_count,
                          .line = accent});
    free(x);
    for (int64_t i = 0; i < r->epoch_count; i++) {
        lowest = fmin(lowest, r->accuracies[i]);
        best = fmax(best, r->accuracies[i]);
    }
    draw_chart(cairo, &(chart){.title = "Test accuracy",
                          .area = {area.x, area.y + half + 20, area.width, half},
                          .x_high = ceil(r->epochs),
                          .y_low = lowest - 0.5,
                          .y_high = fmin(100, best + 1),
                          .x_title = "epoch",
                          .unit = " %",
                          .x = r->accuracy_epochs,
                          .y = r->accuracies,
                          .count = r->epoch_count,
                          .line = good,
                          .marks = true});
    return true;
}

static cairo_status_t write_png(void *file, const unsigned char *data, unsigned length) {
    return fwrite(data, 1, length, file) == length ? CAIRO_STATUS_SUCCESS
                                                   : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_status_t draw_page(cairo_surface_t *page, const report *r) {
    cairo_t *cairo = cairo_create(page);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    draw_heading(cairo, r);
    draw_cases(cairo, r, (box){28, 116, COLUMNS * CELL_WIDTH, 0});
    box right = {1000, 116, 560, 900};
    bool fine = true;
    if (r->epochs > 0)
        fine = draw_curves(cairo, r, right);
    else
        draw_confusion(cairo, (box){1000, 116, 545, 760}, r->result->confusion);
    cairo_status_t status = fine ? cairo_status(cairo) : CAIRO_STATUS_NO_MEMORY;
    cairo_destroy(cairo);
    return status;
}

bool report_picture(const report *r, const char *path, problem *why) {
    output out;
    if (!output_open(&out, path, why))
        return false;
    cairo_surface_t *page = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_status_t status = draw_page(page, r);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_write_to_png_stream(page, write_png, out.file);
    cairo_surface_destroy(page);
    if (status == CAIRO_STATUS_SUCCESS)
        return output_commit(&out, why);
    output_abandon(&out);
    return problem_set(why, "%s: cannot be drawn: %s", path, cairo_status_to_string(status));
}
