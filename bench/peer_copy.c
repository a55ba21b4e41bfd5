/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_copy.h"
#include "peer_kernel.h"

#include <stdlib.h>

/*
 * A work-item does vectors [i * chunk, (i + 1) * chunk): on processors a long run of them, eight
 * work-items a thread as Cleat has it, on GPUs one.
 */
static const char source[] =
    "__kernel void copy(__global const VECTOR *x, __global VECTOR *y, int chunk) {\n"
    "    int first = get_global_id(0) * chunk;\n"
    "    for (int i = first; i < first + chunk; i++) y[i] = x[i];\n"
    "}\n"
    "__kernel void read(__global const VECTOR *x, __global VECTOR *y, int chunk) {\n"
    "    int first = get_global_id(0) * chunk;\n"
    "    VECTOR a = 0, b = 0, c = 0, d = 0;\n"
    "    int i = first;\n"
    "    for (; i + 4 <= first + chunk; i += 4) {\n"
    "        a += x[i]; b += x[i + 1]; c += x[i + 2]; d += x[i + 3];\n"
    "    }\n"
    "    for (; i < first + chunk; i++) a += x[i];\n"
    "    y[get_global_id(0)] = (a + b) + (c + d);\n"
    "}\n"
    "__kernel void write(__global const VECTOR *x, __global VECTOR *y, int chunk) {\n"
    "    int first = get_global_id(0) * chunk;\n"
    "    for (int i = first; i < first + chunk; i++) y[i] = 1;\n"
    "}\n";

struct copy_peer {
    peer_kernel kernel;
    cleat_buffer *x, *y;
    size_t y_size;
    float wanted; /* every element of y, x being ones */
};

/* Buffers of whole vectors, x filled with ones, y with 7; touched, so that the pages are there. */
static bool allocate(bench_run *run, size_t x_size, copy_peer *plain) {
    cl_command_queue queue = cleat_context_cl_queue(run->context);
    const float one = 1, seven = 7;
    if (!bench_call(run, cleat_buffer_create(run->context, x_size, &plain->x), "buffer") ||
        !bench_call(run, cleat_buffer_create(run->context, plain->y_size, &plain->y), "buffer")) {
        return false;
    }
    cl_int error = clEnqueueFillBuffer(
        queue, cleat_buffer_cl_mem(plain->x), &one, sizeof one, 0, x_size, 0, NULL, NULL);
    if (error == CL_SUCCESS) {
        error = clEnqueueFillBuffer(queue, cleat_buffer_cl_mem(plain->y), &seven, sizeof seven, 0,
            plain->y_size, 0, NULL, NULL);
    }
    return error == CL_SUCCESS || bench_fail(run, "copy: OpenCL error %d", (int)error);
}

static bool set_arguments(bench_run *run, int chunk, copy_peer *plain) {
    cl_kernel kernel = plain->kernel.kernel;
    cl_mem x = cleat_buffer_cl_mem(plain->x), y = cleat_buffer_cl_mem(plain->y);
    bool good = clSetKernelArg(kernel, 0, sizeof x, &x) == CL_SUCCESS &&
                clSetKernelArg(kernel, 1, sizeof y, &y) == CL_SUCCESS &&
                clSetKernelArg(kernel, 2, sizeof chunk, &chunk) == CL_SUCCESS;
    return good || bench_fail(run, "copy: arguments refused");
}

/* A reported width that is no vector type counts as 4. */
static int vector_width(const bench_run *run) {
    uint32_t width = run->device.type == CLEAT_DEVICE_CPU ? run->device.native_float_width : 4;
    return width == 1 || width == 2 || width == 8 || width == 16 ? (int)width : 4;
}

copy_peer *copy_peer_create(bench_run *run, double bytes_read, double bytes_written) {
    copy_peer *plain = calloc(1, sizeof *plain);
    bool is_cpu = run->device.type == CLEAT_DEVICE_CPU;
    bool reads = bytes_written < (bytes_read + bytes_written) / 16;
    bool writes = bytes_read < (bytes_read + bytes_written) / 16;
    int width = vector_width(run);
    double vector_bytes = (double)width * sizeof(float);
    if (plain == NULL) {
        bench_fail(run, "out of memory");
        return NULL;
    }
    double vectors = (bytes_read + bytes_written) / (reads || writes ? 1 : 2) / vector_bytes;
    int64_t items =
        is_cpu ? (int64_t)KERNEL_GROUPS_PER_THREAD * run->threads
               : (int64_t)(reads ? vectors / 64 : vectors) / KERNEL_GPU_LOCAL * KERNEL_GPU_LOCAL;
    items = items > 0 ? items : 1;
    int chunk = (int)(vectors / (double)items + 0.5);
    chunk = chunk > 0 ? chunk : 1;
    size_t size = (size_t)items * (size_t)chunk * (size_t)vector_bytes;
    plain->kernel.peer = "copy";
    plain->kernel.items = (size_t)items;
    plain->kernel.local = is_cpu || items < KERNEL_GPU_LOCAL ? 1 : KERNEL_GPU_LOCAL;
    plain->wanted = reads ? (float)chunk : 1;
    plain->y_size = reads ? (size_t)items * (size_t)vector_bytes : size;
    const char *name = reads ? "read" : writes ? "write" : "copy";
    if (!peer_kernel_build(run, source, name, width, &plain->kernel) ||
        !allocate(run, writes ? (size_t)vector_bytes : size, plain) ||
        !set_arguments(run, chunk, plain)) {
        copy_peer_destroy(plain);
        return NULL;
    }
    return plain;
}

void copy_peer_destroy(copy_peer *plain) {
    if (plain == NULL) {
        return;
    }
    peer_kernel_destroy(&plain->kernel);
    cleat_buffer_release(plain->x);
    cleat_buffer_release(plain->y);
    free(plain);
}

bool copy_peer_run(void *state, int64_t calls) {
    copy_peer *plain = state;
    return peer_kernel_run(&plain->kernel, calls);
}

bool copy_peer_check(bench_run *run, copy_peer *plain) {
    cl_command_queue queue = cleat_context_cl_queue(run->context);
    cl_mem y = cleat_buffer_cl_mem(plain->y);
    size_t places[3] = {0, plain->y_size / 2 / sizeof(float), plain->y_size / sizeof(float) - 1};
    for (int i = 0; i < 3; i++) {
        float got = 0;
        cl_int error = clEnqueueReadBuffer(
            queue, y, CL_TRUE, places[i] * sizeof got, sizeof got, &got, 0, NULL, NULL);
        if (error != CL_SUCCESS ||
            !bench_near(run, "copy", (double)got, (double)plain->wanted, 0, 1)) {
            return false;
        }
    }
    return true;
}
