/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an operation to the queue: which kernel (a family file plus macros), its arguments, its
 * geometry. An operation fills one `launch` per kernel and hands all of them to launch_all(), which
 * builds or fetches every kernel before it enqueues the first: a call that fails enqueues nothing.
 */
#ifndef CLEAT_CORE_LAUNCH_H
#define CLEAT_CORE_LAUNCH_H

#include "core/device_profile.h"
#include "core/status.h"
#include <cleat/tensor.h>

enum { LAUNCH_MAX_MACROS = 32, LAUNCH_MAX_ARGUMENTS = 72, LAUNCH_NUMBERS_SIZE = 1024 };

/* One -D: an integer, or a text where `text` is not NULL. Names and texts are string literals:
 * the kernel cache keeps the pointers. */
typedef struct kernel_macro {
    const char *name;
    const char *text;
    int64_t value;
} kernel_macro;

typedef enum argument_kind {
    ARGUMENT_MEMORY,
    ARGUMENT_VALUE,
    ARGUMENT_LOCAL,
    ARGUMENT_NUMBERS /* the launch's struct of numbers */
} argument_kind;

typedef struct launch_argument {
    argument_kind kind;
    size_t size;
    union {
        void *memory; /* a cl_mem */
        int32_t i32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
    } value;
} launch_argument;

typedef struct launch {
    const char *operation; /* for profile and messages: "conv2d" */
    const char *family;    /* "matmul_cpu": the file cl/matmul_cpu.cl */
    const char *kernel;    /* "matmul_cpu_packed": the function in it */
    int macro_count, argument_count, dimensions;
    kernel_macro macros[LAUNCH_MAX_MACROS];
    launch_argument arguments[LAUNCH_MAX_ARGUMENTS];
    uint64_t numbers[LAUNCH_NUMBERS_SIZE / 8];
    size_t numbers_size, numbers_alignment; /* of the struct so far, and its widest member */
    size_t numbers_used;                    /* without the gap at its end */
    bool in_numbers;
    size_t global[3],
        local[3];                /* work-items; global is rounded up to a multiple of local, so
                                    kernels guard their edges; local[0] == 0 lets the driver choose.
                                    A launch whose global size is zero is checked, built and skipped. */
    bool index64;                /* launch_index() passes long instead of int */
    bool real64;                 /* launch_real() passes double instead of float */
    double flop, bytes;          /* for the profile; see cleat_profile_row */
    bool overflowed;             /* too many macros or arguments: refused by launch_all() */
    struct cached_kernel *built; /* filled by launch_all() */
} launch;

/* Starts a launch: everything else zero. The three texts are string literals, as those of macros.
 */
launch launch_begin(const char *operation, const char *family, const char *kernel);

void launch_macro(launch *l, const char *name, int64_t value);
void launch_macro_text(launch *l, const char *name, const char *text);

/* Chooses the type of indices in the kernel: defines INDEX as int or long, and makes launch_index()
 * pass that type. Call once, with whether any index in the kernel can reach 2^31. */
void launch_use_index64(launch *l, bool index64);

/* Where the elements are of type f64: a family that is written in terms of REAL (cl/common.cl)
 * computes in double, and launch_real() passes doubles. Call once, before those. */
void launch_use_real64(launch *l, cleat_type type);

/* Arguments, in the order of the kernel's parameters. */
void launch_memory(launch *l, void *cl_mem_object);
void launch_tensor(launch *l, const cleat_tensor *x); /* its buffer only; NULL: a null pointer */
void launch_index(launch *l, int64_t value);
void launch_int(launch *l, int32_t value);
void launch_indices(launch *l, const int64_t *values, size_t count);
void launch_ints(launch *l, const int64_t *values, size_t count); /* each within an int */
void launch_long(launch *l, int64_t value);
void launch_ulong(launch *l, uint64_t value);
void launch_float(launch *l, float value);
void launch_real(launch *l, double value); /* float, or double: launch_use_real64() */
void launch_local(launch *l, size_t bytes);

/* The numbers (launch_index, int, long, ulong, float, real) passed between these two are the
 * members of one struct, which is one argument: where a kernel has dozens, drivers take longer over
 * them than over everything else (PoCL 3.1: 2.3 us for 8 arguments, 5.9 for 32). Once in a launch.
 * The kernel's side is cl/numbers.cl. */
void launch_numbers_begin(launch *l);
void launch_numbers_end(launch *l);

/* CLEAT_UNSUPPORTED when more was passed than there is room for. */
cleat_status launch_fits(const launch *l);

/* Whether there are no work-items. */
bool launch_is_empty(const launch *l);

/* What must hold of a launch whose kernel is built before anything is enqueued; also makes global a
 * multiple of local. */
cleat_status launch_check(const cleat_context *context, launch *l);

void launch_size_1d(launch *l, size_t global, size_t local);
void launch_size_3d(launch *l, const size_t global[3], const size_t local[3]);

/*
 * Builds or fetches the kernels of all launches, checks their work-group sizes against what the
 * built kernel allows on this device (CLEAT_UNSUPPORTED), then sets the arguments and enqueues them
 * in order, with no other thread's work between them.
 */
cleat_status launch_all(cleat_context *context, launch *launches, int count);

/*
 * For work that another library enqueues on the context's queue, a provider's: calls
 * enqueue(queue, data), queue being a cl_command_queue, with no other thread's work between, and
 * counts what it enqueues as one launch of `kernel` in the profile.
 */
cleat_status launch_foreign(cleat_context *context, const char *operation, const char *kernel,
    double flop, double bytes, cleat_status (*enqueue)(void *queue, void *data), void *data);

/* ---- Scratch memory ---- */

/*
 * Lends device memory of at least `bytes` from the context's pool. Give it back as soon as the work
 * that uses it is enqueued: the in-order queue keeps the next borrower's work behind it.
 * bytes == 0 gives NULL.
 */
cleat_status scratch_acquire(cleat_context *context, size_t bytes, void **cl_mem_object);
void scratch_release(cleat_context *context, void *cl_mem_object); /* NULL is accepted */
/* Bytes of it that are kept for the next call: what takes more is allocated for each call anew. */
size_t context_scratch_limit(const cleat_context *context);

/* Such memory as a buffer, for an operation to be called with a view of it; bytes == 0 is legal.
 * The release, which accepts NULL, gives the memory back; no other reference may be left. */
cleat_status scratch_buffer_create(cleat_context *context, size_t bytes, cleat_buffer **buffer);
void scratch_buffer_release(cleat_buffer *buffer);

/* ---- What operations may know of a context ---- */

const device_profile *context_profile(const cleat_context *context);

/* Sends a line to the caller's log callback, if there is one. */
void context_log(cleat_context *context, const char *format, ...) CLEAT_PRINTF(2, 3);

/* Rounds up to a multiple; multiple > 0. */
static inline size_t round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static inline int64_t ceil_div(int64_t value, int64_t divisor) {
    return (value + divisor - 1) / divisor;
}

/* How wide to cut `columns`, of which there are `stripes`: `most`, or half as often as it takes for
 * `wanted` pieces, but not below `least`. */
static inline int64_t piece_width(
    int64_t columns, int64_t stripes, int64_t most, int64_t least, int64_t wanted) {
    int64_t width = most;
    while (width > least && stripes * ceil_div(columns, width) < wanted) {
        width /= 2;
    }
    return width;
}

#endif
