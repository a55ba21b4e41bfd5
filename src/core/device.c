/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice of a device. Kinds come first: a GPU before an accelerator, before a CPU, before a
 * software renderer (llvmpipe and its like, known by name, whatever type it claims). Within a kind
 * the greater score wins, and of equal scores the one that the loader lists first:
 *     score = compute units * clock in GHz * lanes,
 * lanes being the native float vector width on a CPU, 64 a compute unit on a GPU, 16 elsewhere; a
 * clock that the driver does not tell counts as 1 GHz. So the score is about the number of 10^9
 * float operations a second, a multiply-add counting as one.
 */
#include "core/device.h"
#include "core/memory.h"
#include <CL/cl_ext.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_PLATFORMS 64

static cleat_status add_device(
    device_list *list, cl_platform_id platform, cl_device_id device, int32_t p, int32_t d) {
    device_entry *entries = memory_resize(list->entries, (list->count + 1) * sizeof *entries);
    if (entries == NULL) {
        return status_set(
            CLEAT_OUT_OF_HOST_MEMORY, "devices: no host memory for the list of devices");
    }
    list->entries = entries;
    device_entry *entry = &entries[list->count];
    memset(entry, 0, sizeof *entry);
    entry->platform = platform;
    entry->device = device;
    if (device_info_fill(platform, device, &entry->info) != CLEAT_OK) {
        return CLEAT_OK; /* a device that cannot even tell its name is as good as absent */
    }
    entry->info.platform_index = p;
    entry->info.device_index = d;
    list->count++;
    return CLEAT_OK;
}

static cleat_status add_platform(device_list *list, cl_platform_id platform, int32_t index) {
    cl_uint count = 0;
    cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    if (error != CL_SUCCESS || count == 0) {
        char name[1024] = "";
        clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
        if (strstr(name, "Portable Computing Language") != NULL) {
            list->pocl_is_empty = true;
        }
        return CLEAT_OK;
    }
    cl_device_id *devices = memory_allocate_zeroed(count, sizeof(cl_device_id));
    if (devices == NULL) {
        return status_set(
            CLEAT_OUT_OF_HOST_MEMORY, "devices: no host memory for %u devices", count);
    }
    cleat_status status = CLEAT_OK;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices, NULL) == CL_SUCCESS) {
        for (cl_uint i = 0; i < count && status == CLEAT_OK; i++) {
            status = add_device(list, platform, devices[i], index, (int32_t)i);
        }
    }
    memory_free(devices);
    return status;
}

static int better_first(const void *a, const void *b) {
    const cleat_device_info *x = &((const device_entry *)a)->info;
    const cleat_device_info *y = &((const device_entry *)b)->info;
    if (x->type != y->type) {
        return x->type < y->type ? -1 : 1;
    }
    if (x->score < y->score || y->score < x->score) {
        return x->score > y->score ? -1 : 1;
    }
    if (x->platform_index != y->platform_index) {
        return x->platform_index < y->platform_index ? -1 : 1;
    }
    return x->device_index < y->device_index ? -1 : 1;
}

cleat_status driver_survived(void) {
    /* A fact about this thread's process, kept beside its error text: nothing else lives on. */
    static _Thread_local pid_t first_process;
    pid_t process = getpid();
    if (first_process == 0) {
        first_process = process;
    }
    REFUSE_IF(process != first_process, CLEAT_UNSUPPORTED,
        "process %ld used OpenCL and then forked this child %ld: drivers do not survive a fork, so "
        "use OpenCL only after it, or call exec",
        (long)first_process, (long)process);
    return CLEAT_OK;
}

cleat_status device_list_make(device_list *list) {
    memset(list, 0, sizeof *list);
    TRY(driver_survived());
    TRY(opencl_open());
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint count = 0;
    cl_int error = clGetPlatformIDs(MAX_PLATFORMS, platforms, &count);
    if (error == CL_PLATFORM_NOT_FOUND_KHR || (error == CL_SUCCESS && count == 0)) {
        const char *vendors = getenv("OCL_ICD_VENDORS");
        return status_set(CLEAT_NO_PLATFORM,
            "no OpenCL platform is installed: install a driver (on Debian the package "
            "pocl-opencl-icd for any CPU, mesa-opencl-icd, or the GPU maker's own); the loader "
            "looks in /etc/OpenCL/vendors unless OCL_ICD_VENDORS is set (it is %s%s)",
            vendors != NULL ? "set to " : "not set", vendors != NULL ? vendors : "");
    }
    TRY(status_from_cl(error, "clGetPlatformIDs"));
    for (cl_uint i = 0; i < count && i < MAX_PLATFORMS; i++) {
        TRY(add_platform(list, platforms[i], (int32_t)i));
    }
    if (list->count > 1) {
        qsort(list->entries, list->count, sizeof *list->entries, better_first);
    }
    return CLEAT_OK;
}

void device_list_free(device_list *list) {
    memory_free(list->entries);
    memset(list, 0, sizeof *list);
}

void device_find_indices(cl_platform_id platform, cl_device_id device, cleat_device_info *info) {
    device_list list;
    info->platform_index = -1;
    info->device_index = -1;
    if (device_list_make(&list) == CLEAT_OK) {
        for (size_t i = 0; i < list.count; i++) {
            if (list.entries[i].platform == platform && list.entries[i].device == device) {
                info->platform_index = list.entries[i].info.platform_index;
                info->device_index = list.entries[i].info.device_index;
            }
        }
    }
    device_list_free(&list);
}

static bool same_word(const char *a, const char *b) {
    while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

static bool contains(const char *text, const char *part) {
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (
            part[i] != '\0' && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) {
            i++;
        }
        if (part[i] == '\0') {
            return true;
        }
    }
    return false;
}

static const char *const type_words[] = {
    [CLEAT_DEVICE_GPU] = "gpu",
    [CLEAT_DEVICE_ACCELERATOR] = "accelerator",
    [CLEAT_DEVICE_CPU] = "cpu",
    [CLEAT_DEVICE_SOFTWARE] = "software",
};

static bool matches(const cleat_device_info *info, const char *choice) {
    int p = 0;
    int d = 0;
    int end = 0;
    if (sscanf(choice, "%4d:%4d%n", &p, &d, &end) == 2 && choice[end] == '\0') {
        return info->platform_index == p && info->device_index == d;
    }
    for (int type = CLEAT_DEVICE_GPU; type <= CLEAT_DEVICE_SOFTWARE; type++) {
        if (same_word(choice, type_words[type])) {
            return (int)info->type == type;
        }
    }
    return contains(info->name, choice) || contains(info->platform, choice);
}

/* "0:0 cpu "name" (platform); ..." cut to fit. */
static void list_text(const device_list *list, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && used + 1 < size; i++) {
        const cleat_device_info *info = &list->entries[i].info;
        int length = snprintf(text + used, size - used, "%s%d:%d %s \"%s\" (%s)",
            i == 0 ? "" : "; ", info->platform_index, info->device_index, type_words[info->type],
            info->name, info->platform);
        used += length > 0 ? (size_t)length : 0;
    }
}

static const char *pocl_hint(const device_list *list) {
    return list->pocl_is_empty ? "; PoCL is installed but shows no device, as it does when its "
                                 "cache folder ($POCL_CACHE_DIR, else ~/.cache/pocl) is not "
                                 "writable"
                               : "";
}

static cleat_status choose_by_text(
    device_list *list, const char *choice, const char *who, device_entry **chosen) {
    device_entry *best = NULL;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (matches(&list->entries[i].info, choice)) {
            best = best == NULL ? &list->entries[i] : best;
            count++;
        }
    }
    if (best == NULL) {
        char devices[2048];
        list_text(list, devices, sizeof devices);
        return status_set(CLEAT_NO_DEVICE, "no OpenCL device matches %s \"%.200s\"; there is: %s%s",
            who, choice, devices, pocl_hint(list));
    }
    snprintf(best->info.reason, sizeof best->info.reason, "%s \"%.150s\" chose it%s", who, choice,
        count > 1 ? ", the best of several that match" : "");
    *chosen = best;
    return CLEAT_OK;
}

cleat_status device_choose(device_list *list, const char *option, device_entry **chosen) {
    if (list->count == 0) {
        return status_set(CLEAT_NO_DEVICE,
            "OpenCL platforms are installed, but none shows a device%s", pocl_hint(list));
    }
    if (option != NULL && option[0] != '\0') {
        return choose_by_text(list, option, "the option device", chosen);
    }
    const char *variable = getenv("CLEAT_DEVICE");
    if (variable != NULL && variable[0] != '\0') {
        return choose_by_text(list, variable, "CLEAT_DEVICE", chosen);
    }
    cleat_device_info *info = &list->entries[0].info;
    if (list->count == 1) {
        snprintf(info->reason, sizeof info->reason, "it is the only device");
    } else if (list->entries[1].info.type == info->type) {
        snprintf(info->reason, sizeof info->reason,
            "of %zu devices it has the highest score (%.0f) of type %s", list->count, info->score,
            type_words[info->type]);
    } else {
        snprintf(info->reason, sizeof info->reason,
            "of %zu devices it is the only %s, before any %s", list->count, type_words[info->type],
            type_words[list->entries[1].info.type]);
    }
    *chosen = &list->entries[0];
    return CLEAT_OK;
}

cleat_status cleat_devices(size_t capacity, cleat_device_info *devices, size_t *count) {
    REFUSE_IF(count == NULL, CLEAT_INVALID_ARGUMENT, "devices: count is NULL");
    REFUSE_IF(devices == NULL && capacity > 0, CLEAT_INVALID_ARGUMENT,
        "devices: devices is NULL, capacity is %zu", capacity);
    device_list list;
    cleat_status status = device_list_make(&list);
    if (status == CLEAT_OK) {
        for (size_t i = 0; i < list.count && i < capacity; i++) {
            devices[i] = list.entries[i].info;
        }
        *count = list.count;
    }
    device_list_free(&list);
    return status;
}
