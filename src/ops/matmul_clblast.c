/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variant clblast: CLBlast (github.com/CNugteren/CLBlast) as a provider of matmul. The only
 * operation that sees OpenCL types, which launch_foreign() hands it.
 */
#include "ops/matmul_problem.h"

#ifdef CLEAT_HAVE_CLBLAST
#include <clblast_c.h>
#include <cleat/opencl.h>
#include <pthread.h>

/* CLBlast keeps its kernels in a cache of the whole process, and up to 1.6.1 two threads in it, on
 * whatever contexts, could break it: so this lock is of the whole process too. */
static pthread_mutex_t clblast_mutex = PTHREAD_MUTEX_INITIALIZER;

enum { LEAST_OPENCL_ERROR = -1001 }; /* CLBlast's status is OpenCL's, or below this its own */

/* A matrix as BLAS stores one, seen row-major. */
typedef struct blas_matrix {
    CLBlastTranspose transpose;
    int64_t ld;
} blas_matrix;

static bool blas_layout(const matmul_operand *x, int64_t rows, int64_t columns, blas_matrix *out) {
    if ((x->column == 1 || columns == 1) && (x->row >= columns || rows == 1)) {
        *out = (blas_matrix){CLBlastTransposeNo, rows == 1 ? columns : x->row};
        return true;
    }
    if ((x->row == 1 || rows == 1) && (x->column >= rows || columns == 1)) {
        *out = (blas_matrix){CLBlastTransposeYes, columns == 1 ? rows : x->column};
        return true;
    }
    return false;
}

typedef struct blas_product {
    const matmul_problem *problem;
    blas_matrix a, b, y;
} blas_product;

static bool blas_product_of(const matmul_problem *p, blas_product *out) {
    out->problem = p;
    return blas_layout(&p->a, p->m, p->k, &out->a) && blas_layout(&p->b, p->k, p->n, &out->b) &&
           blas_layout(&p->y, p->m, p->n, &out->y) && out->y.transpose == CLBlastTransposeNo;
}

bool matmul_clblast_supports(const device_profile *profile, const void *problem) {
    (void)profile;
    const matmul_problem *p = problem;
    if (p->own_only) {
        return false;
    }
    if (p->m == 0) {
        return true; /* y is empty */
    }
    const bool plain_epilogue = p->bias.view.buffer == NULL && p->residual.view.buffer == NULL &&
                                p->activation.form == CLEAT_ACTIVATION_NONE;
    /* One step between batches, none of them broadcast. */
    const bool plain_batches = p->batch_rank == 0 || (p->batch_rank == 1 && p->a.batch[0] > 0 &&
                                                         p->b.batch[0] > 0 && p->y.batch[0] > 0);
    blas_product product;
    return plain_epilogue && plain_batches && p->k > 0 && blas_product_of(p, &product);
}

static cleat_status call_clblast(void *queue, void *data) {
    const blas_product *product = data;
    const matmul_problem *p = product->problem;
    cl_command_queue cl_queue = queue;
    cl_mem a = cleat_buffer_cl_mem(p->a.view.buffer);
    cl_mem b = cleat_buffer_cl_mem(p->b.view.buffer);
    cl_mem y = cleat_buffer_cl_mem(p->y.view.buffer);
    CLBlastStatusCode code;
    pthread_mutex_lock(&clblast_mutex);
    if (p->batch_rank == 0) {
        code = CLBlastSgemm(CLBlastLayoutRowMajor, product->a.transpose, product->b.transpose,
            (size_t)p->m, (size_t)p->n, (size_t)p->k, p->alpha, a, (size_t)p->a.offset,
            (size_t)product->a.ld, b, (size_t)p->b.offset, (size_t)product->b.ld, p->beta, y,
            (size_t)p->y.offset, (size_t)product->y.ld, &cl_queue, NULL);
    } else {
        code = CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, product->a.transpose,
            product->b.transpose, (size_t)p->m, (size_t)p->n, (size_t)p->k, p->alpha, a,
            (size_t)p->a.offset, (size_t)product->a.ld, (size_t)p->a.batch[0], b,
            (size_t)p->b.offset, (size_t)product->b.ld, (size_t)p->b.batch[0], p->beta, y,
            (size_t)p->y.offset, (size_t)product->y.ld, (size_t)p->y.batch[0],
            (size_t)p->batch_count, &cl_queue, NULL);
    }
    pthread_mutex_unlock(&clblast_mutex);
    REFUSE_IF(code == CLBlastTempBufferAllocFailure, CLEAT_OUT_OF_DEVICE_MEMORY,
        "matmul: CLBlast found no memory on the device");
    REFUSE_IF((int)code < LEAST_OPENCL_ERROR, CLEAT_OPENCL_ERROR,
        "matmul: CLBlast failed with status %d", (int)code);
    return status_from_cl((int)code, "matmul: CLBlast");
}

cleat_status matmul_clblast(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    blas_product product;
    REFUSE_IF(!blas_product_of(p, &product), CLEAT_UNSUPPORTED,
        "matmul: CLBlast does not take these strides");
    return launch_foreign(
        context, "matmul", "clblast", matmul_flop(p), matmul_bytes(p), call_clblast, &product);
}
#endif
