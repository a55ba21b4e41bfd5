/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"
#include "core/opencl_calls.h"
#include <CL/cl_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 4096 };

static _Thread_local char message[MESSAGE_SIZE];

const char *cleat_status_name(cleat_status status) {
    switch (status) {
#define CLEAT_STATUS_CASE(name, value, text)                                                       \
    case name:                                                                                     \
        return #name;
        CLEAT_STATUS_LIST(CLEAT_STATUS_CASE)
#undef CLEAT_STATUS_CASE
    }
    return "unknown status";
}

const char *cleat_status_text(cleat_status status) {
    switch (status) {
#define CLEAT_STATUS_CASE(name, value, text)                                                       \
    case name:                                                                                     \
        return text;
        CLEAT_STATUS_LIST(CLEAT_STATUS_CASE)
#undef CLEAT_STATUS_CASE
    }
    return "unknown status";
}

const char *cleat_error_message(void) {
    return message;
}

cleat_status status_set(cleat_status status, const char *format, ...) {
    /* The arguments may point into the old message, so the new one is made beside it. */
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(message, text, strlen(text) + 1);
    return status;
}

cleat_status cleat_error_set(cleat_status status, const char *text) {
    return status_set(status, "%s", text != NULL ? text : "");
}

cleat_status status_prefix(cleat_status status, const char *prefix) {
    return status_set(status, "%s: %s", prefix, message);
}

static cleat_status meaning_of(int cl_error) {
    switch (cl_error) {
    case CL_SUCCESS:
        return CLEAT_OK;
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_RESOURCES:
    case CL_INVALID_BUFFER_SIZE:
        return CLEAT_OUT_OF_DEVICE_MEMORY;
    case CL_OUT_OF_HOST_MEMORY:
        return CLEAT_OUT_OF_HOST_MEMORY;
    case CL_DEVICE_NOT_AVAILABLE:
        return CLEAT_DEVICE_LOST;
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_COMPILE_PROGRAM_FAILURE:
    case CL_LINK_PROGRAM_FAILURE:
        return CLEAT_BUILD_FAILED;
    case CL_PLATFORM_NOT_FOUND_KHR:
        return CLEAT_NO_PLATFORM;
    case CL_DEVICE_NOT_FOUND:
        return CLEAT_NO_DEVICE;
    default:
        return CLEAT_OPENCL_ERROR;
    }
}

cleat_status status_from_cl(int cl_error, const char *call) {
    if (cl_error == CL_SUCCESS) {
        return CLEAT_OK;
    }
    return status_set(meaning_of(cl_error), "%s: %s (%d)", call, cl_error_name(cl_error), cl_error);
}
