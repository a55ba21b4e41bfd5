/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuBLAS, NVIDIA's own matrix products: the peer "cublas". Opened at run time: libcublas.so.13, .12
 * or .11, or what $CLEAT_BENCH_CUBLAS names. Its operands lie in memory of CUDA's driver
 * (peer_cuda.h), with which it takes part or not.
 */
#ifndef CLEAT_BENCH_PEER_CUBLAS_H
#define CLEAT_BENCH_PEER_CUBLAS_H

#include "bench.h"

/* c[m][n] = a[m][k] b[k][n], row-major. Elements of f32 go by the `compute` that they may: strict
 * (TF32 off; 3xTF32 too, which is to be as exact), TF32, or through f16 or bf16; elements of 16
 * bits are added up in f32. */
typedef struct cublas_product cublas_product;

/* a and b are the elements as they lie in memory, copied. NULL after bench_fail(). */
cublas_product *cublas_create(bench_run *run, cleat_type type, cleat_compute compute, int64_t m,
    int64_t n, int64_t k, const void *a, const void *b);
void cublas_destroy(cublas_product *product); /* NULL is accepted */
bool cublas_run(void *state, int64_t calls);  /* state: cublas_product */
/* Makes every element of c NaN. */
bool cublas_spoil(cublas_product *product);
/* Copies a row of c, n elements. */
bool cublas_read_row(const cublas_product *product, int64_t row, void *elements);

extern const peer cublas_peer;

#endif
