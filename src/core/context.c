/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/device.h"
#include "core/disk_cache.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

cleat_status context_usable(const cleat_context *context) {
    REFUSE_IF(context == NULL, CLEAT_INVALID_ARGUMENT, "the context is NULL");
    REFUSE_IF(!process_mark_is_own(&context->mark), CLEAT_DEVICE_LOST,
        "the context was made by process %ld and this is its child %ld: OpenCL drivers do not "
        "survive a fork, so make contexts after it",
        (long)context->mark.process, (long)getpid());
    return CLEAT_OK;
}

const device_profile *context_profile(const cleat_context *context) {
    return &context->profile;
}

void context_log(cleat_context *context, const char *format, ...) {
    if (context->log == NULL) {
        return;
    }
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->log(context->log_data, text);
}

static size_t default_scratch_limit(const cleat_device_info *info) {
    const uint64_t most = (uint64_t)1 << 30;
    uint64_t quarter = info->global_memory / 4;
    return (size_t)(quarter < most ? quarter : most);
}

/* What needs no OpenCL. */
static cleat_status set_up(cleat_context *context, const cleat_context_options *options) {
    context->references = 1;
    context->created = clock_seconds();
    context->profiling = options->profiling;
    context->log = options->log;
    context->log_data = options->log_data;
    const cleat_device_allocator *own = options->device_allocator;
    REFUSE_IF(own != NULL && (own->allocate == NULL || own->release == NULL),
        CLEAT_INVALID_ARGUMENT, "context_create: device_allocator->%s is NULL",
        own->allocate == NULL ? "allocate" : "release");
    context->allocator = own != NULL ? *own : (cleat_device_allocator){0};
    const char *kernel_dir = getenv("CLEAT_KERNEL_DIR");
    if (kernel_dir != NULL && kernel_dir[0] != '\0') {
        context->kernel_dir = memory_copy_text(kernel_dir);
        REFUSE_IF(context->kernel_dir == NULL, CLEAT_OUT_OF_HOST_MEMORY,
            "context_create: no host memory");
    }
    return CLEAT_OK;
}

/* What needs the device's profile. */
static cleat_status set_up_device(cleat_context *context, const cleat_context_options *options) {
    TRY(device_profile_fill(context->device, &context->profile));
    context->scratch.limit = options->scratch_limit > 0
                                 ? options->scratch_limit
                                 : default_scratch_limit(&context->profile.info);
    if (context->profiling) {
        context->profile.events_have_times = device_probe_event_times(context);
    }
    TRY(disk_cache_open(context, options));
    TRY(trust_open(context, options));
    return tuning_open(context, options);
}

enum { MUTEXES = 4 };

static void list_mutexes(cleat_context *context, pthread_mutex_t *mutexes[MUTEXES]) {
    mutexes[0] = &context->mutex;
    mutexes[1] = &context->build_mutex;
    mutexes[2] = &context->store_mutex;
    mutexes[3] = &context->trust.checking;
}

static void free_context(cleat_context *context) {
    /* In a forked child the driver's threads are gone: a call into it could wait forever. */
    bool driver_alive = process_mark_is_own(&context->mark);
    if (driver_alive && context->queue != NULL) {
        clFinish(context->queue);
        kernel_cache_store(context);
    }
    profile_table_clear(&context->rows, driver_alive);
    kernel_cache_clear(&context->kernels, driver_alive);
    scratch_pool_clear(driver_alive ? context : NULL, &context->scratch);
    if (driver_alive && context->queue != NULL) {
        clReleaseCommandQueue(context->queue);
    }
    if (driver_alive && context->cl != NULL) {
        clReleaseContext(context->cl);
    }
    pthread_mutex_t *mutexes[MUTEXES];
    list_mutexes(context, mutexes);
    for (int i = 0; i < MUTEXES; i++) {
        pthread_mutex_destroy(mutexes[i]);
    }
    plan_free(context->plan);
    process_mark_free(&context->mark);
    memory_free(context->kernel_dir);
    memory_free(context->cache_dir);
    memory_free(context->tuning_file);
    memory_free(context->tuned.entries);
    trust_close(context);
    memory_free(context);
}

static cleat_context *new_context(void) {
    cleat_context *context = memory_allocate_zeroed(1, sizeof *context);
    if (context == NULL) {
        return NULL;
    }
    pthread_mutex_t *mutexes[MUTEXES];
    list_mutexes(context, mutexes);
    for (int i = 0; i < MUTEXES; i++) {
        if (pthread_mutex_init(mutexes[i], NULL) != 0) {
            while (i-- > 0) {
                pthread_mutex_destroy(mutexes[i]);
            }
            memory_free(context);
            return NULL;
        }
    }
    context->mark = process_mark_make();
    return context;
}

static cleat_status open_device(cleat_context *context, const device_entry *entry) {
    cl_int error = CL_SUCCESS;
    const cl_context_properties properties[] = {
        CL_CONTEXT_PLATFORM, (cl_context_properties)entry->platform, 0};
    context->profile.info = entry->info;
    context->device = entry->device;
    context->cl = clCreateContext(properties, 1, &entry->device, NULL, NULL, &error);
    TRY(status_from_cl(error, "clCreateContext"));
    cl_command_queue_properties wanted = context->profiling ? CL_QUEUE_PROFILING_ENABLE : 0;
    context->queue = clCreateCommandQueue(context->cl, context->device, wanted, &error);
    return status_from_cl(error, "clCreateCommandQueue");
}

static cleat_status create_on_best(cleat_context *context, const cleat_context_options *options) {
    device_list list;
    device_entry *entry = NULL;
    cleat_status status = device_list_make(&list);
    if (status == CLEAT_OK) {
        status = device_choose(&list, options->device, &entry);
    }
    if (status == CLEAT_OK) {
        status = open_device(context, entry);
    }
    device_list_free(&list);
    return status;
}

cleat_status cleat_context_create(const cleat_context_options *options, cleat_context **out) {
    return context_create_on(NULL, options, out);
}

/* Takes the caller's queue, its context and device. */
static cleat_status adopt_queue(cleat_context *context, cl_command_queue queue) {
    cl_command_queue_properties properties = 0;
    cl_context cl = NULL;
    cl_device_id device = NULL;
    cl_platform_id platform = NULL;
    TRY(driver_survived());
    TRY(opencl_open());
    TRY_CL(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    REFUSE_IF(properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, CLEAT_INVALID_ARGUMENT,
        "context_create_from_queue: the queue is out-of-order");
    REFUSE_IF(context->profiling && !(properties & CL_QUEUE_PROFILING_ENABLE),
        CLEAT_INVALID_ARGUMENT,
        "context_create_from_queue: profiling needs a queue with CL_QUEUE_PROFILING_ENABLE");
    TRY_CL(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof cl, &cl, NULL));
    TRY_CL(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL));
    TRY_CL(clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    TRY(device_info_fill(platform, device, &context->profile.info));
    device_find_indices(platform, device, &context->profile.info);
    snprintf(context->profile.info.reason, sizeof context->profile.info.reason,
        "the caller's queue belongs to it");
    TRY_CL(clRetainCommandQueue(queue));
    context->queue = queue;
    TRY_CL(clRetainContext(cl));
    context->cl = cl;
    context->device = device;
    return CLEAT_OK;
}

cleat_status context_create_on(
    cl_command_queue queue, const cleat_context_options *options, cleat_context **out) {
    const cleat_context_options defaults = {0};
    REFUSE_IF(out == NULL, CLEAT_INVALID_ARGUMENT, "context_create: context is NULL");
    options = options != NULL ? options : &defaults;
    cleat_context *context = new_context();
    REFUSE_IF(context == NULL, CLEAT_OUT_OF_HOST_MEMORY, "context_create: no host memory");
    cleat_status status = set_up(context, options);
    if (status == CLEAT_OK) {
        status = queue != NULL ? adopt_queue(context, queue) : create_on_best(context, options);
    }
    if (status == CLEAT_OK) {
        status = set_up_device(context, options);
    }
    if (status != CLEAT_OK) {
        free_context(context);
        return status;
    }
    *out = context;
    return CLEAT_OK;
}

void cleat_context_retain(cleat_context *context) {
    if (context != NULL) {
        atomic_fetch_add(&context->references, 1);
    }
}

void cleat_context_release(cleat_context *context) {
    if (context != NULL && atomic_fetch_sub(&context->references, 1) == 1) {
        free_context(context);
    }
}

cleat_status cleat_context_device(cleat_context *context, cleat_device_info *info) {
    REFUSE_IF(context == NULL, CLEAT_INVALID_ARGUMENT, "context_device: context is NULL");
    REFUSE_IF(info == NULL, CLEAT_INVALID_ARGUMENT, "context_device: info is NULL");
    *info = context->profile.info;
    return CLEAT_OK;
}

cleat_status cleat_flush(cleat_context *context) {
    TRY(check_context("flush", context));
    TRY_CL(clFlush(context->queue));
    return CLEAT_OK;
}

cleat_status cleat_finish(cleat_context *context) {
    TRY(check_context("finish", context));
    TRY_CL(clFinish(context->queue));
    return CLEAT_OK;
}

cleat_status cleat_context_trim(cleat_context *context) {
    TRY(check_context("context_trim", context));
    pthread_mutex_lock(&context->mutex);
    scratch_pool_trim(context);
    pthread_mutex_unlock(&context->mutex);
    return CLEAT_OK;
}

cleat_status cleat_context_get_statistics(
    cleat_context *context, cleat_context_statistics *statistics) {
    TRY(check_context("context_get_statistics", context));
    REFUSE_IF(
        statistics == NULL, CLEAT_INVALID_ARGUMENT, "context_get_statistics: statistics is NULL");
    pthread_mutex_lock(&context->mutex);
    *statistics = context->statistics;
    pthread_mutex_unlock(&context->mutex);
    return CLEAT_OK;
}
