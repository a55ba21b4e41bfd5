/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of most peers for `cleat bench`: it is built without their libraries, and without
 * OpenCL's, from which "copy" and "peak" take their kernels. bench_has_peer() denies them, so no
 * bench calls these; a bench that does fails.
 */
#include "peer_blas.h"
#include "peer_bound.h"
#include "peer_copy.h"
#include "peer_cudnn.h"
#include "peer_onednn.h"
#include "peer_onnxruntime.h"
#include "peer_peak.h"

const peer *const bench_peers[] = {&onnxruntime_peer, NULL};

static bool absent(void *state, int64_t calls) {
    (void)state, (void)calls;
    return false;
}

bool openblas_run(void *state, int64_t calls) {
    return absent(state, calls);
}

void openblas_threads(int threads) {
    (void)threads;
}

bool clblast_run(void *state, int64_t calls) {
    return absent(state, calls);
}

bool clblast_convolution_run(void *state, int64_t calls) {
    return absent(state, calls);
}

bool cudnn_select(bench_run *run, const convolution *problem) {
    (void)problem;
    return bench_fail(run, "built without the peer cudnn");
}

bool cudnn_run(void *state, int64_t calls) {
    return absent(state, calls);
}

bool cudnn_tf32_run(void *state, int64_t calls) {
    return absent(state, calls);
}

copy_peer *copy_peer_create(bench_run *run, double bytes_read, double bytes_written) {
    (void)bytes_read, (void)bytes_written;
    bench_fail(run, "built without the peer copy");
    return NULL;
}

void copy_peer_destroy(copy_peer *plain) {
    (void)plain;
}

bool copy_peer_run(void *state, int64_t calls) {
    return absent(state, calls);
}

bool copy_peer_check(bench_run *run, copy_peer *plain) {
    (void)run;
    return plain != NULL;
}

peak_peer *peak_peer_create(bench_run *run, double flop) {
    (void)flop;
    bench_fail(run, "built without the peer peak");
    return NULL;
}

void peak_peer_destroy(peak_peer *peak) {
    (void)peak;
}

bool peak_peer_run(void *state, int64_t calls) {
    return absent(state, calls);
}

bool peak_peer_check(bench_run *run, peak_peer *peak) {
    (void)run;
    return peak != NULL;
}

bound_peer *bound_peer_create(bench_run *run, bound_kind kind, double count) {
    (void)kind, (void)count;
    bench_fail(run, "built without the peer peak");
    return NULL;
}

void bound_peer_destroy(bound_peer *bound) {
    (void)bound;
}

bool bound_peer_run(void *state, int64_t calls) {
    return absent(state, calls);
}
