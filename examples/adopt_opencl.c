/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleat inside a program that uses OpenCL itself: the program's own device, context and queue, its
 * own kernel that fills a buffer, a product by Cleat on that buffer, and again a kernel of its own
 * on the result. Nothing is copied, nothing waits in between: all of it is one in-order queue.
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* a queue on any version */
#include <cleat/cleat.h>
#include <cleat/opencl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 64, INNER = 32, COLUMNS = 16 };

static const char source[] = "kernel void ramp(global float *x) {\n"
                             "    size_t i = get_global_id(0);\n"
                             "    x[i] = (float)(i % 7) - 3.0f;\n"
                             "}\n"
                             "kernel void halve(global float *x) {\n"
                             "    x[get_global_id(0)] *= 0.5f;\n"
                             "}\n";

static void check_cl(cl_int error, const char *call) {
    if (error != CL_SUCCESS) {
        fprintf(stderr, "%s: error %d\n", call, (int)error);
        exit(EXIT_FAILURE);
    }
}

static void check(cleat_status status) {
    if (status != CLEAT_OK) {
        fprintf(stderr, "%s: %s\n", cleat_status_name(status), cleat_error_message());
        exit(EXIT_FAILURE);
    }
}

/* The first device that any platform has. */
static cl_device_id first_device(void) {
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_device_id device = NULL;
    check_cl(clGetPlatformIDs(16, platforms, &count), "clGetPlatformIDs");
    for (cl_uint i = 0; i < count && i < 16 && device == NULL; i++) {
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS) {
            device = NULL;
        }
    }
    if (device == NULL) {
        fprintf(stderr, "there is no OpenCL device\n");
        exit(EXIT_FAILURE);
    }
    return device;
}

static void run_own(
    cl_command_queue queue, cl_program program, const char *name, cl_mem memory, size_t count) {
    cl_int error = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, name, &error);
    check_cl(error, "clCreateKernel");
    check_cl(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
    check_cl(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &count, NULL, 0, NULL, NULL),
        "clEnqueueNDRangeKernel");
    clReleaseKernel(kernel);
}

/* A row-major matrix in memory of the program's own. The view's buffer holds its own reference. */
static cleat_tensor wrap(cleat_context *context, cl_mem memory, int64_t rows, int64_t columns) {
    cleat_tensor x = {
        .type = CLEAT_F32, .rank = 2, .shape = {rows, columns}, .stride = {columns, 1}};
    check(cleat_buffer_wrap(context, memory, &x.buffer));
    return x;
}

/* How many of the results are not what the same loops on the host give. */
static int wrong_results(const float *y) {
    int wrong = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        float sum = 0;
        for (int k = 0; k < INNER; k++) {
            float a = (float)((i / COLUMNS * INNER + k) % 7) - 3;
            float b = (float)((k * COLUMNS + i % COLUMNS) % 7) - 3;
            sum += a * b;
        }
        wrong += y[i] != sum * 0.5F;
    }
    return wrong;
}

int main(void) {
    static float result[ROWS * COLUMNS];
    const size_t counts[] = {ROWS * INNER, INNER * COLUMNS, ROWS * COLUMNS};
    const char *text = source;
    cl_mem memory[3];
    cl_int error = CL_SUCCESS;

    /* What the program has anyway. */
    cl_device_id device = first_device();
    cl_context cl = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    check_cl(error, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueue(cl, device, 0, &error);
    check_cl(error, "clCreateCommandQueue");
    cl_program program = clCreateProgramWithSource(cl, 1, &text, NULL, &error);
    check_cl(error, "clCreateProgramWithSource");
    check_cl(clBuildProgram(program, 1, &device, "", NULL, NULL), "clBuildProgram");
    for (int i = 0; i < 3; i++) {
        memory[i] = clCreateBuffer(cl, CL_MEM_READ_WRITE, counts[i] * sizeof(float), NULL, &error);
        check_cl(error, "clCreateBuffer");
    }

    /* Cleat joins in. */
    cleat_context *context = NULL;
    check(cleat_context_create_from_queue(queue, NULL, &context));
    cleat_tensor a = wrap(context, memory[0], ROWS, INNER);
    cleat_tensor b = wrap(context, memory[1], INNER, COLUMNS);
    cleat_tensor y = wrap(context, memory[2], ROWS, COLUMNS);

    run_own(queue, program, "ramp", memory[0], counts[0]);
    run_own(queue, program, "ramp", memory[1], counts[1]);
    check(cleat_matmul(context, a, b, y, NULL));
    run_own(queue, program, "halve", memory[2], counts[2]);
    check_cl(
        clEnqueueReadBuffer(queue, memory[2], CL_TRUE, 0, sizeof result, result, 0, NULL, NULL),
        "clEnqueueReadBuffer");
    int wrong = wrong_results(result);
    printf("%d of %d results are right\n", ROWS * COLUMNS - wrong, ROWS * COLUMNS);

    cleat_tensor_release(&a);
    cleat_tensor_release(&b);
    cleat_tensor_release(&y);
    cleat_context_release(context);
    for (int i = 0; i < 3; i++) {
        clReleaseMemObject(memory[i]);
    }
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(cl);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
