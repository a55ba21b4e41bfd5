/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_pytorch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A Python may come first in PATH that knows nothing of Debian's packages. */
static const char *const interpreters[] = {"python3", "/usr/bin/python3", NULL};

const char *pytorch_interpreter(char *version, size_t size) {
    static bool looked;
    static const char *found;
    static char found_version[64];
    const char *const program = "import importlib.util as u, importlib.metadata as m\n"
                                "print(m.version('torch') if u.find_spec('torch') else '')";
    for (const char *const *i = interpreters; !looked && found == NULL && *i != NULL; i++) {
        const char *const arguments[] = {*i, "-c", program, NULL};
        child process;
        if (child_start(&process, arguments, NULL)) {
            bool answered = fgets(found_version, sizeof found_version, process.from) != NULL;
            found_version[strcspn(found_version, "\n")] = '\0';
            if (child_end(&process) == 0 && answered && found_version[0] != '\0') {
                found = *i;
            }
        }
    }
    looked = true;
    snprintf(version, size, "%s", found != NULL ? found_version : "missing");
    return found;
}

/* ---- Starting ---- */

static const char *named_device(void) {
    return getenv("CLEAT_BENCH_TORCH_DEVICE");
}

/* Reads "ok" and what it tells of itself, or what is wrong. */
static bool read_greeting(pytorch *started) {
    char line[sizeof started->about];
    if (fgets(line, sizeof line, started->process.from) == NULL) {
        snprintf(started->about, sizeof started->about, "no answer");
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    const bool good = strncmp(line, "ok ", 3) == 0;
    snprintf(started->about, sizeof started->about, "%s", line + (good ? 3 : 0));
    return good;
}

bool pytorch_start(
    const bench_run *run, const char *script, const char *const *more, pytorch *started) {
    const bool is_cpu = run->device.type == CLEAT_DEVICE_CPU;
    const char *named = named_device() == NULL && is_cpu ? "cpu" : named_device();
    char version[64], path[1024], threads[32];
    const char *arguments[24] = {pytorch_interpreter(version, sizeof version), path, "--serve",
        named != NULL ? "--device" : "--name", named != NULL ? named : run->device.name,
        "--threads", threads};
    size_t count = 7;
    *started = (pytorch){.about = "no Python with PyTorch"};
    snprintf(path, sizeof path, "%s/%s", BENCH_SCRIPTS, script);
    snprintf(threads, sizeof threads, "%d", run->threads);
    for (; more != NULL && *more != NULL && count + 1 < sizeof arguments / sizeof *arguments;
         more++) {
        arguments[count++] = *more;
    }
    return arguments[0] != NULL && child_start(&started->process, arguments, NULL) &&
           read_greeting(started);
}

void pytorch_end(pytorch *ended) {
    child_end(&ended->process);
    free(ended->reply);
    *ended = (pytorch){0};
}

bool pytorch_keep(const bench_run *run, pytorch_kept *kept) {
    if (!kept->tried) {
        kept->tried = true;
        kept->usable =
            pytorch_start(run, kept->script, NULL, &kept->server) && atexit(kept->end) == 0;
        if (!kept->usable) {
            bench_fail(run, "goes on without %s: %s", kept->peer, kept->server.about);
        }
    }
    return kept->usable;
}

bool pytorch_may_have_it(const bench_run *run) {
    return run->options.peers && (run->device.type == CLEAT_DEVICE_GPU || named_device() != NULL);
}

static void end_networks(void);
static pytorch_kept networks = {
    .script = "network_pytorch.py", .peer = "pytorch", .end = end_networks};

static void end_networks(void) {
    pytorch_end(&networks.server);
}

pytorch *pytorch_networks(const bench_run *run) {
    return pytorch_keep(run, &networks) ? &networks.server : NULL;
}

/* On this machine's processor it is there when an interpreter has it; on a card it must first be
 * seen to find the device. */
static bool pytorch_available(const bench_run *run) {
    char version[64];
    if (run->device.type == CLEAT_DEVICE_CPU && named_device() == NULL) {
        return pytorch_interpreter(version, sizeof version) != NULL;
    }
    return pytorch_may_have_it(run) && pytorch_networks(run) != NULL;
}

static void pytorch_version(char *text, size_t size) {
    if (networks.usable) {
        snprintf(text, size, "%.60s", networks.server.about);
    } else {
        pytorch_interpreter(text, size);
    }
}

const peer pytorch_peer = {"pytorch", pytorch_available, pytorch_version};

/* ---- Requests ---- */

/* The most floats of a reply. */
enum { REPLY_MAX = 1 << 26 };

static bool read_reply(pytorch *asked, char *line, size_t size) {
    int64_t count = -1;
    snprintf(line, size, "no answer");
    if (fgets(line, (int)size, asked->process.from) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNd64, &count) != 1 || count < 0 || count > REPLY_MAX) {
        return false;
    }
    free(asked->reply);
    asked->reply_count = count;
    asked->reply = malloc((size_t)count * sizeof *asked->reply + 1);
    return asked->reply != NULL && fread(asked->reply, sizeof *asked->reply, (size_t)count,
                                       asked->process.from) == (size_t)count;
}

bool pytorch_ask(pytorch *asked, const char *verb, int64_t number, const void *data, size_t bytes) {
    FILE *to = asked->process.to;
    char line[160] = "it has ended";
    bool good = fprintf(to, "%s %" PRId64 "\n", verb, number) > 0 &&
                (bytes == 0 || fwrite(data, 1, bytes, to) == bytes) && fflush(to) == 0 &&
                read_reply(asked, line, sizeof line);
    if (!good) {
        fprintf(stderr, "cleat-bench: PyTorch answers \"%s\" with: %s\n", verb, line);
    }
    return good;
}
