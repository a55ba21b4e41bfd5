/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise() */
#include "core/process_mark.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MADV_WIPEONFORK
static const volatile int *page_make(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return NULL;
    }
    *page = 1;
    return page;
}

static void page_free(const volatile int *page) {
    munmap((void *)(uintptr_t)page, (size_t)sysconf(_SC_PAGESIZE));
}
#else
static const volatile int *page_make(void) {
    return NULL;
}

static void page_free(const volatile int *page) {
    (void)page;
}
#endif

process_mark process_mark_make(void) {
    return (process_mark){getpid(), page_make()};
}

void process_mark_free(process_mark *mark) {
    if (mark->page != NULL) {
        page_free(mark->page);
        mark->page = NULL;
    }
}

bool process_mark_is_own(const process_mark *mark) {
    return mark->page != NULL ? *mark->page == 1 : mark->process == getpid();
}
