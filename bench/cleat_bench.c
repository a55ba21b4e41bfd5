/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const bench bench_matmul, bench_matmul_small, bench_matmul_odd, bench_matvec;
extern const bench bench_conv, bench_conv_backward, bench_conv_axes, bench_bandwidth;
extern const bench bench_attention, bench_recurrent;
extern const bench bench_train, bench_infer, bench_overhead, bench_coldstart;

const bench *const benches[] = {&bench_matmul, &bench_matmul_small, &bench_matmul_odd,
    &bench_matvec, &bench_conv, &bench_conv_backward, &bench_conv_axes, &bench_bandwidth,
    &bench_attention, &bench_recurrent,
#ifdef BENCH_HAVE_NETWORK
    &bench_train, &bench_infer,
#endif
    &bench_overhead, &bench_coldstart, NULL};

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: cleat-bench BENCH | all [options]\n"
    "       cleat-bench --list [BENCH]\n"
    "\n"
    "  -p, --peers           also run what Cleat is compared with, in turns\n"
    "  -c, --case TEXT       only the cases whose name contains TEXT\n"
    "  -j, --json FILE       write the rows there as well\n"
    "  -r, --repetitions N   measure each side N times, 7 at least (default 9)\n"
    "  -s, --seconds S       let one repetition last S seconds at least (default 0.05)\n"
    "  -v, --variant NAME    force Cleat's variant of the operation\n"
    "  -d, --device D        index, type or part of a name, as in $CLEAT_DEVICE\n"
    "  -l, --list            tell the benches and their cases\n"
    "\n"
    "A value is the median of the repetitions, +- half the distance of the quartiles. The ratio "
    "is\n"
    "such that more is better for Cleat. One call of each side comes before each repetition,\n"
    "untimed. Exit status: 0 good, 1 something failed, 2 wrong usage.\n";

static void list_bench(const bench *b) {
    printf("%s: %s\n", b->name, b->summary);
    for (size_t i = 0; i < b->count; i++) {
        char text[96];
        b->case_name(i, text, sizeof text);
        printf("  %s\n", text);
    }
}

static bool run_bench(bench_run *run, const bench *b) {
    bool good = true;
    run->bench_name = b->name;
    results_show_head(b->name, b->summary);
    for (size_t i = 0; i < b->count; i++) {
        b->case_name(i, run->case_name, sizeof run->case_name);
        if (run->options.filter == NULL || strstr(run->case_name, run->options.filter) != NULL) {
            good = b->run(run, i) && good;
        }
    }
    run->bench_name = NULL;
    return good;
}

static void show_machine(const bench_run *run) {
    for (const machine_fact *fact = machine_facts(run); fact->name != NULL; fact++) {
        printf("%-12s %s\n", fact->name, fact->text);
    }
}

static bool matches(const bench *b, const char *name) {
    return name == NULL || strcmp(name, "all") == 0 || strcmp(name, b->name) == 0;
}

/*
 * PoCL's threads on a core each, before PoCL is loaded. They sleep between calls, and the scheduler
 * likes to wake both on one core of two, where a call of less than some milliseconds then stays:
 * such figures were half of what the same call gives at the next try. The peers' own threads spin
 * between calls instead. A variable that is set wins.
 */
static void pin_device_threads(void) {
    if (setenv("POCL_AFFINITY", "1", 0) != 0) {
        fprintf(stderr, "cleat-bench: POCL_AFFINITY could not be set\n");
    }
}

static int run_all(bench_run *run, const char *name, const char *json) {
    pin_device_threads();
    if (!bench_call(run,
            cleat_context_create(
                &(cleat_context_options){.device = run->options.device}, &run->context),
            "cleat_context_create") ||
        !bench_call(run, cleat_context_device(run->context, &run->device), "device")) {
        return EXIT_FAILURE;
    }
    run->threads = run->device.type == CLEAT_DEVICE_CPU ? (int)run->device.compute_units : 0;
    show_machine(run);
    bool good = true;
    for (const bench *const *b = benches; *b != NULL; b++) {
        if (matches(*b, name)) {
            good = run_bench(run, *b) && good;
        }
    }
    results_show_means(run->results);
    if (json != NULL) {
        good = results_write_json(run, json) && good;
    }
    results_free(run->results);
    cleat_context_release(run->context);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct option long_options[] = {{"peers", no_argument, NULL, 'p'},
    {"case", required_argument, NULL, 'c'}, {"json", required_argument, NULL, 'j'},
    {"repetitions", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
    {"variant", required_argument, NULL, 'v'}, {"device", required_argument, NULL, 'd'},
    {"list", no_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static int wrong_usage(const char *reason, const char *word) {
    fprintf(stderr, "cleat-bench: %s%s\n\n%s", reason, word, usage);
    return EXIT_USAGE;
}

/* What the command line asked for besides bench_options. */
typedef struct command_line {
    const char *json;
    bool list, help;
} command_line;

/* False for a letter that is no option. */
static bool take_option(int letter, bench_options *options, command_line *line) {
    switch (letter) {
    case 'p':
        options->peers = true;
        break;
    case 'c':
        options->filter = optarg;
        break;
    case 'j':
        line->json = optarg;
        break;
    case 'r':
        options->repetitions = atoi(optarg);
        break;
    case 's':
        options->seconds = atof(optarg);
        break;
    case 'v':
        options->variant = optarg;
        break;
    case 'd':
        options->device = optarg;
        break;
    case 'l':
        line->list = true;
        break;
    case 'h':
        line->help = true;
        break;
    default:
        return false;
    }
    return true;
}

/* How many benches have this name; with `list`, tells their cases. */
static size_t count_benches(const char *name, bool list) {
    size_t count = 0;
    for (const bench *const *b = benches; *b != NULL; b++) {
        if (matches(*b, name)) {
            count++;
            if (list) {
                list_bench(*b);
            }
        }
    }
    return count;
}

int main(int argc, char **argv) {
    struct bench_results rows = {0};
    bench_run run = {
        .options = {.repetitions = 9, .seconds = 0.05}, .results = &rows, .program = argv[0]};
    command_line line = {0};
    setenv("CLEAT_TUNING_FILE", "none", 0); /* what ships is measured, unless the user names one */
    for (int letter;
         (letter = getopt_long(argc, argv, "pc:j:r:s:v:d:lh", long_options, NULL)) != -1;) {
        if (!take_option(letter, &run.options, &line)) {
            return wrong_usage("see above", "");
        }
    }
    if (line.help) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (run.options.repetitions < 7 || !(run.options.seconds > 0)) {
        return wrong_usage("7 repetitions and some time are the least", "");
    }
    const char *name = optind < argc ? argv[optind] : NULL;
    if (argc - optind > 1) {
        return wrong_usage("one bench or all, not also ", argv[optind + 1]);
    }
    if (name == NULL && !line.list) {
        return wrong_usage("which bench? --list tells", "");
    }
    if (count_benches(name, line.list) == 0) {
        return wrong_usage("no bench called ", name);
    }
    return line.list ? EXIT_SUCCESS : run_all(&run, name, line.json);
}
