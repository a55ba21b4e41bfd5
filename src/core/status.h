/* SPDX-License-Identifier: Apache-2.0 */
/* How errors travel inside the library: a status returned, a text left for the thread. */
#ifndef CLEAT_CORE_STATUS_H
#define CLEAT_CORE_STATUS_H

#include <cleat/status.h>

#if defined(__GNUC__)
#define CLEAT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLEAT_PRINTF(text, first)
#endif

/* Sets the thread's message and returns `status`. */
cleat_status status_set(cleat_status status, const char *format, ...) CLEAT_PRINTF(2, 3);

/* Puts "prefix: " before the thread's message and returns `status`: for a failure met
 * deeper down. */
cleat_status status_prefix(cleat_status status, const char *prefix);

/* The status that an OpenCL error code means, with a message made of the call's text, the code's
 * name and its number. CL_SUCCESS gives CLEAT_OK and leaves the message alone. */
cleat_status status_from_cl(int cl_error, const char *call);

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error". */
const char *cl_error_name(int cl_error);

/* Forwards a failure. No resource may be held across it. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        cleat_status try_status = (expression);                                                    \
        if (try_status != CLEAT_OK) {                                                              \
            return try_status;                                                                     \
        }                                                                                          \
    } while (0)

/* Forwards the failure of an OpenCL call, with the call's text in the message. */
#define TRY_CL(call) TRY(status_from_cl((call), #call))

/* Refuses a caller's mistake: REFUSE_IF(condition, status, format with the actual values, ...). */
#define REFUSE_IF(condition, ...)                                                                  \
    do {                                                                                           \
        if (condition) {                                                                           \
            return status_set(__VA_ARGS__);                                                        \
        }                                                                                          \
    } while (0)

#endif
