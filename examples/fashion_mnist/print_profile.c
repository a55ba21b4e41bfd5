/* SPDX-License-Identifier: Apache-2.0 */
#include "print_profile.h"

#include <stdio.h>
#include <stdlib.h>

static void print_rows(const cleat_profile_row *rows, size_t count) {
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += rows[i].seconds;
    printf("%-24s %-26s %8s %9s %6s %8s %7s\n", "operation", "kernel", "calls", "seconds", "%",
        "GFLOP/s", "GB/s");
    for (size_t i = 0; i < count; i++) {
        const cleat_profile_row *row = &rows[i];
        double rate = row->seconds > 0 ? 1e-9 / row->seconds : 0;
        printf("%-24s %-26s %8llu %9.3f %6.1f %8.1f %7.1f\n", row->operation, row->kernel,
            (unsigned long long)row->calls, row->seconds,
            total > 0 ? 100 * row->seconds / total : 0, row->flop * rate, row->bytes * rate);
    }
    printf("%-60s %9.3f\n\n", "all", total);
}

bool print_profile(cleat_context *context, problem *why) {
    const char *doing = "reading the profile";
    size_t count = 0, written = 0;
    if (!problem_check(why, cleat_profile(context, 0, NULL, &count), doing))
        return false;
    cleat_profile_row *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL)
        return problem_set(why, "%s: no memory", doing);
    bool fine = problem_check(why, cleat_profile(context, count, rows, &written), doing);
    if (fine)
        print_rows(rows, written < count ? written : count);
    free(rows);
    return fine;
}
