/* SPDX-License-Identifier: Apache-2.0 */
#ifdef CLEAT_HAVE_ONNX
#include "session.h"

#include "command.h"
#include <cleat/onnx.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool add_file(named_files *list, char *text) {
    char *equals = strchr(text, '=');
    if (list->count == MOST_FILES) {
        return false;
    }
    list->files[list->count++] = equals != NULL
                                     ? (named_file){text, (size_t)(equals - text), equals + 1}
                                     : (named_file){NULL, 0, text};
    return true;
}

const char *file_for(const named_files *list, const char *name, size_t values) {
    for (int i = 0; i < list->count; i++) {
        const named_file *f = &list->files[i];
        const bool named =
            f->name != NULL && strlen(name) == f->length && strncmp(f->name, name, f->length) == 0;
        if (named || (f->name == NULL && values == 1)) {
            return f->file;
        }
    }
    return NULL;
}

/* Tells the nodes whose operators are not there; whether there are any. */
static bool tell_missing(const char *path, const cleat_graph *graph) {
    enum { TOLD = 32 };
    cleat_missing_node nodes[TOLD];
    size_t count = 0;
    if (cleat_graph_missing(graph, TOLD, nodes, &count) != CLEAT_OK || count == 0) {
        return false;
    }
    for (size_t i = 0; i < count && i < TOLD; i++) {
        fprintf(stderr, "cleat: %s: no operator %s, node %s%s\n", path, nodes[i].type,
            nodes[i].name[0] != '\0' ? nodes[i].name : nodes[i].output,
            nodes[i].depth > 0 ? " of an inner graph" : "");
    }
    if (count > TOLD) {
        fprintf(stderr, "cleat: %s: and %zu more\n", path, count - TOLD);
    }
    return true;
}

int session_open(session *s, const session_options *o) {
    cleat_graph *graph = NULL;
    if (cleat_context_create(
            &(cleat_context_options){.device = o->device, .profiling = o->profiling},
            &s->context) != CLEAT_OK) {
        return report_failure("no device");
    }
    if (cleat_graph_load_onnx(o->path, NULL, &graph) != CLEAT_OK) {
        return report_failure(o->path);
    }
    const bool is_missing = tell_missing(o->path, graph);
    const cleat_status status =
        is_missing ? CLEAT_OK : cleat_model_create(s->context, graph, &o->model, &s->model);
    cleat_graph_release(graph);
    if (is_missing) {
        return EXIT_BAD;
    }
    if (status != CLEAT_OK) {
        return report_failure(o->path);
    }
    s->input_count = cleat_model_input_count(s->model);
    s->output_count = cleat_model_output_count(s->model);
    s->inputs = calloc(s->input_count + 1, sizeof *s->inputs);
    if (s->inputs == NULL) {
        fprintf(stderr, "cleat: no memory\n");
        return EXIT_BAD;
    }
    return EXIT_GOOD;
}

void session_close(session *s) {
    for (size_t i = 0; s->inputs != NULL && i < s->input_count; i++) {
        free(s->inputs[i].elements);
    }
    free(s->inputs);
    cleat_model_release(s->model);
    cleat_context_release(s->context);
}

cleat_value_info session_info(const session *s, size_t index, bool is_input) {
    cleat_value_info info = {.name = "", .rank = -1};
    if (is_input) {
        (void)cleat_model_input_info(s->model, index, &info);
    } else {
        (void)cleat_model_output_info(s->model, index, &info);
    }
    return info;
}

void print_value(const char *what, const cleat_value_info *info) {
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
            printf("%s", info->axes[i] != NULL ? info->axes[i] : "?");
        } else {
            printf("%" PRId64, info->shape[i]);
        }
    }
    printf("]\n");
}

void print_values(const session *s) {
    for (size_t i = 0; i < s->input_count; i++) {
        const cleat_value_info info = session_info(s, i, true);
        print_value("input", &info);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        const cleat_value_info info = session_info(s, i, false);
        print_value("output", &info);
    }
}

/* ---- Inputs ---- */

/* Numbers of a uniform distribution in [0, 1), always the same, where the model says f32 and how
 * many; extents that it leaves open are 1. Of other types zeros, if these are wanted. */
static int draw_input(const cleat_value_info *info, bool zeros, npy_array *array) {
    uint32_t state = 1;
    const size_t size = cleat_type_size(info->type);
    if ((info->type != CLEAT_F32 && !zeros) || size == 0 || info->rank < 0) {
        fprintf(stderr, "cleat: numbers are only drawn for f32 of a known rank: input %s\n",
            info->name);
        return EXIT_BAD;
    }
    size_t count = 1;
    *array = (npy_array){.type = info->type, .rank = info->rank};
    for (int32_t i = 0; i < info->rank; i++) {
        array->shape[i] = info->shape[i] < 0 ? 1 : info->shape[i];
        if (array->shape[i] > 0 && count > SIZE_MAX / 8 / (size_t)array->shape[i]) {
            fprintf(stderr, "cleat: input %s is too large\n", info->name);
            return EXIT_BAD;
        }
        count *= (size_t)array->shape[i];
    }
    float *values = calloc(count + 1, size);
    for (size_t i = 0; values != NULL && info->type == CLEAT_F32 && i < count; i++) {
        state = state * 1664525U + 1013904223U; /* Numerical Recipes, 7.1 */
        values[i] = (float)(state >> 8) * 0x1p-24F;
    }
    array->elements = values;
    array->size = count * size;
    if (values == NULL) {
        fprintf(stderr, "cleat: no memory\n");
    }
    return values != NULL ? EXIT_GOOD : EXIT_BAD;
}

static int load_input(const char *command, const char *file, const image_options *image,
    const cleat_value_info *info, npy_array *array) {
    char wrong[IMAGE_WHY];
    const char *why = wrong;
    if (!(image_is_one(file) ? image_load(file, image, info, array, wrong)
                             : npy_load(file, array, &why))) {
        array->elements = NULL;
        fprintf(stderr, "cleat %s: %s: %s\n", command, file, why);
        return EXIT_BAD;
    }
    return EXIT_GOOD;
}

int read_inputs(session *s, const input_source *from, const char *command) {
    for (size_t i = 0; i < s->input_count; i++) {
        const cleat_value_info info = session_info(s, i, true);
        const char *file = file_for(&from->files, info.name, s->input_count);
        int result = EXIT_USAGE;
        if (file != NULL) {
            result = load_input(command, file, &from->image, &info, &s->inputs[i]);
        } else if (from->random) {
            result = draw_input(&info, from->zeros, &s->inputs[i]);
        } else {
            fprintf(stderr, "cleat %s: no --input for %s; the model has\n", command, info.name);
            fflush(stderr);
            print_values(s);
        }
        if (result != EXIT_GOOD) {
            return result;
        }
    }
    return EXIT_GOOD;
}

cleat_tensor *session_upload(const session *s) {
    cleat_tensor *tensors = calloc(s->input_count + 1, sizeof *tensors);
    for (size_t i = 0; tensors != NULL && i < s->input_count; i++) {
        const npy_array *a = &s->inputs[i];
        cleat_status status =
            cleat_tensor_create(s->context, a->type, a->rank, a->shape, &tensors[i]);
        if (status == CLEAT_OK && a->size > 0) {
            status = cleat_write(s->context, tensors[i], a->elements, a->size);
        }
        if (status != CLEAT_OK) {
            report_failure(session_info(s, i, true).name);
            session_free_tensors(tensors, s->input_count);
            return NULL;
        }
    }
    if (tensors == NULL) {
        fprintf(stderr, "cleat: no memory\n");
    }
    return tensors;
}

cleat_status session_run_once(const session *s, const cleat_tensor *in, cleat_tensor *out) {
    const cleat_status status = cleat_model_run(s->model, in, s->input_count, out, s->output_count);
    for (size_t i = 0; i < s->output_count; i++) {
        cleat_tensor_release(&out[i]);
    }
    return status;
}

void session_free_tensors(cleat_tensor *tensors, size_t count) {
    for (size_t i = 0; tensors != NULL && i < count; i++) {
        cleat_tensor_release(&tensors[i]);
    }
    free(tensors);
}

#else

#include "command.h"
#include <stdio.h>

static int refuse(const char *command) {
    fprintf(stderr, "cleat %s: this cleat was built without ONNX (protobuf-c was not there)\n",
        command);
    return EXIT_BAD;
}

int command_run(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return refuse("run");
}

int command_inspect(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return refuse("inspect");
}

int command_serve(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return refuse("bench serve");
}

#endif
