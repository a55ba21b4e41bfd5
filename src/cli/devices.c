/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <cleat/cleat.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *type_name(cleat_device_type type) {
    switch (type) {
    case CLEAT_DEVICE_GPU:
        return "gpu";
    case CLEAT_DEVICE_ACCELERATOR:
        return "accelerator";
    case CLEAT_DEVICE_CPU:
        return "cpu";
    case CLEAT_DEVICE_SOFTWARE:
        return "software";
    }
    return "unknown";
}

static void print_device(size_t rank, const cleat_device_info *d, bool chosen) {
    printf("%c%3zu  %2" PRId32 ":%-2" PRId32 "  %10.4g  %-11s  %s\n", chosen ? '*' : ' ', rank,
        d->platform_index, d->device_index, d->score, type_name(d->type), d->name);
    printf("%27s%s, driver %s\n", "", d->platform, d->driver);
    printf("%27s%" PRIu32 " compute units at %" PRIu32 " MHz, float%" PRIu32 ", %.1f GiB%s%s\n", "",
        d->compute_units, d->clock_mhz, d->native_float_width,
        (double)d->global_memory / 1073741824.0, d->has_fp64 ? ", fp64" : "",
        d->has_fp16 ? ", fp16" : "");
}

/* The list, with a star at the device of the context. */
static int print_devices(cleat_context *context, const cleat_device_info *list, size_t count) {
    cleat_device_info chosen;
    if (cleat_context_device(context, &chosen) != CLEAT_OK) {
        return report_failure("the device cannot be asked");
    }
    printf("rank  index       score  type         device\n");
    for (size_t i = 0; i < count; i++) {
        print_device(i + 1, &list[i],
            list[i].platform_index == chosen.platform_index &&
                list[i].device_index == chosen.device_index);
    }
    printf("\nchosen: %s: %s\n", chosen.name, chosen.reason);
    printf("CLEAT_DEVICE=INDEX, a type (gpu, cpu) or part of a name chooses another.\n");
    return EXIT_GOOD;
}

static int list_devices(const char *device) {
    size_t count = 0;
    if (cleat_devices(0, NULL, &count) != CLEAT_OK) {
        return report_failure("no devices");
    }
    cleat_device_info *list = calloc(count + 1, sizeof *list);
    if (list == NULL) {
        fprintf(stderr, "cleat: out of memory\n");
        return EXIT_BAD;
    }
    size_t capacity = count;
    cleat_context *context = NULL;
    int result = EXIT_BAD;
    if (cleat_devices(capacity, list, &count) != CLEAT_OK) {
        report_failure("no devices");
    } else if (cleat_context_create(&(cleat_context_options){.device = device}, &context) !=
               CLEAT_OK) {
        report_failure("no context");
    } else {
        result = print_devices(context, list, count < capacity ? count : capacity);
    }
    cleat_context_release(context);
    free(list);
    return result;
}

int command_devices(int argc, char **argv) {
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
        fprintf(stderr, "cleat devices: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return list_devices(device);
}
