/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_cudnn.h"
#include "peer_pytorch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void end_server(void);
static pytorch_kept kept = {.script = "conv_pytorch.py", .peer = "cudnn", .end = end_server};

static void end_server(void) {
    pytorch_end(&kept.server);
}

/* One line of the server's; false when it says anything but "ok". */
static bool read_answer(char *line, size_t size) {
    if (fgets(line, (int)size, kept.server.process.from) == NULL) {
        snprintf(line, size, "no answer");
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return strncmp(line, "ok", 2) == 0;
}

static bool cudnn_available(const bench_run *run) {
    return pytorch_may_have_it(run) && pytorch_keep(run, &kept);
}

static void cudnn_version(char *text, size_t size) {
    snprintf(text, size, "%.60s", kept.server.about);
}

const peer cudnn_peer = {"cudnn", cudnn_available, cudnn_version};

bool cudnn_select(bench_run *run, const convolution *p) {
    char answer[160] = "it has ended";
    bool good = fprintf(kept.server.process.to,
                    "layer %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                    " %" PRId64 " %" PRId64 "\n",
                    p->n, p->c, p->h, p->w, p->m, p->k, p->stride, p->padding) > 0 &&
                fflush(kept.server.process.to) == 0 && read_answer(answer, sizeof answer);
    return good || bench_fail(run, "cudnn: %s", answer);
}

static bool ask(const char *verb, int64_t calls) {
    char answer[160] = "it has ended";
    bool good = fprintf(kept.server.process.to, "%s %" PRId64 "\n", verb, calls) > 0 &&
                fflush(kept.server.process.to) == 0 && read_answer(answer, sizeof answer);
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
