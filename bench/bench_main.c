/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_main.h"
#include "results.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const char options_text[] =
    "  -c, --case TEXT       only the cases whose name contains TEXT\n"
    "  -j, --json FILE       write the rows there as well; bench/report makes a page of it\n"
    "  -r, --repetitions N   measure each side N times, 7 at least (default %d)\n"
    "  -s, --seconds S       let one repetition last S seconds at least (default %g)\n"
    "  -v, --variant NAME    force Cleat's variant of the operation\n"
    "  -b, --batch N,N,...   sizes of batches of the bench model (default 1)\n"
    "  -d, --device D        index, type or part of a name, as in $CLEAT_DEVICE\n"
    "  -l, --list            tell the benches and their cases\n"
    "\n"
    "A value is the median of the repetitions, +- half the distance of the quartiles. One call of\n"
    "each side comes before each repetition, untimed. The ratio is such that more is better for\n"
    "Cleat.\n"
    "A run that is terminated (SIGTERM) ends after the case it is at, with what it has.\n"
    "Exit status: 0 good, 1 something failed, 2 wrong usage.\n";

static void show_usage(const bench_program *program, FILE *stream) {
    const char *name = program->name;
    fprintf(stream,
        "usage: %s %s%s [options]\n       %s model FILE.onnx... [options]\n"
        "       %s --list [BENCH]\n\n",
        name, program->runs_all ? "[BENCH | all]" : "BENCH | all",
        program->card != NULL ? " | gpu" : "", name, name);
    if (program->card != NULL) {
        fputs("gpu: what is for a graphics card; those of its benches that begin with gpu- are not "
              "in "
              "all.\n\n",
            stream);
    }
    fprintf(stream, "  -p, --peers           also run what %s is compared with, in turns\n",
        program->peers_of != NULL ? program->peers_of : "Cleat");
    fprintf(stream, options_text, program->repetitions, program->seconds);
}

static int wrong_usage(const bench_program *program, const char *reason, const char *word) {
    fprintf(stderr, "%s: %s%s\n\n", program->name, reason, word);
    show_usage(program, stderr);
    return EXIT_USAGE;
}

static void list_bench(const bench *b) {
    if (b->count == 0) { /* model, without files */
        return;
    }
    printf("%s: %s\n", b->name, b->summary);
    for (size_t i = 0; i < b->count; i++) {
        char text[96];
        b->case_name(i, text, sizeof text);
        printf("  %s\n", text);
    }
}

/* Set by SIGTERM. */
static volatile sig_atomic_t is_terminated;

static void note_termination(int number) {
    (void)number;
    is_terminated = 1;
}

/* Whether the case whose name stands in the run is wanted. */
static bool is_wanted(const bench_run *run) {
    return run->options.filter == NULL || strstr(run->case_name, run->options.filter) != NULL;
}

static bool run_bench(bench_run *run, const bench *b) {
    bool good = true;
    if (b->count == 0) {
        return true;
    }
    run->bench_name = b->name;
    bench_clear_line(run);
    results_show_head(b->name, b->summary);
    for (size_t i = 0; i < b->count; i++) {
        b->case_name(i, run->case_name, sizeof run->case_name);
        if (is_wanted(run) && !is_terminated) {
            if (run->progress != NULL) {
                run->progress->step(run->progress->state, run->case_name);
            }
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

enum { BENCHES_MAX = 32 };

/* The benches that a name means. */
typedef struct selection {
    const bench *benches[BENCHES_MAX];
    size_t count;
} selection;

static void add_bench(selection *selected, const bench *added) {
    for (size_t i = 0; i < selected->count; i++) {
        if (selected->benches[i] == added) {
            return;
        }
    }
    if (selected->count < BENCHES_MAX) {
        selected->benches[selected->count++] = added;
    }
}

static void add_benches(selection *selected, const bench *const *list, const char *name) {
    for (const bench *const *b = list; b != NULL && *b != NULL; b++) {
        if (name == NULL || strcmp((*b)->name, name) == 0) {
            add_bench(selected, *b);
        }
    }
}

/* NULL: every bench. */
static selection select_benches(const bench_program *program, const char *name) {
    selection selected = {.count = 0};
    if (name != NULL && strcmp(name, "all") == 0) {
        add_benches(&selected, program->benches, NULL);
    } else if (name != NULL && strcmp(name, "gpu") == 0) {
        add_benches(&selected, program->card, NULL);
    } else {
        add_benches(&selected, program->benches, name);
        add_benches(&selected, program->card, name);
    }
    return selected;
}

static size_t count_cases(bench_run *run, const selection *selected) {
    size_t count = 0;
    for (size_t b = 0; b < selected->count; b++) {
        for (size_t i = 0; i < selected->benches[b]->count; i++) {
            selected->benches[b]->case_name(i, run->case_name, sizeof run->case_name);
            count += is_wanted(run) ? 1 : 0;
        }
    }
    return count;
}

/*
 * PoCL's threads on a core each, before PoCL is loaded. They sleep between calls, and the scheduler
 * likes to wake both on one core of two, where a call of less than some milliseconds then stays:
 * such figures were half of what the same call gives at the next try. The peers' own threads spin
 * between calls instead. A variable that is set wins.
 */
static void pin_device_threads(const bench_run *run) {
    if (setenv("POCL_AFFINITY", "1", 0) != 0) {
        bench_fail(run, "POCL_AFFINITY could not be set");
    }
}

static int run_all(
    const bench_program *program, bench_run *run, const selection *selected, const char *json) {
    const struct sigaction action = {.sa_handler = note_termination, .sa_flags = SA_RESTART};
    if (sigaction(SIGTERM, &action, NULL) != 0) {
        bench_fail(run, "SIGTERM would end it at once");
    }
    pin_device_threads(run);
    const cleat_context_options options = {.device = run->options.device};
    if (!bench_call(run, cleat_context_create(&options, &run->context), "cleat_context_create") ||
        !bench_call(run, cleat_context_device(run->context, &run->device), "device")) {
        return EXIT_FAILURE;
    }
    run->threads = run->device.type == CLEAT_DEVICE_CPU ? (int)run->device.compute_units : 0;
    show_machine(run);
    bool good = true;
    if (program->progress != NULL) {
        program->progress->begin(program->progress->state, count_cases(run, selected));
        run->progress = program->progress;
    }
    for (size_t b = 0; b < selected->count; b++) {
        good = run_bench(run, selected->benches[b]) && good;
    }
    bench_clear_line(run);
    if (is_terminated) {
        good = bench_fail(run, "terminated; the cases after that are left out");
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
    {"batch", required_argument, NULL, 'b'}, {"variant", required_argument, NULL, 'v'},
    {"device", required_argument, NULL, 'd'}, {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

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
    case 'b':
        return bench_model_set_batches(optarg);
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

int bench_main(const bench_program *program, int argc, char **argv) {
    struct bench_results rows = {0};
    bench_run run = {.options = {.repetitions = program->repetitions, .seconds = program->seconds},
        .results = &rows,
        .program = program->name};
    command_line line = {0};
    for (int letter;
         (letter = getopt_long(argc, argv, "pb:c:j:r:s:v:d:lh", long_options, NULL)) != -1;) {
        if (!take_option(letter, &run.options, &line)) {
            return wrong_usage(program, "wrong option", "");
        }
    }
    if (line.help) {
        show_usage(program, stdout);
        return EXIT_SUCCESS;
    }
    if (run.options.repetitions < 7 || !(run.options.seconds > 0)) {
        return wrong_usage(program, "7 repetitions and some time are the least", "");
    }
    const char *name = optind < argc ? argv[optind] : NULL;
    const bool is_model = name != NULL && strcmp(name, bench_model.name) == 0;
    for (int i = optind + 1; i < argc; i++) {
        if (!is_model || !bench_model_add(argv[i])) {
            return wrong_usage(program, "one bench or all, not also ", argv[i]);
        }
    }
    if (is_model && bench_model.count == 0) {
        return wrong_usage(program, "which model? FILE.onnx", "");
    }
    if (run.options.peers && program->peers_of != NULL &&
        (name == NULL || strcmp(name, program->peers_of) != 0)) {
        return wrong_usage(program, "--peers is for the bench ", program->peers_of);
    }
    if (name == NULL && !line.list && !program->runs_all) {
        return wrong_usage(program, "which bench? --list tells", "");
    }
    const selection selected = select_benches(program, name);
    if (selected.count == 0) {
        return wrong_usage(program, "no bench called ", name);
    }
    if (!line.list) {
        return run_all(program, &run, &selected, line.json);
    }
    for (size_t i = 0; i < selected.count; i++) {
        list_bench(selected.benches[i]);
    }
    return EXIT_SUCCESS;
}
