/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's files share: errors, memory, and protobuf-c within bounds. */
#ifndef CLEAT_ONNX_ONNX_SUPPORT_H
#define CLEAT_ONNX_ONNX_SUPPORT_H

#include <cleat/memory.h>
#include <cleat/status.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#if defined(__GNUC__)
#define ONNX_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define ONNX_PRINTF(text, first)
#endif

/* Sets the thread's message and returns `status`. */
cleat_status refuse(cleat_status status, const char *format, ...) ONNX_PRINTF(2, 3);

/* The same with the message of the failure so far behind "...: ". */
cleat_status refuse_in(cleat_status status, const char *format, ...) ONNX_PRINTF(2, 3);

/* Forwards a failure. No resource may be held across these two. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        cleat_status try_status = (expression);                                                    \
        if (try_status != CLEAT_OK) {                                                              \
            return try_status;                                                                     \
        }                                                                                          \
    } while (0)

#define REFUSE_IF(condition, ...)                                                                  \
    do {                                                                                           \
        if (condition) {                                                                           \
            return refuse(__VA_ARGS__);                                                            \
        }                                                                                          \
    } while (0)

/* `count` elements of `size` bytes, which are zero. */
cleat_status allocate(uint64_t count, size_t size, void **memory);

/* Room for one more element in a list of `count`, which grows by doubling. */
cleat_status grow(void **list, size_t *capacity, size_t count, size_t size);

/*
 * Unpacks a message, which is_unpacked with release_message(). What it takes of memory is bounded:
 * a few bytes of a file can stand for a structure of hundreds.
 */
cleat_status unpack_message(
    const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size, void **message);
void release_message(void *message); /* NULL is accepted */

#endif
