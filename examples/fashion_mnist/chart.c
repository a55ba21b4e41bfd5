/* SPDX-License-Identifier: Apache-2.0 */
#include "chart.h"

#include <math.h>
#include <stdio.h>

/* Told apart by readers who do not see red and green as well (Okabe & Ito's palette). */
const colour ink = {0.13, 0.15, 0.18}, grey = {0.42, 0.45, 0.49}, faint = {0.88, 0.89, 0.91},
             good = {0.00, 0.62, 0.45}, bad = {0.84, 0.27, 0.00}, accent = {0.00, 0.45, 0.70};

void draw_colour(cairo_t *cairo, colour c) {
    cairo_set_source_rgb(cairo, c.red, c.green, c.blue);
}

void draw_text(cairo_t *cairo, double x, double y, double size, bool bold, colour c,
    text_align align, const char *text) {
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
        bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, size);
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, text, &extents);
    double shift = align == TEXT_LEFT ? 0 : align == TEXT_CENTRE ? 0.5 : 1;
    draw_colour(cairo, c);
    cairo_move_to(cairo, x - shift * extents.x_advance, y);
    cairo_show_text(cairo, text);
}

/* ---- Line charts ---- */

/* 1, 2 or 5 times a power of ten, so that about five steps fill the range. */
static double nice_step(double range) {
    double raw = range / 5, power = pow(10, floor(log10(raw)));
    double leading = raw / power;
    return power * (leading <= 1 ? 1 : leading <= 2 ? 2 : leading <= 5 ? 5 : 10);
}

/* Where the curve lies: the area without title and numbers. */
static box plot_area(box area) {
    return (box){area.x + 62, area.y + 44, area.width - 84, area.height - 100};
}

typedef struct scale {
    box plot;
    double x_high, y_low, y_high, y_step;
} scale;

static double place_x(const scale *s, double x) {
    return s->plot.x + s->plot.width * x / s->x_high;
}

static double place_y(const scale *s, double y) {
    return s->plot.y + s->plot.height * (s->y_high - y) / (s->y_high - s->y_low);
}

static scale make_scale(const chart *c) {
    double range = c->y_high > c->y_low ? c->y_high - c->y_low : 1;
    double step = nice_step(range);
    scale s = {.plot = plot_area(c->area), .x_high = c->x_high > 0 ? c->x_high : 1, .y_step = step};
    s.y_low = floor(c->y_low / step) * step;
    s.y_high = ceil((c->y_low + range) / step) * step;
    return s;
}

static void line(cairo_t *cairo, double x1, double y1, double x2, double y2, colour c) {
    draw_colour(cairo, c);
    cairo_set_line_width(cairo, 1);
    cairo_move_to(cairo, floor(x1) + 0.5, floor(y1) + 0.5); /* sharp lines lie on half pixels */
    cairo_line_to(cairo, floor(x2) + 0.5, floor(y2) + 0.5);
    cairo_stroke(cairo);
}

static void draw_axes(cairo_t *cairo, const chart *c, const scale *s) {
    char text[48];
    double right = s->plot.x + s->plot.width, bottom = s->plot.y + s->plot.height;
    int64_t steps = llround((s->y_high - s->y_low) / s->y_step);
    int digits = s->y_step >= 1 ? 0 : s->y_step >= 0.1 ? 1 : s->y_step >= 0.01 ? 2 : 3;
    for (int64_t i = 0; i <= steps; i++) {
        double value = s->y_low + (double)i * s->y_step, y = place_y(s, value);
        line(cairo, s->plot.x, y, right, y, faint);
        snprintf(text, sizeof text, "%.*f%s", digits, value, c->unit);
        draw_text(cairo, s->plot.x - 9, y + 5, 14, false, grey, TEXT_RIGHT, text);
    }
    int64_t jump = (int64_t)ceil(s->x_high / 10); /* at most ten numbers */
    for (int64_t i = 0; (double)i <= s->x_high + 1e-9; i += jump) {
        double x = place_x(s, (double)i);
        line(cairo, x, bottom, x, bottom + 6, ink);
        snprintf(text, sizeof text, "%lld", (long long)i);
        draw_text(cairo, x, bottom + 24, 14, false, grey, TEXT_CENTRE, text);
    }
    line(cairo, s->plot.x, bottom, right, bottom, ink);
    line(cairo, s->plot.x, s->plot.y, s->plot.x, bottom, ink);
    draw_text(cairo, s->plot.x + s->plot.width / 2, bottom + 46, 14, false, grey, TEXT_CENTRE,
        c->x_title);
}

static void draw_curve(cairo_t *cairo, const chart *c, const scale *s) {
    draw_colour(cairo, c->line);
    cairo_set_line_width(cairo, 2.5);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_new_path(cairo); /* text leaves a current point behind */
    for (int64_t i = 0; i < c->count; i++)
        cairo_line_to(cairo, place_x(s, c->x[i]), place_y(s, c->y[i]));
    cairo_stroke(cairo);
    for (int64_t i = 0; c->marks && i < c->count; i++) {
        char text[48];
        double x = place_x(s, c->x[i]), y = place_y(s, c->y[i]);
        draw_colour(cairo, c->line);
        cairo_new_path(cairo);
        cairo_arc(cairo, x, y, 5, 0, 6.2831853);
        cairo_fill(cairo);
        if (c->count > 10 && i + 1 < c->count)
            continue; /* numbers would cover each other */
        snprintf(text, sizeof text, "%.2f%s", c->y[i], c->unit);
        draw_text(cairo, x + 4, y - 12, 14, i + 1 == c->count, c->line, TEXT_RIGHT, text);
    }
}

void draw_chart(cairo_t *cairo, const chart *c) {
    scale s = make_scale(c);
    draw_text(cairo, c->area.x, c->area.y + 20, 18, true, ink, TEXT_LEFT, c->title);
    draw_axes(cairo, c, &s);
    draw_curve(cairo, c, &s);
}

/* ---- Confusion matrix ---- */

static void draw_share(cairo_t *cairo, box cell, int64_t count, int64_t total, bool right) {
    char text[24];
    double share = total > 0 ? (double)count / (double)total : 0;
    double depth = sqrt(share); /* few mistakes are to be seen as well */
    colour full = right ? good : bad;
    cairo_set_source_rgb(cairo, 1 + depth * (full.red - 1), 1 + depth * (full.green - 1),
        1 + depth * (full.blue - 1));
    cairo_rectangle(cairo, cell.x, cell.y, cell.width - 2, cell.height - 2);
    cairo_fill(cairo);
    if (count == 0)
        return;
    snprintf(text, sizeof text, "%lld", (long long)count);
    colour white = {1, 1, 1};
    draw_text(cairo, cell.x + cell.width / 2 - 1, cell.y + cell.height / 2 + 4, 13, right,
        depth > 0.6 ? white : ink, TEXT_CENTRE, text);
}

void draw_confusion(cairo_t *cairo, box area, const int64_t confusion[CLASS_COUNT][CLASS_COUNT]) {
    const double names = 96, top = 122;
    double width = (area.width - names) / CLASS_COUNT, height = (area.height - top) / CLASS_COUNT;
    draw_text(cairo, area.x, area.y + 20, 18, true, ink, TEXT_LEFT, "Confusion matrix");
    draw_text(cairo, area.x, area.y + 46, 14, false, grey, TEXT_LEFT,
        "rows: true class, columns: predicted class, numbers: test images");
    for (int row = 0; row < CLASS_COUNT; row++) {
        int64_t total = 0;
        for (int column = 0; column < CLASS_COUNT; column++)
            total += confusion[row][column];
        double y = area.y + top + row * height;
        draw_text(cairo, area.x + names - 8, y + height / 2 + 4, 13, false, ink, TEXT_RIGHT,
            class_names[row]);
        for (int column = 0; column < CLASS_COUNT; column++) {
            box cell = {area.x + names + column * width, y, width, height};
            draw_share(cairo, cell, confusion[row][column], total, row == column);
        }
        cairo_save(cairo);
        cairo_translate(cairo, area.x + names + (row + 0.5) * width, area.y + top - 8);
        cairo_rotate(cairo, -0.7);
        draw_text(cairo, 0, 0, 13, false, ink, TEXT_LEFT, class_names[row]);
        cairo_restore(cairo);
    }
}
