/* SPDX-License-Identifier: Apache-2.0 */
/* The comparisons of docs/testing.md: exact, bound, units in the last place, bit for bit. */
#include "harness.h"
#include "reference/reference_half.h"

#include <float.h>
#include <inttypes.h>

static const double unit = 0x1p-24; /* unit roundoff of f32 */

/* What a comparison met: the first wrong element and how many there are. */
typedef struct mismatch {
    int64_t first, count;
    double allowed; /* error allowed at `first` */
} mismatch;

static void mismatch_add(mismatch *m, int64_t index, double allowed) {
    if (m->count == 0) {
        m->first = index;
        m->allowed = allowed;
    }
    m->count++;
}

/* "[2][0][7]" of a row-major index. */
static const char *index_text(const cleat_tensor *view, int64_t index, char text[200]) {
    int64_t at[CLEAT_MAX_RANK];
    for (int32_t axis = view->rank - 1; axis >= 0; axis--) {
        at[axis] = index % view->shape[axis];
        index /= view->shape[axis];
    }
    size_t used = 0;
    text[0] = '\0';
    for (int32_t axis = 0; axis < view->rank; axis++) {
        used += (size_t)snprintf(text + used, 200 - used, "[%" PRId64 "]", at[axis]);
    }
    return text;
}

/* For tests/power, which only wants to know whether something fails. */
static void stop_if_asked(const char *message) {
    if (getenv("CLEAT_TEST_STOP") != NULL) {
        printf("stopped: %s\n", message);
        cleat_finish(test_context()); /* PoCL can crash when a process ends with work pending */
        exit(EXIT_FAILURE);
    }
}

static void fail_on(
    const mismatch *m, const test_tensor *got, const double *want, const char *what) {
    if (m->count == 0 || test_ignores_values()) {
        return;
    }
    char place[200], message[600];
    double value = (double)got->data[m->first], wanted = want[m->first];
    snprintf(message, sizeof message,
        "%s: element %s is %.9g, want %.17g: error %.3g, allowed %.3g; %" PRId64 " of %" PRId64
        " elements are wrong",
        what, index_text(&got->view, m->first, place), value, wanted, fabs(value - wanted),
        m->allowed, m->count, got->count);
    stop_if_asked(message);
    ck_abort_msg("%s", message);
}

static bool is_half(const test_tensor *t) {
    return t->view.type == CLEAT_F16 || t->view.type == CLEAT_BF16;
}

/* The element nearest to a result. */
static double nearest(const test_tensor *t, double want) {
    return is_half(t) ? reference_half_rounded(t->view.type, (long double)want)
                      : (double)(float)want;
}

/* Decides elements that are not finite; *right tells whether they match. */
static bool special(double got, double want, bool *right) {
    if (isfinite(got) && isfinite(want)) {
        return false;
    }
    *right = isnan(want) ? isnan(got) : got == want;
    return true;
}

void test_equal(const test_tensor *got, const double *want, const char *what) {
    mismatch wrong = {0};
    for (int64_t i = 0; i < got->count; i++) {
        double value = (double)got->data[i];
        bool right;
        if (!special(value, want[i], &right)) {
            right = value == want[i];
        }
        if (!right) {
            mismatch_add(&wrong, i, 0);
        }
    }
    fail_on(&wrong, got, want, what);
}

/* How many units of magnitude a sum of k terms may be off. */
static double bound_factor(double k, double u) {
    double probable = 4 * sqrt(k) * u;
    return k * u < 1 ? fmin(probable, k * u / (1 - k * u)) : probable; /* the latter: gamma_k */
}

void test_bound_beside(const test_tensor *got, const double *want, const double *magnitude,
    int64_t terms, double left_out, const char *what) {
    mismatch wrong = {0};
    double k = (double)terms;
    double factor = bound_factor(k, unit) + left_out;
    const double out_unit = is_half(got) ? reference_half_unit(got->view.type) : unit;
    const double least = is_half(got) ? reference_half_tiny(got->view.type) : 0;
    for (int64_t i = 0; i < got->count; i++) {
        double value = (double)got->data[i];
        double tiny = (k + 1) * (double)FLT_MIN; /* products that a device flushes to zero */
        const double of_sum = factor * magnitude[i];
        double allowed = of_sum + out_unit * fabs(want[i]) + tiny;
        if (is_half(got)) { /* what is rounded is the sum that was formed */
            allowed += out_unit * of_sum + least;
        }
        bool right;
        if (!special(value, nearest(got, want[i]), &right)) {
            right = fabs(value - want[i]) <= allowed;
        }
        if (!right) {
            mismatch_add(&wrong, i, allowed);
        }
    }
    fail_on(&wrong, got, want, what);
}

void test_bound(const test_tensor *got, const double *want, const double *magnitude, int64_t terms,
    const char *what) {
    test_bound_beside(got, want, magnitude, terms, 0, what);
}

void test_bound_f64(const test_tensor *got, const long double *want, const long double *magnitude,
    int64_t terms, const char *what) {
    const double *values = test_elements_f64(got);
    const long double factor = (long double)bound_factor((double)terms, 0x1p-53);
    for (int64_t i = 0; i < got->count; i++) {
        const long double tiny = (long double)(terms + 1) * 0x1p-1073L;
        const long double allowed = factor * magnitude[i] + 0x1p-53L * fabsl(want[i]) + tiny;
        const double nearest = (double)want[i];
        bool right;
        if (!special(values[i], nearest, &right)) {
            right = fabsl((long double)values[i] - want[i]) <= allowed;
        }
        if (!right && !test_ignores_values()) {
            char place[200], message[400];
            snprintf(message, sizeof message,
                "%s: element %s is %.17g, want %.20Lg: error %.3Lg, allowed %.3Lg", what,
                index_text(&got->view, i, place), values[i], want[i],
                fabsl((long double)values[i] - want[i]), allowed);
            stop_if_asked(message);
            ck_abort_msg("%s", message);
        }
    }
}

void test_finish_f64(test_tensor *t, const long double *want, const long double *magnitude,
    int64_t terms, const char *what) {
    test_fetch(t);
    test_bound_f64(t, want, magnitude, terms, what);
    test_free(t);
}

void test_bound_of(const test_tensor *got, const long double *want, const long double *magnitude,
    int64_t terms, const char *what) {
    if (got->view.type == CLEAT_F64) {
        test_bound_f64(got, want, magnitude, terms, what);
        return;
    }
    double *rounded = test_alloc(2 * got->count, sizeof *rounded);
    for (int64_t i = 0; i < got->count; i++) {
        rounded[i] = (double)want[i];
        rounded[got->count + i] = (double)magnitude[i];
    }
    test_bound(got, rounded, rounded + got->count, terms, what);
    free(rounded);
}

/* Distance between the two f32 numbers around x. */
static double unit_in_last_place(double x) {
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

void test_ulp(const test_tensor *got, const double *want, double ulp, const char *what) {
    mismatch wrong = {0};
    for (int64_t i = 0; i < got->count; i++) {
        double value = (double)got->data[i];
        double allowed = ulp * unit_in_last_place((double)(float)want[i]);
        if (is_half(got)) {
            const double size = fabs(want[i]) + allowed;
            allowed +=
                reference_half_unit(got->view.type) * size + reference_half_tiny(got->view.type);
        }
        bool right;
        if (!special(value, nearest(got, want[i]), &right)) {
            /* OpenCL lets a device flush subnormal results to zero. */
            bool flushed = fabs(want[i]) < (double)FLT_MIN && value == 0;
            right = flushed || fabs(value - want[i]) <= allowed;
        }
        if (!right) {
            mismatch_add(&wrong, i, allowed);
        }
    }
    fail_on(&wrong, got, want, what);
}

void test_same_bits(const test_tensor *first, const test_tensor *second, const char *what) {
    if (test_ignores_values()) {
        return;
    }
    ck_assert_msg(first->count == second->count, "%s: %" PRId64 " elements and %" PRId64, what,
        first->count, second->count);
    if (first->elements != NULL) {
        const size_t size = (size_t)first->count * cleat_type_size(first->view.type);
        if (memcmp(first->elements, second->elements, size) != 0) {
            ck_abort_msg("%s: the elements have other bits the second time", what);
        }
        return;
    }
    for (int64_t i = 0; i < first->count; i++) {
        uint32_t a, b;
        memcpy(&a, &first->data[i], sizeof a);
        memcpy(&b, &second->data[i], sizeof b);
        char place[200];
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (a != b) {
            ck_abort_msg("%s: element %s has bits %08" PRIx32 " first, %08" PRIx32 " then", what,
                index_text(&first->view, i, place), a, b);
        }
    }
}
