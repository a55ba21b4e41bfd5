/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same product by bare OpenCL, as short as a good program would do it: one kernel, made ready
 * once and kept.
 *   start_opencl PLATFORM DEVICE source          built from its text: the driver's own cache has it
 *   start_opencl PLATFORM DEVICE binary FILE     from FILE, written there when it does not exist
 * PLATFORM and DEVICE are indices in the loader's order.
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue */
#include "first_product.h"

#include <CL/cl.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 16 };

/* A work-item has 8 rows of 16 columns of c. */
static const char *const source =
    "__kernel void product(__global const float *a, __global const float *b, __global float *c) {\n"
    "    const int n = 512;\n"
    "    int column = get_global_id(0) * 16, row = get_global_id(1) * 8;\n"
    "    float16 sum[8];\n"
    "    for (int i = 0; i < 8; i++)\n"
    "        sum[i] = 0;\n"
    "    for (int k = 0; k < n; k++) {\n"
    "        float16 values = vload16(0, b + k * n + column);\n"
    "        #pragma unroll\n"
    "        for (int i = 0; i < 8; i++)\n"
    "            sum[i] = fma(a[(row + i) * n + k], values, sum[i]);\n"
    "    }\n"
    "    for (int i = 0; i < 8; i++)\n"
    "        vstore16(sum[i], 0, c + (row + i) * n + column);\n"
    "}\n";

/* What was asked of OpenCL; released by the end of the process. */
typedef struct state {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
} state;

static int failed(const char *what, cl_int error) {
    fprintf(stderr, "start_opencl: %s: %d\n", what, error);
    return 0;
}

static int find_device(int platform, int device, state *s) {
    enum { MOST = 16 };
    cl_platform_id platforms[MOST];
    cl_device_id devices[MOST];
    cl_uint count = 0;
    cl_int error = clGetPlatformIDs(MOST, platforms, &count);
    if (error != CL_SUCCESS || platform < 0 || platform >= (int)count) {
        return failed("clGetPlatformIDs", error);
    }
    error = clGetDeviceIDs(platforms[platform], CL_DEVICE_TYPE_ALL, MOST, devices, &count);
    if (error != CL_SUCCESS || device < 0 || device >= (int)count) {
        return failed("clGetDeviceIDs", error);
    }
    s->device = devices[device];
    s->context = clCreateContext(NULL, 1, &s->device, NULL, NULL, &error);
    if (error != CL_SUCCESS) {
        return failed("clCreateContext", error);
    }
    s->queue = clCreateCommandQueue(s->context, s->device, 0, &error);
    return error == CL_SUCCESS || failed("clCreateCommandQueue", error);
}

static int build_source(state *s) {
    cl_int error = CL_SUCCESS;
    const char *text = source;
    s->program = clCreateProgramWithSource(s->context, 1, &text, NULL, &error);
    if (error != CL_SUCCESS) {
        return failed("clCreateProgramWithSource", error);
    }
    error = clBuildProgram(s->program, 1, &s->device, "-cl-std=CL1.2", NULL, NULL);
    return error == CL_SUCCESS || failed("clBuildProgram", error);
}

static int load_binary(state *s, const char *file) {
    static unsigned char binary[8 << 20];
    const unsigned char *binaries[1] = {binary};
    FILE *stream = fopen(file, "rb");
    size_t size = stream != NULL ? fread(binary, 1, sizeof binary, stream) : 0;
    cl_int error = CL_SUCCESS;
    if (stream == NULL) {
        return 0;
    }
    fclose(stream);
    s->program =
        clCreateProgramWithBinary(s->context, 1, &s->device, &size, binaries, NULL, &error);
    if (error != CL_SUCCESS) {
        return failed("clCreateProgramWithBinary", error);
    }
    error = clBuildProgram(s->program, 1, &s->device, NULL, NULL, NULL);
    return error == CL_SUCCESS || failed("clBuildProgram", error);
}

static int save_binary(const state *s, const char *file) {
    size_t size = 0;
    cl_int error = clGetProgramInfo(s->program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL);
    unsigned char *binary = error == CL_SUCCESS ? malloc(size) : NULL;
    if (binary == NULL) {
        return failed("CL_PROGRAM_BINARY_SIZES", error);
    }
    error = clGetProgramInfo(s->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
    FILE *stream = fopen(file, "wb");
    int good = error == CL_SUCCESS && stream != NULL && fwrite(binary, 1, size, stream) == size;
    free(binary);
    if (stream != NULL) {
        good = fclose(stream) == 0 && good;
    }
    return good || failed("writing the binary", error);
}

static int compute(const state *s) {
    cl_int errors[8] = {0};
    const size_t global[2] = {SIDE / COLUMNS, SIDE / ROWS}, local[2] = {1, 1};
    cl_kernel kernel = clCreateKernel(s->program, "product", &errors[0]);
    float *operands[2] = {a, b};
    cl_mem memory[3];
    for (int i = 0; i < 3 && kernel != NULL; i++) {
        memory[i] = clCreateBuffer(s->context, CL_MEM_READ_WRITE, sizeof a, NULL, &errors[1 + i]);
        clSetKernelArg(kernel, (cl_uint)i, sizeof memory[i], &memory[i]);
        if (i < 2) {
            errors[4] |= clEnqueueWriteBuffer(
                s->queue, memory[i], CL_TRUE, 0, sizeof a, operands[i], 0, NULL, NULL);
        }
    }
    if (kernel != NULL) {
        errors[5] = clEnqueueNDRangeKernel(s->queue, kernel, 2, NULL, global, local, 0, NULL, NULL);
        errors[6] =
            clEnqueueReadBuffer(s->queue, memory[2], CL_TRUE, 0, sizeof c, c, 0, NULL, NULL);
    }
    for (int i = 0; i < 8; i++) {
        if (errors[i] != CL_SUCCESS) {
            return failed("computing", errors[i]);
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    state s = {0};
    const char *file = argc == 5 && strcmp(argv[3], "binary") == 0 ? argv[4] : NULL;
    if (argc < 4) {
        fputs("usage: start_opencl PLATFORM DEVICE source | binary FILE\n", stderr);
        return 2;
    }
    make_operands();
    int good = find_device(atoi(argv[1]), atoi(argv[2]), &s);
    int loaded = good && file != NULL && load_binary(&s, file);
    good = good && (loaded || build_source(&s)) && compute(&s);
    tell_ready();
    if (good && file != NULL && !loaded) {
        good = save_binary(&s, file);
    }
    return good && product_is_right() ? EXIT_SUCCESS : EXIT_FAILURE;
}
