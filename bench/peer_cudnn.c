/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_cudnn.h"
#include "peer_pytorch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Started once, and ended when the program ends. */
static struct {
    bool tried, usable;
    pytorch torch;
} server;

static void end_server(void) {
    pytorch_end(&server.torch);
}

/* One line of the server's; false when it says anything but "ok". */
static bool read_answer(char *line, size_t size) {
    if (fgets(line, (int)size, server.torch.process.from) == NULL) {
        snprintf(line, size, "no answer");
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return strncmp(line, "ok", 2) == 0;
}

static bool cudnn_available(const bench_run *run) {
    if (!run->options.peers ||
        (run->device.type != CLEAT_DEVICE_GPU && getenv("CLEAT_BENCH_TORCH_DEVICE") == NULL)) {
        return false;
    }
    if (!server.tried) {
        server.tried = true;
        server.usable =
            pytorch_start(run, "conv_pytorch.py", NULL, &server.torch) && atexit(end_server) == 0;
        if (!server.usable) {
            bench_fail(run, "goes on without cudnn: %s", server.torch.about);
        }
    }
    return server.usable;
}

static void cudnn_version(char *text, size_t size) {
    snprintf(text, size, "%.60s", server.torch.about);
}

const peer cudnn_peer = {"cudnn", cudnn_available, cudnn_version};

bool cudnn_select(bench_run *run, const convolution *p) {
    char answer[160] = "it has ended";
    bool good = fprintf(server.torch.process.to,
                    "layer %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                    " %" PRId64 " %" PRId64 "\n",
                    p->n, p->c, p->h, p->w, p->m, p->k, p->stride, p->padding) > 0 &&
                fflush(server.torch.process.to) == 0 && read_answer(answer, sizeof answer);
    return good || bench_fail(run, "cudnn: %s", answer);
}

static bool ask(const char *verb, int64_t calls) {
    char answer[160] = "it has ended";
    bool good = fprintf(server.torch.process.to, "%s %" PRId64 "\n", verb, calls) > 0 &&
                fflush(server.torch.process.to) == 0 && read_answer(answer, sizeof answer);
    if (!good) {
        fprintf(stderr, "cleat-bench: cudnn: %s\n", answer);
    }
    return good;
}

bool cudnn_run(void *state, int64_t calls) {
    (void)state;
    return ask("strict", calls);
}

bool cudnn_tf32_run(void *state, int64_t calls) {
    (void)state;
    return ask("tf32", calls);
}
