/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX Runtime on the processor, in a process of its own that stays alive: model_onnxruntime.py of
 * this folder, which the program carries, by the first Python that has the package (PyPI's
 * onnxruntime): $CLEAT_BENCH_PYTHON, python3, /usr/bin/python3.
 */
#ifndef CLEAT_BENCH_PEER_ONNXRUNTIME_H
#define CLEAT_BENCH_PEER_ONNXRUNTIME_H

#include "bench.h"

/* What it runs: model_onnxruntime.py, written into C by embed_script.cmake. */
extern const char onnxruntime_script[];

/* The interpreter that has ONNX Runtime, looked for once, or NULL. */
const char *onnxruntime_interpreter(void);

/* Loads a model in the place of the one before; the server is started at the first call. */
bool onnxruntime_load(const bench_run *run, const char *path);
/* Gives it an input of f32. */
bool onnxruntime_input(
    const bench_run *run, size_t place, int32_t rank, const int64_t *shape, const float *data);
bool onnxruntime_run(const bench_run *run, int64_t calls);
/* The floats of an output of the last run, which stay until the next call; NULL after a failure. */
const float *onnxruntime_output(const bench_run *run, size_t place, int64_t *count);

extern const peer onnxruntime_peer;

#endif
