/* SPDX-License-Identifier: Apache-2.0 */
/* The layer of layer.h: a wrapper for each entry point, made by the macro of its kind where it only
 * counts and fails, which is what no function could do for forty different types. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "layer.h"

#include <CL/cl_layer.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int32_t fault_of(layer_entry entry);

extern fault_layer cleat_fault_layer;
fault_layer cleat_fault_layer = {.fail_entry = LAYER_ANY,
    .code = CL_OUT_OF_RESOURCES,
    .delay_entry = LAYER_ANY,
    .first_failed = LAYER_NONE,
    .fault_of = fault_of};

static fault_layer *const state = &cleat_fault_layer;
static cl_icd_dispatch next; /* the driver, or the layer below */

static void delay(layer_entry entry) {
    if (state->delay > 0 && (state->delay_entry == LAYER_ANY || state->delay_entry == entry)) {
        nanosleep(&(struct timespec){0, state->delay}, NULL);
    }
}

static int32_t fault_of(layer_entry entry) {
    atomic_fetch_add(&state->called[entry], 1);
    delay(entry);
    if (state->fail_entry != LAYER_ANY && state->fail_entry != entry) {
        return CL_SUCCESS;
    }
    const int number = atomic_fetch_add(&state->calls, 1) + 1;
    const bool lost = state->lasting && number > state->fail_at && entry != LAYER_HOST_MEMORY &&
                      atomic_load(&state->first_failed) != LAYER_HOST_MEMORY;
    const bool fails = number == state->fail_at || lost;
    if (state->fail_at == 0 || !fails) {
        return CL_SUCCESS;
    }
    int none = LAYER_NONE;
    atomic_compare_exchange_strong(&state->first_failed, &none, (int)entry);
    atomic_fetch_add(&state->failed[entry], 1);
    return state->code;
}

static void count_alive(layer_kind kind, int change) {
    atomic_fetch_add(&state->alive[kind], change);
}

/* A command that the driver took, and its event where one was asked for. */
static cl_int taken(cl_int error, const cl_event *event) {
    if (error == CL_SUCCESS) {
        atomic_fetch_add(&state->accepted, 1);
        count_alive(LAYER_EVENTS, event != NULL);
    }
    return error;
}

/* ---- The kinds of wrappers ---- */

/* Status in, status out. */
#define CALL(name, parameters, arguments)                                                          \
    static cl_int CL_API_CALL layer_##name parameters {                                            \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        return fault != CL_SUCCESS ? fault : next.cl##name arguments;                              \
    }

/* A wait. On a device that is lost nothing is under way any more, which takes carrying it out. */
#define WAIT(name, parameters, arguments)                                                          \
    static cl_int CL_API_CALL layer_##name parameters {                                            \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        const bool waits = fault == CL_SUCCESS || state->lasting;                                  \
        const cl_int error = waits ? next.cl##name arguments : fault;                              \
        return fault != CL_SUCCESS ? fault : error;                                                \
    }

/* A command, whose event is the parameter `event`. */
#define ENQUEUE(name, parameters, arguments)                                                       \
    static cl_int CL_API_CALL layer_##name parameters {                                            \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        return fault != CL_SUCCESS ? fault : taken(next.cl##name arguments, event);                \
    }

/* Makes an object; the status goes to the parameter `error`. */
#define CREATE(type, kind, name, parameters, arguments)                                            \
    static type CL_API_CALL layer_##name parameters {                                              \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        if (fault != CL_SUCCESS) {                                                                 \
            *error = fault;                                                                        \
            return NULL;                                                                           \
        }                                                                                          \
        type made = next.cl##name arguments;                                                       \
        count_alive(kind, made != NULL);                                                           \
        return made;                                                                               \
    }

#define RETAIN(type, kind, name)                                                                   \
    static cl_int CL_API_CALL layer_##name(type object) {                                          \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        const cl_int error = fault != CL_SUCCESS ? fault : next.cl##name(object);                  \
        count_alive(kind, error == CL_SUCCESS);                                                    \
        return error;                                                                              \
    }

#define RELEASE(type, kind, name)                                                                  \
    static cl_int CL_API_CALL layer_##name(type object) {                                          \
        const cl_int fault = fault_of(LAYER_##name);                                               \
        const cl_int error = next.cl##name(object);                                                \
        count_alive(kind, error == CL_SUCCESS ? -1 : 0);                                           \
        return fault != CL_SUCCESS ? fault : error;                                                \
    }

/* ---- Objects ---- */

CREATE(cl_context, LAYER_CONTEXTS, CreateContext,
    (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
        void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
        cl_int *error),
    (properties, count, devices, notify, data, error))
CREATE(cl_command_queue, LAYER_QUEUES, CreateCommandQueue,
    (cl_context context, cl_device_id device, cl_command_queue_properties properties,
        cl_int *error),
    (context, device, properties, error))
CREATE(cl_program, LAYER_PROGRAMS, CreateProgramWithSource,
    (cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *error),
    (context, count, texts, lengths, error))
CREATE(cl_kernel, LAYER_KERNELS, CreateKernel,
    (cl_program program, const char *name, cl_int *error), (program, name, error))

RETAIN(cl_context, LAYER_CONTEXTS, RetainContext)
RETAIN(cl_command_queue, LAYER_QUEUES, RetainCommandQueue)
RETAIN(cl_event, LAYER_EVENTS, RetainEvent)
RETAIN(cl_mem, LAYER_MEMORY, RetainMemObject)
RELEASE(cl_context, LAYER_CONTEXTS, ReleaseContext)
RELEASE(cl_command_queue, LAYER_QUEUES, ReleaseCommandQueue)
RELEASE(cl_event, LAYER_EVENTS, ReleaseEvent)
RELEASE(cl_kernel, LAYER_KERNELS, ReleaseKernel)
RELEASE(cl_mem, LAYER_MEMORY, ReleaseMemObject)
RELEASE(cl_program, LAYER_PROGRAMS, ReleaseProgram)

static cl_mem CL_API_CALL layer_CreateBuffer(
    cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error) {
    cl_int fault = fault_of(LAYER_CreateBuffer);
    if (state->limits.allocation > 0 && size > state->limits.allocation) {
        fault = CL_INVALID_BUFFER_SIZE;
    }
    if (fault != CL_SUCCESS) {
        *error = fault;
        return NULL;
    }
    cl_mem made = next.clCreateBuffer(context, flags, size, host, error);
    count_alive(LAYER_MEMORY, made != NULL);
    return made;
}

/* ---- Questions ---- */

CALL(GetPlatformIDs, (cl_uint entries, cl_platform_id *platforms, cl_uint *count),
    (entries, platforms, count))
CALL(GetDeviceIDs,
    (cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id *devices,
        cl_uint *count),
    (platform, type, entries, devices, count))
CALL(GetCommandQueueInfo,
    (cl_command_queue queue, cl_command_queue_info name, size_t size, void *value, size_t *needed),
    (queue, name, size, value, needed))
CALL(GetMemObjectInfo, (cl_mem object, cl_mem_info name, size_t size, void *value, size_t *needed),
    (object, name, size, value, needed))
CALL(GetKernelInfo,
    (cl_kernel kernel, cl_kernel_info name, size_t size, void *value, size_t *needed),
    (kernel, name, size, value, needed))
CALL(GetProgramBuildInfo,
    (cl_program program, cl_device_id device, cl_program_build_info name, size_t size, void *value,
        size_t *needed),
    (program, device, name, size, value, needed))

/* The least of what the device says and a limit other than 0. */
static void at_most(size_t *value, size_t limit) {
    *value = limit > 0 && limit < *value ? limit : *value;
}

static void at_most_long(void *value, size_t limit) {
    cl_ulong number;
    memcpy(&number, value, sizeof number);
    number = limit > 0 && limit < number ? limit : number;
    memcpy(value, &number, sizeof number);
}

static void replace_number(void *value, uint32_t wanted) {
    if (wanted > 0) {
        memcpy(value, &wanted, sizeof wanted);
    }
}

static void replace_long(void *value, uint64_t wanted) {
    if (wanted > 0) {
        memcpy(value, &wanted, sizeof wanted);
    }
}

/* Takes an extension out of the list. */
static void blot_out(char *text, const char *extension) {
    char *place = strstr(text, extension);
    if (place != NULL) {
        memset(place, 'x', strlen(extension));
    }
}

/* Two texts of the form "OpenCL 3.0 ..." and "OpenCL C 3.0 ...". */
static void make_1_2(char *text) {
    char *point = strchr(text, '.');
    if (state->limits.version_1_2 && point != NULL && point > text) {
        point[-1] = '1';
        point[1] = '2';
    }
}

static void limit_sizes(void *value) {
    size_t *sizes = value;
    for (int i = 0; i < 3; i++) {
        at_most(&sizes[i], state->limits.work_group);
        at_most(&sizes[i], state->limits.work_items);
    }
}

/* Puts what the limits say in the place of what the device answered. */
static void limit_answer(cl_device_info name, void *value) {
    const layer_limits *limits = &state->limits;
    switch (name) {
    case CL_DEVICE_EXTENSIONS:
        if (limits->no_fp64) {
            blot_out(value, "cl_khr_fp64");
        }
        break;
    case CL_DEVICE_VERSION:
    case CL_DEVICE_OPENCL_C_VERSION:
        make_1_2(value);
        break;
    case CL_DEVICE_TYPE:
        replace_long(value, limits->device_type);
        break;
    case CL_DEVICE_LOCAL_MEM_SIZE:
        at_most_long(value, limits->local_memory);
        break;
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        at_most_long(value, limits->allocation);
        break;
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        at_most(value, limits->work_group);
        break;
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        limit_sizes(value);
        break;
    case CL_DEVICE_ADDRESS_BITS:
        replace_number(value, limits->address_bits);
        break;
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN:
        replace_number(value, limits->alignment_bits);
        break;
    default:
        break;
    }
}

static const char *replaced_text(cl_device_info name) {
    return name == CL_DEVICE_NAME     ? state->limits.name
           : name == CL_DEVICE_VENDOR ? state->limits.vendor
                                      : NULL;
}

/* As drivers give texts: a size that is too small is a mistake. */
static cl_int answer_text(const char *text, size_t size, void *value, size_t *needed) {
    const size_t length = strlen(text) + 1;
    if (value != NULL && size < length) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, text, length);
    }
    if (needed != NULL) {
        *needed = length;
    }
    return CL_SUCCESS;
}

static cl_int CL_API_CALL layer_GetPlatformInfo(
    cl_platform_id platform, cl_platform_info name, size_t size, void *value, size_t *needed) {
    const cl_int fault = fault_of(LAYER_GetPlatformInfo);
    if (fault != CL_SUCCESS) {
        return fault;
    }
    const bool replaced = name == CL_PLATFORM_NAME && state->limits.platform != NULL;
    return replaced ? answer_text(state->limits.platform, size, value, needed)
                    : next.clGetPlatformInfo(platform, name, size, value, needed);
}

/* Of times that are told at all: events start at 1 second and last as long as they are said to. */
static cl_int CL_API_CALL layer_GetEventProfilingInfo(
    cl_event event, cl_profiling_info name, size_t size, void *value, size_t *needed) {
    const cl_int fault = fault_of(LAYER_GetEventProfilingInfo);
    const cl_ulong start = 1000000000, end = start + state->limits.event_time;
    if (fault != CL_SUCCESS) {
        return fault;
    }
    const cl_int error = next.clGetEventProfilingInfo(event, name, size, value, needed);
    if (error == CL_SUCCESS && value != NULL && state->limits.event_time > 0) {
        memcpy(value, name == CL_PROFILING_COMMAND_END ? &end : &start, sizeof end);
    }
    return error;
}

static cl_int CL_API_CALL layer_GetDeviceInfo(
    cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed) {
    const cl_int fault = fault_of(LAYER_GetDeviceInfo);
    if (fault != CL_SUCCESS) {
        return fault;
    }
    if (replaced_text(name) != NULL) {
        return answer_text(replaced_text(name), size, value, needed);
    }
    const cl_int error = next.clGetDeviceInfo(device, name, size, value, needed);
    if (error == CL_SUCCESS && value != NULL) {
        limit_answer(name, value);
    }
    return error;
}

static cl_int CL_API_CALL layer_GetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
    cl_kernel_work_group_info name, size_t size, void *value, size_t *needed) {
    const cl_int fault = fault_of(LAYER_GetKernelWorkGroupInfo);
    if (fault != CL_SUCCESS) {
        return fault;
    }
    const cl_int error = next.clGetKernelWorkGroupInfo(kernel, device, name, size, value, needed);
    if (error == CL_SUCCESS && value != NULL && name == CL_KERNEL_WORK_GROUP_SIZE) {
        at_most(value, state->limits.work_group);
        at_most(value, state->limits.kernel_group);
    }
    return error;
}

/* ---- Programs ---- */

static const char spoilt_mark[] = "spoilt by cleat's fault layer";
static cl_program from_binary; /* the last one made: needs no compiler */

static size_t spoilt_size(size_t size) {
    switch (state->binaries) {
    case LAYER_BINARIES_CUT:
        return size / 2;
    case LAYER_BINARIES_EMPTY:
        return 0;
    default:
        return size;
    }
}

/* The driver writes whole binaries, so that room for them is needed: a spoilt one is its mark and
 * zeros. */
static void write_spoilt(cl_program program, unsigned char **binaries) {
    enum { MOST = 64 };
    size_t sizes[MOST] = {0};
    next.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof sizes, sizes, NULL);
    for (int i = 0; i < MOST && sizes[i] > 0; i++) {
        const size_t size = spoilt_size(sizes[i]);
        if (binaries[i] != NULL) {
            memset(binaries[i], 0, size);
            memcpy(binaries[i], spoilt_mark, size < sizeof spoilt_mark ? size : sizeof spoilt_mark);
        }
    }
}

static cl_int CL_API_CALL layer_GetProgramInfo(
    cl_program program, cl_program_info name, size_t size, void *value, size_t *needed) {
    const cl_int fault = fault_of(LAYER_GetProgramInfo);
    if (fault != CL_SUCCESS) {
        return fault;
    }
    const bool spoils = state->binaries != LAYER_BINARIES_GOOD && value != NULL;
    if (spoils && name == CL_PROGRAM_BINARIES) {
        write_spoilt(program, value);
        return CL_SUCCESS;
    }
    size_t length = 0;
    const cl_int error = next.clGetProgramInfo(program, name, size, value, &length);
    if (needed != NULL) {
        *needed = length;
    }
    if (error == CL_SUCCESS && spoils && name == CL_PROGRAM_BINARY_SIZES) {
        for (size_t i = 0; i < length / sizeof(size_t); i++) {
            ((size_t *)value)[i] = spoilt_size(((size_t *)value)[i]);
        }
    }
    return error;
}

static bool is_spoilt(const unsigned char *binary, size_t size) {
    return size >= sizeof spoilt_mark && memcmp(binary, spoilt_mark, sizeof spoilt_mark) == 0;
}

static cl_program CL_API_CALL layer_CreateProgramWithBinary(cl_context context, cl_uint count,
    const cl_device_id *devices, const size_t *lengths, const unsigned char **binaries,
    cl_int *binary_status, cl_int *error) {
    cl_int fault = fault_of(LAYER_CreateProgramWithBinary);
    if (fault == CL_SUCCESS && is_spoilt(binaries[0], lengths[0])) {
        fault = CL_INVALID_BINARY;
    }
    if (fault != CL_SUCCESS) {
        *error = fault;
        return NULL;
    }
    from_binary = next.clCreateProgramWithBinary(
        context, count, devices, lengths, binaries, binary_status, error);
    count_alive(LAYER_PROGRAMS, from_binary != NULL);
    return from_binary;
}

static cl_int CL_API_CALL layer_BuildProgram(cl_program program, cl_uint count,
    const cl_device_id *devices, const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
    void *data) {
    const cl_int fault = fault_of(LAYER_BuildProgram);
    if (fault != CL_SUCCESS) {
        return fault;
    }
    return state->limits.no_compiler && program != from_binary
               ? CL_COMPILER_NOT_AVAILABLE
               : next.clBuildProgram(program, count, devices, options, notify, data);
}

/* ---- Commands ---- */

CALL(SetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
    (kernel, index, size, value))
WAIT(WaitForEvents, (cl_uint count, const cl_event *events), (count, events))
CALL(Flush, (cl_command_queue queue), (queue))
WAIT(Finish, (cl_command_queue queue), (queue))
/* Writes nothing, so that it does not count as a command; nor does anybody ask for its event. */
CALL(EnqueueMigrateMemObjects,
    (cl_command_queue queue, cl_uint count, const cl_mem *objects, cl_mem_migration_flags flags,
        cl_uint waits, const cl_event *list, cl_event *event),
    (queue, count, objects, flags, waits, list, event))

ENQUEUE(EnqueueReadBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
        void *data, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, buffer, blocking, offset, size, data, waits, list, event))
ENQUEUE(EnqueueWriteBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
        const void *data, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, buffer, blocking, offset, size, data, waits, list, event))
ENQUEUE(EnqueueCopyBuffer,
    (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
        size_t size, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, from, to, from_offset, to_offset, size, waits, list, event))
ENQUEUE(EnqueueFillBuffer,
    (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size, size_t offset,
        size_t size, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, buffer, pattern, pattern_size, offset, size, waits, list, event))
ENQUEUE(EnqueueMarkerWithWaitList,
    (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, waits, list, event))
ENQUEUE(EnqueueBarrierWithWaitList,
    (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
    (queue, waits, list, event))
ENQUEUE(EnqueueUnmapMemObject,
    (cl_command_queue queue, cl_mem object, void *place, cl_uint waits, const cl_event *list,
        cl_event *event),
    (queue, object, place, waits, list, event))

static void *CL_API_CALL layer_EnqueueMapBuffer(cl_command_queue queue, cl_mem buffer,
    cl_bool blocking, cl_map_flags flags, size_t offset, size_t size, cl_uint waits,
    const cl_event *list, cl_event *event, cl_int *error) {
    const cl_int fault = fault_of(LAYER_EnqueueMapBuffer);
    if (fault != CL_SUCCESS) {
        *error = fault;
        return NULL;
    }
    void *place = next.clEnqueueMapBuffer(
        queue, buffer, blocking, flags, offset, size, waits, list, event, error);
    taken(place != NULL ? CL_SUCCESS : CL_MAP_FAILURE, event);
    return place;
}

static cl_int CL_API_CALL layer_EnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel,
    cl_uint dimensions, const size_t *offset, const size_t *global, const size_t *local,
    cl_uint waits, const cl_event *list, cl_event *event) {
    const cl_int fault = fault_of(LAYER_EnqueueNDRangeKernel);
    size_t items = 1;
    for (cl_uint i = 0; i < dimensions && local != NULL; i++) {
        items *= local[i];
    }
    if (fault != CL_SUCCESS) {
        return fault;
    }
    if (state->limits.work_group > 0 && items > state->limits.work_group) {
        return CL_INVALID_WORK_GROUP_SIZE;
    }
    return taken(next.clEnqueueNDRangeKernel(
                     queue, kernel, dimensions, offset, global, local, waits, list, event),
        event);
}

/* ---- What the loader asks for ---- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(
    cl_layer_info name, size_t size, void *value, size_t *needed) {
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char layer_name[] = "cleat faults";
    const size_t length = name == CL_LAYER_API_VERSION ? sizeof version : sizeof layer_name;
    const void *answer = name == CL_LAYER_API_VERSION ? (const void *)&version : layer_name;
    if ((name != CL_LAYER_API_VERSION && name != CL_LAYER_NAME) ||
        (value != NULL && size < length)) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, answer, length);
    }
    if (needed != NULL) {
        *needed = length;
    }
    return CL_SUCCESS;
}

static void read_environment(void) {
    const char *call = getenv("CLEAT_LAYER_FAIL");
    if (call != NULL) {
        state->fail_at = atoi(call);
        state->lasting = true;
    }
    state->limits.platform = getenv("CLEAT_LAYER_PLATFORM");
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target,
    cl_uint *entries_given, const cl_icd_dispatch **given) {
    static cl_icd_dispatch table;
    const size_t size =
        entries < sizeof next / sizeof(void *) ? entries * sizeof(void *) : sizeof next;
    if (target == NULL || entries_given == NULL || given == NULL) {
        return CL_INVALID_VALUE;
    }
    memcpy(&next, target, size);
    memcpy(&table, target, size);
#define LAYER_TAKES(name) table.cl##name = layer_##name;
    LAYER_ENTRY_POINTS(LAYER_TAKES)
#undef LAYER_TAKES
    read_environment();
    *entries_given = (cl_uint)(size / sizeof(void *));
    *given = &table;
    return CL_SUCCESS;
}
