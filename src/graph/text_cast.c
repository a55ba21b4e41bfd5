/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/text_cast.h"
#include "core/half.h"
#include "core/tensor_check.h"
#include "graph/numbers.h"
#include "graph/text.h"
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- The calling thread's locale, which says what a decimal point is ---- */

typedef struct plain_locale {
    locale_t made, before;
} plain_locale;

static cleat_status plain_locale_enter(plain_locale *l) {
    l->made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    REFUSE_IF(l->made == (locale_t)0, CLEAT_OUT_OF_HOST_MEMORY, "Cast: no memory for a locale");
    l->before = uselocale(l->made);
    return CLEAT_OK;
}

static void plain_locale_leave(const plain_locale *l) {
    uselocale(l->before);
    freelocale(l->made);
}

/* ---- From texts ---- */

/* False where the text is no number. */
static bool read_real(const char *characters, cleat_type type, double *value) {
    const bool has_sign = characters[0] == '+' || characters[0] == '-';
    char *end = NULL;
    if (strcasecmp(characters, "NaN") == 0) {
        *value = (double)NAN;
        return true;
    }
    if (strcasecmp(characters + (has_sign ? 1 : 0), "INF") == 0) {
        *value = characters[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (characters[0] == '\0' || characters[strspn(characters, "+-.0123456789eE")] != '\0') {
        return false;
    }
    *value = type == CLEAT_F32 ? (double)strtof(characters, &end) : strtod(characters, &end);
    return *end == '\0';
}

static bool read_integer(const char *characters, number *value) {
    char *end = NULL;
    if (characters[0] == '\0' || characters[strspn(characters, "+-0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    if (characters[0] == '-') {
        value->integer = strtoll(characters, &end, 10);
    } else {
        value->natural = strtoull(characters, &end, 10);
    }
    return *end == '\0' && errno == 0;
}

static bool read_number(const char *characters, cleat_type type, number *value) {
    number real;
    if (!type_is_floating(type) && read_integer(characters, value)) {
        return true;
    }
    if (!read_real(characters, type, &real.real)) {
        return false;
    }
    *value = number_cast(real, CLEAT_F64, type);
    return true;
}

cleat_status texts_to_numbers(const call *c, const array *x, array *y) {
    plain_locale l = {0};
    TRY(plain_locale_enter(&l));
    cleat_status status = CLEAT_OK;
    for (int64_t i = 0; i < x->count && status == CLEAT_OK; i++) {
        number value;
        if (read_number(array_text(x, i), y->type, &value)) {
            numbers_store(y, i, 1, &value);
        } else {
            status = call_refuse(c, CLEAT_INVALID_ARGUMENT, "text %lld, \"%.60s\", is no number",
                (long long)i, array_text(x, i));
        }
    }
    plain_locale_leave(&l);
    return status;
}

/* ---- To texts ---- */

enum {
    NUMBER_TEXT = 400, /* 2^-1074 with its 324 zeros and some digits */
    MOST_DIGITS = 17
};

static double rounded(double value, cleat_type type) {
    float f32 = (float)value;
    if (type == CLEAT_F16) {
        const uint16_t half = half_from_double(value, type);
        cleat_f16_to_f32(&half, 1, &f32);
    } else if (type == CLEAT_BF16) {
        const uint16_t half = half_from_double(value, type);
        cleat_bf16_to_f32(&half, 1, &f32);
    }
    return type == CLEAT_F64 ? value : (double)f32;
}

static void write_real(double value, cleat_type type, char *characters) {
    if (!isfinite(value)) {
        snprintf(characters, NUMBER_TEXT, "%s", isnan(value) ? "NaN" : value > 0 ? "INF" : "-INF");
        return;
    }
    int digits = 0;
    double read = 0;
    do {
        snprintf(characters, NUMBER_TEXT, "%.*e", digits++, value);
        read = rounded(strtod(characters, NULL), type);
    } while ((read < value || read > value) && digits < MOST_DIGITS);
    const char *exponent = strchr(characters, 'e');
    const int decimals = digits - 1 - (exponent != NULL ? atoi(exponent + 1) : 0);
    snprintf(characters, NUMBER_TEXT, "%.*f", decimals > 0 ? decimals : 0, value);
}

static void write_number(const array *x, int64_t i, char *characters) {
    if (type_is_floating(x->type)) {
        write_real(array_real(x, i), x->type, characters);
    } else if (x->type == CLEAT_U64) {
        snprintf(characters, NUMBER_TEXT, "%llu",
            (unsigned long long)((const uint64_t *)x->elements)[i]);
    } else {
        snprintf(characters, NUMBER_TEXT, "%lld", (long long)array_integer(x, i));
    }
}

cleat_status numbers_to_texts(const array *x, array *y) {
    char characters[NUMBER_TEXT];
    plain_locale l = {0};
    TRY(plain_locale_enter(&l));
    cleat_status status = CLEAT_OK;
    for (int64_t i = 0; i < x->count && status == CLEAT_OK; i++) {
        write_number(x, i, characters);
        status = array_set_text("Cast", y, i, characters, strlen(characters));
    }
    plain_locale_leave(&l);
    return status;
}
