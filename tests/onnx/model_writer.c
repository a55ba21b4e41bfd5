/* SPDX-License-Identifier: Apache-2.0 */
#include "model_writer.h"
#include <stdlib.h>
#include <string.h>

void put_raw(written *to, const void *data, size_t size) {
    if (to->size + size > to->capacity) {
        to->capacity = 2 * (to->size + size) + 64;
        to->data = realloc(to->data, to->capacity);
        if (to->data == NULL) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(to->data + to->size, data, size);
        to->size += size;
    }
}

void put_varint(written *to, uint64_t value) {
    do {
        const unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put_raw(to, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

void put_number(written *to, unsigned field, uint64_t value) {
    put_varint(to, (uint64_t)field << 3);
    put_varint(to, value);
}

void put_bytes(written *to, unsigned field, const void *data, size_t size) {
    put_varint(to, (uint64_t)field << 3 | 2);
    put_varint(to, size);
    put_raw(to, data, size);
}

void put_text(written *to, unsigned field, const char *text) {
    put_bytes(to, field, text, strlen(text));
}

void put_fixed(written *to, unsigned field, const void *data, size_t size) {
    put_varint(to, (uint64_t)field << 3 | (size == 4 ? 5 : 1));
    put_raw(to, data, size);
}

void put_message(written *to, unsigned field, written *message) {
    put_bytes(to, field, message->data, message->size);
    free(message->data);
    *message = (written){0};
}

written write_node(
    const char *type, const char *name, const char *const *inputs, const char *const *outputs) {
    written node = {0};
    for (; inputs != NULL && *inputs != NULL; inputs++) {
        put_text(&node, 1, *inputs);
    }
    for (; outputs != NULL && *outputs != NULL; outputs++) {
        put_text(&node, 2, *outputs);
    }
    put_text(&node, 3, name);
    put_text(&node, 4, type);
    return node;
}

written write_simple_node(const char *type, const char *input, const char *output) {
    return write_node(
        type, output, (const char *const[]){input, NULL}, (const char *const[]){output, NULL});
}

written write_tensor(
    const char *name, int type, int rank, const int64_t *shape, const void *data, size_t size) {
    written tensor = {0};
    for (int i = 0; i < rank; i++) {
        put_number(&tensor, 1, (uint64_t)shape[i]);
    }
    put_number(&tensor, 2, (uint64_t)type);
    put_text(&tensor, 8, name);
    if (data != NULL) {
        put_bytes(&tensor, 9, data, size);
    }
    return tensor;
}

written write_value(const char *name, int type, int rank, const int64_t *shape) {
    written value = {0}, kind = {0}, tensor = {0}, extents = {0};
    put_text(&value, 1, name);
    put_number(&tensor, 1, (uint64_t)type);
    for (int i = 0; i < rank; i++) {
        written extent = {0};
        if (shape[i] >= 0) {
            put_number(&extent, 1, (uint64_t)shape[i]);
        } else {
            put_text(&extent, 2, "N");
        }
        put_message(&extents, 1, &extent);
    }
    if (rank >= 0) {
        put_message(&tensor, 2, &extents);
    }
    put_message(&kind, 1, &tensor);
    put_message(&value, 2, &kind);
    return value;
}

written write_attribute(const char *name, int kind, written *inside) {
    written attribute = {0};
    put_text(&attribute, 1, name);
    put_message(&attribute, kind == ATTRIBUTE_TENSOR ? 5 : 6, inside);
    put_number(&attribute, 20, (uint64_t)kind);
    return attribute;
}

written write_function(const char *name, const char *const *inputs, const char *const *outputs) {
    written function = {0};
    put_text(&function, 1, name);
    put_text(&function, 10, "test");
    for (; *inputs != NULL; inputs++) {
        put_text(&function, 4, *inputs);
    }
    for (; *outputs != NULL; outputs++) {
        put_text(&function, 5, *outputs);
    }
    return function;
}

written write_model(written *graph) {
    written model = {0}, set = {0};
    put_number(&model, 1, 8);
    put_text(&set, 1, "");
    put_number(&set, 2, 17);
    put_message(&model, 8, &set);
    put_message(&model, 7, graph);
    return model;
}
