/* SPDX-License-Identifier: Apache-2.0 */
#include "core/program.h"
#include "core/context_state.h"
#include "core/disk_cache.h"
#include "core/memory.h"
#include "core/source.h"

/* "-cl-std=CL1.2 -w -DDEVICE_IS_CPU=1 ... -DNAME=value" */
static cleat_status add_options(
    text_builder *options, const device_profile *profile, const launch *l) {
    TRY(text_format(options,
        "-cl-std=CL1.2 -w -DDEVICE_IS_CPU=%d -DDEVICE_HAS_FMA=%d -DDEVICE_FLOAT_WIDTH=%d",
        profile->is_cpu, profile->has_fma, profile->float_width));
    if (profile->header_can_be_left_out) {
        TRY(text_format(options, " -D_OPENCL_H_"));
    }
    for (int i = 0; i < l->macro_count; i++) {
        const kernel_macro *macro = &l->macros[i];
        if (macro->text != NULL) {
            TRY(text_format(options, " -D%s=%s", macro->name, macro->text));
        } else {
            TRY(text_format(options, " -D%s=%lld", macro->name, (long long)macro->value));
        }
    }
    return CLEAT_OK;
}

/* The message holds the compiler's log, as much of it as fits. */
static cleat_status build_failure(cleat_context *context, cl_program program, const launch *l,
    const char *options, cl_int error) {
    size_t size = 0;
    char *log = NULL;
    cleat_status status = status_from_cl(error, "clBuildProgram");
    /* Some drivers report a compiler's refusal by other codes; what is not memory is a refusal. */
    if (status == CLEAT_OPENCL_ERROR) {
        status = CLEAT_BUILD_FAILED;
    }
    if (clGetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ==
        CL_SUCCESS) {
        log = memory_allocate_zeroed(size + 1, 1);
    }
    if (log != NULL) {
        clGetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    }
    status = status_set(status, "%s: building %s.cl for kernel %s failed: %s (%d), options %s\n%s",
        l->operation, l->family, l->kernel, cl_error_name(error), error, options,
        log != NULL ? log : "");
    memory_free(log);
    return status;
}

static cleat_status build_from_source(cleat_context *context, const launch *l, const char *options,
    const text_builder *source, cl_program *program) {
    cl_int error = CL_SUCCESS;
    const char *text = source->text;
    double started = clock_seconds();
    cl_program made = clCreateProgramWithSource(context->cl, 1, &text, &source->length, &error);
    TRY(status_from_cl(error, "clCreateProgramWithSource"));
    error = clBuildProgram(made, 1, &context->device, options, NULL, NULL);
    if (error != CL_SUCCESS) {
        cleat_status status = build_failure(context, made, l, options, error);
        clReleaseProgram(made);
        return status;
    }
    pthread_mutex_lock(&context->mutex);
    context->statistics.kernels_built++;
    context->statistics.build_seconds += clock_seconds() - started;
    pthread_mutex_unlock(&context->mutex);
    *program = made;
    return CLEAT_OK;
}

/* From the cache, else from the source, which then goes into the cache at once or later. */
static cleat_status load_or_build(cleat_context *context, const launch *l,
    const text_builder *options, const text_builder *source, cl_program *program,
    text_builder *unstored) {
    text_builder key = {NULL, 0, 0};
    cleat_status status = CLEAT_OK;
    bool cached = disk_cache_is_open(context);
    *program = NULL;
    if (cached) {
        status = disk_cache_key(context, options, source, &key);
        if (status == CLEAT_OK) {
            *program = disk_cache_load(context, &key, options->text);
        }
    }
    if (status == CLEAT_OK && *program == NULL && context->never_compiles) {
        status = status_set(CLEAT_UNSUPPORTED,
            "%s: kernel %s of %s.cl is not in the cache (%s), and this context compiles none; "
            "options %s",
            l->operation, l->kernel, l->family, disk_cache_place(context), options->text);
    } else if (status == CLEAT_OK && *program == NULL) {
        status = build_from_source(context, l, options->text, source, program);
        if (status == CLEAT_OK && context->stores_late) {
            *unstored = key;
            return CLEAT_OK;
        }
        if (status == CLEAT_OK && cached) {
            disk_cache_store(context, &key, *program);
        }
    }
    memory_free(key.text);
    return status;
}

cleat_status program_build(
    cleat_context *context, const launch *l, cl_program *program, text_builder *unstored) {
    text_builder name = {NULL, 0, 0};
    text_builder options = {NULL, 0, 0};
    text_builder source = {NULL, 0, 0};
    cleat_status status = text_format(&name, "%s.cl", l->family);
    if (status == CLEAT_OK) {
        status = add_options(&options, &context->profile, l);
    }
    if (status == CLEAT_OK && context->profile.header_can_be_left_out) {
        status = source_flatten(&source, context->kernel_dir, "declarations.cl");
    }
    if (status == CLEAT_OK) {
        status = source_flatten(&source, context->kernel_dir, name.text);
    }
    status = status == CLEAT_OK ? load_or_build(context, l, &options, &source, program, unstored)
                                : status_prefix(status, l->operation);
    memory_free(name.text);
    memory_free(options.text);
    memory_free(source.text);
    return status;
}
