/* SPDX-License-Identifier: Apache-2.0 */
/* f16 and bf16: conversions on the host and on the device, all of them where that can be. */
#include "harness.h"
#include "harness_spoilt.h"
#include "reference/reference_half.h"
#include "reference/reference_types.h"

static const cleat_type halves[] = {CLEAT_F16, CLEAT_BF16};
enum { ALL = 1 << 16 };

static cleat_context *other_context; /* in place of the shared one */

static cleat_context *context(void) {
    return other_context != NULL ? other_context : test_context();
}

static void to_host(cleat_type type, const uint16_t *bits, int64_t count, float *values) {
    (type == CLEAT_F16 ? cleat_f16_to_f32 : cleat_bf16_to_f32)(bits, (size_t)count, values);
}

static void from_host(cleat_type type, const float *values, int64_t count, uint16_t *bits) {
    (type == CLEAT_F16 ? cleat_f16_from_f32 : cleat_bf16_from_f32)(values, (size_t)count, bits);
}

/* Values equal, zeros of one sign; or both NaN. */
static void check_values(const float *got, const double *want, int64_t count, const char *what) {
    for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
        const double value = (double)got[i];
        const bool right = isnan(want[i])
                               ? isnan(value)
                               : value == want[i] && !signbit(value) == !signbit(want[i]);
        if (!right) {
            ck_abort_msg("%s: element %d is %.9g, not %.9g", what, (int)i, value, want[i]);
        }
    }
}

/* Bits equal; or both NaN. */
static void check_bits(cleat_type type, const uint16_t *got, const uint16_t *want, int64_t count,
    const float *from, const char *what) {
    for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
        const bool nan = isnan(reference_half_value(type, want[i]));
        if (nan ? !isnan(reference_half_value(type, got[i])) : got[i] != want[i]) {
            ck_abort_msg("%s: element %d, of %.9g, is %04x, not %04x", what, (int)i,
                from != NULL ? (double)from[i] : 0.0, got[i], want[i]);
        }
    }
}

static void all_bits(uint16_t *bits) {
    for (int i = 0; i < ALL; i++) {
        bits[i] = (uint16_t)i;
    }
}

static void widen(cleat_type type, const uint16_t *bits, int64_t count, float *values) {
    cleat_tensor x, y;
    test_ok(cleat_tensor_create(context(), type, 1, &count, &x));
    test_ok(cleat_tensor_create(context(), CLEAT_F32, 1, &count, &y));
    test_ok(cleat_write(context(), x, bits, (size_t)count * sizeof *bits));
    test_ok(cleat_cast(context(), x, y));
    test_ok(cleat_read(context(), y, values, (size_t)count * sizeof *values));
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}

static void narrow(cleat_type type, const float *values, int64_t count, uint16_t *bits) {
    cleat_tensor x, y;
    test_ok(cleat_tensor_create(context(), CLEAT_F32, 1, &count, &x));
    test_ok(cleat_tensor_create(context(), type, 1, &count, &y));
    test_ok(cleat_write(context(), x, values, (size_t)count * sizeof *values));
    test_ok(cleat_cast(context(), x, y));
    test_ok(cleat_read(context(), y, bits, (size_t)count * sizeof *bits));
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}

/* Each of the 65,536 elements there and back, also some that are no multiple of a vector. */
START_TEST(every_element) {
    const cleat_type type = halves[_i];
    uint16_t *bits = test_alloc(ALL, sizeof *bits), *back = test_alloc(ALL, sizeof *back);
    float *values = test_alloc(ALL, sizeof *values);
    double *want = test_alloc(ALL, sizeof *want);
    all_bits(bits);
    for (int i = 0; i < ALL; i++) {
        want[i] = reference_half_value(type, bits[i]);
    }
    to_host(type, bits, ALL, values);
    check_values(values, want, ALL, "on the host");
    from_host(type, values, ALL, back);
    check_bits(type, back, bits, ALL, values, "on the host, back");
    memset(values, 0xff, ALL * sizeof *values);
    widen(type, bits, ALL, values);
    check_values(values, want, ALL, "cast");
    narrow(type, values, ALL, back);
    check_bits(type, back, bits, ALL, values, "cast back");
    for (int64_t count = 1; count < 40; count += 6) {
        widen(type, bits + 0x3bf0, count, values);
        check_values(values, want + 0x3bf0, count, "a short cast");
        narrow(type, values, count, back);
        check_bits(type, back, bits + 0x3bf0, count, values, "a short cast back");
    }
    free(bits);
    free(back);
    free(values);
    free(want);
}
END_TEST

/* What lies half way between each two neighbours, and the floats next to that; the neighbours are
 * exact. Four for each element, the next one by its bits, which from the largest on is infinity. */
static void boundary_values(cleat_type type, float *values) {
    for (int i = 0; i < ALL; i++) {
        const double low = reference_half_value(type, (uint16_t)i);
        const double high = reference_half_value(type, (uint16_t)(i + 1));
        const double largest = ldexp(1, type == CLEAT_F16 ? 16 : 128);
        const double next = isinf(high) ? copysign(largest, low) : high;
        const float middle = (float)(low + (next - low) / 2);
        values[4 * i] = (float)next;
        values[4 * i + 1] = middle;
        values[4 * i + 2] = nextafterf(middle, INFINITY);
        values[4 * i + 3] = nextafterf(middle, -INFINITY);
    }
}

/* Floats of any bits. */
static void random_values(float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)test_int(0, UINT32_MAX);
        memcpy(&values[i], &bits, sizeof bits);
    }
}

static void check_narrow(cleat_type type, const float *values, int64_t count, const char *what) {
    uint16_t *bits = test_alloc(count, sizeof *bits), *want = test_alloc(count, sizeof *want);
    for (int64_t i = 0; i < count; i++) {
        want[i] = reference_half_nearest(type, (long double)values[i]);
    }
    from_host(type, values, count, bits);
    check_bits(type, bits, want, count, values, what);
    memset(bits, 0x55, (size_t)count * sizeof *bits);
    narrow(type, values, count, bits);
    check_bits(type, bits, want, count, values, what);
    free(bits);
    free(want);
}

START_TEST(every_boundary) {
    if (!test_wants_work(4 * ALL)) {
        return;
    }
    float *values = test_alloc(4 * ALL, sizeof *values);
    boundary_values(halves[_i], values);
    check_narrow(halves[_i], values, 4 * ALL, "a boundary");
    random_values(values, 4 * ALL);
    check_narrow(halves[_i], values, 4 * ALL, "random bits");
    free(values);
}
END_TEST

/* f16 as processors have it whose compiler offers no instruction for it. */
START_TEST(integer_arithmetic) {
    if (!test_wants_work(4 * ALL)) {
        return;
    }
    float *values = test_alloc(4 * ALL, sizeof *values);
    uint16_t *bits = test_alloc(ALL, sizeof *bits);
    double *want = test_alloc(ALL, sizeof *want);
    spoilt_begin();
    spoilt_replace("half.cl", "(defined(__F16C__) || defined(__aarch64__))", "0");
    other_context = spoilt_open(CLEAT_VERIFY_OFF, NULL);
    boundary_values(CLEAT_F16, values);
    check_narrow(CLEAT_F16, values, 4 * ALL, "a boundary");
    all_bits(bits);
    for (int i = 0; i < ALL; i++) {
        want[i] = reference_half_value(CLEAT_F16, bits[i]);
    }
    widen(CLEAT_F16, bits, ALL, values);
    check_values(values, want, ALL, "cast");
    cleat_context_release(other_context);
    other_context = NULL;
    spoilt_end();
    free(values);
    free(bits);
    free(want);
}
END_TEST

/* ---- Casts between these and every other type ---- */

static const cleat_type others[] = {
    CLEAT_F64, CLEAT_I32, CLEAT_I64, CLEAT_U8, CLEAT_BOOL, CLEAT_F16, CLEAT_BF16};
enum { OTHERS = sizeof others / sizeof others[0], COUNT = 1003 };

/* A number near a tie of the format, just off it, so that it would be one if it were a float
 * before; with a random number of digits before the tie's. */
static long double near_tie(cleat_type type) {
    const int behind = type == CLEAT_F16 ? 10 : 7;
    const int64_t least = INT64_C(1) << behind;
    const long double kept = (long double)test_int(least, 2 * least - 1);
    const long double off = ldexpl((long double)test_int(-1, 1), -(int)test_int(16, 40));
    return ldexpl((kept + 0.5L + off) * (test_coin() ? 1 : -1), (int)test_int(-30, 50));
}

static void draw_elements(cleat_type from, cleat_type to, void *elements) {
    static const double numbers[] = {0, -0.0, NAN, INFINITY, -INFINITY, 65504, 65519.99, 65520,
        -65536, 3.3e38, 3.4e38, 1e39, -1e300, 6e-8, 2.9802322387695312e-8, 1e-300, 255.5,
        2147483648.0};
    const cleat_type half = to == CLEAT_F16 || to == CLEAT_BF16 ? to : from;
    for (int i = 0; i < COUNT; i++) {
        const double tie = (double)near_tie(half);
        reference_value value = {.is_float = reference_is_float(from)};
        value.number = i < 18 ? numbers[i] : i % 3 == 0 ? (double)test_int(-300, 300) : tie;
        value.integer = i % 3 == 0         ? test_int(INT64_MIN, INT64_MAX)
                        : fabs(tie) < 9e18 ? (int64_t)tie
                                           : test_int(-70000, 70000);
        value.integer = i % 5 == 0 ? value.integer >> test_int(0, 62) : value.integer;
        value.integer = from == CLEAT_BOOL ? value.integer & 1 : value.integer;
        reference_put(from, elements, i, value);
    }
}

static void check_cast(cleat_type from, cleat_type to, test_layout layout) {
    const int64_t shape[] = {17, COUNT / 17};
    void *elements = test_alloc(COUNT, cleat_type_size(from));
    draw_elements(from, to, elements);
    test_tensor x = test_typed(from, 2, shape, elements, layout);
    test_tensor y = test_typed(to, 2, shape, NULL, layout);
    test_ok(cleat_cast(test_context(), x.view, y.view));
    test_fetch(&y);
    test_unchanged(&x);
    for (int64_t i = 0; i < y.count && !test_ignores_values(); i++) {
        const reference_value value = reference_get(from, elements, i);
        const reference_value want = reference_cast(value, to);
        const reference_value got = reference_get(to, y.elements, i);
        if (want.is_float ? !(isnan(want.number) ? isnan(got.number) : got.number == want.number)
                          : got.integer != want.integer) {
            ck_abort_msg("cast %s to %s: element %d, of %.17g or %lld, is %.17g or %lld, not %.17g "
                         "or %lld",
                cleat_type_name(from), cleat_type_name(to), (int)i, value.number,
                (long long)value.integer, got.number, (long long)got.integer, want.number,
                (long long)want.integer);
        }
    }
    test_free(&x);
    test_free(&y);
    free(elements);
}

/* A short run, on another driver, a third of them. */
START_TEST(casts) {
    for (int i = 0; i < OTHERS * 4; i++) {
        const cleat_type half = halves[i % 2], other = others[i / 4];
        const bool narrows = i % 4 < 2;
        const bool works = half != other && (other != CLEAT_F64 || test_has_f64());
        if (works && !(other == CLEAT_BOOL && narrows) && !test_skips()) {
            check_cast(narrows ? other : half, narrows ? half : other,
                i % 8 == 5 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
}
END_TEST

START_TEST(casts_of_whole_numbers) {
    static const cleat_type pairs[][2] = {{CLEAT_U32, CLEAT_F16}, {CLEAT_U64, CLEAT_F16},
        {CLEAT_U64, CLEAT_BF16}, {CLEAT_F16, CLEAT_U64}, {CLEAT_BF16, CLEAT_I8},
        {CLEAT_F16, CLEAT_U16}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (!test_skips()) {
            check_cast(pairs[i][0], pairs[i][1], i == 4 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
}
END_TEST

/* Past the caches, in rows that begin anywhere. */
START_TEST(large_casts) {
    static const int64_t shape[] = {1100, 8195};
    const int64_t count = shape[0] * shape[1];
    if (test_is_short()) {
        return;
    }
    cleat_tensor x, y, z, part, place, back;
    float *values = test_alloc(count, sizeof *values), *got = test_alloc(count, sizeof *got);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(i % 251 - 125) / 8;
    }
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, shape, &x));
    test_ok(cleat_tensor_create(test_context(), halves[_i], 2, shape, &y));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, shape, &z));
    test_ok(cleat_write(test_context(), x, values, (size_t)count * sizeof *values));
    test_ok(cleat_fill(test_context(), 0, y));
    test_ok(cleat_slice(x, 1, 2, shape[1] - 5, 1, &part));
    test_ok(cleat_slice(y, 1, 3, shape[1] - 5, 1, &place));
    test_ok(cleat_cast(test_context(), part, place));
    test_ok(cleat_cast(test_context(), y, z));
    test_ok(cleat_slice(z, 1, 3, shape[1] - 5, 1, &back));
    test_ok(cleat_read(test_context(), z, got, (size_t)count * sizeof *got));
    for (int64_t i = 0; i < count; i++) {
        const int64_t column = i % shape[1];
        const bool inside = column >= 3 && column < shape[1] - 2;
        if (got[i] != (inside ? values[i - 1] : 0)) {
            ck_abort_msg("element %d is %g", (int)i, (double)got[i]);
        }
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_tensor_release(&z);
    free(values);
    free(got);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half");
    test_add_loop(suite, "every_element", every_element, 2);
    test_add_loop(suite, "every_boundary", every_boundary, 2);
    test_add_case(suite, "integers", integer_arithmetic);
    TCase *cast = test_case(suite, "cast");
    tcase_add_test(cast, casts);
    tcase_add_loop_test(cast, large_casts, 0, 2);
    TCase *whole = test_case(suite, "whole");
    tcase_add_test(whole, casts_of_whole_numbers);
    return suite;
}
