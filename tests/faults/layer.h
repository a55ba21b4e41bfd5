/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of the OpenCL loader (CL/cl_layer.h) that stands between the library under test and the
 * driver: it counts the calls and the objects alive, and makes a driver of the worst kind. The
 * loader opens it where OPENCL_LAYERS names it; a test program opens the same file and finds the
 * switches below under the name "cleat_fault_layer" (layer_open() of layer_control.h).
 */
#ifndef CLEAT_TESTS_FAULTS_LAYER_H
#define CLEAT_TESTS_FAULTS_LAYER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every entry point that the library calls; checks/entry_points.sh compares. */
#define LAYER_ENTRY_POINTS(X)                                                                      \
    X(BuildProgram)                                                                                \
    X(CreateBuffer)                                                                                \
    X(CreateCommandQueue)                                                                          \
    X(CreateContext)                                                                               \
    X(CreateKernel)                                                                                \
    X(CreateProgramWithBinary)                                                                     \
    X(CreateProgramWithSource)                                                                     \
    X(EnqueueBarrierWithWaitList)                                                                  \
    X(EnqueueCopyBuffer)                                                                           \
    X(EnqueueFillBuffer)                                                                           \
    X(EnqueueMapBuffer)                                                                            \
    X(EnqueueMarkerWithWaitList)                                                                   \
    X(EnqueueMigrateMemObjects)                                                                    \
    X(EnqueueNDRangeKernel)                                                                        \
    X(EnqueueReadBuffer)                                                                           \
    X(EnqueueUnmapMemObject)                                                                       \
    X(EnqueueWriteBuffer)                                                                          \
    X(Finish)                                                                                      \
    X(Flush)                                                                                       \
    X(GetCommandQueueInfo)                                                                         \
    X(GetDeviceIDs)                                                                                \
    X(GetDeviceInfo)                                                                               \
    X(GetEventProfilingInfo)                                                                       \
    X(GetKernelInfo)                                                                               \
    X(GetKernelWorkGroupInfo)                                                                      \
    X(GetMemObjectInfo)                                                                            \
    X(GetPlatformIDs)                                                                              \
    X(GetPlatformInfo)                                                                             \
    X(GetProgramBuildInfo)                                                                         \
    X(GetProgramInfo)                                                                              \
    X(ReleaseCommandQueue)                                                                         \
    X(ReleaseContext)                                                                              \
    X(ReleaseEvent)                                                                                \
    X(ReleaseKernel)                                                                               \
    X(ReleaseMemObject)                                                                            \
    X(ReleaseProgram)                                                                              \
    X(RetainCommandQueue)                                                                          \
    X(RetainContext)                                                                               \
    X(RetainEvent)                                                                                 \
    X(RetainMemObject)                                                                             \
    X(SetKernelArg)                                                                                \
    X(WaitForEvents)

typedef enum layer_entry {
#define LAYER_ENUM(name) LAYER_##name,
    LAYER_ENTRY_POINTS(LAYER_ENUM)
#undef LAYER_ENUM
        LAYER_HOST_MEMORY, /* no entry point: an allocation, told by a test's own allocator */
    LAYER_ENTRIES,
    LAYER_ANY = LAYER_ENTRIES,
    LAYER_NONE
} layer_entry;

typedef enum layer_kind {
    LAYER_CONTEXTS,
    LAYER_QUEUES,
    LAYER_MEMORY,
    LAYER_PROGRAMS,
    LAYER_KERNELS,
    LAYER_EVENTS,
    LAYER_KINDS
} layer_kind;

/* What the device says of itself where it is not 0 or false, and what the layer then holds it to:
 * larger pieces of memory and work-groups are refused, and sources are not compiled. For programs
 * that cannot get at this: $CLEAT_LAYER_PLATFORM is the platform, and call $CLEAT_LAYER_FAIL and
 * all that follow fail. */
typedef struct layer_limits {
    bool no_fp64, no_compiler;
    bool version_1_2; /* of the device and of its OpenCL C */
    size_t local_memory, work_group, allocation;
    size_t work_items, kernel_group; /* of a work-group along an axis, and of any kernel */
    uint32_t address_bits, alignment_bits;
    uint64_t device_type;                 /* CL_DEVICE_TYPE_GPU, ... */
    const char *name, *vendor, *platform; /* of the device; of all platforms */
    uint32_t event_time;                  /* nanoseconds between all starts and ends of events */
} layer_limits;

/* What becomes of the binaries that programs give. One that is spoilt is marked, and a program made
 * of it is refused, as careful drivers do; those of the tests crash. */
typedef enum layer_binaries {
    LAYER_BINARIES_GOOD,
    LAYER_BINARIES_FLIPPED,
    LAYER_BINARIES_CUT, /* to half their size */
    LAYER_BINARIES_EMPTY
} layer_binaries;

typedef struct fault_layer {
    /* Which call fails: the fail_at-th (from 1; 0: none) since `calls` was 0, of fail_entry or,
     * with LAYER_ANY, of all; `lasting`: and all of OpenCL that come after one of them, as on a
     * device that is lost. With `code`, and without effect, but for releases, and for waits of a
     * lost device, which are carried out all the same. */
    int fail_at;
    layer_entry fail_entry;
    bool lasting;
    int32_t code;

    long delay;              /* nanoseconds before each call, */
    layer_entry delay_entry; /* of this entry point or of LAYER_ANY */

    layer_limits limits;
    layer_binaries binaries;

    /* Since whoever looks set them to 0 and LAYER_NONE. */
    atomic_int calls;        /* that fail_entry counts */
    atomic_int first_failed; /* an entry point */
    atomic_int accepted;     /* commands that the driver took into a queue */

    /* References held, and calls made and failed since the program began. */
    atomic_int alive[LAYER_KINDS];
    atomic_int called[LAYER_ENTRIES], failed[LAYER_ENTRIES];

    /* What begins every call: its fault, or CL_SUCCESS. For an allocator, with LAYER_HOST_MEMORY.
     */
    int32_t (*fault_of)(layer_entry entry);
} fault_layer;

#endif
