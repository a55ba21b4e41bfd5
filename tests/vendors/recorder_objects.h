/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of the OpenCL that records programs; see recorder.c. */
#ifndef CLEAT_TESTS_RECORDER_OBJECTS_H
#define CLEAT_TESTS_RECORDER_OBJECTS_H

#include <CL/cl.h>
#include <stdbool.h>

/* What the device says of itself. */
typedef struct card {
    const char *name, *platform, *vendor, *device;
    const char *target;    /* of the preprocessor */
    size_t group;          /* largest work-group */
    cl_ulong local_memory; /* bytes */
    cl_ulong units;
    bool has_fp64;
} card;

const card *recorder_card(void);

struct _cl_platform_id {
    char unused;
};

struct _cl_device_id {
    char unused;
};

struct _cl_context {
    char unused;
};

struct _cl_command_queue {
    cl_command_queue_properties properties;
};

struct _cl_event {
    int references;
};

struct _cl_mem {
    int references;
    size_t size;
    cl_mem_flags flags;
    char *bytes;
};

struct _cl_program {
    int references;
    char *source;
    char hash[32]; /* of the preprocessed text */
    char *kernels; /* a line for each: NAME, number of arguments */
};

enum {
    RECORDER_GROUPS = 16,
    RECORDER_ARGUMENTS = 64,
    RECORDER_DEPTH = 64 /* work-items of a group along the last dimension, at most */
};

struct _cl_kernel {
    int references;
    char name[128];
    cl_uint arguments;
    cl_program program;
    cl_mem first;                      /* the first argument, where it is a buffer */
    size_t local[RECORDER_ARGUMENTS];  /* bytes of local memory that each argument is */
    size_t groups[RECORDER_GROUPS][4]; /* sizes and local bytes already written down */
    int group_count;
};

/* Writes the program down and finds its kernels; false where that fails. */
bool recorder_write(cl_program program, const char *options);
/* The matrix unit (MATRIX_UNIT of cl/unit.cl) that a program is for, by its options; 0: none. */
int recorder_unit(const char *options);
/* Whether the card has what it is for. */
bool recorder_has_unit(const char *options);
/* How many arguments this kernel of a written program takes; -1: there is none of the name. */
int recorder_arguments(cl_program program, const char *kernel);
/* Writes down a launch with groups of this size; NULL: the driver's choice. An error where the card
 * has no room for such a group. */
cl_int recorder_launch(cl_kernel kernel, cl_uint dimensions, const size_t *local);

#endif
