/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call of Cleat costs beyond OpenCL's own enqueueing: relu of a few elements, calls
 * pipelined, against bare clEnqueueNDRangeKernel() of the same kernel object with the arguments
 * that the last call left set, on the same queue.
 *
 * To get at the kernel, this program has its own clEnqueueNDRangeKernel(), which the statically
 * linked Cleat calls; it notes what it is given and passes it on to the loader's. On NVIDIA's cards
 * the launch of an empty kernel by CUDA stands beside it.
 */
#include "peer_cuda.h"

#include <cleat/opencl.h>
#include <dlfcn.h>
#include <stdio.h>

typedef cl_int (*enqueue_function)(cl_command_queue, cl_kernel, cl_uint, const size_t *,
    const size_t *, const size_t *, cl_uint, const cl_event *, cl_event *);

/* The launch last noted. */
static struct {
    bool wanted;
    cl_kernel kernel;
    cl_uint dimensions;
    size_t global[3], local[3];
    bool has_local;
} noted;

static enqueue_function loaders_enqueue(void) {
    static enqueue_function found;
    if (found == NULL) {
        void *loader = dlopen("libOpenCL.so.1", RTLD_NOW);
        if (loader != NULL) {
            *(void **)&found = dlsym(loader, "clEnqueueNDRangeKernel");
        }
    }
    return found;
}

static void note(cl_kernel kernel, cl_uint dimensions, const size_t *global, const size_t *local) {
    noted.kernel = kernel;
    noted.dimensions = dimensions;
    noted.has_local = local != NULL;
    for (cl_uint i = 0; i < dimensions && i < 3; i++) {
        noted.global[i] = global[i];
        noted.local[i] = local != NULL ? local[i] : 0;
    }
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
    const size_t *offset, const size_t *global, const size_t *local, cl_uint wait_count,
    const cl_event *waits, cl_event *event) {
    if (noted.wanted) {
        note(kernel, dimensions, global, local);
    }
    enqueue_function enqueue = loaders_enqueue();
    return enqueue == NULL ? CL_INVALID_OPERATION
                           : enqueue(queue, kernel, dimensions, offset, global, local, wait_count,
                                 waits, event);
}

/* ---- Contenders ---- */

typedef struct relu_state {
    bench_run *run;
    cleat_tensor x, y;
} relu_state;

static bool cleat_relu(void *state, int64_t calls) {
    relu_state *s = state;
    cleat_status status = CLEAT_OK;
    for (int64_t call = 0; call < calls && status == CLEAT_OK; call++) {
        status = cleat_activate(s->run->context, CLEAT_RELU, s->x, s->y, NULL);
    }
    return bench_call(s->run, status, "relu") &&
           bench_call(s->run, cleat_finish(s->run->context), "finish");
}

static bool bare_relu(void *state, int64_t calls) {
    relu_state *s = state;
    cl_command_queue queue = cleat_context_cl_queue(s->run->context);
    enqueue_function enqueue = loaders_enqueue();
    const size_t *local = noted.has_local ? noted.local : NULL;
    for (int64_t call = 0; call < calls; call++) {
        if (enqueue(queue, noted.kernel, noted.dimensions, NULL, noted.global, local, 0, NULL,
                NULL) != CL_SUCCESS) {
            return bench_fail(s->run, "clEnqueueNDRangeKernel failed");
        }
    }
    return clFinish(queue) == CL_SUCCESS;
}

static bool check(relu_state *s, const contender *c, const float *x, float *y, int64_t count) {
    size_t bytes = (size_t)count * sizeof *y;
    bool good = bench_call(s->run, cleat_fill(s->run->context, 1e30, s->y), "fill") &&
                c->run(c->state, 1) &&
                bench_call(s->run, cleat_read(s->run->context, s->y, y, bytes), "read");
    for (int64_t i = 0; i < count && good; i++) {
        float want = x[i] > 0 ? x[i] : 0;
        good = (y[i] >= want && y[i] <= want) ||
               bench_fail(s->run, "%s gives %g, wanted %g", c->name, (double)y[i], (double)want);
    }
    return good;
}

enum { ELEMENTS = 64 };

static bool overhead_run(bench_run *run, size_t index) {
    (void)index;
    const int64_t count = ELEMENTS;
    float x[ELEMENTS], y[ELEMENTS];
    relu_state s = {.run = run};
    contender contenders[3] = {
        {"cleat", cleat_relu, &s}, {"opencl", bare_relu, &s}, {"cuda", cuda_launch_run, NULL}};
    const size_t relu_count = run->options.peers ? 2 : 1;
    const size_t contender_count = relu_count + (bench_has_peer(run, "cuda") ? 1 : 0);
    bench_random(x, ELEMENTS, 1);
    bool good = bench_tensor(run, 1, &count, x, &s.x) && bench_tensor(run, 1, &count, NULL, &s.y);
    if (good) {
        noted.wanted = true;
        good = cleat_relu(&s, 1);
        noted.wanted = false;
        good = good && (noted.kernel != NULL || bench_fail(run, "no launch was noted"));
    }
    for (size_t i = 0; i < relu_count && good; i++) {
        good = check(&s, &contenders[i], x, y, count);
    }
    good = good && bench_compare(run, &unit_microseconds, 1, contenders, contender_count);
    cleat_tensor_release(&s.x);
    cleat_tensor_release(&s.y);
    return good;
}

static void overhead_name(size_t index, char *text, size_t size) {
    (void)index;
    snprintf(text, size, "relu of %d", ELEMENTS);
}

const bench bench_overhead = {
    "overhead", "one small operation, calls pipelined", 1, overhead_name, overhead_run};
