/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "safetensors.h"

#include <stdlib.h>

static size_t bytes_of(const cleat_tensor *tensor) {
    return (size_t)cleat_tensor_count(tensor) * sizeof(float);
}

static void free_entries(safetensors_entry *entries) {
    for (int i = 0; i < PARAMETER_COUNT; i++)
        free(entries[i].data);
}

/* One entry a parameter, with room for its values. */
static bool make_entries(const network *net, safetensors_entry *entries, problem *why) {
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        cleat_tensor tensor = network_parameter(net, i);
        entries[i] = (safetensors_entry){.name = network_parameter_name(i),
            .rank = tensor.rank,
            .data = malloc(bytes_of(&tensor))};
        for (int32_t axis = 0; axis < tensor.rank; axis++)
            entries[i].shape[axis] = tensor.shape[axis];
        if (entries[i].data == NULL)
            return problem_set(why, "no memory for the weights");
    }
    return true;
}

static bool read_device(
    cleat_context *context, const network *net, const safetensors_entry *entries, problem *why) {
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        cleat_tensor tensor = network_parameter(net, i);
        if (!problem_check(why, cleat_read(context, tensor, entries[i].data, bytes_of(&tensor)),
                "reading the weights from the device"))
            return false;
    }
    return true;
}

static bool write_device(
    cleat_context *context, const network *net, const safetensors_entry *entries, problem *why) {
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        cleat_tensor tensor = network_parameter(net, i);
        if (!problem_check(why, cleat_write(context, tensor, entries[i].data, bytes_of(&tensor)),
                "writing the weights to the device"))
            return false;
    }
    return true;
}

bool weights_save(cleat_context *context, const network *net, const char *path, problem *why) {
    safetensors_entry entries[PARAMETER_COUNT] = {0};
    bool fine = make_entries(net, entries, why) && read_device(context, net, entries, why) &&
                safetensors_write(path, PARAMETER_COUNT, entries, why);
    free_entries(entries);
    return fine;
}

bool weights_load(cleat_context *context, const network *net, const char *path, problem *why) {
    safetensors_entry entries[PARAMETER_COUNT] = {0};
    bool fine = make_entries(net, entries, why) &&
                safetensors_read(path, PARAMETER_COUNT, entries, why) &&
                write_device(context, net, entries, why);
    free_entries(entries);
    return fine;
}
