/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_kernel.h"

#include <stdio.h>

bool peer_kernel_build(
    bench_run *run, const char *source, const char *name, int width, peer_kernel *built) {
    cl_context context = cleat_context_cl_context(run->context);
    cl_device_id device = cleat_context_cl_device(run->context);
    char options[64], vector[16] = "float";
    cl_int error = CL_SUCCESS;
    built->context = run->context;
    if (width > 1) {
        snprintf(vector, sizeof vector, "float%d", width);
    }
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DVECTOR=%s", vector);
    const char *texts[] = {built->prelude != NULL ? built->prelude : "", source};
    built->program = clCreateProgramWithSource(context, 2, texts, NULL, &error);
    if (error == CL_SUCCESS) {
        error = clBuildProgram(built->program, 1, &device, options, NULL, NULL);
    }
    if (error == CL_SUCCESS) {
        built->kernel = clCreateKernel(built->program, name, &error);
    }
    return error == CL_SUCCESS || bench_fail(run, "%s: OpenCL error %d", built->peer, (int)error);
}

bool peer_kernel_run(const peer_kernel *built, int64_t calls) {
    cl_command_queue queue = cleat_context_cl_queue(built->context);
    for (int64_t call = 0; call < calls; call++) {
        cl_int error = clEnqueueNDRangeKernel(
            queue, built->kernel, 1, NULL, &built->items, &built->local, 0, NULL, NULL);
        if (error != CL_SUCCESS) {
            fprintf(stderr, "cleat-bench: %s: OpenCL error %d\n", built->peer, (int)error);
            return false;
        }
    }
    return cleat_finish(built->context) == CLEAT_OK;
}

void peer_kernel_destroy(peer_kernel *built) {
    if (built->kernel != NULL) {
        clReleaseKernel(built->kernel);
    }
    if (built->program != NULL) {
        clReleaseProgram(built->program);
    }
}
