/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX files. The first byte tells what the rest is: a model, which is made ready to run where it
 * can be read, or a tensor alone. Whatever stands there is taken or refused with a message, without
 * more host memory than a quarter of a gigabyte, and no more of the device's; memory errors are the
 * sanitizers' to find.
 */
#include "fuzz_demand.h"
#include <CL/cl.h>
#include <cleat/cleat.h>
#include <cleat/onnx.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* ---- Memory with a limit: in front of each piece stands its size ---- */

enum { LIMIT = 1 << 28, HEAD = 16 };

static size_t taken;

static void *resize(void *data, void *memory, size_t size) {
    (void)data;
    char *old = memory != NULL ? (char *)memory - HEAD : NULL;
    size_t before = 0;
    if (old != NULL) {
        memcpy(&before, old, sizeof before);
    }
    if (size > LIMIT || taken - before + size > LIMIT) {
        return NULL;
    }
    char *resized = realloc(old, size + HEAD);
    if (resized == NULL) {
        return NULL;
    }
    taken += size - before;
    memcpy(resized, &size, sizeof size);
    return resized + HEAD;
}

static void *allocate(void *data, size_t size) {
    return resize(data, NULL, size);
}

static void release(void *data, void *memory) {
    (void)data;
    size_t size;
    char *whole = (char *)memory - HEAD;
    memcpy(&size, whole, sizeof size);
    taken -= size;
    free(whole);
}

/* What constants alone decide is computed when a model is made, and may be as large as the device
 * allows. */
static size_t taken_of_device;

static void *device_allocate(void *data, void *opencl, size_t size) {
    (void)data;
    if (size > LIMIT || taken_of_device + size > LIMIT) {
        return NULL;
    }
    cl_mem memory = clCreateBuffer(opencl, CL_MEM_READ_WRITE, size, NULL, NULL);
    taken_of_device += memory != NULL ? size : 0;
    return memory;
}

static void device_release(void *data, void *memory, size_t size) {
    (void)data;
    demand(clReleaseMemObject((cl_mem)memory) == CL_SUCCESS, "memory that cannot be released");
    taken_of_device -= size;
}

static cleat_context *any_context(void) {
    static cleat_context *context;
    const cleat_device_allocator device = {device_allocate, device_release, NULL, {0}};
    const cleat_context_options options = {.tuning_file = "none", .device_allocator = &device};
    const cleat_host_allocator limited = {allocate, resize, release, NULL, {0}};
    if (context == NULL) {
        demand(cleat_set_host_allocator(&limited) == CLEAT_OK, "no allocator");
        demand(cleat_context_create(&options, &context) == CLEAT_OK, "no context");
    }
    return context;
}

static void read_model(const unsigned char *data, size_t size) {
    const cleat_onnx_options options = {.folder = "/proc/self/fdinfo"};
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    const size_t before = cleat_host_allocations();
    const cleat_status status = cleat_graph_read_onnx(data, size, &options, &graph);
    demand((status == CLEAT_OK) == (graph != NULL), "a graph without a status");
    demand(status == CLEAT_OK || cleat_error_message()[0] != '\0', "refused without a word");
    demand(graph != NULL || cleat_host_allocations() == before, "host memory is lost");
    if (status == CLEAT_OK) {
        demand(
            (cleat_model_create(any_context(), graph, NULL, &model) == CLEAT_OK) == (model != NULL),
            "a model without a status");
    }
    cleat_graph_release(graph);
    cleat_model_release(model);
}

static void read_tensor(const unsigned char *data, size_t size) {
    cleat_onnx_tensor tensor = {0};
    unsigned sum = 0;
    if (cleat_onnx_tensor_read(data, size, &tensor) == CLEAT_OK) {
        for (size_t i = 0; i < tensor.size; i++) {
            sum += ((const unsigned char *)tensor.elements)[i];
        }
        demand(sum != 1U << 31, "cannot be");
    }
    cleat_onnx_tensor_release(&tensor);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    any_context();
    if (size > 0 && data[0] % 8 != 0) {
        read_model(data + 1, size - 1);
    } else if (size > 0) {
        read_tensor(data + 1, size - 1);
    }
    return 0;
}
