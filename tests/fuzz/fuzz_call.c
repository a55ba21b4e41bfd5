/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_call.h"

#include "fuzz_view.h"
#include <math.h>
#include <stdio.h>

/* ---- Input ---- */

/* The whole of the input, for fuzz_fail(): drivers take the signals by which libFuzzer would keep
 * it. */
static const unsigned char *whole_input;
static size_t whole_size;

fuzz_input fuzz_begin(const unsigned char *data, size_t size) {
    whole_input = data;
    whole_size = size;
    return (fuzz_input){data, size};
}

static void keep_input(void) {
    FILE *file = fopen("fuzz-failure", "wb");
    if (file != NULL) {
        fwrite(whole_input, 1, whole_size, file);
        fclose(file);
        fprintf(stderr, "  the input is in the file fuzz-failure\n");
    }
}

unsigned fuzz_byte(fuzz_input *in) {
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->next++;
}

int fuzz_below(fuzz_input *in, int end) {
    return (int)(fuzz_byte(in) % (unsigned)end);
}

bool fuzz_one_in(fuzz_input *in, int n) {
    return fuzz_below(in, n) == n - 1;
}

int64_t fuzz_number(fuzz_input *in) {
    static const int64_t limits[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, INT32_MAX, INT32_MIN,
        (int64_t)INT32_MAX + 1, (int64_t)UINT32_MAX + 1, (int64_t)1 << 40, (int64_t)1 << 62, 1000};
    const int kind = fuzz_below(in, 8);
    if (kind < 6) {
        return fuzz_below(in, 16) - 3;
    }
    if (kind == 6) {
        return limits[fuzz_below(in, sizeof limits / sizeof limits[0])];
    }
    uint64_t any = 0;
    for (int i = 0; i < 8; i++) {
        any = any << 8 | fuzz_byte(in);
    }
    int64_t number;
    memcpy(&number, &any, sizeof number);
    return number;
}

/* ---- Calls ---- */

cleat_context *fuzz_context(void) {
    static cleat_context *context;
    if (context == NULL && cleat_context_create(NULL, &context) != CLEAT_OK) {
        fprintf(stderr, "no context: %s\n", cleat_error_message());
        exit(1);
    }
    return context;
}

void fuzz_fail(const fuzz_call *c, const char *what) {
    fprintf(stderr, "\n%s: %s\n", c->name, what);
    for (int k = 0; k < c->count; k++) {
        const cleat_tensor *t = &c->tensors[k];
        fprintf(stderr, "  operand %d: %s, rank %d, offset %lld, buffer %s, shape and strides", k,
            cleat_type_name(t->type), (int)t->rank, (long long)t->offset,
            t->buffer != NULL ? "given" : "none");
        for (int32_t i = 0; i < CLEAT_MAX_RANK && i < t->rank; i++) {
            fprintf(stderr, " %lld:%lld", (long long)t->shape[i], (long long)t->stride[i]);
        }
        fprintf(stderr, "\n");
    }
    fprintf(stderr, "  last message: %s\n", cleat_error_message());
    keep_input();
    abort();
}

void fuzz_add(fuzz_call *c, operand_kind kind, int32_t rank, const int64_t *shape) {
    cleat_tensor *t = &c->tensors[c->count];
    *t = (cleat_tensor){.type = operand_type(kind, CLEAT_F32), .rank = rank};
    for (int32_t i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
    }
    c->changes[c->count] = kind >= OPERAND_RESULT;
    c->kinds[c->count++] = kind;
}

/* ---- Layout ---- */

enum { GAP = 64, MOST_BYTES = 1 << 20 };

/* Strides of t in an order of axes; elements it spans. */
static int64_t lay_out_one(cleat_tensor *t, bool is_input, bool plain, fuzz_input *in) {
    int32_t order[CLEAT_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) {
        order[i] = t->rank - 1 - i;
    }
    for (int32_t i = t->rank - 1; i > 0 && !plain; i--) {
        const int32_t other = fuzz_below(in, i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    int64_t stride = plain ? 1 : 1 + fuzz_below(in, 3) % 2;
    t->offset = 0;
    for (int32_t i = 0; i < t->rank; i++) {
        const int32_t axis = order[i];
        const int how = plain ? 0 : fuzz_below(in, 8);
        if (t->shape[axis] > MOST_BYTES) {
            return t->shape[axis];
        }
        t->stride[axis] = stride;
        if (how == 5 && is_input) {
            t->stride[axis] = 0;
            continue;
        }
        if (how == 6 && t->shape[axis] > 0) {
            t->offset += (t->shape[axis] - 1) * stride;
            t->stride[axis] = -stride;
        }
        stride *= t->shape[axis] + (how == 7);
        stride = stride < 1 ? 1 : stride;
        if (stride > MOST_BYTES) {
            return stride;
        }
    }
    return stride;
}

bool fuzz_lay_out(fuzz_call *c, fuzz_input *in) {
    c->size = GAP;
    for (int k = 0; k < c->count; k++) {
        cleat_tensor *t = &c->tensors[k];
        const int64_t span = lay_out_one(t, !c->changes[k], fuzz_one_in(in, 2), in);
        const size_t element = cleat_type_size(t->type);
        if (span > MOST_BYTES) {
            return false;
        }
        t->offset += (int64_t)(c->size / element);
        c->size += ((size_t)span * element + GAP - 1) / GAP * GAP + GAP;
        if (c->size > MOST_BYTES) {
            return false;
        }
    }
    return true;
}

void fuzz_spoil(fuzz_call *c, fuzz_input *in) {
    for (int n = fuzz_below(in, 4); n > 0 && c->count > 0; n--) {
        cleat_tensor *t = &c->tensors[fuzz_below(in, c->count)];
        const int axis = fuzz_below(in, CLEAT_MAX_RANK);
        switch (fuzz_below(in, 8)) {
        case 0:
            t->shape[axis] = fuzz_number(in);
            break;
        case 1:
            t->stride[axis] = fuzz_number(in);
            break;
        case 2:
            t->offset = fuzz_number(in);
            break;
        case 3:
            t->rank = (int32_t)fuzz_number(in);
            break;
        case 4:
            t->type = (cleat_type)fuzz_below(in, 16);
            break;
        case 5:
            *t = c->tensors[fuzz_below(in, c->count)];
            break;
        case 6:
            t->offset = (int64_t)((uint64_t)c->tensors[fuzz_below(in, c->count)].offset +
                                  (uint64_t)fuzz_below(in, 4));
            break;
        default:
            *t = cleat_transpose(*t);
            break;
        }
    }
    for (int k = 0; k < c->count && fuzz_one_in(in, 64); k++) {
        c->tensors[k].type = (cleat_type)0;
    }
}

/* ---- Values ---- */

/* Any byte sequence is a value of the integers; reals stay between -1 and 1, as do those in f64. */
static void put_values(const fuzz_call *c, unsigned char *bytes, fuzz_input *in) {
    memset(bytes, 0xFF, c->size);
    uint32_t state = 1 + fuzz_byte(in);
    const bool wild = fuzz_one_in(in, 4);
    for (int k = 0; k < c->count; k++) {
        const cleat_tensor *t = &c->tensors[k];
        const operand_kind kind = c->kinds[k];
        fuzz_view view;
        if (kind >= OPERAND_RESULT || !fuzz_view_of(t, c->size, &view)) {
            continue;
        }
        for (int64_t i = 0; i < view.count; i++) {
            state = state * 1664525U + 1013904223U;
            const int32_t drawn = (int32_t)(state >> 8) % 2001 - 1000;
            const double real =
                kind == OPERAND_POSITIVE ? 1 + (double)drawn / 2048 : (double)drawn / 1024;
            const double whole = wild ? drawn % 5 : drawn % 2 + 1; /* -4 .. 4, or 0 .. 2 */
            const double value = kind == OPERAND_INDEX   ? whole
                                 : kind == OPERAND_PLACE ? (double)(wild ? drawn : 3 * i)
                                 : kind == OPERAND_TRUTH ? (double)(drawn & 1)
                                                         : real;
            fuzz_view_put(&view, i, bytes, value);
        }
    }
}

/* ---- What has to hold ---- */

static void check_refused(const fuzz_call *c, cleat_status status, const unsigned char *before,
    const unsigned char *got) {
    const bool is_mistake = (status >= CLEAT_INVALID_ARGUMENT && status <= CLEAT_SIZE_OVERFLOW) ||
                            status == CLEAT_UNSUPPORTED;
    if (!is_mistake) {
        fuzz_fail(c, cleat_status_name(status));
    }
    if (cleat_error_message()[0] == '\0') {
        fuzz_fail(c, "refused without a message");
    }
    if (memcmp(before, got, c->size) != 0) {
        fuzz_fail(c, "refused, and operands have changed");
    }
}

/* What is accepted has only operands that are valid. */
static void check_valid(const fuzz_call *c) {
    for (int k = 0; k < c->count; k++) {
        if (!c->ignores[k] &&
            (c->tensors[k].buffer == NULL || !fuzz_view_is_valid(&c->tensors[k], c->size))) {
            fprintf(stderr, "\noperand %d", k);
            fuzz_fail(c, "accepted an operand that is not valid");
        }
    }
}

/* Only elements of results may have changed. */
static void check_outside(
    const fuzz_call *c, const unsigned char *before, const unsigned char *got) {
    unsigned char *mine = calloc(c->size, 1);
    for (int k = 0; k < c->count && mine != NULL; k++) {
        fuzz_view view;
        if (!c->changes[k] || !fuzz_view_of(&c->tensors[k], c->size, &view)) {
            continue;
        }
        for (int64_t i = 0; i < view.count; i++) {
            memset(mine + fuzz_view_at(&view, i), 1, view.element);
        }
    }
    for (size_t i = 0; i < c->size && mine != NULL; i++) {
        if (!mine[i] && before[i] != got[i]) {
            fuzz_fail(c, "wrote outside of its results");
        }
    }
    free(mine);
}

/* How much of the largest element a result may be off: 0 for types that do not round. */
static double part_of_largest(cleat_type type) {
    return type == CLEAT_F32 || type == CLEAT_F64 ? 1e-4
           : type == CLEAT_F16                    ? 2e-3
           : type == CLEAT_BF16                   ? 1.6e-2
                                                  : 0;
}

/* The same call in f64, each operand whole; false where it cannot be made. */
static bool make_double(const fuzz_call *c, fuzz_call *d) {
    *d = *c;
    d->size = 0;
    for (int k = 0; k < c->count; k++) {
        cleat_tensor *t = &d->tensors[k];
        fuzz_view view;
        if (!fuzz_view_of(&c->tensors[k], c->size, &view)) {
            return false;
        }
        t->type = part_of_largest(t->type) > 0 ? CLEAT_F64 : t->type;
        int64_t stride = 1;
        for (int32_t i = t->rank - 1; i >= 0; i--) {
            t->stride[i] = stride;
            stride *= t->shape[i];
        }
        t->offset = (int64_t)(d->size / cleat_type_size(t->type));
        d->size += ((size_t)view.count * cleat_type_size(t->type) + GAP - 1) / GAP * GAP + GAP;
    }
    return true;
}

static void compare(
    const fuzz_call *c, const unsigned char *got, const fuzz_call *d, const unsigned char *want) {
    for (int k = 0; k < c->count; k++) {
        fuzz_view mine, right;
        if (!c->changes[k] || !fuzz_view_of(&c->tensors[k], c->size, &mine) ||
            !fuzz_view_of(&d->tensors[k], d->size, &right)) {
            continue;
        }
        double largest = 0;
        for (int64_t i = 0; i < right.count; i++) {
            const double size = fabs(fuzz_view_get(&right, i, want));
            largest = isfinite(size) && size > largest ? size : largest;
        }
        const double part = part_of_largest(c->tensors[k].type);
        for (int64_t i = 0; i < right.count; i++) {
            const double a = fuzz_view_get(&mine, i, got), b = fuzz_view_get(&right, i, want);
            const double allowed = part * (largest < 1 ? 1 : largest);
            const bool is_past = c->tensors[k].type == CLEAT_F16 && !(fabs(b) < 65000);
            if ((isnan(a) && isnan(b)) || is_past) {
                continue;
            }
            if (!(a == b || fabs(a - b) <= allowed)) {
                fprintf(
                    stderr, "\nresult %d, element %lld: %.9g, in f64 %.17g", k, (long long)i, a, b);
                fuzz_fail(c, "not what it is in f64");
            }
        }
    }
}

static cleat_buffer *place(fuzz_call *c, const unsigned char *bytes, cleat_tensor *whole) {
    const int64_t size = (int64_t)c->size;
    cleat_buffer *buffer = NULL;
    if (cleat_buffer_create(fuzz_context(), c->size, &buffer) != CLEAT_OK ||
        cleat_tensor_view(buffer, CLEAT_U8, 1, &size, 0, whole) != CLEAT_OK ||
        cleat_write(fuzz_context(), *whole, bytes, c->size) != CLEAT_OK) {
        fuzz_fail(c, "its operands");
    }
    for (int k = 0; k < c->count; k++) {
        c->tensors[k].buffer = (int)c->tensors[k].type == 0 ? NULL : buffer;
    }
    return buffer;
}

static void check_double(
    const fuzz_call *c, const unsigned char *before, const unsigned char *got) {
    fuzz_call d;
    if (!c->in_f64 || !make_double(c, &d)) {
        return;
    }
    unsigned char *bytes = malloc(d.size);
    if (bytes == NULL) {
        return;
    }
    memset(bytes, 0xFF, d.size);
    bool is_sound = true; /* no NaN, no truth value but 0 and 1, as where inputs overlap */
    for (int k = 0; k < c->count; k++) {
        fuzz_view from, to;
        if (fuzz_view_of(&c->tensors[k], c->size, &from) &&
            fuzz_view_of(&d.tensors[k], d.size, &to)) {
            for (int64_t i = 0; i < from.count; i++) {
                const double value = fuzz_view_get(&from, i, before);
                is_sound = is_sound && (to.tensor->type != CLEAT_BOOL || value <= 1) &&
                           (c->kinds[k] >= OPERAND_RESULT || isfinite(value));
                fuzz_view_put(&to, i, bytes, value);
            }
        }
    }
    cleat_tensor whole;
    cleat_buffer *buffer = place(&d, bytes, &whole);
    if (is_sound && d.call(fuzz_context(), d.tensors) == CLEAT_OK) {
        if (cleat_read(fuzz_context(), whole, bytes, d.size) != CLEAT_OK) {
            fuzz_fail(c, "its results in f64");
        }
        compare(c, got, &d, bytes);
    }
    cleat_buffer_release(buffer);
    free(bytes);
}

/* Broadcast over so many elements that the call, if it is accepted, takes seconds. */
static bool takes_long(const cleat_tensor *t) {
    double count = 1;
    for (int32_t i = 0; i < CLEAT_MAX_RANK && i < t->rank; i++) {
        count *= (double)(t->shape[i] < 1 ? 1 : t->shape[i]);
    }
    return count > 0x1p20 && count < 0x1p45;
}

void fuzz_make(fuzz_call *c, fuzz_input *in) {
    for (int k = 0; k < c->count; k++) {
        if (takes_long(&c->tensors[k])) {
            return;
        }
    }
    unsigned char *before = malloc(c->size), *got = malloc(c->size);
    if (before == NULL || got == NULL) {
        abort();
    }
    put_values(c, before, in);
    cleat_tensor whole;
    cleat_buffer *buffer = place(c, before, &whole);
    const cleat_status status = c->call(fuzz_context(), c->tensors);
    if (cleat_read(fuzz_context(), whole, got, c->size) != CLEAT_OK) {
        fuzz_fail(c, "the context is of no use afterwards");
    }
    if (status != CLEAT_OK) {
        check_refused(c, status, before, got);
    } else {
        check_valid(c);
        check_outside(c, before, got);
        check_double(c, before, got);
    }
    cleat_buffer_release(buffer);
    free(before);
    free(got);
}
