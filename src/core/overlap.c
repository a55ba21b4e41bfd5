/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two views of one memory object touch the same bytes. */
#include "core/context_state.h"
#include "core/tensor_check.h"

enum { MAX_STEPS = 2 * CLEAT_MAX_RANK, MAX_TRIES = 20000 };

/* One term of the difference of two element indices: any of low .. high times size. */
typedef struct step {
    int64_t size, low, high;
} step;

typedef struct search {
    step steps[MAX_STEPS];                             /* greatest size first */
    int64_t least[MAX_STEPS + 1], most[MAX_STEPS + 1]; /* what the steps from here on can sum to */
    int count;
    int tries;
} search;

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && a < 0 ? q - 1 : q;
}

/* Whether the steps from `at` on can sum to `distance`. Gives up, saying yes, after many tries. */
static bool reaches(search *s, int at, int64_t distance) {
    if (distance < s->least[at] || distance > s->most[at]) {
        return false;
    }
    if (at == s->count || ++s->tries > MAX_TRIES) {
        return true;
    }
    const step *now = &s->steps[at];
    int64_t first = -floor_div(-(distance - s->most[at + 1]), now->size);
    int64_t last = floor_div(distance - s->least[at + 1], now->size);
    first = first > now->low ? first : now->low;
    last = last < now->high ? last : now->high;
    for (int64_t t = first; t <= last; t++) {
        if (reaches(s, at + 1, distance - t * now->size)) {
            return true;
        }
    }
    return false;
}

/* Adds the axes of a tensor: index i of an axis adds sign * i * stride. */
static void add_steps(search *s, const cleat_tensor *x, int sign) {
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t reach = x->shape[i] - 1;
        if (reach == 0 || x->stride[i] == 0) {
            continue; /* the stride of a single element is not checked and may be anything */
        }
        int64_t stride = sign * x->stride[i];
        int64_t size = stride < 0 ? -stride : stride;
        step added = {size, stride < 0 ? -reach : 0, stride < 0 ? 0 : reach};
        int at = 0;
        while (at < s->count && s->steps[at].size > size) {
            at++;
        }
        if (at < s->count && s->steps[at].size == size) {
            s->steps[at].low += added.low;
            s->steps[at].high += added.high;
            continue;
        }
        for (int k = s->count; k > at; k--) {
            s->steps[k] = s->steps[k - 1];
        }
        s->steps[at] = added;
        s->count++;
    }
}

/* Whether two tensors of the same element size, `distance` elements apart, share an element. */
static bool share_element(const cleat_tensor *x, const cleat_tensor *y, int64_t distance) {
    search s = {.count = 0};
    add_steps(&s, x, 1);
    add_steps(&s, y, -1);
    for (int i = s.count - 1; i >= 0; i--) {
        s.least[i] = s.least[i + 1] + s.steps[i].low * s.steps[i].size;
        s.most[i] = s.most[i + 1] + s.steps[i].high * s.steps[i].size;
    }
    return reaches(&s, 0, distance);
}

/* The bytes of the root memory object that a tensor with elements lies between. */
static void byte_range(const cleat_tensor *x, int64_t *first, int64_t *end) {
    int64_t size = (int64_t)cleat_type_size(x->type);
    int64_t low = x->offset;
    int64_t high = x->offset;
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t span = (x->shape[i] - 1) * x->stride[i];
        low += span < 0 ? span : 0;
        high += span > 0 ? span : 0;
    }
    *first = (int64_t)x->buffer->root_offset + low * size;
    *end = (int64_t)x->buffer->root_offset + (high + 1) * size;
}

bool tensor_is_same_view(const cleat_tensor *x, const cleat_tensor *y) {
    if (x->buffer->root != y->buffer->root || x->type != y->type || !same_shape(x, y) ||
        x->buffer->root_offset + (uint64_t)x->offset * cleat_type_size(x->type) !=
            y->buffer->root_offset + (uint64_t)y->offset * cleat_type_size(y->type)) {
        return false;
    }
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] != 1 && x->stride[i] != y->stride[i]) {
            return false;
        }
    }
    return true;
}

static bool overlap(const cleat_tensor *x, const cleat_tensor *y) {
    int64_t first_x = 0;
    int64_t end_x = 0;
    int64_t first_y = 0;
    int64_t end_y = 0;
    byte_range(x, &first_x, &end_x);
    byte_range(y, &first_y, &end_y);
    if (end_x <= first_y || end_y <= first_x) {
        return false;
    }
    int64_t size = (int64_t)cleat_type_size(x->type);
    if (size != (int64_t)cleat_type_size(y->type)) {
        return true;
    }
    int64_t base_x = (int64_t)x->buffer->root_offset + x->offset * size;
    int64_t base_y = (int64_t)y->buffer->root_offset + y->offset * size;
    int64_t distance = base_y - base_x;
    /* Elements that lie across each other's borders always overlap somewhere. */
    return distance % size != 0 || share_element(x, y, distance / size);
}

cleat_status check_no_overlap(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y, bool allow_same) {
    if (x->buffer->root != y->buffer->root || cleat_tensor_count(x) == 0 ||
        cleat_tensor_count(y) == 0 || (allow_same && tensor_is_same_view(x, y)) || !overlap(x, y)) {
        return CLEAT_OK;
    }
    return status_set(CLEAT_OVERLAP, "%s: the output %s overlaps %s", operation, name_y, name_x);
}
