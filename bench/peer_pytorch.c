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

/* Only beside a CPU of the same machine is it a fair peer. */
static bool pytorch_available(const bench_run *run) {
    char version[64];
    return run->device.type == CLEAT_DEVICE_CPU &&
           pytorch_interpreter(version, sizeof version) != NULL;
}

static void pytorch_version(char *text, size_t size) {
    pytorch_interpreter(text, size);
}

const peer pytorch_peer = {"pytorch", pytorch_available, pytorch_version};

/* ---- Requests ---- */

static bool read_reply(pytorch *asked) {
    char line[64];
    int64_t count = -1;
    if (fgets(line, sizeof line, asked->process.from) == NULL ||
        sscanf(line, "%" SCNd64, &count) != 1 || count < 0 || count > (1 << 24)) {
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
    bool good = fprintf(to, "%s %" PRId64 "\n", verb, number) > 0 &&
                (bytes == 0 || fwrite(data, 1, bytes, to) == bytes) && fflush(to) == 0 &&
                read_reply(asked);
    if (!good) {
        fprintf(stderr, "cleat-bench: PyTorch gave no answer to \"%s\"\n", verb);
    }
    return good;
}

bool pytorch_start(
    const bench_run *run, const char *folder, int64_t images, int64_t batch, pytorch *started) {
    char count[32], size[32], threads[32], version[64];
    const char *const arguments[] = {pytorch_interpreter(version, sizeof version),
        BENCH_SCRIPTS "/fashion_mnist_pytorch.py", "--serve", "--data", folder, "--images", count,
        "--batch", size, "--threads", threads, NULL};
    snprintf(count, sizeof count, "%" PRId64, images);
    snprintf(size, sizeof size, "%" PRId64, batch);
    snprintf(threads, sizeof threads, "%d", run->threads);
    *started = (pytorch){0};
    return (child_start(&started->process, arguments, NULL) && read_reply(started)) ||
           bench_fail(run, "PyTorch could not be started");
}

void pytorch_end(pytorch *ended) {
    child_end(&ended->process);
    free(ended->reply);
    *ended = (pytorch){0};
}
