/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of OpenCL implementations that Cleat goes around, each reduced to a few lines:
 *     driver_faults          on the first device there is: a line "NAME present|absent" for each
 * tests/checks/drivers.sh compares them with docs/drivers.md. Exit status 1 where OpenCL itself
 * fails.
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct device {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
} device;

static void stop(const char *what, cl_int error) {
    fprintf(stderr, "%s: %d\n", what, (int)error);
    exit(1);
}

static void must(cl_int error, const char *what) {
    if (error != CL_SUCCESS) {
        stop(what, error);
    }
}

static cl_kernel build(const device *d, const char *source) {
    cl_int error = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(d->context, 1, &source, NULL, &error);
    must(error, "clCreateProgramWithSource");
    must(clBuildProgram(program, 1, &d->id, "-cl-std=CL1.2", NULL, NULL), "clBuildProgram");
    cl_kernel kernel = clCreateKernel(program, "probe", &error);
    must(error, "clCreateKernel");
    must(clReleaseProgram(program), "clReleaseProgram");
    return kernel;
}

/* Runs `items` work-items in groups of `group`; the kernel's first argument is a buffer of the
 * `size` bytes at `data`, which are written before and read after. */
static void run(
    const device *d, cl_kernel kernel, void *data, size_t size, size_t items, size_t group) {
    cl_int error = CL_SUCCESS;
    cl_mem memory =
        clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, size, data, &error);
    must(error, "clCreateBuffer");
    must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
    must(clEnqueueNDRangeKernel(d->queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL),
        "clEnqueueNDRangeKernel");
    must(clEnqueueReadBuffer(d->queue, memory, CL_TRUE, 0, size, data, 0, NULL, NULL),
        "clEnqueueReadBuffer");
    must(clReleaseMemObject(memory), "clReleaseMemObject");
}

/* A loop of 100,000 rounds ends before: Cleat makes items short (profile_item_is_short). */
static bool loops_end_early(const device *d) {
    cl_int rounds[2] = {100000, 0};
    cl_kernel kernel = build(d, "kernel void probe(global int *x) {"
                                "    int n = 0;"
                                "    for (int i = 0; i < x[0]; i++) n += 1 + (x[1] & i);"
                                "    x[1] = n;"
                                "}");
    run(d, kernel, rounds, sizeof rounds, 1, 1);
    must(clReleaseKernel(kernel), "clReleaseKernel");
    return rounds[1] != 100000;
}

/* The gap at the end of a struct is left out of its size: core/launch.c tries both. */
static bool structs_lose_their_gap(const device *d) {
    struct numbers {
        cl_long a;
        cl_int b;
    } numbers;
    memset(&numbers, 0, sizeof numbers);
    cl_kernel kernel =
        build(d, "typedef struct { long a; int b; } numbers;"
                 "kernel void probe(global int *x, const numbers n) { x[0] = n.b; }");
    const cl_int error = clSetKernelArg(kernel, 1, sizeof numbers, &numbers);
    must(clReleaseKernel(kernel), "clReleaseKernel");
    return error != CL_SUCCESS;
}

/* A vector of truth values, -1, becomes 255 where it is widened after & 1: test_compare stays away.
 */
static bool truth_has_a_sign(const device *d) {
    cl_uchar x[8] = {0, 1, 2, 3, 2, 2, 2, 2};
    cl_kernel kernel = build(d, "kernel void probe(global uchar *x) {"
                                "    char4 less = vload4(0, x) < vload4(1, x);"
                                "    vstore4(convert_uchar4(less & (char4)(1)), 0, x);"
                                "}");
    run(d, kernel, x, sizeof x, 1, 1);
    must(clReleaseKernel(kernel), "clReleaseKernel");
    return x[0] != 1 || x[1] != 1 || x[2] != 0 || x[3] != 0;
}

/* A kernel's largest group is given as less than what runs: profile's kernel_limits_are_real. */
static bool group_limits_are_too_low(const device *d) {
    cl_int x[64] = {0};
    size_t limit = 0;
    cl_kernel kernel = build(
        d, "kernel void probe(global int *x) { x[get_global_id(0)] = (int)get_local_size(0); }");
    must(clGetKernelWorkGroupInfo(
             kernel, d->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL),
        "clGetKernelWorkGroupInfo");
    if (limit < 64) {
        run(d, kernel, x, sizeof x, 64, 64);
    }
    must(clReleaseKernel(kernel), "clReleaseKernel");
    return limit < 64 && x[63] == 64;
}

/* 4 MiB are filled in less than 100 ns: the host's clock is used (profile's events_have_times). */
static bool event_times_are_made_up(const device *d) {
    enum { BYTES = 4 << 20 };
    const cl_uchar zero = 0;
    cl_int error = CL_SUCCESS;
    cl_event event = NULL;
    cl_ulong start = 0, end = 0;
    cl_mem memory = clCreateBuffer(d->context, CL_MEM_READ_WRITE, BYTES, NULL, &error);
    must(error, "clCreateBuffer");
    must(clEnqueueFillBuffer(d->queue, memory, &zero, 1, 0, BYTES, 0, NULL, &event),
        "clEnqueueFillBuffer");
    must(clWaitForEvents(1, &event), "clWaitForEvents");
    const bool told = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start,
                          &start, NULL) == CL_SUCCESS &&
                      clGetEventProfilingInfo(
                          event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) == CL_SUCCESS;
    must(clReleaseEvent(event), "clReleaseEvent");
    must(clReleaseMemObject(memory), "clReleaseMemObject");
    return !told || end < start + 100;
}

/* SIGALRM's: the process hangs, so this is the last line of all. */
static void say_that_it_hangs(int signal) {
    static const char line[] = "user-events-hang present\n";
    (void)signal;
    _exit(write(STDOUT_FILENO, line, sizeof line - 1) == sizeof line - 1 ? 0 : 1);
}

/* Setting a user event runs the command that waits for it, which waits for a lock that is held; or
 * a flush already waits for the event, which nobody can set meanwhile. */
static bool user_events_hang(const device *d) {
    const cl_uchar zero = 0;
    cl_int error = CL_SUCCESS;
    cl_event done = NULL;
    fflush(stdout);
    signal(SIGALRM, say_that_it_hangs);
    alarm(10);
    cl_event gate = clCreateUserEvent(d->context, &error);
    must(error, "clCreateUserEvent");
    cl_mem memory = clCreateBuffer(d->context, CL_MEM_READ_WRITE, 4, NULL, &error);
    must(error, "clCreateBuffer");
    must(clEnqueueMarkerWithWaitList(d->queue, 1, &gate, NULL), "clEnqueueMarkerWithWaitList");
    must(clEnqueueFillBuffer(d->queue, memory, &zero, 1, 0, 4, 0, NULL, &done),
        "clEnqueueFillBuffer");
    must(clFlush(d->queue), "clFlush");
    must(clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus");
    must(clWaitForEvents(1, &done), "clWaitForEvents");
    alarm(0);
    must(clReleaseEvent(gate), "clReleaseEvent");
    must(clReleaseEvent(done), "clReleaseEvent");
    must(clReleaseMemObject(memory), "clReleaseMemObject");
    return false;
}

static void open_first(device *d) {
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_int error = clGetPlatformIDs(16, platforms, &count);
    must(error, "clGetPlatformIDs");
    for (cl_uint i = 0; i < count && i < 16 && d->id == NULL; i++) {
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &d->id, NULL) != CL_SUCCESS) {
            d->id = NULL;
        }
    }
    if (d->id == NULL) {
        stop("no device", CL_DEVICE_NOT_FOUND);
    }
    d->context = clCreateContext(NULL, 1, &d->id, NULL, NULL, &error);
    must(error, "clCreateContext");
    d->queue = clCreateCommandQueue(d->context, d->id, CL_QUEUE_PROFILING_ENABLE, &error);
    must(error, "clCreateCommandQueue");
}

/* The compiler ends the process: it is tried in a child, before there is anything of OpenCL's. */
static bool wide_roots_abort(void) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        device d = {NULL, NULL, NULL};
        float x[16] = {4};
        open_first(&d);
        cl_kernel kernel = build(&d, "__kernel void probe(__global float *x) {"
                                     "    vstore16(sqrt(vload16(0, x)), 0, x);"
                                     "}");
        run(&d, kernel, x, sizeof x, 1, 1);
        _exit(x[0] >= 2 && x[0] <= 2 ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child ||
        (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
        stop("a root in a child", status);
    }
    return WIFSIGNALED(status);
}

int main(void) {
    static const struct {
        const char *name;
        bool (*is_present)(const device *d);
    } faults[] = {
        {"loops-end-early", loops_end_early}, {"structs-lose-their-gap", structs_lose_their_gap},
        {"truth-has-a-sign", truth_has_a_sign},
        {"group-limits-are-too-low", group_limits_are_too_low},
        {"event-times-are-made-up", event_times_are_made_up},
        {"user-events-hang", user_events_hang}, /* the last: it may end the process */
    };
    device d = {NULL, NULL, NULL};
    printf("wide-roots-abort %s\n", wide_roots_abort() ? "present" : "absent");
    open_first(&d);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        printf("%s %s\n", faults[i].name, faults[i].is_present(&d) ? "present" : "absent");
    }
    must(clReleaseCommandQueue(d.queue), "clReleaseCommandQueue");
    must(clReleaseContext(d.context), "clReleaseContext");
    return 0;
}
