/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OpenCL that runs no kernel and writes down what it is asked to build: CLEAT_OPENCL_LIBRARY
 * names it, and the library takes it for a graphics card. Buffers are host memory; reading,
 * writing, copying and filling them works, so that a program walks on.
 *
 *   CLEAT_RECORD_DIR      a folder, which must be there
 *   CLEAT_RECORD_DEVICE   the card: nvidia, amd or intel
 *   CLEAT_RECORD_UNIT     the number of its matrix unit (cl/unit.cl); none unless given
 *   CLEAT_RECORD_CLANG    the compiler whose preprocessor tells programs apart (clang)
 *   CLEAT_RECORD_NAME     of the list of launches (recorded)
 *
 * Into the folder go, for each program that differs from the others once preprocessed:
 *   HASH.cl        its source, as it was given
 *   HASH.options   the options of the build
 * NAME.launches, in their order, with the size of the groups and the local memory given as
 * arguments; those that a kernel repeats are left out: HASH KERNEL X Y Z BYTES
 * and seen-HASH, which spares the preprocessor what it has seen.
 *
 * The probe of the card's matrix unit finds that it works; of another one it does not build.
 *
 * A launch with groups that are larger than the card's, in work-items or in local memory given, is
 * refused, as a driver would do.
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "recorder_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The card ---- */

static const card cards[] = {
    {"nvidia", "NVIDIA CUDA", "NVIDIA Corporation", "recorder nvidia", "nvptx64-nvidia-nvcl", 1024,
        48 << 10, 108, true},
    {"amd", "AMD Accelerated Parallel Processing", "Advanced Micro Devices, Inc.", "recorder amd",
        "amdgcn-amd-amdhsa", 256, 64 << 10, 104, true},
    {"intel", "Intel(R) OpenCL Graphics", "Intel(R) Corporation", "recorder intel", "spir64", 512,
        64 << 10, 64, false},
};

const card *recorder_card(void) {
    const char *wanted = getenv("CLEAT_RECORD_DEVICE");
    for (size_t i = 0; wanted != NULL && i < sizeof cards / sizeof *cards; i++) {
        if (strcmp(cards[i].name, wanted) == 0) {
            return &cards[i];
        }
    }
    return &cards[0];
}

static struct _cl_platform_id the_platform;
static struct _cl_device_id the_device;

static cl_int answer(const void *value, size_t length, size_t size, void *out, size_t *needed) {
    if (needed != NULL) {
        *needed = length;
    }
    if (out != NULL && size < length) {
        return CL_INVALID_VALUE;
    }
    if (out != NULL) {
        memcpy(out, value, length);
    }
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t size, void *out, size_t *needed) {
    return answer(text, strlen(text) + 1, size, out, needed);
}

cl_int clGetPlatformIDs(cl_uint entries, cl_platform_id *platforms, cl_uint *count) {
    if (platforms != NULL && entries > 0) {
        platforms[0] = &the_platform;
    }
    if (count != NULL) {
        *count = 1;
    }
    return CL_SUCCESS;
}

cl_int clGetPlatformInfo(
    cl_platform_id platform, cl_platform_info name, size_t size, void *value, size_t *needed) {
    (void)platform;
    (void)name;
    return answer_text(recorder_card()->platform, size, value, needed);
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint entries,
    cl_device_id *devices, cl_uint *count) {
    (void)platform;
    (void)type;
    if (devices != NULL && entries > 0) {
        devices[0] = &the_device;
    }
    if (count != NULL) {
        *count = 1;
    }
    return CL_SUCCESS;
}

static const char *device_text(cl_device_info name) {
    switch (name) {
    case CL_DEVICE_NAME:
        return recorder_card()->device;
    case CL_DEVICE_VENDOR:
        return recorder_card()->vendor;
    case CL_DRIVER_VERSION:
        return "1";
    case CL_DEVICE_VERSION:
        return "OpenCL 1.2 recorder";
    case CL_DEVICE_OPENCL_C_VERSION:
        return "OpenCL C 1.2";
    case CL_DEVICE_EXTENSIONS:
        return recorder_card()->has_fp64 ? "cl_khr_fp64" : "cl_khr_byte_addressable_store";
    default:
        return NULL;
    }
}

static cl_ulong device_number(cl_device_info name) {
    switch (name) {
    case CL_DEVICE_TYPE:
        return CL_DEVICE_TYPE_GPU;
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return recorder_card()->units;
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
        return 1500;
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
        return 1;
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return (cl_ulong)16 << 30;
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return (cl_ulong)4 << 30;
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return recorder_card()->local_memory;
    case CL_DEVICE_SINGLE_FP_CONFIG:
        return CL_FP_FMA | CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST;
    case CL_DEVICE_LOCAL_MEM_TYPE:
        return CL_LOCAL;
    case CL_DEVICE_GLOBAL_MEM_CACHE_SIZE:
        return 4 << 20;
    case CL_DEVICE_ADDRESS_BITS:
        return 64;
    default:
        return recorder_card()->group;
    }
}

/* Numbers of four bytes, of those asked for; all others here have eight. */
static size_t number_size(cl_device_info name) {
    return name == CL_DEVICE_MAX_COMPUTE_UNITS || name == CL_DEVICE_MAX_CLOCK_FREQUENCY ||
                   name == CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT ||
                   name == CL_DEVICE_LOCAL_MEM_TYPE || name == CL_DEVICE_ADDRESS_BITS
               ? sizeof(cl_uint)
               : sizeof(cl_ulong);
}

cl_int clGetDeviceInfo(
    cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed) {
    (void)device;
    const char *text = device_text(name);
    if (text != NULL) {
        return answer_text(text, size, value, needed);
    }
    if (name == CL_DEVICE_PLATFORM) {
        const cl_platform_id platform = &the_platform;
        return answer(&platform, sizeof platform, size, value, needed);
    }
    if (name == CL_DEVICE_MAX_WORK_ITEM_SIZES) {
        const size_t most = recorder_card()->group;
        const size_t sizes[] = {most, most, RECORDER_DEPTH};
        return answer(sizes, sizeof sizes, size, value, needed);
    }
    const cl_ulong number = device_number(name);
    const cl_uint small = (cl_uint)number;
    const size_t bytes = number_size(name);
    return answer(bytes == sizeof small ? (const void *)&small : (const void *)&number, bytes, size,
        value, needed);
}

/* ---- Contexts and queues: the same one each time, as nothing is kept in them ---- */

static struct _cl_context the_context;
static struct _cl_command_queue the_queue;

cl_context clCreateContext(const cl_context_properties *properties, cl_uint count,
    const cl_device_id *devices,
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
    cl_int *error) {
    (void)properties;
    (void)count;
    (void)devices;
    (void)notify;
    (void)data;
    *error = CL_SUCCESS;
    return &the_context;
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device,
    cl_command_queue_properties properties, cl_int *error) {
    (void)context;
    (void)device;
    the_queue.properties = properties;
    *error = CL_SUCCESS;
    return &the_queue;
}

cl_int clGetCommandQueueInfo(
    cl_command_queue queue, cl_command_queue_info name, size_t size, void *value, size_t *needed) {
    if (name == CL_QUEUE_PROPERTIES) {
        return answer(&queue->properties, sizeof queue->properties, size, value, needed);
    }
    const void *const object =
        name == CL_QUEUE_CONTEXT ? (const void *)&the_context : (const void *)&the_device;
    return answer(&object, sizeof object, size, value, needed);
}

cl_int clRetainContext(cl_context context) {
    (void)context;
    return CL_SUCCESS;
}

cl_int clReleaseContext(cl_context context) {
    (void)context;
    return CL_SUCCESS;
}

cl_int clRetainCommandQueue(cl_command_queue queue) {
    (void)queue;
    return CL_SUCCESS;
}

cl_int clReleaseCommandQueue(cl_command_queue queue) {
    (void)queue;
    return CL_SUCCESS;
}

cl_int clFinish(cl_command_queue queue) {
    (void)queue;
    return CL_SUCCESS;
}

cl_int clFlush(cl_command_queue queue) {
    (void)queue;
    return CL_SUCCESS;
}

/* ---- Programs and kernels ---- */

cl_program clCreateProgramWithSource(
    cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *error) {
    (void)context;
    cl_program made = count == 1 ? calloc(1, sizeof *made) : NULL;
    char *source = made != NULL ? calloc(lengths[0] + 1, 1) : NULL;
    if (source == NULL) {
        free(made);
        *error = CL_OUT_OF_HOST_MEMORY;
        return NULL;
    }
    memcpy(source, texts[0], lengths[0]);
    made->source = source;
    made->references = 1;
    *error = CL_SUCCESS;
    return made;
}

/* Nobody else has programs of this card. */
cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *devices,
    const size_t *lengths, const unsigned char **binaries, cl_int *status, cl_int *error) {
    (void)context;
    (void)count;
    (void)devices;
    (void)lengths;
    (void)binaries;
    (void)status;
    *error = CL_INVALID_BINARY;
    return NULL;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
    const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
    (void)count;
    (void)devices;
    (void)notify;
    (void)data;
    return recorder_has_unit(options) && recorder_write(program, options)
               ? CL_SUCCESS
               : CL_BUILD_PROGRAM_FAILURE;
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info name,
    size_t size, void *value, size_t *needed) {
    (void)program;
    (void)device;
    (void)name;
    return answer_text(
        "the preprocessor failed, a file could not be written, or the card has no such unit", size,
        value, needed);
}

/* No binaries: a cache keeps nothing. */
cl_int clGetProgramInfo(
    cl_program program, cl_program_info name, size_t size, void *value, size_t *needed) {
    (void)program;
    (void)name;
    (void)size;
    (void)value;
    (void)needed;
    return CL_INVALID_VALUE;
}

cl_int clReleaseProgram(cl_program program) {
    if (--program->references == 0) {
        free(program->source);
        free(program->kernels);
        free(program);
    }
    return CL_SUCCESS;
}

cl_kernel clCreateKernel(cl_program program, const char *name, cl_int *error) {
    const int arguments = recorder_arguments(program, name);
    cl_kernel made = arguments >= 0 ? calloc(1, sizeof *made) : NULL;
    *error = made != NULL ? CL_SUCCESS : CL_INVALID_KERNEL_NAME;
    if (made != NULL) {
        snprintf(made->name, sizeof made->name, "%s", name);
        made->arguments = (cl_uint)arguments;
        made->program = program;
        made->references = 1;
        program->references++;
    }
    return made;
}

cl_int clGetKernelInfo(
    cl_kernel kernel, cl_kernel_info name, size_t size, void *value, size_t *needed) {
    (void)name;
    return answer(&kernel->arguments, sizeof kernel->arguments, size, value, needed);
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
    cl_kernel_work_group_info name, size_t size, void *value, size_t *needed) {
    (void)kernel;
    (void)device;
    (void)name;
    const size_t most = recorder_card()->group;
    return answer(&most, sizeof most, size, value, needed);
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
    if (index >= kernel->arguments || index >= RECORDER_ARGUMENTS) {
        return CL_INVALID_ARG_INDEX;
    }
    kernel->local[index] = value == NULL ? size : 0;
    if (index == 0 && value != NULL && size == sizeof kernel->first) {
        memcpy(&kernel->first, value, size);
    }
    return CL_SUCCESS;
}

cl_int clReleaseKernel(cl_kernel kernel) {
    if (--kernel->references == 0) {
        clReleaseProgram(kernel->program);
        free(kernel);
    }
    return CL_SUCCESS;
}
