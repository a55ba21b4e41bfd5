/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Cleat's memory comes from: the caller may bring allocators of its own, for the host (the
 * whole library) and for the device (a context).
 */
#ifndef CLEAT_MEMORY_H
#define CLEAT_MEMORY_H

#include <cleat/export.h>
#include <cleat/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Host memory for what the library keeps: contexts, buffers' descriptions, kernels' texts, tables.
 * All three functions are needed, behave as malloc, realloc and free of C11 (aligned for every
 * type), and are called from any thread, from several at once, sometimes with a context's lock
 * held: they must not call Cleat. NULL from one of the first two makes the call of Cleat that asked
 * CLEAT_OUT_OF_HOST_MEMORY, with nothing lost. What OpenCL drivers and the C library take for
 * themselves does not pass through here.
 */
typedef struct cleat_host_allocator {
    void *(*allocate)(void *data, size_t size);             /* size > 0; contents undefined */
    void *(*resize)(void *data, void *memory, size_t size); /* size > 0; memory may be NULL */
    void (*release)(void *data, void *memory);              /* memory is never NULL */
    void *data;                                             /* handed to each of them */
    uint64_t reserved[4];                                   /* 0 */
} cleat_host_allocator;

/*
 * Makes the whole library allocate through `allocator` (copied), or through C's functions again
 * where it is NULL. Call it before any other function of Cleat, or after everything was released:
 * CLEAT_INVALID_ARGUMENT while the library holds memory, which could not be given back rightly.
 * Must not run beside another call of Cleat.
 */
CLEAT_API cleat_status cleat_set_host_allocator(const cleat_host_allocator *allocator);

/* Pieces of host memory that the library holds at the moment; any thread. 0 when everything was
 * released. */
CLEAT_API size_t cleat_host_allocations(void);

/*
 * For libraries on top of Cleat, such as libcleat-onnx: host memory from where Cleat's own comes,
 * and counted with it. As realloc and free; `memory` may be NULL, a size of 0 is one of 1.
 */
CLEAT_API void *cleat_host_resize(void *memory, size_t size);
CLEAT_API void cleat_host_release(void *memory);

/*
 * Device memory for one context: buffers and tensors that are created on it, and its scratch memory
 * (of which it keeps idle blocks for reuse; cleat_context_options.scratch_limit). Memory that the
 * caller wraps does not pass through here. Both functions are needed. They are called from the
 * thread whose call of Cleat asked, one at a time for a context, and must not call Cleat with that
 * context.
 */
typedef struct cleat_device_allocator {
    /*
     * Returns a cl_mem, an ordinary buffer or a sub-buffer, of at least `size` bytes (> 0), of the
     * cl_context `cl_context`, that kernels may read and write; NULL when there is none, which
     * makes the call CLEAT_OUT_OF_DEVICE_MEMORY after idle scratch memory was given back. One that
     * does not fit this description is given back at once: CLEAT_INVALID_ARGUMENT.
     */
    void *(*allocate)(void *data, void *cl_context, size_t size);
    /*
     * Takes back what allocate() returned for `size` bytes. Commands of the context's queue may
     * still be using it: reuse it on the same queue only, as that is in order, or after
     * cleat_finish(). Not called in the child of a process that forked.
     */
    void (*release)(void *data, void *cl_mem_object, size_t size);
    void *data;           /* handed to both of them */
    uint64_t reserved[4]; /* 0 */
} cleat_device_allocator;

#ifdef __cplusplus
}
#endif

#endif
