/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch, in a process of its own that stays alive: bench/fashion_mnist_pytorch.py --serve. */
#ifndef CLEAT_BENCH_PEER_PYTORCH_H
#define CLEAT_BENCH_PEER_PYTORCH_H

#include "bench.h"
#include "child.h"

typedef struct pytorch {
    child process;
    float *reply; /* of the last request */
    int64_t reply_count;
} pytorch;

/* The interpreter that has PyTorch, looked for once, or NULL; and PyTorch's version. */
const char *pytorch_interpreter(char *version, size_t size);

/* Starts it on the first `images` training and test images of the data in `folder`. */
bool pytorch_start(
    const bench_run *run, const char *folder, int64_t images, int64_t batch, pytorch *started);
void pytorch_end(pytorch *ended);

/*
 * Sends the line "verb number" and `bytes` of data, and waits for the reply:
 *   weights 0      data: all parameters, f32, in the network's order; also restarts Adam
 *   order 0        data: i32 [images], the order in which to train
 *   train PASSES   over the images in that order; replies the mean loss of each step of the last
 *   infer PASSES   over the test images; replies the logits [images][10] of the last
 */
bool pytorch_ask(pytorch *asked, const char *verb, int64_t number, const void *data, size_t bytes);

#endif
