/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"
#include "command.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- What the checks use ---- */

bool check_call(check *c, cleat_status status) {
    if (c->status == CLEAT_OK) {
        c->status = status;
    }
    return c->status == CLEAT_OK;
}

operand *check_operand(check *c, int32_t rank, const int64_t *shape) {
    operand *x = &c->operands[c->operand_count++];
    x->count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        x->count *= shape[axis];
    }
    x->data = calloc((size_t)x->count, sizeof *x->data);
    if (x->data == NULL) {
        check_call(c, CLEAT_OUT_OF_HOST_MEMORY);
        return x;
    }
    uint32_t bits = (uint32_t)c->operand_count * 2654435761U;
    for (int64_t i = 0; i < x->count; i++) {
        bits = bits * 1664525U + 1013904223U; /* Numerical Recipes' generator: plain is enough */
        x->data[i] = (float)(bits >> 8) * 0x1p-23F - 1;
    }
    if (check_call(c, cleat_tensor_create(c->context, CLEAT_F32, rank, shape, &x->tensor))) {
        check_call(
            c, cleat_write(c->context, x->tensor, x->data, (size_t)x->count * sizeof *x->data));
    }
    return x;
}

bool check_fetch(check *c, operand *x) {
    return c->status == CLEAT_OK && check_call(c, cleat_read(c->context, x->tensor, x->data,
                                                      (size_t)x->count * sizeof *x->data));
}

void check_value(check *c, float got, double want, double magnitude, double terms) {
    double allowed = 0x1p-24 * (4 * sqrt(terms) * magnitude + fabs(want)) + 1e-37;
    double part = fabs((double)got - want) / allowed;
    if (!(part <= c->worst)) { /* a NaN is kept too */
        c->worst = part;
    }
}

/* ---- The command ---- */

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Runs one check and prints its line; true when it is good. */
static bool run_check(cleat_context *context, const check_entry *entry) {
    check c = {.context = context};
    double start = seconds_now();
    entry->run(&c);
    double seconds = seconds_now() - start;
    for (int i = 0; i < c.operand_count; i++) {
        cleat_tensor_release(&c.operands[i].tensor);
        free(c.operands[i].data);
    }
    bool good = c.status == CLEAT_OK && c.worst <= 1;
    printf("%-24s %-6s %8.1f ms", entry->name, good ? "ok" : "FAILED", 1000 * seconds);
    if (c.status != CLEAT_OK) {
        printf("  %s: %s", cleat_status_name(c.status), cleat_error_message());
    } else {
        printf("  error %.2f of what is allowed", c.worst);
    }
    printf("\n");
    fflush(stdout);
    return good;
}

static int print_profile(cleat_context *context) {
    size_t count = 0;
    if (cleat_profile(context, 0, NULL, &count) != CLEAT_OK) {
        return report_failure("no profile");
    }
    cleat_profile_row *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL) {
        fprintf(stderr, "cleat: out of memory\n");
        return EXIT_BAD;
    }
    size_t capacity = count;
    if (cleat_profile(context, capacity, rows, &count) != CLEAT_OK) {
        free(rows);
        return report_failure("no profile");
    }
    printf("\n%-30s %-34s %6s %10s %9s %9s\n", "operation", "kernel", "calls", "ms", "GFLOP/s",
        "GB/s");
    for (size_t i = 0; i < count && i < capacity; i++) {
        const cleat_profile_row *row = &rows[i];
        double seconds = row->seconds > 0 ? row->seconds : (double)INFINITY;
        printf("%-30s %-34s %6" PRIu64 " %10.3f %9.2f %9.2f\n", row->operation, row->kernel,
            row->calls, 1000 * row->seconds, 1e-9 * row->flop / seconds,
            1e-9 * row->bytes / seconds);
    }
    free(rows);
    return EXIT_GOOD;
}

static int run_selftest(const char *device, bool profile) {
    cleat_context_options options = {.device = device, .profiling = profile};
    cleat_context *context = NULL;
    if (cleat_context_create(&options, &context) != CLEAT_OK) {
        return report_failure("no context");
    }
    cleat_device_info info;
    if (cleat_context_device(context, &info) == CLEAT_OK) {
        printf("device: %s (%s, driver %s)\n", info.name, info.platform, info.driver);
    }
    int failed = 0, run = 0;
    for (const check_entry *entry = check_entries; entry->name != NULL; entry++) {
        failed += run_check(context, entry) ? 0 : 1;
        run++;
    }
    printf("%d of %d checks are good\n", run - failed, run);
    int result = failed == 0 ? EXIT_GOOD : EXIT_BAD;
    if (profile && print_profile(context) != EXIT_GOOD) {
        result = EXIT_BAD;
    }
    cleat_context_release(context);
    return result;
}

int command_selftest(int argc, char **argv) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"profile", no_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    const char *device = NULL;
    bool profile = false;
    int option;
    while ((option = getopt_long(argc, argv, "d:p", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            device = optarg;
            break;
        case 'p':
            profile = true;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "cleat selftest: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return run_selftest(device, profile);
}
