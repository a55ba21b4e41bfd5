/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices and drivers that are not here, as the layer makes them of the ones that are: how they are
 * named and ranked, what is tried on them and remembered, whose texts and times are believed.
 */
#include "faults/layer_control.h"
#include "harness.h"

#include <cleat/opencl.h>
#include <unistd.h>

static fault_layer *layer;

static bool is_ready(void) {
    unsetenv("CLEAT_PROFILE"); /* a device is what the layer says */
    layer = layer_open();
    return layer != NULL;
}

/* ---- Contexts that are listened to ---- */

static char heard[4096];

static void hear(void *data, const char *message) {
    (void)data;
    strncat(heard, message, sizeof heard - strlen(heard) - 2);
    strcat(heard, "\n");
}

static cleat_context *open_context(cleat_context_options options) {
    cleat_context *context = NULL;
    options.log = hear;
    heard[0] = '\0';
    test_ok(cleat_context_create(&options, &context));
    return context;
}

static void make_folder(char path[64]) {
    strcpy(path, "/tmp/cleat-test-devices-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static void remove_folder(const char *path) {
    test_ok(cleat_cache_folder_clear(path, NULL));
    ck_assert_int_eq(rmdir(path), 0);
}

static int entries_of(const char *folder) {
    cleat_cache_folder about;
    test_ok(cleat_cache_folder_info(folder, &about));
    return (int)about.entries;
}

/* ---- Kinds ---- */

static const struct {
    const char *word;
    layer_limits limits;
    cleat_device_type type;
    double lanes; /* 0: floats of a vector */
} kinds[] = {
    {"gpu", {.device_type = CL_DEVICE_TYPE_GPU, .name = "Card"}, CLEAT_DEVICE_GPU, 64},
    {"accelerator", {.device_type = CL_DEVICE_TYPE_ACCELERATOR, .name = "Board"},
        CLEAT_DEVICE_ACCELERATOR, 16},
    {"cpu", {.device_type = CL_DEVICE_TYPE_CPU, .name = "Chip"}, CLEAT_DEVICE_CPU, 0},
    {"software", {.device_type = CL_DEVICE_TYPE_GPU, .name = "llvmpipe (LLVM 99)"},
        CLEAT_DEVICE_SOFTWARE, 16},
};

START_TEST(kinds_are_told_and_ranked) {
    cleat_device_info info;
    if (!is_ready()) {
        return;
    }
    layer->limits = kinds[_i].limits;
    cleat_context *context =
        open_context((cleat_context_options){.cache = CLEAT_CACHE_OFF, .device = kinds[_i].word});
    test_ok(cleat_context_device(context, &info));
    cleat_context_release(context);
    layer_reset();
    ck_assert_int_eq((int)info.type, (int)kinds[_i].type);
    ck_assert_str_eq(info.name, kinds[_i].limits.name);
    const double clock = info.clock_mhz > 0 ? info.clock_mhz / 1000.0 : 1;
    const double lanes = kinds[_i].lanes > 0 ? kinds[_i].lanes : info.native_float_width;
    ck_assert_double_eq(info.score, info.compute_units * clock * lanes);
}
END_TEST

START_TEST(texts_are_cut_to_fit) {
    enum { MOST = sizeof((cleat_device_info *)NULL)->name - 1 };
    char long_text[300], longer_text[2000];
    cleat_device_info info;
    size_t count = 0;
    if (!is_ready()) {
        return;
    }
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    memset(longer_text, 'y', sizeof longer_text - 1);
    longer_text[sizeof longer_text - 1] = '\0';
    layer->limits =
        (layer_limits){.name = "  two words   ", .vendor = long_text, .platform = long_text};
    test_ok(cleat_devices(1, &info, &count));
    ck_assert_uint_ge(count, 1);
    ck_assert_str_eq(info.name, "two words");
    ck_assert_uint_eq(strlen(info.vendor), MOST);
    ck_assert_uint_eq(strlen(info.platform), MOST);
    layer->limits = (layer_limits){.vendor = longer_text};
    test_ok(cleat_devices(1, &info, &count));
    ck_assert_uint_ge(count, 1);
    ck_assert_str_eq(info.vendor, "");
    layer_reset();
}
END_TEST

/* A device that cannot tell what it is counts as absent, and so do those of a platform that does
 * not tell which it has. */
START_TEST(what_does_not_answer_is_left_out) {
    cleat_context *context = NULL;
    cleat_device_info info;
    size_t all = 0, count = 0;
    if (!is_ready()) {
        return;
    }
    test_ok(cleat_devices(1, &info, &all));
    layer_arm_entry(LAYER_GetDeviceInfo, 1, CL_OUT_OF_RESOURCES, false);
    test_ok(cleat_devices(0, NULL, &count));
    layer_disarm();
    ck_assert_uint_eq(count, all - 1);
    layer_arm_entry(LAYER_GetDeviceIDs, 1, CL_OUT_OF_RESOURCES, true);
    test_ok(cleat_devices(0, NULL, &count));
    ck_assert_uint_eq(count, 0);
    const bool is_pocl = strcmp(info.platform, "Portable Computing Language") == 0;
    test_refused(cleat_context_create(NULL, &context), CLEAT_NO_DEVICE,
        is_pocl ? "PoCL is installed but shows no device" : "none shows a device");
    layer_disarm();
    ck_assert_ptr_null(context);
}
END_TEST

/* ---- Matrix units ---- */

/* By the maker's name, and `heard` where a unit is looked for: no device here has it. */
static const struct {
    const char *vendor;
    cleat_compute compute;
    const char *heard;
} makers[] = {
    {"Advanced Micro Devices, Inc.", CLEAT_COMPUTE_STRICT, "matrix_unit: amd_mfma f32: none"},
    {"AMD", CLEAT_COMPUTE_STRICT, "matrix_unit: amd_mfma f32: none"},
    {"Intel(R) Corporation", CLEAT_COMPUTE_TF32, "matrix_unit: intel_16 tf32: none"},
    {"NVIDIA Corporation", CLEAT_COMPUTE_STRICT, NULL},
    {"Nobody", CLEAT_COMPUTE_TF32, NULL},
};

static layer_limits card_of(const char *vendor) {
    return (layer_limits){.device_type = CL_DEVICE_TYPE_GPU, .name = "Card", .vendor = vendor};
}

/* Keeps nothing and checks nothing. */
static cleat_context *open_card(const char *vendor) {
    layer->limits = card_of(vendor);
    return open_context((cleat_context_options){
        .cache = CLEAT_CACHE_OFF, .verification = CLEAT_VERIFY_OFF, .device = "gpu"});
}

/* The product of two matrices of ones, by the kernel for any device. */
static cleat_status multiply(cleat_context *context, cleat_compute compute) {
    enum { SIDE = 3 };
    const int64_t shape[] = {SIDE, SIDE};
    const cleat_matmul_options options = {.compute = compute, .variant = "plain"};
    float values[SIDE * SIDE];
    cleat_tensor a, y;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &a));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &y));
    test_ok(cleat_fill(context, 1, a));
    const cleat_status status = cleat_matmul(context, a, a, y, &options);
    if (status == CLEAT_OK) {
        test_ok(cleat_read(context, y, values, sizeof values));
        for (int i = 0; i < SIDE * SIDE; i++) {
            ck_assert_float_eq(values[i], SIDE);
        }
    }
    cleat_tensor_release(&a);
    cleat_tensor_release(&y);
    return status;
}

START_TEST(units_are_looked_for_by_maker) {
    if (!is_ready()) {
        return;
    }
    cleat_context *context = open_card(makers[_i].vendor);
    test_ok(multiply(context, makers[_i].compute));
    if (makers[_i].heard == NULL) {
        ck_assert_str_eq(heard, "");
    } else {
        ck_assert_msg(strstr(heard, makers[_i].heard) != NULL, "%s", heard);
        heard[0] = '\0';
        test_ok(multiply(context, makers[_i].compute)); /* and once only */
        ck_assert_str_eq(heard, "");
    }
    cleat_context_release(context);
    layer_reset();
}
END_TEST

/* What came of a probe is kept beside the kernels. */
START_TEST(a_probe_is_remembered) {
    static const char *const said[] = {"none: its probe does not build", "none, as was found"};
    char folder[64];
    if (!is_ready()) {
        return;
    }
    make_folder(folder);
    layer->limits = card_of("AMD");
    cleat_context_options options = {.cache = CLEAT_CACHE_ON,
        .cache_dir = folder,
        .verification = CLEAT_VERIFY_OFF,
        .device = "gpu"};
    for (int life = 0; life < 2; life++) {
        cleat_context *context = open_context(options);
        test_ok(multiply(context, CLEAT_COMPUTE_STRICT));
        ck_assert_msg(strstr(heard, said[life]) != NULL, "%s", heard);
        cleat_context_release(context);
    }
    /* Where nothing may be compiled, what was not shipped is not there. */
    test_ok(cleat_cache_folder_clear(folder, NULL));
    options.cache = CLEAT_CACHE_ONLY;
    cleat_context *context = open_context(options);
    test_refused(multiply(context, CLEAT_COMPUTE_STRICT), CLEAT_UNSUPPORTED, "is not in the cache");
    ck_assert_msg(strstr(heard, "its probe is not in the cache") != NULL, "%s", heard);
    cleat_context_release(context);
    ck_assert_int_eq(entries_of(folder), 0);
    layer_reset();
    remove_folder(folder);
}
END_TEST

/* Memory that ran out says nothing of the unit: the next call asks again. */
START_TEST(a_probe_that_fails_is_made_again) {
    if (!is_ready()) {
        return;
    }
    cleat_context *context = open_card("AMD");
    layer_arm_entry(LAYER_CreateProgramWithSource, 1, CL_OUT_OF_HOST_MEMORY, false);
    test_ok(multiply(context, CLEAT_COMPUTE_STRICT));
    layer_disarm();
    ck_assert(layer_has_failed());
    ck_assert_str_eq(heard, "");
    test_ok(multiply(context, CLEAT_COMPUTE_STRICT));
    ck_assert_msg(strstr(heard, "its probe does not build") != NULL, "%s", heard);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

/* A plan waits meanwhile: what it plans later needs the answer. */
START_TEST(a_probe_within_a_plan) {
    cleat_plan_summary summary;
    if (!is_ready()) {
        return;
    }
    cleat_context *context = open_card("AMD");
    const int64_t shape[] = {3, 3};
    cleat_tensor a, y;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &a));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &y));
    test_ok(cleat_plan_begin(context));
    test_ok(cleat_matmul(context, a, a, y, &(cleat_matmul_options){.variant = "plain"}));
    test_ok(cleat_plan_end(context, &summary));
    ck_assert_msg(strstr(heard, "its probe does not build") != NULL, "%s", heard);
    ck_assert_uint_eq(summary.launches, 1); /* the product, not the probe */
    ck_assert_uint_eq(summary.kernels, 1);
    cleat_tensor_release(&a);
    cleat_tensor_release(&y);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

/* ---- Drivers ---- */

/* What an error is called, and which status it has. */
START_TEST(errors_have_names) {
    static const struct {
        int32_t code;
        cleat_status status;
        const char *said;
    } errors[] = {{CL_DEVICE_NOT_FOUND, CLEAT_NO_DEVICE, "CL_DEVICE_NOT_FOUND (-1)"},
        {-1001, CLEAT_NO_PLATFORM, "(-1001)"},
        {CL_OUT_OF_HOST_MEMORY, CLEAT_OUT_OF_HOST_MEMORY, ""},
        {CL_DEVICE_NOT_AVAILABLE, CLEAT_DEVICE_LOST, "CL_DEVICE_NOT_AVAILABLE (-2)"},
        {CL_INVALID_BUFFER_SIZE, CLEAT_OUT_OF_DEVICE_MEMORY, "CL_INVALID_BUFFER_SIZE"},
        {-9999, CLEAT_OPENCL_ERROR, "clCreateContext: unknown OpenCL error (-9999)"}};
    cleat_context *context = NULL;
    if (!is_ready()) {
        return;
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        layer_arm_entry(LAYER_CreateContext, 1, errors[i].code, false);
        test_refused(cleat_context_create(NULL, &context), errors[i].status, errors[i].said);
        layer_disarm();
    }
    ck_assert_ptr_null(context);
}
END_TEST

static int own_pieces;

static void *own_allocate(void *data, void *cl_context_object, size_t size) {
    cl_int error = CL_SUCCESS;
    (void)data;
    cl_mem made = clCreateBuffer(cl_context_object, CL_MEM_READ_WRITE, size, NULL, &error);
    own_pieces += made != NULL;
    return made;
}

static void own_release(void *data, void *memory, size_t size) {
    (void)data;
    (void)size;
    own_pieces--;
    clReleaseMemObject(memory);
}

/* Memory of the caller's that the driver does not answer for goes back at once. */
START_TEST(memory_is_asked_what_it_is) {
    const cleat_device_allocator own = {own_allocate, own_release, NULL, {0}};
    cleat_tensor x;
    cleat_status status = CLEAT_OPENCL_ERROR;
    if (!is_ready()) {
        return;
    }
    cleat_context *context =
        open_context((cleat_context_options){.cache = CLEAT_CACHE_OFF, .device_allocator = &own});
    for (int n = 1; status != CLEAT_OK; n++) {
        layer_arm_entry(LAYER_GetMemObjectInfo, n, CL_INVALID_MEM_OBJECT, false);
        status = cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &x);
        layer_disarm();
        ck_assert_int_eq(layer_has_failed(), status != CLEAT_OK);
        ck_assert_int_eq(own_pieces, status == CLEAT_OK);
        ck_assert(status == CLEAT_OK || status == CLEAT_OPENCL_ERROR);
    }
    cleat_tensor_release(&x);
    cleat_context_release(context);
    ck_assert_int_eq(own_pieces, 0);
}
END_TEST

/* relu of -1, 0 and 1. */
static void run_relu(cleat_context *context) {
    float values[] = {-1, 0, 1};
    cleat_tensor x;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){3}, &x));
    test_ok(cleat_write(context, x, values, sizeof values));
    test_ok(cleat_activate(context, CLEAT_RELU, x, x, NULL));
    test_ok(cleat_read(context, x, values, sizeof values));
    ck_assert(values[0] == 0 && values[1] == 0 && values[2] == 1);
    cleat_tensor_release(&x);
}

/* Kernels are kept for a driver that does not keep them itself, as NVIDIA's does; and what nobody
 * tried the library with is checked. What rusticl says of kernels is known to be wrong by that name
 * alone. */
START_TEST(drivers_are_known_by_name) {
    static const char *const platforms[] = {"NVIDIA CUDA", "OpenCL of Nobody's"};
    cleat_device_info info;
    size_t count;
    char folder[64];
    if (!is_ready()) {
        return;
    }
    test_ok(cleat_devices(1, &info, &count));
    if (strcmp(info.platform, "rusticl") == 0) {
        return;
    }
    make_folder(folder);
    for (int i = 0; i < 2; i++) {
        layer->limits.platform = platforms[i];
        cleat_context *context = open_context(
            (cleat_context_options){.cache_dir = folder, .verification = CLEAT_VERIFY_OFF});
        run_relu(context);
        cleat_context_release(context);
        ck_assert_int_eq(entries_of(folder), i);
    }
    const char *said = getenv("CLEAT_VERIFY"); /* as ci/matrix does; here the library decides */
    char *kept = said != NULL ? strdup(said) : NULL;
    ck_assert(unsetenv("CLEAT_VERIFY") == 0);
    cleat_context_statistics told;
    cleat_context *context = open_context((cleat_context_options){.cache = CLEAT_CACHE_OFF});
    if (kept != NULL) {
        ck_assert(setenv("CLEAT_VERIFY", kept, 1) == 0);
        free(kept);
    }
    run_relu(context);
    test_ok(cleat_context_get_statistics(context, &told));
    ck_assert_uint_ge(told.variants_checked, 1);
    ck_assert_uint_eq(told.variants_distrusted, 0);
    cleat_context_release(context);
    layer_reset();
    remove_folder(folder);
}
END_TEST

/* Times of events that cannot be are not asked for: the host's clock tells instead. */
START_TEST(times_are_believed_or_not) {
    static const uint32_t nanoseconds[] = {1, INT32_MAX, 1000};
    const bool believed = _i == 2;
    cleat_profile_row row;
    cleat_tensor x;
    size_t count = 0;
    if (!is_ready()) {
        return;
    }
    layer->limits.event_time = nanoseconds[_i];
    cleat_context *context =
        open_context((cleat_context_options){.cache = CLEAT_CACHE_OFF, .profiling = true});
    const int before = atomic_load(&layer->called[LAYER_GetEventProfilingInfo]);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &x));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_fill(context, 2, x));
    test_ok(cleat_profile(context, 1, &row, &count));
    const int asked = atomic_load(&layer->called[LAYER_GetEventProfilingInfo]) - before;
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(row.operation, "fill");
    ck_assert_uint_eq(row.calls, 2);
    ck_assert_int_eq(asked > 0, believed);
    if (believed) {
        ck_assert_double_eq_tol(row.seconds, 2e-6, 1e-12);
    } else {
        ck_assert(row.seconds > 0 && row.seconds < 60);
    }
    cleat_tensor_release(&x);
    cleat_context_release(context);
    layer_reset();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("fault_devices");
    test_add_loop(suite, "kinds", kinds_are_told_and_ranked, (int)(sizeof kinds / sizeof *kinds));
    test_add_case(suite, "texts", texts_are_cut_to_fit);
    test_add_case(suite, "absent", what_does_not_answer_is_left_out);
    test_add_loop(
        suite, "units", units_are_looked_for_by_maker, (int)(sizeof makers / sizeof *makers));
    test_add_case(suite, "remembered", a_probe_is_remembered);
    test_add_case(suite, "again", a_probe_that_fails_is_made_again);
    test_add_case(suite, "planned", a_probe_within_a_plan);
    test_add_case(suite, "errors", errors_have_names);
    test_add_case(suite, "allocator", memory_is_asked_what_it_is);
    test_add_case(suite, "drivers", drivers_are_known_by_name);
    test_add_loop(suite, "times", times_are_believed_or_not, 3);
    return suite;
}
