/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

size_t test_tuning_count(cleat_context *context) {
    size_t count = 99;
    test_ok(cleat_tuning_list(context, 0, NULL, &count));
    return count;
}

uint64_t test_tuning_uses(cleat_context *context, const char *name) {
    cleat_tuning_entry entries[8];
    size_t count = 0;
    test_ok(cleat_tuning_list(context, 8, entries, &count));
    for (size_t i = 0; i < count && i < 8; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return entries[i].uses;
        }
    }
    return 0;
}

void test_tuning_table(cleat_context *context, const char *const *texts) {
    cleat_tuning_entry entries[8];
    size_t count = 0;
    size_t wanted = 0;
    test_ok(cleat_tuning_list(context, 8, entries, &count));
    for (; texts[3 * wanted] != NULL; wanted++) {
        ck_assert_uint_lt(wanted, count);
        ck_assert_str_eq(entries[wanted].operation, texts[3 * wanted]);
        ck_assert_str_eq(entries[wanted].name, texts[3 * wanted + 1]);
        ck_assert_str_eq(entries[wanted].value, texts[3 * wanted + 2]);
    }
    ck_assert_uint_eq(count, wanted);
}
