/* SPDX-License-Identifier: Apache-2.0 */
/* From pixels to a model's input: resampled, channels chosen, normalised, laid out. */
#include "image.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 1 << 15, COLOURS = 3 };

/* ---- Options ---- */

/* One number for all channels, or three. */
static bool parse_numbers(const char *text, float numbers[COLOURS]) {
    char *end;
    for (int i = 0; i < COLOURS; i++) {
        numbers[i] = strtof(text, &end);
        if (end == text || !isfinite(numbers[i]) || (*end != ',' && *end != '\0')) {
            return false;
        }
        if (i == 0 && *end == '\0') {
            numbers[1] = numbers[2] = numbers[0];
            return true;
        }
        text = *end == ',' ? end + 1 : end;
        if ((*end == '\0') != (i == COLOURS - 1)) {
            return false;
        }
    }
    return true;
}

/* "HxW" */
static bool parse_size(const char *text, image_options *o) {
    char *end;
    o->height = strtoll(text, &end, 10);
    if (end == text || *end != 'x') {
        return false;
    }
    text = end + 1;
    o->width = strtoll(text, &end, 10);
    return end != text && *end == '\0' && o->height > 0 && o->height <= MOST_SIDE && o->width > 0 &&
           o->width <= MOST_SIDE;
}

static bool parse_channels(const char *text, image_options *o) {
    o->channels = strcmp(text, "rgb") == 0    ? CHANNELS_RGB
                  : strcmp(text, "bgr") == 0  ? CHANNELS_BGR
                  : strcmp(text, "gray") == 0 ? CHANNELS_GRAY
                                              : CHANNELS_AS_MODEL;
    return o->channels != CHANNELS_AS_MODEL;
}

bool image_take_option(image_options *o, int letter, const char *text) {
    switch (letter) {
    case 'M':
        return parse_numbers(text, o->mean);
    case 'S':
        return parse_numbers(text, o->deviation) && o->deviation[0] > 0 && o->deviation[1] > 0 &&
               o->deviation[2] > 0;
    case 'X':
        o->scale = strtof(text, NULL);
        return o->scale > 0 && isfinite(o->scale);
    case 'L':
        o->is_nhwc = strcmp(text, "nhwc") == 0;
        return o->is_nhwc || strcmp(text, "nchw") == 0;
    case 'C':
        return parse_channels(text, o);
    case 'Z':
        return parse_size(text, o);
    case 'R':
        o->is_cropped = strcmp(text, "crop") == 0;
        return o->is_cropped || strcmp(text, "stretch") == 0;
    default:
        return false;
    }
}

/* ---- Resampling ---- */

/* One axis: `count` results, each `step` elements of the source further, the first of which begins
 * at `first`. */
typedef struct axis_map {
    int64_t source, count;
    double first, step;
} axis_map;

/* The weighted mean around a result: a triangle, as wide as a result's step or an element's, the
 * greater of both. Numbers lie `stride` apart, COLOURS at each place. */
static void resample_at(
    const axis_map *m, int64_t i, const float *from, int64_t stride, float to[COLOURS]) {
    const double centre = m->first + ((double)i + 0.5) * m->step;
    const double reach = m->step > 1 ? m->step : 1;
    const int64_t low = (int64_t)fmax(0, floor(centre - reach));
    const int64_t high = (int64_t)fmin((double)m->source - 1, ceil(centre + reach));
    double sum[COLOURS] = {0}, whole = 0;
    for (int64_t k = low; k <= high; k++) {
        const double weight = 1 - fabs((double)k + 0.5 - centre) / reach;
        if (weight > 0) {
            whole += weight;
            for (int c = 0; c < COLOURS; c++) {
                sum[c] += weight * (double)from[k * stride + c];
            }
        }
    }
    for (int c = 0; c < COLOURS; c++) {
        to[c] = (float)(sum[c] / whole);
    }
}

/* What of the source becomes the result: all of it, or, cropped, the largest part in the middle
 * that has the result's shape. */
static void map_axes(const pixels *p, int64_t height, int64_t width, bool is_cropped,
    axis_map *rows, axis_map *columns) {
    double high = (double)p->height, wide = (double)p->width;
    if (is_cropped) {
        const double step = fmin(high / (double)height, wide / (double)width);
        high = step * (double)height;
        wide = step * (double)width;
    }
    *rows = (axis_map){p->height, height, ((double)p->height - high) / 2, high / (double)height};
    *columns = (axis_map){p->width, width, ((double)p->width - wide) / 2, wide / (double)width};
}

/* height * width * COLOURS numbers, 0 .. 255; free() them. NULL: no memory. */
static float *resample(const pixels *p, int64_t height, int64_t width, bool is_cropped) {
    axis_map rows, columns;
    map_axes(p, height, width, is_cropped, &rows, &columns);
    float *line = malloc((size_t)p->width * COLOURS * sizeof *line);
    float *between = malloc((size_t)p->height * (size_t)width * COLOURS * sizeof *between);
    float *to = malloc((size_t)height * (size_t)width * COLOURS * sizeof *to);
    bool good = line != NULL && between != NULL && to != NULL;
    for (int64_t y = 0; good && y < p->height; y++) {
        for (int64_t x = 0; x < p->width * COLOURS; x++) {
            line[x] = p->rgb[y * p->width * COLOURS + x];
        }
        for (int64_t x = 0; x < width; x++) {
            resample_at(&columns, x, line, COLOURS, between + (y * width + x) * COLOURS);
        }
    }
    for (int64_t y = 0; good && y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            resample_at(
                &rows, y, between + x * COLOURS, width * COLOURS, to + (y * width + x) * COLOURS);
        }
    }
    free(line);
    free(between);
    if (!good) {
        free(to);
    }
    return good ? to : NULL;
}

/* ---- Layout ---- */

/* The input that is to be made. */
typedef struct target {
    cleat_type type;
    int32_t rank;
    int64_t channels, height, width;
    bool is_nhwc;
} target;

static bool refuse(char why[IMAGE_WHY], const char *what, int64_t number) {
    snprintf(why, IMAGE_WHY, "%s: %" PRId64, what, number);
    return false;
}

/* What the model declares; -1: open. */
static bool read_declaration(
    const image_options *o, const cleat_value_info *info, target *t, char why[IMAGE_WHY]) {
    *t = (target){info->type != 0 ? info->type : CLEAT_F32, info->rank >= 0 ? info->rank : 4, -1,
        -1, -1, o->is_nhwc};
    if (t->type != CLEAT_F32 && t->type != CLEAT_F16 && t->type != CLEAT_U8) {
        snprintf(why, IMAGE_WHY, "an image becomes f32, f16 or u8, the model expects %s",
            cleat_type_name(t->type));
        return false;
    }
    if (t->rank < 2 || t->rank > 4) {
        return refuse(why, "an image has 2 to 4 axes, the model's input", t->rank);
    }
    if (info->rank >= 0) {
        const int64_t *e = info->shape + t->rank - (t->rank > 2 ? 3 : 2);
        const bool has_channels = t->rank > 2;
        t->channels = !has_channels ? 1 : o->is_nhwc ? e[2] : e[0];
        t->height = has_channels && !o->is_nhwc ? e[1] : e[0];
        t->width = has_channels && !o->is_nhwc ? e[2] : e[1];
    }
    return true;
}

static bool choose_target(const image_options *o, const cleat_value_info *info, const pixels *p,
    target *t, char why[IMAGE_WHY]) {
    if (!read_declaration(o, info, t, why)) {
        return false;
    }
    const int64_t wanted = o->channels == CHANNELS_GRAY       ? 1
                           : o->channels != CHANNELS_AS_MODEL ? COLOURS
                                                              : -1;
    t->channels = t->channels >= 0 ? t->channels : wanted >= 0 ? wanted : COLOURS;
    if ((t->channels != 1 && t->channels != COLOURS) || (wanted >= 0 && wanted != t->channels)) {
        return refuse(why,
            "an image has 1 channel or 3, as --channels and --layout say; the model's input",
            t->channels);
    }
    const int64_t height = o->height > 0 ? o->height : p->height;
    const int64_t width = o->width > 0 ? o->width : p->width;
    if (o->height > 0 &&
        ((t->height >= 0 && t->height != o->height) || (t->width >= 0 && t->width != o->width))) {
        return refuse(why, "--size is another than the model's, whose height is", t->height);
    }
    t->height = t->height >= 0 ? t->height : height;
    t->width = t->width >= 0 ? t->width : width;
    if (t->height < 1 || t->height > MOST_SIDE || t->width < 1 || t->width > MOST_SIDE ||
        t->height * t->width > 1 << 26) {
        return refuse(why, "the result would have a height of", t->height);
    }
    return true;
}

/* The number for a channel of a pixel. */
static float normalised(
    const image_options *o, const target *t, const float pixel[COLOURS], int64_t channel) {
    const int64_t colour = o->channels == CHANNELS_BGR ? COLOURS - 1 - channel : channel;
    const float luma = 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2]; /* BT.601 */
    const float p = t->channels == 1 ? luma : pixel[colour];
    const float scale = o->scale > 0 ? o->scale : t->type == CLEAT_U8 ? 1 : 1.0F / 255;
    const float deviation = o->deviation[channel] > 0 ? o->deviation[channel] : 1;
    return (p * scale - o->mean[channel]) / deviation;
}

/* The numbers in the input's order, over which they are written; free() them. */
static float *lay_out(const image_options *o, const target *t, const float *colours) {
    const int64_t places = t->height * t->width;
    float *values = malloc((size_t)(places * t->channels) * sizeof *values);
    for (int64_t i = 0; values != NULL && i < places; i++) {
        for (int64_t c = 0; c < t->channels; c++) {
            values[t->is_nhwc ? i * t->channels + c : c * places + i] =
                normalised(o, t, colours + i * COLOURS, c);
        }
    }
    return values;
}

/* In the array's type, in the same memory. */
static void convert(const target *t, float *values, size_t count) {
    for (size_t i = 0; t->type == CLEAT_U8 && i < count; i++) {
        const float bounded = fminf(fmaxf(nearbyintf(values[i]), 0), 255);
        ((unsigned char *)values)[i] = (unsigned char)bounded;
    }
    for (size_t i = 0; t->type == CLEAT_F16 && i < count; i++) {
        uint16_t half;
        cleat_f16_from_f32(&values[i], 1, &half);
        memcpy((unsigned char *)values + i * sizeof half, &half, sizeof half);
    }
}

bool image_load(const char *path, const image_options *o, const cleat_value_info *info,
    npy_array *array, char why[IMAGE_WHY]) {
    pixels p = {.rgb = NULL};
    target t;
    if (!image_decode(path, &p, why)) {
        return false;
    }
    float *colours = NULL, *values = NULL;
    const bool fits = choose_target(o, info, &p, &t, why);
    if (fits) {
        colours = resample(&p, t.height, t.width, o->is_cropped);
        values = colours != NULL ? lay_out(o, &t, colours) : NULL;
        if (values == NULL) {
            snprintf(why, IMAGE_WHY, "no memory");
        }
    }
    free(colours);
    free(p.rgb);
    if (values == NULL) {
        return false;
    }
    const size_t count = (size_t)(t.channels * t.height * t.width);
    convert(&t, values, count);
    const int64_t first[] = {1, t.channels, t.height, t.width};
    const int64_t last[] = {1, t.height, t.width, t.channels};
    *array = (npy_array){.type = t.type,
        .rank = t.rank,
        .size = count * cleat_type_size(t.type),
        .elements = values};
    for (int32_t i = 0; i < t.rank; i++) {
        const int32_t from = t.rank == 2 ? 2 + i : 4 - t.rank + i;
        array->shape[i] = t.rank > 2 && t.is_nhwc ? last[from] : first[from];
    }
    return true;
}
