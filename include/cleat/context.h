/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_CONTEXT_H
#define CLEAT_CONTEXT_H

#include <cleat/cache.h>
#include <cleat/export.h>
#include <cleat/memory.h>
#include <cleat/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A context is one device, one in-order queue, and everything cached for them: built kernels,
 * scratch memory, the tuning table. Any number may exist side by side. Its functions may be called
 * from several threads at once, except cleat_context_release() of the last reference.
 */
typedef struct cleat_context cleat_context;

typedef enum cleat_device_type {
    CLEAT_DEVICE_GPU = 1,
    CLEAT_DEVICE_ACCELERATOR = 2,
    CLEAT_DEVICE_CPU = 3,
    CLEAT_DEVICE_SOFTWARE = 4 /* a software renderer such as llvmpipe that calls itself a GPU/CPU */
} cleat_device_type;

/* What one device is. Texts are cut to fit and always terminated. */
typedef struct cleat_device_info {
    int32_t platform_index, device_index; /* as in CLEAT_DEVICE=0:1, in the loader's order */
    cleat_device_type type;
    char name[128], vendor[128], platform[128], driver[128], version[128];
    uint32_t compute_units;
    uint32_t clock_mhz;
    uint32_t native_float_width; /* floats in the device's own vector register, 1 where scalar */
    uint64_t global_memory, max_allocation, local_memory; /* bytes */
    bool has_fp16, has_fp64;
    double score;     /* how choice by default ranks it; docs/architecture.md tells the formula */
    char reason[256]; /* for the device of a context: why it was chosen, in words */
    uint64_t reserved[8];
} cleat_device_info;

/*
 * Lists the devices of every platform, best first as choice by default ranks them. Writes at most
 * `capacity` of them to `devices` (may be NULL when capacity is 0) and how many there are to
 * `*count`. Platforms without devices are skipped. CLEAT_NO_PLATFORM when the loader finds none at
 * all; no device on any platform is CLEAT_OK with a count of 0. Any thread.
 */
CLEAT_API cleat_status cleat_devices(size_t capacity, cleat_device_info *devices, size_t *count);

/* Receives what the library would otherwise keep to itself: kernels rebuilt, caches that could not
 * be written, variants passed over. Called on the thread whose call caused it; must not call back
 * into the same context. */
typedef void (*cleat_log_callback)(void *data, const char *message);

/*
 * Whether an operation's variant is checked before its first use: on small problems, against plain
 * loops on the host. One that is wrong, a driver's fault as a rule, is reported through the log
 * callback and passed over for the next one; where there is none the call is CLEAT_UNSUPPORTED. It
 * takes a few kernels' building and running, and waits for all that was enqueued before, so that a
 * queue that waits for an event of the caller's waits here; once: the verdict is kept where built
 * kernels are, or else as long as the context. A check's calls count in cleat_profile() and the
 * statistics. docs/operations.md lists what is checked; what a caller forces by name is not.
 */
typedef enum cleat_verification {
    CLEAT_VERIFY_AUTO = 0, /* $CLEAT_VERIFY, "on" or "off"; else on, except with drivers that
                              every version of Cleat is tested with: PoCL, Mesa's llvmpipe */
    CLEAT_VERIFY_ON,
    CLEAT_VERIFY_OFF
} cleat_verification;

typedef struct cleat_context_options {
    /*
     * Which device: "0:1" (platform and device index), "gpu", "cpu", "accelerator" or "software",
     * or part of a device's or platform's name in any case. NULL: $CLEAT_DEVICE if set and not
     * empty, else the best device. A choice that matches nothing is CLEAT_NO_DEVICE, and the
     * message lists what is there; one that matches several takes the best of them.
     */
    const char *device;
    /* Where compiled kernels are kept. NULL: $CLEAT_CACHE_DIR, else $XDG_CACHE_HOME/cleat, else
     * $HOME/.cache/cleat. The text is copied. */
    const char *cache_dir;
    cleat_cache_mode cache;
    bool profiling;         /* measure each operation; see cleat_profile() */
    size_t scratch_limit;   /* bytes of idle scratch memory kept for reuse; 0: a quarter of the
                               device's memory, at most 1 GiB */
    cleat_log_callback log; /* NULL: silence */
    void *log_data;
    /* The tuning table to read, where there is one; see <cleat/tuning.h>. NULL:
     * $CLEAT_TUNING_FILE, else $XDG_CONFIG_HOME/cleat/tuning, else $HOME/.config/cleat/tuning.
     * "none", here or in the variable: none. The text is copied. */
    const char *tuning_file;
    /* The program's own place for built kernels, instead of cache_dir; see <cleat/cache.h>. With
     * CLEAT_CACHE_AUTO they are stored as soon as they are built. Copied. */
    const cleat_cache_store *cache_store;
    cleat_verification verification;
    /* Where device memory comes from, see <cleat/memory.h>. NULL: from the driver. Copied. */
    const cleat_device_allocator *device_allocator;
    /* Bytes of built kernels that cache_dir may hold: when one is stored, those used least recently
     * are removed until they fit. 0: CLEAT_CACHE_DEFAULT_LIMIT. A cache_store is the program's. */
    uint64_t cache_limit;
    uint64_t reserved[3]; /* later versions take their fields from here, so zero stays default */
} cleat_context_options;

/*
 * Makes a context on the chosen device and stores it in *context (left alone on failure). The
 * caller owns one reference. Errors: CLEAT_NO_PLATFORM, CLEAT_NO_DEVICE, CLEAT_OUT_OF_HOST_MEMORY,
 * CLEAT_OPENCL_ERROR, CLEAT_INVALID_ARGUMENT, and CLEAT_UNSUPPORTED in the child of a process that
 * forked after it had used OpenCL: drivers' threads do not come along. There, a context of the
 * parent's gives CLEAT_DEVICE_LOST.
 */
CLEAT_API cleat_status cleat_context_create(
    const cleat_context_options *options, cleat_context **context);

/* Adds a reference; NULL is accepted. Buffers hold one on their context by themselves. */
CLEAT_API void cleat_context_retain(cleat_context *context);

/* Drops a reference; NULL is accepted. The last one waits for the queue, then frees everything. */
CLEAT_API void cleat_context_release(cleat_context *context);

/* Fills *info with what the context's device is and why it was chosen. */
CLEAT_API cleat_status cleat_context_device(cleat_context *context, cleat_device_info *info);

/* Starts the enqueued work without waiting for it. */
CLEAT_API cleat_status cleat_flush(cleat_context *context);

/* Waits until all enqueued work is done. */
CLEAT_API cleat_status cleat_finish(cleat_context *context);

/* Gives idle scratch memory back to the device. Buffers of the caller are not touched. */
CLEAT_API cleat_status cleat_context_trim(cleat_context *context);

/* What the context holds at the moment and has done so far. */
typedef struct cleat_context_statistics {
    uint64_t buffer_bytes;   /* in buffers that are alive, wrapped ones left out */
    uint64_t scratch_bytes;  /* in scratch memory, idle or in use */
    uint64_t kernels_built;  /* compiled from source */
    uint64_t kernels_loaded; /* taken from the disk cache */
    uint64_t cache_rejected; /* disk cache entries found damaged or foreign, and rebuilt */
    uint64_t kernels_launched;
    double build_seconds;
    uint64_t variants_checked;    /* see cleat_verification */
    uint64_t variants_distrusted; /* found to be wrong, now or by a verdict from the cache */
    uint64_t reserved[6];
} cleat_context_statistics;

CLEAT_API cleat_status cleat_context_get_statistics(
    cleat_context *context, cleat_context_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
