/* SPDX-License-Identifier: Apache-2.0 */
/* A variable that asks for a kernel of processors alone, on what counts as a card: the call is
 * refused, with what was asked for, and writes nothing. */
#include "faults/fault_operations.h"
#include "harness.h"

START_TEST(variants_that_cannot) {
    static const struct {
        const char *operation, *variable, *variant;
    } table[] = {{"cumulative_sum", "CLEAT_CUMULATIVE", "along"},
        {"gather", "CLEAT_GATHER", "rows"}, {"layer_norm", "CLEAT_LAYER_NORM", "rows"},
        {"local_response_norm", "CLEAT_LOCAL_RESPONSE_NORM", "strips"},
        {"pad", "CLEAT_PAD", "pieces"}, {"add", "CLEAT_ELEMENTWISE", "turned"},
        {"scatter_add", "CLEAT_SCATTER", "vectors"}, {"softmax", "CLEAT_SOFTMAX", "turned"},
        {"softmax_cross_entropy", "CLEAT_SOFTMAX_CROSS_ENTROPY", "rows"},
        {"top_k", "CLEAT_TOP_K", "heap"}, {"conv2d", "CLEAT_CONV2D", "cpu_sparse"}};
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "gpu", 1), 0);
    cleat_context *context = NULL;
    const cleat_status status = cleat_context_create(NULL, &context);
    unsetenv("CLEAT_PROFILE");
    test_ok(status);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[64];
        operation_run run = operation_open(context, operation_named(table[i].operation));
        operation_reset(&run);
        ck_assert_int_eq(setenv(table[i].variable, table[i].variant, 1), 0);
        snprintf(text, sizeof text, "variant %s cannot do ", table[i].variant);
        test_refused(operation_call(&run), CLEAT_UNSUPPORTED, text);
        unsetenv(table[i].variable);
        operation_fetch(&run);
        ck_assert_msg(operation_is_unchanged(&run), "%s has written", table[i].operation);
        operation_close(&run);
    }
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("variants_refused");
    test_add_case(suite, "refused", variants_that_cannot);
    return suite;
}
