/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_STATUS_H
#define CLEAT_STATUS_H

#include <cleat/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every status: name, value (never changes), what it means. */
#define CLEAT_STATUS_LIST(X)                                                                       \
    X(CLEAT_OK, 0, "success")                                                                      \
    X(CLEAT_INVALID_ARGUMENT, 1, "an argument is null, negative or out of range")                  \
    X(CLEAT_SHAPE_MISMATCH, 2, "the shapes of the operands do not fit together")                   \
    X(CLEAT_TYPE_MISMATCH, 3, "an operand has a type the operation does not take")                 \
    X(CLEAT_OVERLAP, 4, "an output overlaps an input or itself")                                   \
    X(CLEAT_SIZE_OVERFLOW, 5, "a size or an index does not fit its integer type")                  \
    X(CLEAT_OUT_OF_HOST_MEMORY, 6, "the host has no memory left")                                  \
    X(CLEAT_OUT_OF_DEVICE_MEMORY, 7, "the device has no memory left for this")                     \
    X(CLEAT_NO_PLATFORM, 8, "no OpenCL platform is installed")                                     \
    X(CLEAT_NO_DEVICE, 9, "no OpenCL device fits the choice")                                      \
    X(CLEAT_BUILD_FAILED, 10, "the device's compiler refused a kernel")                            \
    X(CLEAT_OPENCL_ERROR, 11, "an OpenCL call failed")                                             \
    X(CLEAT_UNSUPPORTED, 12, "the device or this version cannot do that")                          \
    X(CLEAT_DEVICE_LOST, 13, "the device stopped working; the context is no longer usable")        \
    X(CLEAT_QUEUE_FULL, 14, "as many calls wait as may")                                           \
    X(CLEAT_STOPPED, 15, "this takes no more calls")

typedef enum cleat_status {
#define CLEAT_STATUS_ENUM(name, value, text) name = value,
    CLEAT_STATUS_LIST(CLEAT_STATUS_ENUM)
#undef CLEAT_STATUS_ENUM
} cleat_status;

/* Name of a status, "CLEAT_SHAPE_MISMATCH"; "unknown status" for other values. Static storage. */
CLEAT_API const char *cleat_status_name(cleat_status status);

/* Meaning of a status in a few words. Static storage; any thread. */
CLEAT_API const char *cleat_status_text(cleat_status status);

/*
 * Why the last call that failed on this thread failed: the operation, the shapes, what was
 * expected. "" when none has failed yet. The text is borrowed and holds until the next failing
 * Cleat call on the same thread. A call that succeeds leaves it as it is.
 */
CLEAT_API const char *cleat_error_message(void);

/*
 * For libraries on top of Cleat, such as libcleat-onnx: makes `message` (copied; cut at some 4000
 * bytes) the thread's message, and returns `status`.
 */
CLEAT_API cleat_status cleat_error_set(cleat_status status, const char *message);

#ifdef __cplusplus
}
#endif

#endif
