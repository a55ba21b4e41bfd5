/* SPDX-License-Identifier: Apache-2.0 */
#include "core/opencl_calls.h"
#include "core/files.h"
#include "core/status.h"

#ifdef CLEAT_LINK_OPENCL

cleat_status opencl_open(void) {
    return CLEAT_OK;
}

#else

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

opencl_calls opencl;

/* How opening went, written once: the same for all threads and contexts of the process, as the
 * loader is. */
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static char chosen[FILE_MAX_PATH]; /* $CLEAT_OPENCL_LIBRARY */
static bool have_loader;
static const char *missing; /* a function that was not found; NULL: none */

static const struct {
    const char *name;
    size_t place; /* in opencl */
} calls[] = {
#define CALL(name) {"cl" #name, offsetof(opencl_calls, name)},
    OPENCL_CALLS(CALL)
#undef CALL
};

static void *open_loader(void) {
    static const char *const names[] = {
        "libOpenCL.so.1", "libOpenCL.so", "/System/Library/Frameworks/OpenCL.framework/OpenCL"};
    if (chosen[0] != '\0') {
        return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
    }
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    return library;
}

/* A program that has OpenCL itself, linked or put before by LD_PRELOAD, is served by the same one.
 * The library stays open: drivers do not survive being closed. */
static void open_once(void) {
    const char *named = environment_text("CLEAT_OPENCL_LIBRARY");
    snprintf(chosen, sizeof chosen, "%s", named != NULL ? named : "");
    void *program = named == NULL ? dlopen(NULL, RTLD_NOW) : NULL;
    void *library = NULL;
    have_loader = true;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *found = program != NULL ? dlsym(program, calls[i].name) : NULL;
        if (found == NULL && have_loader) {
            library = library == NULL ? open_loader() : library;
            have_loader = library != NULL;
            found = have_loader ? dlsym(library, calls[i].name) : NULL;
        }
        if (found == NULL && missing == NULL) {
            missing = calls[i].name;
        }
        memcpy((char *)&opencl + calls[i].place, &found, sizeof found);
    }
}

cleat_status opencl_open(void) {
    pthread_once(&opened, open_once);
    REFUSE_IF(!have_loader && chosen[0] != '\0', CLEAT_NO_PLATFORM,
        "CLEAT_OPENCL_LIBRARY names the OpenCL loader %s, which cannot be opened", chosen);
    REFUSE_IF(!have_loader, CLEAT_NO_PLATFORM,
        "no OpenCL on this machine: the loader libOpenCL.so.1 was not found; install it (on Debian "
        "the package ocl-icd-libopencl1) and a driver (pocl-opencl-icd for any CPU, "
        "mesa-opencl-icd, or the GPU maker's own)");
    REFUSE_IF(missing != NULL, CLEAT_NO_PLATFORM,
        "the OpenCL loader on this machine has no %s, which OpenCL 1.2 has: install a newer one "
        "(on "
        "Debian the package ocl-icd-libopencl1)",
        missing);
    return CLEAT_OK;
}

#endif
