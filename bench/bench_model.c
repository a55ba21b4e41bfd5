/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks from ONNX files, as the command line names them: a run on random inputs, from call to
 * result, for each size of batch; and, in cleat-bench, what a process of its own takes from the
 * file to the first result, caches warm, and its memory. Sizes other than 1 are for models that
 * leave the first axis of their inputs open.
 *
 * Before they are measured, both sides must agree about the outputs. For the networks that
 * tests/onnx/agree.py writes it works out how far they may be apart, 2e-5 to 8e-3 of their norm,
 * and demands that; here, where any model may come, it is 1e-2.
 */
#include "bench_main.h"

#ifdef BENCH_HAVE_ONNX
#include "child.h"
#include "peer_onnxruntime.h"

#include <cleat/onnx.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 32, MOST_BATCHES = 8, MOST_VALUES = 16, STARTS = 5 };

static const double part_allowed = 1e-2;

static struct wanted {
    const char *files[MOST_FILES];
    size_t file_count;
    int64_t batches[MOST_BATCHES];
    size_t batch_count;
} wanted = {.batches = {1}, .batch_count = 1};

/* The last case of each file is its start. */
#ifdef BENCH_FIRST_MODEL
enum { STARTS_TOO = 1 };
#else
enum { STARTS_TOO = 0 };
#endif

/* ---- The command line ---- */

static void count_cases(void) {
    bench_model.count = wanted.file_count * (wanted.batch_count + STARTS_TOO);
}

bool bench_model_add(const char *file) {
    if (wanted.file_count == MOST_FILES) {
        return false;
    }
    wanted.files[wanted.file_count++] = file;
    count_cases();
    return true;
}

bool bench_model_set_batches(const char *text) {
    wanted.batch_count = 0;
    while (wanted.batch_count < MOST_BATCHES) {
        char *end;
        const long long batch = strtoll(text, &end, 10);
        if (end == text || batch < 1 || batch > 65536 || (*end != ',' && *end != '\0')) {
            return false;
        }
        wanted.batches[wanted.batch_count++] = batch;
        if (*end == '\0') {
            count_cases();
            return true;
        }
        text = end + 1;
    }
    return false;
}

/* ---- A model on both sides ---- */

typedef struct model_run {
    bench_run *run;
    cleat_model *model;
    size_t input_count, output_count;
    cleat_tensor inputs[MOST_VALUES], outputs[MOST_VALUES];
    bool has_peer;
} model_run;

/* False without a word where the batch is another than the model's. */
static bool shape_of(const cleat_value_info *info, int64_t batch, int64_t *shape) {
    for (int32_t i = 0; i < info->rank; i++) {
        shape[i] = info->shape[i] >= 0 ? info->shape[i] : i == 0 ? batch : 1;
    }
    return info->rank > 0 && shape[0] == batch;
}

static bool make_input(model_run *m, size_t place, int64_t batch) {
    cleat_value_info info;
    int64_t shape[CLEAT_MAX_RANK];
    cleat_tensor *x = &m->inputs[place];
    if (!bench_call(m->run, cleat_model_input_info(m->model, place, &info), "the input")) {
        return false;
    }
    if (info.type != CLEAT_F32 || !shape_of(&info, batch, shape)) {
        return bench_fail(
            m->run, "input %s is no batch of %lld of f32", info.name, (long long)batch);
    }
    cleat_tensor counted = {.rank = info.rank};
    memcpy(counted.shape, shape, sizeof shape);
    float *data = bench_floats((size_t)cleat_tensor_count(&counted));
    const bool good = data != NULL && bench_tensor(m->run, info.rank, shape, data, x) &&
                      (!m->has_peer || onnxruntime_input(m->run, place, info.rank, shape, data));
    free(data);
    return good;
}

static bool begin(model_run *m, const char *file, int64_t batch) {
    m->has_peer = bench_has_peer(m->run, "onnxruntime");
    if (!bench_call(m->run, cleat_model_load_onnx(m->run->context, file, NULL, &m->model), file) ||
        (m->has_peer && !onnxruntime_load(m->run, file))) {
        return false;
    }
    m->input_count = cleat_model_input_count(m->model);
    m->output_count = cleat_model_output_count(m->model);
    if (m->input_count > MOST_VALUES || m->output_count > MOST_VALUES) {
        return bench_fail(m->run, "more than %d inputs or outputs", MOST_VALUES);
    }
    for (size_t i = 0; i < m->input_count; i++) {
        if (!make_input(m, i, batch)) {
            return false;
        }
    }
    return true;
}

static void end(model_run *m) {
    for (size_t i = 0; i < MOST_VALUES; i++) {
        cleat_tensor_release(&m->inputs[i]);
        cleat_tensor_release(&m->outputs[i]);
    }
    cleat_model_release(m->model);
}

static bool cleat_runs(void *state, int64_t calls) {
    model_run *m = state;
    bool good = true;
    for (int64_t call = 0; call < calls && good; call++) {
        good =
            bench_call(m->run,
                cleat_model_run(m->model, m->inputs, m->input_count, m->outputs, m->output_count),
                "the model") &&
            bench_call(m->run, cleat_finish(m->run->context), "the model");
    }
    return good;
}

static bool peer_runs(void *state, int64_t calls) {
    return onnxruntime_run(((const model_run *)state)->run, calls);
}

/* ---- Agreement ---- */

static bool near(
    const bench_run *run, size_t place, const float *mine, const float *theirs, int64_t count) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += pow((double)mine[i] - (double)theirs[i], 2);
        size += pow((double)theirs[i], 2);
    }
    return sqrt(difference) <= part_allowed * sqrt(size) ||
           bench_fail(run, "output %zu is off by %.2g of ONNX Runtime's, %.2g is allowed", place,
               sqrt(difference / size), part_allowed);
}

static bool output_agrees(const model_run *m, size_t place) {
    const cleat_tensor *y = &m->outputs[place];
    const int64_t count = cleat_tensor_count(y);
    int64_t their_count = 0;
    if (y->type != CLEAT_F32) {
        return true;
    }
    const float *theirs = onnxruntime_output(m->run, place, &their_count);
    float *mine = malloc((size_t)count * sizeof *mine + 1);
    const bool good =
        theirs != NULL && mine != NULL &&
        (their_count == count || bench_fail(m->run, "ONNX Runtime gives %lld elements, not %lld",
                                     (long long)their_count, (long long)count)) &&
        bench_call(m->run, cleat_read(m->run->context, *y, mine, (size_t)count * sizeof *mine),
            "cleat_read") &&
        near(m->run, place, mine, theirs, count);
    free(mine);
    return good;
}

/* The third run of a model is a repetition of what was recorded. */
static bool agree(model_run *m) {
    bool good = cleat_runs(m, 3) && (!m->has_peer || peer_runs(m, 1));
    for (size_t i = 0; i < m->output_count && m->has_peer && good; i++) {
        good = output_agrees(m, i);
    }
    return good;
}

/* ---- From a process's start ---- */

#ifdef BENCH_FIRST_MODEL
typedef struct start_figures {
    double seconds[STARTS], memory[STARTS];
} start_figures;

static bool time_start(
    const bench_run *run, const char *const *arguments, double *seconds, double *memory) {
    child started;
    char line[80] = "";
    if (!child_start(&started, arguments, NULL)) {
        return bench_fail(run, "%s could not be started", arguments[0]);
    }
    const bool told = fgets(line, sizeof line, started.from) != NULL &&
                      sscanf(line, "%lf %lf", seconds, memory) == 2;
    return (child_end(&started) == 0 && told) || bench_fail(run, "%s failed", arguments[0]);
}

static bool file_starts(bench_run *run, const char *name, start_figures *of, size_t count) {
    const bench_unit *const units[] = {&unit_milliseconds, &unit_mebibytes};
    static const char *const what[] = {"from file to result", "memory"};
    run->bench_name = "model-start"; /* its ratios have a mean of their own */
    for (size_t i = 0; i < 2; i++) {
        const figure mine = bench_figure(i == 0 ? of[0].seconds : of[0].memory, STARTS);
        const figure theirs = bench_figure(i == 0 ? of[1].seconds : of[1].memory, STARTS);
        snprintf(run->case_name, sizeof run->case_name, "%.60s %s", name, what[i]);
        if (!bench_file(run, units[i], 1, mine, count > 1 ? "onnxruntime" : NULL, theirs)) {
            return false;
        }
    }
    return true;
}

/* In turns, after one of each that warms the caches. */
static bool measure_starts(bench_run *run, const char *file, const char *name) {
    char device[40], threads[16];
    snprintf(device, sizeof device, "%d:%d", (int)run->device.platform_index,
        (int)run->device.device_index);
    snprintf(threads, sizeof threads, "%d", run->threads);
    const bool has_peer = bench_has_peer(run, "onnxruntime");
    const char *const starters[2][7] = {{BENCH_FIRST_MODEL, file, device, NULL},
        {has_peer ? onnxruntime_interpreter() : NULL, "-c", onnxruntime_script, "once", threads,
            file, NULL}};
    start_figures figures[2];
    for (int round = -1; round < STARTS; round++) {
        for (size_t side = 0; side < (has_peer ? 2 : 1); side++) {
            const int at = round < 0 ? 0 : round;
            if (!time_start(
                    run, starters[side], &figures[side].seconds[at], &figures[side].memory[at])) {
                return false;
            }
        }
    }
    if (!has_peer) {
        figures[1] = figures[0];
    }
    const bool good = file_starts(run, name, figures, has_peer ? 2 : 1);
    run->bench_name = bench_model.name;
    return good;
}
#else
static bool measure_starts(bench_run *run, const char *file, const char *name) {
    (void)file, (void)name;
    return bench_fail(run, "only cleat-bench measures starts");
}
#endif

/* ---- The cases ---- */

static size_t cases_of_file(void) {
    return wanted.batch_count + STARTS_TOO;
}

/* The file's name without its folder and its end. */
static void file_name(size_t index, char *text, size_t size) {
    const char *file = wanted.files[index / cases_of_file()], *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    const char *dot = strrchr(name, '.');
    const size_t length = dot != NULL ? (size_t)(dot - name) : strlen(name);
    snprintf(text, size, "%.*s", (int)(length < 60 ? length : 60), name);
}

static void case_name(size_t index, char *text, size_t size) {
    char name[64];
    const size_t part = index % cases_of_file();
    file_name(index, name, sizeof name);
    if (part == wanted.batch_count) {
        snprintf(text, size, "%s from file to result", name);
    } else {
        snprintf(text, size, "%s n%lld", name, (long long)wanted.batches[part]);
    }
}

static bool run_case(bench_run *run, size_t index) {
    const size_t part = index % cases_of_file();
    const char *file = wanted.files[index / cases_of_file()];
    char name[64];
    if (part == wanted.batch_count) {
        file_name(index, name, sizeof name);
        return measure_starts(run, file, name);
    }
    model_run m = {.run = run};
    const contender contenders[] = {{"cleat", cleat_runs, &m}, {"onnxruntime", peer_runs, &m}};
    const bool good = begin(&m, file, wanted.batches[part]) && agree(&m) &&
                      bench_compare(run, &unit_milliseconds, 1, contenders, m.has_peer ? 2 : 1);
    end(&m);
    return good;
}
#else
bool bench_model_add(const char *file) {
    (void)file;
    return false;
}

bool bench_model_set_batches(const char *text) {
    (void)text;
    return false;
}

static void case_name(size_t index, char *text, size_t size) {
    (void)index, (void)text, (void)size;
}

static bool run_case(bench_run *run, size_t index) {
    (void)index;
    return bench_fail(run, "built without ONNX");
}
#endif

bench bench_model = {"model", "runs of networks from ONNX files", 0, case_name, run_case};
