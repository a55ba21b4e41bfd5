/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cl/ as the build put them into the library (cl/embed.cmake). */
#ifndef CLEAT_CORE_EMBEDDED_KERNELS_H
#define CLEAT_CORE_EMBEDDED_KERNELS_H

#include <stddef.h>

typedef struct embedded_kernel {
    const char *name; /* "matmul_cpu.cl"; NULL ends the table */
    const char *text; /* zero-terminated */
    size_t size;      /* bytes, without the terminator */
} embedded_kernel;

extern const embedded_kernel embedded_kernels[];

#endif
