/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/onnx_support.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 2048 };

cleat_status refuse(cleat_status status, const char *format, ...) {
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return cleat_error_set(status, text);
}

cleat_status refuse_in(cleat_status status, const char *format, ...) {
    char where[TEXT_SIZE], text[2 * TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof where, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s: %s", where, cleat_error_message());
    return cleat_error_set(status, text);
}

cleat_status allocate(uint64_t count, size_t size, void **memory) {
    *memory = count <= SIZE_MAX / 2 / size ? cleat_host_resize(NULL, (size_t)count * size) : NULL;
    REFUSE_IF(*memory == NULL, CLEAT_OUT_OF_HOST_MEMORY, "no host memory for %llu times %zu bytes",
        (unsigned long long)count, size);
    memset(*memory, 0, (size_t)count * size);
    return CLEAT_OK;
}

cleat_status grow(void **list, size_t *capacity, size_t count, size_t size) {
    if (count < *capacity) {
        return CLEAT_OK;
    }
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *grown = wanted <= SIZE_MAX / 2 / size ? cleat_host_resize(*list, wanted * size) : NULL;
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "no host memory for %zu times %zu bytes",
        wanted, size);
    *list = grown;
    *capacity = wanted;
    return CLEAT_OK;
}

/* ---- protobuf-c, whose memory comes from Cleat's allocator ---- */

/* What a message may still take. */
typedef struct budget {
    size_t left;
    bool is_spent, is_without; /* no more of it; none to be had */
} budget;

static void *take(void *data, size_t size) {
    budget *b = data;
    if (size > b->left) {
        b->is_spent = true;
        return NULL;
    }
    b->left -= size;
    void *memory = cleat_host_resize(NULL, size);
    b->is_without = b->is_without || memory == NULL;
    return memory;
}

static void give_back(void *data, void *memory) {
    (void)data;
    cleat_host_release(memory);
}

cleat_status unpack_message(
    const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size, void **message) {
    budget b = {.left = ((size_t)16 << 20) + (size < SIZE_MAX / 32 ? 16 * size : SIZE_MAX / 2)};
    ProtobufCAllocator allocator = {take, give_back, &b};
    *message = protobuf_c_message_unpack(descriptor, &allocator, size, data);
    REFUSE_IF(*message == NULL && b.is_spent, CLEAT_INVALID_ARGUMENT,
        "%zu bytes of %s hold more parts than is sensible", size, descriptor->short_name);
    REFUSE_IF(*message == NULL && b.is_without, CLEAT_OUT_OF_HOST_MEMORY,
        "no host memory for %zu bytes of %s", size, descriptor->short_name);
    REFUSE_IF(*message == NULL, CLEAT_INVALID_ARGUMENT, "%zu bytes are no %s", size,
        descriptor->short_name);
    return CLEAT_OK;
}

void release_message(void *message) {
    if (message != NULL) {
        budget b = {0};
        ProtobufCAllocator allocator = {take, give_back, &b};
        protobuf_c_message_free_unpacked(message, &allocator);
    }
}
