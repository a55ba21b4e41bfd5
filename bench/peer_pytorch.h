/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch, in a process of its own that stays alive: a script of this folder with --serve. It
 * takes part on the processor beside a device that is this one, and on a card of the same name
 * where its CUDA shows one; $CLEAT_BENCH_TORCH_DEVICE names a device of PyTorch's ("cuda:1",
 * "cpu"), which takes part whatever it is called.
 */
#ifndef CLEAT_BENCH_PEER_PYTORCH_H
#define CLEAT_BENCH_PEER_PYTORCH_H

#include "bench.h"
#include "child.h"

typedef struct pytorch {
    child process;
    char about[160]; /* version and device, or why it could not be started */
    float *reply;    /* of the last request */
    int64_t reply_count;
} pytorch;

/* The interpreter that has PyTorch, looked for once, or NULL; and PyTorch's version. */
const char *pytorch_interpreter(char *version, size_t size);

/* Starts one of the scripts with more arguments, which end with NULL. */
bool pytorch_start(
    const bench_run *run, const char *script, const char *const *more, pytorch *started);
void pytorch_end(pytorch *ended);

/* Sends the line "verb number" and `bytes` of data, and waits for the reply, a line that tells how
 * many floats follow, or what is wrong. The scripts tell their verbs. */
bool pytorch_ask(pytorch *asked, const char *verb, int64_t number, const void *data, size_t bytes);

/* One that is started at the first call, for as long as the program runs. Where that fails it is
 * said once that the bench goes on without the peer of this name. */
typedef struct pytorch_kept {
    const char *script, *peer;
    void (*end)(void); /* ends `server` */
    bool tried, usable;
    pytorch server;
} pytorch_kept;
bool pytorch_keep(const bench_run *run, pytorch_kept *kept);
/* Whether PyTorch's device may be the run's though that is no processor: a card, or one that is
 * named. */
bool pytorch_may_have_it(const bench_run *run);

/* bench/network_pytorch.py, started at the first call, for as long as the program runs; NULL where
 * that fails, which is said once. */
pytorch *pytorch_networks(const bench_run *run);

extern const peer pytorch_peer;

#endif
