/* SPDX-License-Identifier: Apache-2.0 */
/* `cleat inspect`: what goes into a model and comes out of it, what it takes, and, node by node,
 * what a run makes. */
#include "command.h"

#include <stdio.h>

#ifdef CLEAT_HAVE_ONNX
#include "session.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_TEXT = 16, SHAPE_TEXT = 160, MOST_ROWS = 256 };
static const double mebibyte = 1048576;

typedef struct inspect_options {
    const char *device, *model;
    input_source from;
    bool nodes;
} inspect_options;

/* What the nodes of a run sum up to. */
typedef struct sums {
    cleat_context *context;
    uint64_t nodes, parameters;
    double flop, seconds, bytes;
    bool is_bad; /* the profile could not be asked */
} sums;

/* "1.2 M" */
static const char *count_text(double count, char text[COUNT_TEXT]) {
    static const char letters[] = " KMGTP";
    size_t at = 0;
    for (; count >= 1000 && at + 2 < sizeof letters; at++) {
        count /= 1000;
    }
    snprintf(text, COUNT_TEXT, at > 0 ? "%.1f %c" : "%.0f", count, letters[at]);
    return text;
}

/* "f32 [1, 64, 7, 7]", or "none" */
static const char *result_text(const cleat_node_info *info, char text[SHAPE_TEXT]) {
    const cleat_value_info *y = info->output_count > 0 ? &info->outputs[0] : NULL;
    if (y == NULL || y->rank < 0) {
        snprintf(text, SHAPE_TEXT, "%s", "no tensor");
        return text;
    }
    int length = snprintf(text, SHAPE_TEXT, "%s [", cleat_type_name(y->type));
    for (int32_t i = 0; i < y->rank && length < SHAPE_TEXT; i++) {
        length += snprintf(text + length, (size_t)(SHAPE_TEXT - length), "%s%" PRId64,
            i > 0 ? ", " : "", y->shape[i]);
    }
    if (length < SHAPE_TEXT) {
        snprintf(text + length, (size_t)(SHAPE_TEXT - length), "]%s",
            info->output_count > 1 ? ", ..." : "");
    }
    return text;
}

/* What was measured since the last node. */
static bool take_profile(sums *all, double *flop, double *seconds) {
    cleat_profile_row rows[MOST_ROWS];
    size_t count = 0;
    *flop = *seconds = 0;
    if (cleat_profile(all->context, MOST_ROWS, rows, &count) != CLEAT_OK ||
        cleat_profile_reset(all->context) != CLEAT_OK) {
        return false;
    }
    for (size_t i = 0; i < count && i < MOST_ROWS; i++) {
        *flop += rows[i].flop;
        *seconds += rows[i].seconds;
    }
    return true;
}

static void print_node(void *data, const cleat_node_info *info) {
    sums *all = data;
    char shape[SHAPE_TEXT], parameters[COUNT_TEXT], flops[COUNT_TEXT], bytes[COUNT_TEXT];
    double flop, seconds;
    all->is_bad = !take_profile(all, &flop, &seconds) || all->is_bad;
    all->nodes++;
    all->parameters += info->parameters;
    all->flop += flop;
    all->seconds += seconds;
    all->bytes += (double)info->output_bytes;
    printf("%*s%-*s  %-28.28s  %-28s %9s %9s %9s ", 2 * (int)info->depth, "",
        18 - 2 * (int)(info->depth < 8 ? info->depth : 8), info->type,
        info->name[0] == '\0' && info->output_count > 0 ? info->outputs[0].name : info->name,
        result_text(info, shape), count_text((double)info->parameters, parameters),
        count_text(flop, flops), count_text((double)info->output_bytes, bytes));
    if (info->is_on_host) {
        printf("     host\n");
    } else {
        printf("%9.1f\n", 1e6 * seconds);
    }
}

/* One run for what is built once, one that is watched, which tells the nodes before a failure. */
static cleat_status run_watched(session *s, const cleat_tensor *in, cleat_tensor *out, sums *all) {
    (void)session_run_once(s, in, out);
    cleat_status status = cleat_profile_reset(s->context);
    if (status == CLEAT_OK) {
        status = cleat_model_watch(s->model, print_node, all);
    }
    if (status == CLEAT_OK) {
        printf("%-18s  %-28s  %-28s %9s %9s %9s %9s\n", "node", "", "result", "parameters", "FLOP",
            "bytes", "us");
        status = session_run_once(s, in, out);
    }
    fflush(stdout);
    return status == CLEAT_OK && all->is_bad ? CLEAT_OPENCL_ERROR : status;
}

static int list_nodes(session *s, const inspect_options *o) {
    sums all = {.context = s->context};
    char parameters[COUNT_TEXT], flops[COUNT_TEXT], bytes[COUNT_TEXT];
    int result = read_inputs(s, &o->from, "inspect");
    if (result != EXIT_GOOD) {
        return result;
    }
    cleat_tensor *in = session_upload(s), *out = calloc(s->output_count + 1, sizeof *out);
    if (in == NULL || out == NULL) {
        result = EXIT_BAD;
    } else if (run_watched(s, in, out, &all) != CLEAT_OK) {
        result = report_failure(o->model);
        fprintf(stderr,
            "cleat inspect: extents that the model leaves open are 1, unless an --input "
            "has others\n");
    } else {
        printf("%-18s  %-28s  %" PRIu64 " nodes %25s %9s %9s %9s %9.1f\n", "all", "", all.nodes, "",
            count_text((double)all.parameters, parameters), count_text(all.flop, flops),
            count_text(all.bytes, bytes), 1e6 * all.seconds);
    }
    session_free_tensors(in, s->input_count);
    session_free_tensors(out, s->output_count);
    return result;
}

static int tell_statistics(session *s, const inspect_options *o) {
    cleat_model_statistics told;
    if (cleat_model_get_statistics(s->model, &told) != CLEAT_OK) {
        return report_failure(o->model);
    }
    printf("nodes    %" PRIu64 " %s\nweights  %.1f MiB\n", told.nodes,
        o->nodes ? "after folding" : "after folding and fusion",
        (double)told.constant_bytes / mebibyte);
    if (o->nodes) {
        printf("values   %.1f MiB, %.1f MiB where they share memory\n",
            (double)told.value_bytes / mebibyte, (double)told.peak_bytes / mebibyte);
    }
    return EXIT_GOOD;
}

static bool parse_options(int argc, char **argv, inspect_options *o) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
        {"input", required_argument, NULL, 'i'}, {"nodes", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0}};
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "d:i:n", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            o->device = optarg;
            break;
        case 'i':
            good = add_file(&o->from.files, optarg) && good;
            break;
        case 'n':
            o->nodes = true;
            break;
        default:
            return false;
        }
    }
    o->model = optind < argc ? argv[optind] : NULL;
    if (optind + 1 != argc || !good) {
        fprintf(stderr, "cleat inspect: one MODEL is expected\n");
        return false;
    }
    return true;
}

int command_inspect(int argc, char **argv) {
    inspect_options o = {.from = {.random = true, .zeros = true}};
    session s = {.context = NULL};
    if (!parse_options(argc, argv, &o)) {
        return EXIT_USAGE;
    }
    int result = session_open(&s, &(session_options){.device = o.device,
                                      .path = o.model,
                                      .profiling = o.nodes,
                                      .model = {.no_fusion = o.nodes}});
    if (result == EXIT_GOOD) {
        print_values(&s);
    }
    if (result == EXIT_GOOD && o.nodes) {
        result = list_nodes(&s, &o);
    }
    if (result == EXIT_GOOD) {
        result = tell_statistics(&s, &o);
    }
    session_close(&s);
    return result;
}

#endif
