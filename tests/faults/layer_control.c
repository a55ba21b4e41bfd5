/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_control.h"

#include "harness.h"

#include <cleat/opencl.h>
#include <dlfcn.h>

static fault_layer *layer;

fault_layer *layer_open(void) {
    static bool tried;
    size_t count = 0;
    if (tried) {
        return layer;
    }
    tried = true;
    setenv("OPENCL_LAYERS", CLEAT_TEST_LAYER, 1);
    void *file = dlopen(CLEAT_TEST_LAYER, RTLD_NOW);
    fault_layer *found = file != NULL ? dlsym(file, "cleat_fault_layer") : NULL;
    ck_assert_msg(found != NULL, "%s", file != NULL ? "no cleat_fault_layer" : dlerror());
    (void)cleat_devices(0, NULL, &count); /* the loader reads the variable now */
    if (atomic_load(&found->called[LAYER_GetPlatformIDs]) == 0) {
        printf("skipped: this loader of OpenCL does not open the layers of OPENCL_LAYERS\n");
        return NULL;
    }
    layer = found;
    return layer;
}

void layer_arm_entry(layer_entry entry, int n, int32_t code, bool lasting) {
    layer->fail_at = n;
    layer->fail_entry = entry;
    layer->lasting = lasting;
    layer->code = code;
    atomic_store(&layer->calls, 0);
    atomic_store(&layer->accepted, 0);
    atomic_store(&layer->first_failed, LAYER_NONE);
}

void layer_arm(int n, int32_t code, bool lasting) {
    layer_arm_entry(LAYER_ANY, n, code, lasting);
}

void layer_disarm(void) {
    layer->fail_at = 0;
}

bool layer_has_failed(void) {
    return atomic_load(&layer->first_failed) != LAYER_NONE;
}

const char *layer_entry_name(int entry) {
    static const char *const names[] = {
#define LAYER_NAME(name) "cl" #name,
        LAYER_ENTRY_POINTS(LAYER_NAME)
#undef LAYER_NAME
            "an allocation"};
    return entry >= 0 && entry < LAYER_ENTRIES ? names[entry] : "nothing";
}

const char *layer_failed_name(void) {
    return layer_entry_name(atomic_load(&layer->first_failed));
}

cleat_status layer_status(int entry, int32_t code) {
    if (entry == LAYER_HOST_MEMORY || code == CL_OUT_OF_HOST_MEMORY) {
        return CLEAT_OUT_OF_HOST_MEMORY;
    }
    switch (code) {
    case CL_OUT_OF_RESOURCES:
        return CLEAT_OUT_OF_DEVICE_MEMORY;
    case CL_DEVICE_NOT_AVAILABLE:
        return CLEAT_DEVICE_LOST;
    default:
        return entry == LAYER_BuildProgram ? CLEAT_BUILD_FAILED : CLEAT_OPENCL_ERROR;
    }
}

static char no_fault[256];

void layer_clear_message(void) {
    (void)cleat_flush(NULL);
    snprintf(no_fault, sizeof no_fault, "%s", cleat_error_message());
}

bool layer_has_message(void) {
    return cleat_error_message()[0] != '\0' && strcmp(cleat_error_message(), no_fault) != 0;
}

void layer_reset(void) {
    layer_disarm();
    layer->delay = 0;
    layer->limits = (layer_limits){.no_fp64 = false};
    layer->binaries = LAYER_BINARIES_GOOD;
}

int layer_alive(void) {
    int alive = 0;
    for (int kind = 0; kind < LAYER_KINDS; kind++) {
        alive += atomic_load(&layer->alive[kind]);
    }
    return alive;
}

static bool heap_fails(void) {
    return layer != NULL && layer->fault_of(LAYER_HOST_MEMORY) != CL_SUCCESS;
}

static void *heap_allocate(void *data, size_t size) {
    (void)data;
    return heap_fails() ? NULL : malloc(size);
}

static void *heap_resize(void *data, void *memory, size_t size) {
    (void)data;
    return heap_fails() ? NULL : realloc(memory, size);
}

static void heap_release(void *data, void *memory) {
    (void)data;
    free(memory);
}

fault_layer *layer_open_with_heap(void) {
    static bool tried;
    if (!tried) {
        tried = true;
        layer_open();
        const cleat_host_allocator heap = {heap_allocate, heap_resize, heap_release, NULL, {0}};
        test_ok(cleat_set_host_allocator(&heap));
    }
    return layer;
}
