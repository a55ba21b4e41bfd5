/* SPDX-License-Identifier: Apache-2.0 */
/* GridSample, RoiAlign, on the host. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <math.h>
#include <string.h>

/* ---- GridSample: x [N, C, axes...], grid [N, places..., axes], the last axis first ---- */

typedef enum sample_mode { SAMPLE_LINEAR, SAMPLE_NEAREST, SAMPLE_CUBIC } sample_mode;
typedef enum sample_padding { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION } sample_padding;

enum { SAMPLE_AXES = CLEAT_MAX_RANK - 2, SAMPLE_TAPS = 4 };

typedef struct sampling {
    sample_mode mode;
    sample_padding padding;
    bool aligns_corners;
    int axes;
    int64_t extent[SAMPLE_AXES];
} sampling;

/* Elements along an axis, -1: nothing there. */
typedef struct sample_taps {
    int64_t count, index[SAMPLE_TAPS];
    double weight[SAMPLE_TAPS];
} sample_taps;

static cleat_status sampling_read(const call *c, sampling *s) {
    const run_value *x, *grid;
    char x_text[SHAPE_TEXT_SIZE], text[SHAPE_TEXT_SIZE];
    const char *mode = attribute_text(c->node, "mode", "bilinear");
    const char *padding = attribute_text(c->node, "padding_mode", "zeros");
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &grid));
    s->mode = strcmp(mode, "nearest") == 0    ? SAMPLE_NEAREST
              : strstr(mode, "cubic") != NULL ? SAMPLE_CUBIC
                                              : SAMPLE_LINEAR;
    s->padding = strcmp(padding, "border") == 0       ? PADDING_BORDER
                 : strcmp(padding, "reflection") == 0 ? PADDING_REFLECTION
                                                      : PADDING_ZEROS;
    s->aligns_corners = attribute_int(c->node, "align_corners", 0) != 0;
    s->axes = (int)x->rank - 2;
    if (x->rank < 3 || grid->rank != x->rank || grid->shape[0] != x->shape[0] ||
        grid->shape[grid->rank - 1] != s->axes || !type_is_floating(grid->type)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s and grid %s of %s",
            shape_text(x->rank, x->shape, x_text), shape_text(grid->rank, grid->shape, text),
            cleat_type_name(grid->type));
    }
    for (int i = 0; i < s->axes; i++) {
        s->extent[i] = x->shape[i + 2];
    }
    return CLEAT_OK;
}

static double reflect(double x, double low, double high) {
    const double range = high - low;
    if (!(range > 0)) {
        return low;
    }
    double away = fmod(fabs(x - low), 2 * range);
    away = away > range ? 2 * range - away : away;
    return low + away;
}

static int64_t padded_index(const sampling *s, int axis, double x) {
    const int64_t n = s->extent[axis];
    if (s->padding == PADDING_REFLECTION) {
        x = s->aligns_corners ? reflect(x, 0, (double)(n - 1)) : reflect(x, -0.5, (double)n - 0.5);
    }
    const int64_t index = (int64_t)floor(x + 0.5);
    if (s->padding == PADDING_ZEROS) {
        return index >= 0 && index < n ? index : -1;
    }
    return index < 0 ? 0 : index >= n ? n - 1 : index;
}

static double cubic_weight(double distance) {
    const double a = -0.75, d = fabs(distance);
    return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
           : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                   : 0;
}

static sample_taps taps_at(const sampling *s, int axis, double grid) {
    const double n = (double)s->extent[axis];
    double x = s->aligns_corners ? (grid + 1) / 2 * (n - 1) : ((grid + 1) * n - 1) / 2;
    sample_taps t = {.count = 1, .weight = {1}};
    /* what is no place in any sense is outside */
    x = x >= -1e9 && x <= 1e9 ? x : -1e9;
    if (s->mode == SAMPLE_NEAREST) {
        x = rint(x);
    }
    if (s->padding == PADDING_BORDER) {
        x = x < 0 ? 0 : x > n - 1 ? n - 1 : x;
    } else if (s->padding == PADDING_REFLECTION) {
        x = s->aligns_corners ? reflect(x, 0, n - 1) : reflect(x, -0.5, n - 0.5);
    }
    if (s->mode == SAMPLE_NEAREST) {
        t.index[0] = padded_index(s, axis, x);
        return t;
    }
    t.count = s->mode == SAMPLE_CUBIC ? SAMPLE_TAPS : 2;
    for (int64_t k = 0; k < t.count; k++) {
        const double at = floor(x) + (double)k - (s->mode == SAMPLE_CUBIC ? 1 : 0);
        t.index[k] = padded_index(s, axis, at);
        t.weight[k] = s->mode == SAMPLE_CUBIC ? cubic_weight(x - at) : 1 - fabs(x - at);
    }
    return t;
}

/* The value of one channel's plane at a place. */
static double sample(const sampling *s, const sample_taps *taps, const double *plane) {
    int64_t counts[SAMPLE_AXES], index[SAMPLE_AXES] = {0};
    double sum = 0;
    for (int i = 0; i < s->axes; i++) {
        counts[i] = taps[i].count;
    }
    do {
        double weight = 1;
        int64_t at = 0;
        bool is_inside = true;
        for (int i = 0; i < s->axes; i++) {
            const int64_t place = taps[i].index[index[i]];
            is_inside = is_inside && place >= 0;
            at = at * s->extent[i] + place;
            weight *= taps[i].weight[index[i]];
        }
        sum += is_inside ? weight * plane[at] : 0;
    } while (index_next(s->axes, counts, index));
    return sum;
}

static cleat_status grid_host(call *c) {
    sampling s;
    const array *x, *grid;
    array *y;
    double *numbers;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(sampling_read(c, &s));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_array(c, 1, &grid));
    shape[0] = x->shape[0];
    shape[1] = x->shape[1];
    memcpy(shape + 2, grid->shape + 1, (size_t)s.axes * sizeof *shape);
    TRY(call_output_array(c, 0, x->type, x->rank, shape, &y));
    const int64_t places = shape_count(s.axes, shape + 2), plane = shape_count(s.axes, s.extent);
    if (plane == 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x has no elements to sample");
    }
    for (int64_t i = 0; i < shape[0] * places; i++) {
        sample_taps taps[SAMPLE_AXES];
        for (int axis = 0; axis < s.axes; axis++) {
            taps[axis] = taps_at(&s, axis, array_real(grid, i * s.axes + s.axes - 1 - axis));
        }
        for (int64_t channel = 0; channel < shape[1]; channel++) {
            const int64_t image = i / places * shape[1] + channel;
            array_set_real(
                y, image * places + i % places, sample(&s, taps, numbers + image * plane));
        }
    }
    return CLEAT_OK;
}

/* ---- RoiAlign: bins of regions of x [N, C, H, W], each a mean (or largest) of samples ---- */

typedef struct roi_align {
    bool takes_most;
    double offset, scale;
    int64_t samples, height, width; /* samples along a bin's axes, 0: as many as it has pixels */
} roi_align;

/* A bin's samples along one axis. */
typedef struct bins {
    double start, size;
    int64_t samples;
} bins;

static cleat_status roi_align_read(const call *c, roi_align *r) {
    const run_value *x, *regions, *images;
    char x_text[SHAPE_TEXT_SIZE], text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &regions));
    TRY(call_input(c, 2, &images));
    const char *place = attribute_text(c->node, "coordinate_transformation_mode",
        c->opset >= 16 ? "half_pixel" : "output_half_pixel");
    *r = (roi_align){.takes_most = strcmp(attribute_text(c->node, "mode", "avg"), "max") == 0,
        .offset = strcmp(place, "half_pixel") == 0 ? 0.5 : 0,
        .scale = (double)attribute_float(c->node, "spatial_scale", 1),
        .samples = attribute_int(c->node, "sampling_ratio", 0),
        .height = attribute_int(c->node, "output_height", 1),
        .width = attribute_int(c->node, "output_width", 1)};
    if (x->rank != 4 || regions->rank != 2 || regions->shape[1] != 4 || images->rank != 1 ||
        images->shape[0] != regions->shape[0] || r->height < 1 || r->width < 1 || r->samples < 0 ||
        r->samples > 4096) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s, regions %s, %lld x %lld bins",
            shape_text(x->rank, x->shape, x_text), shape_text(regions->rank, regions->shape, text),
            (long long)r->height, (long long)r->width);
    }
    return CLEAT_OK;
}

static bins bins_of(const roi_align *r, double first, double last, int64_t count) {
    const double start = first * r->scale - r->offset;
    double size = last * r->scale - r->offset - start;
    size = r->offset > 0 || size >= 1 ? size : 1;
    const double each = size / (double)count;
    const double samples = ceil(each) < 4096 ? ceil(each) : 4096;
    return (bins){start, each, r->samples > 0 ? r->samples : samples > 0 ? (int64_t)samples : 0};
}

/* The two elements beside a place, and how much each counts; false outside. */
static bool neighbours(double place, int64_t extent, int64_t index[2], double weight[2]) {
    if (!(place >= -1 && place <= (double)extent)) {
        return false;
    }
    place = place <= 0 ? 0 : place;
    index[0] = (int64_t)place;
    index[1] = index[0] + 1;
    if (index[0] >= extent - 1) {
        index[0] = index[1] = extent - 1;
        place = (double)index[0];
    }
    weight[1] = place - (double)index[0];
    weight[0] = 1 - weight[1];
    return true;
}

/* A sample's value; of takes_most the largest of its four weighted elements, as ONNX Runtime. */
static double bilinear(
    const roi_align *r, const double *plane, int64_t height, int64_t width, double y, double x) {
    int64_t row[2], column[2];
    double of_row[2], of_column[2], sum = 0, most = -(double)INFINITY;
    if (!neighbours(y, height, row, of_row) || !neighbours(x, width, column, of_column)) {
        return 0;
    }
    for (int i = 0; i < 4; i++) {
        const double value =
            of_row[i / 2] * of_column[i % 2] * plane[row[i / 2] * width + column[i % 2]];
        sum += value;
        most = value > most ? value : most;
    }
    return r->takes_most ? most : sum;
}

static double bin_value(const roi_align *r, const double *plane, const int64_t *shape,
    const bins *rows, const bins *columns, int64_t row, int64_t column) {
    double sum = 0, most = -(double)INFINITY;
    for (int64_t i = 0; i < rows->samples; i++) {
        const double y = rows->start + (double)row * rows->size +
                         ((double)i + 0.5) * rows->size / (double)rows->samples;
        for (int64_t k = 0; k < columns->samples; k++) {
            const double x = columns->start + (double)column * columns->size +
                             ((double)k + 0.5) * columns->size / (double)columns->samples;
            const double value = bilinear(r, plane, shape[2], shape[3], y, x);
            sum += value;
            most = value > most ? value : most;
        }
    }
    const int64_t count = rows->samples * columns->samples;
    return count == 0 ? 0 : r->takes_most ? most : sum / (double)count;
}

static cleat_status roi_align_host(call *c) {
    roi_align r;
    const array *x, *regions, *images;
    array *y;
    double *numbers;
    int64_t at = 0;
    TRY(roi_align_read(c, &r));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_array(c, 1, &regions));
    TRY(call_array(c, 2, &images));
    TRY(call_output_array(
        c, 0, x->type, 4, (int64_t[]){regions->shape[0], x->shape[1], r.height, r.width}, &y));
    const int64_t plane = x->shape[2] * x->shape[3];
    if (plane == 0 && y->count > 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x has no elements to sample");
    }
    for (int64_t i = 0; i < regions->shape[0]; i++) {
        const int64_t image = array_integer(images, i);
        if (image < 0 || image >= x->shape[0]) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "a region of image %lld of %lld",
                (long long)image, (long long)x->shape[0]);
        }
        const bins columns =
            bins_of(&r, array_real(regions, i * 4), array_real(regions, i * 4 + 2), r.width);
        const bins rows =
            bins_of(&r, array_real(regions, i * 4 + 1), array_real(regions, i * 4 + 3), r.height);
        for (int64_t channel = 0; channel < x->shape[1]; channel++) {
            const double *of_channel = numbers + (image * x->shape[1] + channel) * plane;
            for (int64_t k = 0; k < r.height * r.width; k++) {
                array_set_real(y, at++,
                    bin_value(&r, of_channel, x->shape, &rows, &columns, k / r.width, k % r.width));
            }
        }
    }
    return CLEAT_OK;
}

const operator_entry operators_sample[] = {
    {"GridSample", grid_host, NULL, 2, 2, false},
    {"RoiAlign", roi_align_host, NULL, 3, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};
