/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_blas.h"
#include "peer_cublas.h"
#include "peer_cuda.h"
#include "peer_cudnn.h"
#include "peer_onednn.h"
#include "peer_onnxruntime.h"
#include "peer_pytorch.h"

#include <cleat/opencl.h>
#include <stdio.h>
#ifdef BENCH_HAVE_OPENBLAS
#include <cblas.h>
#endif
#ifdef BENCH_HAVE_CLBLAST
#include <clblast_c.h>
#endif

/* ---- OpenBLAS ---- */
#ifdef BENCH_HAVE_OPENBLAS
/* Only beside a CPU of the same machine is it a fair peer. */
static bool openblas_available(const bench_run *run) {
    return run->device.type == CLEAT_DEVICE_CPU;
}

static void openblas_version(char *text, size_t size) {
    snprintf(text, size, "%s (%s)", OPENBLAS_VERSION, openblas_get_corename());
}

void openblas_threads(int threads) {
    openblas_set_num_threads(threads);
}

bool openblas_run(void *state, int64_t calls) {
    const product *p = state;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    int a_rows = p->a_transposed ? m : k, b_rows = p->b_transposed ? k : n;
    CBLAS_TRANSPOSE a_is = p->a_transposed ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE b_is = p->b_transposed ? CblasTrans : CblasNoTrans;
    for (int64_t call = 0; call < calls; call++) {
        for (int64_t i = 0; i < p->batch; i++) {
            const float *a = p->a + i * p->m * p->k, *b = p->b + i * p->k * p->n;
            float *c = p->c + i * p->m * p->n;
            if (n == 1) {
                cblas_sgemv(CblasRowMajor, a_is, p->a_transposed ? k : m, p->a_transposed ? m : k,
                    1, a, a_rows, b, 1, 0, c, 1);
            } else {
                cblas_sgemm(CblasRowMajor, a_is, b_is, m, n, k, 1, a, a_rows, b, b_rows, 0, c, n);
            }
        }
    }
    return true;
}
#else
static bool openblas_available(const bench_run *run) {
    (void)run;
    return false;
}
static void openblas_version(char *text, size_t size) {
    snprintf(text, size, "not built in");
}
void openblas_threads(int threads) {
    (void)threads;
}
bool openblas_run(void *state, int64_t calls) {
    (void)state, (void)calls;
    return false;
}
#endif

/* ---- CLBlast ---- */
#ifdef BENCH_HAVE_CLBLAST
static bool clblast_available(const bench_run *run) {
    (void)run;
    return true;
}

static void clblast_version(char *text, size_t size) {
    snprintf(text, size, "built in");
}

bool clblast_run(void *state, int64_t calls) {
    const device_product *d = state;
    const product *p = &d->shape;
    size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k, batch = (size_t)p->batch;
    cl_command_queue queue = cleat_context_cl_queue(d->context);
    cl_mem a = cleat_buffer_cl_mem(d->a.buffer), b = cleat_buffer_cl_mem(d->b.buffer);
    cl_mem c = cleat_buffer_cl_mem(d->c.buffer);
    size_t a_rows = p->a_transposed ? m : k, b_rows = p->b_transposed ? k : n;
    CLBlastTranspose a_is = p->a_transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
    CLBlastTranspose b_is = p->b_transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
    for (int64_t call = 0; call < calls; call++) {
        CLBlastStatusCode status;
        if (n == 1) {
            status = CLBlastSgemv(CLBlastLayoutRowMajor, a_is, p->a_transposed ? k : m,
                p->a_transposed ? m : k, 1, a, 0, a_rows, b, 0, 1, 0, c, 0, 1, &queue, NULL);
        } else {
            status = CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, a_is, b_is, m, n, k, 1, a, 0,
                a_rows, m * k, b, 0, b_rows, k * n, 0, c, 0, n, m * n, batch, &queue, NULL);
        }
        if (status != CLBlastSuccess) {
            fprintf(stderr, "cleat-bench: CLBlast gives %d\n", (int)status);
            return false;
        }
    }
    return cleat_finish(d->context) == CLEAT_OK;
}

bool clblast_convolution_run(void *state, int64_t calls) {
    const device_convolution *d = state;
    const convolution *p = d->shape;
    cl_command_queue queue = cleat_context_cl_queue(d->context);
    const size_t k = (size_t)p->k, padding = (size_t)p->padding, stride = (size_t)p->stride;
    for (int64_t call = 0; call < calls; call++) {
        const CLBlastStatusCode status = CLBlastSconvgemm(CLBlastKernelModeCrossCorrelation,
            (size_t)p->c, (size_t)p->h, (size_t)p->w, k, k, padding, padding, stride, stride, 1, 1,
            (size_t)p->m, (size_t)p->n, cleat_buffer_cl_mem(d->x.buffer), 0,
            cleat_buffer_cl_mem(d->weights.buffer), 0, cleat_buffer_cl_mem(d->y.buffer), 0, &queue,
            NULL);
        if (status != CLBlastSuccess) {
            fprintf(stderr, "cleat-bench: CLBlast gives %d\n", (int)status);
            return false;
        }
    }
    return cleat_finish(d->context) == CLEAT_OK;
}
#else
static bool clblast_available(const bench_run *run) {
    (void)run;
    return false;
}
static void clblast_version(char *text, size_t size) {
    snprintf(text, size, "not built in");
}
bool clblast_run(void *state, int64_t calls) {
    (void)state, (void)calls;
    return false;
}
bool clblast_convolution_run(void *state, int64_t calls) {
    (void)state, (void)calls;
    return false;
}
#endif

/* ---- Plain kernels; see peer_copy.h and peer_peak.h ---- */
static bool plain_available(const bench_run *run) {
    (void)run;
    return true;
}

static void plain_version(char *text, size_t size) {
    snprintf(text, size, "a plain kernel");
}

static const peer openblas_peer = {"openblas", openblas_available, openblas_version};
static const peer clblast_peer = {"clblast", clblast_available, clblast_version};
static const peer copy_peer = {"copy", plain_available, plain_version};
static const peer peak_peer = {"peak", plain_available, plain_version};
const peer *const bench_peers[] = {&openblas_peer, &onednn_nchw_peer, &onednn_own_peer,
    &clblast_peer, &cuda_peer, &cublas_peer, &cudnn_peer, &pytorch_peer, &onnxruntime_peer,
    &copy_peer, &peak_peer, NULL};
