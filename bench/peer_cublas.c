/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_cublas.h"
#include "peer_cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers of NVIDIA's cublas_api.h and library_types.h, CUDA 11 to 13. */
enum { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
enum {
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_32F_FAST_16F = 74,
    CUBLAS_COMPUTE_32F_FAST_16BF = 75,
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77
};
enum { CUBLAS_OP_N = 0, CUBLAS_GEMM_DEFAULT = -1 };

/* Functions of cublas_api.h; each returns 0 when it went well. */
typedef struct cublas_calls {
    int (*create)(void **);
    int (*version)(void *, int *);
    int (*multiply)(void *, int, int, int, int, int, const void *, const void *, int, int,
        const void *, int, int, const void *, void *, int, int, int, int);
} cublas_calls;

static const entry_point entries[] = {{"cublasCreate_v2", offsetof(cublas_calls, create)},
    {"cublasGetVersion_v2", offsetof(cublas_calls, version)},
    {"cublasGemmEx", offsetof(cublas_calls, multiply)}};

/* Opened once, and open until the program ends. */
static struct {
    bool tried, usable;
    cublas_calls calls;
    const cuda_driver *driver;
    void *handle; /* cublasHandle_t */
    int version;
} opened;

/* ---- Opening ---- */

static bool open_blas(const bench_run *run) {
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
    const char *named = getenv("CLEAT_BENCH_CUBLAS"), *missing = NULL;
    void *library = named != NULL ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (size_t i = 0; named == NULL && library == NULL && i < sizeof names / sizeof *names; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) {
        return bench_fail(run, "goes on without cublas: %s",
            named != NULL ? dlerror() : "libcublas.so.13, .12 and .11 do not open");
    }
    if (!cuda_find_entries(
            library, entries, sizeof entries / sizeof *entries, &opened.calls, &missing)) {
        return bench_fail(run, "goes on without cublas: no %s", missing);
    }
    /* It works in the context that is current. */
    return (opened.calls.create(&opened.handle) == 0 &&
               opened.calls.version(opened.handle, &opened.version) == 0) ||
           bench_fail(run, "goes on without cublas: it does not start");
}

static bool cublas_available(const bench_run *run) {
    opened.driver = cuda_open(run);
    if (opened.driver == NULL) {
        return false;
    }
    if (!opened.tried) {
        opened.tried = true;
        opened.usable = open_blas(run);
    }
    return opened.usable;
}

/* cuBLAS counts 120804 as 12.8.4. */
static void cublas_version(char *text, size_t size) {
    snprintf(text, size, "%d.%d.%d", opened.version / 10000, opened.version / 100 % 100,
        opened.version % 100);
}

const peer cublas_peer = {"cublas", cublas_available, cublas_version};

/* ---- A product ---- */

struct cublas_product {
    int64_t m, n, k;
    size_t element; /* bytes */
    int type, compute;
    cuda_address a, b, c; /* 0: none */
};

static int type_number(cleat_type type) {
    return type == CLEAT_F16 ? CUDA_R_16F : type == CLEAT_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static int compute_number(cleat_type type, cleat_compute compute) {
    if (type != CLEAT_F32) {
        return CUBLAS_COMPUTE_32F;
    }
    switch (compute) {
    case CLEAT_COMPUTE_TF32:
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    case CLEAT_COMPUTE_F16:
        return CUBLAS_COMPUTE_32F_FAST_16F;
    case CLEAT_COMPUTE_BF16:
        return CUBLAS_COMPUTE_32F_FAST_16BF;
    default:
        return CUBLAS_COMPUTE_32F;
    }
}

cublas_product *cublas_create(bench_run *run, cleat_type type, cleat_compute compute, int64_t m,
    int64_t n, int64_t k, const void *a, const void *b) {
    const cuda_driver *driver = opened.driver;
    cublas_product *made = calloc(1, sizeof *made);
    if (made == NULL) {
        bench_fail(run, "out of memory");
        return NULL;
    }
    const size_t element = cleat_type_size(type);
    const size_t a_size = (size_t)(m * k) * element, b_size = (size_t)(k * n) * element;
    *made = (cublas_product){.m = m,
        .n = n,
        .k = k,
        .element = element,
        .type = type_number(type),
        .compute = compute_number(type, compute)};
    if (driver->allocate(&made->a, a_size) != 0 || driver->allocate(&made->b, b_size) != 0 ||
        driver->allocate(&made->c, (size_t)(m * n) * element) != 0 ||
        driver->to_device(made->a, a, a_size) != 0 || driver->to_device(made->b, b, b_size) != 0) {
        bench_fail(run, "cublas: no device memory for the operands");
        cublas_destroy(made);
        return NULL;
    }
    return made;
}

void cublas_destroy(cublas_product *product) {
    if (product == NULL) {
        return;
    }
    const cuda_address all[] = {product->a, product->b, product->c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i] != 0) {
            opened.driver->give_back(all[i]);
        }
    }
    free(product);
}

/* cuBLAS knows columns only: what lies as a row-major c is the column-major transpose, b^T a^T. */
bool cublas_run(void *state, int64_t calls) {
    const cublas_product *p = state;
    const float one = 1, zero = 0;
    const int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    const void *a = (const void *)(uintptr_t)p->a, *b = (const void *)(uintptr_t)p->b;
    for (int64_t call = 0; call < calls; call++) {
        const int status = opened.calls.multiply(opened.handle, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k,
            &one, b, p->type, n, a, p->type, k, &zero, (void *)(uintptr_t)p->c, p->type, n,
            p->compute, CUBLAS_GEMM_DEFAULT);
        if (status != 0) {
            fprintf(stderr, "cleat-bench: cuBLAS gives %d\n", status);
            return false;
        }
    }
    return opened.driver->synchronize() == 0;
}

bool cublas_spoil(cublas_product *product) {
    return opened.driver->fill(
               product->c, 0xff, (size_t)(product->m * product->n) * product->element) == 0;
}

bool cublas_read_row(const cublas_product *product, int64_t row, void *elements) {
    const size_t size = (size_t)product->n * product->element;
    return opened.driver->to_host(elements, product->c + (size_t)row * size, size) == 0;
}
