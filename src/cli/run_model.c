/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat run`: a model from an ONNX file on a device. */
#include "command.h"

#include "bench.h"
#include "progress_bar.h"
#include "session.h"
#include <cleat/cleat.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CLEAT_HAVE_ONNX

enum { MOST_LABEL = 120, MOST_ROWS = 16 };

typedef struct run_options {
    const char *device, *model, *labels;
    input_source from;
    named_files outputs;
    int top, repeat;
} run_options;

/* A run of a session. */
typedef struct model_run {
    session s;
    const run_options *o;
    cleat_tensor *inputs, *outputs;
} model_run;

static void close_run(model_run *r) {
    session_free_tensors(r->inputs, r->s.input_count);
    session_free_tensors(r->outputs, r->s.output_count);
    session_close(&r->s);
}

/* ---- Outputs ---- */

static bool read_output(model_run *r, const cleat_tensor *y, npy_array *array) {
    *array = (npy_array){.type = y->type, .rank = y->rank};
    memcpy(array->shape, y->shape, sizeof array->shape);
    array->size = (size_t)cleat_tensor_count(y) * cleat_type_size(y->type);
    array->elements = malloc(array->size + 1);
    return array->elements != NULL &&
           (array->size == 0 ||
               cleat_read(r->s.context, *y, array->elements, array->size) == CLEAT_OK);
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
static void print_top(const model_run *r, const npy_array *y) {
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
        for (int place = 0; place < r->o->top && place < extent; place++) {
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
                label_of(r->o->labels, best, label));
        }
        printf("%s", r->o->top > 1 && row + 1 < rows ? "\n" : "");
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

static int tell_outputs(model_run *r) {
    for (size_t i = 0; i < r->s.output_count; i++) {
        cleat_value_info info = session_info(&r->s, i, false);
        const char *file = file_for(&r->o->outputs, info.name, r->s.output_count);
        npy_array array;
        const char *why = NULL;
        info.type = r->outputs[i].type;
        info.rank = r->outputs[i].rank;
        memcpy(info.shape, r->outputs[i].shape, sizeof info.shape);
        print_value("output", &info);
        if (!read_output(r, &r->outputs[i], &array)) {
            free(array.elements);
            return report_failure(info.name);
        }
        if (array.type == CLEAT_F32 && r->o->top > 0) {
            print_top(r, &array);
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
static int run_model(model_run *r) {
    double *seconds = calloc((size_t)r->o->repeat + 1, sizeof *seconds);
    cleat_status status = seconds != NULL ? CLEAT_OK : CLEAT_OUT_OF_HOST_MEMORY;
    for (int i = 0; status == CLEAT_OK && i <= r->o->repeat; i++) {
        const double started = progress_clock();
        status =
            cleat_model_run(r->s.model, r->inputs, r->s.input_count, r->outputs, r->s.output_count);
        if (status == CLEAT_OK) {
            status = cleat_finish(r->s.context);
        }
        seconds[i] = progress_clock() - started;
    }
    if (status == CLEAT_OK) {
        printf("first    %.1f ms, kernels being built\n", 1e3 * seconds[0]);
        if (r->o->repeat > 0) {
            printf("then     %.2f ms, the median of %d\n",
                1e3 * bench_figure(seconds + 1, r->o->repeat).median, r->o->repeat);
        }
    }
    free(seconds);
    return status == CLEAT_OK ? EXIT_GOOD : report_failure(r->o->model);
}

/* ---- The commands ---- */

static bool parse_options(int argc, char **argv, run_options *o) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"input", required_argument, NULL, 'i'}, {"output", required_argument, NULL, 'o'},
        {"top", required_argument, NULL, 't'}, {"labels", required_argument, NULL, 'l'},
        {"repeat", required_argument, NULL, 'n'}, {"random", no_argument, NULL, 'r'},
        {"mean", required_argument, NULL, 'M'}, {"std", required_argument, NULL, 'S'},
        {"scale", required_argument, NULL, 'X'}, {"layout", required_argument, NULL, 'L'},
        {"channels", required_argument, NULL, 'C'}, {"size", required_argument, NULL, 'Z'},
        {"resize", required_argument, NULL, 'R'}, {NULL, 0, NULL, 0}};
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "d:i:o:t:l:n:r", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            o->device = optarg;
            break;
        case 'i':
            good = add_file(&o->from.files, optarg) && good;
            break;
        case 'o':
            good = add_file(&o->outputs, optarg) && good;
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
            o->from.random = true;
            break;
        case '?':
            return false;
        default:
            if (!image_take_option(&o->from.image, option, optarg)) {
                fprintf(stderr, "cleat %s: \"%s\" is not what an option of images takes\n", argv[0],
                    optarg);
                return false;
            }
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
    model_run r = {.o = &o};
    if (!parse_options(argc, argv, &o)) {
        return EXIT_USAGE;
    }
    int result = session_open(&r.s, &(session_options){.device = o.device, .path = o.model});
    if (result == EXIT_GOOD) {
        result = read_inputs(&r.s, &o.from, "run");
    }
    if (result == EXIT_GOOD) {
        r.inputs = session_upload(&r.s);
        r.outputs = calloc(r.s.output_count + 1, sizeof *r.outputs);
        result = r.inputs != NULL && r.outputs != NULL ? EXIT_GOOD : EXIT_BAD;
    }
    if (result == EXIT_GOOD) {
        result = run_model(&r);
    }
    if (result == EXIT_GOOD) {
        result = tell_outputs(&r);
    }
    close_run(&r);
    return result;
}

#endif
