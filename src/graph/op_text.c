/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StringNormalizer, on the host: texts in letters of one case, without those of a list. Letters
 * beyond ASCII are those of UTF-8 for which Unicode has one letter of the other case, as the C
 * library's locale C.UTF-8 knows them; what is no UTF-8 stays. The attribute `locale` is read for
 * the languages alone whose rules differ, which are refused.
 */
#include "core/memory.h"
#include "graph/operators.h"
#include "graph/text.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

typedef enum text_case { CASE_AS_IT_IS, CASE_LOWER, CASE_UPPER } text_case;

typedef struct normalizer {
    call *c;
    text_case into, compared;
    locale_t letters;   /* 0: the C library has none */
    const char **stops; /* sorted */
    size_t stop_count;
} normalizer;

/* ---- Letters ---- */

/* Bytes of the letter of several bytes that the text begins with; 0: it is none. */
static size_t read_letter(const char *from, wint_t *letter) {
    const unsigned char *bytes = (const unsigned char *)from;
    const size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4) {
        return 0;
    }
    *letter = bytes[0] & (0xffU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80) { /* the zero at the end, too */
            return 0;
        }
        *letter = *letter << 6 | (bytes[i] & 0x3f);
    }
    const bool is_long = size > 2 && *letter < (size == 3 ? 0x800U : 0x10000U);
    const bool is_none = (*letter >= 0xd800 && *letter < 0xe000) || *letter > 0x10ffff;
    return is_long || is_none ? 0 : size;
}

static size_t write_letter(wint_t letter, char *to) {
    const size_t size = letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
    if (size == 1) {
        to[0] = (char)letter;
        return 1;
    }
    for (size_t i = size - 1; i > 0; i--, letter >>= 6) {
        to[i] = (char)(0x80 | (letter & 0x3f));
    }
    to[0] = (char)((0xf00U >> size & 0xf0) | letter);
    return size;
}

static char other_case(char letter, text_case into) {
    const bool is_lower = letter >= 'a' && letter <= 'z', is_upper = letter >= 'A' && letter <= 'Z';
    return into == CASE_UPPER && is_lower   ? (char)(letter - 'a' + 'A')
           : into == CASE_LOWER && is_upper ? (char)(letter - 'A' + 'a')
                                            : letter;
}

/* The text in letters of this case, until the call ends. */
static cleat_status convert(
    const normalizer *n, const char *from, text_case into, const char **converted) {
    void *memory;
    *converted = from;
    if (into == CASE_AS_IT_IS) {
        return CLEAT_OK;
    }
    /* two bytes may become three, and none more than that */
    TRY(call_memory(n->c, 2 * (int64_t)strlen(from) + 4, 1, &memory));
    char *to = memory;
    while (*from != '\0') {
        wint_t letter = 0;
        const size_t size = (unsigned char)*from < 0x80 ? 0 : read_letter(from, &letter);
        if (size == 0) {
            *to++ = other_case(*from++, into);
            continue;
        }
        if (n->letters == (locale_t)0) {
            return call_refuse(n->c, CLEAT_UNSUPPORTED,
                "a letter beyond ASCII, and the C library has no locale C.UTF-8");
        }
        to += write_letter(
            into == CASE_UPPER ? towupper_l(letter, n->letters) : towlower_l(letter, n->letters),
            to);
        from += size;
    }
    *converted = memory;
    return CLEAT_OK;
}

/* ---- The list ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cleat_status read_stops(normalizer *n) {
    const graph_attribute *given = attribute_find(n->c->node, "stopwords", CLEAT_ATTRIBUTE_TEXTS);
    void *memory;
    if (given == NULL || given->count == 0) {
        return CLEAT_OK;
    }
    TRY(call_memory(n->c, (int64_t)given->count, sizeof *n->stops, &memory));
    n->stops = memory;
    for (; n->stop_count < given->count; n->stop_count++) {
        TRY(convert(n, given->texts[n->stop_count], n->compared, &n->stops[n->stop_count]));
    }
    qsort(n->stops, n->stop_count, sizeof *n->stops, compare_texts);
    return CLEAT_OK;
}

static cleat_status is_stop(const normalizer *n, const char *characters, bool *found) {
    const char *compared;
    *found = false;
    if (n->stop_count > 0) {
        TRY(convert(n, characters, n->compared, &compared));
        *found =
            bsearch(&compared, n->stops, n->stop_count, sizeof *n->stops, compare_texts) != NULL;
    }
    return CLEAT_OK;
}

/* ---- The operator ---- */

static cleat_status read_cases(normalizer *n) {
    const graph_node *node = n->c->node;
    const char *action = attribute_text(node, "case_change_action", "NONE");
    const char *language = attribute_text(node, "locale", "");
    n->into = strcmp(action, "LOWER") == 0   ? CASE_LOWER
              : strcmp(action, "UPPER") == 0 ? CASE_UPPER
                                             : CASE_AS_IT_IS;
    n->compared = attribute_int(node, "is_case_sensitive", 0) != 0 ? CASE_AS_IT_IS : CASE_LOWER;
    if (n->into == CASE_AS_IT_IS && strcmp(action, "NONE") != 0) {
        return call_refuse(n->c, CLEAT_INVALID_ARGUMENT, "case_change_action is %.60s", action);
    }
    const bool has_own_rules = strncmp(language, "tr", 2) == 0 || strncmp(language, "az", 2) == 0 ||
                               strncmp(language, "lt", 2) == 0;
    if (has_own_rules && (n->into != CASE_AS_IT_IS || n->compared != CASE_AS_IT_IS)) {
        return call_refuse(n->c, CLEAT_UNSUPPORTED, "letters of the locale %.60s", language);
    }
    return CLEAT_OK;
}

/* What is left of x, as elements of x by number. */
static cleat_status choose(const normalizer *n, const array *x, int64_t **chosen, int64_t *count) {
    void *memory;
    TRY(call_memory(n->c, x->count + 1, sizeof **chosen, &memory));
    *chosen = memory;
    *count = 0;
    for (int64_t i = 0; i < x->count; i++) {
        bool stops;
        TRY(is_stop(n, array_text(x, i), &stops));
        if (!stops) {
            (*chosen)[(*count)++] = i;
        }
    }
    return CLEAT_OK;
}

static cleat_status normalize(normalizer *n) {
    call *c = n->c;
    const array *x;
    array *y;
    int64_t *chosen, count;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_array(c, 0, &x));
    if (x->type != CLEAT_TEXT || x->rank < 1 || x->rank > 2 || (x->rank == 2 && x->shape[0] != 1)) {
        return call_refuse(c, x->type != CLEAT_TEXT ? CLEAT_TYPE_MISMATCH : CLEAT_SHAPE_MISMATCH,
            "an input of %s and %s, expected texts of [n] or [1, n]", cleat_type_name(x->type),
            shape_text(x->rank, x->shape, text));
    }
    TRY(read_cases(n));
    TRY(read_stops(n));
    TRY(choose(n, x, &chosen, &count));
    const int64_t length = count > 0 ? count : 1; /* of none, the empty text */
    TRY(call_output_array(c, 0, CLEAT_TEXT, x->rank,
        x->rank == 1 ? (int64_t[]){length, 0} : (int64_t[]){1, length}, &y));
    for (int64_t i = 0; i < count; i++) {
        const char *made;
        TRY(convert(n, array_text(x, chosen[i]), n->into, &made));
        TRY(array_set_text("StringNormalizer", y, i, made, strlen(made)));
    }
    return CLEAT_OK;
}

static cleat_status normalizer_host(call *c) {
    normalizer n = {.c = c, .letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    const cleat_status status = normalize(&n);
    if (n.letters != (locale_t)0) {
        freelocale(n.letters);
    }
    return status;
}

const operator_entry operators_text[] = {
    {"StringNormalizer", normalizer_host, NULL, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};
