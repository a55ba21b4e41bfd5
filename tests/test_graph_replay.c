/* SPDX-License-Identifier: Apache-2.0 */
/* Models whose runs are recorded: the same results as without, from the first run on, whatever
 * comes between; and nothing allocated once a run is repeated. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "harness.h"

#include <cleat/opencl.h>
#include <pthread.h>
#include <stdatomic.h>

enum { INPUTS = 3, OUTPUTS = 3, MOST = 4096 };

static void node(
    cleat_graph *graph, const char *type, const char *a, const char *b, const char *y) {
    const char *inputs[] = {a, b};
    test_ok(cleat_graph_node(graph, type, y, b != NULL ? 2 : 1, inputs, 1, &y, 0, NULL));
}

/* h = relu(a b + c), up = h - k, down = -h, twice = the same as up; of any shape. */
static cleat_model *make_model(cleat_context *context, int32_t recordings, bool waits) {
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    const float one[1] = {1};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "a", CLEAT_F32, -1, NULL));
    test_ok(cleat_graph_input(graph, "b", CLEAT_F32, -1, NULL));
    test_ok(cleat_graph_input(graph, "c", CLEAT_F32, -1, NULL));
    test_ok(cleat_graph_constant(graph, "k", CLEAT_F32, 1, (int64_t[]){1}, one));
    node(graph, "Mul", "a", "b", "product");
    node(graph, "Add", "product", "c", "sum");
    node(graph, "Relu", "sum", NULL, "h");
    node(graph, "Sub", "h", "k", "up");
    node(graph, "Neg", "h", NULL, "down");
    node(graph, "Identity", "up", NULL, "same");
    if (waits) { /* there is no such operation on the device */
        node(graph, "Sinh", "h", NULL, "unwanted");
        node(graph, "Mul", "unwanted", "zero", "nothing");
        node(graph, "Add", "same", "nothing", "twice");
        test_ok(cleat_graph_constant(graph, "zero", CLEAT_F32, 0, NULL, (float[]){0}));
    } else {
        node(graph, "Identity", "same", NULL, "twice");
    }
    test_ok(cleat_graph_output(graph, "up"));
    test_ok(cleat_graph_output(graph, "down"));
    test_ok(cleat_graph_output(graph, "twice"));
    test_ok(cleat_model_create(context, graph,
        &(cleat_model_options){.recordings = recordings, .no_fusion = true}, &model));
    cleat_graph_release(graph);
    return model;
}

/* Small integers that depend on the round. */
static void fill(float *values, int64_t count, int round, int input) {
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)((i * (3 + input) + round * 7 + input * 5) % 9 - 4);
    }
}

static void expect(cleat_context *context, const cleat_tensor *outputs, int64_t count, int round) {
    float a[MOST], b[MOST], c[MOST], got[MOST];
    fill(a, count, round, 0);
    fill(b, count, round, 1);
    fill(c, count, round, 2);
    for (int k = 0; k < OUTPUTS; k++) {
        test_ok(cleat_read(context, outputs[k], got, (size_t)count * sizeof *got));
        for (int64_t i = 0; i < count; i++) {
            const float sum = a[i] * b[i] + c[i];
            const float h = sum > 0 ? sum : 0;
            const float want = k == 1 ? -h : h - 1;
            ck_assert_msg(got[i] == want, "round %d, output %d, element %lld: %g, not %g", round, k,
                (long long)i, (double)got[i], (double)want);
        }
    }
}

static void write_inputs(cleat_context *context, cleat_tensor *inputs, int64_t count, int round) {
    float values[MOST];
    for (int i = 0; i < INPUTS; i++) {
        fill(values, count, round, i);
        test_ok(cleat_write(context, inputs[i], values, (size_t)count * sizeof *values));
    }
}

/* Other buffers, shapes and outputs of every kind from round to round. */
static void run_rounds(cleat_context *context, int32_t recordings, bool waits, int rounds) {
    cleat_model *model = make_model(context, recordings, waits);
    for (int round = 0; round < rounds; round++) {
        const int64_t shape[2] = {5 + round % 3, 1 + 37 * (round % 3)};
        const int64_t count = shape[0] * shape[1];
        cleat_tensor inputs[INPUTS], outputs[OUTPUTS] = {{0}}, kept[OUTPUTS] = {{0}};
        for (int i = 0; i < INPUTS; i++) {
            test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &inputs[i]));
        }
        write_inputs(context, inputs, count, round);
        for (int i = 0; i < OUTPUTS; i++) {
            const int form = (round / 3 + i) % 4;
            if (form == 1) { /* of the right form */
                test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &outputs[i]));
                kept[i] = outputs[i];
            } else if (form == 2) { /* strided, and behind an offset */
                const int64_t wide[2] = {shape[0], 2 * shape[1] + 1};
                test_ok(cleat_tensor_create(context, CLEAT_F32, 2, wide, &kept[i]));
                test_ok(cleat_slice(kept[i], 1, 1, shape[1], 2, &outputs[i]));
            } else if (form == 3 && i == 1) { /* in an input's memory */
                outputs[i] = inputs[2];
            }
        }
        test_ok(cleat_model_run(model, inputs, INPUTS, outputs, OUTPUTS));
        expect(context, outputs, count, round);
        for (int i = 0; i < OUTPUTS; i++) {
            if (kept[i].buffer == NULL && outputs[i].buffer != inputs[2].buffer) {
                cleat_tensor_release(&outputs[i]);
            }
            cleat_tensor_release(&kept[i]);
        }
        for (int i = 0; i < INPUTS; i++) {
            cleat_tensor_release(&inputs[i]);
        }
    }
    cleat_model_release(model);
}

START_TEST(test_gives_the_same) {
    run_rounds(test_context(), _i - 1, false, 48); /* none, 4, and fewer than there are shapes */
    run_rounds(test_context(), _i - 1, true, 12);
}
END_TEST

/* ---- What a repetition takes ---- */

static atomic_llong heap_requests, device_requests;
static atomic_llong heap_fails_at; /* that many-th request; 0: none */

static void *heap_resize(void *data, void *memory, size_t size) {
    (void)data;
    return atomic_fetch_add(&heap_requests, 1) + 1 == atomic_load(&heap_fails_at)
               ? NULL
               : realloc(memory, size);
}

static void *heap_allocate(void *data, size_t size) {
    return heap_resize(data, NULL, size);
}

static void heap_release(void *data, void *memory) {
    (void)data;
    free(memory);
}

static void *device_allocate(void *data, void *context, size_t size) {
    (void)data;
    atomic_fetch_add(&device_requests, 1);
    return clCreateBuffer(context, CL_MEM_READ_WRITE, size, NULL, NULL);
}

static void device_release(void *data, void *memory, size_t size) {
    (void)data;
    (void)size;
    clReleaseMemObject(memory);
}

static cleat_context_statistics statistics_of(cleat_context *context) {
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(context, &statistics));
    return statistics;
}

/* After two runs neither host nor device memory is asked for, and each run is as many launches. */
static void count_requests(cleat_context *context) {
    const int64_t shape[2] = {30, 40};
    cleat_model *model = make_model(context, 0, false);
    cleat_tensor inputs[2][INPUTS], outputs[OUTPUTS];
    for (int i = 0; i < INPUTS; i++) {
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &inputs[0][i]));
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &inputs[1][i]));
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &outputs[i]));
    }
    for (int round = 0; round < 2; round++) {
        write_inputs(context, inputs[round], 1200, round);
        test_ok(cleat_model_run(model, inputs[round], INPUTS, outputs, OUTPUTS));
    }
    const long long heap = atomic_load(&heap_requests), device = atomic_load(&device_requests);
    ck_assert(heap > 0 && device > 0);
    const uint64_t launched = statistics_of(context).kernels_launched;
    for (int round = 0; round < 10; round++) {
        test_ok(cleat_model_run(model, inputs[round % 2], INPUTS, outputs, OUTPUTS));
    }
    ck_assert_int_eq(atomic_load(&heap_requests), heap);
    ck_assert_int_eq(atomic_load(&device_requests), device);
    ck_assert_uint_eq(statistics_of(context).kernels_launched, launched + 10 * 5);
    expect(context, outputs, 1200, 1);
    for (int i = 0; i < INPUTS; i++) {
        cleat_tensor_release(&inputs[0][i]);
        cleat_tensor_release(&inputs[1][i]);
        cleat_tensor_release(&outputs[i]);
    }
    cleat_model_release(model);
    cleat_context_release(context);
}

START_TEST(test_allocates_nothing) {
    const cleat_host_allocator heap = {heap_allocate, heap_resize, heap_release, NULL, {0}};
    const cleat_device_allocator device = {device_allocate, device_release, NULL, {0}};
    cleat_context *context = NULL;
    test_profile(NULL); /* ends the other context, so that memory may come from elsewhere */
    test_ok(cleat_set_host_allocator(&heap));
    test_ok(cleat_context_create(&(cleat_context_options){.device_allocator = &device}, &context));
    count_requests(context);
    ck_assert_uint_eq(cleat_host_allocations(), 0);
    test_ok(cleat_set_host_allocator(NULL));
}
END_TEST

/* A graph with something for each pass of fusion. */
static cleat_graph *make_fusible(void) {
    static const float w[2 * 3] = {1, 2, 3, 4, 5, 6}, two[2] = {1, 2};
    const char *normalized[] = {"y", "s", "s", "s", "s"}, *out = "n";
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, 3}));
    test_ok(cleat_graph_input(graph, "r", CLEAT_F32, 2, (int64_t[]){-1, 2}));
    test_ok(cleat_graph_constant(graph, "w", CLEAT_F32, 2, (int64_t[]){3, 2}, w));
    test_ok(cleat_graph_constant(graph, "s", CLEAT_F32, 1, (int64_t[]){2}, two));
    node(graph, "Identity", "x", NULL, "same");
    node(graph, "Gemm", "same", "w", "y");
    test_ok(cleat_graph_node(graph, "BatchNormalization", "n", 5, normalized, 1, &out, 0, NULL));
    node(graph, "Add", "n", "r", "sum");
    node(graph, "Relu", "sum", NULL, "z");
    test_ok(cleat_graph_output(graph, "z"));
    return graph;
}

/* A model made and run four times; whatever fails, everything is given back, and the next try is
 * like the first. */
static cleat_status try_all(
    cleat_context *context, cleat_graph *graph, const cleat_tensor *inputs) {
    cleat_model *model = NULL;
    cleat_status status = cleat_model_create(context, graph, NULL, &model);
    for (int run = 0; run < 4 && status == CLEAT_OK; run++) {
        cleat_tensor y = {0};
        status = cleat_model_run(model, inputs, 2, &y, 1);
        ck_assert(status == CLEAT_OK || y.buffer == NULL);
        cleat_tensor_release(&y);
    }
    cleat_model_release(model);
    return status;
}

static void fail_each(cleat_context *context) {
    const int64_t shapes[2][2] = {{4, 3}, {4, 2}};
    cleat_graph *graph = make_fusible();
    cleat_tensor inputs[2];
    for (int i = 0; i < 2; i++) {
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shapes[i], &inputs[i]));
        test_ok(cleat_fill(context, 1, inputs[i]));
    }
    test_ok(try_all(context, graph, inputs)); /* kernels are built now */
    const size_t held = cleat_host_allocations();
    const uint64_t bytes = statistics_of(context).buffer_bytes;
    int failures = 0;
    for (bool is_over = false; !is_over;) {
        const long long fails_at = atomic_load(&heap_requests) + ++failures;
        atomic_store(&heap_fails_at, fails_at);
        const cleat_status status = try_all(context, graph, inputs);
        is_over = atomic_load(&heap_requests) < fails_at;
        atomic_store(&heap_fails_at, 0);
        /* without memory for a recording a model goes on without */
        ck_assert_msg(status == CLEAT_OUT_OF_HOST_MEMORY || status == CLEAT_OK, "request %d: %s",
            failures, cleat_error_message());
        ck_assert_uint_eq(cleat_host_allocations(), held);
        ck_assert_uint_eq(statistics_of(context).buffer_bytes, bytes);
    }
    ck_assert_int_gt(failures, 100);
    test_ok(try_all(context, graph, inputs));
    for (int i = 0; i < 2; i++) {
        cleat_tensor_release(&inputs[i]);
    }
    cleat_graph_release(graph);
    cleat_context_release(context);
}

START_TEST(test_survives_failures) {
    const cleat_host_allocator heap = {heap_allocate, heap_resize, heap_release, NULL, {0}};
    cleat_context *context = NULL;
    test_profile(NULL);
    test_ok(cleat_set_host_allocator(&heap));
    test_ok(cleat_context_create(NULL, &context));
    fail_each(context);
    ck_assert_uint_eq(cleat_host_allocations(), 0);
    test_ok(cleat_set_host_allocator(NULL));
}
END_TEST

/* ---- In company ---- */

static cleat_context *shared;

static void *run_beside(void *data) {
    run_rounds(shared, 0, *(int *)data == 1, 24);
    return NULL;
}

/* Each thread with its own model, all on one context, whose scratch memory others use too. */
START_TEST(test_threads_do_not_meet) {
    pthread_t threads[3];
    int which[3] = {0, 1, 0};
    shared = test_context();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_beside, &which[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

/* A queue of the program's own, with a profile, in which repetitions count. */
START_TEST(test_repetitions_are_profiled) {
    if (test_ignores_values()) { /* a context of an OpenCL that the loader does not know */
        return;
    }
    cl_int error = CL_SUCCESS;
    cleat_context *other = test_context();
    const cl_command_queue_properties wanted = CL_QUEUE_PROFILING_ENABLE;
    cl_command_queue queue = clCreateCommandQueue(
        cleat_context_cl_context(other), cleat_context_cl_device(other), wanted, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    cleat_context *context = NULL;
    test_ok(cleat_context_create_from_queue(
        queue, &(cleat_context_options){.profiling = true}, &context));
    run_rounds(context, 0, false, 30);
    cleat_profile_row rows[32];
    size_t count = 0;
    uint64_t calls = 0;
    test_ok(cleat_profile(context, 32, rows, &count));
    for (size_t i = 0; i < count && i < 32; i++) {
        calls += strcmp(rows[i].operation, "mul") == 0 ? rows[i].calls : 0;
    }
    ck_assert_uint_eq(calls, 30);
    cleat_context_release(context);
    clReleaseCommandQueue(queue);
}
END_TEST

/* While a plan is open nothing runs, and nothing is taken for a run. */
START_TEST(test_plans_see_the_launches) {
    const int64_t shape[2] = {6, 7};
    cleat_context *context = test_context();
    cleat_model *model = make_model(context, 0, false);
    cleat_tensor inputs[INPUTS], outputs[OUTPUTS];
    for (int i = 0; i < INPUTS; i++) {
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &inputs[i]));
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &outputs[i]));
    }
    for (int round = 0; round < 6; round++) {
        cleat_plan_summary summary = {0};
        write_inputs(context, inputs, 42, round);
        test_ok(cleat_model_run(model, inputs, INPUTS, outputs, OUTPUTS));
        test_ok(cleat_plan_begin(context));
        test_ok(cleat_model_run(model, inputs, INPUTS, outputs, OUTPUTS));
        test_ok(cleat_plan_end(context, &summary));
        ck_assert_uint_ge(summary.launches, 5);
        expect(context, outputs, 42, round);
    }
    for (int i = 0; i < INPUTS; i++) {
        cleat_tensor_release(&inputs[i]);
        cleat_tensor_release(&outputs[i]);
    }
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_replay");
    test_add_loop(suite, "same", test_gives_the_same, 4);
    test_add_case(suite, "memory", test_allocates_nothing);
    test_add_case(suite, "failures", test_survives_failures);
    test_add_case(suite, "threads", test_threads_do_not_meet);
    test_add_case(suite, "profile", test_repetitions_are_profiled);
    test_add_case(suite, "plan", test_plans_see_the_launches);
    return suite;
}
