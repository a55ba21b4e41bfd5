/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a model takes from its file to its first result, on zeros, and what memory the process
 * takes at most:
 *   first_model MODEL DEVICE     prints the seconds, and MiB
 * What is open of its inputs' shapes is 1.
 */
#include <cleat/cleat.h>
#include <cleat/onnx.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST = 16 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* In MiB, of this program: getrusage() would count what started it, too. */
static double memory_peak(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long kibibytes = 0;
    while (status != NULL && fgets(line, sizeof line, status) != NULL &&
           sscanf(line, "VmHWM: %ld", &kibibytes) != 1) {}
    if (status != NULL) {
        fclose(status);
    }
    return (double)kibibytes / 1024;
}

static cleat_status make_input(
    cleat_context *context, cleat_model *model, size_t place, cleat_tensor *x) {
    cleat_value_info info;
    int64_t shape[CLEAT_MAX_RANK];
    cleat_status status = cleat_model_input_info(model, place, &info);
    if (status == CLEAT_OK && info.rank < 0) {
        return CLEAT_UNSUPPORTED;
    }
    for (int32_t i = 0; status == CLEAT_OK && i < info.rank; i++) {
        shape[i] = info.shape[i] < 0 ? 1 : info.shape[i];
    }
    if (status == CLEAT_OK) {
        status = cleat_tensor_create(context, info.type, info.rank, shape, x);
    }
    return status == CLEAT_OK ? cleat_fill(context, 0, *x) : status;
}

static cleat_status run(cleat_context *context, const char *file, cleat_model **model,
    cleat_tensor *inputs, cleat_tensor *outputs) {
    cleat_status status = cleat_model_load_onnx(context, file, NULL, model);
    if (status != CLEAT_OK || cleat_model_input_count(*model) > MOST ||
        cleat_model_output_count(*model) > MOST) {
        return status != CLEAT_OK ? status : CLEAT_UNSUPPORTED;
    }
    for (size_t i = 0; status == CLEAT_OK && i < cleat_model_input_count(*model); i++) {
        status = make_input(context, *model, i, &inputs[i]);
    }
    if (status == CLEAT_OK) {
        status = cleat_model_run(*model, inputs, cleat_model_input_count(*model), outputs,
            cleat_model_output_count(*model));
    }
    return status == CLEAT_OK ? cleat_finish(context) : status;
}

int main(int argc, char **argv) {
    cleat_context *context = NULL;
    cleat_model *model = NULL;
    cleat_tensor inputs[MOST], outputs[MOST];
    memset(inputs, 0, sizeof inputs);
    memset(outputs, 0, sizeof outputs);
    if (argc != 3 ||
        cleat_context_create(&(cleat_context_options){.device = argv[2]}, &context) != CLEAT_OK) {
        return 2;
    }
    const double start = seconds_now();
    const cleat_status status = run(context, argv[1], &model, inputs, outputs);
    const double taken = seconds_now() - start;
    if (status != CLEAT_OK) {
        fprintf(stderr, "first_model: %s: %s\n", argv[1], cleat_error_message());
    } else {
        printf("%.9f %.3f\n", taken, memory_peak());
    }
    for (size_t i = 0; i < MOST; i++) {
        cleat_tensor_release(&inputs[i]);
        cleat_tensor_release(&outputs[i]);
    }
    cleat_model_release(model);
    cleat_context_release(context);
    return status == CLEAT_OK ? 0 : 1;
}
