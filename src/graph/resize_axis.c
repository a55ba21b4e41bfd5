/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/resize_axis.h"
#include "graph/operator_tools.h"
#include <math.h>
#include <string.h>

/* ---- Attributes ---- */

static cleat_status choose(const call *c, const char *attribute, const char *const *names,
    const char *otherwise, int *chosen) {
    const char *text = attribute_text(c->node, attribute, otherwise);
    for (*chosen = 0; names[*chosen] != NULL; ++*chosen) {
        if (strcmp(text, names[*chosen]) == 0) {
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_UNSUPPORTED, "%s %.40s", attribute, text);
}

static cleat_status read_attributes(const call *c, resize_shape *s) {
    static const char *const modes[] = {"nearest", "linear", "cubic", "bilinear", NULL};
    static const char *const places[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", "half_pixel_symmetric", NULL};
    static const char *const roundings[] = {
        "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    const bool is_old = strcmp(c->node->type, "Upsample") == 0 || c->opset < 11;
    int mode, place, rounding;
    TRY(choose(c, "mode", modes, "nearest", &mode));
    TRY(choose(
        c, "coordinate_transformation_mode", places, is_old ? "asymmetric" : "half_pixel", &place));
    TRY(choose(c, "nearest_mode", roundings, is_old ? "floor" : "round_prefer_floor", &rounding));
    s->mode = mode == 3 ? CLEAT_RESIZE_LINEAR : (cleat_resize_mode)mode;
    s->place = (resize_place)place;
    s->rounding = (cleat_resize_rounding)rounding;
    s->coefficient = (double)attribute_float(c->node, "cubic_coeff_a", -0.75f);
    s->extrapolation = (double)attribute_float(c->node, "extrapolation_value", 0);
    s->excludes_outside = attribute_int(c->node, "exclude_outside", 0) != 0;
    if (attribute_int(c->node, "antialias", 0) != 0 ||
        strcmp(attribute_text(c->node, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "antialias or keep_aspect_ratio_policy");
    }
    return CLEAT_OK;
}

/* ---- Sizes ---- */

/* The axes that scales, sizes and regions are given for: all, or the attribute's. */
static cleat_status listed_axes(const call *c, int32_t rank, int32_t *axes, size_t *count) {
    size_t given;
    const int64_t *numbers = attribute_ints(c->node, "axes", &given);
    *count = numbers != NULL ? given : (size_t)rank;
    if (*count > CLEAT_MAX_RANK) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu axes", *count);
    }
    for (size_t i = 0; i < *count; i++) {
        axes[i] = (int32_t)i;
        if (numbers != NULL) {
            TRY(call_axis(c, numbers[i], rank, &axes[i]));
        }
    }
    return CLEAT_OK;
}

static cleat_status take_scale(const call *c, resize_shape *s, int32_t axis, double scale) {
    const double extent = floor((double)((float)s->x[axis] * (float)scale)); /* as ONNX infers it */
    if (!(scale > 0) || !(extent < 2147483648.0)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "a scale of %g for %lld elements", scale,
            (long long)s->x[axis]);
    }
    s->scale[axis] = scale;
    s->y[axis] = (int64_t)extent;
    return CLEAT_OK;
}

static cleat_status take_size(const call *c, resize_shape *s, int32_t axis, int64_t size) {
    if (size < 0 || size > INT32_MAX || (s->x[axis] == 0 && size != 0)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "a size of %lld for %lld elements",
            (long long)size, (long long)s->x[axis]);
    }
    s->y[axis] = size;
    s->scale[axis] = s->x[axis] == size ? 1 : (double)size / (double)s->x[axis];
    return CLEAT_OK;
}

/* An optional list of one number for each axis; *numbers NULL where it is left out or empty. */
static cleat_status optional_list(call *c, size_t input, size_t count, const array **numbers) {
    *numbers = NULL;
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_array(c, input, numbers));
    if ((*numbers)->count == 0) {
        *numbers = NULL;
        return CLEAT_OK;
    }
    if ((uint64_t)(*numbers)->count != count || (*numbers)->rank != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "input %zu has %lld numbers, expected %zu",
            input, (long long)(*numbers)->count, count);
    }
    return CLEAT_OK;
}

static cleat_status read_region(call *c, resize_shape *s, const int32_t *axes, size_t count) {
    const array *region;
    if (s->place != PLACE_CROP) {
        return CLEAT_OK;
    }
    TRY(optional_list(c, 1, 2 * count, &region));
    if (region == NULL) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no region for tf_crop_and_resize");
    }
    for (size_t i = 0; i < count; i++) {
        s->start[axes[i]] = array_real(region, (int64_t)i);
        s->end[axes[i]] = array_real(region, (int64_t)(i + count));
    }
    return CLEAT_OK;
}

cleat_status resize_read(call *c, resize_shape *s) {
    const run_value *x;
    const array *scales, *sizes = NULL;
    int32_t axes[CLEAT_MAX_RANK];
    size_t count, listed;
    const bool has_region = strcmp(c->node->type, "Resize") == 0 && c->opset >= 11;
    TRY(call_input(c, 0, &x));
    memset(s, 0, sizeof *s);
    TRY(read_attributes(c, s));
    s->rank = x->rank;
    memcpy(s->x, x->shape, sizeof s->x);
    memcpy(s->y, x->shape, sizeof s->y);
    for (int32_t i = 0; i < x->rank; i++) {
        s->scale[i] = s->end[i] = 1;
    }
    TRY(listed_axes(c, x->rank, axes, &count));
    TRY(optional_list(c, has_region ? 2 : 1, count, &scales));
    if (has_region) {
        TRY(optional_list(c, 3, count, &sizes));
    }
    const float *attribute = attribute_floats(c->node, "scales", &listed);
    if (attribute != NULL && listed != count) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu scales, expected %zu", listed, count);
    }
    if (scales == NULL && sizes == NULL && attribute == NULL) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "neither scales nor sizes");
    }
    for (size_t i = 0; i < count; i++) {
        if (sizes != NULL) {
            TRY(take_size(c, s, axes[i], array_integer(sizes, (int64_t)i)));
        } else {
            TRY(take_scale(c, s, axes[i],
                scales != NULL ? array_real(scales, (int64_t)i) : (double)attribute[i]));
        }
    }
    return read_region(c, s, axes, count);
}

/* ---- On the host: axis by axis ---- */

enum { TAPS = 4 };

/* What element o of the result is made of along one axis. */
typedef struct taps {
    int64_t index[TAPS];
    double weight[TAPS];
    bool is_outside; /* PLACE_CROP: beyond x */
} taps;

static bool is_whole(const resize_shape *s, int32_t axis) {
    return fabs((double)s->x[axis] * s->scale[axis] - (double)s->y[axis]) < 1e-6;
}

/* Where along x a place of the result lies, without offsets. A scale that makes a whole number of
 * elements is their quotient: places half between two elements come out so. */
static double unscaled(const resize_shape *s, int32_t axis, double place) {
    return is_whole(s, axis) ? place * (double)s->x[axis] / (double)s->y[axis]
                             : place / s->scale[axis];
}

static double place_of(const resize_shape *s, int32_t axis, int64_t o) {
    const double n = (double)s->x[axis], at = (double)o, start = s->start[axis];
    const double span = s->end[axis] - start;
    /* as ONNX has it: not rounded */
    const double m = is_whole(s, axis) ? (double)s->y[axis] : n * s->scale[axis];
    switch (s->place) {
    case PLACE_PYTORCH_HALF_PIXEL:
        return s->y[axis] > 1 ? unscaled(s, axis, at + 0.5) - 0.5 : 0;
    case PLACE_ALIGN_CORNERS:
        return s->y[axis] > 1 ? at * (n - 1) / (m - 1) : 0;
    case PLACE_ASYMMETRIC:
        return unscaled(s, axis, at);
    case PLACE_HALF_PIXEL_FOR_NEAREST:
        return unscaled(s, axis, at + 0.5);
    case PLACE_CROP:
        return s->y[axis] > 1 ? start * (n - 1) + at * span * (n - 1) / (m - 1)
                              : (start + span / 2) * (n - 1);
    case PLACE_HALF_PIXEL_SYMMETRIC:
        return n / 2 * (1 - (double)s->y[axis] / m) + unscaled(s, axis, at + 0.5) - 0.5;
    default:
        return unscaled(s, axis, at + 0.5) - 0.5;
    }
}

static double nearest_of(cleat_resize_rounding rounding, double place) {
    switch (rounding) {
    case CLEAT_ROUND_PREFER_FLOOR:
        return ceil(place - 0.5);
    case CLEAT_ROUND_PREFER_CEIL:
        return floor(place + 0.5);
    case CLEAT_ROUND_FLOOR:
        return floor(place);
    default:
        return ceil(place);
    }
}

/* Keys' kernel at a distance. */
static double cubic_weight(double a, double distance) {
    const double d = fabs(distance);
    return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
           : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                   : 0;
}

static taps taps_of(const resize_shape *s, int32_t axis, int64_t o) {
    const int64_t n = s->x[axis];
    taps t = {.weight = {1}};
    double place = place_of(s, axis, o);
    t.is_outside = s->place == PLACE_CROP && (place < 0 || place > (double)(n - 1));
    /* of places far outside only the edge matters */
    place = place < -2.0 ? -2.0 : place > (double)n + 1.0 ? (double)n + 1.0 : place;
    if (s->mode == CLEAT_RESIZE_NEAREST) {
        t.index[0] = (int64_t)nearest_of(s->rounding, place);
    } else {
        const double first = floor(place);
        const int count = s->mode == CLEAT_RESIZE_LINEAR ? 2 : TAPS;
        double sum = 0;
        for (int k = 0; k < count; k++) {
            t.index[k] = (int64_t)first + k - (count == TAPS ? 1 : 0);
            const double distance = place - (double)t.index[k];
            t.weight[k] =
                count == TAPS ? cubic_weight(s->coefficient, distance) : 1 - fabs(distance);
            if (s->excludes_outside && (t.index[k] < 0 || t.index[k] >= n)) {
                t.weight[k] = 0;
            }
            sum += t.weight[k];
        }
        for (int k = 0; k < count && s->excludes_outside; k++) {
            t.weight[k] /= sum;
        }
    }
    for (int k = 0; k < TAPS; k++) {
        t.index[k] = t.index[k] < 0 ? 0 : t.index[k] >= n ? n - 1 : t.index[k];
    }
    return t;
}

/* x [outer, n, inner] to y [outer, m, inner]. */
static void resize_axis(
    const resize_shape *s, int32_t axis, axis_lines lines, const double *x, double *y) {
    const int64_t m = s->y[axis];
    for (int64_t o = 0; o < m; o++) {
        const taps t = taps_of(s, axis, o);
        for (int64_t i = 0; i < lines.outer * lines.inner; i++) {
            const int64_t line = i / lines.inner, within = i % lines.inner;
            double sum = t.is_outside ? s->extrapolation : 0;
            for (int k = 0; k < TAPS && !t.is_outside; k++) {
                /* a weight of 0 hides what is not finite */
                sum +=
                    t.weight[k] < 0 || t.weight[k] > 0
                        ? t.weight[k] * x[(line * lines.extent + t.index[k]) * lines.inner + within]
                        : 0;
            }
            y[(line * m + o) * lines.inner + within] = sum;
        }
    }
}

cleat_status resize_host(call *c) {
    resize_shape s;
    const array *x;
    array *y;
    double *numbers;
    void *memory;
    TRY(resize_read(c, &s));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, s.rank, s.y, &y));
    if (y->count == 0) {
        return CLEAT_OK;
    }
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, s.x, sizeof shape);
    /* the last axis first, so that extrapolated lines stay whole */
    for (int32_t axis = s.rank - 1; axis >= 0; axis--) {
        if (s.place != PLACE_CROP && s.x[axis] == s.y[axis] && !(s.scale[axis] < 1) &&
            !(s.scale[axis] > 1)) {
            continue;
        }
        const axis_lines lines = lines_along(s.rank, shape, axis);
        shape[axis] = s.y[axis];
        TRY(call_memory(c, shape_count(s.rank, shape), sizeof(double), &memory));
        resize_axis(&s, axis, lines, numbers, memory);
        numbers = memory;
    }
    for (int64_t i = 0; i < y->count; i++) {
        array_set_real(y, i, numbers[i]);
    }
    return CLEAT_OK;
}
