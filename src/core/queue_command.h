/* SPDX-License-Identifier: Apache-2.0 */
/* One command of the queue that needs nothing of the host: what is enqueued, and what a recording
 * (recording.h) keeps. */
#ifndef CLEAT_CORE_QUEUE_COMMAND_H
#define CLEAT_CORE_QUEUE_COMMAND_H

#include "core/launch.h"

typedef enum command_kind {
    COMMAND_KERNEL,
    COMMAND_COPY, /* `size` bytes of arguments[1] at `from_offset` to arguments[0] at `offset` */
    COMMAND_FILL, /* arguments[0] with `value` */
    COMMAND_WRITE /* arguments[0] with `data`, which stays until the queue is done with it */
} command_kind;

typedef struct command {
    command_kind kind;
    const char *operation, *name; /* for the profile; name: of the kernel or of OpenCL's function */
    double flop, bytes;
    int argument_count;
    const launch_argument *arguments;
    /* of a kernel, arguments being its own */
    struct cached_kernel *built;
    const uint64_t *numbers; /* what ARGUMENT_NUMBERS passes, and its size without the end's gap */
    size_t numbers_used;
    int dimensions;
    size_t global[3], local[3];
    /* of the others */
    size_t offset, from_offset, size;
    uint64_t value;
    size_t value_size;
    const void *data;
} command;

/* The command of a launch whose kernel is built; it borrows the launch's arguments. */
command command_of_launch(const launch *l);

/* Enqueues it and takes it into profile and statistics. With the context's mutex held. */
cleat_status command_enqueue(cleat_context *context, const command *c);

/* The same, and into the calling thread's recording, if it has one. */
cleat_status command_run(cleat_context *context, const command *c);

#endif
