/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY(name, member)                                                                        \
    { name, offsetof(cuda_driver, member) }
static const entry_point entries[] = {ENTRY("cuInit", init),
    ENTRY("cuDriverGetVersion", driver_version), ENTRY("cuDeviceGetCount", device_count),
    ENTRY("cuDeviceGet", device_get), ENTRY("cuDeviceGetName", device_name),
    ENTRY("cuDevicePrimaryCtxRetain", context_retain), ENTRY("cuCtxSetCurrent", context_set),
    ENTRY("cuCtxSynchronize", synchronize), ENTRY("cuMemAlloc_v2", allocate),
    ENTRY("cuMemFree_v2", give_back), ENTRY("cuMemcpyHtoD_v2", to_device),
    ENTRY("cuMemcpyDtoH_v2", to_host), ENTRY("cuMemsetD8_v2", fill),
    ENTRY("cuModuleLoadData", module_load), ENTRY("cuModuleGetFunction", module_function),
    ENTRY("cuLaunchKernel", launch)};

/* Opened once, and open until the program ends: drivers have threads of their own. */
static struct {
    bool tried, usable;
    cuda_driver driver;
    int version;
    char device[96];
    void *kernel;
} opened;

bool cuda_find_entries(
    void *library, const entry_point *wanted, size_t count, void *functions, const char **missing) {
    for (size_t i = 0; i < count; i++) {
        void *found = dlsym(library, wanted[i].name);
        if (found == NULL) {
            *missing = wanted[i].name;
            return false;
        }
        memcpy((char *)functions + wanted[i].place, &found, sizeof found);
    }
    return true;
}

/* CUDA's device of this name; with `any`, the first where none is called so. */
static bool find_device(const char *name, bool any, int *device) {
    const cuda_driver *d = &opened.driver;
    int count = 0;
    if (d->init(0) != 0 || d->driver_version(&opened.version) != 0 ||
        d->device_count(&count) != 0) {
        return false;
    }
    for (int i = 0; i <= count; i++) {
        const bool last = i == count; /* the first once more */
        if ((last && !any) || d->device_get(device, last ? 0 : i) != 0 ||
            d->device_name(opened.device, sizeof opened.device, *device) != 0) {
            return false;
        }
        if (last || strcmp(opened.device, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool open_driver(const bench_run *run, const char *named) {
    const char *missing = NULL;
    void *library = dlopen(named != NULL ? named : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return bench_fail(run, "goes on without CUDA: %s", dlerror());
    }
    if (!cuda_find_entries(
            library, entries, sizeof entries / sizeof *entries, &opened.driver, &missing)) {
        return bench_fail(run, "goes on without CUDA: no %s", missing);
    }
    int device = 0;
    if (!find_device(run->device.name, named != NULL, &device)) {
        return bench_fail(
            run, "goes on without CUDA: it shows no device called %s", run->device.name);
    }
    void *context = NULL;
    return (opened.driver.context_retain(&context, device) == 0 &&
               opened.driver.context_set(context) == 0) ||
           bench_fail(run, "goes on without CUDA: it gives no context");
}

const cuda_driver *cuda_open(const bench_run *run) {
    const char *named = getenv("CLEAT_BENCH_CUDA");
    if (!run->options.peers || (run->device.type != CLEAT_DEVICE_GPU && named == NULL)) {
        return NULL;
    }
    if (!opened.tried) {
        opened.tried = true;
        opened.usable = open_driver(run, named);
    }
    return opened.usable ? &opened.driver : NULL;
}

static bool cuda_available(const bench_run *run) {
    return cuda_open(run) != NULL;
}

/* CUDA counts 12080 as 12.8. */
static void cuda_version(char *text, size_t size) {
    snprintf(text, size, "%d.%d on %.40s", opened.version / 1000, opened.version % 1000 / 10,
        opened.device);
}

const peer cuda_peer = {"cuda", cuda_available, cuda_version};

static const char empty_kernel[] = ".version 6.0\n"
                                   ".target sm_50\n"
                                   ".address_size 64\n"
                                   ".visible .entry empty()\n"
                                   "{\n"
                                   "    ret;\n"
                                   "}\n";

bool cuda_launch_run(void *state, int64_t calls) {
    const cuda_driver *d = &opened.driver;
    void *module = NULL;
    (void)state;
    if (opened.kernel == NULL && (d->module_load(&module, empty_kernel) != 0 ||
                                     d->module_function(&opened.kernel, module, "empty") != 0)) {
        opened.kernel = NULL;
        fprintf(stderr, "cleat-bench: CUDA does not load a kernel\n");
        return false;
    }
    for (int64_t call = 0; call < calls; call++) {
        if (d->launch(opened.kernel, 1, 1, 1, 64, 1, 1, 0, NULL, NULL, NULL) != 0) {
            fprintf(stderr, "cleat-bench: CUDA does not launch a kernel\n");
            return false;
        }
    }
    return d->synchronize() == 0;
}
