/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA's driver: memory for the peer "cublas", and the peer "cuda", the launch of an empty kernel.
 * libcuda.so.1 is opened at run time, so nothing of CUDA is needed to build. It takes part where it
 * shows a device of the same name as Cleat's; $CLEAT_BENCH_CUDA names another library, of which the
 * first device takes part where none has that name.
 */
#ifndef CLEAT_BENCH_PEER_CUDA_H
#define CLEAT_BENCH_PEER_CUDA_H

#include "bench.h"

typedef unsigned long long cuda_address; /* CUdeviceptr */

/* Functions of NVIDIA's cuda.h, without "cu" and versions; each returns 0 when it went well. */
typedef struct cuda_driver {
    int (*init)(unsigned);
    int (*driver_version)(int *);
    int (*device_count)(int *);
    int (*device_get)(int *, int);
    int (*device_name)(char *, int, int);
    int (*context_retain)(void **, int);
    int (*context_set)(void *);
    int (*synchronize)(void);
    int (*allocate)(cuda_address *, size_t);
    int (*give_back)(cuda_address);
    int (*to_device)(cuda_address, const void *, size_t);
    int (*to_host)(void *, cuda_address, size_t);
    int (*fill)(cuda_address, unsigned char, size_t);
    int (*module_load)(void **, const void *);
    int (*module_function)(void **, void *, const char *);
    int (*launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
        void *, void **, void **);
} cuda_driver;

/* A function of a library and its place in a struct of such. */
typedef struct entry_point {
    const char *name;
    size_t place;
} entry_point;

/* Finds the functions in a library; false, with *missing the name, where one is not there. */
bool cuda_find_entries(
    void *library, const entry_point *entries, size_t count, void *functions, const char **missing);

/* The driver, with the device's primary context current on this thread; NULL where it takes no
 * part. That is said, once, where the device is a GPU or a library was named. */
const cuda_driver *cuda_open(const bench_run *run);

/* The launch of an empty kernel, one group of 64. No state. */
bool cuda_launch_run(void *state, int64_t calls);

extern const peer cuda_peer;

#endif
