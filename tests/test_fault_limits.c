/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on devices that say, by the layer, that they can do less than the one here: whatever
 * is not refused in plain words must be right. The layer holds the library to what the device said:
 * larger pieces of memory and work-groups fail.
 */
#include "faults/fault_operations.h"
#include "faults/layer_control.h"
#include "harness.h"

#include <cleat/opencl.h>
#include <unistd.h>

static fault_layer *layer;

static bool is_ready(void) {
    layer = layer_open();
    return layer != NULL;
}

static const char *const samples[] = {"matmul", "conv2d", "conv2d_backward_weights", "softmax",
    "reduce", "layer_norm_backward", "max_pool2d", "attention", "copy", "softmax_cross_entropy"};

enum { SAMPLES = sizeof samples / sizeof samples[0] };

/* What the operations make of their operands on the device as it is. */
typedef struct known {
    unsigned char *before, *after;
    size_t size;
} known;

static known knowns[SAMPLES];

static cleat_context *make_context(const char *cache_dir) {
    cleat_context *context = NULL;
    test_ok(cleat_context_create(
        &(const cleat_context_options){
            .cache = cache_dir != NULL ? CLEAT_CACHE_ON : CLEAT_CACHE_OFF, .cache_dir = cache_dir},
        &context));
    return context;
}

static void learn(void) {
    cleat_context *context = make_context(NULL);
    for (int i = 0; i < SAMPLES; i++) {
        operation_run run = operation_open(context, operation_named(samples[i]));
        known *k = &knowns[i];
        *k = (known){test_alloc((int64_t)run.size, 1), test_alloc((int64_t)run.size, 1), run.size};
        operation_reset(&run);
        test_ok(operation_call(&run));
        operation_fetch(&run);
        memcpy(k->before, run.before, run.size);
        memcpy(k->after, run.got, run.size);
        operation_close(&run);
    }
    cleat_context_release(context);
}

static void forget(void) {
    for (int i = 0; i < SAMPLES; i++) {
        free(knowns[i].before);
        free(knowns[i].after);
    }
}

/* Other variants sum in another order: sums of at most 72 products of numbers up to 1 differ by far
 * less than 256 units in the last place of 1 + their size. All that these operations make is f32.
 */
static void compare(const operation_run *run, const known *k, const char *limits) {
    for (size_t at = 0; at + sizeof(float) <= k->size; at += sizeof(float)) {
        float want, got;
        memcpy(&want, k->after + at, sizeof want);
        memcpy(&got, run->got + at, sizeof got);
        const bool same = memcmp(run->got + at, k->after + at, sizeof want) == 0;
        const double allowed = 256 * 0x1p-24 * (1 + fabs((double)want));
        if (!same && !(fabs((double)got - (double)want) <= allowed) && !test_ignores_values()) {
            ck_abort_msg("%s with %s: byte %zu is of %g, not %g", run->what->name, limits, at,
                (double)got, (double)want);
        }
    }
}

/* Runs every sample; how many were refused. */
static int run_samples(const char *limits) {
    cleat_context *context = make_context(NULL);
    int refused = 0;
    for (int i = 0; i < SAMPLES; i++) {
        operation_run run = operation_open(context, operation_named(samples[i]));
        memcpy(run.before, knowns[i].before, run.size);
        operation_reset(&run);
        layer_clear_message();
        const cleat_status status = operation_call(&run);
        operation_fetch(&run);
        if (status == CLEAT_OK) {
            compare(&run, &knowns[i], limits);
        } else if (status != CLEAT_UNSUPPORTED || !layer_has_message() ||
                   !operation_is_unchanged(&run)) {
            ck_abort_msg("%s with %s: %s: %s", samples[i], limits, cleat_status_name(status),
                cleat_error_message());
        } else {
            printf("%s with %s: %s\n", samples[i], limits, cleat_error_message());
            refused++;
        }
        operation_close(&run);
    }
    cleat_context_release(context);
    return refused;
}

enum { WORK_GROUP = 64, LOCAL = 16 << 10, ALLOCATION = 128 << 20 };

static const layer_limits poor = {.no_fp64 = true,
    .version_1_2 = true,
    .local_memory = LOCAL,
    .work_group = WORK_GROUP,
    .allocation = ALLOCATION,
    .address_bits = 32,
    .alignment_bits = 8 * 4096};

/* With this device's kernels, and with those for graphics cards. */
START_TEST(a_poor_device_is_right_or_says_no) {
    if (!is_ready()) {
        return;
    }
    learn();
    layer->limits = poor;
    ck_assert_int_lt(run_samples("little of everything"), SAMPLES / 2);
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "gpu", 1), 0);
    layer->limits = (layer_limits){.local_memory = LOCAL};
    ck_assert_int_lt(run_samples("16 KiB of local memory, as a graphics card"), SAMPLES / 2);
    layer->limits = (layer_limits){.work_group = WORK_GROUP};
    ck_assert_int_lt(run_samples("work-groups of 64, as a graphics card"), SAMPLES);
    unsetenv("CLEAT_PROFILE");
    layer_reset();
    forget();
}
END_TEST

START_TEST(what_the_device_says_is_told) {
    cleat_device_info info;
    if (!is_ready()) {
        return;
    }
    layer->limits = poor;
    cleat_context *context = make_context(NULL);
    test_ok(cleat_context_device(context, &info));
    ck_assert(!info.has_fp64);
    ck_assert_uint_le(info.local_memory, LOCAL);
    ck_assert_uint_le(info.max_allocation, ALLOCATION);
    ck_assert_msg(strncmp(info.version, "OpenCL 1.2", 10) == 0, "%s", info.version);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

START_TEST(pieces_that_are_too_large_are_refused) {
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    layer->limits = poor;
    cleat_context *context = make_context(NULL);
    test_refused(cleat_tensor_create(context, CLEAT_U8, 1, (int64_t[]){ALLOCATION + 1}, &x),
        CLEAT_OUT_OF_DEVICE_MEMORY, "allows at most 128.0 MiB");
    test_ok(cleat_tensor_create(context, CLEAT_U8, 1, (int64_t[]){ALLOCATION}, &x));
    cleat_tensor_release(&x);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

/* A kernel for graphics cards whose work-groups turn out to be too large is not enqueued. */
START_TEST(groups_that_are_too_large_are_refused) {
    static const layer_limits limits[] = {{.work_items = 32}, {.kernel_group = 32}};
    static const char *const said[] = {
        "wants a work-group of 128 in dimension 0, the device allows 32",
        "wants work-groups of 128, the device allows it 32"};
    const float values[8] = {-1, 1, -2, 2};
    float got[8];
    cleat_device_info info;
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "gpu", 1), 0);
    for (int i = 0; i < 2; i++) {
        layer->limits = limits[i];
        cleat_context *context = make_context(NULL);
        test_ok(cleat_context_device(context, &info));
        if (i == 1 && strcmp(info.platform, "rusticl") == 0) { /* whose answer is not believed */
            cleat_context_release(context);
            continue;
        }
        test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &x));
        test_ok(cleat_write(context, x, values, sizeof values));
        test_refused(cleat_activate(context, CLEAT_RELU, x, x, NULL), CLEAT_UNSUPPORTED, said[i]);
        test_ok(cleat_read(context, x, got, sizeof got));
        ck_assert_int_eq(memcmp(got, values, sizeof got), 0);
        cleat_tensor_release(&x);
        cleat_context_release(context);
    }
    unsetenv("CLEAT_PROFILE");
    layer_reset();
}
END_TEST

START_TEST(f64_is_refused) {
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    layer->limits = poor;
    cleat_context *context = make_context(NULL);
    test_ok(cleat_tensor_create(context, CLEAT_F64, 1, (int64_t[]){8}, &x));
    test_refused(
        cleat_activate(context, CLEAT_RELU, x, x, NULL), CLEAT_UNSUPPORTED, "no double precision");
    cleat_tensor_release(&x);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

/* Transfers need no compiler, nor do kernels that were built before. */
START_TEST(there_is_no_compiler) {
    char folder[] = "/tmp/cleat-test-limits-XXXXXX";
    float values[2] = {-1, 1};
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int built = 1; built >= 0; built--) {
        layer->limits.no_compiler = built == 0;
        cleat_context *context = make_context(folder);
        test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){2}, &x));
        test_ok(cleat_write(context, x, values, sizeof values));
        test_ok(cleat_activate(context, CLEAT_RELU, x, x, NULL));
        if (built == 0) {
            test_refused(cleat_activate(context, CLEAT_TANH, x, x, NULL), CLEAT_BUILD_FAILED,
                "CL_COMPILER_NOT_AVAILABLE");
        }
        test_ok(cleat_read(context, x, values, sizeof values));
        ck_assert_float_eq(values[0], 0);
        ck_assert_float_eq(values[1], 1);
        values[0] = -1;
        cleat_tensor_release(&x);
        cleat_context_release(context);
    }
    layer_reset();
    test_ok(cleat_cache_folder_clear(folder, NULL));
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A check (cleat_verification) that a failure ended says nothing of its variant, which is not taken
 * for right: the next call makes it again. */
START_TEST(a_check_that_fails_is_made_again) {
    static const int32_t codes[] = {CL_INVALID_OPERATION, CL_OUT_OF_RESOURCES};
    cleat_context_statistics told;
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        cleat_context *context = NULL;
        test_ok(cleat_context_create(&(const cleat_context_options){.cache = CLEAT_CACHE_OFF,
                                         .verification = CLEAT_VERIFY_ON},
            &context));
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){4, 6}, &x));
        layer_arm_entry(LAYER_EnqueueNDRangeKernel, 1, codes[i], false);
        test_ok(cleat_softmax(context, x, 1, x));
        layer_disarm();
        ck_assert(layer_has_failed());
        test_ok(cleat_context_get_statistics(context, &told));
        ck_assert_uint_eq(told.variants_checked, 0);
        for (int again = 0; again < 2; again++) {
            test_ok(cleat_softmax(context, x, 1, x));
            test_ok(cleat_context_get_statistics(context, &told));
            ck_assert_uint_eq(told.variants_checked, 1);
            ck_assert_uint_eq(told.variants_distrusted, 0);
        }
        cleat_tensor_release(&x);
        cleat_context_release(context);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("fault_limits");
    test_add_case(suite, "operations", a_poor_device_is_right_or_says_no);
    test_add_case(suite, "info", what_the_device_says_is_told);
    test_add_case(suite, "pieces", pieces_that_are_too_large_are_refused);
    test_add_case(suite, "groups", groups_that_are_too_large_are_refused);
    test_add_case(suite, "f64", f64_is_refused);
    test_add_case(suite, "compiler", there_is_no_compiler);
    test_add_case(suite, "check", a_check_that_fails_is_made_again);
    return suite;
}
