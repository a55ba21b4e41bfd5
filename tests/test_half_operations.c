/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of tests/faults once in f32 and once in f16, on the same numbers: its results are
 * those of f32, rounded once; or it refuses the type in plain words and writes nothing. Which do is
 * told here.
 */
#include "faults/fault_operations.h"
#include "harness.h"
#include "reference/reference_half.h"

/* Refused in f16. */
static const char *const refuse[] = {"pad_backward", "random_uniform", "random_normal",
    "max_unpool", "max_unpool_backward", "sgd_step", "adam_step", "adamw_step", "rmsprop_step",
    "adagrad_step", "lion_step", "clip_gradient_norm", "matmul_pack", "conv2d_pack",
    "conv2d_pack_winograd", "lstm", "lstm_backward", "gru", "gru_backward", NULL};

/* Operands that stay f32: statistics of normalisation, the logarithms of attention's sums. */
static const struct {
    const char *name;
    uint32_t operands; /* a bit each */
} statistics[] = {{"layer_norm", 3 << 4}, {"layer_norm_backward", 3 << 2}, {"rms_norm", 1 << 4},
    {"rms_norm_backward", 1 << 2}, {"group_norm", 3 << 4}, {"group_norm_backward", 3 << 2},
    {"instance_norm", 3 << 4}, {"instance_norm_backward", 3 << 2}, {"batch_norm_training", 15 << 4},
    {"batch_norm", 3 << 1}, {"batch_norm_backward", 3 << 2}, {"attention", 1 << 4},
    {"attention_backward", 1 << 4}};

static uint32_t kept_operands(const char *name) {
    for (size_t i = 0; i < sizeof statistics / sizeof statistics[0]; i++) {
        if (strcmp(name, statistics[i].name) == 0) {
            return statistics[i].operands;
        }
    }
    return 0;
}

static bool is_among(const char *name, const char *const *names) {
    while (*names != NULL && strcmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

/* What is summed in f32 may be off by some of its units, before it is rounded. */
static bool is_near(double got, double want) {
    const double allowed = (reference_half_unit(CLEAT_F16) + 0x1p-18) * fabs(want) +
                           reference_half_tiny(CLEAT_F16) + 0x1p-20;
    return isnan(want) ? isnan(got) : isinf(want) ? got == want : fabs(got - want) <= allowed;
}

static void compare(const operation_run *wide, const operation_run *half) {
    for (int k = 0; k < wide->count && !test_ignores_values(); k++) {
        double *want = operation_values(wide, k), *got = operation_values(half, k);
        const int64_t count = want == NULL ? 0 : cleat_tensor_count(&wide->tensors[k]);
        for (int64_t i = 0; i < count; i++) {
            if (!is_near(got[i], want[i])) {
                ck_abort_msg("%s: operand %d, element %d is %g, not %g", wide->what->name, k,
                    (int)i, got[i], want[i]);
            }
        }
        free(want);
        free(got);
    }
}

static void run_operation(const operation *what) {
    operation_run wide = operation_open(test_context(), what);
    operation_round(&wide, CLEAT_F16);
    operation_run half = operation_open_as(&wide, CLEAT_F16, kept_operands(what->name));
    operation_reset(&half);
    const cleat_status status = operation_call(&half);
    const bool is_refused = status == CLEAT_TYPE_MISMATCH;
    const bool says = strstr(cleat_error_message(), "f16") != NULL;
    operation_fetch(&half);
    if (is_refused != is_among(what->name, refuse) || (!is_refused && status != CLEAT_OK) ||
        (is_refused && !(says && operation_is_unchanged(&half)))) {
        ck_abort_msg("%s: %s, %s", what->name, cleat_status_name(status), cleat_error_message());
    }
    if (!is_refused) {
        operation_reset(&wide);
        test_ok(operation_call(&wide));
        operation_fetch(&wide);
        compare(&wide, &half);
        ck_assert(operation_has_results(&half));
    }
    operation_close(&wide);
    operation_close(&half);
}

/* _i is a list's number. The loop of training ends in steps, which refuse. */
START_TEST(every_operation) {
    for (const operation *o = operation_lists[_i]; o->name != NULL; o++) {
        const bool is_loop = strcmp(o->name, "training") == 0;
        if (!is_loop && !test_skips()) {
            run_operation(o);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half_operations");
    int lists = 0;
    while (operation_lists[lists] != NULL) {
        lists++;
    }
    test_add_loop(suite, "operations", every_operation, lists);
    return suite;
}
