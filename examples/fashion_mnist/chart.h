/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing with cairo: text, line charts with axes, a confusion matrix. Units are pixels. */
#ifndef FASHION_MNIST_CHART_H
#define FASHION_MNIST_CHART_H

#include "dataset.h"

#include <cairo.h>
#include <stdbool.h>

typedef struct colour {
    double red, green, blue;
} colour;

extern const colour ink, grey, faint, good, bad, accent;

typedef struct box {
    double x, y, width, height;
} box;

typedef enum text_align { TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT } text_align;

void draw_colour(cairo_t *cairo, colour c);

/* Text on the base line y; x is its left end, middle or right end. */
void draw_text(cairo_t *cairo, double x, double y, double size, bool bold, colour c,
    text_align align, const char *text);

typedef struct chart {
    const char *title;
    box area;                     /* of everything, with title and numbers */
    double x_high, y_low, y_high; /* x begins at 0; y's ends are widened to full steps */
    const char *x_title, *unit;   /* unit: behind each number of the y axis, "" or " %" */
    const double *x, *y;
    int64_t count;
    colour line;
    bool marks; /* a dot and a number at each point */
} chart;

void draw_chart(cairo_t *cairo, const chart *c);

/* Rows are true classes, columns predicted ones; shaded by the share of the row. */
void draw_confusion(cairo_t *cairo, box area, const int64_t confusion[CLASS_COUNT][CLASS_COUNT]);

#endif
