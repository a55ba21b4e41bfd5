/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/device.h"
#include "core/files.h"
#include "core/matrix_unit.h"
#include <stdio.h>
#include <string.h>

/* A processor's last cache is told as a whole. In a virtual machine of a few units it serves other
 * machines as well: no more of it than this is taken for theirs. */
enum { CACHE_OF_A_UNIT = 16 * 1024 * 1024 };

/* Cut to fit and terminated, without the blanks that some drivers put around. */
static void copy_trimmed(const char *raw, char *text, size_t size) {
    const char *start = raw + strspn(raw, " ");
    size_t length = strlen(start);
    while (length > 0 && start[length - 1] == ' ') {
        length--;
    }
    length = length < size - 1 ? length : size - 1;
    memcpy(text, start, length);
    text[length] = '\0';
}

static cleat_status device_text(
    cl_device_id device, cl_device_info property, char *text, size_t size) {
    char raw[1024] = "";
    size_t length = 0;
    TRY_CL(clGetDeviceInfo(device, property, 0, NULL, &length));
    if (length >= sizeof raw) {
        text[0] = '\0';
        return CLEAT_OK;
    }
    TRY_CL(clGetDeviceInfo(device, property, sizeof raw - 1, raw, NULL));
    copy_trimmed(raw, text, size);
    return CLEAT_OK;
}

static cleat_status platform_name(cl_platform_id platform, char *text, size_t size) {
    char raw[1024] = "";
    TRY_CL(clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof raw - 1, raw, NULL));
    copy_trimmed(raw, text, size);
    return CLEAT_OK;
}

static bool has_extension(cl_device_id device, const char *name) {
    char extensions[16384] = "";
    if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL) !=
        CL_SUCCESS) {
        return false;
    }
    return strstr(extensions, name) != NULL;
}

static bool is_software(const char *name) {
    static const char *const renderers[] = {
        "llvmpipe", "softpipe", "swrast", "SwiftShader", "lavapipe", "Oclgrind"};
    for (size_t i = 0; i < sizeof renderers / sizeof renderers[0]; i++) {
        if (strstr(name, renderers[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static cleat_device_type type_of(cl_device_type type, const char *name) {
    if (is_software(name)) {
        return CLEAT_DEVICE_SOFTWARE;
    }
    if (type & CL_DEVICE_TYPE_GPU) {
        return CLEAT_DEVICE_GPU;
    }
    return type & CL_DEVICE_TYPE_CPU ? CLEAT_DEVICE_CPU : CLEAT_DEVICE_ACCELERATOR;
}

static double score_of(const cleat_device_info *info) {
    double clock = info->clock_mhz > 0 ? info->clock_mhz / 1000.0 : 1.0;
    double lanes = 16;
    if (info->type == CLEAT_DEVICE_GPU) {
        lanes = 64;
    } else if (info->type == CLEAT_DEVICE_CPU) {
        lanes = info->native_float_width;
    }
    return info->compute_units * clock * lanes;
}

cleat_status device_info_fill(
    cl_platform_id platform, cl_device_id device, cleat_device_info *info) {
    cl_device_type type = 0;
    cl_uint width = 1;
    cl_ulong global = 0;
    cl_ulong allocation = 0;
    cl_ulong local = 0;
    memset(info, 0, sizeof *info);
    TRY(device_text(device, CL_DEVICE_NAME, info->name, sizeof info->name));
    TRY(device_text(device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor));
    TRY(device_text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver));
    TRY(device_text(device, CL_DEVICE_VERSION, info->version, sizeof info->version));
    TRY(platform_name(platform, info->platform, sizeof info->platform));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof info->compute_units,
        &info->compute_units, NULL));
    TRY_CL(clGetDeviceInfo(
        device, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof info->clock_mhz, &info->clock_mhz, NULL));
    TRY_CL(
        clGetDeviceInfo(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof global, &global, NULL));
    TRY_CL(clGetDeviceInfo(
        device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof allocation, &allocation, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL));
    info->type = type_of(type, info->name);
    info->native_float_width = width > 0 ? width : 1;
    info->global_memory = global;
    info->max_allocation = allocation;
    info->local_memory = local;
    info->has_fp16 = has_extension(device, "cl_khr_fp16");
    info->has_fp64 = has_extension(device, "cl_khr_fp64");
    info->score = score_of(info);
    return CLEAT_OK;
}

static const char *class_of(const cleat_device_info *info) {
    switch (info->type) {
    case CLEAT_DEVICE_CPU:
        return "cpu";
    case CLEAT_DEVICE_SOFTWARE:
        return "gpu_software";
    default:
        break;
    }
    static const struct {
        const char *vendor, *name;
    } classes[] = {
        {"NVIDIA", "gpu_nvidia"},
        {"AMD", "gpu_amd"},
        {"Advanced Micro Devices", "gpu_amd"},
        {"Intel", "gpu_intel"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strstr(info->vendor, classes[i].vendor) != NULL) {
            return classes[i].name;
        }
    }
    return "gpu";
}

static int explicit_width(const cleat_device_info *info) {
    uint32_t native = info->native_float_width;
    if (info->type == CLEAT_DEVICE_CPU) {
        return native >= 16 ? 16 : native >= 8 ? 8 : 4;
    }
    return native >= 4 ? 4 : native >= 2 ? 2 : 1;
}

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

static void take_for_gpu(device_profile *profile, const matrix_unit *unit) {
    profile->device_class = "gpu";
    profile->emulated_unit = unit != NULL ? unit->name : NULL;
    profile->is_cpu = false;
    profile->float_width = 1;
    profile->local_memory_is_fast = true;
    profile->local_memory =
        lesser(profile->local_memory, unit != NULL ? (size_t)64 << 10 : (size_t)48 << 10);
    profile->max_work_group_size = lesser(profile->max_work_group_size, 1024);
}

/* "cpu:8" and its like; 0: another text. */
static int forced_width(const char *wanted) {
    static const struct {
        const char *name;
        int width;
    } known[] = {{"cpu:4", 4}, {"cpu:8", 8}, {"cpu:16", 16}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(wanted, known[i].name) == 0) {
            return known[i].width;
        }
    }
    return 0;
}

/* $CLEAT_PROFILE: kernels as for a graphics card of no known maker, whatever the device is, or for
 * a processor with vectors of so many floats; "gpu:NAME" with a matrix unit emulated. The device's
 * own limits stay where they are the lower ones. */
static cleat_status force_profile(device_profile *profile) {
    const char *wanted = environment_text("CLEAT_PROFILE");
    if (wanted == NULL) {
        return CLEAT_OK;
    }
    const bool has_unit = strncmp(wanted, "gpu:", 4) == 0;
    const matrix_unit *unit = has_unit ? matrix_unit_named(wanted + 4) : NULL;
    const int width = forced_width(wanted);
    REFUSE_IF(unit == NULL && width == 0 && strcmp(wanted, "gpu") != 0, CLEAT_INVALID_ARGUMENT,
        "context_create: CLEAT_PROFILE is %.100s, there is: gpu; gpu: and one of %s; on processors "
        "cpu:4, cpu:8, cpu:16",
        wanted, matrix_unit_names());
    REFUSE_IF(width > 0 && !profile->is_cpu, CLEAT_INVALID_ARGUMENT,
        "context_create: CLEAT_PROFILE is %s, but %s is no processor", wanted, profile->info.name);
    profile->is_forced = true;
    if (width > 0) {
        profile->float_width = width;
    } else {
        take_for_gpu(profile, unit);
    }
    return CLEAT_OK;
}

cleat_status device_profile_fill(cl_device_id device, device_profile *profile) {
    const cleat_device_info *info = &profile->info;
    cl_device_fp_config floats = 0;
    cl_device_local_mem_type local_type = CL_GLOBAL;
    cl_ulong cache = 0;
    cl_uint address_bits = 0;
    char version[128] = "";
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof floats, &floats, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_LOCAL_MEM_TYPE, sizeof local_type, &local_type, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache, NULL));
    TRY_CL(
        clGetDeviceInfo(device, CL_DEVICE_ADDRESS_BITS, sizeof address_bits, &address_bits, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE,
        sizeof profile->max_work_group_size, &profile->max_work_group_size, NULL));
    size_t sizes[16] = {1, 1, 1};
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL));
    TRY(device_text(device, CL_DEVICE_OPENCL_C_VERSION, version, sizeof version));
    memcpy(profile->max_work_item_sizes, sizes, sizeof profile->max_work_item_sizes);
    profile->opencl_c_major = 1;
    profile->opencl_c_minor = 2;
    sscanf(version, "OpenCL C %4d.%4d", &profile->opencl_c_major, &profile->opencl_c_minor);
    profile->device_class = class_of(info);
    profile->is_cpu = info->type == CLEAT_DEVICE_CPU;
    profile->ends_long_loops = info->type == CLEAT_DEVICE_SOFTWARE;
    profile->float_width = explicit_width(info);
    profile->local_memory_is_fast = local_type == CL_LOCAL;
    profile->local_memory = (size_t)info->local_memory;
    profile->address_bits = (int)address_bits;
    profile->compute_units = info->compute_units > 0 ? info->compute_units : 1;
    const cl_ulong share = CACHE_OF_A_UNIT * (cl_ulong)profile->compute_units;
    profile->cache_bytes = (size_t)(cache < share ? cache : share);
    profile->has_fma = (floats & CL_FP_FMA) != 0;
    profile->has_denormals = (floats & CL_FP_DENORM) != 0;
    profile->driver_caches_kernels = strstr(info->platform, "NVIDIA") != NULL;
    const bool is_pocl = strstr(info->platform, "Portable Computing Language") != NULL;
    /* Whose compiler ends the process over functions of wider vectors (docs/drivers.md). */
    if (is_pocl && strncmp(info->driver, "3.0-rc2", 7) == 0 && profile->float_width > 8) {
        profile->float_width = 8;
    }
    profile->binaries_cost_a_build = is_pocl;
    /* PoCL reads clang's header twice for each program, 80 ms, and not where its guard is defined
     * already. Only of versions that were tried. */
    profile->header_can_be_left_out =
        profile->is_cpu && is_pocl && strncmp(info->driver, "3.1", 3) == 0;
    profile->is_tested_with =
        is_pocl || strcmp(info->platform, "Oclgrind") == 0 || info->type == CLEAT_DEVICE_SOFTWARE;
    /* Mesa's rusticl 22.3 answers the sub-group's size, and runs groups of the device's limit. */
    profile->kernel_limits_are_real = strcmp(info->platform, "rusticl") != 0;
    return force_profile(profile);
}

static bool times_are_believable(cl_command_queue queue, cl_mem memory, size_t bytes) {
    const cl_uchar zero = 0;
    bool believable = false;
    cl_event event = NULL;
    cl_ulong start = 0;
    cl_ulong end = 0;
    double before = clock_seconds();
    if (clEnqueueFillBuffer(queue, memory, &zero, sizeof zero, 0, bytes, 0, NULL, &event) ==
            CL_SUCCESS &&
        clWaitForEvents(1, &event) == CL_SUCCESS &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) ==
            CL_SUCCESS &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) ==
            CL_SUCCESS &&
        end > start) {
        /* No memory fills 4 MiB in 100 ns, and the device was not busy longer than we waited. */
        double seconds = (double)(end - start) * 1e-9;
        believable = seconds > 100e-9 && seconds <= clock_seconds() - before;
    }
    if (event != NULL) {
        clReleaseEvent(event);
    }
    return believable;
}

bool device_probe_event_times(cleat_context *context) {
    enum { PROBE_BYTES = 4 << 20 };
    cl_mem memory = NULL;
    bool believable = false;
    pthread_mutex_lock(&context->mutex);
    if (context_allocate(context, PROBE_BYTES, &memory) == CLEAT_OK) {
        believable = times_are_believable(context->queue, memory, PROBE_BYTES);
        context_free_memory(context, memory, PROBE_BYTES);
    }
    pthread_mutex_unlock(&context->mutex);
    return believable;
}

int64_t profile_vector_width(const device_profile *profile) {
    return profile->float_width >= 16 ? 16 : profile->float_width >= 8 ? 8 : 4;
}

bool profile_is_past_caches(const device_profile *profile, double bytes) {
    return profile->cache_bytes > 0 && bytes > (double)profile->cache_bytes;
}

bool profile_item_is_short(const device_profile *profile, double rounds) {
    return profile->is_cpu || rounds < (profile->ends_long_loops ? 60000 : 4e6);
}
