/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat run` and `cleat inspect`: a model from an ONNX file on a device. */
#include "command.h"

#include "bench.h"
#include "npy.h"
#include "progress_bar.h"
#include <cleat/cleat.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CLEAT_HAVE_ONNX
#include <cleat/onnx.h>

enum { MOST_FILES = 64, MOST_LABEL = 120, MOST_ROWS = 16 };

/* NAME=FILE of the command line, or FILE for the only one. */
typedef struct named_file {
    const char *name; /* NULL: the only one */
    size_t length;
    const char *file;
} named_file;

typedef struct run_options {
    const char *device, *model, *labels;
    named_file inputs[MOST_FILES], outputs[MOST_FILES];
    int input_count, output_count;
    int top, repeat;
    bool random;
} run_options;

typedef struct session {
    const run_options *o;
    cleat_context *context;
    cleat_model *model;
    size_t input_count, output_count;
    cleat_tensor *inputs, *outputs;
} session;

static void print_value(const char *what, const cleat_value_info *info) {
    printf("%-8s %s  %s ", what, info->name,
        info->type != 0 ? cleat_type_name(info->type) : "any type");
    if (info->rank < 0) {
        printf("any shape\n");
        return;
    }
    printf("[");
    for (int32_t i = 0; i < info->rank; i++) {
        printf("%s", i > 0 ? ", " : "");
        if (info->shape[i] < 0) {
            printf("?");
        } else {
            printf("%" PRId64, info->shape[i]);
        }
    }
    printf("]\n");
}

static cleat_value_info info_of(const session *s, size_t i, bool is_input) {
    cleat_value_info info = {.name = "", .rank = -1};
    if (is_input) {
        (void)cleat_model_input_info(s->model, i, &info);
    } else {
        (void)cleat_model_output_info(s->model, i, &info);
    }
    return info;
}

static void print_values(const session *s) {
    for (size_t i = 0; i < s->input_count; i++) {
        const cleat_value_info info = info_of(s, i, true);
        print_value("input", &info);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        const cleat_value_info info = info_of(s, i, false);
        print_value("output", &info);
    }
}

static int open_session(const run_options *o, session *s) {
    s->o = o;
    if (cleat_context_create(&(cleat_context_options){.device = o->device}, &s->context) !=
        CLEAT_OK) {
        return report_failure("no device");
    }
    if (cleat_model_load_onnx(s->context, o->model, NULL, &s->model) != CLEAT_OK) {
        return report_failure(o->model);
    }
    s->input_count = cleat_model_input_count(s->model);
    s->output_count = cleat_model_output_count(s->model);
    s->inputs = calloc(s->input_count + 1, sizeof *s->inputs);
    s->outputs = calloc(s->output_count + 1, sizeof *s->outputs);
    if (s->inputs == NULL || s->outputs == NULL) {
        fprintf(stderr, "cleat: no memory\n");
        return EXIT_BAD;
    }
    return EXIT_GOOD;
}

static void close_session(session *s) {
    for (size_t i = 0; s->inputs != NULL && i < s->input_count; i++) {
        cleat_tensor_release(&s->inputs[i]);
    }
    for (size_t i = 0; s->outputs != NULL && i < s->output_count; i++) {
        cleat_tensor_release(&s->outputs[i]);
    }
    free(s->inputs);
    free(s->outputs);
    cleat_model_release(s->model);
    cleat_context_release(s->context);
}

/* ---- Inputs ---- */

static const char *file_of(const named_file *files, int count, const char *name, size_t values) {
    for (int i = 0; i < count; i++) {
        const bool named = files[i].name != NULL && strlen(name) == files[i].length &&
                           strncmp(files[i].name, name, files[i].length) == 0;
        if (named || (files[i].name == NULL && values == 1)) {
            return files[i].file;
        }
    }
    return NULL;
}

/* Numbers of a uniform distribution where the model says f32 and how many; extents that it leaves
 * open are 1. */
static int draw_input(session *s, const cleat_value_info *info, cleat_tensor *x) {
    int64_t shape[CLEAT_MAX_RANK];
    if (info->type != CLEAT_F32 || info->rank < 0) {
        fprintf(stderr, "cleat run: numbers are only drawn for f32 of a known rank: input %s\n",
            info->name);
        return EXIT_BAD;
    }
    for (int32_t i = 0; i < info->rank; i++) {
        shape[i] = info->shape[i] < 0 ? 1 : info->shape[i];
    }
    if (cleat_tensor_create(s->context, CLEAT_F32, info->rank, shape, x) != CLEAT_OK ||
        cleat_random_uniform(s->context, 1, 0, 0, 1, *x) != CLEAT_OK) {
        return report_failure(info->name);
    }
    return EXIT_GOOD;
}

static int load_input(session *s, const cleat_value_info *info, const char *file, cleat_tensor *x) {
    npy_array array;
    const char *why = NULL;
    if (!npy_load(file, &array, &why)) {
        fprintf(stderr, "cleat run: %s: %s\n", file, why);
        return EXIT_BAD;
    }
    cleat_status status = cleat_tensor_create(s->context, array.type, array.rank, array.shape, x);
    if (status == CLEAT_OK && array.size > 0) {
        status = cleat_write(s->context, *x, array.elements, array.size);
    }
    free(array.elements);
    return status == CLEAT_OK ? EXIT_GOOD : report_failure(info->name);
}

static int make_inputs(session *s) {
    for (size_t i = 0; i < s->input_count; i++) {
        const cleat_value_info info = info_of(s, i, true);
        const char *file = file_of(s->o->inputs, s->o->input_count, info.name, s->input_count);
        int result = EXIT_USAGE;
        if (file != NULL) {
            result = load_input(s, &info, file, &s->inputs[i]);
        } else if (s->o->random) {
            result = draw_input(s, &info, &s->inputs[i]);
        } else {
            fprintf(stderr, "cleat run: no --input for %s; the model has\n", info.name);
            fflush(stderr);
            print_values(s);
        }
        if (result != EXIT_GOOD) {
            return result;
        }
    }
    return EXIT_GOOD;
}

/* ---- Outputs ---- */

static bool read_output(session *s, const cleat_tensor *y, npy_array *array) {
    *array = (npy_array){.type = y->type, .rank = y->rank};
    memcpy(array->shape, y->shape, sizeof array->shape);
    array->size = (size_t)cleat_tensor_count(y) * cleat_type_size(y->type);
    array->elements = malloc(array->size + 1);
    return array->elements != NULL &&
           (array->size == 0 ||
               cleat_read(s->context, *y, array->elements, array->size) == CLEAT_OK);
}

/* Line `wanted` of the file of labels, without its end; "" where there is none. */
static const char *label_of(const char *file, int64_t wanted, char text[MOST_LABEL]) {
    text[0] = '\0';
    FILE *labels = file != NULL ? fopen(file, "r") : NULL;
    bool starts = true;
    int64_t line = -1;
    char piece[MOST_LABEL];
    while (labels != NULL && fgets(piece, sizeof piece, labels) != NULL) {
        line += starts;
        if (line == wanted && starts) {
            piece[strcspn(piece, "\r\n")] = '\0';
            memcpy(text, piece, sizeof piece);
            break;
        }
        starts = strchr(piece, '\n') != NULL;
    }
    if (labels != NULL) {
        fclose(labels);
    }
    return text;
}

/* The largest of each run along the last axis that has more than one element, largest first. */
static void print_top(const session *s, const npy_array *y) {
    const float *values = y->elements;
    int32_t axis = y->rank - 1;
    while (axis > 0 && y->shape[axis] == 1) {
        axis--;
    }
    const int64_t extent = axis >= 0 ? y->shape[axis] : 1;
    const int64_t all = extent > 0 ? (int64_t)(y->size / sizeof(float)) / extent : 0;
    const int64_t rows = all < MOST_ROWS ? all : MOST_ROWS;
    bool *taken = calloc((size_t)extent + 1, sizeof *taken);
    for (int64_t row = 0; taken != NULL && row < rows; row++) {
        memset(taken, 0, (size_t)extent);
        for (int place = 0; place < s->o->top && place < extent; place++) {
            int64_t best = -1;
            for (int64_t i = 0; i < extent; i++) {
                if (!taken[i] &&
                    (best < 0 || values[row * extent + i] > values[row * extent + best])) {
                    best = i;
                }
            }
            char label[MOST_LABEL];
            taken[best] = true;
            printf("%6" PRId64 "  %12.6g  %s\n", best, (double)values[row * extent + best],
                label_of(s->o->labels, best, label));
        }
        printf("%s", row + 1 < rows ? "\n" : "");
    }
    if (rows < all) {
        printf("(%" PRId64 " more rows)\n", all - rows);
    }
    free(taken);
}

static void print_some(const npy_array *y) {
    const float *values = y->elements;
    const size_t count = y->size / sizeof *values;
    double sum = 0, low = 0, high = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)values[i];
        sum += value;
        low = i == 0 || value < low ? value : low;
        high = i == 0 || value > high ? value : high;
    }
    if (count > 0) {
        printf("         %.6g .. %.6g, mean %.6g\n", low, high, sum / (double)count);
    }
}

static int tell_outputs(session *s) {
    for (size_t i = 0; i < s->output_count; i++) {
        cleat_value_info info = info_of(s, i, false);
        const char *file = file_of(s->o->outputs, s->o->output_count, info.name, s->output_count);
        npy_array array;
        const char *why = NULL;
        info.type = s->outputs[i].type;
        info.rank = s->outputs[i].rank;
        memcpy(info.shape, s->outputs[i].shape, sizeof info.shape);
        print_value("output", &info);
        if (!read_output(s, &s->outputs[i], &array)) {
            free(array.elements);
            return report_failure(info.name);
        }
        if (array.type == CLEAT_F32 && s->o->top > 0) {
            print_top(s, &array);
        } else if (array.type == CLEAT_F32) {
            print_some(&array);
        }
        const bool good = file == NULL || npy_save(file, &array, &why);
        free(array.elements);
        if (!good) {
            fprintf(stderr, "cleat run: %s: %s\n", file, why);
            return EXIT_BAD;
        }
    }
    return EXIT_GOOD;
}

/* Runs it, once more for each repetition, of which it tells the median. */
static int run_model(session *s) {
    double *seconds = calloc((size_t)s->o->repeat + 1, sizeof *seconds);
    cleat_status status = seconds != NULL ? CLEAT_OK : CLEAT_OUT_OF_HOST_MEMORY;
    for (int i = 0; status == CLEAT_OK && i <= s->o->repeat; i++) {
        const double started = progress_clock();
        status = cleat_model_run(s->model, s->inputs, s->input_count, s->outputs, s->output_count);
        if (status == CLEAT_OK) {
            status = cleat_finish(s->context);
        }
        seconds[i] = progress_clock() - started;
    }
    if (status == CLEAT_OK) {
        printf("first    %.1f ms, kernels being built\n", 1e3 * seconds[0]);
        if (s->o->repeat > 0) {
            printf("then     %.2f ms, the median of %d\n",
                1e3 * bench_figure(seconds + 1, s->o->repeat).median, s->o->repeat);
        }
    }
    free(seconds);
    return status == CLEAT_OK ? EXIT_GOOD : report_failure(s->o->model);
}

/* ---- The commands ---- */

static bool add_file(named_file *files, int *count, char *text) {
    char *equals = strchr(text, '=');
    if (*count == MOST_FILES) {
        return false;
    }
    files[(*count)++] = equals != NULL ? (named_file){text, (size_t)(equals - text), equals + 1}
                                       : (named_file){NULL, 0, text};
    return true;
}

static bool parse_options(int argc, char **argv, run_options *o) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"input", required_argument, NULL, 'i'}, {"output", required_argument, NULL, 'o'},
        {"top", required_argument, NULL, 't'}, {"labels", required_argument, NULL, 'l'},
        {"repeat", required_argument, NULL, 'n'}, {"random", no_argument, NULL, 'r'},
        {NULL, 0, NULL, 0}};
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "d:i:o:t:l:n:r", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            o->device = optarg;
            break;
        case 'i':
            good = add_file(o->inputs, &o->input_count, optarg) && good;
            break;
        case 'o':
            good = add_file(o->outputs, &o->output_count, optarg) && good;
            break;
        case 't':
            o->top = atoi(optarg);
            good = o->top > 0 && good;
            break;
        case 'l':
            o->labels = optarg;
            break;
        case 'n':
            o->repeat = atoi(optarg);
            good = o->repeat > 0 && o->repeat <= 1000000 && good;
            break;
        case 'r':
            o->random = true;
            break;
        default:
            return false;
        }
    }
    o->model = optind < argc ? argv[optind] : NULL;
    if (optind + 1 != argc || !good) {
        fprintf(stderr, "cleat %s: one MODEL, and numbers above 0, are expected\n", argv[0]);
        return false;
    }
    return true;
}

int command_run(int argc, char **argv) {
    run_options o = {.top = 0};
    session s = {.context = NULL};
    if (!parse_options(argc, argv, &o)) {
        return EXIT_USAGE;
    }
    int result = open_session(&o, &s);
    if (result == EXIT_GOOD) {
        result = make_inputs(&s);
    }
    if (result == EXIT_GOOD) {
        result = run_model(&s);
    }
    if (result == EXIT_GOOD) {
        result = tell_outputs(&s);
    }
    close_session(&s);
    return result;
}

int command_inspect(int argc, char **argv) {
    run_options o = {.top = 0};
    session s = {.context = NULL};
    cleat_model_statistics told;
    if (!parse_options(argc, argv, &o)) {
        return EXIT_USAGE;
    }
    int result = open_session(&o, &s);
    if (result == EXIT_GOOD) {
        print_values(&s);
        if (cleat_model_get_statistics(s.model, &told) != CLEAT_OK) {
            result = report_failure(o.model);
        } else {
            printf("nodes    %" PRIu64 " after folding and fusion\nweights  %.1f MiB\n", told.nodes,
                (double)told.weight_bytes / 1048576.0);
        }
    }
    close_session(&s);
    return result;
}

#else

static int say_without(const char *command) {
    fprintf(stderr, "cleat %s: this cleat was built without ONNX (protobuf-c was not there)\n",
        command);
    return EXIT_BAD;
}

int command_run(int argc, char **argv) {
    (void)argc;
    return say_without(argv[0]);
}

int command_inspect(int argc, char **argv) {
    (void)argc;
    return say_without(argv[0]);
}

#endif
