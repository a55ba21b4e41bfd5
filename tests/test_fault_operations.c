/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the table, and a training loop, while all that they ask of OpenCL and of the
 * heap fails in turn: call 1, call 2, and so on until a call of the operation runs through
 * untouched; first while its kernels have still to be built, then with all of them there. Whatever
 * fails, the status tells what, a message is left, a call of which nothing was enqueued has written
 * nothing, no object is lost, and the same call then gives the same bits as one never disturbed.
 */
#include "faults/fault_operations.h"
#include "faults/layer_control.h"
#include "harness.h"

#include <cleat/opencl.h>

static fault_layer *layer;
static cleat_context *context;
static int operations, faults; /* gone through */

static const struct {
    int32_t code;
    bool lasting;
} evils[] = {{CL_OUT_OF_RESOURCES, false}, {CL_DEVICE_NOT_AVAILABLE, true},
    {CL_INVALID_OPERATION, false}, {CL_OUT_OF_HOST_MEMORY, false}};

enum { EVILS = sizeof evils / sizeof evils[0] };

/* An operation at its ordeal. */
typedef struct ordeal {
    operation_run run;
    int evil;            /* which of them */
    int memory;          /* objects alive beside the operation's own */
    unsigned char *want; /* the whole buffer after the call */
    bool is_wanted;      /* there has been one */
} ordeal;

/* A long run checks variants too, while calls fail. */
static void open_context(void) {
    const cleat_context_options options = {.cache = CLEAT_CACHE_OFF,
        .verification = test_rounds(1) > 1 ? CLEAT_VERIFY_ON : CLEAT_VERIFY_AUTO};
    if (context == NULL) {
        test_ok(cleat_context_create(&options, &context));
    }
}

static int alive(layer_kind kind) {
    return atomic_load(&layer->alive[kind]);
}

/* What a call that was OK has left, beside what the first one of them left. */
static void take_result(ordeal *o, int n) {
    operation_fetch(&o->run);
    if (!o->is_wanted) {
        o->is_wanted = true;
        memcpy(o->want, o->run.got, o->run.size);
        if (!operation_has_results(&o->run)) {
            ck_abort_msg("%s has written nothing", o->run.what->name);
        }
    }
    if (memcmp(o->want, o->run.got, o->run.size) != 0 && !test_ignores_values()) {
        ck_abort_msg("%s: other bits after %s, call %d, had failed", o->run.what->name,
            layer_failed_name(), n);
    }
}

/* What a call that failed has left. */
static void judge_failure(ordeal *o, int n, cleat_status status) {
    const int32_t code = evils[o->evil].code;
    const int entry = atomic_load(&layer->first_failed);
    const char *name = o->run.what->name;
    if (!layer_has_failed()) {
        ck_abort_msg("%s fails by itself: %s", name, cleat_error_message());
    }
    if (status != layer_status(entry, code) || !layer_has_message()) {
        ck_abort_msg("%s: %s, call %d, gave %d: %s (%s)", name, layer_failed_name(), n, (int)code,
            cleat_status_name(status), cleat_error_message());
    }
    if (atomic_load(&layer->accepted) == 0) {
        operation_fetch(&o->run);
        if (!operation_is_unchanged(&o->run)) {
            ck_abort_msg("%s has written, though %s, call %d, failed before any command", name,
                layer_failed_name(), n);
        }
    }
}

/* With the idle scratch memory given back. */
static void check_objects(ordeal *o, int n) {
    cleat_context_statistics statistics;
    const cleat_status trimmed = cleat_context_trim(context);
    const cleat_status told = cleat_context_get_statistics(context, &statistics);
    if (trimmed != CLEAT_OK || told != CLEAT_OK || alive(LAYER_CONTEXTS) != 1 ||
        alive(LAYER_QUEUES) != 1 || alive(LAYER_EVENTS) != 0 || alive(LAYER_MEMORY) != o->memory ||
        alive(LAYER_PROGRAMS) != (int)statistics.kernels_built) {
        ck_abort_msg("%s, after %s, call %d, had failed: %d contexts, %d queues, %d events, %d of "
                     "%d buffers and %d of %d programs are alive",
            o->run.what->name, layer_failed_name(), n, alive(LAYER_CONTEXTS), alive(LAYER_QUEUES),
            alive(LAYER_EVENTS), alive(LAYER_MEMORY), o->memory, alive(LAYER_PROGRAMS),
            (int)statistics.kernels_built);
    }
}

/* One call of the operation, in which call number n fails (0: none); whether one did. */
static bool attempt(ordeal *o, int n) {
    operation_reset(&o->run);
    layer_clear_message();
    layer_arm(n, evils[o->evil].code, evils[o->evil].lasting);
    const cleat_status status = operation_call(&o->run);
    layer_disarm();
    if (status == CLEAT_OK) {
        take_result(o, n);
    } else {
        judge_failure(o, n, status);
    }
    check_objects(o, n);
    faults += layer_has_failed();
    return layer_has_failed();
}

/* Whenever another program or kernel is there, what comes before it is asked for no more, and the
 * numbers begin again. */
static void fail_cold(ordeal *o) {
    const int most = 100; /* programs and kernels of an operation */
    const int before = alive(LAYER_PROGRAMS) + alive(LAYER_KERNELS);
    int built = before;
    for (int n = 1; attempt(o, n); n++) {
        const int now = alive(LAYER_PROGRAMS) + alive(LAYER_KERNELS);
        if (now > before + most) {
            ck_abort_msg("%s makes programs and kernels without end", o->run.what->name);
        }
        n = now != built ? 0 : n;
        built = now;
    }
}

/* Makes the context take memory objects for new ones, so that it sets arguments again. */
static void begin_new_era(void) {
    cleat_buffer *buffer = NULL;
    if (cleat_buffer_create(context, 4, &buffer) != CLEAT_OK) {
        ck_abort_msg("no 4 bytes: %s", cleat_error_message());
    }
    cleat_buffer_release(buffer);
}

static void fail_warm(ordeal *o) {
    for (int n = 1;; n++) {
        begin_new_era();
        if (!attempt(o, n)) {
            return;
        }
        attempt(o, 0);
    }
}

static void undergo(const operation *what) {
    open_context();
    test_ok(cleat_context_trim(context));
    ordeal o = {.evil = operations % EVILS};
    o.run = operation_open(context, what);
    o.memory = alive(LAYER_MEMORY);
    o.want = test_alloc((int64_t)o.run.size, 1);
    fail_cold(&o);
    attempt(&o, 0);
    for (int i = 0; i < (test_rounds(1) > 1 ? EVILS : 1); i++) {
        o.evil = (o.evil + 1) % EVILS;
        fail_warm(&o);
    }
    operation_close(&o.run);
    free(o.want);
    operations++;
}

/* Takes the layer and its heap, before the library has any memory; false where there is none. */
static bool is_ready(void) {
    layer = layer_open_with_heap();
    return layer != NULL;
}

START_TEST(each_call_fails) {
    const operation *what = operation_lists[_i];
    for (; is_ready() && what->name != NULL; what++) {
        if (!test_skips()) {
            undergo(what);
        }
    }
}
END_TEST

/* A provider's failures have the same meaning as the core's. */
START_TEST(clblast_tells_of_a_lost_device) {
    const char *const *variant = cleat_matmul_variants();
    cleat_tensor x, y;
    while (*variant != NULL && strcmp(*variant, "clblast") != 0) {
        variant++;
    }
    if (!is_ready() || *variant == NULL) {
        return;
    }
    open_context();
    const cleat_matmul_options options = {.variant = *variant};
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){16, 16}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){16, 16}, &y));
    layer_arm_entry(LAYER_GetCommandQueueInfo, 1, CL_DEVICE_NOT_AVAILABLE, false);
    test_refused(cleat_matmul(context, x, x, y, &options), CLEAT_DEVICE_LOST,
        "matmul: CLBlast: CL_DEVICE_NOT_AVAILABLE");
    layer_disarm();
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}
END_TEST

START_TEST(nothing_is_left) {
    if (context != NULL) {
        printf("%d operations, %d faults\n", operations, faults);
        cleat_context_release(context);
        context = NULL;
        ck_assert_int_eq(layer_alive(), 0);
        ck_assert_uint_eq(cleat_host_allocations(), 0);
    }
}
END_TEST

Suite *test_suite(void) {
    int lists = 0;
    Suite *suite = suite_create("fault_operations");
    while (operation_lists[lists] != NULL) {
        lists++;
    }
    TCase *all =
        test_case(suite, "operations"); /* one case: the last test ends what others began */
    tcase_add_loop_test(all, each_call_fails, 0, lists);
    tcase_add_test(all, clblast_tells_of_a_lost_device);
    tcase_add_test(all, nothing_is_left);
    return suite;
}
