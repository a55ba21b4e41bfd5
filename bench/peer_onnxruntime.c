/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_onnxruntime.h"
#include "child.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most floats of an answer. */
enum { ANSWER_MOST = 1 << 26 };

static struct server {
    bool tried, usable;
    child process;
    float *answer;
    int64_t count;
} server;

/* ---- The interpreter ---- */

static bool has_package(const char *python, char *version, size_t size) {
    const char *const program = "import importlib.util as u, importlib.metadata as m\n"
                                "print(m.version('onnxruntime') if u.find_spec('onnxruntime') and "
                                "u.find_spec('numpy') else '')";
    const char *const arguments[] = {python, "-c", program, NULL};
    child process;
    if (python == NULL || !child_start(&process, arguments, NULL)) {
        return false;
    }
    const bool answered = fgets(version, (int)size, process.from) != NULL;
    version[answered ? strcspn(version, "\n") : 0] = '\0';
    return child_end(&process) == 0 && version[0] != '\0';
}

static const char *look_for_interpreter(char *text, size_t size) {
    static bool looked;
    static const char *found;
    static char version[64];
    const char *const interpreters[] = {
        getenv("CLEAT_BENCH_PYTHON"), "python3", "/usr/bin/python3"};
    for (size_t i = 0; !looked && found == NULL && i < 3; i++) {
        found = has_package(interpreters[i], version, sizeof version) ? interpreters[i] : NULL;
    }
    looked = true;
    snprintf(text, size, "%s", found != NULL ? version : "missing");
    return found;
}

const char *onnxruntime_interpreter(void) {
    char version[64];
    return look_for_interpreter(version, sizeof version);
}

static bool is_available(const bench_run *run) {
    return run->device.type == CLEAT_DEVICE_CPU && onnxruntime_interpreter() != NULL;
}

static void tell_version(char *text, size_t size) {
    look_for_interpreter(text, size);
}

const peer onnxruntime_peer = {"onnxruntime", is_available, tell_version};

/* ---- The server ---- */

static void end_server(void) {
    child_end(&server.process);
    free(server.answer);
    server = (struct server){.tried = true};
}

static bool start_server(const bench_run *run) {
    char threads[32], line[160] = "no answer";
    const char *const arguments[] = {
        onnxruntime_interpreter(), "-c", onnxruntime_script, "serve", threads, NULL};
    if (server.tried) {
        return server.usable;
    }
    server.tried = true;
    snprintf(threads, sizeof threads, "%d", run->threads);
    server.usable = child_start(&server.process, arguments, NULL) &&
                    fgets(line, sizeof line, server.process.from) != NULL &&
                    strncmp(line, "ok ", 3) == 0 && atexit(end_server) == 0;
    return server.usable || bench_fail(run, "ONNX Runtime could not be started: %s", line);
}

static bool read_answer(const bench_run *run, const char *verb) {
    char line[160] = "it has ended";
    server.count = -1;
    if (fgets(line, sizeof line, server.process.from) == NULL ||
        sscanf(line, "%" SCNd64, &server.count) != 1 || server.count < 0 ||
        server.count > ANSWER_MOST) {
        line[strcspn(line, "\n")] = '\0';
        return bench_fail(run, "ONNX Runtime answers \"%s\" with: %s", verb, line);
    }
    free(server.answer);
    server.answer = malloc((size_t)server.count * sizeof *server.answer + 1);
    return (server.answer != NULL &&
               fread(server.answer, sizeof *server.answer, (size_t)server.count,
                   server.process.from) == (size_t)server.count) ||
           bench_fail(run, "ONNX Runtime's answer to \"%s\" is cut", verb);
}

/* Sends what was written for a request, and waits. */
static bool finish_request(const bench_run *run, const char *verb) {
    return (fflush(server.process.to) == 0 && read_answer(run, verb));
}

bool onnxruntime_load(const bench_run *run, const char *path) {
    return start_server(run) && fprintf(server.process.to, "load %s\n", path) > 0 &&
           finish_request(run, "load");
}

bool onnxruntime_input(
    const bench_run *run, size_t place, int32_t rank, const int64_t *shape, const float *data) {
    const int64_t axes = rank;
    size_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= (size_t)shape[i];
    }
    FILE *to = server.process.to;
    return fprintf(to, "input %zu\n", place) > 0 && fwrite(&axes, sizeof axes, 1, to) == 1 &&
           fwrite(shape, sizeof *shape, (size_t)rank, to) == (size_t)rank &&
           fwrite(data, sizeof *data, count, to) == count && finish_request(run, "input");
}

bool onnxruntime_run(const bench_run *run, int64_t calls) {
    return fprintf(server.process.to, "run %" PRId64 "\n", calls) > 0 && finish_request(run, "run");
}

const float *onnxruntime_output(const bench_run *run, size_t place, int64_t *count) {
    if (fprintf(server.process.to, "output %zu\n", place) <= 0 || !finish_request(run, "output")) {
        return NULL;
    }
    *count = server.count;
    return server.answer;
}
