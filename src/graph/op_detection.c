/* SPDX-License-Identifier: Apache-2.0 */
/* NonMaxSuppression, Det, TfIdfVectorizer, on the host. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- NonMaxSuppression: boxes [N, B, 4], scores [N, C, B] ---- */

typedef struct candidate {
    double score;
    int64_t box;
} candidate;

typedef struct corners {
    double top, left, bottom, right;
} corners;

/* Highest score first; of equal ones the first box. */
static int compare_candidates(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    return x->score > y->score   ? -1
           : x->score < y->score ? 1
           : x->box < y->box     ? -1
                                 : x->box > y->box;
}

static corners corners_of(const double *box, bool by_centre) {
    if (by_centre) { /* x, y, width, height */
        return (corners){
            box[1] - box[3] / 2, box[0] - box[2] / 2, box[1] + box[3] / 2, box[0] + box[2] / 2};
    }
    return (corners){
        fmin(box[0], box[2]), fmin(box[1], box[3]), fmax(box[0], box[2]), fmax(box[1], box[3])};
}

static double overlap(corners a, corners b) {
    const double height = fmin(a.bottom, b.bottom) - fmax(a.top, b.top);
    const double width = fmin(a.right, b.right) - fmax(a.left, b.left);
    const double common = height > 0 && width > 0 ? height * width : 0;
    const double both =
        (a.bottom - a.top) * (a.right - a.left) + (b.bottom - b.top) * (b.right - b.left) - common;
    return both > 0 ? common / both : 0;
}

typedef struct suppression {
    bool by_centre, has_least;
    double most, threshold, least; /* boxes of a class, overlap, score */
    int64_t images, classes, boxes;
    candidate *candidates;
    corners *taken;
} suppression;

/* Boxes of one class of one image; returns how many, their numbers to kept. */
static int64_t suppress(
    const suppression *s, const double *boxes, const double *scores, int64_t *kept) {
    int64_t count = 0, found = 0;
    for (int64_t i = 0; i < s->boxes; i++) {
        if (!s->has_least || scores[i] > s->least) {
            s->candidates[count++] = (candidate){scores[i], i};
        }
    }
    qsort(s->candidates, (size_t)count, sizeof *s->candidates, compare_candidates);
    for (int64_t i = 0; i < count && (double)found < s->most; i++) {
        const corners box = corners_of(boxes + s->candidates[i].box * 4, s->by_centre);
        bool is_free = true;
        for (int64_t k = 0; is_free && k < found; k++) {
            is_free = !(overlap(box, s->taken[k]) > s->threshold);
        }
        if (is_free) {
            s->taken[found] = box;
            kept[found++] = s->candidates[i].box;
        }
    }
    return found;
}

static cleat_status suppression_read(call *c, suppression *s) {
    const run_value *boxes, *scores;
    void *memory;
    char text[SHAPE_TEXT_SIZE], scores_text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &boxes));
    TRY(call_input(c, 1, &scores));
    if (boxes->rank != 3 || scores->rank != 3 || boxes->shape[2] != 4 ||
        boxes->shape[0] != scores->shape[0] || boxes->shape[1] != scores->shape[2]) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "boxes %s and scores %s",
            shape_text(boxes->rank, boxes->shape, text),
            shape_text(scores->rank, scores->shape, scores_text));
    }
    *s = (suppression){.by_centre = attribute_int(c->node, "center_point_box", 0) != 0,
        .has_least = call_has(c, 4),
        .images = scores->shape[0],
        .classes = scores->shape[1],
        .boxes = scores->shape[2]};
    TRY(call_real(c, 2, 0, &s->most));
    TRY(call_real(c, 3, 0, &s->threshold));
    TRY(call_real(c, 4, 0, &s->least));
    TRY(call_memory(c, s->boxes, sizeof *s->candidates, &memory));
    s->candidates = memory;
    TRY(call_memory(c, s->boxes, sizeof *s->taken, &memory));
    s->taken = memory;
    return CLEAT_OK;
}

static cleat_status suppression_host(call *c) {
    suppression s;
    const array *given;
    array *y;
    double *boxes, *scores;
    void *memory;
    int64_t total = 0;
    TRY(suppression_read(c, &s));
    TRY(call_numbers(c, 0, &boxes, &given));
    TRY(call_numbers(c, 1, &scores, &given));
    const int64_t lists = s.images * s.classes;
    TRY(call_memory(c, given->count, sizeof(int64_t), &memory));
    int64_t *kept = memory;
    TRY(call_memory(c, lists, sizeof(int64_t), &memory));
    int64_t *counts = memory;
    for (int64_t i = 0; i < lists; i++) {
        counts[i] = suppress(
            &s, boxes + i / s.classes * s.boxes * 4, scores + i * s.boxes, kept + i * s.boxes);
        total += counts[i];
    }
    TRY(call_output_array(c, 0, CLEAT_I64, 2, (int64_t[]){total, 3}, &y));
    int64_t *to = y->elements;
    for (int64_t i = 0; i < lists; i++) {
        for (int64_t k = 0; k < counts[i]; k++) {
            *to++ = i / s.classes;
            *to++ = i % s.classes;
            *to++ = kept[i * s.boxes + k];
        }
    }
    return CLEAT_OK;
}

/* ---- Det: of the last two axes, by elimination with pivots ---- */

static double determinant(double *a, int64_t n) {
    double product = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++) {
            pivot = fabs(a[i * n + k]) > fabs(a[pivot * n + k]) ? i : pivot;
        }
        for (int64_t j = 0; j < n && pivot != k; j++) {
            const double other = a[pivot * n + j];
            a[pivot * n + j] = a[k * n + j];
            a[k * n + j] = other;
        }
        product *= pivot != k ? -a[k * n + k] : a[k * n + k];
        if (!(a[k * n + k] < 0 || a[k * n + k] > 0)) {
            return product;
        }
        for (int64_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (int64_t j = k; j < n; j++) {
                a[i * n + j] -= factor * a[k * n + j];
            }
        }
    }
    return product;
}

static cleat_status determinant_host(call *c) {
    const run_value *v;
    const array *x;
    array *y;
    double *numbers;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &v));
    if (v->rank < 2 || v->shape[v->rank - 1] != v->shape[v->rank - 2]) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x is %s, expected square matrices",
            shape_text(v->rank, v->shape, text));
    }
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_output_array(c, 0, x->type, x->rank - 2, x->shape, &y));
    const int64_t n = x->shape[x->rank - 1];
    for (int64_t i = 0; i < y->count; i++) {
        array_set_real(y, i, determinant(numbers + i * n * n, n));
    }
    return CLEAT_OK;
}

/* ---- TfIdfVectorizer, of integers or texts ---- */

typedef struct grams {
    const int64_t *pool, *starts, *places;
    char *const *texts; /* or these instead of the pool's integers */
    const float *weights;
    size_t pool_count, start_count, place_count, weight_count;
    int64_t least, most, skips, width; /* lengths of grams; elements of a result */
    bool counts, weighs;               /* TF, IDF, or both */
} grams;

static cleat_status grams_read(const call *c, grams *g) {
    const char *mode = attribute_text(c->node, "mode", "");
    memset(g, 0, sizeof *g);
    const graph_attribute *texts = attribute_find(c->node, "pool_strings", CLEAT_ATTRIBUTE_TEXTS);
    g->pool = attribute_ints(c->node, "pool_int64s", &g->pool_count);
    if (g->pool == NULL && texts != NULL) {
        g->texts = texts->texts;
        g->pool_count = texts->count;
    }
    g->starts = attribute_ints(c->node, "ngram_counts", &g->start_count);
    g->places = attribute_ints(c->node, "ngram_indexes", &g->place_count);
    g->weights = attribute_floats(c->node, "weights", &g->weight_count);
    g->least = attribute_int(c->node, "min_gram_length", 1);
    g->most = attribute_int(c->node, "max_gram_length", 1);
    g->skips = attribute_int(c->node, "max_skip_count", 0);
    g->counts = strcmp(mode, "IDF") != 0;
    g->weighs = strcmp(mode, "TF") != 0;
    bool fits = (g->pool != NULL || g->texts != NULL) && g->starts != NULL && g->places != NULL &&
                g->least >= 1 && g->most >= g->least && g->most <= (int64_t)g->start_count &&
                g->skips >= 0 && (g->weights == NULL || g->weight_count == g->place_count) &&
                (strcmp(mode, "TF") == 0 || strcmp(mode, "IDF") == 0 || strcmp(mode, "TFIDF") == 0);
    size_t grams_found = 0;
    for (size_t i = 0; fits && i < g->start_count; i++) {
        const int64_t end = i + 1 < g->start_count ? g->starts[i + 1] : (int64_t)g->pool_count;
        fits = g->starts[i] >= 0 && end >= g->starts[i] && end <= (int64_t)g->pool_count &&
               (end - g->starts[i]) % (int64_t)(i + 1) == 0;
        grams_found += fits ? (size_t)(end - g->starts[i]) / (i + 1) : 0;
    }
    fits = fits && grams_found == g->place_count;
    for (size_t i = 0; fits && i < g->place_count; i++) {
        fits = g->places[i] >= 0 && g->places[i] < INT32_MAX;
        g->width = fits && g->places[i] >= g->width ? g->places[i] + 1 : g->width;
    }
    return fits ? CLEAT_OK
                : call_refuse(c, CLEAT_INVALID_ARGUMENT, "its attributes do not fit together");
}

/* Counts one gram, `step` apart in the row, wherever the pool has it. */
static void count_gram(
    const grams *g, const array *x, int64_t at, int64_t step, int64_t length, double *found) {
    size_t gram = 0;
    for (int64_t before = 1; before < length; before++) {
        gram += (size_t)((g->starts[before] - g->starts[before - 1]) / before);
    }
    const int64_t end =
        (size_t)length < g->start_count ? g->starts[length] : (int64_t)g->pool_count;
    for (int64_t start = g->starts[length - 1]; start < end; start += length, gram++) {
        bool is_same = true;
        for (int64_t k = 0; is_same && k < length; k++) {
            const int64_t i = at + k * step;
            is_same = g->texts != NULL ? strcmp(array_text(x, i), g->texts[start + k]) == 0
                                       : array_integer(x, i) == g->pool[start + k];
        }
        found[g->places[gram]] += is_same;
    }
}

static void count_row(const grams *g, const array *x, int64_t at, int64_t extent, double *found) {
    for (int64_t length = g->least; length <= g->most; length++) {
        for (int64_t step = 1; step <= (length > 1 ? g->skips + 1 : 1); step++) {
            for (int64_t i = 0; i < extent && (length - 1) <= (extent - 1 - i) / step; i++) {
                count_gram(g, x, at + i, step, length, found);
            }
        }
    }
}

static cleat_status grams_host(call *c) {
    grams g;
    const array *x;
    array *y;
    void *memory;
    TRY(grams_read(c, &g));
    TRY(call_array(c, 0, &x));
    if (x->rank < 1 || x->rank > 2 || type_is_floating(x->type) ||
        (x->type == CLEAT_TEXT) != (g.texts != NULL)) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x of rank %d and type %s, grams of %s",
            (int)x->rank, cleat_type_name(x->type), g.texts != NULL ? "texts" : "integers");
    }
    const int64_t rows = x->rank == 2 ? x->shape[0] : 1, extent = x->shape[x->rank - 1];
    TRY(call_output_array(c, 0, CLEAT_F32, x->rank,
        x->rank == 2 ? (int64_t[]){rows, g.width} : (int64_t[]){g.width, 0}, &y));
    TRY(call_memory(c, y->count, sizeof(double), &memory));
    double *found = memory;
    for (int64_t i = 0; i < rows; i++) {
        count_row(&g, x, i * extent, extent, found + i * g.width);
    }
    for (int64_t i = 0; i < y->count; i++) {
        double weight = 1;
        for (size_t k = 0; g.weighs && g.weights != NULL && k < g.place_count; k++) {
            weight = g.places[k] == i % g.width ? (double)g.weights[k] : weight;
        }
        array_set_real(y, i, (g.counts ? found[i] : found[i] > 0) * weight);
    }
    return CLEAT_OK;
}

const operator_entry operators_detection[] = {
    {"NonMaxSuppression", suppression_host, NULL, 2, 5, false},
    {"Det", determinant_host, NULL, 1, 1, false},
    {"TfIdfVectorizer", grams_host, NULL, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};
