/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuDNN's convolutions, through PyTorch: the peer "cudnn", and "cudnn-tf32" which may round
 * operands to TF32. bench/conv_pytorch.py, in a process of its own that stays alive, does the work
 * on operands of its own and checks a part of each layer's result itself. It takes part on the card
 * where PyTorch does, see peer_pytorch.h.
 */
#ifndef CLEAT_BENCH_PEER_CUDNN_H
#define CLEAT_BENCH_PEER_CUDNN_H

#include "bench.h"
#include "peer_onednn.h"

/* Makes this layer, forward and without groups, the one that the next calls compute. */
bool cudnn_select(bench_run *run, const convolution *problem);
bool cudnn_run(void *state, int64_t calls); /* no state */
bool cudnn_tf32_run(void *state, int64_t calls);

extern const peer cudnn_peer;

#endif
