/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat tune`: measures what operations can choose from on this device, and keeps what is better
 * than what ships. */
#include "tune.h"
#include "command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tune_options {
    const char *device, *file, *operation;
    double seconds;
    bool dry_run, show;
} tune_options;

static void print_log(void *data, const char *message) {
    (void)data;
    fprintf(stderr, "cleat: %s\n", message);
}

static bool wanted(const tune_options *options, const tune_choice *choice) {
    return options->operation == NULL || strcmp(options->operation, choice->family->operation) == 0;
}

static double count_problems(const tune_options *options) {
    double count = 0;
    for (const tune_choice *choice = tune_choices; choice->family != NULL; choice++) {
        for (const tune_problem *p = choice->family->problems; p->text != NULL; p++) {
            count += wanted(options, choice) ? 1 : 0;
        }
    }
    return count;
}

/* ---- What is printed ---- */

static int show_table(cleat_context *context) {
    cleat_tuning_entry entries[256];
    size_t count = 0;
    if (cleat_tuning_list(context, 256, entries, &count) != CLEAT_OK) {
        return report_failure("no table");
    }
    for (size_t i = 0; i < count; i++) {
        printf("%-24s %-16s %s\n", entries[i].operation, entries[i].name, entries[i].value);
    }
    printf("%zu entries for this device in %s\n", count,
        cleat_tuning_file(context)[0] != '\0' ? cleat_tuning_file(context) : "no file");
    return EXIT_GOOD;
}

static void say_found(tune_run *run, const tune_result *r) {
    if (r->problem_count == 0) {
        progress_say(&run->progress, "%-24s %-16s not used on this device, or too slow\n",
            r->choice->family->operation, r->choice->name);
        return;
    }
    progress_say(&run->progress, "%-24s %-16s %s\n", r->choice->family->operation, r->choice->name,
        r->value[0] != '\0' ? r->value : "as shipped");
}

static void print_gains(const tune_result *results, int count) {
    bool any = false;
    for (int i = 0; i < count; i++) {
        const tune_result *r = &results[i];
        for (int j = 0; r->value[0] != '\0' && j < r->problem_count; j++) {
            if (!any) {
                printf("\n%-56s %10s %10s  %s\n", "", "before us", "after us", "by");
                any = true;
            }
            printf("%-24s %-31s %10.1f %10.1f  %.2fx\n", r->choice->family->operation,
                r->problems[j]->text, 1e6 * r->before[j], 1e6 * r->after[j],
                r->before[j] / r->after[j]);
        }
    }
    if (!any) {
        printf("\nWhat ships is the best here.\n");
    }
}

/* ---- The command ---- */

/* Finds, then proves each entry with all others in place. */
static int find_all(tune_run *run, const tune_options *options, tune_result *results, int *count) {
    int to_prove = 0;
    progress_begin(&run->progress, count_problems(options));
    for (const tune_choice *choice = tune_choices; choice->family != NULL; choice++) {
        if (!wanted(options, choice)) {
            continue;
        }
        tune_result *result = &results[(*count)++];
        if (!tune_find(run, choice, result)) {
            return EXIT_BAD;
        }
        to_prove += result->value[0] != '\0' ? result->problem_count : 0;
        say_found(run, result);
    }
    progress_begin(&run->progress, to_prove);
    for (int i = 0; i < *count; i++) {
        if (results[i].value[0] != '\0' && !tune_verify(run, &results[i])) {
            return EXIT_BAD;
        }
    }
    progress_end(&run->progress);
    return EXIT_GOOD;
}

static int save(cleat_context *context) {
    if (cleat_tuning_save(context, NULL) != CLEAT_OK) {
        return report_failure("the table is not stored");
    }
    return EXIT_GOOD;
}

static int tune(cleat_context *context, const tune_options *options) {
    enum { MAX_CHOICES = 32 };
    tune_result results[MAX_CHOICES];
    tune_run run = {.context = context, .seconds = options->seconds};
    int count = 0;
    /* A file that can't be written is better known before all the measuring. */
    if (!options->dry_run && save(context) != EXIT_GOOD) {
        return EXIT_BAD;
    }
    if (find_all(&run, options, results, &count) != EXIT_GOOD) {
        return EXIT_BAD;
    }
    print_gains(results, count);
    if (options->dry_run) {
        printf("Nothing is stored.\n");
        return EXIT_GOOD;
    }
    if (save(context) != EXIT_GOOD) {
        return EXIT_BAD;
    }
    size_t entries = 0;
    if (cleat_tuning_list(context, 0, NULL, &entries) != CLEAT_OK) {
        return report_failure("no table");
    }
    printf("%zu entries for this device stored in %s\n", entries, cleat_tuning_file(context));
    return EXIT_GOOD;
}

static bool is_operation(const char *name) {
    bool found = false;
    for (const tune_choice *choice = tune_choices; choice->family != NULL; choice++) {
        found = found || strcmp(choice->family->operation, name) == 0;
    }
    return found;
}

static bool read_options(int argc, char **argv, tune_options *options) {
    static const struct option names[] = {{"device", required_argument, NULL, 'd'},
        {"file", required_argument, NULL, 'f'}, {"operation", required_argument, NULL, 'o'},
        {"seconds", required_argument, NULL, 's'}, {"dry-run", no_argument, NULL, 'n'},
        {"show", no_argument, NULL, 'l'}, {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = getopt_long(argc, argv, "d:f:o:s:nl", names, NULL)) != -1) {
        switch (letter) {
        case 'd':
            options->device = optarg;
            break;
        case 'f':
            options->file = optarg;
            break;
        case 'o':
            options->operation = optarg;
            break;
        case 's':
            options->seconds = atof(optarg);
            break;
        case 'n':
            options->dry_run = true;
            break;
        case 'l':
            options->show = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

int command_tune(int argc, char **argv) {
    tune_options options = {.seconds = 0.02};
    if (!read_options(argc, argv, &options)) {
        return EXIT_USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "cleat tune: \"%s\" is not understood\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (options.operation != NULL && !is_operation(options.operation)) {
        fprintf(stderr, "cleat tune: \"%s\" has nothing to be tuned\n", options.operation);
        return EXIT_USAGE;
    }
    if (!(options.seconds > 0 && options.seconds <= 10)) {
        fprintf(stderr, "cleat tune: a measurement lasts more than 0 and at most 10 seconds\n");
        return EXIT_USAGE;
    }
    cleat_context_options context_options = {
        .device = options.device, .tuning_file = options.file, .log = print_log};
    cleat_context *context = NULL;
    cleat_device_info info;
    if (cleat_context_create(&context_options, &context) != CLEAT_OK ||
        cleat_context_device(context, &info) != CLEAT_OK) {
        return report_failure("no context");
    }
    printf("device: %s (%s, driver %s)\n", info.name, info.platform, info.driver);
    fflush(stdout);
    int result = options.show ? show_table(context) : tune(context, &options);
    cleat_context_release(context);
    return result;
}
