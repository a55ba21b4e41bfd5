/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libcublas and libcuda where there is no card, so that bench/peer_cublas.c and
 * peer_cuda.c can be run: one device, whose memory is the host's, and products by plain loops. What
 * the caller may not do (another type or compute, a size or step that is wrong, memory that was not
 * allocated) is refused, as is all work before a context is current. $FAKE_CUBLAS_WRONG: results
 * are, by 1 %.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED = 1, BLOCKS = 16 };
enum { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 };

static struct block {
    unsigned char *data;
    size_t size;
} blocks[BLOCKS];
static bool has_context;

/* ---- The driver ---- */

int cuInit(unsigned flags);
int cuDriverGetVersion(int *version);
int cuModuleLoadData(void **module, const void *image);
int cuModuleGetFunction(void **function, void *module, const char *name);
int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, void *stream,
    void **arguments, void **more);
int cuDeviceGetCount(int *count);
int cuDeviceGet(int *device, int ordinal);
int cuDeviceGetName(char *name, int size, int device);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuCtxSetCurrent(void *context);
int cuCtxSynchronize(void);
int cuMemAlloc_v2(unsigned long long *address, size_t size);
int cuMemFree_v2(unsigned long long address);
int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t size);
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size);
int cuMemsetD8_v2(unsigned long long to, unsigned char value, size_t size);
int cublasCreate_v2(void **handle);
int cublasGetVersion_v2(void *handle, int *version);
int cublasGemmEx(void *handle, int op_a, int op_b, int m, int n, int k, const void *alpha,
    const void *a, int a_type, int a_step, const void *b, int b_type, int b_step, const void *beta,
    void *c, int c_type, int c_step, int compute, int algorithm);

int cuInit(unsigned flags) {
    return flags == 0 ? 0 : REFUSED;
}

int cuDriverGetVersion(int *version) {
    *version = 12080;
    return 0;
}

/* A module is its text, its only function too. */
int cuModuleLoadData(void **module, const void *image) {
    static char text[256];
    if (!has_context || strlen(image) >= sizeof text || strstr(image, ".entry empty()") == NULL) {
        return REFUSED;
    }
    strcpy(text, image);
    *module = text;
    return 0;
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = strcmp(name, "empty") == 0 ? module : NULL;
    return *function != NULL ? 0 : REFUSED;
}

int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, void *stream,
    void **arguments, void **more) {
    const bool sizes = grid_x * grid_y * grid_z == 1 && block_x * block_y * block_z == 64;
    return function != NULL && sizes && shared == 0 && stream == NULL && arguments == NULL &&
                   more == NULL
               ? 0
               : REFUSED;
}

int cuDeviceGetCount(int *count) {
    *count = 1;
    return 0;
}

int cuDeviceGet(int *device, int ordinal) {
    *device = 7;
    return ordinal == 0 ? 0 : REFUSED;
}

int cuDeviceGetName(char *name, int size, int device) {
    static const char text[] = "a fake card";
    if (device != 7 || size < (int)sizeof text) {
        return REFUSED;
    }
    memcpy(name, text, sizeof text);
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = blocks;
    return device == 7 ? 0 : REFUSED;
}

int cuCtxSetCurrent(void *context) {
    has_context = context == blocks;
    return has_context ? 0 : REFUSED;
}

int cuCtxSynchronize(void) {
    return has_context ? 0 : REFUSED;
}

int cuMemAlloc_v2(unsigned long long *address, size_t size) {
    for (int i = 0; i < BLOCKS && has_context; i++) {
        if (blocks[i].data == NULL) {
            blocks[i] = (struct block){malloc(size), size};
            *address = (unsigned long long)(uintptr_t)blocks[i].data;
            return blocks[i].data != NULL ? 0 : REFUSED;
        }
    }
    return REFUSED;
}

/* The bytes from an address to the end of its block; 0: in none. */
static size_t room(unsigned long long address) {
    for (int i = 0; i < BLOCKS; i++) {
        const unsigned long long begin = (unsigned long long)(uintptr_t)blocks[i].data;
        if (begin != 0 && address >= begin && address - begin < blocks[i].size) {
            return blocks[i].size - (size_t)(address - begin);
        }
    }
    return 0;
}

int cuMemFree_v2(unsigned long long address) {
    for (int i = 0; i < BLOCKS; i++) {
        if (address != 0 && (unsigned long long)(uintptr_t)blocks[i].data == address) {
            free(blocks[i].data);
            blocks[i] = (struct block){NULL, 0};
            return 0;
        }
    }
    return REFUSED;
}

int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t size) {
    if (size > room(to)) {
        return REFUSED;
    }
    memcpy((void *)(uintptr_t)to, from, size);
    return 0;
}

int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size) {
    if (size > room(from)) {
        return REFUSED;
    }
    memcpy(to, (const void *)(uintptr_t)from, size);
    return 0;
}

int cuMemsetD8_v2(unsigned long long to, unsigned char value, size_t size) {
    if (size > room(to)) {
        return REFUSED;
    }
    memset((void *)(uintptr_t)to, value, size);
    return 0;
}

/* ---- cuBLAS ---- */

int cublasCreate_v2(void **handle) {
    *handle = &has_context;
    return has_context ? 0 : REFUSED;
}

int cublasGetVersion_v2(void *handle, int *version) {
    *version = 120804;
    return handle == &has_context ? 0 : REFUSED;
}

static float as_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float from_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    const float size = as_float((rest << 13) + (112U << 23)); /* but for subnormal numbers */
    const float small = (float)rest * 0x1p-24F;
    return (sign != 0 ? -1.0F : 1.0F) * (rest < 0x400 ? small : size);
}

/* Ties away from zero: half a unit in the last place, as the bench allows. */
static uint16_t to_half(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size < 0x38800000) {
        const float scaled = as_float(size) * 0x1p24F + 0.5F;
        return (uint16_t)(sign | (uint32_t)scaled);
    }
    return (uint16_t)(sign | (size - 0x38000000 + 0x1000) >> 13);
}

static float load(const void *from, int type, int64_t at) {
    if (type == CUDA_R_32F) {
        return ((const float *)from)[at];
    }
    const uint16_t half = ((const uint16_t *)from)[at];
    return type == CUDA_R_16F ? from_half(half) : as_float((uint32_t)half << 16);
}

static void store(void *to, int type, int64_t at, float x) {
    if (type == CUDA_R_32F) {
        ((float *)to)[at] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    ((uint16_t *)to)[at] = type == CUDA_R_16F ? to_half(x) : (uint16_t)((bits + 0x8000) >> 16);
}

/* CUBLAS_COMPUTE_32F, or of f32 through f16, bf16 and TF32. */
static bool is_compute(int type, int compute) {
    return compute == 68 ||
           (type == CUDA_R_32F && (compute == 74 || compute == 75 || compute == 77));
}

static bool holds(const void *matrix, int64_t rows, int64_t columns, int type) {
    const size_t element = type == CUDA_R_32F ? 4 : 2;
    return room((unsigned long long)(uintptr_t)matrix) >= (size_t)(rows * columns) * element;
}

int cublasGemmEx(void *handle, int op_a, int op_b, int m, int n, int k, const void *alpha,
    const void *a, int a_type, int a_step, const void *b, int b_type, int b_step, const void *beta,
    void *c, int c_type, int c_step, int compute, int algorithm) {
    const float one = *(const float *)alpha, zero = *(const float *)beta;
    const bool types = (c_type == CUDA_R_32F || c_type == CUDA_R_16F || c_type == CUDA_R_16BF) &&
                       a_type == c_type && b_type == c_type && is_compute(c_type, compute);
    if (handle != &has_context || op_a != 0 || op_b != 0 || !types || a_step != m || b_step != k ||
        c_step != m || one < 1 || one > 1 || zero < 0 || zero > 0 || algorithm != -1 ||
        !holds(a, m, k, a_type) || !holds(b, k, n, b_type) || !holds(c, m, n, c_type)) {
        return REFUSED;
    }
    const double right = getenv("FAKE_CUBLAS_WRONG") != NULL ? 1.01 : 1;
    double *sums = malloc((size_t)m * sizeof *sums);
    for (int64_t column = 0; column < n && sums != NULL; column++) {
        memset(sums, 0, (size_t)m * sizeof *sums);
        for (int64_t i = 0; i < k; i++) {
            const double factor = (double)load(b, b_type, column * k + i);
            for (int64_t row = 0; row < m; row++) {
                sums[row] += factor * (double)load(a, a_type, i * m + row);
            }
        }
        for (int64_t row = 0; row < m; row++) {
            store(c, c_type, column * m + row, (float)(right * sums[row]));
        }
    }
    const int status = sums != NULL ? 0 : REFUSED;
    free(sums);
    return status;
}
