/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that the ICD loader knows, their ranking, and the choice among them. */
#ifndef CLEAT_CORE_DEVICE_H
#define CLEAT_CORE_DEVICE_H

#include "core/device_profile.h"
#include "core/opencl_calls.h"
#include "core/status.h"

typedef struct device_entry {
    cl_platform_id platform;
    cl_device_id device;
    cleat_device_info info;
} device_entry;

typedef struct device_list {
    device_entry *entries; /* best first */
    size_t count;
    bool pocl_is_empty; /* PoCL is installed and shows no device */
} device_list;

/* CLEAT_UNSUPPORTED in the child of a process whose forking thread had used OpenCL before. */
cleat_status driver_survived(void);

/* Lists all devices, best first. Free with device_list_free(), also after a failure. */
cleat_status device_list_make(device_list *list);
void device_list_free(device_list *list);

/* Chooses by the option's text, else $CLEAT_DEVICE, else the best, and fills info.reason. */
cleat_status device_choose(device_list *list, const char *option, device_entry **chosen);

/* Fills info for one device; the indices are the caller's. */
cleat_status device_info_fill(
    cl_platform_id platform, cl_device_id device, cleat_device_info *info);

/* Looks up where the loader lists a device; the indices become -1 when it does not. */
void device_find_indices(cl_platform_id platform, cl_device_id device, cleat_device_info *info);

/* Fills the rest of a profile whose info is filled. */
cleat_status device_profile_fill(cl_device_id device, device_profile *profile);

/* Whether the queue's profiling events tell believable times, seen by timing a fill. */
bool device_probe_event_times(cleat_context *context);

#endif
