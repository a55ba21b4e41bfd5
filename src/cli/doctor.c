/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat doctor`: looks at everything that a computation needs here, and says what to install or
 * set where something is wrong. */
#include "command.h"

#include <cleat/cleat.h>
#include <dlfcn.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum verdict { GOOD, WARNING, BAD } verdict;

/* What was found so far. */
typedef struct report {
    int warnings, failures;
    cleat_device_info device;
} report;

static void say(report *r, verdict v, const char *subject, const char *format, ...) {
    static const char *const words[] = {"good", "warn", "BAD "};
    va_list arguments;
    va_start(arguments, format);
    printf("%s  %-8s  ", words[v], subject);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    r->warnings += v == WARNING;
    r->failures += v == BAD;
}

static void say_log(void *data, const char *message) {
    say(data, WARNING, "log", "%s", message);
}

/* ---- Drivers ---- */

static bool can_open(const char *library) {
    void *opened = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (opened != NULL) {
        dlclose(opened);
    }
    return opened != NULL;
}

/* What is known to be missing or wrong with a driver, by its name. */
static void look_at_driver(report *r) {
    const cleat_device_info *d = &r->device;
    if (strstr(d->platform, "NVIDIA") != NULL) {
        static const char *const parts[] = {"libnvidia-ptxjitcompiler.so.1", "libnvidia-nvvm.so.4"};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            if (!can_open(parts[i])) {
                say(r, BAD, "driver",
                    "%s is missing: kernels fail to build, with an empty log. It belongs to the "
                    "driver's packages; in a container, let it in (capability \"compute\")",
                    parts[i]);
            }
        }
    }
    if (strstr(d->name, "llvmpipe") != NULL) {
        say(r, WARNING, "driver",
            "llvmpipe ends a loop after 65,535 rounds without a word: Cleat refuses what would "
            "meet "
            "that. For speed on a processor install PoCL (Debian: pocl-opencl-icd)");
    }
    if (strstr(d->platform, "Portable Computing") != NULL && strncmp(d->driver, "3.0-rc", 6) == 0) {
        say(r, BAD, "driver",
            "PoCL before its version 3.0 was ready: its compiler crashes. Install PoCL 3.1 or "
            "newer (Debian: pocl-opencl-icd)");
    }
    if (strstr(d->platform, "Portable Computing") != NULL && getenv("POCL_AFFINITY") == NULL) {
        printf(
            "      %-8s  POCL_AFFINITY=1 makes small operations faster where one process has the "
            "machine for itself\n",
            "hint");
    }
}

/* ---- The steps ---- */

/* False: there is nothing to go on with. */
static bool look_for_devices(report *r) {
    size_t count = 0;
    if (cleat_devices(0, NULL, &count) != CLEAT_OK) {
        say(r, BAD, "opencl", "%s", cleat_error_message());
        return false;
    }
    say(r, count > 0 ? GOOD : BAD, "opencl", "%zu device%s", count, count == 1 ? "" : "s");
    return true;
}

static cleat_context *open_device(report *r, const char *device) {
    const cleat_context_options options = {.device = device, .log = say_log, .log_data = r};
    cleat_context *context = NULL;
    if (cleat_context_create(&options, &context) != CLEAT_OK ||
        cleat_context_device(context, &r->device) != CLEAT_OK) {
        say(r, BAD, "device", "%s", cleat_error_message());
        cleat_context_release(context);
        return NULL;
    }
    const cleat_device_info *d = &r->device;
    say(r, d->type == CLEAT_DEVICE_SOFTWARE ? WARNING : GOOD, "device", "%s (%s, driver %s): %s",
        d->name, d->platform, d->driver, d->reason);
    return context;
}

/* One small kernel: compiled, run, its result read back. */
static void try_a_kernel(report *r, cleat_context *context) {
    const float in[3] = {-1, 2, 3};
    float out[3] = {0};
    cleat_tensor x = {0};
    cleat_status status = cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){3}, &x);
    if (status == CLEAT_OK) {
        status = cleat_write(context, x, in, sizeof in);
    }
    if (status == CLEAT_OK) {
        status = cleat_activate(context, CLEAT_RELU, x, x, NULL);
    }
    if (status == CLEAT_OK) {
        status = cleat_read(context, x, out, sizeof out);
    }
    cleat_tensor_release(&x);
    cleat_context_statistics statistics = {0};
    cleat_context_get_statistics(context, &statistics);
    if (status != CLEAT_OK) {
        say(r, BAD, "kernel", "%s", cleat_error_message());
    } else if (out[0] != 0 || out[1] != 2 || out[2] != 3) {
        say(r, BAD, "kernel",
            "wrong results: relu of -1, 2, 3 is %g, %g, %g; another driver is "
            "needed (cleat selftest tells more)",
            (double)out[0], (double)out[1], (double)out[2]);
    } else {
        say(r, GOOD, "kernel",
            "built and run, results right (%" PRIu64 " compiled in %.2f s, %" PRIu64
            " from the cache)",
            statistics.kernels_built, statistics.build_seconds, statistics.kernels_loaded);
    }
}

static void look_at_cache(report *r) {
    cleat_cache_folder folder;
    if (cleat_cache_folder_info(NULL, &folder) != CLEAT_OK) {
        say(r, BAD, "cache", "%s", cleat_error_message());
    } else if (folder.path[0] == '\0') {
        say(r, WARNING, "cache",
            "no folder: every start compiles anew. Set CLEAT_CACHE_DIR, XDG_CACHE_HOME or HOME");
    } else if (!folder.writable) {
        say(r, WARNING, "cache",
            "%s cannot be written to: every start compiles anew. Set CLEAT_CACHE_DIR to a folder "
            "that can",
            folder.path);
    } else {
        say(r, GOOD, "cache", "%s: %" PRIu64 " built kernels, %.1f MiB", folder.path,
            folder.entries, (double)folder.bytes / 1048576.0);
    }
}

/* For whoever is asked for help. */
static void print_environment(void) {
    static const char *const names[] = {"CLEAT_DEVICE", "CLEAT_CACHE_DIR", "CLEAT_TUNING_FILE",
        "CLEAT_KERNEL_DIR", "CLEAT_OPENCL_LIBRARY", "CLEAT_MATMUL", "CLEAT_CONV2D",
        "OCL_ICD_VENDORS", "OPENCL_LAYERS", "POCL_CACHE_DIR", "POCL_DEVICES", "RUSTICL_ENABLE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL) {
            printf("      %-8s  %s=%s\n", "set", names[i], value);
        }
    }
}

static int examine(const char *device) {
    report r = {0};
    printf("cleat %s\n", cleat_version());
    print_environment();
    cleat_context *context = look_for_devices(&r) ? open_device(&r, device) : NULL;
    if (context != NULL) {
        look_at_driver(&r);
        try_a_kernel(&r, context);
        cleat_context_release(context);
    }
    look_at_cache(&r);
    if (r.failures > 0) {
        printf("Nothing can be computed here before what is BAD is put right.\n");
    } else {
        printf("Cleat can compute here%s.\n", r.warnings > 0 ? ", with the warnings above" : "");
    }
    return r.failures > 0 ? EXIT_BAD : EXIT_GOOD;
}

int command_doctor(int argc, char **argv) {
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
    const char *device = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "d:", options, NULL)) != -1) {
        if (option != 'd') {
            return EXIT_USAGE;
        }
        device = optarg;
    }
    if (optind < argc) {
        fprintf(stderr, "cleat doctor: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return examine(device);
}
