/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <cleat/cleat.h>
#include <getopt.h>
#include <inttypes.h>
#ifdef CLEAT_HAVE_JANSSON
#include <jansson.h>
#endif
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

static bool is_same(const cleat_device_info *a, const cleat_device_info *b) {
    return a->platform_index == b->platform_index && a->device_index == b->device_index;
}

/* The list, with a star at the device of the context. */
static int print_devices(cleat_context *context, const cleat_device_info *list, size_t count) {
    cleat_device_info chosen;
    if (cleat_context_device(context, &chosen) != CLEAT_OK) {
        return report_failure("the device cannot be asked");
    }
    printf("rank  index       score  type         device\n");
    for (size_t i = 0; i < count; i++) {
        print_device(i + 1, &list[i], is_same(&list[i], &chosen));
    }
    printf("\nchosen: %s: %s\n", chosen.name, chosen.reason);
    printf("CLEAT_DEVICE=INDEX, a type (gpu, cpu) or part of a name chooses another.\n");
    return EXIT_GOOD;
}

#ifdef CLEAT_HAVE_JANSSON

static json_t *device_json(const cleat_device_info *d, bool chosen) {
    char index[24];
    snprintf(index, sizeof index, "%" PRId32 ":%" PRId32, d->platform_index, d->device_index);
    return json_pack(
        "{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}",
        "index", index, "chosen", (int)chosen, "type", type_name(d->type), "name", d->name,
        "vendor", d->vendor, "platform", d->platform, "driver", d->driver, "version", d->version,
        "score", d->score, "compute_units", (json_int_t)d->compute_units, "clock_mhz",
        (json_int_t)d->clock_mhz, "float_width", (json_int_t)d->native_float_width, "global_memory",
        (json_int_t)d->global_memory, "max_allocation", (json_int_t)d->max_allocation,
        "local_memory", (json_int_t)d->local_memory, "fp16", (int)d->has_fp16, "fp64",
        (int)d->has_fp64);
}

/* {"devices": [best first], "reason": "why the chosen one was"} */
static int print_devices_json(cleat_context *context, const cleat_device_info *list, size_t count) {
    cleat_device_info chosen;
    if (cleat_context_device(context, &chosen) != CLEAT_OK) {
        return report_failure("the device cannot be asked");
    }
    json_t *devices = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(devices, device_json(&list[i], is_same(&list[i], &chosen)));
    }
    json_t *whole = json_pack(
        "{s:s, s:s, s:o}", "cleat", cleat_version(), "reason", chosen.reason, "devices", devices);
    bool good = json_array_size(devices) == count && whole != NULL &&
                json_dumpf(whole, stdout, JSON_INDENT(2)) == 0;
    putchar('\n');
    json_decref(whole);
    if (!good) {
        fprintf(stderr, "cleat: a driver's texts are no UTF-8, or memory is out\n");
    }
    return good ? EXIT_GOOD : EXIT_BAD;
}

#else

static int print_devices_json(cleat_context *context, const cleat_device_info *list, size_t count) {
    (void)context;
    (void)list;
    (void)count;
    fprintf(stderr, "cleat: built without jansson, so without --json\n");
    return EXIT_BAD;
}

#endif

static int list_devices(const char *device, bool as_json) {
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
        count = count < capacity ? count : capacity;
        result = (as_json ? print_devices_json : print_devices)(context, list, count);
    }
    cleat_context_release(context);
    free(list);
    return result;
}

int command_devices(int argc, char **argv) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    const char *device = NULL;
    bool as_json = false;
    int option;
    while ((option = getopt_long(argc, argv, "d:j", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            device = optarg;
            break;
        case 'j':
            as_json = true;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "cleat devices: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return list_devices(device, as_json);
}
