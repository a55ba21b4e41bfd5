/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"
#include "command.h"
#include "progress_bar.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- What the checks use ---- */

bool check_call(check *c, cleat_status status) {
    if (c->status == CLEAT_OK && status != CLEAT_OK) {
        c->status = status;
        c->worst_part = c->part;
    }
    return c->status == CLEAT_OK;
}

/* Room on the host and on the device for another operand; the device's is not filled. */
static operand *add_operand(check *c, cleat_type type, int32_t rank, const int64_t *shape) {
    operand *x = &c->operands[c->operand_count++];
    x->count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        x->count *= shape[axis];
    }
    x->raw = calloc((size_t)x->count + 1, cleat_type_size(type));
    x->data = x->raw;
    if (x->raw == NULL) {
        check_call(c, CLEAT_OUT_OF_HOST_MEMORY);
        return x;
    }
    check_call(c, cleat_tensor_create(c->context, type, rank, shape, &x->tensor));
    return x;
}

static void write_operand(check *c, operand *x) {
    if (c->status == CLEAT_OK) {
        check_call(c, cleat_write(c->context, x->tensor, x->raw,
                          (size_t)x->count * cleat_type_size(x->tensor.type)));
    }
}

operand *check_range(check *c, int32_t rank, const int64_t *shape, double low, double high) {
    operand *x = add_operand(c, CLEAT_F32, rank, shape);
    uint32_t bits = (uint32_t)c->operand_count * 2654435761U;
    for (int64_t i = 0; x->data != NULL && i < x->count; i++) {
        bits = bits * 1664525U + 1013904223U; /* Numerical Recipes' generator: plain is enough */
        x->data[i] = (float)(low + (high - low) * (double)(bits >> 8) * 0x1p-24);
    }
    write_operand(c, x);
    return x;
}

operand *check_operand(check *c, int32_t rank, const int64_t *shape) {
    return check_range(c, rank, shape, -1, 1);
}

operand *check_typed(
    check *c, cleat_type type, int32_t rank, const int64_t *shape, const void *values) {
    operand *x = add_operand(c, type, rank, shape);
    if (x->raw != NULL && values != NULL) {
        memcpy(x->raw, values, (size_t)x->count * cleat_type_size(type));
    }
    write_operand(c, x);
    return x;
}

static void free_operands(check *c) {
    for (int i = 0; i < c->operand_count; i++) {
        cleat_tensor_release(&c->operands[i].tensor);
        free(c->operands[i].raw);
        c->operands[i] = (operand){.count = 0};
    }
    c->operand_count = 0;
}

void check_part(check *c, const char *part) {
    free_operands(c);
    c->part = part;
}

bool check_fetch(check *c, operand *x) {
    return c->status == CLEAT_OK &&
           check_call(c, cleat_read(c->context, x->tensor, x->raw,
                             (size_t)x->count * cleat_type_size(x->tensor.type)));
}

void check_value(check *c, float got, double want, double magnitude, double terms) {
    double allowed = 0x1p-24 * (4 * sqrt(terms) * magnitude + fabs(want)) + 1e-37;
    double part = fabs((double)got - want) / allowed;
    if (!(part <= c->worst)) { /* a NaN is kept too */
        c->worst = part;
        c->worst_part = c->part;
    }
}

/* ---- The command ---- */

/* Prints one word of a line, in a colour of the terminal's (green or red) where it has any. */
static void print_verdict(bool good) {
    const bool coloured = progress_has_colours();
    const char *colour = good ? "\033[32m" : "\033[1;31m";
    printf("%s%-6s%s", coloured ? colour : "", good ? "ok" : "FAILED", coloured ? "\033[0m" : "");
}

/* Runs one check and prints its line; true when it is good. */
static bool run_check(cleat_context *context, const check_entry *entry, progress *shown) {
    check c = {.context = context};
    progress_step(shown, 1, entry->name);
    double start = progress_clock();
    entry->run(&c);
    double seconds = progress_clock() - start;
    free_operands(&c);
    bool good = c.status == CLEAT_OK && c.worst <= 1;
    progress_clear(shown);
    printf("%-26s ", entry->name);
    print_verdict(good);
    printf(" %8.1f ms", 1000 * seconds);
    if (c.status != CLEAT_OK) {
        printf("  %s: %s", cleat_status_name(c.status), cleat_error_message());
    } else {
        printf("  error %.2f of what is allowed", c.worst);
    }
    if (!good && c.worst_part != NULL) {
        printf(" (%s)", c.worst_part);
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

/* What the library has to say, such as of variants that are wrong here and passed over. */
static void print_note(void *data, const char *message) {
    progress_clear(data);
    printf("note: %s\n", message);
}

typedef struct selftest_options {
    const char *device, *only;
    bool profile;
} selftest_options;

static bool is_wanted(const check_entry *entry, const char *only) {
    return only == NULL || strstr(entry->name, only) != NULL;
}

/* Runs the checks whose names hold the text `only`; returns how many failed, *run how many ran. */
static int run_checks(cleat_context *context, const char *only, progress *shown, int *run) {
    int failed = 0, wanted = 0;
    for (const check_entry *entry = check_entries; entry->name != NULL; entry++) {
        wanted += is_wanted(entry, only) ? 1 : 0;
    }
    progress_begin(shown, wanted);
    for (const check_entry *entry = check_entries; entry->name != NULL; entry++) {
        if (is_wanted(entry, only)) {
            failed += run_check(context, entry, shown) ? 0 : 1;
            ++*run;
        }
    }
    progress_end(shown);
    return failed;
}

static int run_selftest(const selftest_options *chosen) {
    progress shown = {0};
    const cleat_context_options options = {.device = chosen->device,
        .profiling = chosen->profile,
        .log = print_note,
        .log_data = &shown};
    cleat_context *context = NULL;
    if (cleat_context_create(&options, &context) != CLEAT_OK) {
        return report_failure("no context");
    }
    cleat_device_info info;
    if (cleat_context_device(context, &info) == CLEAT_OK) {
        printf("device: %s (%s, driver %s)\n", info.name, info.platform, info.driver);
    }
    int run = 0;
    int failed = run_checks(context, chosen->only, &shown, &run);
    printf("%d of %d checks are good\n", run - failed, run);
    if (run > 0) {
        printf(failed == 0 ? "This device can be trusted.\n"
                           : "This device cannot be trusted with what FAILED.\n");
    }
    int result = failed == 0 && run > 0 ? EXIT_GOOD : EXIT_BAD;
    if (chosen->profile && print_profile(context) != EXIT_GOOD) {
        result = EXIT_BAD;
    }
    cleat_context_release(context);
    return result;
}

int command_selftest(int argc, char **argv) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"only", required_argument, NULL, 'o'}, {"profile", no_argument, NULL, 'p'},
        {NULL, 0, NULL, 0}};
    selftest_options chosen = {.profile = false};
    int option;
    while ((option = getopt_long(argc, argv, "d:o:p", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            chosen.device = optarg;
            break;
        case 'o':
            chosen.only = optarg;
            break;
        case 'p':
            chosen.profile = true;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "cleat selftest: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    return run_selftest(&chosen);
}
