/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed with texts: Cast from them and to them, StringNormalizer, TfIdfVectorizer. */
#include "text_case.h"

enum { TEXT_SIZE = 64, MOST = 512 };

/* ---- Casts ---- */

static graph_case cast_to(const int64_t *number) {
    graph_case g = {.type = "Cast", .input_count = 1, .attribute_count = 1};
    g.attributes[0] = case_int("to", number);
    return g;
}

static void check_read(
    int64_t number, cleat_type type, int64_t count, const char *const *texts, const double *want) {
    cleat_value out;
    graph_case g = cast_to(&number);
    unsigned char got[MOST];
    test_ok(text_run(&g, count, texts, &out));
    ck_assert_int_eq(out.tensor.type, type);
    test_ok(cleat_read(test_context(), out.tensor, got, (size_t)count * cleat_type_size(type)));
    double *numbers = case_doubles(type, got, count);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_msg(
            isnan(want[i]) ? isnan(numbers[i]) : numbers[i] <= want[i] && numbers[i] >= want[i],
            "\"%s\" as %s is %.17g, not %.17g", texts[i], cleat_type_name(type), numbers[i],
            want[i]);
    }
    free(numbers);
    cleat_value_release(&out);
}

START_TEST(numbers_read) {
    const char *const reals[] = {
        "1.5", "-2e-3", "+7E2", "NaN", "nan", "INF", "+inf", "-Inf", ".25", "0.1"};
    const double single[] = {
        1.5, (double)-2e-3F, 700, NAN, NAN, INFINITY, INFINITY, -INFINITY, 0.25, (double)0.1F};
    const double wide[] = {1.5, -2e-3, 700, NAN, NAN, INFINITY, INFINITY, -INFINITY, 0.25, 0.1};
    check_read(1, CLEAT_F32, 10, reals, single);
    check_read(11, CLEAT_F64, 10, reals, wide);
    const char *const whole[] = {"12", "-3", "100.5", "-7.9", "1e3", "9007199254740992"};
    const double integers[] = {12, -3, 100, -7, 1000, 9007199254740992.0};
    check_read(7, CLEAT_I64, 6, whole, integers);
    check_read(6, CLEAT_I32, 5, whole, integers);
    const char *const bytes[] = {"255", "0", "3e2", "-1.5"};
    check_read(2, CLEAT_U8, 4, bytes, (const double[]){255, 0, 255, 0});
    const char *const truth[] = {"1", "0", "0.0", "2"};
    check_read(9, CLEAT_BOOL, 4, truth, (const double[]){1, 0, 0, 1});
}
END_TEST

START_TEST(numbers_not_read) {
    static const char *const none[] = {
        "", " 1", "1 ", "0x10", "Hello", "1.5.2", "infinity", "--1", "e", "1,5", "nan(1)"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        for (int64_t number = 1; number <= 7; number += 6) {
            cleat_value out;
            graph_case g = cast_to(&number);
            test_refused(text_run(&g, 1, &none[i], &out), CLEAT_INVALID_ARGUMENT, "is no number");
        }
    }
}
END_TEST

/* Texts of random numbers, and their shortness: one digit less behind the point reads as another
 * number. */
START_TEST(numbers_written) {
    const cleat_type type = ((cleat_type[]){CLEAT_F32, CLEAT_F16, CLEAT_BF16, CLEAT_F64})[_i];
    enum { COUNT = 64 };
    int64_t count = COUNT, to_text = 8;
    double drawn[COUNT];
    for (int i = 0; i < COUNT; i++) {
        const double size = type == CLEAT_F16 ? 4 : type == CLEAT_F64 ? 300 : 37;
        drawn[i] = (test_coin() ? 1 : -1) * pow(10, test_real(-size, size));
        drawn[i] = i == 0 ? 0 : i == 1 ? 816468e-6 : i == 2 ? 1024 : drawn[i];
    }
    void *elements = case_elements(type, drawn, COUNT);
    double *rounded = case_doubles(type, elements, COUNT);
    graph_case g = cast_to(&to_text);
    g.inputs[0] = text_constant(type, 1, &count, elements);
    cleat_model *model = text_model(&g, type);
    cleat_value out;
    test_ok(cleat_model_run_values(model, NULL, 0, &out, 1));
    for (int i = 0; i < COUNT; i++) {
        char less[TEXT_SIZE], *read = NULL;
        const char *got = out.texts[i];
        ck_assert_msg(got[strspn(got, "-.0123456789")] == '\0', "%s", got);
        double back = strtod(got, NULL);
        void *again = case_elements(type, &back, 1);
        double *value = case_doubles(type, again, 1);
        ck_assert_msg(value[0] <= rounded[i] && value[0] >= rounded[i], "%.17g was written as %s",
            rounded[i], got);
        free(again);
        free(value);
        /* without zeros that only tell the place */
        int digits = 0;
        for (const char *c = got + strspn(got, "-0."); *c != '\0'; c++) {
            digits += *c != '.';
        }
        if (digits < 2 || strchr(got, '.') == NULL) {
            continue;
        }
        snprintf(less, sizeof less, "%.*e", digits - 2, rounded[i]);
        back = strtod(less, &read);
        again = case_elements(type, &back, 1);
        value = case_doubles(type, again, 1);
        ck_assert_msg(
            value[0] < rounded[i] || value[0] > rounded[i], "%s would do for %s", less, got);
        free(again);
        free(value);
    }
    ck_assert_str_eq(
        out.texts[1], type == CLEAT_F32 || type == CLEAT_F64 ? "0.816468" : out.texts[1]);
    ck_assert_str_eq(out.texts[2], "1024");
    cleat_value_release(&out);
    cleat_model_release(model);
    free(elements);
    free(rounded);
}
END_TEST

static void check_written(
    cleat_type type, int64_t count, const void *elements, const char *const *want) {
    int64_t to_text = 8;
    graph_case g = cast_to(&to_text);
    cleat_value out;
    g.inputs[0] = text_constant(type, 1, &count, elements);
    cleat_model *model = text_model(&g, type);
    test_ok(cleat_model_run_values(model, NULL, 0, &out, 1));
    text_check(&out, 1, &count, want, cleat_type_name(type));
    cleat_value_release(&out);
    cleat_model_release(model);
}

START_TEST(numbers_written_exactly) {
    const float reals[] = {NAN, INFINITY, -INFINITY, -0.0F, 1e-5F, 1e9F};
    check_written(CLEAT_F32, 6, reals,
        (const char *const[]){"NaN", "INF", "-INF", "-0", "0.00001", "1000000000"});
    check_written(CLEAT_I64, 2, (const int64_t[]){INT64_MIN, 42},
        (const char *const[]){"-9223372036854775808", "42"});
    check_written(CLEAT_U64, 1, (const uint64_t[]){UINT64_MAX},
        (const char *const[]){"18446744073709551615"});
    check_written(CLEAT_BOOL, 2, (const bool[]){true, false}, (const char *const[]){"1", "0"});
    const double least = 0x1p-1074;
    char wanted[400];
    snprintf(wanted, sizeof wanted, "%.324f", least);
    check_written(CLEAT_F64, 1, &least, (const char *const[]){wanted});
}
END_TEST

/* ---- StringNormalizer ---- */

static graph_case normalizer_of(const char *const *action, const int64_t *is_sensitive,
    size_t count, const char *const *words) {
    graph_case g = {.type = "StringNormalizer", .input_count = 1, .attribute_count = 3};
    g.attributes[0] = case_text("case_change_action", action);
    g.attributes[1] = case_int("is_case_sensitive", is_sensitive);
    g.attributes[2] = (cleat_attribute){
        .name = "stopwords", .kind = CLEAT_ATTRIBUTE_TEXTS, .count = count, .texts = words};
    return g;
}

static void check_normalized(const char *action, int64_t is_sensitive, size_t word_count,
    const char *const *words, int64_t count, const char *const *texts, int64_t left,
    const char *const *want) {
    cleat_value out;
    const graph_case g = normalizer_of(&action, &is_sensitive, word_count, words);
    test_ok(text_run(&g, count, texts, &out));
    text_check(&out, 1, &left, want, action);
    cleat_value_release(&out);
}

START_TEST(normalizer) {
    const char *const days[] = {"Monday", "tuesday", "MONDAY", "monday"}, *const stop[] = {
                                                                              "monday"};
    check_normalized(
        "NONE", 1, 1, stop, 4, days, 3, (const char *const[]){"Monday", "tuesday", "MONDAY"});
    check_normalized("UPPER", 0, 1, stop, 4, days, 1, (const char *const[]){"TUESDAY"});
    check_normalized(
        "LOWER", 1, 1, stop, 4, days, 3, (const char *const[]){"monday", "tuesday", "monday"});
    check_normalized("LOWER", 0, 1, stop, 1, days, 1, (const char *const[]){""});
    check_normalized("UPPER", 0, 0, NULL, 0, NULL, 1, (const char *const[]){""});
    const char *const many[] = {"z", "b", "TUESDAY", "q", "a"};
    check_normalized(
        "NONE", 0, 5, many, 4, days, 3, (const char *const[]){"Monday", "MONDAY", "monday"});
    cleat_value in = text_value(2, (int64_t[]){1, 4}, days), out;
    const char *const none = "NONE";
    const int64_t one = 1;
    const graph_case g = normalizer_of(&none, &one, 1, stop);
    cleat_model *model = text_model(&g, CLEAT_TEXT);
    test_ok(cleat_model_run_values(model, &in, 1, &out, 1));
    text_check(&out, 2, (int64_t[]){1, 3}, days, "[1, n]");
    cleat_value_release(&out);
    in = text_value(2, (int64_t[]){2, 2}, days);
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_SHAPE_MISMATCH, "[2, 2]");
    in = text_value(0, NULL, days);
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_SHAPE_MISMATCH, "[]");
    cleat_model_release(model);
}
END_TEST

/* Letters of two and three bytes, whose others may have more or fewer; what is no UTF-8 stays. */
START_TEST(letters_beyond_ascii) {
    const char *const lower[] = {
        "\xc3\xa4\xc3\xb6z", "\xce\xb1\xd0\xb6", "\xc9\x90", "\xf0\x90\x90\xa8", "\xc3\x9f"};
    const char *const upper[] = {
        "\xc3\x84\xc3\x96Z", "\xce\x91\xd0\x96", "\xe2\xb1\xaf", "\xf0\x90\x90\x80", "\xc3\x9f"};
    check_normalized("UPPER", 1, 0, NULL, 5, lower, 5, upper);
    check_normalized("LOWER", 1, 0, NULL, 4, upper, 4, lower);
    const char *const stop[] = {"\xc3\x84\xc3\x96Z"};
    check_normalized("NONE", 0, 1, stop, 2, lower, 1, &lower[1]);
    const char *const odd[] = {"a\xff", "b\xc3", "c\xe2\x82", "d\xc0\x80", "e\xe0\x80\x80",
        "f\xed\xa0\x80", "g\xf4\x90\x80\x80", "h\x80z"};
    const char *const large[] = {"A\xff", "B\xc3", "C\xe2\x82", "D\xc0\x80", "E\xe0\x80\x80",
        "F\xed\xa0\x80", "G\xf4\x90\x80\x80", "H\x80Z"};
    check_normalized("UPPER", 1, 0, NULL, 8, odd, 8, large);
}
END_TEST

START_TEST(normalizer_refusals) {
    const char *const text = "i", *const turkish = "tr_TR", *action = "UPPER";
    cleat_value out;
    const int64_t one = 1;
    graph_case g = normalizer_of(&action, &one, 0, NULL);
    g.attributes[g.attribute_count++] = case_text("locale", &turkish);
    test_refused(text_run(&g, 1, &text, &out), CLEAT_UNSUPPORTED, "locale tr_TR");
    action = "NONE";
    test_ok(text_run(&g, 1, &text, &out));
    cleat_value_release(&out);
    action = "TITLE";
    test_refused(text_run(&g, 1, &text, &out), CLEAT_INVALID_ARGUMENT, "TITLE");
}
END_TEST

/* ---- TfIdfVectorizer ---- */

START_TEST(grams_of_texts) {
    const char *const pool[] = {"a", "b", "a", "b"}, *const mode = "TF";
    const char *const texts[] = {"a", "b", "c", "a", "a"};
    const int64_t one = 1, two = 2, zero = 0, starts[] = {0, 2}, columns[] = {0, 1, 2};
    graph_case g = {.type = "TfIdfVectorizer", .input_count = 1, .attribute_count = 7};
    g.attributes[0] = case_text("mode", &mode);
    g.attributes[1] = case_int("min_gram_length", &one);
    g.attributes[2] = case_int("max_gram_length", &two);
    g.attributes[3] = case_int("max_skip_count", &zero);
    g.attributes[4] = case_ints("ngram_counts", 2, starts);
    g.attributes[5] = case_ints("ngram_indexes", 3, columns);
    g.attributes[6] = (cleat_attribute){
        .name = "pool_strings", .kind = CLEAT_ATTRIBUTE_TEXTS, .count = 4, .texts = pool};
    cleat_value out;
    float got[3];
    test_ok(text_run(&g, 5, texts, &out));
    test_ok(cleat_read(test_context(), out.tensor, got, sizeof got));
    ck_assert(got[0] > 2.9F && got[0] < 3.1F && got[1] > 0.9F && got[1] < 1.1F);
    ck_assert(got[2] > 0.9F && got[2] < 1.1F); /* a, b stand beside each other once */
    cleat_value_release(&out);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_text_functions");
    test_add_case(suite, "numbers_read", numbers_read);
    test_add_case(suite, "numbers_not_read", numbers_not_read);
    test_add_loop(suite, "numbers_written", numbers_written, 4);
    test_add_case(suite, "numbers_written_exactly", numbers_written_exactly);
    test_add_case(suite, "normalizer", normalizer);
    test_add_case(suite, "letters_beyond_ascii", letters_beyond_ascii);
    test_add_case(suite, "normalizer_refusals", normalizer_refusals);
    test_add_case(suite, "grams_of_texts", grams_of_texts);
    return suite;
}
